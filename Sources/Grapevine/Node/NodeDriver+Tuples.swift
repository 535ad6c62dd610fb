// Tuples, written to and read from the core on the thread that steps it.

import GrapevineCore
import GrapevineTransport

extension NodeDriver {
  /// Gives the node what its store has.
  func recallTuples() {
    let now = MonotonicClock.now()
    let milliseconds = WallClock.milliseconds()
    node.setTimeOfDay(milliseconds: milliseconds, now: now)
    effects.wantChanges(false)
    tupleKeeper?.recall(into: &node, effects: &effects, milliseconds: milliseconds, now: now)
  }

  /// Says whether anybody but the store wants changes of tuples.
  func wantChanges(_ isWanted: Bool) { effects.wantChanges(isWanted || tupleKeeper != nil) }

  /// Hands to the store what it must have; to be called after each step, when the changes were taken.
  func keepTuples() { tupleKeeper?.advance(now: MonotonicClock.now(), sharedAt: node.tuplesSharedAt) }

  /// The tuple of a key.
  func tuple(at key: TupleKey) -> Tuple? {
    key.bytes.withUnsafeBytes { node.tuple(at: $0) }
  }

  /// Writes a tuple.
  ///
  /// When the outbox is full, what can be sent is sent first.
  func publish(
    _ value: [UInt8], at key: TupleKey, lifetime: TupleLifetime, if condition: TupleCondition?
  ) throws(TupleError) -> TupleVersion {
    try withBytes(of: key) { (key, now) throws(TupleError) -> TupleVersion in
      try value.withUnsafeBufferPointer { value throws(TupleError) -> TupleVersion in
        try node.publish(
          UnsafeRawBufferPointer(value), at: key, lifetime: lifetime, if: condition, now: now, into: &effects)
      }
    }
  }

  /// Removes a tuple; nil when there is none.
  ///
  /// When the outbox is full, what can be sent is sent first.
  func removeTuple(_ key: TupleKey, if condition: TupleCondition?) throws(TupleError) -> TupleVersion? {
    try withBytes(of: key) { (key, now) throws(TupleError) -> TupleVersion? in
      try node.removeTuple(at: key, if: condition, now: now, into: &effects)
    }
  }

  /// Takes a version from outside of the cluster.
  ///
  /// When the outbox is full, what can be sent is sent first.
  func merge(_ stored: StoredTuple) throws(TupleError) -> Bool {
    let now = MonotonicClock.now()
    do throws(TupleError) {
      return try node.merge(stored, now: now, into: &effects)
    } catch .wouldBlock where send(now: now) {
      return try node.merge(stored, now: now, into: &effects)
    }
  }

  /// Does a write, and once more after sending when there was no room.
  private func withBytes<Version>(
    of key: TupleKey, _ write: (UnsafeRawBufferPointer, Instant) throws(TupleError) -> Version
  ) throws(TupleError) -> Version {
    let now = MonotonicClock.now()
    return try key.bytes.withUnsafeBufferPointer { bytes throws(TupleError) -> Version in
      do throws(TupleError) {
        return try write(UnsafeRawBufferPointer(bytes), now)
      } catch .wouldBlock where send(now: now) {
        return try write(UnsafeRawBufferPointer(bytes), now)
      }
    }
  }

  /// Carries out the changes since the last call: notes them for the store, and tells each to `tell`, which gets a
  /// way to make it out of the buffers and its key there.
  func takeChanges(_ tell: (_ key: UnsafeRawBufferPointer, _ make: () -> TupleChange) -> Void) {
    let count = effects.changes.count
    guard count > 0 else { return }
    for index in 0..<count {
      let record = effects.changes.record(index)
      let key = effects.changes.key(index)
      // Made once at most, for the store and for all who read.
      var made: Tuple?
      let make = { () -> Tuple in
        if let made { return made }
        let tuple = Tuple(
          key: Array(key), value: Array(self.effects.changes.value(index)), version: record.version,
          expiresAt: record.expiresAt == 0 ? nil : record.expiresAt, isEphemeral: record.isEphemeral)
        made = tuple
        return tuple
      }
      tupleKeeper?.note(
        record.kind, isStored: record.isStored, isTombstone: record.isTombstone, tuple: make, key: key)
      if record.isTold { tell(key) { TupleChange(kind: record.kind, tuple: make()) } }
    }
    effects.removeChanges()
  }
}
