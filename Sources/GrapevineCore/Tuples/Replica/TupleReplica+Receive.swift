// What arrives from other replicas.

extension TupleReplica {
  /// Takes a message of another replica.
  ///
  /// `changes` should have room for all that a message can hold, so carry out what is in it first: what finds no room
  /// comes again with a comparison, a moment later.
  ///
  /// - Throws: What is wrong with the message; what came before that in it counts. Whoever sends such is no replica of
  ///   ours: better close the link.
  public mutating func receive(
    _ message: UnsafeRawBufferPointer, from slot: Int, now: Instant, into changes: inout ChangeBuffer
  ) throws(DecodeError) {
    guard replicas & bit(slot) != 0 else { throw .unknownKind }
    present = max(present, now)
    counters.datagramsReceived &+= 1
    counters.bytesReceived &+= UInt64(message.count)
    defer { settleReceived(slot, now: now) }
    var cursor = Cursor(RawSpan(_unsafeBytes: message))
    while cursor.remaining > 0 {
      let kind = try cursor.read(UInt8.self)
      if kind == MessageKind.news {
        try onNews(&cursor, from: slot, now: now, into: &changes)
      } else {
        try onOther(kind, &cursor, from: slot, now: now, into: &changes)
      }
    }
  }

  /// All but news: what was asked for or found missing. Readers are told; other replicas when they are compared with.
  private mutating func onOther(
    _ kind: UInt8, _ cursor: inout Cursor, from slot: Int, now: Instant, into changes: inout ChangeBuffer
  ) throws(DecodeError) {
    let before = counters.tuplesAccepted
    // A long value is fetched by whoever heard of it, and others hear of it from there.
    map.news.unneeded = kind == MessageKind.part ? bit(slot) : replicas
    defer { map.news.unneeded = .max }
    // Whoever begins to compare is to see what has come until now; those who are at it already begin anew.
    if kind == MessageKind.symbolsWanted, comparers & bit(slot) == 0 { map.sketch.thaw() }
    let session = map.session.number
    _ = try map.onLinkMessage(kind, from: slot, &cursor, now: now, counters: &counters, into: &changes)
    if map.session.phase == .comparing, map.session.number != session {
      map.sketch.thaw()
      map.sketch.freeze()
      map.session.ownVersion = map.sketch.version
    }
    if kind == MessageKind.symbolsWanted {
      comparers |= bit(slot)
    } else if kind != MessageKind.symbols, kind != MessageKind.part {
      didCompare(slot, now: now)
    }
    if counters.tuplesAccepted != before, kind != MessageKind.part { askAll(now: now) }
  }

  private mutating func onNews(
    _ cursor: inout Cursor, from slot: Int, now: Instant, into changes: inout ChangeBuffer
  ) throws(DecodeError) {
    let count = try cursor.read(UInt8.self)
    guard count < TupleNewsHeader.peerLimit else { throw .outOfRange }
    var unneeded = slots(of: peers[slot])
    for _ in 0..<count { unneeded |= slots(of: try cursor.read(UInt64.self)) }
    let records = try cursor.read(UInt8.self)
    guard records > 0 else { throw .outOfRange }
    map.news.unneeded = unneeded
    defer { map.news.unneeded = .max }
    for _ in 0..<records {
      let (record, apart) = try TupleRecord.read(from: &cursor, origin: 0)
      counters.tupleNewsReceived &+= 1
      guard
        !map.receive(record, apart, from: slot, now: now, counters: &counters, into: &changes),
        let place = map.table.find(record.key), map.table[place].version == record.version
      else { continue }
      // It is here, and on its way to others who have it from there too.
      map.news.settle(map.table[place].hash, at: place, unneeded: unneeded)
    }
  }

  /// Lets go of the sketch when nobody asks for more of it. On a link in order, whatever else the other end says means
  /// that it knows the difference.
  mutating func didCompare(_ slot: Int, now: Instant) {
    guard comparers & bit(slot) != 0 else { return }
    comparers &= ~bit(slot)
    if comparers == 0, map.frozenUntil != .never { map.frozenUntil = min(map.frozenUntil, now) }
  }

  private mutating func settleReceived(_ slot: Int, now: Instant) {
    settleOverrun()
    guard map.news.hasLost || map.parts.hasLost else { return }
    map.news.hasLost = false
    map.parts.hasLost = false
    map.askSummary(slot, at: now + Self.gatherTime)
  }
}
