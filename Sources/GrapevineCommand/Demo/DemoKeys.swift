// What a demo keeps on the disk for as long as it lasts: its key if it is sealed, and a directory for sockets.

import GrapevineSecurity

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A directory that nobody else can use, which goes with the value once it is empty.
final class DemoDirectory {
  let path: String
  /// Agents whose sockets are in it; those that are killed leave theirs.
  private let agents: Int

  init(agents: Int = 0) throws(DemoFailure) {
    self.agents = agents
    var template = Array("/tmp/grapevine-demo-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) } != nil
    }
    guard made else { throw .system(call: "mkdtemp", error: errno) }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit {
    for number in 0..<agents {
      unlink("\(path)/\(number + 1).sock")
      unlink("\(path)/\(number + 1).lock")
    }
    rmdir(path)
  }
}

/// A key in a directory that nobody else can read, both of which go with the value.
final class DemoKeys {
  private let directory: DemoDirectory
  /// The file of the key.
  let file: String

  init() throws(DemoFailure) {
    directory = try DemoDirectory()
    file = directory.path + "/keys"
    do throws(SecurityError) {
      var keyring = try Keyring()
      try keyring.install(ClusterKey.generate())
      try KeyFile.create(keyring, at: file)
    } catch {
      throw .keys(error)
    }
  }

  deinit { unlink(file) }
}
