// A number of a directory that one node has: taken so that no other gets it, also at the same moment, and given back
// so that the next one does.
//
// The lock on NUMBER.lock says who has a number. The system drops it with the process, however that ends, so a
// socket whose lock is free was left by the dead and may be replaced. Whoever removes a lock file holds its lock, and
// whoever locks one looks whether it is still the one at its path; so there never are two holders.

import GrapevineCore
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// The number of one node in a directory, with its lock and its socket file; given back when it goes.
package final class UnixSeat: Sendable {
  let directory: UnixDirectory
  let number: UInt16
  /// The lock's descriptor, and which file is this node's socket; nil when the number is given back.
  private let held: Mutex<Held?>

  private struct Held {
    var lock: Int32
    var socket: FileIdentity?
  }

  /// What became of an attempt to take a number.
  private enum Attempt {
    case taken
    case locked(Int32)
    case failed(call: String, error: Int32)
  }

  /// Takes a number: the given one, or with 0 the lowest that is free.
  ///
  /// - Throws: `TransportError.addressInUse` when a living process has it, `.notPermitted` when this user may not be
  ///   in the directory, `.directoryUnusable`, or `.system`.
  init(_ directory: UnixDirectory, number: UInt16) throws(TransportError) {
    for candidate in number == 0 ? 1...UInt16.max : number...number {
      switch Self.lock(candidate, in: directory) {
      case .taken: continue
      case .failed(_, EACCES), .failed(_, EPERM): throw .notPermitted(Endpoint(unix: candidate))
      case .failed(let call, let error): throw .system(call: call, error: error)
      case .locked(let lock):
        self.directory = directory
        self.number = candidate
        held = Mutex(Held(lock: lock, socket: nil))
        return
      }
    }
    guard number == 0 else { throw .addressInUse(Endpoint(unix: number)) }
    throw .directoryUnusable(path: directory.path, reason: "all 65535 numbers are taken; stop a node first")
  }

  deinit { release() }

  /// Opens the node's socket, which does not listen yet.
  func bind() throws(TransportError) -> BoundSocket {
    let path = directory.socketPath(number)
    let socket = try BoundSocket(unix: path)
    // A mode that the system refuses leaves what the process's mask gave, which is less.
    let (identity, _) = UnixRights.give(toSocket: path, mode: directory.fileMode, group: directory.group)
    guard let identity else {
      throw .directoryUnusable(
        path: directory.path,
        reason: "somebody replaced the socket \(path) while it was made; find out who may write there")
    }
    held.withLock { $0?.socket = identity }
    return socket
  }

  /// Removes the files and gives the number back; nobody new can connect. Calling it again does nothing.
  package func release() {
    held.withLock { held in
      guard let mine = held else { return }
      held = nil
      let socket = directory.socketPath(number)
      if let identity = mine.socket, FileIdentity(socket) == identity { unlink(socket) }
      let lock = directory.lockPath(number)
      if FileIdentity(lock) == FileIdentity(mine.lock) { unlink(lock) }
      close(mine.lock)
    }
  }

  /// Whether a path leads to the directory.
  package func isIn(_ path: String) -> Bool { directory.isAt(path) }

  /// The directory, as it was given.
  package var directoryPath: String { directory.path }

  // MARK: Locks

  private static func lock(_ number: UInt16, in directory: UnixDirectory) -> Attempt {
    let path = directory.lockPath(number)
    for _ in 0..<attempts {
      let lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, directory.fileMode)
      guard lock >= 0 else {
        let error = errno
        if error == EINTR { continue }
        // Another user's, which only that user may touch; or a link, a directory, a socket that somebody put there.
        if isOfPlace(error), FileIdentity(path) != nil { return .taken }
        return .failed(call: "open of \(path)", error: error)
      }
      guard flock(lock, LOCK_EX | LOCK_NB) == 0 else {
        let error = errno
        close(lock)
        if error == EINTR { continue }
        return error == EWOULDBLOCK ? .taken : .failed(call: "flock of \(path)", error: error)
      }
      // Else its holder has just removed it.
      guard FileIdentity(path) == FileIdentity(lock) else {
        close(lock)
        continue
      }
      guard UnixRights.isLock(lock) else {
        close(lock)
        return .taken
      }
      UnixRights.give(toLock: lock, mode: directory.fileMode, group: directory.group)
      guard clear(directory.socketPath(number)) else {
        close(lock)
        return .taken
      }
      return .locked(lock)
    }
    return .taken
  }

  /// How often a lock is tried that goes away meanwhile. Chosen here: far beyond what nodes do that come and go, so
  /// that somebody who keeps replacing it costs a number and no more.
  private static let attempts = 1_000

  /// Whether an error of `open` is that of what stands at the path of the lock, and of no other number's.
  private static func isOfPlace(_ error: Int32) -> Bool {
    [EACCES, EPERM, ELOOP, EISDIR, ENXIO, ENODEV, EOPNOTSUPP, ETXTBSY].contains(error)
  }

  /// Removes the socket that the dead left at a path; false when there is something else, or somebody after all.
  private static func clear(_ path: String) -> Bool {
    var status = stat()
    guard lstat(path, &status) == 0 else { return true }
    guard status.st_mode & S_IFMT == S_IFSOCK else { return false }
    // With the lock free nobody listens, unless somebody has removed the lock of the living.
    let connection = StreamSockets.open(path: path)
    if connection >= 0 { close(connection) }
    guard connection == -ECONNREFUSED || connection == -ENOENT else { return false }
    return unlink(path) == 0 || errno == ENOENT
  }
}
