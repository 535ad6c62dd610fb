// Files of keys for processes that are started to be measured.

import GrapevineSecurity

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A directory that nobody else can read, with files of keys; it goes with the value.
final class BenchmarkKeys {
  private let directory: String
  private var files: [String] = []

  init() throws {
    var template = Array("/tmp/grapevine-bench-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) } != nil
    }
    guard made else { throw BenchmarkError("no directory for keys can be made below /tmp") }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for file in files { unlink(file) }
    rmdir(directory)
  }

  /// Draws a key into a file; returns the file and the key's name.
  func draw(_ name: String) throws -> (file: String, id: KeyID) {
    let key = try ClusterKey.generate()
    let id = key.id
    var keyring = try Keyring()
    try keyring.install(key)
    return (try write(keyring, name), id)
  }

  /// A file with the keys of another one.
  func copy(_ file: String, to name: String) throws -> String { try write(KeyFile.read(file), name) }

  private func write(_ keyring: borrowing Keyring, _ name: String) throws -> String {
    let path = directory + "/" + name
    try KeyFile.write(keyring, to: path)
    files.append(path)
    return path
  }
}
