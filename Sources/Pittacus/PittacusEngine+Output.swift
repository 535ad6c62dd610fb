// What the peer does by itself, and how what it queued becomes datagrams.

import GrapevineCore
import GrapevineDialect

extension PittacusEngine {
  /// Does what is due and writes the datagrams that wait, as far as `effects` has room.
  public mutating func advance(now: Instant, into effects: inout DialectEffects) {
    tick(now: now)
    flush(now: now, into: &effects)
  }

  /// Does what is due but sending: queues STATUS and HELLO, forgets members that do not answer.
  public mutating func tick(now: Instant) {
    guard lifecycle == .connected else { return }
    if nextCheck <= now {
      forgetSilent(now: now)
      nextCheck = now + times.tick
      if hasUnannounced { announceNewcomers(now: now) }
    }
    if nextStatus <= now { queueStatus(now: now) }
    if nextHello <= now {
      nextHello = now + times.helloInterval
      if let forgetful = nextToGreet(now: now) { greet(forgetful) }
    }
  }

  /// Writes what is queued and what is due to be sent again, as far as `effects` has room.
  public mutating func flush(now: Instant, into effects: inout DialectEffects) {
    if lifecycle == .joining, nextHello <= now { greetContacts(now: now) }
    while effects.datagrams.hasRoom, let entry = queue.nextDue(now: now) {
      if write(entry, now: now, into: &effects) {
        counters.repeats += 1
        queue.repeated(nextAt: now + times.retry)
      } else {
        queue.dropDue()
      }
    }
    while effects.datagrams.hasRoom, queue.hasUnsent {
      let entry = queue.firstUnsent
      if write(entry, now: now, into: &effects) {
        queue.sent(repeatAt: needsAnswer(entry) ? now + times.retry : .never)
      } else {
        queue.dropUnsent()
      }
    }
    if lifecycle == .leaving, !queue.hasUnsent { lifecycle = .disconnected }
  }

  private func needsAnswer(_ entry: OutputEntry) -> Bool {
    switch Output(rawValue: entry.kind) {
    case .memberList, .data, .status: lifecycle == .connected
    default: false
    }
  }

  // MARK: Timers

  /// Sends HELLO to all contacts, ever more rarely.
  mutating func greetContacts(now: Instant) {
    for contact in contacts { greet(contact) }
    nextHello = now + helloPause
    helloPause = min(helloPause.multipliedReportingOverflow(by: 2).partialValue, times.helloInterval)
  }

  private mutating func greet(_ destination: Endpoint) {
    let number = queue.next
    enqueue(.hello, to: destination, subject: 0)
    guard queue.next != number else { return }
    hellos = (hellos?.first ?? number, number)
  }

  /// Somebody who seems to have forgotten this peer: a contact that is no member here, or a member that sends
  /// nothing by itself. Whoever has this peer among its members sends it STATUS now and then.
  private mutating func nextToGreet(now: Instant) -> Endpoint? {
    for _ in contacts {
      contactCursor = (contactCursor + 1) % contacts.count
      if roster.find(contacts[contactCursor]) == nil { return contacts[contactCursor] }
    }
    var chosen: Int?
    for number in 0..<roster.count {
      let place = roster.place(number)
      guard now.since(roster[place].spokeAt) >= 2 &* times.helloInterval else { continue }
      if chosen.map({ roster[place].greetedAt < roster[$0].greetedAt }) ?? true { chosen = place }
    }
    guard let chosen else { return nil }
    roster[chosen].greetedAt = now
    return roster[chosen].member.endpoint
  }

  /// Queues STATUS for the members whose turn has come: as many as the original sends at each tick, but spread over
  /// it, so that what the first supplies is not asked of the next.
  private mutating func queueStatus(now: Instant) {
    let count = min(configuration.fanout, roster.count)
    guard count > 0 else {
      nextStatus = now + times.tick
      return
    }
    let pause = max(1, times.tick / UInt64(count))
    var turns = 0
    while nextStatus <= now, turns < count {
      let member = roster[roster.place(generator.below(roster.count))].member
      let parts = (originators.count + statusCapacity - 1) / statusCapacity
      for part in 0..<min(max(1, parts), configuration.statusParts) {
        let subject = part == 0 ? 0 : AnswerPool.onlyInTurn
        enqueue(.status, to: member.endpoint, subject: subject, limit: configuration.attempts)
      }
      nextStatus = nextStatus + pause
      turns += 1
    }
    if nextStatus <= now { nextStatus = now + pause }
  }

  /// Forgets members that owe an answer for too long and sent nothing else either.
  private mutating func forgetSilent(now: Instant) {
    var number = 0
    while number < roster.count {
      let place = roster.place(number)
      let since = roster[place].awaitingSince
      if since != .never, now.since(since) >= times.patience {
        queue.drop(to: roster[place].member.endpoint)
        roster.remove(place)
        counters.membersLost += 1
      } else {
        number += 1
      }
    }
  }

  // MARK: Datagrams

  /// Makes a datagram; false when what it is about is gone.
  private mutating func write(
    _ entry: OutputEntry, now: Instant, into effects: inout DialectEffects
  ) -> Bool {
    let bytes = effects.datagrams.nextDatagram()
    guard bytes.count >= configuration.datagramLimit else { return false }
    let length: Int
    switch Output(rawValue: entry.kind) {
    case .hello: length = PittacusEncoder.hello(entry.number, identity, into: bytes)
    case .welcome:
      length = PittacusEncoder.welcome(
        entry.number, answers: UInt32(truncatingIfNeeded: entry.subject), identity, into: bytes)
    case .acknowledgement:
      length = PittacusEncoder.acknowledgement(
        entry.number, of: UInt32(truncatingIfNeeded: entry.subject), into: bytes)
    case .data:
      guard let message = log.message(entry.subject) else { return false }
      length = PittacusEncoder.data(
        entry.number, message.version, payload: log.payload(of: message), into: bytes)
      counters.copiesSent += 1
    case .status:
      var list = PittacusEncoder.List.status(entry.number, into: bytes)
      // Repeated, it says how things are by then.
      writeClock(&list, answer: entry.attempts == 0 ? entry.subject : 0, now: now)
      length = list.length
    case .memberList:
      guard let written = writeMembers(entry, into: bytes) else { return false }
      length = written
    default: return false
    }
    effects.datagrams.commit(length: length, to: entry.destination)
    counters.datagramsSent += 1
    if needsAnswer(entry), let place = roster.find(entry.destination),
      roster[place].awaitingSince == .never
    {
      roster[place].awaitingSince = now
    }
    return true
  }

  /// Writes the members of up to three places: whoever is there now.
  private func writeMembers(_ entry: OutputEntry, into bytes: UnsafeMutableRawBufferPointer) -> Int? {
    var list = PittacusEncoder.List.members(entry.number, into: bytes)
    var places = entry.subject
    while places != 0 {
      let place = Int(places & 0xffff) - 1
      places >>= 16
      // Whoever was never heard from may be nobody, and a node of the original stops at an address that its
      // system refuses.
      if let member = roster.member(at: place), roster[place].isHeard, member.endpoint != entry.destination {
        list.append(member)
      }
    }
    return list.count > 0 ? list.length : nil
  }
}
