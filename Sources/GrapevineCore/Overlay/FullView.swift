// A full view: every member is every other's neighbour.
//
// For clusters of a few dozen, where everybody may know everybody. Whoever takes a newcomer in tells all
// others, and these greet it; now and then neighbours exchange whom they know, for whoever missed it.

/// The rules and timers of a full view.
struct FullView: OverlayRules {
  let interval: Nanoseconds
  let handshakeTimeout: Nanoseconds
  var nextConnect = Instant.never
  var nextExchange = Instant.never
  var contactBackoff: Nanoseconds
  var exchangeNonce: UInt64 = 0

  init(_ configuration: Configuration) {
    interval = configuration.shuffleInterval.asNanoseconds / 4
    handshakeTimeout = configuration.handshakeTimeout.asNanoseconds
    contactBackoff = handshakeTimeout
  }

  func targets(_ view: borrowing Neighbourhood) -> SlotMask { view.up }

  mutating func open(_ view: inout Neighbourhood, now: Instant) {
    contactBackoff = handshakeTimeout
    nextConnect = now
    nextExchange = now + view.jittered(interval)
  }

  mutating func onConnect(
    _ connect: Connect, from source: Endpoint, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    guard view.neighbourCount < view.configuration.viewCapacity else {
      view.refuse(connect, .full, to: source, counters: &counters, into: &effects)
      return
    }
    let slot = view.establish(connect, from: source, now: now, counters: &counters, into: &effects)
    guard let slot, connect.need == .join else { return }
    let walk = ForwardJoin(ttl: 0, newcomer: PeerRecord(id: connect.sender, endpoint: source))
    var rest = view.up & ~(1 << SlotMask(slot))
    while rest != 0 {
      view.send(on: rest.trailingZeroBitCount, now: now, counters: &counters, into: &effects) {
        walk.write(to: &$1)
      }
      rest &= rest &- 1
    }
  }

  mutating func linkUp(
    _ slot: Int, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    contactBackoff = handshakeTimeout
    nextConnect = min(nextConnect, now)
  }

  mutating func linkLost(_ view: inout Neighbourhood, now: Instant) { nextConnect = min(nextConnect, now) }

  mutating func shut(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {}

  mutating func onMessage(
    _ kind: UInt8, from slot: Int, _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    switch kind {
    case MessageKind.forwardJoin:
      view.learn(try ForwardJoin(from: &cursor).newcomer, now: now)
    case MessageKind.shuffle:
      // The end of a link asks: no walk, and the answer is a shuffle that asks for none.
      let sender = PeerRecord(id: view.links[slot].peer, endpoint: view.links[slot].endpoint)
      let shuffle = try Shuffle(sender: sender, from: &cursor)
      try view.readSample(from: &cursor, now: now)
      if shuffle.ttl > 0 { tell(slot, ttl: 0, &view, now: now, counters: &counters, into: &effects) }
    default:
      throw .unknownKind
    }
    nextConnect = min(nextConnect, now)
  }

  mutating func advance(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    if now >= nextExchange {
      nextExchange = now + view.jittered(interval)
      if let slot = view.randomNeighbour() {
        tell(slot, ttl: 1, &view, now: now, counters: &counters, into: &effects)
      }
      // Lost members may be back.
      if let peer = view.lost.pick(now: now, using: &view.generator) {
        view.greet(peer.endpoint, peer: peer.id, need: .arc, now: now)
      }
    }
    if now >= nextConnect { connect(&view, now: now) }
  }

  func nextDeadline(_ view: borrowing Neighbourhood) -> Instant { min(nextConnect, nextExchange) }

  private func tell(
    _ slot: Int, ttl: UInt8, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    let head = Shuffle(
      hops: 0, ttl: ttl, nonce: 0, origin: PeerRecord(id: view.identity, endpoint: .zero))
    let endpoint = view.links[slot].endpoint
    view.send(on: slot, now: now, counters: &counters, into: &effects) { view, writer in
      head.write(to: &writer)
      view.writeSample(neighbours: PeerRecord.countLimit - 2, excluding: endpoint, to: &writer)
    }
  }

  /// Greets everybody known, a few at a time; without a neighbour, a contact.
  private mutating func connect(_ view: inout Neighbourhood, now: Instant) {
    nextConnect = .never
    if view.up == 0, !view.contacts.isEmpty {
      if let contact = view.freeContact() {
        view.greet(contact, peer: 0, need: .join, now: now)
        view.lengthen(&contactBackoff, limit: 5_000_000_000)
      }
      nextConnect = now + view.jittered(contactBackoff)
    }
    while view.neighbourCount + view.pendingCount < view.configuration.viewCapacity,
      view.pendingCount < view.links.count - view.configuration.viewCapacity
    {
      guard let peer = view.passive.pick(now: now, using: &view.generator) else { break }
      let slot = view.greet(peer.endpoint, peer: peer.id, need: .arc, now: now)
      // Greeted already, or no slot: not asked for again in this loop.
      if slot == nil { view.passive.delay(peer.endpoint, until: now + 1_000_000_000) }
    }
    guard view.passive.count > 0 else { return }
    nextConnect = min(nextConnect, max(view.passive.firstEligible, now + view.jittered(handshakeTimeout)))
  }
}
