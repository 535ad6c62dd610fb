// Asking an agent at its control socket: the end of the one who asks.

import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A connection to an agent's control socket.
final class ControlConnection {
  let path: String
  private let descriptor: Int32
  private var incoming: [UInt8] = []
  private var start = 0
  /// How much of `incoming` is known to have no end of a line.
  private var searched = 0
  private let lineLimit: Int

  /// What is read at once.
  private static let readBytes = 64 << 10
  /// The longest line about members. Chosen here: far beyond a member with the most and longest tags.
  static let lineLimit = 64 << 10
  /// Milliseconds for an agent to take some of a request. Chosen here: far beyond what an agent needs that runs.
  private static let patience: Int32 = 10_000

  /// Connects to the agent and asks.
  ///
  /// - Parameters:
  ///   - value: The bytes that follow the line, if it announces any.
  ///   - lineLimit: The longest line of an answer.
  ///   - trusted: The users one of whom the agent must be; this one and root, who can be this one anyway.
  /// - Throws: `ControlFailure` when nobody listens, or another user does: then nothing was asked.
  init(
    path: String, request: String, value: [UInt8] = [], lineLimit: Int = ControlConnection.lineLimit,
    trusted: [uid_t] = [geteuid(), 0]
  ) throws(ControlFailure) {
    try UnixSocket.check(path: path)
    self.path = path
    self.lineLimit = lineLimit
    descriptor = UnixSocket.make()
    guard descriptor >= 0 else { throw ControlFailure("no socket can be made", error: -descriptor) }
    let error = UnixSocket.connect(descriptor, to: path)
    switch -error {
    case 0: break
    case ECONNREFUSED: throw ControlFailure("no agent listens at \(path): it has ended")
    case ENOENT: throw ControlFailure("there is no control socket \(path)")
    default: throw ControlFailure("the agent at \(path) cannot be asked", error: -error)
    }
    try Self.check(UnixRights.peer(of: descriptor), among: trusted, at: path)
    UnixSocket.makeNonBlocking(descriptor)
    try send(Array("\(request)\n".utf8) + value)
  }

  /// Refuses who listens at a path but is none of the users: in a directory that others may write to anybody can put a
  /// socket where an agent's is looked for, hear what is asked and told, and make answers up.
  private static func check(
    _ listener: uid_t?, among trusted: [uid_t], at path: String
  ) throws(ControlFailure) {
    guard let listener else { throw ControlFailure("the system does not say who listens at \(path)") }
    guard !trusted.contains(listener) else { return }
    throw ControlFailure(
      "another user (\(listener)) listens at \(path), and was asked nothing: if the agent is that user's, run this as "
        + "that user, as with sudo -u '#\(listener)'; if not, name yours with --agent")
  }

  deinit {
    if descriptor >= 0 { close(descriptor) }
  }

  /// Writes a request.
  ///
  /// An agent that refuses before it has read all of it takes no more; what it says is read all the same.
  private func send(_ bytes: [UInt8]) throws(ControlFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        var wait = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        guard poll(&wait, 1, Self.patience) != 0 else { throw silence() }
      } else if errno != EINTR {
        return
      }
    }
  }

  private func silence() -> ControlFailure {
    ControlFailure("the agent at \(path) does not answer: it may be stopped or overloaded")
  }

  /// The next line of the answer, without its end; nil when the agent has ended the connection.
  ///
  /// - Parameter milliseconds: How long to wait; nil without limit.
  /// - Throws: `ControlFailure` when nothing comes for so long, or what comes is no answer.
  func next(within milliseconds: Int32?) throws(ControlFailure) -> [UInt8]? {
    while true {
      if let stop = incoming[searched...].firstIndex(of: UInt8(ascii: "\n")) {
        defer { (start, searched) = (stop + 1, stop + 1) }
        return Array(incoming[start..<stop])
      }
      incoming.removeFirst(start)
      (start, searched) = (0, incoming.count)
      guard incoming.count <= lineLimit else {
        throw ControlFailure("what answers at \(path) is no agent: it sent a line without end")
      }
      guard try read(milliseconds) else { return nil }
    }
  }

  private func read(_ milliseconds: Int32?) throws(ControlFailure) -> Bool {
    var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let ready = poll(&wait, 1, milliseconds ?? -1)
    if ready < 0, errno == EINTR { return true }
    guard ready > 0 else { throw silence() }
    let kept = incoming.count
    incoming += [UInt8](repeating: 0, count: Self.readBytes)
    let count = incoming.withUnsafeMutableBytes { bytes in
      #if canImport(Glibc)
        return Glibc.read(descriptor, bytes.baseAddress?.advanced(by: kept), Self.readBytes)
      #elseif canImport(Musl)
        return Musl.read(descriptor, bytes.baseAddress?.advanced(by: kept), Self.readBytes)
      #else
        return Darwin.read(descriptor, bytes.baseAddress?.advanced(by: kept), Self.readBytes)
      #endif
    }
    incoming.removeLast(Self.readBytes - max(0, count))
    return count > 0 || (count < 0 && (errno == EINTR || errno == EAGAIN))
  }
}

extension ControlPlace {
  /// The one agent that runs here.
  ///
  /// - Throws: `ControlFailure` when there is none or more than one, with what to do.
  func onlySocket() throws(ControlFailure) -> String {
    let living = try sockets().filter { !UnixSocket.isDead($0) }
    guard let first = living.first else {
      throw ControlFailure(
        "no agent of this user runs here (looked in \(directory)): "
          + "start one with 'grapevine agent', or name its socket with --agent")
    }
    guard living.count == 1 else {
      throw ControlFailure(
        "\(living.count) agents run here: choose one with --agent\n"
          + living.map { "  --agent \($0)" }.joined(separator: "\n"))
    }
    return first
  }
}
