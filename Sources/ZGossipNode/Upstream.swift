// One connection that the node made: a DEALER, what its monitor says of it, and when to try again.

import GrapevineCore
import ZeroMQ

/// A server that the node is connected to, or tries to be.
final class Upstream {
  let endpoint: String
  let security: ZGossipClientSecurity
  /// Its sockets' tags at the poller are twice this and one more.
  let number: UInt32
  private(set) var socket: ZeroMQSocket?
  private(set) var monitor: ZeroMQMonitor?
  /// The engine's link while the connection is up.
  var link: Int?
  /// Whether the handshake is done: always so over inproc, which tells of no connections.
  var isUp = false
  /// Whether something may be there to receive.
  var isReadable = false
  var isMonitorReadable = false
  /// When it is opened again after it was closed for faults.
  var retryAt = Instant.never
  /// When it counts as given up by the library, which does not say so, since it was lost and is not tried again.
  var givenUpAt = Instant.never
  /// When the last handshake was done.
  private var upSince: Instant?
  /// Whether its other end is this very node.
  var isSelf = false
  /// Since when an inproc connection takes nothing: its other end is gone, or stuck.
  var blockedSince: Instant?
  private var pause: Nanoseconds = 0

  var isInproc: Bool { endpoint.hasPrefix("inproc:") }

  init(_ endpoint: String, security: ZGossipClientSecurity, number: UInt32) {
    self.endpoint = endpoint
    self.security = security
    self.number = number
  }

  /// Opens the sockets and connects.
  func open(_ settings: SocketSettings, poller: ZeroMQPoller) throws(ZeroMQError) {
    let socket = try settings.socket(.dealer)
    // Messages that wait for a connection would arrive ahead of the greeting on it.
    try socket.setImmediate(true)
    if case .curveClient(let keys, let server) = security {
      try socket.setCurveClient(keys, server: server)
    }
    let monitor = try ZeroMQMonitor(socket)
    try poller.add(socket, tag: number * 2)
    do {
      try poller.add(monitor.socket, tag: number * 2 + 1)
      try socket.setIPv6(endpoint.isIPv6)
      try socket.connect(endpoint)
    } catch {
      poller.remove(socket)
      poller.remove(monitor.socket)
      throw error
    }
    self.socket = socket
    self.monitor = monitor
    isUp = isInproc
    isReadable = true
    isMonitorReadable = true
    blockedSince = nil
    retryAt = .never
  }

  /// Notes that the handshake is done.
  func cameUp(now: Instant) {
    isUp = true
    upSince = now
    givenUpAt = .never
  }

  /// Notes that the connection is lost, or did not come to be.
  func wentDown(now: Instant) {
    isUp = false
    givenUpAt = now + Self.retryPatience
  }

  /// Time in which the library says that it tries a lost connection again. Chosen here: it says so at once or never.
  private static let retryPatience: Nanoseconds = 500_000_000

  /// Closes the sockets.
  ///
  /// - Parameter linger: Milliseconds for which what waits may still be sent.
  func close(poller: ZeroMQPoller, linger: Int32 = 0) {
    isUp = false
    isReadable = false
    isMonitorReadable = false
    givenUpAt = .never
    guard let socket else { return }
    poller.remove(socket)
    try? socket.setLinger(milliseconds: linger)
    if linger > 0 {
      socket.close()
    } else if let monitor {
      poller.remove(monitor.socket)
      self.monitor = nil
    }
    self.socket = nil
  }

  /// Whether all that it had to send has left; only after `close` with time to linger.
  func hasLeft() -> Bool {
    guard let monitor else { return true }
    while let event = try? monitor.next() {
      if event == .stopped { self.monitor = nil }
    }
    return self.monitor == nil
  }

  /// Says how long to wait before the next attempt: longer each time, up to the limit, until the connection was good
  /// for longer than the last pause.
  func nextPause(limit: Nanoseconds, now: Instant) -> Nanoseconds {
    if let upSince, upSince + pause <= now { pause = 0 }
    upSince = nil
    pause = min(max(pause &* 2, 1_000_000_000), max(limit, 1_000_000))
    return pause
  }
}

/// How all sockets of a node are set.
struct SocketSettings {
  let configuration: ZGossipNodeConfiguration
  /// What nodes of Grapevine know each other by.
  let identity: MemberID
  let messageLimit: Int

  /// The property in the handshake that says which run of Grapevine this is.
  static let property = "X-Grapevine"

  func socket(_ kind: ZeroMQSocket.Kind) throws(ZeroMQError) -> ZeroMQSocket {
    let socket = try ZeroMQSocket(kind, in: configuration.context)
    let limit = max(1, configuration.messagesPerConnection)
    // What is in the sockets of a node that is dropped without `close` is given up with it.
    try socket.setLinger(milliseconds: 0)
    try socket.setHighWaterMark(sending: limit, receiving: limit)
    try socket.setReconnect(milliseconds: max(1, milliseconds(configuration.reconnect)))
    try socket.setHandshakeLimit(milliseconds: milliseconds(configuration.handshake))
    let heartbeat = milliseconds(configuration.heartbeat)
    if heartbeat > 0 {
      try socket.setHeartbeat(intervalMilliseconds: heartbeat, timeoutMilliseconds: heartbeat)
    }
    try socket.setMessageLimit(Int64(max(messageLimit, configuration.messageBytes)))
    try socket.setMetadata(Self.property, "\(identity)")
    return socket
  }
}

/// A time in milliseconds, as ZeroMQ takes it.
func milliseconds(_ time: Duration) -> Int32 { Int32(clamping: time.asNanoseconds / 1_000_000) }

extension String {
  /// Whether an endpoint is of IPv6: an address in brackets. Names and `*` are of IPv4, as with CZMQ.
  var isIPv6: Bool { hasPrefix("tcp://[") }
}

extension ZeroMQSocket {
  /// The run of Grapevine that sent the message received last; nil for another system, and over inproc.
  var grapevinePeer: MemberID? {
    guard let text = metadata(SocketSettings.property), text.utf8.count == 16,
      let value = UInt64(text, radix: 16), value != 0
    else { return nil }
    return MemberID(value)
  }
}
