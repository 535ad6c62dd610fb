// How what got lost is found: STATUS says how far each originator has come here, and whoever is ahead sends.
//
// The original names the highest number of each originator, so a hole below it is never filled. Here a STATUS names
// the number before the first hole, once what is missing had time to arrive by itself. A peer of the original
// answers that with its latest message of the originator, which does no harm and is bounded: what nobody supplies is
// given up. A peer of this kind answers with what follows the number, oldest first; and with a STATUS when it has
// more, which the other answers again. So holes are filled one after the other, without anything sent in vain.

import GrapevineCore
import GrapevineDialect

extension PittacusEngine {
  /// Records that a STATUS takes: a full one says nothing of originators that it does not name.
  var statusCapacity: Int {
    min(PittacusWire.statusLimit, (configuration.datagramLimit - 14) / PittacusWire.clockRecord)
  }

  // MARK: Comparing

  /// Compares what a peer has with what is here; sends it what it lacks, and asks for what it has more.
  mutating func compare(_ clock: PittacusClock, from source: Endpoint, peer: Int?, now: Instant) {
    let isProven = peer.map { roster[$0].isProven } ?? false
    let bucket = limits.bucket(of: source, isProven: isProven, now: now)
    // Before anything is looked up: comparing is what costs, even when it ends in no answer.
    guard limits.takeStatus(of: bucket) else {
      counters.droppedExcess += 1
      return
    }
    var asker = Asker(source: source, peer: peer, isProven: isProven, bucket: bucket)
    stamp &+= 1
    let asksUnknown = now.since(limits[bucket].statusAt) >= PittacusTimes.askPause
    for index in 0..<clock.count {
      let theirs = clock[index]
      guard theirs.number <= Self.numberLimit else {
        counters.droppedUnexpected += 1
        continue
      }
      guard let place = originators.find(theirs.id) else {
        if theirs.number > 0, asksUnknown {
          limits[bucket].statusAt = now
          answers.append(PittacusVersion(number: 0, id: theirs.id))
        }
        continue
      }
      originators[place].named = stamp
      if place == ownPlace { adopt(theirs.number, isProven: isProven) }
      let isAhead = theirs.number < originators[place].highest
      let hasMore = isAhead && offer(place, after: theirs.number, to: &asker, now: now)
      if isBehind(place, theirs.number, now: now) {
        let number = stated(place, now: now)
        originators[place].askedAt = now
        answers.append(PittacusVersion(number: number, id: theirs.id))
      } else if hasMore {
        answers.append(PittacusVersion(number: stated(place, now: now), id: theirs.id))
      }
    }
    if clock.count < statusCapacity { offerUnnamed(to: &asker, now: now) }
    guard answers.count > 0 else { return }
    completeAnswer(now: now)
    enqueue(.status, to: source, subject: answers.finish(), limit: attempts(for: asker))
  }

  /// Sends what a peer whose STATUS named all that it knows did not name: of some originators each time, others at
  /// the next, so that a short STATUS does not cost a search through all of them.
  private mutating func offerUnnamed(to asker: inout Asker, now: Instant) {
    for _ in 0..<min(originators.count, asker.examinationLimit) {
      guard asker.left > 0, asker.steps > 0 else { return }
      let place = offerCursor % originators.count
      offerCursor = place + 1
      guard originators[place].named != stamp, isKnown(place) else { continue }
      if offer(place, after: 0, to: &asker, now: now) {
        answers.append(
          PittacusVersion(number: stated(place, now: now), id: originators[place].id))
      }
    }
  }

  /// Whether a peer that has come to `number` has something that is missing here, and nobody was asked just now.
  private func isBehind(_ place: Int, _ number: UInt32, now: Instant) -> Bool {
    guard place != ownPlace, mayAsk(place, now: now) else { return false }
    let record = originators[place]
    return number > record.highest || (number > record.complete && isMissed(place, now: now))
  }

  private func mayAsk(_ place: Int, now: Instant) -> Bool {
    let askedAt = originators[place].askedAt
    return askedAt == Instant() || now.since(askedAt) >= PittacusTimes.askPause
  }

  /// Whether something is missing that had time to arrive by itself.
  private func isMissed(_ place: Int, now: Instant) -> Bool {
    let since = originators[place].missingSince
    return since != .never && now.since(since) >= times.repairDelay
  }

  /// The number to name of an originator: below the first hole, when that is to be asked for.
  mutating func stated(_ place: Int, now: Instant) -> UInt32 {
    guard place != ownPlace, isMissed(place, now: now), mayAsk(place, now: now) else {
      return originators[place].highest
    }
    if Int(originators[place].asks) >= configuration.repairAttempts {
      originators.giveUpFirstMissing(at: place, now: now)
      return originators[place].highest
    }
    originators[place].asks += 1
    originators[place].askedAt = now
    return originators[place].complete
  }

  // MARK: Supplying

  /// Who sent a STATUS.
  struct Asker {
    let source: Endpoint
    /// Its place among the members; nil for a stranger.
    let peer: Int?
    /// Whether it is a member that has shown that it receives at this address: nobody else gets what would make a
    /// forged datagram worth its while.
    let isProven: Bool
    let bucket: Int
    /// Messages that it may still be sent because of this STATUS.
    var left: Int
    /// Numbers that may still be looked up because of this STATUS.
    var steps = 2 * 4_096

    init(source: Endpoint, peer: Int?, isProven: Bool, bucket: Int) {
      (self.source, self.peer, self.isProven, self.bucket) = (source, peer, isProven, bucket)
      left = isProven ? .max : 3
    }

    /// Originators that are looked at beside those that the STATUS names.
    var examinationLimit: Int { isProven ? 256 : 32 }

    /// What the repair memory knows it by: strangers by their bucket, above all members.
    var key: Int { peer ?? 0x8000 + bucket }
  }

  private func attempts(for asker: Asker) -> Int { asker.isProven ? configuration.attempts : 1 }

  /// Sends messages of an originator that follow a number.
  ///
  /// Only those that arrived here while the asker was a member, and had time to reach it by themselves; to others
  /// just the latest, as the original does.
  ///
  /// - Returns: Whether there are more.
  private mutating func offer(_ place: Int, after: UInt32, to asker: inout Asker, now: Instant) -> Bool {
    guard asker.left > 0, let found = firstLogged(place, after: after, steps: &asker.steps) else {
      return false
    }
    var number = found.number
    if let peer = asker.peer, now.since(found.entry.arrivedAt) <= age(of: peer, now: now) {
      guard now.since(found.entry.arrivedAt) >= times.repairDelay else { return false }
    } else {
      number = originators[place].highest
    }
    let isLatestOnly = number != found.number
    var batch = repairs.batch(peer: asker.key, originator: place, after: after, now: now)
    guard batch > 0 else { return false }
    if isLatestOnly { batch = 1 }
    var sent = 0
    var last = after
    let record = originators[place]
    for next in UInt64(number)...UInt64(record.highest) {
      let version = PittacusVersion(number: UInt32(truncatingIfNeeded: next), id: record.id)
      guard let reference = log.find(version), let entry = log.message(reference) else { continue }
      guard isLatestOnly || now.since(entry.arrivedAt) >= times.repairDelay else { break }
      guard sent < batch, asker.left > 0, limits.takeData(of: asker.bucket) else {
        note(place, after: after, last: last, sent: sent, to: asker, now: now)
        return sent > 0
      }
      enqueue(.data, to: asker.source, subject: reference, limit: attempts(for: asker))
      sent += 1
      asker.left -= 1
      last = version.number
    }
    note(place, after: after, last: last, sent: sent, to: asker, now: now)
    return false
  }

  private func note(_ place: Int, after: UInt32, last: UInt32, sent: Int, to asker: Asker, now: Instant) {
    guard sent > 0 else { return }
    repairs.note(peer: asker.key, originator: place, after: after, last: last, batch: sent, now: now)
  }

  /// How long a member has been known, with a second's grace: the news of it needed time to come here.
  private func age(of peer: Int, now: Instant) -> Nanoseconds {
    now.since(roster[peer].knownSince) &+ 1_000_000_000
  }

  /// The oldest message above a number that is still in the log. `steps` bounds the search; one that ends early goes
  /// on from there at the next question.
  private mutating func firstLogged(
    _ place: Int, after: UInt32, steps: inout Int
  ) -> (number: UInt32, entry: LogEntry)? {
    let record = originators[place]
    guard record.highest > after else { return nil }
    let reach = record.highest &- min(record.highest, UInt32(truncatingIfNeeded: configuration.window - 1))
    let floor = max(record.loggedFrom, reach)
    var number = max(after &+ 1, floor)
    // What was searched from the floor need not be searched again, wherever the window has moved to.
    defer { if after < floor { originators[place].loggedFrom = min(number, record.highest) } }
    while number <= record.highest, steps > 0 {
      steps -= 1
      if originators.has(number, at: place),
        let reference = log.find(PittacusVersion(number: number, id: record.id)),
        let entry = log.message(reference)
      {
        return (number, entry)
      }
      guard number < record.highest else { return nil }
      number += 1
    }
    return nil
  }

  // MARK: Naming

  /// Fills an answer up: to all that is known here if that fits, else to a full STATUS, so that it does not claim
  /// that the originators it does not name are unknown.
  private mutating func completeAnswer(now: Instant) {
    var place = originators.mostRecent
    while let current = place, answers.count < statusCapacity {
      if isKnown(current), !answers.names(originators[current].id) {
        answers.append(
          PittacusVersion(number: stated(current, now: now), id: originators[current].id))
      }
      place = originators.next(after: current)
    }
  }

  /// Writes the records of a STATUS: all originators if they fit; else half of it those that were active last, and
  /// half the others in turn.
  mutating func writeClock(_ list: inout PittacusEncoder.List, answer: UInt64, now: Instant) {
    let prepared = answers.count(of: answer)
    if prepared > 0 {
      for index in 0..<prepared { list.append(answers.record(index, of: answer)) }
      return
    }
    stamp &+= 1
    let capacity = statusCapacity
    let isInTurn = answer == AnswerPool.onlyInTurn
    let recent = originators.count <= capacity ? capacity : isInTurn ? 0 : capacity / 2
    var place = originators.mostRecent
    while let current = place, list.count < recent {
      name(current, in: &list, now: now)
      place = originators.next(after: current)
    }
    var tries = originators.count
    while list.count < capacity, tries > 0 {
      tries -= 1
      statusCursor = (statusCursor + 1) % originators.count
      if originators[statusCursor].named != stamp { name(statusCursor, in: &list, now: now) }
    }
  }

  /// Whether anybody sent messages of an originator: this peer is one only once it has.
  private func isKnown(_ place: Int) -> Bool { place != ownPlace || ownNumber > ownStart }

  private mutating func name(_ place: Int, in list: inout PittacusEncoder.List, now: Instant) {
    originators[place].named = stamp
    guard isKnown(place) else { return }
    list.append(PittacusVersion(number: stated(place, now: now), id: originators[place].id))
  }
}
