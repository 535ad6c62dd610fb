// Writing tuples here.

extension TupleMap {
  /// Makes the record of a write, if it may be written.
  ///
  /// - Throws: `TupleError`; nothing changed but the clock, which only goes on.
  mutating func compose(
    _ value: UnsafeRawBufferPointer, at key: UnsafeRawBufferPointer, lifetime: TupleLifetime,
    if condition: TupleCondition?, lag: Duration = .zero, now: Instant, changes: borrowing ChangeBuffer
  ) throws(TupleError) -> TupleRecord {
    guard key.count <= Self.keyLimit else { throw .keyTooLong(limit: Self.keyLimit) }
    guard value.count <= rules.valueLimit else { throw .valueTooLong(limit: rules.valueLimit) }
    let place = table.find(key)
    try check(condition, at: place)
    var record = TupleRecord(
      key: key, value: value, clock: lag > .zero ? early(after: place, lag, now) : next(after: place, now),
      writer: identity, traits: [])
    switch lifetime {
    case .permanent: break
    case .ephemeral:
      guard writers.isListed else { throw .membershipNeeded }
      record.traits = .ephemeral
    case .expires(let time), .renewed(let time):
      guard Self.lifetimes.contains(time) else { throw .lifetimeOutOfRange }
      record.traits = .timed
      if case .renewed = lifetime { record.traits = [.timed, .renewed] }
      record.expiresAt = record.clock.milliseconds + max(1, time.asNanoseconds / 1_000_000)
    }
    try checkRoom(for: record, at: place, changes)
    return record
  }

  /// How long tuples may live. Chosen here.
  static var lifetimes: ClosedRange<Duration> { .milliseconds(1) ... .seconds(315_576_000) }

  /// Makes the record of a removal; nil when there is nothing to remove.
  mutating func composeRemoval(
    at key: UnsafeRawBufferPointer, if condition: TupleCondition?, now: Instant,
    changes: borrowing ChangeBuffer
  ) throws(TupleError) -> TupleRecord? {
    guard key.count <= Self.keyLimit else { throw .keyTooLong(limit: Self.keyLimit) }
    let found = table.find(key)
    try check(condition, at: found)
    guard let place = found, table.isVisible(place) else { return nil }
    let record = TupleRecord(
      key: key, value: UnsafeRawBufferPointer(start: nil, count: 0), clock: next(after: place, now),
      writer: identity,
      traits: .tombstone)
    try checkRoom(for: record, at: place, changes)
    return record
  }

  /// Makes the record of a tuple that is to be written again as it is.
  mutating func composeRenewal(_ place: Int, now: Instant) -> TupleRecord {
    var record = table.record(place)
    // One that was dated anew has its time from now.
    let start = record.clock.milliseconds == 0 ? clock.milliseconds(now) : record.clock.milliseconds
    let lifetime = record.expiresAt - min(record.expiresAt, start)
    record.clock = next(after: place, now)
    if record.traits.contains(.timed) { record.expiresAt = record.clock.milliseconds + lifetime }
    return record
  }

  /// The clock of a write, which is later than the one it replaces even when the time of day was set back.
  private mutating func next(after place: Int?, _ now: Instant) -> TupleClock {
    if let place { clock.observe(TupleClock(bits: table[place].clock)) }
    return clock.next(now)
  }

  /// The clock of a write that is dated back, though later than the one it replaces.
  private func early(after place: Int?, _ lag: Duration, _ now: Instant) -> TupleClock {
    let milliseconds = clock.milliseconds(now)
    let back = TupleClock(milliseconds: milliseconds - min(milliseconds, lag.asNanoseconds / 1_000_000))
    guard let place else { return back }
    return max(back, TupleClock(bits: table[place].clock &+ 1))
  }

  private func check(_ condition: TupleCondition?, at place: Int?) throws(TupleError) {
    guard let condition else { return }
    let present = place.flatMap { table.isVisible($0) ? table[$0].version : nil }
    switch condition {
    case .ifAbsent where present == nil: return
    case .ifVersion(let version) where present == version: return
    default: throw .conditionFailed(present: present)
    }
  }

  private func checkRoom(
    for record: TupleRecord, at place: Int?, _ changes: borrowing ChangeBuffer
  ) throws(TupleError) {
    guard changes.hasRoom(for: record.key.count + record.value.count) else { throw .wouldBlock }
    guard table.hasRoom(for: record, at: place) else { throw .full }
  }

  /// The record as a broadcast; valid until the next one.
  func message(_ record: TupleRecord) -> UnsafeRawBufferPointer {
    let bytes = UnsafeMutableRawBufferPointer(start: scratch.pointer(at: 0), count: scratch.count)
    var writer = Writer(bytes)
    writer.write(UInt8(0))
    writer.write(SystemMessage.tuple)
    let isApart = isApart(record)
    record.write(to: &writer, origin: identity, apart: isApart ? record.hash : nil)
    return writer.written(from: 0)
  }

  /// Whether the value of a record travels apart from it.
  func isApart(_ record: TupleRecord) -> Bool { record.length(isApart: false) > recordLimit }

  /// Takes a tuple out of a store.
  mutating func recall(
    _ stored: StoredTuple, now: Instant, counters: inout Counters, into changes: inout ChangeBuffer
  ) -> Bool {
    guard stored.hasPossibleEnd else {
      counters.tuplesRefusedSize &+= 1
      return false
    }
    return stored.withRecord { stored in
      var record = stored
      if !clock.accepts(record.clock, now), record.traits.isDisjoint(with: [.tombstone, .ephemeral]) {
        // An earlier life dated it by a clock that was far ahead: nobody else has taken it.
        counters.tuplesRefusedClock &+= 1
        record = datedAnew(record, now: now)
      }
      return take(record, isRecalled: true, now: now, counters: &counters, into: &changes) == .taken
    }
  }

  /// Checks whether a version from elsewhere is news here and can be taken.
  ///
  /// - Throws: `TupleError` when it is news and cannot.
  func checkMerge(
    _ stored: StoredTuple, _ record: TupleRecord, now: Instant, changes: borrowing ChangeBuffer
  ) throws(TupleError) -> Bool {
    guard record.key.count <= Self.keyLimit else { throw .keyTooLong(limit: Self.keyLimit) }
    guard record.value.count <= rules.valueLimit else { throw .valueTooLong(limit: rules.valueLimit) }
    guard stored.hasPossibleEnd else { throw .lifetimeOutOfRange }
    let place = table.find(record.key)
    guard clock.accepts(record.clock, now), isNews(record, record.hash, at: place) else { return false }
    try checkRoom(for: record, at: place, changes)
    return true
  }
}

extension StoredTuple {
  /// Whether it ends after it was written and at a time that can be told: another end no member could read, which would
  /// cost it the whole datagram.
  var hasPossibleEnd: Bool {
    guard !isTombstone, let end = tuple.expiresAt else { return true }
    return end > tuple.version.clock.milliseconds && end <= TupleClock.lastMillisecond
  }

  /// Calls `body` with this as a record, which must not leave it.
  func withRecord<Result, Failure: Error>(
    _ body: (TupleRecord) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var traits: TupleTraits = isTombstone ? .tombstone : []
    if !isTombstone, tuple.expiresAt != nil { traits.insert(.timed) }
    if !isTombstone, tuple.isEphemeral { traits.insert(.ephemeral) }
    return try tuple.key.withUnsafeBufferPointer { key throws(Failure) in
      try (isTombstone ? [] : tuple.value).withUnsafeBufferPointer { value throws(Failure) in
        try body(
          TupleRecord(
            key: UnsafeRawBufferPointer(key), value: UnsafeRawBufferPointer(value),
            clock: tuple.version.clock, writer: tuple.version.writer.value, traits: traits,
            expiresAt: traits.contains(.timed) ? tuple.expiresAt ?? 0 : 0))
      }
    }
  }
}

// What is ours and others took for gone.
extension TupleMap {
  /// Whether a version is the end of a tuple of which this node knows better: it is kept up here, its time is not over
  /// by this clock, or its writer is there. Whoever ended it has a clock that is ahead, or was cut off.
  func isPremature(_ record: TupleRecord, at place: Int, now: Instant) -> Bool {
    guard record.traits.contains(.tombstone), record.version == table[place].version else { return false }
    let traits = table.traits(place)
    if traits.contains(.timed) {
      return traits.contains(.renewed) || table.expiresAt(place) > clock.milliseconds(now)
    }
    return traits.contains(.ephemeral) && writers.isListed && writers.isLiving(record.writer, own: identity)
  }

  /// Whether a tuple that is to be written again has less than half of its time left.
  func isUrgent(_ place: Int, now: Instant) -> Bool {
    let (end, start) = (table.expiresAt(place), TupleClock(bits: table[place].clock).milliseconds)
    return end != 0 && clock.milliseconds(now) >= start + (end - min(start, end)) / 2
  }

  /// Has a tuple written again soon.
  mutating func defend(_ place: Int) {
    for index in 0..<defendedCount where Int(defended[index]) == place { return }
    guard defendedCount < defended.count else { return }
    defended[defendedCount] = UInt32(truncatingIfNeeded: place)
    defendedCount += 1
  }

  /// Has everything that has to be broadcast wait: there is nobody to hear it.
  mutating func postponeWrites(now: Instant) {
    let later = now + 1_000_000_000
    if markAt <= now { markAt = later }
    if defendedCount > 0, defendAt <= now { defendAt = later }
  }

  /// The least time between two tuples that are written again because others took them for gone. Chosen here: nobody
  /// can make a node write more than ten a second.
  private static var defenceInterval: Nanoseconds { 100_000_000 }

  /// A tuple that is to be written again now; nil when there is none.
  mutating func takeRenewal(now: Instant) -> Int? {
    while defendedCount > 0, now >= defendAt {
      defendedCount -= 1
      let place = Int(defended[defendedCount])
      // It may have been written over since, by a tuple that nobody has to keep up.
      guard !table[place].isFree, table[place].writer == identity, table.isVisible(place),
        !table.traits(place).isDisjoint(with: [.ephemeral, .renewed])
      else { continue }
      defendAt = now + Self.defenceInterval
      return place
    }
    guard let due = timers.due, due <= clock.milliseconds(now) else { return nil }
    let place = timers.first
    return table.traits(place).contains(.renewed) ? place : nil
  }
  /// Has a tuple written again later: it could not be now.
  ///
  /// One after the other, so that those that have time left do not hold up one that has none.
  mutating func putOffRenewal(_ place: Int, now: Instant) {
    if timers.count > 0, timers.first == place {
      let later = clock.milliseconds(now) + Self.renewalRetry / 1_000_000
      timers.postpone(to: later, of: table)
    } else {
      defend(place)
      defendAt = now + Self.renewalRetry
    }
  }
}
