// Leases, isolation, and finding somebody to subscribe at.

extension Scamp {
  mutating func advance(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    repeatErrands(&view, now: now, counters: &counters, into: &effects)
    if now >= expiryAt { expire(&view, now: now, counters: &counters, into: &effects) }
    if now >= sweepAt { sweep(&view, now: now, counters: &counters, into: &effects) }
    if now >= renewAt { renew(&view, now: now, counters: &counters, into: &effects) }
    if now >= isolatedAt { recover(&view, now: now, counters: &counters, into: &effects) }
    if wantsContact(view), now >= nextSeek { seek(&view, now: now, counters: &counters, into: &effects) }
    if view.lost.count > 0, now >= nextExplore { explore(&view, now: now) }
  }

  func nextDeadline(_ view: borrowing Neighbourhood) -> Instant {
    var deadline = min(min(view.errands.firstDue, expiryAt), min(sweepAt, renewAt))
    deadline = min(deadline, isolatedAt)
    if wantsContact(view) { deadline = min(deadline, nextSeek) }
    if view.lost.count > 0 { deadline = min(deadline, nextExplore) }
    return deadline
  }

  /// After arcs came or went: whether we are isolated, and which links have become idle.
  mutating func review(_ view: borrowing Neighbourhood, now: Instant) {
    if view.inArcs != 0 {
      isolatedAt = .never
    } else if isolatedAt == .never {
      isolatedAt = now + isolationTime
    }
    if sweepAt == .never, view.up & ~(view.outArcs | view.inArcs) != 0 { sweepAt = now + Self.sweepDelay }
  }

  /// Drops the arcs whose subscriptions have expired.
  private mutating func expire(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    expiryAt = .never
    var rest = view.outArcs
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      let until = view.links[slot].leaseUntil
      guard until != Instant() else { continue }
      if until <= now {
        release(slot, &view, now: now, counters: &counters, into: &effects)
      } else {
        expiryAt = min(expiryAt, until)
      }
    }
    review(view, now: now)
  }

  /// Closes links that have been without an arc, whatever the other end may say about it.
  private mutating func sweep(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    sweepAt = .never
    var rest = view.up & ~(view.outArcs | view.inArcs)
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if now >= view.links[slot].upSince + Self.sweepDelay {
        view.close(slot, now: now, counters: &counters, into: &effects)
      } else {
        sweepAt = now + Self.sweepDelay
      }
    }
  }

  /// Our lease is almost over: subscribes again through a random member of the partial view, and keeps that
  /// (§2.2).
  private mutating func renew(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    renewAt = now + view.jittered(lease / 20)
    guard let slot = view.randomOut() ?? view.randomNeighbour() else { return }
    subscribe(at: slot, as: .renewal, &view, now: now, counters: &counters, into: &effects)
  }

  /// Nobody has held us for too long: nothing would reach us. Subscribes again through a random member of the
  /// partial view (§2.2); with an empty one, `seek` finds somebody.
  private mutating func recover(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    isolatedAt = now + view.jittered(isolationTime)
    guard view.inArcs == 0, let slot = view.randomOut() else { return }
    subscribe(at: slot, as: .isolated, &view, now: now, counters: &counters, into: &effects)
  }

  /// Whether our view is empty and there is somebody to turn to.
  private func wantsContact(_ view: borrowing Neighbourhood) -> Bool {
    guard view.outArcs == 0, view.pendingCount < view.links.count - capacity else { return false }
    return view.up != 0 || view.passive.count > 0 || view.lost.count > 0
      || view.contacts.contains { view.slot(of: $0) == nil }
  }

  /// Our view is empty: subscribes at a neighbour that holds us, or greets somebody to subscribe at.
  private mutating func seek(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    nextSeek = now + view.jittered(seekBackoff)
    view.lengthen(&seekBackoff, limit: 5_000_000_000)
    if let slot = view.randomNeighbour() {
      subscribe(at: slot, as: .newcomer, &view, now: now, counters: &counters, into: &effects)
      return
    }
    let isContactsTurn = view.generator.chance(0.5)
    if isContactsTurn, let contact = view.freeContact() {
      view.greet(contact, peer: 0, need: .join, now: now)
    } else if let peer = view.passive.pick(now: now, using: &view.generator) {
      view.greet(peer.endpoint, peer: peer.id, need: .join, now: now)
    } else if let contact = view.freeContact() {
      view.greet(contact, peer: 0, need: .join, now: now)
    } else if let peer = view.lost.pick(now: now, using: &view.generator) {
      view.greet(peer.endpoint, peer: peer.id, need: .join, now: now)
    }
  }

  /// Tries a lost member again: when it was the network, the arc is mended, and a healed partition is one
  /// cluster again.
  private mutating func explore(_ view: inout Neighbourhood, now: Instant) {
    nextExplore = now + view.jittered(exploreInterval)
    guard view.up != 0, view.neighbourCount + view.pendingCount < capacity,
      let peer = view.lost.pick(now: now, using: &view.generator),
      let slot = view.greet(peer.endpoint, peer: peer.id, need: .arc, now: now)
    else { return }
    hold(slot, lease: leaseSeconds, &view, now: now)
  }
}
