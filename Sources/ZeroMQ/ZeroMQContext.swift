// The library's threads and the space of `inproc` names.

import CZeroMQ
import Synchronization

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A ZeroMQ context: sockets of one context can reach each other by `inproc`.
///
/// It lives as long as somebody holds it or one of its sockets. Its end waits until what closed sockets still had to
/// send has left, at most for the time that each allows (`linger`).
public final class ZeroMQContext: Sendable {
  /// The context that parts of one process share; it never ends.
  public static let shared = ZeroMQContext(handle: zmq_ctx_new())

  nonisolated(unsafe) let handle: UnsafeMutableRawPointer?
  private let zap = Mutex(Authentication())
  /// Sockets of monitors whose readers went before the sockets they watched had gone.
  private let kept = Mutex(Kept())

  private struct Kept: @unchecked Sendable { var handles: [UnsafeMutableRawPointer] = [] }

  private struct Authentication {
    var handler: ZeroMQAuthenticator?
    var nextDomain = 1
  }

  private init(handle: UnsafeMutableRawPointer?) { self.handle = handle }

  /// Makes a context of its own, with one thread for input and output.
  ///
  /// - Throws: `tooManySockets` or `system`.
  public convenience init() throws(ZeroMQError) {
    guard let handle = zmq_ctx_new() else { throw .last("zmq_ctx_new") }
    self.init(handle: handle)
  }

  deinit {
    zap.withLock { $0.handler?.stop() }
    kept.withLock { for socket in $0.handles { zmq_close(socket) } }
    while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
  }

  /// Keeps the socket of a monitor that nobody reads until there is nothing more to tell.
  func keep(_ socket: UnsafeMutableRawPointer) {
    let box = Kept(handles: [socket])
    kept.withLock { kept in
      kept.handles.removeAll(where: Self.hasStopped)
      kept.handles += box.handles
    }
  }

  /// Reads what a monitor has told, and closes its socket when that was the end.
  private static func hasStopped(_ socket: UnsafeMutableRawPointer) -> Bool {
    var bytes: (UInt64, UInt64) = (0, 0)
    while zmq_recv(socket, &bytes, MemoryLayout.size(ofValue: bytes), ZMQ_DONTWAIT) >= 2 {
      let event = withUnsafeBytes(of: &bytes) { $0.load(as: UInt16.self) }
      while zmq_recv(socket, nil, 0, ZMQ_DONTWAIT) < 0, zmq_errno() == EINTR {}
      guard Int32(event) == ZMQ_EVENT_MONITOR_STOPPED else { continue }
      zmq_close(socket)
      return true
    }
    return false
  }

  /// Draws up a domain in which clients with these CURVE public keys are let in, and no others.
  ///
  /// - Returns: The domain, for `ZeroMQSocket.setAuthenticationDomain`; it stays in force with the context.
  /// - Throws: When the handler of authentication requests cannot be started, as another one is there.
  public func admit(only keys: [CurvePublicKey]) throws(ZeroMQError) -> String {
    try zap.withLock { state throws(ZeroMQError) in
      let handler: ZeroMQAuthenticator
      if let present = state.handler {
        handler = present
      } else {
        handler = try ZeroMQAuthenticator.start(in: self)
        state.handler = handler
      }
      let domain = "grapevine-\(state.nextDomain)"
      state.nextDomain += 1
      handler.set(domain, keys: Set(keys.map(\.bytes)))
      return domain
    }
  }
}
