// The key of a sealed demo: in a file of its own, for as long as the demo lasts.

import GrapevineSecurity

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A key in a directory that nobody else can read, both of which go with the value.
final class DemoKeys {
  private let directory: String
  /// The file of the key.
  let file: String

  init() throws(DemoFailure) {
    var template = Array("/tmp/grapevine-demo-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) } != nil
    }
    guard made else { throw .system(call: "mkdtemp", error: errno) }
    directory = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    file = directory + "/keys"
    do throws(SecurityError) {
      var keyring = try Keyring()
      try keyring.install(ClusterKey.generate())
      try KeyFile.create(keyring, at: file)
    } catch {
      rmdir(directory)
      throw .keys(error)
    }
  }

  deinit {
    unlink(file)
    rmdir(directory)
  }
}
