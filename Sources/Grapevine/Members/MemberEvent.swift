// What becomes of members, as applications read it.

import GrapevineCore

/// Something that became of a member.
public struct MemberEvent: Sendable, Equatable {
  /// What became of it.
  public var change: MemberChange
  /// The member after the change. When the node does not know this run of it any more, only its identity, address
  /// and status are set, and `protocolVersion` is 0.
  public var member: Member

  /// Creates an event.
  public init(change: MemberChange, member: Member) {
    self.change = change
    self.member = member
  }
}

/// The members at one moment, and what becomes of them from that moment on: nothing is missing in between, and
/// nothing is told twice.
public struct MemberWatch: Sendable {
  /// The members at the moment, this node included, by name or address text.
  public let present: [Member]
  /// What became of them since, in order; ends when the node leaves. For one reader.
  ///
  /// A reader that falls 1,024 behind loses the oldest, which `GossipNode.Statistics.eventsLost` counts.
  public let events: AsyncStream<MemberEvent>
}
