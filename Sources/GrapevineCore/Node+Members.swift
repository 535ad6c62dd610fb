// Who is there, asked of a node.

extension Node {
  /// Every member that is known, this node among them, in no particular order.
  public var members: [Member] {
    (0..<membership.table.placesUsed).compactMap { membership.table.member($0) }
  }

  /// The member of the given id; nil when it is not known.
  public func member(_ id: StableID) -> Member? {
    membership.table.find(id.value).flatMap { membership.table.member($0) }
  }

  /// This node as others see it; nil until it has joined.
  public var ownMember: Member? {
    membership.isAnnounced ? membership.table.member(MemberTable.own) : nil
  }

  /// How many members there are, without making a list of them.
  public var memberCounts: MemberCounts { membership.table.counts }

  /// Lifeguard's local health multiplier, which is how much this node doubts itself: 0, well, to 8.
  public var localHealth: Int { membership.doubt.multiplier }

  /// What to keep for the next start.
  public var memberSnapshot: MemberSnapshot { membership.snapshot }

  /// Says something else of this node from now on.
  ///
  /// - Throws: `MemberDataError` when the tags are longer than `Member.tagLimit`; nothing changed.
  public mutating func setTags(_ tags: [String: String], now: Instant) throws(MemberDataError) {
    membership.setTags(try MemberData.encode(tags), now: now)
  }

  /// Remembers the members of an earlier run, before joining: they are looked for from time to time, and the
  /// node's incarnation goes on from there.
  public mutating func recall(_ snapshot: MemberSnapshot) { membership.recall(snapshot) }

  /// Fills the list of members of a node that has founded a cluster, as if it had heard of all; for simulations
  /// too large to let every node join.
  package mutating func assumeMembers(_ members: [(run: MemberID, endpoint: Endpoint)], now: Instant) {
    membership.assume(members, now: now)
  }
}

extension Membership {
  fileprivate mutating func assume(_ members: [(run: MemberID, endpoint: Endpoint)], now: Instant) {
    for member in members where member.run.value != run {
      var entry = MemberEntry()
      entry.id = StableID(address: member.endpoint).value
      entry.run = member.run.value
      entry.endpoint = member.endpoint
      entry.incarnation = 1
      entry.since = now
      entry.version = Frame.version
      entry.status = MemberStatus.alive.rawValue
      guard let (place, _) = table.add(entry) else { return }
      enterOrder(place)
    }
  }
}
