// A cluster of our own as one side of a bridge, and the place where several bridges between the same clusters find each
// other.

import Grapevine
import GrapevineCore
import GrapevineTransport

/// A member of a cluster of ours in a bridge.
///
/// It says in its tags which other clusters it bridges to, as `bridge.SYSTEM=ADDRESS,...`. So of several bridges to one
/// cluster one carries messages and the others stand by.
public actor NativePort: BridgePort {
  /// `grapevine`.
  public nonisolated let name = "grapevine"
  /// Where the member is bound.
  public nonisolated var address: Endpoint { node.localEndpoint }

  private nonisolated let node: GossipNode
  /// The other members that are bridges and live.
  private var bridges: [Member] = []
  private var watch: Task<Void, Never>?

  /// Creates a side of a bridge; join the node afterwards, since those who are members already are asked for.
  public init(node: GossipNode) {
    self.node = node
  }

  deinit { watch?.cancel() }

  /// The longest payload of a broadcast, in bytes.
  public func payloadLimit() -> Int { node.payloadLimit }

  /// Always: there is one cluster of a name.
  public func sharesCluster(with _: Endpoint) -> Bool { true }

  /// Broadcasts a message at the reliable level.
  public func broadcast(_ payload: [UInt8]) async throws { try await node.broadcast(payload) }

  /// Hands over what other members broadcast. Typed messages and those of the best-effort level are our own
  /// applications' affair.
  public nonisolated(nonsending) func read(_ body: @Sendable (BridgeMessage) async -> Void) async {
    for await message in node.messages where !message.isTagged && message.level == .reliable {
      await body(
        BridgeMessage(
          origin: "\(message.sender)", address: nil, sender: message.sender,
          payload: message.payload.withUnsafeBytes { Array($0) }))
    }
  }

  /// Leaves the cluster.
  public func leave() async {
    watch?.cancel()
    await node.leave()
  }

  private static func tag(_ system: String) -> String { "bridge.\(system)" }

  /// Says to the other members which clusters are bridged to, and learns from now on which others do the same.
  ///
  /// - Throws: `MemberDataError` when there are too many for the tags of a member.
  func announce(_ ports: [any BridgePort]) async throws {
    var tags = await node.members.own?.tags ?? [:]
    for port in ports {
      let key = Self.tag(port.name)
      tags[key] = tags[key].map { "\($0),\(port.address.text)" } ?? port.address.text
    }
    try await node.members.setTags(tags)
    let events = node.members.events
    watch = Task { [weak self] in
      await self?.lookAround()
      for await event in events {
        // What became of one that is no bridge, and was none, changes nothing.
        await self?.lookAround(after: event)
      }
    }
  }

  private func lookAround(after event: MemberEvent) async {
    let isBridge = event.member.tags.keys.contains { $0.hasPrefix(Self.tag("")) }
    guard isBridge || bridges.contains(where: { $0.id == event.member.id }) else { return }
    await lookAround()
  }

  private func lookAround() async {
    bridges = await node.members.all.filter { member in
      member.run != node.identity && (member.status == .alive || member.status == .suspect)
        && member.tags.keys.contains { $0.hasPrefix(Self.tag("")) }
    }
  }

  /// The other bridges to the cluster that `port` is in.
  func twins(of port: any BridgePort) async -> BridgeTwins {
    var twins = BridgeTwins()
    for bridge in bridges {
      guard let list = bridge.tags[Self.tag(port.name)] else { continue }
      for text in list.split(separator: ",") {
        guard let address = try? Endpoint(String(text)), await port.sharesCluster(with: address) else {
          continue
        }
        twins.runs.insert(bridge.run)
        twins.addresses.insert(address)
      }
    }
    twins.isFirst = twins.runs.allSatisfy { $0.value > node.identity.value }
    return twins
  }
}

/// Other bridges between the same two clusters.
struct BridgeTwins: Equatable {
  /// As members of the cluster of ours.
  var runs: Set<MemberID> = []
  /// As peers in the other cluster.
  var addresses: Set<Endpoint> = []
  /// Whether of all of them it is this one that carries messages.
  var isFirst = true
}
