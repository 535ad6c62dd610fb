// One socket of the library, as a Swift object that closes it.

import CZeroMQ

/// A socket; used by one thread at a time, and handed to another only with a lock or an executor between.
public final class ZeroMQSocket {
  /// Kinds of sockets.
  public enum Kind: Int32, Sendable {
    /// One of two ends in a process.
    case pair = 0
    /// Sends to and receives from those it is connected to.
    case dealer = 5
    /// Knows who a message is from, and says who one is to.
    case router = 6
  }

  /// The kind.
  public let kind: Kind
  /// Held until the socket is closed.
  public let context: ZeroMQContext
  var handle: UnsafeMutableRawPointer?
  /// What was received last: the sender's routing id, the first part, and a place for what follows.
  let sender: UnsafeMutablePointer<zmq_msg_t> = .allocate(capacity: 3)

  /// Opens a socket.
  ///
  /// - Throws: `tooManySockets`, `terminated` or `system`.
  public init(_ kind: Kind, in context: ZeroMQContext) throws(ZeroMQError) {
    self.kind = kind
    self.context = context
    for index in 0..<3 { zmq_msg_init(sender + index) }
    handle = zmq_socket(context.handle, kind.rawValue)
    guard handle != nil else { throw .last("zmq_socket") }
  }

  deinit {
    close()
    for index in 0..<3 { zmq_msg_close(sender + index) }
    sender.deallocate()
  }

  /// Closes the socket; what waits to be sent still leaves, at most for the time set as `linger`.
  public func close() {
    guard let handle else { return }
    zmq_close(handle)
    self.handle = nil
  }

  /// The library's socket, which the caller closes.
  func takeHandle() -> UnsafeMutableRawPointer? {
    defer { handle = nil }
    return handle
  }

  /// Binds to an endpoint: those of the library, and those of `ZeroMQPortRange`.
  ///
  /// - Returns: The endpoint with the real port.
  /// - Throws: What speaks against it.
  @discardableResult
  public func bind(_ endpoint: String) throws(ZeroMQError) -> String {
    guard let range = ZeroMQPortRange(endpoint) else {
      try bindOnce(endpoint)
      return lastEndpoint ?? endpoint
    }
    for port in range.ports(startingAt: UInt16.random(in: .min ... .max)) {
      do throws(ZeroMQError) {
        try bindOnce("\(range.prefix)\(port)")
        return lastEndpoint ?? "\(range.prefix)\(port)"
      } catch .addressInUse {
        continue
      } catch {
        throw error
      }
    }
    throw .noFreePort(endpoint)
  }

  private func bindOnce(_ endpoint: String) throws(ZeroMQError) {
    try check(endpoint)
    guard zmq_bind(handle, endpoint) != 0 else { return }
    // Telling the monitor of the failure overwrites the error of it now and then; then it comes again.
    guard zmq_errno() == EAGAIN, zmq_bind(handle, endpoint) == 0 else {
      throw zmq_errno() == EAGAIN ? .addressInUse(endpoint) : .last("zmq_bind", endpoint: endpoint)
    }
  }

  /// Ends a binding, given as `bind` returned it; connections made through it stay.
  ///
  /// - Throws: `noSuchEndpoint`, or another that speaks against it.
  public func unbind(_ endpoint: String) throws(ZeroMQError) {
    try check(endpoint)
    guard zmq_unbind(handle, endpoint) == 0 else { throw .last("zmq_unbind", endpoint: endpoint) }
  }

  /// Connects; the connection itself is made, and made again when it is lost, in the background.
  ///
  /// - Throws: `badEndpoint` and others that are known at once.
  public func connect(_ endpoint: String) throws(ZeroMQError) {
    try check(endpoint)
    guard zmq_connect(handle, endpoint) == 0 else { throw .last("zmq_connect", endpoint: endpoint) }
  }

  /// Ends a connection, given as it was to `connect`.
  ///
  /// - Throws: `noSuchEndpoint`, or another that speaks against it.
  public func disconnect(_ endpoint: String) throws(ZeroMQError) {
    try check(endpoint)
    guard zmq_disconnect(handle, endpoint) == 0 else { throw .last("zmq_disconnect", endpoint: endpoint) }
  }

  /// The endpoint that was bound last, with the real port; nil before.
  ///
  /// Where IPv6 is understood the library writes `[::ffff:127.0.0.1]` for 127.0.0.1, but tells monitors of connections
  /// to the latter; programs that look up one by the other, as CZMQ's zgossip does, end there.
  public var lastEndpoint: String? {
    guard let text = try? string(of: ZMQ_LAST_ENDPOINT, "last endpoint"), !text.isEmpty else { return nil }
    let mapped = "tcp://[::ffff:"
    guard text.hasPrefix(mapped), let end = text.firstIndex(of: "]") else { return text }
    return "tcp://" + text[..<end].dropFirst(mapped.count) + text[text.index(after: end)...]
  }

  /// Refuses what the library would take for something else: a text with a NUL, and a port beyond the last.
  private func check(_ endpoint: String) throws(ZeroMQError) {
    guard !endpoint.utf8.contains(0) else { throw .badEndpoint(endpoint) }
    if endpoint.hasPrefix("tcp://"), let port = endpoint.split(separator: ":").last {
      let isNumber = port.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      guard !isNumber || UInt16(port) != nil else { throw .badEndpoint(endpoint) }
    }
    guard handle != nil else { throw .terminated }
  }
}
