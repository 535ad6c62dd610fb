// The library's threads and the space of `inproc` names.

import CZeroMQ
import Synchronization

/// A ZeroMQ context: sockets of one context can reach each other by `inproc`.
///
/// It lives as long as somebody holds it or one of its sockets. Its end waits until what closed sockets still had to
/// send has left, at most for the time that each allows (`linger`).
public final class ZeroMQContext: Sendable {
  /// The context that parts of one process share; it never ends.
  public static let shared = ZeroMQContext(handle: zmq_ctx_new())

  nonisolated(unsafe) let handle: UnsafeMutableRawPointer?
  private let zap = Mutex(Authentication())

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
    while zmq_ctx_term(handle) != 0, zmq_errno() == EINTR {}
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
