// Why ZeroMQ refused something, said so that the reader knows what to do.

import CZeroMQ

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Why a socket, a context or a key could not be made or used; nothing has changed when it is thrown.
public enum ZeroMQError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The endpoint could not be understood, or its host not resolved.
  case badEndpoint(String)
  /// The library has no such transport, or this kind of socket cannot use it.
  case unsupportedTransport(String)
  /// Somebody else is bound to this endpoint.
  case addressInUse(String)
  /// All ports of the range are taken.
  case noFreePort(String)
  /// No interface of this machine has this address.
  case addressNotAvailable(String)
  /// The system does not allow this program to bind here.
  case notPermitted(String)
  /// The socket is not bound or connected to this endpoint.
  case noSuchEndpoint(String)
  /// An `ipc` path is longer than the system's limit, 107 bytes on Linux.
  case pathTooLong(String)
  /// A CURVE key is not 40 characters of Z85, or there is no such point.
  case badKey
  /// The library was built without CURVE.
  case curveMissing
  /// The context has ended.
  case terminated
  /// The process, or the context, may have no more sockets.
  case tooManySockets
  /// Any other call that failed, with its error number.
  case system(call: String, error: Int32)

  /// One sentence that says what was got, where, and the way out.
  public var description: String {
    switch self {
    case .badEndpoint(let endpoint):
      "'\(endpoint)' is no endpoint: write tcp://host:port, ipc://path or inproc://name"
    case .unsupportedTransport(let endpoint):
      "'\(endpoint)' names a transport that is not there: use tcp, ipc or inproc"
    case .addressInUse(let endpoint):
      "\(endpoint) is in use: stop the program that is bound there, or bind to tcp://*:* for a free port"
    case .noFreePort(let endpoint):
      "no port of \(endpoint) is free: give a greater range"
    case .addressNotAvailable(let endpoint):
      "\(endpoint) is not an address of this machine: bind to one that `ip address` lists, or to tcp://* for all"
    case .notPermitted(let endpoint):
      "not permitted to bind to \(endpoint): choose a port from 1024 on, or a directory that may be written"
    case .noSuchEndpoint(let endpoint):
      "not bound or connected to \(endpoint): give the endpoint as `bind` returned it"
    case .pathTooLong(let endpoint):
      "the path of \(endpoint) is too long for a socket: use a shorter one"
    case .badKey:
      "a CURVE key is 40 characters of Z85, as `zmq_curve_keypair` makes them"
    case .curveMissing:
      "this ZeroMQ library was built without CURVE: install one that has it"
    case .terminated:
      "the ZeroMQ context has ended"
    case .tooManySockets:
      "no more sockets: raise the limit of open files, or close some"
    case .system(let call, let error):
      "\(call) failed: \(String(cString: zmq_strerror(error))) (error \(error))"
    }
  }

  /// What the library's error number says about a call that concerned an endpoint.
  static func last(_ call: String, endpoint: String? = nil) -> ZeroMQError {
    let error = zmq_errno()
    if error == ETERM { return .terminated }
    if error == EMFILE || error == ENFILE { return .tooManySockets }
    guard let endpoint else { return .system(call: call, error: error) }
    switch error {
    case EINVAL: return .badEndpoint(endpoint)
    case EPROTONOSUPPORT, ENOCOMPATPROTO: return .unsupportedTransport(endpoint)
    case EADDRINUSE: return .addressInUse(endpoint)
    // The library says ENODEV of a name that is no interface and no address.
    case EADDRNOTAVAIL, ENODEV: return .addressNotAvailable(endpoint)
    case EACCES, EPERM, EROFS: return .notPermitted(endpoint)
    case ENOENT: return call == "zmq_bind" ? .notPermitted(endpoint) : .noSuchEndpoint(endpoint)
    case ENAMETOOLONG: return .pathTooLong(endpoint)
    default: return .system(call: "\(call) of \(endpoint)", error: error)
    }
  }
}
