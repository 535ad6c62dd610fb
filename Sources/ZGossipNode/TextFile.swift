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
    let descriptor = open(name, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .file(name, error: errno) }
    defer { close(descriptor) }
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

  /// Puts bytes in place of the file, which is never there by halves.
  func write(_ bytes: [UInt8]) throws(ZGossipNodeError) {
    let new = name + ".new"
    let descriptor = open(new, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw .file(name, error: errno) }
    var count = 0
    var error: Int32 = 0
    while count < bytes.count, error == 0 {
      let result = bytes.withUnsafeBytes { systemWrite(descriptor, $0, from: count) }
      if result >= 0 { count += result } else if errno != EINTR { error = errno }
    }
    if error == 0, fsync(descriptor) != 0 { error = errno }
    if close(descriptor) != 0, error == 0 { error = errno }
    if error == 0, rename(new, name) != 0 { error = errno }
    guard error == 0 else {
      unlink(new)
      throw .file(name, error: error)
    }
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
