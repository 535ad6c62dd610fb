// The directory in which the nodes of one host meet, and who may be there.
//
// Whoever may write to it can be a node there. So its owner and mode say who belongs to the cluster: its owner alone, a
// group, or, where it is sticky and nobody's but root's or this user's, everybody. A number can be claimed by the user
// whose socket has it, and by whoever may replace that socket. Sockets get the same rights as the directory, because to connect is to write.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A directory of sockets that may be used.
struct UnixDirectory: Sendable {
  let path: String
  /// The rights of files in it: those of the directory, without executing.
  let fileMode: mode_t
  /// The group that files in it get so that the group can use them; nil when it cannot anyway.
  let group: gid_t?
  private let device: UInt64
  private let inode: UInt64

  /// The socket of the node with a number.
  func socketPath(_ number: UInt16) -> String { "\(path)/\(number).sock" }
  /// The file that is locked by the node with a number.
  func lockPath(_ number: UInt16) -> String { "\(path)/\(number).lock" }

  /// Makes the directory, for this user alone, where just its last part is missing, and checks it.
  ///
  /// - Throws: `TransportError.directoryUnusable`.
  init(_ path: String) throws(TransportError) {
    func refuse(_ reason: String) -> TransportError { .directoryUnusable(path: path, reason: reason) }
    let longest = path.utf8.count + "/65535.sock".utf8.count
    guard longest <= UnixPath.limit else {
      throw refuse(
        "its path is \(longest - UnixPath.limit) bytes too long for sockets in it, whose paths have at most "
          + "\(UnixPath.limit) bytes; choose a shorter one, make a symbolic link to it at a shorter one, or start in the "
          + "directory above and name it by its last part alone")
    }
    if mkdir(path, 0o700) != 0, errno != EEXIST {
      let error = errno
      guard access(path, F_OK) == 0 else {
        throw refuse("it is not there and cannot be made: \(SystemCalls.text(ofError: error))")
      }
    }
    var status = stat()
    guard stat(path, &status) == 0 else { throw refuse(SystemCalls.text(ofError: errno)) }
    guard status.st_mode & S_IFMT == S_IFDIR else { throw refuse("it is no directory; choose another path") }
    let mode = mode_t(status.st_mode)
    let isShared = mode & 0o020 != 0
    guard mode & 0o002 == 0 || mode & mode_t(S_ISVTX) != 0 else {
      throw refuse(
        "everybody may write to it and replace others' sockets; chmod 700 for one user, 770 for a group, "
          + "or 1777 if everybody on this machine may really be a member")
    }
    let isTrusted = status.st_uid == geteuid() || status.st_uid == 0
    guard isTrusted || mode & 0o002 == 0 else {
      throw refuse(
        "everybody may write to it and its owner, another user (\(status.st_uid)), may replace others' sockets; "
          + "choose one that is root's or your own")
    }
    guard isTrusted || isShared else {
      throw refuse(
        "it belongs to another user (\(status.st_uid)), who alone may be there; run as that user, or have it shared with "
          + "a group: chmod 770")
    }
    self.path = path
    fileMode = mode & 0o222 | (mode & 0o222) << 1
    group = isShared ? status.st_gid : nil
    device = UInt64(truncatingIfNeeded: status.st_dev)
    inode = UInt64(status.st_ino)
  }

  /// Whether a path leads to this directory.
  func isAt(_ other: String) -> Bool {
    var status = stat()
    return stat(other, &status) == 0 && UInt64(truncatingIfNeeded: status.st_dev) == device
      && UInt64(status.st_ino) == inode
  }
}
