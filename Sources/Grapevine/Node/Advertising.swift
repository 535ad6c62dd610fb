// Where others reach a node, as far as the node itself can know.

import GrapevineCore
import GrapevineTransport

extension Endpoint {
  /// The endpoint when it names one place to send to; nil for that of a socket bound to all addresses.
  var ifConcrete: Endpoint? { isUsable ? self : nil }

  /// Reads the address that a node bound to `bound` is to be reached at; port 0 stands for the bound port.
  ///
  /// A host name is looked up, which may block. Of its addresses the first of the bound one's family is taken, or
  /// just the first.
  ///
  /// - Throws: `AddressError` when nobody can send there.
  static func advertised(_ text: String, bound: Endpoint) throws(AddressError) -> Endpoint {
    guard bound.unixNumber == nil, !UnixAddress.isWritten(text) else { throw .otherKind(text: text) }
    let candidates = try resolve(text)
    let isFour = bound.ipv4 != nil
    guard var endpoint = candidates.first(where: { ($0.ipv4 != nil) == isFour }) ?? candidates.first else {
      throw .unreachable(text: text)
    }
    if endpoint.port == 0 { endpoint.port = bound.port }
    guard endpoint.isUsable else { throw .unreachable(text: text) }
    return endpoint
  }
}
