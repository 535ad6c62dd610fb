// A cluster that is there at once, for simulations too large to let every node join.

extension Node {
  /// Makes a node that has not joined a member with the given neighbours, as if it had shaken hands with each.
  ///
  /// Both ends of every link must be told so. The keys follow from the ids, which everybody can know: nothing
  /// for a network that others can reach.
  ///
  /// - Parameter neighbours: As many as the view holds; more are ignored.
  package mutating func assume(
    _ neighbours: [(member: MemberID, endpoint: Endpoint)], now: Instant, into effects: inout Effects
  ) {
    guard lifecycle == .initialized else { return }
    join([], now: now, into: &effects)
    for neighbour in neighbours.prefix(configuration.viewCapacity) {
      view.assume(
        PeerRecord(id: neighbour.member.value, endpoint: neighbour.endpoint), now: now, counters: &counters,
        into: &effects)
    }
    applyViewChanges(now: now, into: &effects)
  }
}

extension Neighbourhood {
  /// Takes a link for granted.
  fileprivate mutating func assume(
    _ record: PeerRecord, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard slot(of: record.endpoint) == nil, let slot = links.freeSlot else { return }
    let isInitiator = identity < record.id
    let keys = Self.linkKeys(
      nonce: min(identity, record.id), cookie: max(identity, record.id),
      initiator: min(identity, record.id), responder: max(identity, record.id))
    var link = Link()
    link.endpoint = record.endpoint
    link.peer = record.id
    link.sendKey = isInitiator ? keys.fromInitiator : keys.fromResponder
    link.receiveKey = isInitiator ? keys.fromResponder : keys.fromInitiator
    link.establish(peerWindow: windowShare, now: now)
    links.occupy(slot, with: link)
    didComeUp(slot, counters: &counters, into: &effects)
  }
}
