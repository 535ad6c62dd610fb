// The socket at which an agent can be asked: made, defended against the dead and the living, removed.

import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A listening Unix socket that only its user may connect to.
struct ControlSocket: Sendable {
  let path: String
  let descriptor: Int32
  private let identity: FileIdentity

  /// Connections that wait to be accepted. Chosen here: twice as many as are served at once.
  private static let backlog: Int32 = 32

  /// Listens at the path. What a dead process left there is replaced.
  ///
  /// - Throws: `ControlFailure` when a living process listens there, or the system refuses.
  init(path: String) throws(ControlFailure) {
    try UnixSocket.check(path: path)
    let lock = Self.lockDirectory(of: path)
    defer { if lock >= 0 { close(lock) } }
    try Self.removeDead(path)
    let descriptor = UnixSocket.make()
    guard descriptor >= 0 else { throw ControlFailure("a control socket cannot be made", error: -descriptor) }
    do throws(ControlFailure) {
      let error = UnixSocket.bind(descriptor, to: path)
      guard error == 0 else {
        throw ControlFailure("no control socket can be made at \(path)", error: -error)
      }
      // Before anybody can connect, which takes `listen`.
      let (identity, refusal) = UnixRights.give(toSocket: path, mode: 0o600, group: nil)
      guard let identity else {
        throw ControlFailure(
          "somebody replaced the control socket \(path) while it was made: choose a directory of this user with "
            + "--control")
      }
      guard refusal == 0 else {
        throw ControlFailure("the control socket \(path) cannot be used", error: refusal)
      }
      guard listen(descriptor, Self.backlog) == 0 else {
        throw ControlFailure("the control socket \(path) cannot be used", error: errno)
      }
      UnixSocket.makeNonBlocking(descriptor)
      self.identity = identity
    } catch {
      close(descriptor)
      throw error
    }
    self.path = path
    self.descriptor = descriptor
  }

  /// Removes the socket from its directory, unless it is another's by now.
  func remove() {
    if FileIdentity(path) == identity { unlink(path) }
  }

  /// Makes room for a socket where a dead process left one.
  private static func removeDead(_ path: String) throws(ControlFailure) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return }
    guard status.st_mode & S_IFMT == S_IFSOCK else {
      throw ControlFailure("\(path) is there and is no socket: choose another path with --control")
    }
    guard UnixSocket.isDead(path) else {
      throw ControlFailure("another process listens at \(path): choose another path with --control")
    }
    guard unlink(path) == 0 || errno == ENOENT else {
      throw ControlFailure("\(path), which a dead process left, cannot be removed", error: errno)
    }
  }

  /// Holds off other agents that find the same dead socket now; -1 when somebody keeps the lock for long.
  private static func lockDirectory(of path: String) -> Int32 {
    let directory = path.lastIndex(of: "/").map { path[...$0] } ?? "."
    let descriptor = open(String(directory), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { return -1 }
    for _ in 0..<100 {
      if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
      poll(nil, 0, 10)
    }
    close(descriptor)
    return -1
  }
}
