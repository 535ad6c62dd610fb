// What happens to the connections of a socket, as the library tells it over a socket of its own.
//
// The library's thread waits while it cannot tell, and with it all sockets of the context. So the telling has no limit,
// and its socket is not closed before the library has stopped to tell.

import CZeroMQ
import Synchronization

/// Something that happened to a connection or a binding.
public enum ZeroMQMonitorEvent: Equatable, Sendable {
  /// A connection is being made, or will be tried again after a pause.
  case connecting
  /// A connection was made; the handshake follows.
  case connected
  /// Somebody connected; the handshake follows.
  case accepted
  /// Both ends know each other: messages flow.
  case handshakeSucceeded
  /// The connection was refused in its handshake.
  case handshakeFailed(ZeroMQHandshakeFailure)
  /// A connection is lost: that of the descriptor, which `ZeroMQSocket.sourceDescriptor` told of its messages.
  case disconnected(Int32)
  /// A binding failed, with the error number.
  case bindFailed(Int32)
  /// The socket is gone, and with it all that it had to send or was allowed to keep; the last event.
  case stopped
  /// Something else, by the library's number.
  case other(UInt16)
}

/// Why a handshake failed.
public enum ZeroMQHandshakeFailure: Equatable, Sendable, CustomStringConvertible {
  /// The two ends want different security.
  case mechanism
  /// A key is wrong.
  case cryptography
  /// The server does not let this client in: the status of its answer.
  case refused(Int32)
  /// The other end broke the protocol: the library's number.
  case protocolError(Int32)
  /// An error of the system, as when the connection was lost meanwhile.
  case system(Int32)

  /// What to say about it.
  public var description: String {
    switch self {
    case .mechanism: "the two ends want different security: one CURVE, the other none"
    case .cryptography: "a key is wrong"
    case .refused(let status): "the server does not let this client in (status \(status))"
    case .protocolError(let number): "the other end broke the protocol (\(String(number, radix: 16)))"
    case .system(let error): "\(String(cString: zmq_strerror(error))) (error \(error))"
    }
  }
}

/// Watches the connections of one socket over `tcp` and `ipc`; `inproc` has no such events.
public final class ZeroMQMonitor {
  /// The socket that tells; for a poller.
  public let socket: ZeroMQSocket
  private let watched: ZeroMQSocket
  private var isStopped = false

  private static let number = Atomic<UInt64>(0)

  /// Starts to watch; used by the thread that uses the socket.
  ///
  /// - Throws: `tooManySockets` or `system`.
  public init(_ watched: ZeroMQSocket) throws(ZeroMQError) {
    let number = Self.number.add(1, ordering: .relaxed).newValue
    let name = "inproc://grapevine-monitor-\(number)"
    guard zmq_socket_monitor(watched.handle, name, ZMQ_EVENT_ALL) == 0 else {
      throw .last("zmq_socket_monitor")
    }
    self.watched = watched
    do {
      socket = try ZeroMQSocket(.pair, in: watched.context)
      try socket.setLinger(milliseconds: 0)
      try socket.setHighWaterMark(sending: 0, receiving: 0)
      try socket.connect(name)
    } catch {
      zmq_socket_monitor(watched.handle, nil, 0)
      throw error
    }
  }

  deinit {
    if watched.handle != nil {
      zmq_socket_monitor(watched.handle, nil, 0)
    } else if !isStopped, let handle = socket.takeHandle() {
      watched.context.keep(handle)
    }
  }

  /// The next event; nil when none waits.
  ///
  /// - Throws: `terminated` or `system`.
  public func next() throws(ZeroMQError) -> ZeroMQMonitorEvent? {
    guard try socket.receive() != nil else { return nil }
    let message = socket.message
    guard message.count >= 6 else { return .other(0) }
    let event = message.loadUnaligned(as: UInt16.self)
    let value = message.loadUnaligned(fromByteOffset: 2, as: Int32.self)
    switch Int32(event) {
    case ZMQ_EVENT_CONNECT_DELAYED, ZMQ_EVENT_CONNECT_RETRIED: return .connecting
    case ZMQ_EVENT_CONNECTED: return .connected
    case ZMQ_EVENT_ACCEPTED: return .accepted
    case ZMQ_EVENT_HANDSHAKE_SUCCEEDED: return .handshakeSucceeded
    case ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL: return .handshakeFailed(.system(value))
    case ZMQ_EVENT_HANDSHAKE_FAILED_AUTH: return .handshakeFailed(.refused(value))
    case ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL: return .handshakeFailed(Self.failure(value))
    case ZMQ_EVENT_DISCONNECTED: return .disconnected(value)
    case ZMQ_EVENT_BIND_FAILED: return .bindFailed(value)
    case ZMQ_EVENT_MONITOR_STOPPED:
      isStopped = true
      return .stopped
    default: return .other(event)
    }
  }

  private static func failure(_ value: Int32) -> ZeroMQHandshakeFailure {
    switch value {
    case ZMQ_PROTOCOL_ERROR_ZMTP_MECHANISM_MISMATCH: .mechanism
    case ZMQ_PROTOCOL_ERROR_ZMTP_CRYPTOGRAPHIC: .cryptography
    default: .protocolError(value)
    }
  }
}
