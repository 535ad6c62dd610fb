// Where the agents of a user can be asked: the directory of their control sockets, and who may use it.

import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What is wrong with a control socket, said so that the reader knows what to do.
struct ControlFailure: Error, Equatable, CustomStringConvertible {
  let description: String
  /// What a client's program can tell it by; nil when there is only one thing to do.
  let reason: String?

  init(_ description: String, reason: String? = nil) {
    self.description = description
    self.reason = reason
  }

  /// A system call that failed.
  init(_ what: String, error: Int32) {
    self.init("\(what): \(String(cString: strerror(error)))")
  }
}

/// A directory that belongs to one user, with a socket for each agent of that user.
struct ControlPlace: Equatable, Sendable {
  /// The directory, without a slash at its end.
  var directory: String

  /// The place of this process's user.
  ///
  /// Below `XDG_RUNTIME_DIR` where that is set (XDG Base Directory Specification 0.8: owned by the user, mode
  /// 0700), else below /tmp, where `prepare` and `check` see to both.
  static var standard: ControlPlace {
    ControlPlace(runtimeDirectory: getenv("XDG_RUNTIME_DIR").map { String(cString: $0) }, user: geteuid())
  }

  init(directory: String) { self.directory = directory }

  init(runtimeDirectory: String?, user: uid_t) {
    // The specification has relative paths ignored.
    if var base = runtimeDirectory, base.hasPrefix("/") {
      while base.hasSuffix("/") { base.removeLast() }
      directory = base + "/grapevine"
    } else {
      directory = "/tmp/grapevine-\(user)"
    }
  }

  /// The socket of the agent that is bound to the UDP port.
  func path(port: UInt16) -> String { "\(directory)/\(port).sock" }

  /// The place of agents on Unix sockets, for the address that such a one is bound to; nil for other addresses.
  ///
  /// What is wrong with the directory is said by the transport, and a socket in it is for its user alone all the same.
  static func among(_ address: String) -> ControlPlace? {
    guard UnixAddress.isWritten(address), let directory = try? UnixAddress(address).directory else {
      return nil
    }
    return ControlPlace(directory: directory)
  }

  /// The socket of the agent that has the number among Unix sockets.
  func path(number: UInt16) -> String { "\(directory)/\(number).ctl" }

  /// Makes the directory if it is not there and checks it.
  func prepare() throws(ControlFailure) {
    if mkdir(directory, 0o700) != 0, errno != EEXIST {
      throw ControlFailure("the directory \(directory) cannot be made", error: errno)
    }
    try check()
  }

  /// Refuses a directory in which somebody else could put or replace sockets.
  func check() throws(ControlFailure) {
    var status = stat()
    guard lstat(directory, &status) == 0 else {
      throw ControlFailure("the directory \(directory) cannot be used", error: errno)
    }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw ControlFailure("\(directory) is not a directory: remove it, or choose a socket with --control")
    }
    guard status.st_uid == geteuid() else {
      throw ControlFailure(
        "the directory \(directory) belongs to another user (\(status.st_uid)): "
          + "have it removed, or choose a socket with --control")
    }
    guard status.st_mode & 0o022 == 0 else {
      throw ControlFailure("others may write to the directory \(directory): chmod 700 \(directory)")
    }
  }

  /// The sockets in the directory, dead ones too, in order of their ports; none when there is no directory.
  func sockets() throws(ControlFailure) -> [String] {
    guard let listing = opendir(directory) else {
      guard errno != ENOENT else { return [] }
      throw ControlFailure("the directory \(directory) cannot be read", error: errno)
    }
    defer { closedir(listing) }
    try check()
    var ports: [UInt16] = []
    while let entry = readdir(listing) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: pointer.pointee)) {
          String(cString: $0)
        }
      }
      guard name.hasSuffix(".sock"), let port = UInt16(name.dropLast(5)) else { continue }
      ports.append(port)
    }
    return ports.sorted().map { path(port: $0) }
  }
}
