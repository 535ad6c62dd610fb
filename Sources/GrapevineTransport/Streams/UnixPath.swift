// Paths as addresses of sockets, which are short.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Paths of Unix sockets.
package enum UnixPath {
  /// The longest, in bytes: `sun_path` less the zero behind it; 107 on Linux, 103 on Darwin.
  package static let limit = MemoryLayout.size(ofValue: sockaddr_un().sun_path) - 1

  /// Runs a call with a path as socket address; its result, which is 0 or an error number.
  package static func with(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    let bytes = Array(path.utf8)
    guard bytes.count <= limit else { return ENAMETOOLONG }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
