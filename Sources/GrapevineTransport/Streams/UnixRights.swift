// Whose a Unix socket is, and what it may be used for, so that nobody who may write to its directory can turn this
// process against other files of its user.
//
// A path says what is there now, not what was there when it was looked at. So rights are given to a file that is held
// open and has been looked at, never by a path that leads through a link.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif
#if os(Linux)
  import CLinux
#endif

/// Rights of sockets, and users at the other end of them.
package enum UnixRights {
  /// Gives the socket that this process has bound to a path its mode and group, without following a link.
  ///
  /// - Returns: Which file it is, nil when there is something else by now: no socket, one of another user, or one
  ///   with a second name; and 0 or the error number with which the system refused the mode.
  package static func give(
    toSocket path: String, mode: mode_t, group: gid_t?
  ) -> (identity: FileIdentity?, error: Int32) {
    #if os(Linux)
      let place = gv_open_place(path)
      guard place >= 0 else { return (nil, -place) }
      defer { close(place) }
      var status = stat()
      guard fstat(place, &status) == 0, isOwnSocket(status) else { return (nil, EPERM) }
      return (FileIdentity(status), -gv_change_rights(place, UInt32(mode), group.map(Int64.init) ?? -1))
    #else
      // Sockets cannot be opened here; these calls change a link itself, not what it leads to.
      var status = stat()
      guard lstat(path, &status) == 0, isOwnSocket(status) else { return (nil, EPERM) }
      if let group { lchown(path, uid_t.max, group) }
      let error = fchmodat(AT_FDCWD, path, mode, AT_SYMLINK_NOFOLLOW) == 0 ? 0 : errno
      return (FileIdentity(status), error)
    #endif
  }

  private static func isOwnSocket(_ status: stat) -> Bool {
    status.st_mode & S_IFMT == S_IFSOCK && status.st_uid == geteuid() && status.st_nlink == 1
  }

  /// Gives a lock that is open its mode and group, if it is this user's.
  static func give(toLock lock: Int32, mode: mode_t, group: gid_t?) {
    var status = stat()
    guard fstat(lock, &status) == 0, status.st_uid == geteuid() else { return }
    if let group { _ = fchown(lock, uid_t.max, group) }
    _ = fchmod(lock, mode)
  }

  /// Whether what is open can be a lock: an empty file with one name. Others were put there by somebody else, and are
  /// neither given rights nor removed.
  static func isLock(_ lock: Int32) -> Bool {
    var status = stat()
    return fstat(lock, &status) == 0 && status.st_mode & S_IFMT == S_IFREG && status.st_nlink == 1
      && status.st_size == 0
  }

  /// The user who connected, or who listens, at the other end of a Unix socket; nil when the system does not say.
  package static func peer(of socket: Int32) -> uid_t? {
    #if os(Linux)
      return uid_t(exactly: gv_peer_user(socket))
    #else
      var (user, group) = (uid_t(), gid_t())
      return getpeereid(socket, &user, &group) == 0 ? user : nil
    #endif
  }

  /// The user whose socket is at a path; nil when there is none.
  static func owner(ofSocket path: String) -> uid_t? {
    var status = stat()
    guard lstat(path, &status) == 0, status.st_mode & S_IFMT == S_IFSOCK else { return nil }
    return status.st_uid
  }

  /// Whether a peer may say that it is the node whose socket is `owner`'s.
  ///
  /// - Parameters:
  ///   - peer: Who connected; nil, which is refused, when the system does not say.
  ///   - owner: Whose socket it is; nil when there is none, as of a node that is leaving: then only processes of this
  ///     node's own user may.
  static func mayClaim(peer: uid_t?, owner: uid_t?) -> Bool {
    peer != nil && peer == owner ?? geteuid()
  }
}

/// Which file it is, however it is called.
package struct FileIdentity: Equatable, Sendable {
  private let device: UInt64
  private let inode: UInt64

  /// That at a path, be it a link; nil when there is none.
  package init?(_ path: String) {
    var status = stat()
    guard lstat(path, &status) == 0 else { return nil }
    self.init(status)
  }

  /// That behind a descriptor.
  init?(_ descriptor: Int32) {
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { return nil }
    self.init(status)
  }

  init(_ status: stat) {
    device = UInt64(truncatingIfNeeded: status.st_dev)
    inode = UInt64(status.st_ino)
  }
}
