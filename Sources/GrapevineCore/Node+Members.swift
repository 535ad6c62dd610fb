// Who is there, asked of a node.

extension Node {
  /// Every member that is known, this node among them, in no particular order.
  public var members: [Member] { [] }

  /// The member of the given id; nil when it is not known.
  public func member(_ id: StableID) -> Member? { nil }

  /// How many members there are, without making a list of them.
  public var memberCounts: MemberCounts { MemberCounts() }

  /// Lifeguard's local health multiplier, which is how much this node doubts itself: 0, well, to 8.
  public var localHealth: Int { 0 }

  /// What to keep for the next start.
  public var memberSnapshot: MemberSnapshot { MemberSnapshot() }

  /// Says something else of this node from now on.
  ///
  /// - Throws: `MemberDataError` when the tags are longer than `Member.tagLimit`; nothing changed.
  public mutating func setTags(_ tags: [String: String], now: Instant) throws(MemberDataError) {}

  /// Remembers the members of an earlier run, before joining: they are looked for from time to time, and the
  /// node's incarnation goes on from there.
  public mutating func recall(_ snapshot: MemberSnapshot) {}
}
