// What a bridge needs of a cluster, whichever system it speaks.

import GrapevineCore

/// One side of a bridge: a peer in one cluster.
public protocol BridgePort: Sendable {
  /// The name of what the cluster speaks, such as `pittacus`; `grapevine` for our own.
  var name: String { get }
  /// The longest payload that the cluster carries, in bytes.
  func payloadLimit() async -> Int
  /// Where this peer is known in its cluster.
  var address: Endpoint { get }
  /// Whether another peer is in the same cluster, as far as this one can tell.
  func sharesCluster(with peer: Endpoint) async -> Bool
  /// Spreads a message in the cluster; waits while too much is under way.
  func broadcast(_ payload: [UInt8]) async throws
  /// Hands over what others in the cluster spread, one after the other, each message once, never this peer's own. For
  /// one reader; ends when the peer has left.
  func read(_ body: @Sendable (BridgeMessage) async -> Void) async
  /// Leaves the cluster.
  func leave() async
}

/// A message on its way over a bridge.
public struct BridgeMessage: Sendable, Equatable {
  /// Who spread it, as text for people; empty where the wire has no name.
  public var origin: String
  /// Where that is, as far as the wire says.
  public var address: Endpoint?
  /// Which member of a cluster of ours spread it; nil in other clusters.
  public var sender: MemberID?
  /// Its bytes.
  public var payload: [UInt8]

  /// Creates a message.
  public init(origin: String, address: Endpoint?, sender: MemberID? = nil, payload: [UInt8]) {
    (self.origin, self.address, self.sender, self.payload) = (origin, address, sender, payload)
  }
}
