// A cluster of another system as one side of a bridge.

import GrapevineCore
import GrapevineDialect
import GrapevineDialectNode

/// A peer of another system in a bridge. Join the node before.
public struct DialectPort<Engine: DialectEngine & SendableMetatype & ~Copyable>: BridgePort {
  /// The name of what the cluster speaks.
  public let name: String
  private let node: DialectNode<Engine>
  private let hasPartialView: Bool
  private let nameOf: @Sendable ([UInt8]) -> String
  private let addressOf: @Sendable ([UInt8]) -> Endpoint?

  /// Creates a side of a bridge.
  ///
  /// - Parameters:
  ///   - name: What the cluster speaks.
  ///   - node: The peer in it, whose messages nobody else reads.
  ///   - hasPartialView: Whether it knows some members of its cluster only.
  ///   - nameOf: What people call an originator, by the bytes that the wire names it by.
  ///   - addressOf: Where an originator is, by the bytes that the wire names it by; nil where they do not say.
  public init(
    name: String, node: DialectNode<Engine>, hasPartialView: Bool = false,
    nameOf: @escaping @Sendable ([UInt8]) -> String = { String(decoding: $0, as: UTF8.self) },
    addressOf: @escaping @Sendable ([UInt8]) -> Endpoint? = { _ in nil }
  ) {
    (self.name, self.node, self.hasPartialView) = (name, node, hasPartialView)
    (self.nameOf, self.addressOf) = (nameOf, addressOf)
  }

  /// Where the peer is known in its cluster.
  public var address: Endpoint { node.localEndpoint }
  /// The longest payload that the cluster carries, in bytes.
  public func payloadLimit() async -> Int { await node.payloadLimit }
  /// Whether another peer is in the same cluster: whoever has a view of a few members only takes every peer for one.
  public func sharesCluster(with peer: Endpoint) async -> Bool {
    if hasPartialView { return true }
    return await node.members.contains(peer)
  }
  /// Spreads a message in the cluster.
  public func broadcast(_ payload: [UInt8]) async throws { try await node.broadcast(payload) }
  /// Leaves the cluster.
  public func leave() async { await node.leave() }

  /// Hands over what others in the cluster spread.
  public func read(_ body: @Sendable (BridgeMessage) async -> Void) async {
    for await message in node.messages {
      await body(
        BridgeMessage(
          origin: nameOf(message.origin), address: addressOf(message.origin), payload: message.payload))
    }
  }
}
