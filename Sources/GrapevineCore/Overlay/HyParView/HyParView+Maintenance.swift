// Keeping the active view full, alive and mixed.

extension HyParView {
  mutating func advance(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    if wantsNeighbour(view), now >= nextConnect { connectOne(&view, now: now) }
    if now >= nextShuffle { shuffle(&view, now: now, counters: &counters, into: &effects) }
    if now >= nextExplore { explore(&view, now: now) }
    if now >= nextRescue { rescue(&view, now: now) }
  }

  /// Asks a contact for a link with whomever a random walk from there ends at.
  private mutating func rescue(_ view: inout Neighbourhood, now: Instant) {
    rescues += 1
    nextRescue = rescues < Self.rescueLimit ? now + view.jittered(Self.rescueDelay) : .never
    guard view.up != 0, let contact = view.freeContact() else { return }
    view.greet(contact, peer: 0, need: .rescue, now: now)
  }

  func nextDeadline(_ view: borrowing Neighbourhood) -> Instant {
    let deadline = min(min(nextShuffle, nextExplore), nextRescue)
    return wantsNeighbour(view) ? min(deadline, nextConnect) : deadline
  }

  /// Whether another candidate is to be asked: several at once as long as several places are free.
  private func wantsNeighbour(_ view: borrowing Neighbourhood) -> Bool {
    guard view.neighbourCount + view.pendingCount - view.adoptedCount < target,
      view.pendingCount < view.links.count - capacity, !(hasJoined && ablations.contains(.replacement))
    else { return false }
    return view.passive.count > 0 || view.lost.count > 0 && view.up == 0
      || view.contacts.contains { view.slot(of: $0) == nil }
  }

  /// Begins one handshake: with a remembered member, else with a contact, without any neighbour also with a
  /// lost member. Contacts are asked even by those with some neighbours: these may all be as lost as they
  /// are.
  private mutating func connectOne(_ view: inout Neighbourhood, now: Instant) {
    let need: LinkNeed = view.up != 0 ? .low : hasJoined ? .high : .join
    nextConnect = now + view.jittered(searchPause)
    // With few neighbours, a contact has its turn as often as remembered addresses, which may all be dead.
    if view.neighbourCount * 2 < target, view.generator.chance(0.5), now >= nextContact,
      let contact = view.freeContact()
    {
      nextContact = now + view.jittered(contactBackoff)
      view.lengthen(&contactBackoff, limit: 5_000_000_000)
      view.greet(contact, peer: 0, need: need, now: now)
      return
    }
    if let peer = view.passive.pick(now: now, using: &view.generator) {
      view.greet(peer.endpoint, peer: peer.id, need: need, now: now)
      return
    }
    nextConnect = now + view.jittered(contactBackoff)
    view.lengthen(&contactBackoff, limit: view.up == 0 ? 5_000_000_000 : 30_000_000_000)
    if let contact = view.freeContact(), view.up != 0 || view.lost.count == 0 || view.generator.chance(0.5) {
      view.greet(contact, peer: 0, need: need, now: now)
    } else if view.up == 0, let peer = view.lost.pick(now: now, using: &view.generator) {
      view.greet(peer.endpoint, peer: peer.id, need: need, now: now)
    }
  }

  mutating func introduce(_ record: PeerRecord, _ view: inout Neighbourhood, now: Instant) {
    view.lost.remove(record.endpoint)
    view.learn(record, now: now)
    // A few links join two halves.
    guard now >= nextAdoption else { return }
    nextAdoption = now + Self.adoptionPause
    view.greet(record.endpoint, peer: record.id, need: .high, now: now)
  }

  /// Tries a lost member again, and now and then trades a neighbour: members that are full of each other
  /// would else never meet others. A full view gives one up when the trade succeeds.
  private mutating func explore(_ view: inout Neighbourhood, now: Instant) {
    nextExplore = now + view.jittered(exploreInterval)
    guard view.up != 0 else { return }
    if view.generator.chance(0.5), let peer = view.lost.pick(now: now, using: &view.generator) {
      view.greet(peer.endpoint, peer: peer.id, need: .high, now: now)
    } else if view.generator.chance(1.0 / 12), view.lost.count > 0, let contact = view.freeContact() {
      view.greet(contact, peer: 0, need: .low, now: now)
    } else if view.generator.chance(tradeChance(view)), view.neighbourCount >= target,
      let peer = view.passive.pick(now: now, using: &view.generator)
    {
      view.greet(peer.endpoint, peer: peer.id, need: .high, now: now)
    }
  }

  /// Cliques happen where few know each other; many that trade would only shake the tree that messages
  /// travel on. Chosen here.
  private func tradeChance(_ view: borrowing Neighbourhood) -> Double {
    view.passive.count < 3 * target ? 1.0 / 6 : 1.0 / 2_400
  }
}
