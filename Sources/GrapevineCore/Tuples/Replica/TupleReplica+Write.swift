// What is written here, and what leaves for other replicas and for readers.

extension TupleReplica {
  /// Time for which writes wait for a link that is a whole ring of news behind and still takes some. Chosen here.
  private static var patience: Nanoseconds { 1_000_000_000 }

  /// Writes a tuple: it counts here at once, and travels to all replicas.
  ///
  /// - Parameters:
  ///   - key: Up to 255 bytes; copied.
  ///   - value: Up to `TupleRules.valueLimit` bytes; copied.
  ///   - condition: What must hold here for the tuple to be written; nil for nothing.
  ///   - slot: The reader it comes from, which is not told it.
  ///   - lag: How much earlier than now it is dated at most, though later than what it takes the place of: a version
  ///     that others have written meanwhile counts instead.
  /// - Returns: Which write it is.
  /// - Throws: `TupleError`; nothing changed. `.wouldBlock`: a link that takes what it is sent is far behind, or
  ///   `changes` has no room: send, carry the changes out, and try again. `.membershipNeeded`: ephemeral.
  @discardableResult
  public mutating func publish(
    _ value: UnsafeRawBufferPointer, at key: UnsafeRawBufferPointer, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil, from slot: Int? = nil, lag: Duration = .zero, now: Instant,
    into changes: inout ChangeBuffer
  ) throws(TupleError) -> TupleVersion {
    // What a reader sends it does not send again.
    if slot == nil { try checkRoom(now: now) }
    let record = try map.compose(
      value, at: key, lifetime: lifetime, if: condition, lag: lag, now: now, changes: changes)
    put(record, unneeded: slot.map { bit($0) } ?? 0, now: now, into: &changes)
    return record.version
  }

  /// Removes a tuple; the memory of that travels to all replicas, and readers are not told.
  ///
  /// - Returns: Which write the removal is; nil when there is no such tuple, and nothing changed.
  /// - Throws: `TupleError`, as `publish`; nothing changed.
  @discardableResult
  public mutating func remove(
    _ key: UnsafeRawBufferPointer, if condition: TupleCondition? = nil, now: Instant,
    into changes: inout ChangeBuffer
  ) throws(TupleError) -> TupleVersion? {
    try checkRoom(now: now)
    guard let record = try map.composeRemoval(at: key, if: condition, now: now, changes: changes) else {
      return nil
    }
    put(record, unneeded: 0, now: now, into: &changes)
    return record.version
  }

  /// Takes a version that came some other way than over a link, as it is, unless a later one is here; it travels to all
  /// replicas.
  ///
  /// - Returns: Whether it was news.
  /// - Throws: `TupleError`, as `publish`; nothing changed.
  public mutating func merge(
    _ stored: StoredTuple, now: Instant, into changes: inout ChangeBuffer
  ) throws(TupleError) -> Bool {
    try checkRoom(now: now)
    return try stored.withRecord { record throws(TupleError) in
      guard try map.checkMerge(stored, record, now: now, changes: changes) else { return false }
      put(record, isOwn: false, unneeded: 0, now: now, into: &changes)
      return true
    }
  }

  private mutating func checkRoom(now: Instant) throws(TupleError) {
    guard !map.news.hasRoom, map.news.isWorthWaiting(Self.patience, now: now) else { return }
    throw .wouldBlock
  }

  /// Takes a record that did not come over a link to a replica.
  mutating func put(
    _ record: TupleRecord, isOwn: Bool = true, unneeded: SlotMask, now: Instant,
    into changes: inout ChangeBuffer
  ) {
    map.news.unneeded = unneeded
    _ = map.take(record, isOwn: isOwn, now: now, counters: &counters, into: &changes)
    map.news.unneeded = .max
    if isOwn { counters.tuplesWritten &+= 1 }
    settleOverrun()
  }

  /// Has the maps of links compared that have lost news.
  mutating func settleOverrun() {
    while map.news.overrun != 0 {
      let slot = map.news.overrun.trailingZeroBitCount
      map.news.overrun &= map.news.overrun &- 1
      counters.tupleLinksOverrun &+= 1
      if replicas & bit(slot) != 0 { map.askSummary(slot, at: present) }
    }
  }
}

// For replicas.
extension TupleReplica {
  /// Whether something is to be sent on a link now; sometimes nothing comes of it after all.
  public func hasMessage(_ slot: Int, now: Instant) -> Bool {
    if replicas & bit(slot) != 0 {
      return map.hasWord(slot, now: now) || map.hasTuples(slot) || hasNews(slot)
    }
    return map.news.readers & bit(slot) != 0 && map.news.next(slot, of: map.table) != nil
  }

  private func hasNews(_ slot: Int) -> Bool {
    map.news.replicas & bit(slot) != 0 && map.news.next(slot, of: map.table) != nil
  }

  /// Writes the next message for a replica, which is to be sent: it is not said again while the link is up.
  ///
  /// - Parameter buffer: As large as the limit of messages.
  /// - Returns: Its length; 0 when there is none.
  public mutating func write(
    _ slot: Int, into buffer: UnsafeMutableRawBufferPointer, now: Instant
  ) -> Int {
    guard replicas & bit(slot) != 0, buffer.count > 0 else { return 0 }
    present = max(present, now)
    var writer = Writer(UnsafeMutableRawBufferPointer(rebasing: buffer.prefix(messageLimit)))
    if map.hasWord(slot, now: now) { map.writeWords(slot, to: &writer, now: now) }
    // By turns, so that neither holds up the other.
    let isNewsFirst = newsFirst & bit(slot) != 0
    newsFirst ^= bit(slot)
    if isNewsFirst { writeNews(slot, to: &writer) }
    while map.hasTuples(slot), map.writeTuples(slot, to: &writer, now: now, counters: &counters) {}
    if !isNewsFirst { writeNews(slot, to: &writer) }
    guard writer.count > 0 else { return 0 }
    map.news.didMove(slot)
    counters.datagramsSent &+= 1
    counters.bytesSent &+= UInt64(writer.count)
    return writer.count
  }

  private mutating func writeNews(_ slot: Int, to writer: inout Writer) {
    while hasNews(slot), writer.remaining > TupleNewsHeader.lengthLimit {
      let head = writer.count
      writer.write(MessageKind.news)
      writePeers(except: slot, to: &writer)
      let countAt = writer.count
      writer.write(UInt8(0))
      var count: UInt8 = 0
      while count < 255, let place = map.news.next(slot, of: map.table) {
        let record = map.table.record(place)
        let isApart = map.isApart(record)
        guard writer.remaining >= record.length(isApart: isApart) else { break }
        record.write(to: &writer, origin: 0, apart: isApart ? map.table[place].hash : nil)
        map.news.didTell(slot, of: map.table)
        count += 1
      }
      guard count > 0 else { return writer.truncate(to: head) }
      writer.overwrite(at: countAt, with: count)
      counters.tupleNewsSent &+= UInt64(count)
    }
  }

  /// Writes who gets the same news: all other replicas with a link to this one. Each gets them here, or was said to
  /// get them from somebody with a link to it.
  private func writePeers(except slot: Int, to writer: inout Writer) {
    var rest = map.news.replicas & ~bit(slot)
    writer.write(UInt8(truncatingIfNeeded: rest.nonzeroBitCount))
    while rest != 0 {
      writer.write(peers[rest.trailingZeroBitCount])
      rest &= rest &- 1
    }
  }
}

// For readers.
extension TupleReplica {
  /// The next tuple for a reader, valid until the next mutating call; nil when there is none now.
  ///
  /// It counts as sent.
  public mutating func nextTuple(
    _ slot: Int
  ) -> (key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer)? {
    guard map.news.readers & bit(slot) != 0, let place = map.news.next(slot, of: map.table) else {
      return nil
    }
    map.news.didTell(slot, of: map.table)
    map.news.didMove(slot)
    counters.tuplesRead &+= 1
    return (map.table.key(place), map.table.value(place))
  }

  /// Sends a reader the present tuple of a key again.
  public mutating func tell(_ slot: Int, _ key: UnsafeRawBufferPointer) {
    guard map.news.readers & bit(slot) != 0, let place = map.table.find(key), map.table.isVisible(place)
    else { return }
    map.news.tell(slot, place)
    settleOverrun()
  }
}
