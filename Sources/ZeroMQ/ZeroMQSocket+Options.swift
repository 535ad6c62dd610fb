// What can be set of a socket: before it binds or connects, unless said otherwise.

import CZeroMQ

extension ZeroMQSocket {
  /// How long what waits to be sent is kept after `close`; nil for as long as the context lives.
  public func setLinger(milliseconds: Int32?) throws(ZeroMQError) {
    try set(ZMQ_LINGER, milliseconds ?? -1, "linger")
  }

  /// Messages that wait at most on either side of a connection, in each direction; 0 for no limit.
  public func setHighWaterMark(sending: Int32, receiving: Int32) throws(ZeroMQError) {
    try set(ZMQ_SNDHWM, sending, "send limit")
    try set(ZMQ_RCVHWM, receiving, "receive limit")
  }

  /// Whether a ROUTER says when it cannot send, in place of dropping the message.
  public func setRouterMandatory(_ isMandatory: Bool) throws(ZeroMQError) {
    try set(ZMQ_ROUTER_MANDATORY, isMandatory ? 1 : 0, "router mandatory")
  }

  /// Whether messages wait for connections that are made, and are dropped with one that is lost.
  public func setImmediate(_ isImmediate: Bool) throws(ZeroMQError) {
    try set(ZMQ_IMMEDIATE, isImmediate ? 1 : 0, "immediate")
  }

  /// Asks the other end for a sign of life so often, and gives it up when none comes within the timeout; 0 for never.
  public func setHeartbeat(intervalMilliseconds: Int32, timeoutMilliseconds: Int32) throws(ZeroMQError) {
    try set(ZMQ_HEARTBEAT_IVL, intervalMilliseconds, "heartbeat interval")
    try set(ZMQ_HEARTBEAT_TIMEOUT, timeoutMilliseconds, "heartbeat timeout")
  }

  /// The time that a handshake may take; 0 for no limit.
  public func setHandshakeLimit(milliseconds: Int32) throws(ZeroMQError) {
    try set(ZMQ_HANDSHAKE_IVL, milliseconds, "handshake interval")
  }

  /// The time between attempts to connect, which doubles up to `limit`; without, it stays.
  public func setReconnect(milliseconds: Int32, limit: Int32 = 0) throws(ZeroMQError) {
    try set(ZMQ_RECONNECT_IVL, milliseconds, "reconnect interval")
    try set(ZMQ_RECONNECT_IVL_MAX, limit, "reconnect limit")
  }

  /// The longest part of a message, in bytes; who sends a longer one is disconnected. Nil for no limit.
  public func setMessageLimit(_ bytes: Int64?) throws(ZeroMQError) {
    var value = bytes ?? -1
    try set(ZMQ_MAXMSGSIZE, &value, MemoryLayout<Int64>.size, "message limit")
  }

  /// Whether IPv6 addresses are understood beside IPv4.
  public func setIPv6(_ isOn: Bool) throws(ZeroMQError) { try set(ZMQ_IPV6, isOn ? 1 : 0, "IPv6") }

  /// A property that peers are told in the handshake; its name starts with `X-`. Not over `inproc`.
  public func setMetadata(_ name: String, _ value: String) throws(ZeroMQError) {
    try set(ZMQ_METADATA, text: "\(name):\(value)", "metadata")
  }

  /// Makes what is bound from now on speak CURVE as a server with these keys; nil ends that.
  public func setCurveServer(_ keys: CurveKeys?) throws(ZeroMQError) {
    if let keys { try set(ZMQ_CURVE_SECRETKEY, text: keys.secret.text, "CURVE secret key") }
    try set(ZMQ_CURVE_SERVER, keys == nil ? 0 : 1, "CURVE server")
  }

  /// Makes what is connected from now on speak CURVE with these keys to a server that has this public key.
  public func setCurveClient(_ keys: CurveKeys, server: CurvePublicKey) throws(ZeroMQError) {
    try set(ZMQ_CURVE_SERVERKEY, text: server.text, "CURVE server key")
    try set(ZMQ_CURVE_PUBLICKEY, text: keys.publicKey.text, "CURVE public key")
    try set(ZMQ_CURVE_SECRETKEY, text: keys.secret.text, "CURVE secret key")
  }

  /// The domain of authentication requests for what is bound from now on; nil for one that lets everybody in.
  ///
  /// Only in a context that has a handler of such requests, as `ZeroMQContext.admit` starts it.
  public func setAuthenticationDomain(_ domain: String?) throws(ZeroMQError) {
    // The library takes no empty one once another was set.
    try set(ZMQ_ZAP_DOMAIN, text: domain ?? "open", "ZAP domain")
  }

  /// A descriptor that becomes readable when `events` may have changed.
  ///
  /// It says so once: after it did, and after every `send` and `receive`, the state must be asked for again.
  public var descriptor: Int32 {
    get throws(ZeroMQError) { try integer(of: ZMQ_FD, "descriptor") }
  }

  /// What the socket is ready for.
  public struct Events: OptionSet, Sendable {
    /// The library's bits.
    public let rawValue: Int32
    /// Creates a set.
    public init(rawValue: Int32) { self.rawValue = rawValue }
    /// A message waits.
    public static let readable = Events(rawValue: 1)
    /// A message can be sent.
    public static let writable = Events(rawValue: 2)
  }

  /// What the socket is ready for now.
  public var events: Events {
    get throws(ZeroMQError) { Events(rawValue: try integer(of: ZMQ_EVENTS, "events")) }
  }

  // MARK: Setting and getting

  func set(_ option: Int32, _ value: Int32, _ name: String) throws(ZeroMQError) {
    var value = value
    try set(option, &value, MemoryLayout<Int32>.size, name)
  }

  private func set(_ option: Int32, text: String, _ name: String) throws(ZeroMQError) {
    try set(option, text, text.utf8.count, name)
  }

  private func set(
    _ option: Int32, _ value: UnsafeRawPointer, _ length: Int, _ name: String
  ) throws(ZeroMQError) {
    guard handle != nil else { throw .terminated }
    guard zmq_setsockopt(handle, option, value, length) == 0 else {
      let isCurve = (ZMQ_CURVE_SERVER...ZMQ_CURVE_SERVERKEY).contains(option)
      if isCurve, zmq_has("curve") == 0 { throw .curveMissing }
      throw .last("setting \(name)")
    }
  }

  private func integer(of option: Int32, _ name: String) throws(ZeroMQError) -> Int32 {
    guard handle != nil else { throw .terminated }
    var value: Int32 = 0
    var length = MemoryLayout<Int32>.size
    while zmq_getsockopt(handle, option, &value, &length) != 0 {
      if zmq_errno() != EINTR { throw .last("asking for \(name)") }
    }
    return value
  }

  func string(of option: Int32, _ name: String) throws(ZeroMQError) -> String {
    guard handle != nil else { throw .terminated }
    var bytes = [UInt8](repeating: 0, count: 1_024)
    var length = bytes.count
    guard zmq_getsockopt(handle, option, &bytes, &length) == 0 else { throw .last("asking for \(name)") }
    return String(decoding: bytes.prefix(max(0, length - 1)), as: UTF8.self)
  }
}
