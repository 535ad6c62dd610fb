// Subscriptions: asked for, led to a contact, copied, forwarded and kept.

// The subscriber's side.
extension Scamp {
  /// Subscribes at a neighbour, which a newcomer also holds, until its contact shows itself.
  mutating func subscribe(
    at slot: Int, as purpose: Subscription.Purpose, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    if purpose == .newcomer {
      provisional = view.links[slot].endpoint
      adoptableUntil = now + Self.adoptionPatience
      seekBackoff = handshakeTimeout
      hold(slot, lease: leaseSeconds, &view, now: now)
      // A CONNECT that says `join` says also that its sender holds the receiver.
      if view.links[slot].need != .join {
        tell(.arc(isHeld: true), on: slot, &view, now: now, counters: &counters, into: &effects)
      }
    }
    tell(
      .subscribe(purpose, lease: leaseSeconds), on: slot, &view, now: now, counters: &counters, into: &effects
    )
    if lease > 0 {
      // Shortly before its end, and not all at once: between four fifths and 95 % of it.
      let spread = lease / 20 * 3
      renewAt = now + (lease / 5 * 4 + UInt64(view.generator.below(Int(truncatingIfNeeded: spread))))
    }
  }

  /// The length of our own subscription's lease.
  var leaseSeconds: UInt64 { min(lease / 1_000_000_000, Subscription.leaseLimit) }

  /// Our contact has shown itself: it is whom our view begins with, and not who led us there.
  mutating func settle(
    with slot: Int, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    let guide = provisional == view.links[slot].endpoint ? nil : view.slot(of: provisional)
    (adoptableUntil, provisional) = (Instant(), .zero)
    hold(slot, lease: leaseSeconds, &view, now: now)
    if let guide, view.outArcs & 1 << SlotMask(guide) != 0 {
      release(guide, &view, now: now, counters: &counters, into: &effects)
    }
  }
}

// Arcs.
extension Scamp {
  /// Handshakes with subscribers at a time: whoever forges subscriptions has us greet so many and no more. Chosen
  /// here: a subscriber that is there takes two round trips.
  private static var pendingLimit: Int { 8 }

  /// Holds the other end of a link.
  mutating func hold(_ slot: Int, lease: UInt64, _ view: inout Neighbourhood, now: Instant) {
    view.setOut(slot, true, until: lease == 0 ? Instant() : now + lease &* 1_000_000_000)
    watchLease(of: slot, view)
  }

  mutating func watchLease(of slot: Int, _ view: borrowing Neighbourhood) {
    let until = view.links[slot].leaseUntil
    if until != Instant() { expiryAt = min(expiryAt, until) }
  }

  /// Holds the other end of a link no longer. A link that carries no arc is closed.
  mutating func release(
    _ slot: Int, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    view.setOut(slot, false)
    if view.links[slot].isIn {
      tell(.arc(isHeld: false), on: slot, &view, now: now, counters: &counters, into: &effects)
    } else {
      view.close(slot, now: now, counters: &counters, into: &effects)
    }
  }

  /// REPLACE: a leaver asks to hold another in its place. It has a say about its own place only.
  mutating func onReplace(
    _ replace: Replace, from slot: Int, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard view.links[slot].isOut else {
      counters.droppedUnproven &+= 1
      return
    }
    view.setOut(slot, false)
    // The sender is gone in a moment: it is not whom a copy is sent on to.
    let subscription = Subscription(purpose: .renewal, lease: replace.lease, subscriber: replace.substitute)
    if !keep(subscription, &view, now: now, counters: &counters, into: &effects) {
      forward(subscription, hops: 0, &view, now: now, counters: &counters, into: &effects)
    }
  }
}

// Copies.
extension Scamp {
  /// SUBSCRIPTION: keeps a copy with probability 1/(1+v), or sends it on (§2.1).
  mutating func take(
    _ subscription: Subscription, hops: UInt8, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    let isDue = hops >= hopLimit || keepsAlways || view.generator.chance(1 / Double(1 + view.viewSize))
    if isDue, keep(subscription, &view, now: now, counters: &counters, into: &effects) { return }
    forward(subscription, hops: hops, &view, now: now, counters: &counters, into: &effects)
  }

  /// Sends a copy on to a random member of the partial view; keeps it when there is none.
  mutating func forward(
    _ subscription: Subscription, hops: UInt8, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    let own = slotMask(of: subscription.subscriber, view)
    if hops < hopLimit, let next = view.randomOut(except: own) {
      pass(subscription, hops: hops + 1, to: next, &view, now: now, counters: &counters, into: &effects)
    } else if !keep(subscription, &view, now: now, counters: &counters, into: &effects) {
      counters.subscriptionsDropped &+= 1
    }
  }

  private mutating func pass(
    _ subscription: Subscription, hops: UInt8, to slot: Int, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    counters.subscriptionsForwarded &+= 1
    tell(
      .subscription(subscription, hops: hops), on: slot, &view, now: now, counters: &counters, into: &effects)
  }

  /// Takes a subscriber into the partial view: on the link that there is, or with a handshake.
  ///
  /// - Returns: False when it is ourselves, is held already, or no slot is free.
  private mutating func keep(
    _ subscription: Subscription, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) -> Bool {
    let record = subscription.subscriber
    guard record.id != view.identity, record.endpoint.isUsable else { return false }
    if let slot = view.slot(of: record.endpoint) ?? view.slot(ofMember: record.id) {
      guard !view.links[slot].isOut || record.endpoint == provisional else { return false }
      if record.endpoint == provisional { provisional = .zero }
      let isNew = !view.links[slot].isOut
      hold(slot, lease: subscription.lease, &view, now: now)
      if isNew, view.links[slot].phase == .up {
        tell(.arc(isHeld: true), on: slot, &view, now: now, counters: &counters, into: &effects)
      }
    } else {
      guard view.neighbourCount + view.pendingCount < capacity, view.pendingCount < Self.pendingLimit,
        let slot = view.greet(record.endpoint, peer: record.id, need: .arc, now: now)
      else {
        counters.subscriptionsTurnedAway &+= 1
        return false
      }
      hold(slot, lease: subscription.lease, &view, now: now)
    }
    counters.subscriptionsKept &+= 1
    return true
  }

  private func slotMask(of record: PeerRecord, _ view: borrowing Neighbourhood) -> SlotMask {
    (view.slot(of: record.endpoint) ?? view.slot(ofMember: record.id)).map { 1 << SlotMask($0) } ?? 0
  }
}

// The contact's side, and the way to it.
extension Scamp {
  /// SUBSCRIBE: leads the subscriber to its contact, which may be this node.
  mutating func onSubscribe(
    _ purpose: Subscription.Purpose, _ lease: UInt64, from slot: Int, _ view: inout Neighbourhood,
    now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    let link = view.links[slot]
    let subscription = Subscription(
      purpose: purpose, lease: lease, subscriber: PeerRecord(id: link.peer, endpoint: link.endpoint))
    view.links[slot].subscribableAt = now + Self.resubscribeInterval
    if walkLength > 0 { _ = paySubscription(now: now) }
    let walk = IndirectWalk(subscription: subscription, steps: walkLength, degree: 1, isBack: false)
    hold(walk, &view, now: now, counters: &counters, into: &effects)
  }

  /// INDIRECT: a walk asks to be let in.
  ///
  /// The paper makes the walk uniform by weights on the arcs, which all members adjust until those in and
  /// those out sum to one at each. A Metropolis-Hastings walk needs no weights and no convergence: a step
  /// along a random arc, either way, from a member of d arcs to one of d' is let in with probability
  /// min(1, d/d'), which makes every member equally likely in the end (Metropolis et al., J. Chem. Phys. 21,
  /// 1953). The receiver decides, for it knows its own arcs and is told the sender's. The subscriber itself
  /// and its arcs count as absent.
  mutating func onIndirect(
    _ walk: IndirectWalk, from slot: Int, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    let isOwn = walk.subscription.subscriber.id == view.identity
    let own = slotMask(of: walk.subscription.subscriber, view)
    let chance = Double(walk.degree) / Double(max(1, view.degree(except: own)))
    if walk.isBack {
      guard !isOwn else { return }
    } else if isOwn || !view.generator.chance(chance) {
      var back = walk
      back.isBack = true
      tell(.indirect(back), on: slot, &view, now: now, counters: &counters, into: &effects)
      return
    }
    hold(walk, &view, now: now, counters: &counters, into: &effects)
  }

  /// The walk is here: goes on, or ends.
  mutating func hold(
    _ walk: IndirectWalk, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    let own = slotMask(of: walk.subscription.subscriber, view)
    let steps = min(walk.steps, walkLength)
    guard steps > 0, let next = view.randomArc(except: own) else {
      treat(walk.subscription, &view, now: now, counters: &counters, into: &effects)
      return
    }
    let onward = IndirectWalk(
      subscription: walk.subscription, steps: steps - 1, degree: UInt8(clamping: view.degree(except: own)),
      isBack: false)
    counters.indirectSteps &+= 1
    tell(.indirect(onward), on: next, &view, now: now, counters: &counters, into: &effects)
  }

  /// Treats a subscription as its contact: one copy to each member of the partial view and, of a member that
  /// nobody holds, c more (§2.1). A newcomer is offered an arc to us.
  private mutating func treat(
    _ subscription: Subscription, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard paySubscription(now: now) else {
      counters.droppedExcess &+= 1
      return
    }
    if subscription.purpose == .newcomer {
      offer(subscription.subscriber, &view, now: now, counters: &counters, into: &effects)
    }
    let own = slotMask(of: subscription.subscriber, view)
    var rest = lasting(view, now: now) & ~own
    if rest == 0 { rest = view.outArcs & ~own }
    guard rest != 0 else {
      _ = keep(subscription, &view, now: now, counters: &counters, into: &effects)
      return
    }
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      pass(subscription, hops: 1, to: slot, &view, now: now, counters: &counters, into: &effects)
    }
    guard subscription.purpose != .renewal else { return }
    for _ in 0..<copies {
      guard let slot = view.randomOut(except: own) else { return }
      pass(subscription, hops: 1, to: slot, &view, now: now, counters: &counters, into: &effects)
    }
  }

  /// The part of the partial view that a copy is made for: not arcs whose subscribers have subscribed again
  /// by now. For the last eighth of a lease, on average, a member is held by old and new arcs; if both counted,
  /// each round of leases would make more arcs than it ends.
  private func lasting(_ view: borrowing Neighbourhood, now: Instant) -> SlotMask {
    guard lease > 0 else { return view.outArcs }
    var mask = view.outArcs
    var rest = mask
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      let until = view.links[slot].leaseUntil
      if until != Instant(), until <= now + lease / 8 { mask &= ~(1 << SlotMask(slot)) }
    }
    return mask
  }

  /// Shows ourselves to a newcomer as its contact.
  private mutating func offer(
    _ newcomer: PeerRecord, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard newcomer.id != view.identity else { return }
    if let slot = view.slot(of: newcomer.endpoint) {
      guard view.links[slot].phase == .up else { return }
      tell(.adopt, on: slot, &view, now: now, counters: &counters, into: &effects)
      view.setIn(slot, true)
    } else if view.neighbourCount + view.pendingCount < capacity, view.pendingCount < Self.pendingLimit,
      let slot = view.greet(newcomer.endpoint, peer: newcomer.id, need: .contact, now: now)
    {
      view.links[slot].isIn = true
    }
  }
}
