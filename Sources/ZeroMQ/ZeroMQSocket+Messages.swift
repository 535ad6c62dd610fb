// Messages out and in, without ever waiting.
//
// What is received stays in the library's own memory until the next `receive`, and is read there.

import CZeroMQ

/// What became of a message.
public enum ZeroMQSending: Sendable {
  /// It is on its way.
  case sent
  /// The connection has no room for now.
  case full
  /// A ROUTER knows nobody of that routing id (any more).
  case unreachable
}

extension ZeroMQSocket {
  /// Sends a message of one part, or nothing of it.
  ///
  /// - Parameters:
  ///   - message: Its bytes.
  ///   - peer: The routing id of who it is for, on a ROUTER with `setRouterMandatory` only.
  /// - Throws: `terminated` or `system`.
  public func send(
    _ message: UnsafeRawBufferPointer, to peer: UnsafeRawBufferPointer? = nil
  ) throws(ZeroMQError) -> ZeroMQSending {
    if let peer {
      let outcome = try sendPart(peer, ZMQ_DONTWAIT | ZMQ_SNDMORE)
      guard outcome == .sent else { return outcome }
    }
    // Behind a routing id there is always room: it was only taken with some.
    return try sendPart(message, ZMQ_DONTWAIT)
  }

  /// Sends a message of several parts, or nothing of it; see `send`.
  public func send(parts: [[UInt8]]) throws(ZeroMQError) -> ZeroMQSending {
    for (index, part) in parts.enumerated() {
      let isLast = index == parts.count - 1
      let flags = isLast ? ZMQ_DONTWAIT : ZMQ_DONTWAIT | ZMQ_SNDMORE
      let outcome = part.withUnsafeBytes { bytes in
        Result { () throws(ZeroMQError) in try sendPart(bytes, flags) }
      }
      guard try outcome.get() == .sent else { return try outcome.get() }
    }
    return .sent
  }

  private func sendPart(
    _ part: UnsafeRawBufferPointer, _ flags: Int32
  ) throws(ZeroMQError) -> ZeroMQSending {
    guard handle != nil else { throw .terminated }
    while zmq_send(handle, part.baseAddress, part.count, flags) < 0 {
      switch zmq_errno() {
      case EINTR: continue
      case EAGAIN: return .full
      case EHOSTUNREACH: return .unreachable
      default: throw .last("zmq_send")
      }
    }
    return .sent
  }

  /// Receives the next message, all of it.
  ///
  /// Its first part is `message`; what follows is dropped and only counted. On a ROUTER, `peer` says who sent it.
  ///
  /// - Returns: The number of parts, without a ROUTER's routing id; nil when nothing waits.
  /// - Throws: `terminated` or `system`.
  public func receive() throws(ZeroMQError) -> Int? {
    if kind == .router {
      guard try receivePart(sender) else { return nil }
      guard zmq_msg_more(sender) != 0, try receivePart(sender + 1) else { return 0 }
    } else {
      guard try receivePart(sender + 1) else { return nil }
    }
    var count = 1
    // A message arrives whole or not at all, so its parts are there.
    var last = sender + 1
    while zmq_msg_more(last) != 0 {
      last = sender + 2
      guard try receivePart(last) else { break }
      count += 1
    }
    return count
  }

  /// The first part of the message received last; valid until the next is received.
  public var message: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: zmq_msg_data(sender + 1), count: zmq_msg_size(sender + 1))
  }

  /// The second part of the message received last when it had two; valid until the next is received.
  var secondPart: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: zmq_msg_data(sender + 2), count: zmq_msg_size(sender + 2))
  }

  /// The routing id of who sent the message received last, on a ROUTER; valid until the next is received.
  public var peer: UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: zmq_msg_data(sender), count: zmq_msg_size(sender))
  }

  /// What the sender of the message received last said of itself in its handshake; nil when it did not.
  ///
  /// - Parameter name: A property of the sender's, or of the library's: `Peer-Address`, `Socket-Type`, `User-Id`.
  public func metadata(_ name: String) -> String? {
    zmq_msg_gets(sender + 1, name).map { String(cString: $0) }
  }

  /// The descriptor of the connection that the message received last came over; nil over `inproc`. The library uses a
  /// descriptor again when its connection is lost.
  public var sourceDescriptor: Int32? { metadata("__fd").flatMap { Int32($0) } }

  private func receivePart(_ part: UnsafeMutablePointer<zmq_msg_t>) throws(ZeroMQError) -> Bool {
    guard handle != nil else { throw .terminated }
    while zmq_msg_recv(part, handle, ZMQ_DONTWAIT) < 0 {
      switch zmq_errno() {
      case EINTR: continue
      case EAGAIN: return false
      default: throw .last("zmq_msg_recv")
      }
    }
    return true
  }
}
