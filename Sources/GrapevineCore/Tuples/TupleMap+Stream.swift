// Sending tuples to a neighbour: those it asked for, those it was found to lack, or all of them, as fast as the link
// takes them. What is lost on the way is found by the comparison that follows.

extension TupleMap {
  /// Whole maps that a neighbour may ask for. Chosen here.
  private static var streamInterval: Nanoseconds { 5_000_000_000 }
  private static var streamBurst: UInt64 { 3 }

  /// Asks the neighbour of the present comparison for its whole map.
  mutating func askStream(now: Instant) {
    session.phase = .receiving
    session.deadline = now + 4 * Self.answerTime
    links[session.slot].wantsStream = true
    source = session.slot
    sourceUntil = now + Self.answerTime
  }

  /// Begins to send the whole map.
  func beginStream(to slot: Int, counters: inout Counters) {
    guard links[slot].streamNext == 0 else { return }
    links[slot].streamNext = 1
    counters.tupleStreams &+= 1
  }

  /// Sends the whole map to a neighbour that says it lacks most of it, unless it says so all the time.
  func offerStream(to slot: Int, now: Instant, counters: inout Counters) {
    guard links[slot].streamNext == 0 else { return }
    guard now >= links[slot].streamAfter else { return askSummary(slot, at: links[slot].streamAfter) }
    // Ever more rarely: who refuses what it is sent lacks it all the same.
    links[slot].streamAfter = now + (Self.streamInterval / 5) << UInt64(min(links[slot].repeats, 10))
    if links[slot].repeats < .max { links[slot].repeats += 1 }
    beginStream(to: slot, counters: &counters)
  }

  mutating func onStreamWanted(from slot: Int, now: Instant, counters: inout Counters) {
    guard links[slot].streamsPaid.pay(interval: Self.streamInterval, burst: Self.streamBurst, now: now),
      !isDoubted(now)
    else {
      counters.droppedExcess &+= 1
      return
    }
    beginStream(to: slot, counters: &counters)
  }

  /// A neighbour has sent its whole map. The last of it may still be on its way, and some of it lost.
  mutating func onStreamEnd(from slot: Int, now: Instant) {
    if source == slot { source = nil }
    guard session.phase == .receiving, session.slot == slot else { return }
    session.deadline = now
  }

  /// Whether tuples are to be sent on a link.
  func hasTuples(_ slot: Int) -> Bool {
    guard isEnabled else { return false }
    let link = links[slot]
    return link.wantedCount > 0 || link.streamNext != 0 || link.owesStreamEnd || hasExchange(slot)
      || link.symbolsNext < min(link.symbolsEnd, UInt32(truncatingIfNeeded: sketch.size))
      || hasParts(slot)
  }

  /// Writes tuples that are to be sent on a link, as many as fit.
  ///
  /// - Returns: Whether any were written.
  mutating func writeTuples(_ slot: Int, to writer: inout Writer, now: Instant, counters: inout Counters)
    -> Bool
  {
    let start = writer.count
    _ = writeSymbols(slot, to: &writer)
    writeParts(slot, to: &writer)
    guard links[slot].wantedCount > 0 || links[slot].streamNext != 0 || hasExchange(slot),
      writer.remaining > 2
    else { return end(slot, start, to: &writer, now: now) }
    let head = writer.count
    writer.write(MessageKind.tupleRecords)
    writer.write(UInt8(0))
    var count: UInt8 = 0
    while count < 255, let place = nextPlace(slot) {
      let record = table.record(place)
      let isApart = isApart(record)
      guard writer.remaining >= record.length(isApart: isApart) else { break }
      record.write(to: &writer, origin: 0, apart: isApart ? table[place].hash : nil)
      didSend(slot)
      count += 1
    }
    if count == 0 { writer.truncate(to: head) } else { writer.overwrite(at: head + 1, with: count) }
    counters.tuplesRepaired &+= UInt64(count)
    return end(slot, start, to: &writer, now: now)
  }

  /// Says that the stream is at its end, if it is.
  private func end(_ slot: Int, _ start: Int, to writer: inout Writer, now: Instant) -> Bool {
    if links[slot].owesStreamEnd, writer.remaining > 0 {
      writer.write(MessageKind.streamEnd)
      links[slot].owesStreamEnd = false
      // What was lost of it is compared for.
      askSummary(slot, at: now + Self.answerTime / 5)
    }
    return writer.count > start
  }

  /// The next tuple to send on a link; nil when there is none.
  private mutating func nextPlace(_ slot: Int) -> Int? {
    while links[slot].wantedCount > 0 {
      let position = slot * Self.wantedPerLink + Int(links[slot].wantedFirst)
      if let place = table.find(hash: wanted[position]) { return place }
      takeWanted(slot)
    }
    while hasExchange(slot) {
      if let place = exchangePlace { return place }
      session.pushNext += 1
    }
    while links[slot].streamNext != 0 {
      let place = Int(links[slot].streamNext) - 1
      guard place < table.placesUsed else {
        links[slot].streamNext = 0
        links[slot].owesStreamEnd = true
        break
      }
      if !table[place].isFree { return place }
      links[slot].streamNext += 1
    }
    return nil
  }

  private func takeWanted(_ slot: Int) {
    links[slot].wantedFirst = (links[slot].wantedFirst + 1) & UInt16(Self.wantedPerLink - 1)
    links[slot].wantedCount -= 1
  }

  /// The tuple that `nextPlace` gave was written.
  private mutating func didSend(_ slot: Int) {
    if links[slot].wantedCount > 0 {
      takeWanted(slot)
    } else if hasExchange(slot) {
      session.pushNext += 1
    } else {
      links[slot].streamNext += 1
    }
  }
}
