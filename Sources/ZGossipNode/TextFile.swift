// Small files of settings and keys, read and written whole.

import ZGossip

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What the system says about an error number.
func systemText(ofError error: Int32) -> String { String(cString: strerror(error)) }

/// A file by its name.
struct TextFile {
  let name: String

  /// All bytes of the file.
  func read() throws(ZGossipNodeError) -> [UInt8] {
    // Without waiting: a pipe would hold up the node until somebody writes to it.
    let descriptor = open(name, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .file(name, error: errno) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .file(name, error: errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { throw .fileIrregular(name) }
    let limit = ZPLDocument.textLimit
    var bytes = [UInt8](repeating: 0, count: limit + 1)
    var count = 0
    while count < bytes.count {
      let result = bytes.withUnsafeMutableBytes { systemRead(descriptor, $0, from: count) }
      if result < 0, errno == EINTR { continue }
      guard result >= 0 else { throw .file(name, error: errno) }
      if result == 0 { return Array(bytes.prefix(count)) }
      count += result
    }
    throw .fileTooLong(name, limit: limit)
  }

  /// Puts bytes in place of the file, which is never there by halves; a link stays one.
  func write(_ bytes: [UInt8], mayReplace: Bool = true) throws(ZGossipNodeError) {
    var status = stat()
    let isThere = stat(name, &status) == 0
    guard mayReplace || !isThere else { throw .file(name, error: EEXIST) }
    guard !isThere || status.st_mode & S_IFMT == S_IFREG else { throw .fileIrregular(name) }
    let target = isThere ? Self.resolved(name) : name
    // A name that nobody can have made before.
    var template = Array("\(target).XXXXXX".utf8CString)
    let descriptor = template.withUnsafeMutableBufferPointer { $0.baseAddress.map { mkstemp($0) } ?? -1 }
    guard descriptor >= 0 else { throw .file(name, error: errno) }
    let new = template.withUnsafeBufferPointer { $0.baseAddress.map { String(cString: $0) } ?? "" }
    if isThere { fchmod(descriptor, status.st_mode & 0o777) }
    var count = 0
    var error: Int32 = 0
    while count < bytes.count, error == 0 {
      let result = bytes.withUnsafeBytes { systemWrite(descriptor, $0, from: count) }
      if result >= 0 { count += result } else if errno != EINTR { error = errno }
    }
    if error == 0, fsync(descriptor) != 0 { error = errno }
    if close(descriptor) != 0, error == 0 { error = errno }
    if error == 0, rename(new, target) != 0 { error = errno }
    guard error == 0 else {
      unlink(new)
      throw .file(name, error: error)
    }
  }

  /// The file that a name leads to.
  private static func resolved(_ name: String) -> String {
    guard let path = realpath(name, nil) else { return name }
    defer { free(path) }
    return String(cString: path)
  }
}

private func systemRead(_ descriptor: Int32, _ bytes: UnsafeMutableRawBufferPointer, from start: Int) -> Int {
  read(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer, from start: Int) -> Int {
  write(descriptor, bytes.baseAddress.map { $0 + start }, bytes.count - start)
}

/// The value of a variable of the environment; nil when it is not set.
func environment(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
