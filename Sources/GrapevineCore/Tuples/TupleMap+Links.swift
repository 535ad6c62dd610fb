// What neighbours say about tuples, and when something is to be said to them.

extension TupleMap {
  /// Time that a neighbour's answer may take before it is asked again. Chosen here: several round trips.
  static var answerTime: Nanoseconds { 500_000_000 }
  /// Time after what came from one neighbour until others are told. Chosen here: more comes at once.
  private static var gatherTime: Nanoseconds { 20_000_000 }
  /// Time that a comparison may take while another neighbour waits for one. Chosen here: long enough for a large map
  /// on a slow link.
  private static var sessionTime: Nanoseconds { 60_000_000_000 }
  /// Time for which a node that was away for long waits for somebody who was not. Chosen here.
  static var doubtTime: Nanoseconds { 30_000_000_000 }

  mutating func linkUp(_ slot: Int, peer: UInt64, now: Instant) {
    links[slot] = TupleLink()
    guard isEnabled else { return }
    links[slot].isSenior = identity < peer
    parts.linkUp(slot)
    // Who has nothing has nothing to tell: the other end does, if it has something.
    if table.count > 0 { askSummary(slot, at: now) }
    guard syncAt == .never else { return }
    syncAt = now + jittered(rules.syncInterval.asNanoseconds)
    doubtedUntil = now + Self.doubtTime
  }

  mutating func linkDown(_ slot: Int, now: Instant, up: SlotMask) {
    links[slot] = TupleLink()
    guard isEnabled else { return }
    parts.linkDown(slot)
    if session.phase != .idle, session.slot == slot { endSession() }
    if source == slot { source = nil }
    if up == 0 { syncAt = .never }
  }

  mutating func jittered(_ interval: Nanoseconds) -> Nanoseconds {
    interval / 4 * 3 + UInt64(generator.below(Int(truncatingIfNeeded: interval / 2 + 1)))
  }

  /// Has a neighbour asked how its map compares.
  func askSummary(_ slot: Int, at time: Instant) {
    links[slot].summaryAt = min(links[slot].summaryAt, time)
    links[slot].asks = true
  }

  /// Tells all neighbours but one that there may be something new here.
  mutating func askOthers(except slot: Int?, up: SlotMask, now: Instant) {
    var rest = slot.map { up & ~(1 << SlotMask($0)) } ?? up
    while rest != 0 {
      askSummary(rest.trailingZeroBitCount, at: now + Self.gatherTime)
      rest &= rest &- 1
    }
  }

  /// Takes a message about tuples that came on a link.
  ///
  /// - Returns: Whether it calls for an acknowledgement.
  mutating func onLinkMessage(
    _ kind: UInt8, from slot: Int, _ cursor: inout Cursor, now: Instant, counters: inout Counters,
    into changes: inout ChangeBuffer
  ) throws(DecodeError) -> Bool {
    guard isEnabled else { throw .unknownKind }
    switch kind {
    case MessageKind.summary:
      onSummary(try TupleSummary(from: &cursor), from: slot, now: now, counters: &counters, into: &changes)
    case MessageKind.symbolsWanted:
      try onSymbolsWanted(&cursor, from: slot, now: now, counters: &counters)
    case MessageKind.symbols:
      try onSymbols(&cursor, from: slot, now: now, counters: &counters)
      return true
    case MessageKind.tuplesWanted:
      try onTuplesWanted(&cursor, from: slot, now: now)
    case MessageKind.tupleRecords:
      try onRecords(&cursor, from: slot, now: now, counters: &counters, into: &changes)
      return true
    case MessageKind.streamWanted:
      onStreamWanted(from: slot, now: now, counters: &counters)
    case MessageKind.streamEnd:
      onStreamEnd(from: slot, now: now)
      return true
    case MessageKind.partsWanted:
      try onPartsWanted(&cursor, from: slot)
    case MessageKind.part:
      try onPart(&cursor, from: slot, now: now, counters: &counters, into: &changes)
      return true
    default:
      throw .unknownKind
    }
    return false
  }

  /// Whether something short is to be said on a link now.
  @inline(__always)
  func hasWord(_ slot: Int, now: Instant) -> Bool {
    guard isEnabled else { return false }
    return links[slot].summaryAt <= now || links[slot].wantsStream || hasQuestion(slot) || hasFetch(slot)
      || hasPartsQuestion(slot)
  }

  /// Writes the short messages that are due on a link, as many as fit.
  mutating func writeWords(_ slot: Int, to writer: inout Writer, now: Instant) {
    writeSummary(slot, to: &writer, now: now)
    writeQuestion(slot, to: &writer)
    if links[slot].wantsStream, writer.remaining > 0 {
      writer.write(MessageKind.streamWanted)
      links[slot].wantsStream = false
    }
    writePartsQuestions(slot, to: &writer)
    writeFetch(slot, to: &writer, now: now)
  }

  /// A broadcast about tuples, without its empty tag. What is wrong with it is counted.
  ///
  /// - Returns: Whether there was room for it; otherwise it is to come again.
  mutating func onBroadcast(
    _ payload: UnsafeRawBufferPointer, origin: UInt64, from slot: Int, now: Instant,
    counters: inout Counters, into changes: inout ChangeBuffer
  ) -> Bool {
    guard isEnabled, payload.count > SystemMessage.header else { return true }
    guard changes.hasRoom(for: payload.count) else { return false }
    let kind = payload[1]
    let body = UnsafeRawBufferPointer(rebasing: payload[SystemMessage.header...])
    var cursor = Cursor(RawSpan(_unsafeBytes: body))
    do throws(DecodeError) {
      switch kind {
      case SystemMessage.tuple:
        let (record, apart) = try TupleRecord.read(from: &cursor, origin: origin)
        guard isRecent(record.clock, now) else {
          counters.tuplesStale &+= 1
          break
        }
        receive(record, apart, from: slot, now: now, counters: &counters, into: &changes)
      case SystemMessage.mark:
        let mark = try TupleMark(from: &cursor)
        // One from the future would keep all later ones of its run from counting.
        if clock.accepts(mark.through, now) { marks.note(mark, of: origin) }
      default: break
      }
    } catch {
      counters.tuplesRefusedSize &+= 1
    }
    return true
  }

  /// Whether a broadcast of that date may be taken for news.
  ///
  /// Logs repeat broadcasts for as long as they hold them, to newcomers above all, and what was removed since may be
  /// remembered by nobody. Earlier ones are left to the comparison of maps, which has what still counts.
  func isRecent(_ clock: TupleClock, _ now: Instant) -> Bool {
    clock.milliseconds &+ self.clock.skew &+ Self.settleMilliseconds > self.clock.milliseconds(now)
  }

  /// Takes a record, or sees to it that its value is fetched.
  ///
  /// - Returns: Whether it is of use: it counts now, or will when its value or room for it has come.
  @discardableResult
  mutating func receive(
    _ record: TupleRecord, _ apart: (hash: UInt64, length: Int)?, from slot: Int, now: Instant,
    counters: inout Counters, into changes: inout ChangeBuffer
  ) -> Bool {
    guard let apart else {
      switch take(record, now: now, counters: &counters, into: &changes) {
      case .taken, .deferred: return true
      case .stale, .refused: return false
      }
    }
    guard apart.length <= rules.valueLimit else {
      counters.tuplesRefusedSize &+= 1
      return false
    }
    guard clock.accepts(record.clock, now) else {
      counters.tuplesRefusedClock &+= 1
      return false
    }
    if let place = table.find(record.key), !isNews(record, apart.hash, at: place) {
      counters.tuplesStale &+= 1
      return false
    }
    parts.want(record, hash: apart.hash, length: apart.length, from: slot, now: now)
    return true
  }

  /// Records that a neighbour sends: as answers, as what we lack, or as its whole map.
  private mutating func onRecords(
    _ cursor: inout Cursor, from slot: Int, now: Instant, counters: inout Counters,
    into changes: inout ChangeBuffer
  ) throws(DecodeError) {
    let count = try cursor.read(UInt8.self)
    guard count > 0 else { throw .outOfRange }
    let isOfSession = session.phase != .idle && session.slot == slot
    if source == slot { sourceUntil = now + Self.answerTime }
    for _ in 0..<count {
      let (record, apart) = try TupleRecord.read(from: &cursor, origin: 0)
      let isOfUse = receive(record, apart, from: slot, now: now, counters: &counters, into: &changes)
      guard isOfSession, session.phase == .exchanging || session.phase == .receiving else { continue }
      session.outstanding = max(0, session.outstanding - 1)
      // What is refused stays missing, and comes again as often as it is asked for.
      if isOfUse { session.arrivals += 1 }
    }
    if isOfSession { session.deadline = now + Self.answerTime }
  }
}

// Summaries.
extension TupleMap {
  /// Our state, as it is told to a neighbour.
  private func summary(to slot: Int, asks: Bool, now: Instant) -> TupleSummary {
    let isBusy = source != nil && source != slot && now < sourceUntil
    return TupleSummary(
      flags: (asks ? TupleSummary.asks : 0) | (isBusy ? TupleSummary.isBusy : 0), count: UInt64(table.count),
      fingerprint: table.fingerprint, sharedAt: sharedAt, sharedSince: sharedSince)
  }

  /// Writes our summary if it is due.
  mutating func writeSummary(_ slot: Int, to writer: inout Writer, now: Instant) {
    guard links[slot].summaryAt <= now, writer.remaining >= TupleSummary.lengthLimit else { return }
    let asks = links[slot].asks
    summary(to: slot, asks: asks, now: now).write(to: &writer)
    links[slot].summaryAt = .never
    links[slot].asks = false
    guard asks else { return }
    links[slot].isAsking = true
    links[slot].answerBy = now + Self.answerTime
  }

  private mutating func onSummary(
    _ theirs: TupleSummary, from slot: Int, now: Instant, counters: inout Counters,
    into changes: inout ChangeBuffer
  ) {
    let isAnswer = links[slot].isAsking && theirs.flags & TupleSummary.asks == 0
    if isAnswer {
      links[slot].isAsking = false
      links[slot].answerBy = .never
    }
    if theirs.flags & TupleSummary.asks != 0 {
      links[slot].summaryAt = min(links[slot].summaryAt, now)
      // The answer to this one says all that an answer to ours would; and of two who ask at once, one leads.
      links[slot].asks = false
      if !links[slot].isSenior {
        links[slot].isAsking = false
        links[slot].answerBy = .never
      }
    }
    guard theirs.count != UInt64(table.count) || theirs.fingerprint != table.fingerprint else {
      links[slot].repeats = 0
      links[slot].agreed = table.fingerprint
      // Two that may both have been away for long know nothing of who was not.
      if !isDoubted(now) || isLonger(theirs.sharedAt, than: sharedAt) {
        didShare(through: clock.reading(now), since: theirs.sharedSince)
      }
      return
    }
    if clock.accepts(theirs.sharedAt, now), theirs.sharedAt > sharedElsewhere {
      // What they have forgotten by that date is not to be told them again.
      sharedElsewhere = theirs.sharedAt
      if table.tombstoneCount > 0, dropNext == nil { dropNext = 0 }
    }
    let isBehind = mustYield(to: theirs, now: now)
    if isAnswer && !isAhead(of: theirs) || isBehind {
      lead(theirs, slot, isYielding: isBehind, now: now, counters: &counters)
    } else if theirs.count > 4 * UInt64(table.count) + 64, source == nil || now >= sourceUntil {
      // They are about to send all they have: others need not.
      source = slot
      sourceUntil = now + Self.answerTime
    }
  }

  /// Notes that all that was here at a reading of the clock is with a neighbour too, who has been in touch since some
  /// other reading.
  mutating func didShare(through reading: TupleClock, since: TupleClock) {
    guard writers.isInTouch else { return }
    // It counts once it is clear that the cluster had not come apart by then.
    let wait = min(Self.touchMilliseconds, horizon / 8)
    guard sharedNext.bits != 0, reading.milliseconds >= sharedNext.milliseconds &+ wait else {
      if sharedNext.bits == 0 { sharedNext = reading }
      return
    }
    settleShare(sharedNext, since: since)
    sharedNext = reading
  }

  /// Time after which members know of each other's failure, nearly always. Chosen here: three times what it takes.
  private static var touchMilliseconds: UInt64 { 30_000 }

  private mutating func settleShare(_ reading: TupleClock, since: TupleClock) {
    defer { sharedAt = max(sharedAt, reading) }
    if sharedAt.bits == 0 || isLonger(reading, than: sharedAt) {
      // After a gap it begins anew.
      sharedSince = reading
    } else if sharedSince.bits == 0 {
      sharedSince = sharedAt
    }
    if since.bits != 0 { sharedSince = min(sharedSince, since) }
  }

  /// Whether a reading is so much later than another that removals between them may have been forgotten.
  ///
  /// Three quarters of the horizon, so that nobody forgets earlier than this.
  private func isLonger(_ reading: TupleClock, than other: TupleClock) -> Bool {
    reading.milliseconds > other.milliseconds &+ (horizon - horizon / 4)
  }

  /// Whether this node was away for so long that others have forgotten what they removed meanwhile: then what it has
  /// and a neighbour has not was removed. The neighbour must have been in touch all the time: one that came later
  /// has seen nothing removed.
  private func mustYield(to theirs: TupleSummary, now: Instant) -> Bool {
    // Whoever claims to have been in touch in the future has a wrong clock, and is right about nothing.
    sharedAt.bits != 0 && clock.accepts(theirs.sharedAt, now) && !ablations.contains(.yielding)
      && isLonger(theirs.sharedAt, than: sharedAt) && theirs.sharedSince.bits != 0
      && theirs.sharedSince <= sharedAt
  }

  /// Whether a neighbour was away for so long: it compares, and not we.
  private func isAhead(of theirs: TupleSummary) -> Bool {
    theirs.sharedAt.bits != 0 && isLonger(sharedAt, than: theirs.sharedAt) && sharedSince.bits != 0
      && sharedSince <= theirs.sharedAt
  }

  /// Whether this node may have been away for so long that it does better to hear of others than to tell them.
  ///
  /// When in some time nobody comes who was in touch for longer, there is nobody.
  func isDoubted(_ now: Instant) -> Bool {
    now < doubtedUntil && sharedAt.bits != 0
      && clock.milliseconds(now) > sharedAt.milliseconds &+ (horizon - horizon / 4)
  }

  /// Begins a comparison with a neighbour whose map differs.
  private mutating func lead(
    _ theirs: TupleSummary, _ slot: Int, isYielding: Bool, now: Instant, counters: inout Counters
  ) {
    if session.phase != .idle {
      guard slot != session.slot else { return }
      // One at a time: what the present one brings may be all there is. But nobody has this node to itself.
      guard now >= session.heldUntil else { return askSummary(slot, at: now + Self.answerTime) }
      endSession()
    }
    guard isYielding || !isDoubted(now) else { return askSummary(slot, at: doubtedUntil) }
    let (ours, others) = (UInt64(table.count), theirs.count)
    if !isYielding, ours > 4 * others + 64 {
      if theirs.flags & TupleSummary.isBusy != 0 {
        askSummary(slot, at: now + jittered(2 * Self.answerTime))
      } else {
        offerStream(to: slot, now: now, counters: &counters)
      }
      return
    }
    counters.tupleSyncs &+= 1
    session = TupleSession()
    session.slot = slot
    session.number = UInt32(truncatingIfNeeded: generator.next())
    session.startedAt = clock.reading(now)
    session.heldUntil = now + Self.sessionTime
    session.isYielding = isYielding
    session.since = theirs.sharedSince
    session.acceptedBefore = counters.tuplesAccepted
    if !isYielding, others > 4 * ours + 64 {
      askStream(now: now)
    } else {
      beginComparison(ours, others, now: now)
    }
  }
}
