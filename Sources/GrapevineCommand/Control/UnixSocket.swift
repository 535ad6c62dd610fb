// Unix stream sockets: the few calls that both ends of a control socket need.

import GrapevineConsole
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Calls on Unix stream sockets; those that can fail return minus the error number.
enum UnixSocket {
  /// The longest path of a socket, in bytes: `sun_path` less the zero behind it; 107 on Linux, 103 on Darwin.
  static let pathLimit = UnixPath.limit

  /// Refuses what cannot be the path of a socket.
  static func check(path: String) throws(ControlFailure) {
    guard !path.isEmpty, !path.utf8.contains(0) else {
      throw ControlFailure("\(quoted(path)) is no name of a file")
    }
    guard path.utf8.count <= pathLimit else {
      throw ControlFailure(
        "the path \(quoted(path)) has \(path.utf8.count) bytes; a socket's path has at most \(pathLimit)")
    }
  }

  /// A new socket that no child inherits.
  static func make() -> Int32 {
    #if canImport(Glibc)
      let kind = Int32(SOCK_STREAM.rawValue)
    #else
      let kind = SOCK_STREAM
    #endif
    let descriptor = socket(AF_UNIX, kind, 0)
    guard descriptor >= 0 else { return -errno }
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    return descriptor
  }

  static func bind(_ descriptor: Int32, to path: String) -> Int32 {
    withAddress(of: path) { address, length in
      #if canImport(Glibc)
        return Glibc.bind(descriptor, address, length)
      #elseif canImport(Musl)
        return Musl.bind(descriptor, address, length)
      #else
        return Darwin.bind(descriptor, address, length)
      #endif
    }
  }

  static func connect(_ descriptor: Int32, to path: String) -> Int32 {
    withAddress(of: path) { address, length in
      #if canImport(Glibc)
        return Glibc.connect(descriptor, address, length)
      #elseif canImport(Musl)
        return Musl.connect(descriptor, address, length)
      #else
        return Darwin.connect(descriptor, address, length)
      #endif
    }
  }

  /// The next connection, which never blocks and which no child inherits.
  static func accept(_ descriptor: Int32) -> Int32 {
    #if canImport(Glibc)
      let client = Glibc.accept(descriptor, nil, nil)
    #elseif canImport(Musl)
      let client = Musl.accept(descriptor, nil, nil)
    #else
      let client = Darwin.accept(descriptor, nil, nil)
    #endif
    guard client >= 0 else { return -errno }
    _ = fcntl(client, F_SETFD, FD_CLOEXEC)
    makeNonBlocking(client)
    return client
  }

  static func makeNonBlocking(_ descriptor: Int32) {
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
  }

  /// Whether somebody listens at the path.
  ///
  /// A connection that is refused is what a dead process leaves behind; whatever else goes wrong, such as a queue
  /// that is full, is no sign of death.
  static func isDead(_ path: String) -> Bool {
    let descriptor = make()
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    makeNonBlocking(descriptor)
    return connect(descriptor, to: path) == -ECONNREFUSED
  }

  private static func withAddress(
    of path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    -UnixPath.with(path) { body($0, $1) == 0 ? 0 : errno }
  }
}
