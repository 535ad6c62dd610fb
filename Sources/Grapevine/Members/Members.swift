// Who is in the cluster, as applications ask it.

import GrapevineCore

extension GossipNode {
  /// The members of the cluster, as far as this node knows them.
  public nonisolated var members: Members { Members(node: self) }
}

/// The members that a node knows: lists, look-ups and one ordered sequence of what becomes of them.
///
/// Nodes learn of each other by gossip, so two of them may for a moment think differently. With
/// `Configuration.membership` nil there are no members. This value keeps its node alive; the sequences it gives out
/// do not, and end with the node.
public struct Members: Sendable {
  private let node: GossipNode

  init(node: GossipNode) { self.node = node }

  /// Every member that is known, this node and those that are gone but remembered included, by name or address
  /// text.
  public var all: [Member] {
    get async { Member.sorted(await node.knownMembers) }
  }

  /// The members that are there, this node included, which have the tag `tag`; when `value` is given, with that
  /// value. By name or address text.
  public func with(tag: String, _ value: String? = nil) async -> [Member] {
    Member.sorted(
      await node.knownMembers.filter { member in
        guard member.isLiving, let found = member.tags[tag] else { return false }
        return value == nil || value == found
      })
  }

  /// The member of the given id; nil when it is not known.
  public func member(_ id: StableID) async -> Member? { await node.knownMember(id) }

  /// The member of the given name or at the given address, written as `host:port` with a numeric host; of several
  /// at one address the one that lives. Nil when none is known.
  public func member(named text: String) async -> Member? { await node.knownMember(named: text) }

  /// How many members there are, by what is thought of them.
  public var counts: MemberCounts {
    get async { await node.memberCounts }
  }

  /// Lifeguard's local health multiplier, which is how much this node doubts itself: 0, well, to 8.
  public var localHealth: Int {
    get async { await node.localHealth }
  }

  /// This node as a member; nil while it does not know its own address.
  public var own: Member? {
    get async { await node.ownMember }
  }

  /// What becomes of members from the moment this property is read, in order; ends when the node leaves.
  ///
  /// Each read makes a sequence of its own, for one reader. One that falls 1,024 behind loses the oldest, which
  /// `GossipNode.Statistics.eventsLost` counts. `watch()` gives the present members with it.
  public var events: AsyncStream<MemberEvent> { node.client.members.subscribe() }

  /// The members now and what becomes of them from then on, without a gap or an overlap.
  public func watch() async -> MemberWatch { await node.watchMembers() }

  /// Says something else of this node from now on: replaces all tags.
  ///
  /// - Throws: `MemberDataError` when they take more than `Member.tagLimit` bytes; then nothing changed.
  public func setTags(_ tags: [String: String]) async throws(MemberDataError) { try await node.setTags(tags) }
}

// On the node's thread.
extension GossipNode {
  fileprivate var knownMembers: [Member] { client.driver.node.members }
  fileprivate var memberCounts: MemberCounts { client.driver.node.memberCounts }
  fileprivate var localHealth: Int { client.driver.node.localHealth }
  fileprivate var ownMember: Member? { client.driver.ownMember }
  fileprivate func knownMember(_ id: StableID) -> Member? { client.driver.node.member(id) }
  fileprivate func knownMember(named text: String) -> Member? { client.driver.member(named: text) }
  fileprivate func watchMembers() -> MemberWatch { client.watchMembers() }
  fileprivate func setTags(_ tags: [String: String]) throws(MemberDataError) { try client.setTags(tags) }
}
