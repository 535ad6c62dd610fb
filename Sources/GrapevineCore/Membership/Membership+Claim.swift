// Becoming known: a newcomer asks its first neighbour who has its name, and where it is itself.

/// How far a newcomer is.
struct Claim {
  enum Phase: UInt8 {
    case idle
    /// A neighbour was asked.
    case asking
    /// Somebody has the name: whether it lives is being found out.
    case checking
  }

  var phase = Phase.idle
  var attempts = 0
  var deadline = Instant.never
  /// The incarnation to go above.
  var incarnation: UInt32 = 0
  /// Who has the name.
  var holder = Endpoint.zero
  var holderRun: UInt64 = 0
  var number: UInt32 = 0

  init() {}
}

extension Membership {
  /// Times that a name's holder is asked until it counts as dead. Chosen here: at 30 % loss each way, one in 30
  /// that lives does not answer.
  private static var attemptLimit: Int { 5 }

  /// Half of the time to the first repetition; it doubles. Chosen here: a question that comes before the ACCEPT
  /// on its link is soon asked again.
  private static var firstWait: Nanoseconds { 10_000_000 }

  /// Whether the node is a member as far as its list is concerned; with no list it always is.
  var isReady: Bool { !isEnabled || isAnnounced }

  /// A link came up.
  mutating func linkUp(_ slot: Int, now: Instant) {
    guard isOpen else { return }
    linkCount += 1
    linkNews.open(slot)
    allowance.clear(slot: slot)
    if !isAnnounced, claim.phase == .idle {
      claim.phase = .asking
      claim.deadline = now
    }
    // Its other end may come out of another part of a cluster that was split.
    if isAnnounced { sync.at = min(sync.at, now + jittered(Self.syncDelay)) }
  }

  /// A link went down.
  mutating func linkDown(_ slot: Int, now: Instant, up: SlotMask) {
    linkCount = up.nonzeroBitCount
    if sync.deadline != .never, sync.slot == slot { sync.stop() }
    if claim.phase == .asking, up == 0 { claim = Claim() }
  }

  mutating func advanceClaim(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard claim.phase != .idle, now >= claim.deadline else { return }
    if claim.phase == .checking, claim.attempts == Self.attemptLimit {
      return announce(above: claim.incarnation, now: now)  // Whoever had the name is gone.
    }
    claim.attempts = min(claim.attempts + 1, Self.attemptLimit)
    claim.deadline = now + Self.firstWait << UInt64(claim.attempts)
    if claim.phase == .asking {
      // Another neighbour each time: a link may be up on this side only.
      guard let slot = generator.slot(of: view.up) else { return }
      if claim.attempts > 2 { view.links[slot].suspect(now: now) }
      let id = ownID
      view.send(on: slot, now: now, counters: &counters, into: &effects) { _, writer in
        writer.write(MessageKind.claim)
        writer.write(id)
      }
    } else {
      send(
        MessageKind.ping, number: claim.number, to: claim.holder, run: claim.holderRun, counters: &counters,
        into: &effects)
    }
  }

  /// CLAIM: tells a neighbour who has a name, and where it is seen.
  mutating func onClaim(
    _ cursor: inout Cursor, from slot: Int, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    let asked = try cursor.read(UInt64.self)
    guard isOpen else { return }
    let link = view.links[slot]
    let id = asked == 0 ? StableID(address: link.endpoint).value : asked
    var answer = Claimed(id: id, observed: link.endpoint)
    if let place = table.find(id) {
      let entry = table[place]
      answer.incarnation = entry.incarnation
      answer.status = MemberStatus(rawValue: entry.status)
      answer.run = entry.run
      answer.endpoint = entry.endpoint
      // Its own earlier announcement, under this very run, is nobody else.
      if entry.run == link.peer { answer.status = .left }
    }
    view.send(on: slot, now: now, counters: &counters, into: &effects) { _, writer in
      answer.write(to: &writer)
    }
  }

  /// CLAIMED: the answer of a neighbour.
  mutating func onClaimed(
    _ cursor: inout Cursor, now: Instant, counters: inout Counters
  ) throws(DecodeError) {
    let answer = try Claimed(from: &cursor)
    guard claim.phase == .asking, answer.observed.isUsable else {
      counters.droppedUnproven &+= 1
      return
    }
    let seen = address ?? answer.observed
    guard answer.id == ownID || ownID == 0 && answer.id == StableID(address: seen).value else {
      counters.droppedUnproven &+= 1
      return
    }
    address = seen
    let own = table[MemberTable.own].incarnation
    let isLater = own == 0 || answer.status != nil && table[MemberTable.own].isOlder(than: answer.incarnation)
    claim.incarnation = isLater ? answer.incarnation : own
    // Nobody else can have a name that is an address.
    guard answer.isHeld, !rules.name.isEmpty, answer.endpoint != seen, answer.run != run,
      answer.endpoint.isUsable
    else {
      announce(above: claim.incarnation, now: now)
      return
    }
    claim.phase = .checking
    claim.holder = answer.endpoint
    claim.holderRun = answer.run
    claim.number = nextNumber()
    claim.attempts = 0
    claim.deadline = now
  }

  /// An answer of whoever has this node's name.
  ///
  /// - Returns: Whether it was that.
  mutating func onClaimAnswer(_ number: UInt32, from sender: Sender) -> Bool {
    guard claim.phase == .checking, number == claim.number, sender.run == claim.holderRun, sender.id == ownID
    else { return false }
    conflict = claim.holder
    claim = Claim()
    return true
  }
}
