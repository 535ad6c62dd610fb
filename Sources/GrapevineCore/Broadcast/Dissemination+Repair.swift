// Anti-entropy: telling what is held, finding what is missing, asking for it, giving it up.

// Telling.
extension Dissemination {
  /// Writes the entries of a digest that are due on a link, as many as fit.
  mutating func writeDigest(_ slot: Int, to writer: inout Writer, now: Instant) {
    let start = writer.count
    let backlog = firstPending(slot)
    guard writer.remaining >= 2 + DigestEntry.headLimit + DigestEntry.rangeLimit else { return }
    writer.write(states[slot].asks ? MessageKind.digestAsking : MessageKind.digest)
    writer.write(UInt8(0))
    var count: UInt8 = 0
    var isComplete = true
    scan: for word in 0..<wordsPerLink {
      while dirty[slot * wordsPerLink + word] != 0 {
        let bits = dirty[slot * wordsPerLink + word]
        guard count < .max, writer.remaining >= DigestEntry.headLimit + DigestEntry.rangeLimit else {
          isComplete = false
          break scan
        }
        let bit = bits.trailingZeroBitCount
        dirty[slot * wordsPerLink + word] &= bits &- 1
        let place = word * 64 + bit
        writeEntry(place, below: backlog?.place == place ? backlog?.sequence : nil, to: &writer)
        count += 1
        let isConfirmed = progress[slot * capacity + place].floor >= streams[place].floor
        if !isConfirmed { unsettled[slot * wordsPerLink + word] |= 1 << UInt64(bit) }
      }
    }
    if count == 0 { writer.truncate(to: start) } else { writer.overwrite(at: start + 1, with: count) }
    didWriteDigest(slot, isComplete: isComplete, now: now)
  }

  private func didWriteDigest(_ slot: Int, isComplete: Bool, now: Instant) {
    guard isComplete else {
      states[slot].digestAt = now
      return
    }
    states[slot].asks = false
    states[slot].digestAt = .never
    if states[slot].resendAt == .never, hasUnsettled(slot) {
      states[slot].resendAt = now + 2 * states[slot].resendWait
    }
  }

  private func hasUnsettled(_ slot: Int) -> Bool {
    for word in 0..<wordsPerLink where unsettled[slot * wordsPerLink + word] != 0 { return true }
    return false
  }

  /// The message that the link will push next, when it cannot push all at once.
  private mutating func firstPending(_ slot: Int) -> (place: Int, sequence: UInt64)? {
    guard hasPush(slot) || states[slot].cursor < log.head else { return nil }
    let entry = log[states[slot].cursor]
    return (Int(entry.stream), entry.sequence)
  }

  /// - Parameter pending: What is still to be pushed from this number on is not announced: the other end
  /// would ask for
  ///   what is on its way.
  private func writeEntry(_ place: Int, below pending: UInt64?, to writer: inout Writer) {
    let stream = streams[place]
    let floor = pending.map { min(stream.floor, $0 - 1) } ?? stream.floor
    let low = min(stream.evictedHigh, floor)
    DigestEntry(
      origin: stream.origin, floor: floor, available: floor - low, hops: hops(of: floor, place), ranges: 0
    ).write(to: &writer)
    let rangesAt = writer.count - 1
    guard stream.ahead > 0, pending == nil else { return }
    var position = stream.floor
    var ranges: UInt8 = 0
    while ranges < UInt8(DigestEntry.rangesLimit), writer.remaining >= DigestEntry.rangeLimit,
      let range = windows.nextRange(
        held: true, after: position, through: stream.knownHigh, in: stream, at: place)
    {
      range.write(after: &position, to: &writer)
      ranges += 1
    }
    writer.overwrite(at: rangesAt, with: ranges)
  }

  /// The hops with which a message would be pushed from here; the most when it is not in the log.
  private func hops(of sequence: UInt64, _ place: Int) -> UInt8 {
    log.find(stream: place, sequence: sequence).map { log[$0].hops } ?? GossipHeader.hopsLimit
  }

  /// Has told again what the other end has not confirmed in time, and asks it to confirm.
  mutating func resend(_ slot: Int, now: Instant) {
    guard now >= states[slot].resendAt else { return }
    states[slot].resendAt = .never
    var found = false
    for word in 0..<wordsPerLink {
      let bits = unsettled[slot * wordsPerLink + word]
      guard bits != 0 else { continue }
      dirty[slot * wordsPerLink + word] |= bits
      unsettled[slot * wordsPerLink + word] = 0
      found = true
    }
    guard found else { return }
    states[slot].asks = true
    states[slot].digestAt = min(states[slot].digestAt, now)
    states[slot].resendWait = min(states[slot].resendWait * 2, 1_000_000_000)
  }

  /// Takes a neighbour's digest.
  mutating func onDigest(
    asking: Bool, from slot: Int, entries cursor: inout Cursor, now: Instant, counters: inout Counters
  ) throws(DecodeError) {
    let count = try cursor.read(UInt8.self)
    for _ in 0..<count {
      let entry = try DigestEntry(from: &cursor)
      var high = entry.floor
      for _ in 0..<entry.ranges { high = try SequenceRange(after: &high, from: &cursor).last }
      onEntry(entry, high: high, asking: asking, from: slot, now: now, counters: &counters)
    }
  }

  private mutating func onEntry(
    _ entry: DigestEntry, high: UInt64, asking: Bool, from slot: Int, now: Instant, counters: inout Counters
  ) {
    guard streams.find(entry.origin, .reliable) != nil || high > 0,
      let place = place(entry.origin, .reliable, now: now, counters: &counters)
    else { return }
    let row = slot * capacity + place
    if entry.floor > progress[row].floor {
      progress[row].floor = entry.floor
      states[slot].blockingSince = Instant()
      if states[slot].isLagging, entry.floor >= streams[place].evictedHigh { states[slot].isLagging = false }
    }
    progress[row].high = max(progress[row].high, high)
    progress[row].low = entry.floor - entry.available + 1
    states[slot].hops = entry.hops
    considerShorterWay(slot, place, floor: entry.floor, hops: entry.hops, now: now)
    let isOwn = place < 2
    if !isOwn, high > streams[place].knownHigh { streams[place].knownHigh = high }
    if progress[row].floor >= streams[place].floor {
      unsettled[slot * wordsPerLink + place >> 6] &= ~(1 << UInt64(place & 63))
    } else {
      markDirty(place, on: slot)
      if states[slot].digestAt == .never { states[slot].digestAt = now + digestDelay }
    }
    if asking { tell(place, slot, now: now) }
    if !isOwn, streams[place].floor < streams[place].knownHigh {
      becomeIncomplete(place, seenBy: slot, now: now)
    }
  }
}

// Asking.
extension Dissemination {
  /// Requests in a row without success after which waiting gets no longer, and hope for a mere chance ends.
  private static var fruitlessLimit: UInt8 { 4 }

  /// Decides, for every stream with something missing whose time has come, whom to ask or what to give up.
  ///
  /// - Parameter isNewcomer: Whether what was forgotten everywhere was sent before this node joined, and is
  /// no loss.
  mutating func advance(isNewcomer: Bool, now: Instant, counters: inout Counters, into effects: inout Effects)
  {
    guard now >= repairAt else { return }
    repairAt = .never
    var position = 0
    while position < incompleteCount {
      let place = Int(incomplete[position])
      if streams[place].floor >= streams[place].knownHigh {
        streams[place].isIncomplete = false
        incompleteCount -= 1
        incomplete[position] = incomplete[incompleteCount]
        continue
      }
      if now >= streams[place].requestAt {
        seek(place, isNewcomer: isNewcomer, now: now, counters: &counters, into: &effects)
      }
      if streams[place].floor < streams[place].knownHigh {
        repairAt = min(repairAt, streams[place].requestAt)
      } else {
        repairAt = now
      }
      position += 1
    }
  }

  /// What neighbours show of a stream's first missing message.
  private struct Supply {
    /// Those that hold it.
    var holders: SlotMask = 0
    /// Those that hold later ones only: they may lack it as well, or what they told of it is old.
    var hopefuls: SlotMask = 0
    /// How many held it and have forgotten it, those of them that have later ones which are missing here,
    /// and the lowest number that any of them still has.
    var forgetful = 0
    var others: SlotMask = 0
    var lowest = UInt64.max
    /// Whether the origin itself is a neighbour, and has forgotten the message or not sent it yet.
    var isForgottenByOrigin = false
    /// How many show messages so far ahead that they cannot be taken, and whether the origin does.
    var ahead = 0
    var isOriginAhead = false
    var isUnsent = false
  }

  private func supply(of place: Int) -> Supply {
    let wanted = streams[place].floor &+ 1
    var supply = Supply()
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      let bit = rest & ~(rest &- 1)
      rest &= rest &- 1
      let view = progress[slot * capacity + place]
      let isOrigin = states[slot].peer == streams[place].origin
      if view.high >= streams[place].floor &+ windows.width {
        supply.ahead += 1
        if isOrigin { supply.isOriginAhead = true }
      }
      if view.high < wanted {
        if isOrigin { supply.isUnsent = true }
      } else if view.floor < wanted {
        supply.hopefuls |= bit
      } else if view.low <= wanted {
        supply.holders |= bit
      } else {
        supply.forgetful += 1
        supply.lowest = min(supply.lowest, view.low)
        if isOrigin { supply.isForgottenByOrigin = true }
        let isUseful =
          windows.nextRange(
            held: false, after: view.low &- 1, through: view.floor, in: streams[place], at: place) != nil
        if isUseful { supply.others |= bit }
      }
    }
    return supply
  }

  private mutating func seek(
    _ place: Int, isNewcomer: Bool, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    let supply = supply(of: place)
    let hasHope = supply.hopefuls != 0 && streams[place].fruitlessRequests < Self.fruitlessLimit
    if supply.holders != 0 || hasHope {
      streams[place].unsuppliedSince = Instant()
      if waitsForTree(place, holders: supply.holders | supply.hopefuls, now: now) {
        streams[place].requestAt =
          streams[place].missingSince + treePatience(supply.holders | supply.hopefuls)
        return
      }
      return ask(supply.holders != 0 ? supply.holders : supply.hopefuls, place, now: now)
    }
    if supply.forgetful == 0, supply.hopefuls == 0, streams[place].ahead == 0 {
      // Whoever showed more is gone, so nothing is known to be missing.
      streams[place].knownHigh = streams[place].floor
      return
    }
    giveUp(place, supply, isNewcomer: isNewcomer, now: now, counters: &counters, into: &effects)
    let others = supply.hopefuls | supply.others
    if others != 0, streams[place].floor < streams[place].knownHigh { ask(others, place, now: now) }
  }

  /// Has a request written to one of `suppliers`; another than the last time when that was fruitless.
  private mutating func ask(_ suppliers: SlotMask, _ place: Int, now: Instant) {
    var choices = suppliers
    let last = Int(streams[place].requestSlot)
    if streams[place].fruitlessRequests > 0 {
      // Whoever did not answer is not asked twice in a row, and what it announces counts for less.
      if choices & ~(1 << SlotMask(last)) != 0 { choices &= ~(1 << SlotMask(last)) }
      states[last].hops = GossipHeader.hopsLimit
    } else if strategy == .plumtree, choices & tree.eager != 0 {
      choices &= tree.eager
    }
    let fruitless = UInt64(streams[place].fruitlessRequests)
    let isFirst = strategy == .plumtree && fruitless == 0
    guard let slot = isFirst ? nearest(of: choices) : generator.slot(of: choices) else { return }
    // Nobody who pushes to us has it: the tree is broken here. Also an eager neighbour that has it and did not
    // push it may never have heard that it should: our GRAFT may have been lost.
    if strategy == .plumtree, !ablations.contains(.grafts) {
      tree.graft(slot)
    }
    streams[place].requestSlot = UInt8(slot)
    streams[place].fruitlessRequests = min(streams[place].fruitlessRequests + 1, Self.fruitlessLimit)
    let first = max(repairTimeout, states[slot].patience)
    streams[place].requestAt = now + min(first << fruitless, max(first, 1_000_000_000))
    streams[place].isRequestDue = true
    states[slot].digestAt = min(states[slot].digestAt, now)
    states[slot].askedAt = now
  }

  /// Nobody offers the first missing message: waits for somebody who does, then reports a gap.
  private mutating func giveUp(
    _ place: Int, _ supply: Supply, isNewcomer: Bool, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    streams[place].requestAt = now + 4 * repairTimeout
    // One neighbour alone cannot make us believe that messages existed and are gone, unless they are its own.
    let isForgotten = supply.isForgottenByOrigin || supply.forgetful * 2 > up.nonzeroBitCount
    let isBlocked = supply.isOriginAhead || supply.ahead * 2 > up.nonzeroBitCount
    let isCrowded = streams.count == capacity && now >= streams[place].lastActive + StreamTable.retention
    // Where neighbours merely lack it too, it may still come from the other side of a partition.
    guard !supply.isUnsent, isForgotten || isBlocked || isCrowded else { return }
    if streams[place].unsuppliedSince == Instant() { streams[place].unsuppliedSince = now }
    guard isNewcomer || now >= streams[place].unsuppliedSince + gapPatience else { return }
    let first = streams[place].floor &+ 1
    let held = windows.nextRange(
      held: true, after: streams[place].floor, through: streams[place].knownHigh, in: streams[place],
      at: place)
    let resume = min(held?.first ?? .max, supply.lowest)
    guard resume != .max else { return }
    let last = min(resume &- 1, streams[place].knownHigh)
    let missing = windows.skip(to: last, in: &streams[place], at: place)
    streams[place].evictedHigh = max(streams[place].evictedHigh, last)
    // The next hole is as old as this one: when nobody can fill it either, it need not wait again.
    streams[place].requestAt = now
    if !isNewcomer && missing > 0 {
      counters.messagesLost &+= missing
      effects.events.append(
        .gap(origin: MemberID(streams[place].origin), first: first, last: last, missing: missing))
    }
    didGiveUp(
      place, first...max(first, last), isHistory: isNewcomer, counters: &counters, into: &effects)
    markDirty(place, delay: digestDelay, now: now)
  }

  /// Asks at once for all that is missing: the application has room again.
  mutating func resumeRequests(now: Instant) {
    for position in 0..<incompleteCount { scheduleRequest(Int(incomplete[position]), at: now) }
    resumeOrder(now: now)
  }

  /// Writes the requests due on a link, as many as fit.
  mutating func writeRequests(_ slot: Int, to writer: inout Writer, counters: inout Counters) {
    for position in 0..<incompleteCount {
      let place = Int(incomplete[position])
      guard streams[place].isRequestDue, Int(streams[place].requestSlot) == slot else { continue }
      guard writer.remaining >= 1 + DigestEntry.headLimit + 4 * DigestEntry.rangeLimit else { return }
      streams[place].isRequestDue = false
      writeRequest(place, to: &writer)
      counters.requestsSent &+= 1
    }
  }

  private func writeRequest(_ place: Int, to writer: inout Writer) {
    let stream = streams[place]
    writer.write(MessageKind.request)
    writer.write(stream.origin)
    writer.writeVariable(stream.floor)
    let countAt = writer.count
    writer.write(UInt8(0))
    var position = stream.floor
    var ranges: UInt8 = 0
    var end = stream.floor
    while ranges < UInt8(DigestEntry.rangesLimit), writer.remaining >= DigestEntry.rangeLimit,
      let range = windows.nextRange(
        held: false, after: position, through: stream.knownHigh, in: stream, at: place)
    {
      range.write(after: &position, to: &writer)
      end = range.last
      ranges += 1
    }
    writer.overwrite(at: countAt, with: ranges)
    streams[place].requestedThrough = end
  }

  /// Takes a neighbour's request: what it asks for is queued, up to the limit.
  mutating func onRequest(from slot: Int, cursor: inout Cursor, now: Instant) throws(DecodeError) {
    let origin = try cursor.read(UInt64.self)
    guard origin != 0 else { throw .outOfRange }
    var position = try cursor.readVariable(in: 0...UInt64.max / 2)
    let ranges = try cursor.read(UInt8.self)
    guard ranges <= DigestEntry.rangesLimit else { throw .outOfRange }
    let place = streams.find(origin, .reliable)
    for _ in 0..<ranges {
      let range = try SequenceRange(after: &position, from: &cursor)
      guard let place else { continue }
      // What has left the log cannot be supplied: the asker learns from our digest where it begins.
      if range.first <= streams[place].evictedHigh { tell(place, slot, now: now) }
      let first = max(range.first, streams[place].evictedHigh &+ 1)
      let last = min(range.last, streams[place].floor &+ windows.width)
      guard first <= last else { continue }
      queueRepair(Repair(stream: UInt32(place), next: first, last: last), on: slot)
    }
  }

  func queueRepair(_ repair: Repair, on slot: Int) {
    let base = slot * repairsPerLink
    let count = Int(states[slot].repairCount)
    for step in 0..<count {
      let known = repairs[base + (Int(states[slot].repairFirst) + step) % repairsPerLink]
      if known.stream == repair.stream, known.next <= repair.next, known.last >= repair.last { return }
    }
    guard count < repairsPerLink else { return }
    repairs[base + (Int(states[slot].repairFirst) + count) % repairsPerLink] = repair
    states[slot].repairCount += 1
  }
}
