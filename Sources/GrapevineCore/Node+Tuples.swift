// The map of tuples, asked of a node, and its place among the node's other parts.

extension Node {
  /// Says what time of day it is: the writes of this node are dated by it, and tuples expire by it.
  ///
  /// To be said at every step or so; until the first time, the node's clock stands for it.
  ///
  /// - Parameter milliseconds: Since 1970 (UTC).
  public mutating func setTimeOfDay(milliseconds: UInt64, now: Instant) {
    tuples.clock.set(milliseconds: milliseconds, now: now)
  }

  /// Writes a tuple: it counts here at once, and travels to all members.
  ///
  /// A node that is not a member may write too; others get to know when it has joined.
  ///
  /// - Parameters:
  ///   - key: Up to 255 bytes; copied.
  ///   - value: Up to `TupleRules.valueLimit` bytes; copied.
  ///   - condition: What must hold here for the tuple to be written; nil for nothing.
  /// - Returns: Which write it is.
  /// - Throws: `TupleError`; nothing changed.
  @discardableResult
  public mutating func publish(
    _ value: UnsafeRawBufferPointer, at key: UnsafeRawBufferPointer, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil, now: Instant, into effects: inout Effects
  ) throws(TupleError) -> TupleVersion {
    try checkTuples()
    let record = try tuples.compose(
      value, at: key, lifetime: lifetime, if: condition, now: now, changes: effects.changes)
    try write(record, now: now, into: &effects)
    return record.version
  }

  /// Removes a tuple; the memory of that travels to all members.
  ///
  /// - Returns: Which write the removal is; nil when there is no such tuple, and nothing changed.
  /// - Throws: `TupleError`; nothing changed.
  @discardableResult
  public mutating func removeTuple(
    at key: UnsafeRawBufferPointer, if condition: TupleCondition? = nil, now: Instant,
    into effects: inout Effects
  ) throws(TupleError) -> TupleVersion? {
    try checkTuples()
    guard
      let record = try tuples.composeRemoval(at: key, if: condition, now: now, changes: effects.changes)
    else { return nil }
    try write(record, now: now, into: &effects)
    return record.version
  }

  /// Takes a version that came from outside of the cluster, as it is, unless a later one is here; it travels to all
  /// members.
  ///
  /// What two clusters merge of each other's becomes the same in both, whoever carries it and how often.
  ///
  /// - Returns: Whether it was news.
  /// - Throws: `TupleError`; nothing changed.
  public mutating func merge(_ stored: StoredTuple, now: Instant, into effects: inout Effects)
    throws(TupleError)
    -> Bool
  {
    try checkTuples()
    return try stored.withRecord { record throws(TupleError) in
      guard try tuples.checkMerge(stored, record, now: now, changes: effects.changes) else { return false }
      // Broadcasts of old versions are not believed, since logs repeat them: comparisons are.
      let isHeard = tuples.isRecent(record.clock, now)
      try write(record, isHeard: isHeard, isOwn: false, now: now, into: &effects)
      if !isHeard { tuples.askOthers(except: nil, up: view.up, now: now) }
      return true
    }
  }

  /// The tuple of a key; nil when there is none.
  public func tuple(at key: UnsafeRawBufferPointer) -> Tuple? {
    guard let place = tuples.table.find(key), tuples.table.isVisible(place) else { return nil }
    return tuples.table.tuple(place)
  }

  /// The tuple of a key, or the memory of its removal; nil when there is neither.
  public func storedTuple(at key: UnsafeRawBufferPointer) -> StoredTuple? {
    tuples.table.find(key).map { tuples.table.stored($0) }
  }

  /// The tuples whose keys begin with `prefix`, in order of their keys.
  public func tuples(prefix: [UInt8] = []) -> [Tuple] { tuples.table.tuples(prefix: prefix) }

  /// The number of tuples that have a value.
  public var tupleCount: Int { tuples.table.visibleCount }

  /// A number that is the same on members whose maps are, removals that are remembered among them.
  public var tupleFingerprint: UInt64 { tuples.table.fingerprint }

  /// The number of removals that are remembered.
  public var tombstoneCount: Int { tuples.table.tombstoneCount }

  /// Up to which reading of the clock other members have all that this node has: what a store keeps with the
  /// tuples, and what `recallTuples` is to be given after a restart.
  public var tuplesSharedAt: TupleClock { tuples.sharedAt }

  /// Takes a tuple out of a store, before joining; call `setTimeOfDay` first.
  ///
  /// - Returns: False when it was refused and counted: it is too long, dated too far in the future or there is no
  ///   room. A tuple that has expired becomes the memory of that.
  public mutating func recallTuple(_ stored: StoredTuple, now: Instant, into effects: inout Effects) -> Bool {
    guard tuples.isEnabled, lifecycle == .initialized else { return false }
    return tuples.recall(stored, now: now, counters: &counters, into: &effects.changes)
  }

  /// Says up to when the tuples that were recalled are known to others.
  public mutating func recallTuples(sharedAt: TupleClock) {
    tuples.sharedAt = sharedAt
  }
}

extension Node {
  private func checkTuples() throws(TupleError) {
    guard tuples.isEnabled else { throw .disabled }
    guard lifecycle != .destroyed else { throw .ended }
  }

  /// Broadcasts a record, and takes it.
  private mutating func write(
    _ record: TupleRecord, isHeard: Bool = true, isOwn: Bool = true, now: Instant, into effects: inout Effects
  ) throws(TupleError) {
    if lifecycle == .connected, isHeard {
      do throws(BroadcastError) {
        _ = try dissemination.broadcast(
          tuples.message(record), level: .reliable, isTagged: true, now: now, counters: &counters)
      } catch {
        throw .wouldBlock
      }
    }
    // Always newer than what is here, and there is room: it was looked at when the record was made.
    _ = tuples.take(record, isOwn: isOwn, now: now, counters: &counters, into: &effects.changes)
    if isOwn { counters.tuplesWritten &+= 1 }
  }

  /// Does what is due with tuples.
  mutating func advanceTuples(now: Instant, into effects: inout Effects) {
    guard tuples.isEnabled else { return }
    tuples.writers.note(membership.table)
    if !tuples.writers.isInTouch { tuples.sharedNext = TupleClock(bits: 0) }
    tuples.noteMember(lifecycle == .connected, now: now)
    // Who is no member keeps up its own all the same: others hear of them when it is one again.
    renewTuples(now: now, into: &effects)
    if lifecycle == .connected {
      broadcastMark(now: now)
    } else {
      tuples.postponeWrites(now: now)
    }
    tuples.settleMarks(membership.table, now: now)
    tuples.advance(up: view.up, now: now, counters: &counters, into: &effects.changes)
  }

  /// Writes again what this node keeps up.
  private mutating func renewTuples(now: Instant, into effects: inout Effects) {
    while let place = tuples.takeRenewal(now: now) {
      let record = tuples.composeRenewal(place, now: now)
      guard effects.changes.hasRoom(for: record.key.count + record.value.count) else {
        return tuples.putOffRenewal(place, now: now)
      }
      do throws(TupleError) {
        try write(record, now: now, into: &effects)
      } catch {
        // A neighbour that does not keep up must not cost it its life: then others hear of it by comparing.
        guard error == .wouldBlock, tuples.isUrgent(place, now: now),
          (try? write(record, isHeard: false, now: now, into: &effects)) != nil
        else {
          tuples.putOffRenewal(place, now: now)
          continue
        }
        tuples.askOthers(except: nil, up: view.up, now: now)
      }
    }
  }

  private mutating func broadcastMark(now: Instant) {
    guard let mark = tuples.takeMark(membership.table, now: now) else { return }
    _ = try? dissemination.broadcast(
      tuples.message(mark), level: .reliable, isTagged: true, now: now, counters: &counters)
  }
}
