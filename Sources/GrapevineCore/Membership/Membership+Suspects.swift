// Suspicion: from the first doubt to the verdict.

extension Membership {
  /// Suspects asked again in one period. Chosen here: a few datagrams; there are more only when the network is
  /// split, and then it is not they who have failed.
  private static var askedAgain: Int { 8 }

  /// Somebody got no answer from a member.
  mutating func suspect(
    _ place: Int, incarnation: UInt32, by accuser: UInt64, from slot: Int?, now: Instant,
    into effects: inout Effects
  ) {
    let entry = table[place]
    let isOurs = accuser == ownID
    if entry.isSuspect, entry.incarnation == incarnation {
      confirm(place, by: accuser, from: slot, now: now)
      if isOurs {
        table.note(place) { $0.isAccusedHere = true }
        // What others say of it counts from now on.
        if rules.signs { suspects.due = min(suspects.due, deadline(of: place)) }
      }
      suspects.isAnyOurs = suspects.isAnyOurs || isOurs
      return
    }
    table.update(place) {
      $0.status = MemberStatus.suspect.rawValue
      $0.incarnation = incarnation
      $0.since = now
      $0.confirmations = 0
      $0.accusers = (UInt32(truncatingIfNeeded: accuser), 0, 0)
      $0.accuser = accuser
      $0.isAccusedHere = isOurs
    }
    if !table[place].isListed {
      if suspects.isFull { suspects.clear(of: table) }
      table.note(place) { $0.isListed = true }
      suspects.append(place)
    }
    suspects.due = min(suspects.due, deadline(of: place))
    suspects.isAnyOurs = suspects.isAnyOurs || isOurs
    push(place, from: slot, now: now)
    if entry.isAlive { report(.suspected, place, into: &effects) }
    // Where anybody can accuse in anybody's name, this node sees for itself.
    if rules.signs, !isOurs { order.hasten(place) }
  }

  /// Lifeguard: each member that agrees makes a suspicion shorter, up to K of them, and others hear of each.
  private mutating func confirm(_ place: Int, by accuser: UInt64, from slot: Int?, now: Instant) {
    let entry = table[place]
    let name = UInt32(truncatingIfNeeded: accuser)
    let count = Int(entry.confirmations)
    guard count < Suspicion.confirmationLimit, name != entry.accusers.0,
      count < 1 || name != entry.accusers.1, count < 2 || name != entry.accusers.2
    else { return }
    table.note(place) {
      $0.confirmations += 1
      if count == 0 { $0.accusers.1 = name }
      if count == 1 { $0.accusers.2 = name }
      $0.accuser = accuser
    }
    suspects.due = min(suspects.due, deadline(of: place))
    push(place, from: slot, now: now)
  }

  /// When a suspicion has lasted long enough. As long as few agree, a node that doubts itself waits up to five times
  /// longer: what it does not hear may well have been said.
  func deadline(of place: Int) -> Instant {
    let entry = table[place]
    let maximum = ablations.contains(.confirmations) ? 1 : rules.suspicionMaximum
    // Accusations are not signed: they make a suspicion shorter only where this node got no answer either.
    let confirmations = rules.signs && !entry.isAccusedHere ? 0 : Int(entry.confirmations)
    let timeout = Suspicion.timeout(
      period: period, factor: rules.suspicionFactor, maximum: maximum, members: table.livingCount,
      confirmations: confirmations)
    guard confirmations < Suspicion.confirmationLimit, !ablations.contains(.selfDoubt) else {
      return entry.since + timeout
    }
    return entry.since + timeout / 2 &* UInt64(2 + doubt.multiplier)
  }

  /// Declares those to have failed whose time is over, and asks the suspects of this node again.
  mutating func advanceSuspects(now: Instant, counters: inout Counters, into effects: inout Effects) {
    if now >= suspects.due {
      if doubt.isDeaf, !ablations.contains(.selfDoubt) {
        suspects.due = now + period / 4
      } else {
        judge(now: now, counters: &counters, into: &effects)
      }
    }
    guard suspects.isAnyOurs, now >= againAt, !ablations.contains(.selfDoubt) else { return }
    againAt = now + period
    var asked = 0
    for position in 0..<suspects.count where asked < Self.askedAgain {
      let place = suspects[position]
      guard table[place].isSuspect, table[place].isAccusedHere else { continue }
      asked += 1
      again(place, now: now, counters: &counters, into: &effects)
    }
  }

  private mutating func judge(now: Instant, counters: inout Counters, into effects: inout Effects) {
    var next = Instant.never
    var isAnyOurs = false
    for position in 0..<suspects.count {
      let place = suspects[position]
      guard table[place].isSuspect else { continue }
      let deadline = deadline(of: place)
      if deadline <= now {
        counters.failuresDeclared &+= 1
        fail(place, by: ownID, from: nil, now: now, into: &effects)
      } else {
        next = min(next, deadline)
        isAnyOurs = isAnyOurs || table[place].isAccusedHere
      }
    }
    suspects.clear(of: table)
    suspects.due = next
    suspects.isAnyOurs = isAnyOurs
  }

  /// A member has failed.
  mutating func fail(
    _ place: Int, by accuser: UInt64, from slot: Int?, now: Instant, into effects: inout Effects
  ) {
    table.update(place) {
      $0.status = MemberStatus.failed.rawValue
      $0.since = now
      $0.accuser = accuser
      $0.isAccusedHere = false
    }
    push(place, from: slot, now: now)
    report(.failed, place, into: &effects)
  }

  /// This node was stopped or deaf: suspects whose time is over meanwhile have two periods more to be heard.
  ///
  /// - Returns: How many there are.
  mutating func spareSuspects(now: Instant) -> Int {
    var spared = 0
    let grace = now + 2 &* period
    for position in 0..<suspects.count {
      let place = suspects[position]
      guard table[place].isSuspect, deadline(of: place) < grace else { continue }
      let missing = grace.since(deadline(of: place))
      if deadline(of: place) <= now { spared += 1 }
      table.note(place) { $0.since = $0.since + missing }
    }
    suspects.due = min(suspects.due, grace)
    return spared
  }

  /// Asks a member out of turn; it hears what is said of it, and its answer says what there is to say.
  mutating func again(_ place: Int, now: Instant, counters: inout Counters, into effects: inout Effects) {
    var call = Call()
    call.reason = .again
    call.number = nextNumber()
    call.run = table[place].run
    call.deadline = now + period
    guard calls.add(call) else { return }
    // What is known of it, right or wrong, so that it can say better.
    ping(place, number: call.number, tellsRecord: true, counters: &counters, into: &effects)
  }
}
