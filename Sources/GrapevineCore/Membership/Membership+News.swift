// What is said of members: what this node makes of it, and what it tells others.

extension Membership {
  /// Incarnations that a piece of news may be ahead of what is known. Chosen here: nobody refutes so often
  /// between two things that are heard of it, and numbers so far apart are compared rightly.
  static var leapLimit: UInt32 { 1 << 16 }

  /// Takes a piece of news.
  ///
  /// - Parameters:
  ///   - slot: The link it came on; nil in a member frame.
  ///   - isContents: Whether it is out of a neighbour's table, and not news.
  ///   - sender: Who sent the member frame; nil on a link.
  /// - Returns: Whether it accuses this node, or is behind about it.
  mutating func onNews(
    _ kind: UInt8, from slot: Int?, isContents: Bool = false, sender: Sender? = nil, _ cursor: inout Cursor,
    now: Instant, counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) -> Bool {
    counters.newsReceived &+= 1
    if rules.signs, kind == MessageKind.signedAlive || kind == MessageKind.signedLeft {
      return try onFact(
        kind, from: slot, isContents: isContents, sender: sender, &cursor, now: now, counters: &counters,
        into: &effects)
    }
    guard kind != MessageKind.alive else {
      let alive = try AliveNews(from: &cursor)
      guard !rules.signs else {
        counters.factsRefused &+= 1
        return false
      }
      let isOwnWord = sender.map { $0.run == alive.run && $0.endpoint == alive.endpoint } ?? false
      // A stranger can speak of itself only.
      guard isOpen, isOwnWord || sender?.isKnown ?? true else { return false }
      if isOwnWord { catchUp(with: alive) }
      onAlive(alive, from: slot, isContents: isContents, now: now, counters: &counters, into: &effects)
      // Whoever is behind about this node is told, as whoever accuses it.
      return alive.run == run && alive.incarnation != table[MemberTable.own].incarnation
    }
    let verdict = try Verdict(kind, from: &cursor)
    guard isOpen, isAnnounced, let place = table.find(verdict.id) else { return false }
    let entry = table[place]
    if place == MemberTable.own {
      guard !rules.signs else { return onClaim(ofOwn: verdict.incarnation, now: now, counters: &counters) }
      guard !hasLeft else { return false }
      if !entry.isOlder(than: verdict.incarnation), entry.incarnation != verdict.incarnation { return true }
      refute(above: verdict.incarnation, now: now, counters: &counters)
      return true
    }
    guard sender?.isKnown ?? true else { return false }
    if rules.signs {
      guard verdict.status != .left else {
        counters.factsRefused &+= 1
        return false
      }
      guard isClaimInTime(verdict.incarnation, place) else { return false }
    }
    guard isCredible(verdict.incarnation, place, now: now, &counters) else { return false }
    // What concerns an earlier incarnation is over.
    guard entry.incarnation == verdict.incarnation || entry.isOlder(than: verdict.incarnation) else {
      return false
    }
    if isContents, entry.isAlive {
      // Not to be taken at their word, but worth a look.
      order.hasten(place)
      return false
    }
    on(verdict, at: place, from: slot, now: now, into: &effects)
    return false
  }

  private mutating func on(
    _ verdict: Verdict, at place: Int, from slot: Int?, now: Instant, into effects: inout Effects
  ) {
    let entry = table[place]
    switch verdict.status {
    case .suspect:
      guard entry.isLiving else { return }
      suspect(
        place, incarnation: verdict.incarnation, by: verdict.accuser, from: slot, now: now, into: &effects)
    case .failed where entry.isLiving && rules.signs:
      // Whoever says so has seen no more than whoever suspects it.
      suspect(
        place, incarnation: verdict.incarnation, by: verdict.accuser, from: slot, now: now, into: &effects)
    case .failed where entry.isLiving && ablations.contains(.surprise):
      fail(place, by: verdict.accuser, from: slot, now: now, into: &effects)
    case .failed where entry.isLiving:
      // A failure that comes as a surprise: it has the time that a suspicion has which many share.
      if entry.isAlive || entry.incarnation != verdict.incarnation {
        suspect(
          place, incarnation: verdict.incarnation, by: verdict.accuser, from: slot, now: now, into: &effects)
      }
      table.note(place) { $0.confirmations = UInt8(Suspicion.confirmationLimit) }
      if deadline(of: place) <= now {
        fail(place, by: verdict.accuser, from: slot, now: now, into: &effects)
      } else {
        suspects.due = min(suspects.due, deadline(of: place))
      }
    case .left where entry.status != MemberStatus.left.rawValue:
      leave(place, incarnation: verdict.incarnation, from: slot, now: now, into: &effects)
    case .failed, .left, .alive: return
    }
  }

  /// A member has said goodbye.
  mutating func leave(
    _ place: Int, incarnation: UInt32, from slot: Int?, now: Instant, into effects: inout Effects
  ) {
    table.update(place) {
      $0.status = MemberStatus.left.rawValue
      $0.incarnation = incarnation
      $0.since = now
    }
    push(place, from: slot, now: now)
    report(.left, place, into: &effects)
  }

  /// Whether a member can have come to an incarnation; if not, it is asked itself.
  private mutating func isCredible(
    _ incarnation: UInt32, _ place: Int, now: Instant, _ counters: inout Counters
  ) -> Bool {
    let entry = table[place]
    guard entry.isOlder(than: incarnation), incarnation &- entry.incarnation > Self.leapLimit else {
      return true
    }
    counters.newsIncredible &+= 1
    seek(place, now: now)
    return false
  }

  /// A member says itself what its incarnation is, from its own address: whatever was heard of it, it knows.
  private mutating func catchUp(with alive: AliveNews) {
    guard let place = table.find(alive.id), place != MemberTable.own, table[place].run == alive.run,
      alive.incarnation != table[place].incarnation,
      alive.incarnation &- table[place].incarnation > Self.leapLimit,
      table[place].incarnation &- alive.incarnation > Self.leapLimit
    else { return }
    table.update(place) { $0.incarnation = alive.incarnation &- 1 }
  }
}

// ALIVE.
extension Membership {
  /// Takes what a member says of itself.
  ///
  /// - Returns: Whether that is what is known of another member now.
  @discardableResult
  mutating func onAlive(
    _ alive: AliveNews, from slot: Int?, isContents: Bool, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) -> Bool {
    guard alive.endpoint.isUsable else { return false }
    let id = alive.id
    guard id != ownID else {
      onOwn(alive, now: now, counters: &counters, into: &effects)
      return false
    }
    guard let place = table.find(id) else {
      return add(alive, id, from: slot, isContents: isContents, now: now, counters: &counters, into: &effects)
    }
    let entry = table[place]
    guard rules.signs || isCredible(alive.incarnation, place, now: now, &counters) else { return false }
    // Of one that is only remembered from an earlier run of this node, what it was then is news.
    let isTie = entry.incarnation == alive.incarnation && (entry.run < alive.run || entry.isRecalled)
    guard entry.isOlder(than: alive.incarnation) || isTie else {
      // Somebody there takes it to be alive: it may be, behind what was a split.
      if entry.hasFailed, isContents, entry.incarnation == alive.incarnation { hint(place, now: now) }
      // Or it has started anew where nobody remembered it, and counts from the beginning.
      if entry.isGone, entry.run != alive.run {
        challenge(alive, place, now: now, counters: &counters, into: &effects)
      }
      return false
    }
    let change = change(of: entry, by: alive, place, &counters)
    table.update(place) {
      if !entry.isAlive || change != nil { $0.since = now }
      $0.run = alive.run
      $0.endpoint = alive.endpoint
      $0.incarnation = alive.incarnation
      $0.version = alive.version
      $0.status = MemberStatus.alive.rawValue
      $0.confirmations = 0
      $0.isAccusedHere = false
      $0.isRecalled = false
    }
    unhint(place)
    table.setData(place, name: alive.name, tags: alive.tags)
    enterOrder(place)
    if !(isContents && isNewcomer) { push(place, from: slot, now: now) }
    if let change { report(change, place, into: &effects) }
    return true
  }

  /// What a later incarnation of a known member means.
  private func change(
    of entry: MemberEntry, by alive: AliveNews, _ place: Int, _ counters: inout Counters
  ) -> MemberChange? {
    if entry.run != alive.run {
      if entry.isLiving, entry.endpoint != alive.endpoint { counters.nameConflicts &+= 1 }
      return .joined
    }
    switch MemberStatus(rawValue: entry.status) {
    case .failed: return entry.isRecalled ? .joined : .merged
    case .left: return .joined
    case .suspect: return .recovered
    case .alive, nil:
      let isSame = entry.endpoint == alive.endpoint && table.tags(place).elementsEqual(alive.tags)
      return isSame ? nil : .updated
    }
  }

  /// The time between two such answers. Chosen here: a lie that names somebody else makes hardly a stream.
  private static var challengePause: Nanoseconds { 50_000_000 }

  /// Tells a new run of a member that is gone what is known of it, so that it announces itself above that.
  private mutating func challenge(
    _ alive: AliveNews, _ place: Int, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard now >= challengeAt, effects.datagrams.hasRoom else { return }
    challengeAt = now + Self.challengePause
    var writer = beginFrame(&effects)
    _ = writeNews(place, to: &writer, counters: &counters)
    finishFrame(
      &writer, to: alive.endpoint, run: alive.run, withNews: false, counters: &counters, into: &effects)
  }

  private mutating func add(
    _ alive: AliveNews, _ id: UInt64, from slot: Int?, isContents: Bool, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) -> Bool {
    var entry = MemberEntry()
    entry.id = id
    entry.run = alive.run
    entry.endpoint = alive.endpoint
    entry.incarnation = alive.incarnation
    entry.since = now
    entry.version = alive.version
    entry.status = MemberStatus.alive.rawValue
    guard let (place, forgotten) = table.add(entry) else {
      counters.membersRefused &+= 1
      return false
    }
    if let forgotten {
      counters.membersForgotten &+= 1
      if forgotten.isHinted { hintCount -= 1 }
      news.remove(place)
    }
    table.setData(place, name: alive.name, tags: alive.tags)
    enterOrder(place)
    if !(isContents && isNewcomer) { push(place, from: slot, now: now) }
    report(.joined, place, into: &effects)
    return true
  }

  mutating func enterOrder(_ place: Int) {
    guard !table[place].isOrdered else { return }
    table.note(place) { $0.isOrdered = true }
    order.add(place, using: &generator)
  }

  /// Somebody says that this node is alive: it knows that better.
  private mutating func onOwn(
    _ alive: AliveNews, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard isAnnounced, !hasLeft else { return }
    let own = table[MemberTable.own]
    let isLater = own.isOlder(than: alive.incarnation)
    if alive.run == run {
      if isLater { refute(above: alive.incarnation, now: now, counters: &counters) }
      return
    }
    guard isLater || own.incarnation == alive.incarnation else { return }
    // An earlier run of this node, or another member with its name: of two living ones, the greater run keeps it.
    if alive.endpoint != own.endpoint {
      counters.nameConflicts &+= 1
      if alive.run > run, now >= rivalAt { askRival(alive, now: now, counters: &counters, into: &effects) }
    }
    refute(above: alive.incarnation, now: now, counters: &counters)
  }

  /// Asks a member that is said to have this node's name: only if it answers to that name, it has it.
  private mutating func askRival(
    _ alive: AliveNews, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    rivalAt = now + Self.refutationPause
    var call = Call()
    call.reason = .rival
    call.number = nextNumber()
    call.run = alive.run
    call.deadline = now + period
    call.requester = alive.endpoint
    guard calls.add(call) else { return }
    send(
      MessageKind.ping, number: call.number, to: alive.endpoint, run: alive.run, counters: &counters,
      into: &effects)
  }

  /// The time between two refutations: many lies at once are refuted in one. Chosen here.
  private static var refutationPause: Nanoseconds { 100_000_000 }

  /// Says that this node lives.
  mutating func refute(above incarnation: UInt32, now: Instant, counters: inout Counters) {
    guard !ablations.contains(.refutation) else { return }
    let waiting = refutedBy ?? incarnation
    let highest = Int32(bitPattern: waiting &- incarnation) > 0 ? waiting : incarnation
    guard now >= refuteAt else {
      refutedBy = highest
      return
    }
    refutedBy = nil
    refuteAt = now + Self.refutationPause
    counters.refutations &+= 1
    // Lifeguard: whoever is not heard may be the one who does not hear.
    if now >= blameAt {
      blameAt = now + period
      doubt.change(by: 1)
    }
    raise(above: highest, now: now)
  }
}

// What is told.
extension Membership {
  /// Times that a piece of news is told.
  var transmissions: Int {
    Suspicion.transmissions(rules.retransmitFactor, members: table.livingCount)
  }

  /// Fills a member frame with news.
  mutating func tellNews(in writer: inout Writer, counters: inout Counters) {
    guard news.count > 0 else { return }
    news.tell(limit: transmissions, of: table, to: &writer, counters: &counters)
  }

  /// Writes what is known of a member.
  func writeNews(_ place: Int, to writer: inout Writer, counters: inout Counters) -> Bool {
    table.writeNews(place, to: &writer, counters: &counters)
  }

  /// Writes news to a neighbour: up to `limit` bytes, and one piece at least if that fits.
  mutating func writeLinkNews(_ slot: Int, limit: Int, to writer: inout Writer, counters: inout Counters) {
    let isBehind = linkNews.tell(slot, limit: limit, of: table, to: &writer, counters: &counters)
    // What was skipped, its other end finds by comparing tables.
    if isBehind { counters.newsSkipped &+= 1 }
  }
}
