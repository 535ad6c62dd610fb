// Changes of tuples, and a store in memory that does as it is told.

import GrapevineCore
import Synchronization

@testable import Grapevine

func tuple(_ key: String, _ value: String = "v", clock: UInt64 = 1) -> Tuple {
  Tuple(
    key: Array(key.utf8), value: Array(value.utf8),
    version: TupleVersion(clock: TupleClock(bits: clock), writer: MemberID(9)))
}

func change(
  _ kind: TupleChangeKind, _ key: String, _ value: String = "v", clock: UInt64 = 1
) -> TupleChange {
  let isGone = kind != .published && kind != .renewed
  return TupleChange(kind: kind, tuple: tuple(key, isGone ? "" : value, clock: clock))
}

/// A store in memory: fails when told to, and holds a write up until told to go on.
final class MemoryStorage: TupleStorage {
  struct State {
    var records: [[UInt8]: StoredTuple] = [:]
    var sharedAt = TupleClock(bits: 0)
    var isBroken = false
    var isHeld = false
    var loadError: TupleStoreError?
    var damage: TupleStoreDamage?
    /// The sizes of the batches that were written.
    var batches: [Int] = []
    var attempts = 0
    var closed = 0
  }

  let state = Mutex(State())
  private let go = ThreadSignal()

  func set(_ change: (inout sending State) -> Void) { state.withLock { change(&$0) } }
  func release() {
    set { $0.isHeld = false }
    go.raise()
  }
  var now: State { state.withLock { $0 } }

  func load() throws(TupleStoreError) -> LoadedTuples {
    let state = now
    if let error = state.loadError { throw error }
    return LoadedTuples(
      tuples: Array(state.records.values), sharedAt: state.sharedAt, damage: state.damage)
  }

  func save(
    _ tuples: [StoredTuple], forgetting keys: [[UInt8]], sharedAt: TupleClock
  ) throws(TupleStoreError) {
    set { $0.attempts += 1 }
    while now.isHeld { go.wait() }
    let isBroken = state.withLock { state in
      guard !state.isBroken else { return true }
      for tuple in tuples { state.records[tuple.tuple.key] = tuple }
      for key in keys { state.records[key] = nil }
      state.sharedAt = sharedAt
      state.batches.append(tuples.count + keys.count)
      return false
    }
    if isBroken { throw TupleStoreError(.full, "the disk is full: make room") }
  }

  func close() { set { $0.closed += 1 } }
}
