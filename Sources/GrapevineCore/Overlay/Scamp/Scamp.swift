// SCAMP: partial views whose size follows the logarithm of the cluster's, without anybody knowing it.
//
// Ganesh, Kermarrec, Massoulié, "Peer-to-peer membership management for gossip-based protocols", IEEE
// Transactions on Computers 52(2), 2003. A newcomer subscribes at a contact, which sends a copy to each member
// of its partial view and c more. Whoever gets a copy keeps it with probability 1/(1+v) when its view has v
// members, or sends it on to one of them. A leaver has most of those that hold it hold its own neighbours
// instead.
//
// An arc is a link with a direction: keeping a subscription is a handshake, and a CONNECT that says `arc` tells
// the other end that it is held. So both ends know their arcs, heartbeats are the link's keepalives, and who
// is isolated sees it. Differs from the paper where datagrams and bounds demand it: copies are confirmed and
// sent again hop by hop; hops have a limit; without a free slot a copy goes on; the founder, whose view is
// empty, keeps its first newcomer; renewals make no further copies, or views would grow by c with every lease;
// members that were lost are tried again, so that a healed partition is one cluster again.

/// The rules and timers of SCAMP.
struct Scamp: OverlayRules {
  let copies: Int
  let hopLimit: UInt8
  let walkLength: UInt8
  /// 0 for none.
  let lease: Nanoseconds
  let isolationTime: Nanoseconds
  let keepsAlways: Bool
  let capacity: Int
  let exploreInterval: Nanoseconds
  let handshakeTimeout: Nanoseconds

  /// Until when our subscription may bring a contact that offers itself; zero when it may not.
  var adoptableUntil = Instant()
  /// Whom we subscribed at, and hold until our contact shows itself.
  var provisional = Endpoint.zero
  var nextSeek = Instant.never
  var nextExplore = Instant.never
  var renewAt = Instant.never
  /// When an empty in-view has been empty for too long.
  var isolatedAt = Instant.never
  /// When the first lease of the partial view runs out, at the earliest.
  var expiryAt = Instant.never
  /// When links without an arc are closed.
  var sweepAt = Instant.never
  var seekBackoff: Nanoseconds
  /// Up to when the subscriptions treated here use what all members together may.
  var subscriptionsPaidUntil = Instant()

  /// How long a newcomer waits for its contact to show itself. Chosen here: a walk and a handshake, with
  /// losses.
  static var adoptionPatience: Nanoseconds { 5_000_000_000 }

  /// The time that a link may be without an arc: what makes it one is under way. Chosen here.
  static var sweepDelay: Nanoseconds { 1_000_000_000 }

  init(_ rules: ScampRules, _ configuration: Configuration) {
    copies = rules.copies
    hopLimit = UInt8(clamping: rules.hopLimit)
    walkLength = UInt8(clamping: rules.walkLength)
    lease = rules.lease?.asNanoseconds ?? 0
    isolationTime = rules.isolationTime.asNanoseconds
    keepsAlways = rules.keepsAlways
    capacity = configuration.viewCapacity
    exploreInterval = configuration.exploreInterval.asNanoseconds
    handshakeTimeout = configuration.handshakeTimeout.asNanoseconds
    seekBackoff = handshakeTimeout
  }

  /// The partial view.
  func targets(_ view: borrowing Neighbourhood) -> SlotMask { view.outArcs }

  mutating func open(_ view: inout Neighbourhood, now: Instant) {
    view.errands.removeAll()
    (adoptableUntil, provisional) = (Instant(), .zero)
    (renewAt, expiryAt, sweepAt) = (.never, .never, .never)
    seekBackoff = handshakeTimeout
    nextSeek = now
    nextExplore = now + view.jittered(exploreInterval)
    isolatedAt = now + view.jittered(isolationTime)
  }

  mutating func onConnect(
    _ connect: Connect, from source: Endpoint, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    let yielded = view.yielded
    guard view.neighbourCount < capacity, isWelcome(connect.need, now: now) else {
      view.refuse(connect, .full, to: source, counters: &counters, into: &effects)
      return
    }
    let slot = view.establish(connect, from: source, now: now, counters: &counters, into: &effects)
    guard let slot else { return }
    if yielded.isOut { view.setOut(slot, true, until: yielded.leaseUntil) }
    if connect.need == .contact {
      settle(with: slot, &view, now: now, counters: &counters, into: &effects)
    } else {
      view.setIn(slot, true)
    }
    if yielded.need == .contact {
      tell(.adopt, on: slot, &view, now: now, counters: &counters, into: &effects)
      view.setIn(slot, true)
    }
  }

  /// Links are made for arcs only, and nobody is a contact whom we did not look for.
  private func isWelcome(_ need: LinkNeed, now: Instant) -> Bool {
    switch need {
    case .join, .arc: true
    case .contact: now < adoptableUntil
    case .low, .high, .rescue: false
    }
  }

  mutating func linkUp(
    _ slot: Int, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    switch view.links[slot].need {
    case .join where view.outArcs & ~(1 << SlotMask(slot)) == 0:
      subscribe(at: slot, as: .newcomer, &view, now: now, counters: &counters, into: &effects)
    case .arc:
      break  // The CONNECT said so.
    case .join, .contact, .low, .high, .rescue:
      // The other end does not know from the handshake that it is held.
      if view.links[slot].isOut {
        tell(.arc(isHeld: true), on: slot, &view, now: now, counters: &counters, into: &effects)
      }
    }
    if view.links[slot].isOut { watchLease(of: slot, view) }
    // Somebody has come who may well subscribe in a moment.
    if view.outArcs == 0 { nextSeek = max(nextSeek, now + view.jittered(Self.sweepDelay)) }
    review(view, now: now)
  }

  mutating func linkLost(_ view: inout Neighbourhood, now: Instant) {
    if view.inArcs == 0, isolatedAt == .never { isolatedAt = now + view.jittered(isolationTime) }
    if view.outArcs == 0 { nextSeek = min(nextSeek, now + view.jittered(handshakeTimeout / 4)) }
  }

  /// Unsubscribes: of those that hold us, all but c+1 are to hold members of our partial view instead, in
  /// turn (§2.3). The goodbye of the others is that the link is closed.
  mutating func shut(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    var holders = view.inArcs
    var substitutes = substitutes(view, now: now)
    while holders.nonzeroBitCount > copies + 1, let holder = view.generator.slot(of: holders) {
      holders &= ~(1 << SlotMask(holder))
      // Nobody is to hold itself: whoever is next in turn then.
      let endpoint = view.links[holder].endpoint
      guard let turn = substitutes.firstIndex(where: { $0.substitute.endpoint != endpoint }) else { continue }
      let replace = substitutes.remove(at: turn)
      substitutes.append(replace)
      view.close(holder, now: now, counters: &counters, into: &effects) { replace.write(to: &$0) }
    }
    view.errands.removeAll()
  }

  private func substitutes(_ view: borrowing Neighbourhood, now: Instant) -> [Replace] {
    var list: [Replace] = []
    var rest = view.outArcs
    while rest != 0 {
      let link = view.links[rest.trailingZeroBitCount]
      rest &= rest &- 1
      let record = PeerRecord(id: link.peer, endpoint: link.endpoint)
      list.append(Replace(lease: Self.secondsLeft(until: link.leaseUntil, now: now), substitute: record))
    }
    return list
  }

  /// Whole seconds of a lease that are left; 0 when it does not end.
  static func secondsLeft(until: Instant, now: Instant) -> UInt64 {
    until == Instant() ? 0 : max(1, min(until.since(now) / 1_000_000_000, Subscription.leaseLimit))
  }
}
