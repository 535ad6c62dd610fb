// The failed are remembered, in case it was the network: two halves of a split cluster find each other again.
//
// SWIM forgets who failed. Here each is asked now and then, more rarely the longer it has been gone: by somebody
// once in a reconnect interval for ten minutes, however many members there are, and then less and less. One that
// answers announces itself anew, is introduced to the overlay, and the two ends compare their tables; whoever is
// alive according to the one and failed to the other is asked in turn. So are the contacts that no member was found at:
// halves that were never one know nothing else of each other.

extension Membership {
  /// Time gone for which a member is looked for at the full rate, and the least share of that rate. Chosen here:
  /// longer than most outages; and once in ten minutes after that.
  private static var fullRate: Nanoseconds { 600_000_000_000 }
  private static var leastShare: Double { 1.0 / 60 }

  /// Members asked at once that seem to live again, and the time until the next. Chosen here: 80 a second.
  private static var hintsAtOnce: Int { 4 }
  private static var hintPause: Nanoseconds { 50_000_000 }

  mutating func advanceReconnects(
    _ view: borrowing Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    if now >= reconnectAt {
      reconnectAt = now + jittered(rules.reconnectInterval.asNanoseconds)
      forget(now: now)
      strangeContact = strangeContact(of: view)
      if let place = lostMember(now: now) { again(place, now: now, counters: &counters, into: &effects) }
    }
    if hintCount > 0, now >= hintAt { followHints(now: now, counters: &counters, into: &effects) }
  }

  /// Forgets who has been gone for too long.
  private mutating func forget(now: Instant) {
    guard table.counts.failed + table.counts.left > 0 else { return }
    let memory = rules.memory.asNanoseconds
    for place in 1..<table.placesUsed where table[place].isGone && now.since(table[place].since) > memory {
      news.remove(place)
      unhint(place)
      table.remove(place)
    }
  }

  /// A failed member to look for, if it is this node's turn: all members together look for each as often as its
  /// share says.
  private mutating func lostMember(now: Instant) -> Int? {
    guard table.counts.failed > 0 else { return nil }
    var sum = 0.0
    for place in 1..<table.placesUsed where table[place].hasFailed { sum += share(place, now: now) }
    guard generator.chance(sum / Double(max(1, table.livingCount))) else { return nil }
    var left = sum * Double(generator.next() >> 11) * 0x1p-53
    var last: Int?
    for place in 1..<table.placesUsed where table[place].hasFailed {
      last = place
      left -= share(place, now: now)
      if left <= 0 { break }
    }
    return last
  }

  /// A contact that is no member's address, if it is this node's turn to look for it.
  private mutating func strangeContact(of view: borrowing Neighbourhood) -> Endpoint? {
    guard view.up != 0 else { return nil }
    let strangers = view.contacts.filter { contact in
      view.slot(of: contact) == nil && !hasLivingMember(at: contact)
    }
    let chance = max(Self.leastShare, 1 / Double(max(1, table.livingCount)))
    guard !strangers.isEmpty, generator.chance(chance) else { return nil }
    return strangers[generator.below(strangers.count)]
  }

  private func hasLivingMember(at endpoint: Endpoint) -> Bool {
    for place in 0..<table.placesUsed where table[place].endpoint == endpoint && table[place].isLiving {
      return true
    }
    return false
  }

  private func share(_ place: Int, now: Instant) -> Double {
    let gone = now.since(table[place].since)
    guard gone > Self.fullRate else { return 1 }
    return max(Self.leastShare, Double(Self.fullRate) / Double(gone))
  }

  /// Something is said of a member that cannot be true, or is: it is asked itself, as if it had failed.
  mutating func seek(_ place: Int, now: Instant) {
    guard place != MemberTable.own, !table[place].isHinted, !table[place].isFree else { return }
    table.note(place) { $0.isHinted = true }
    hintCount += 1
    if hintAt == .never { hintAt = now }
  }

  /// Something says that a failed member lives.
  mutating func hint(_ place: Int, now: Instant) {
    guard table[place].hasFailed else { return }
    seek(place, now: now)
  }

  mutating func unhint(_ place: Int) {
    guard table[place].isHinted else { return }
    table.note(place) { $0.isHinted = false }
    hintCount -= 1
  }

  private mutating func followHints(now: Instant, counters: inout Counters, into effects: inout Effects) {
    hintAt = now + Self.hintPause
    var asked = 0
    for _ in 0..<table.placesUsed where asked < Self.hintsAtOnce && hintCount > 0 {
      hintPlace = hintPlace + 1 < table.placesUsed ? hintPlace + 1 : 1
      guard hintPlace < table.placesUsed, table[hintPlace].isHinted else { continue }
      let place = hintPlace
      unhint(place)
      guard !table[place].isFree else { continue }
      asked += 1
      again(place, now: now, counters: &counters, into: &effects)
    }
  }
}
