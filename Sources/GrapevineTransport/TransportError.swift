// Why a transport or an event loop could not be made, said so that the reader knows what to do.

import GrapevineCore

/// Why a transport or an event loop could not be made or used; nothing is left open when it is thrown.
public enum TransportError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The address to bind to could not be understood.
  case address(AddressError)
  /// Somebody else is bound to this address and port.
  case addressInUse(Endpoint)
  /// No interface of this machine has this address.
  case addressNotAvailable(Endpoint)
  /// The address is link-local and does not say, or names wrongly, on which interface.
  case interfaceMissing(Endpoint)
  /// The system does not allow this program to bind here.
  case notPermitted(Endpoint)
  /// The system has no support for the address's family (IPv4 or IPv6).
  case familyNotSupported(Endpoint)
  /// No node on Unix sockets can be in this directory, for this reason, which says what to do.
  case directoryUnusable(path: String, reason: String)
  /// All ports of an in-memory network are taken.
  case noFreePort
  /// Any other system call that failed, with its error number.
  case system(call: String, error: Int32)

  /// One sentence that says what was got, where, and the way out.
  public var description: String {
    switch self {
    case .address(let error):
      error.description
    case .addressInUse(let endpoint) where endpoint.unixNumber != nil:
      "\(endpoint.text) is in use: stop the node that holds the number, or leave the number away for a free one"
    case .addressInUse(let endpoint):
      "\(endpoint.text) is in use: stop the program that holds port \(endpoint.port), or bind to port 0 for a free one"
    case .addressNotAvailable(let endpoint):
      "\(endpoint.text) is not an address of this machine: bind to one that `ip address` lists, or to "
        + (endpoint.ipv4 == nil ? "[::]:\(endpoint.port)" : "0.0.0.0:\(endpoint.port)") + " for all of them"
    case .interfaceMissing(let endpoint):
      "\(endpoint.text) needs an interface of this machine: write it behind the address, as in [fe80::1%eth0]:7946"
    case .notPermitted(let endpoint) where endpoint.unixNumber != nil:
      "not permitted to be \(endpoint.text): this user may not write to the directory; have its owner share it with a group"
    case .notPermitted(let endpoint):
      "not permitted to bind to \(endpoint.text): choose a port from 1024 on, or let the program bind there"
    case .familyNotSupported(let endpoint):
      "this machine has no \(endpoint.ipv4 == nil ? "IPv6" : "IPv4"), which \(endpoint.text) needs: bind to the other family"
    case .directoryUnusable(let path, let reason):
      "no node can be in the directory \"\(path)\": \(reason)"
    case .noFreePort:
      "all 65535 ports of the in-memory network are bound: release a transport first"
    case .system(let call, let error):
      "\(call) failed: \(SystemCalls.text(ofError: error)) (error \(error))"
    }
  }
}
