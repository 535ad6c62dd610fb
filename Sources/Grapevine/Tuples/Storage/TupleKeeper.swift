// When changes of tuples go to the disk, and what is done with them at the next start.

import GrapevineCore

/// Gathers on the node's thread what its store must have.
final class TupleKeeper {
  /// What the store had when the node was created; nothing after it was taken.
  private var loaded: LoadedTuples
  /// What became of it.
  private(set) var recovery = TupleRecovery.none
  let writer: TupleWriter
  private var batch = TupleBatch()
  /// The number of the batch that gathers.
  private var number: UInt64 = 1
  /// What the store was last given.
  private var sharedAt: TupleClock
  private var isEnded = false

  /// Milliseconds by which others have come to know more until that is written even when nothing else is. Chosen
  /// here: memories of removed tuples are kept that much longer after a crash than they would have to be.
  static let shareInterval: UInt64 = 30_000

  init(_ writer: TupleWriter, loaded: LoadedTuples) {
    self.writer = writer
    self.loaded = loaded
    sharedAt = loaded.sharedAt
  }

  deinit { end() }

  /// Opens a store and reads what is there, on a thread of its own.
  static func open(_ storage: (any TupleStorage)?) async throws(TupleStoreError) -> sending TupleKeeper? {
    guard let storage else { return nil }
    let writer = TupleWriter(storage)
    return TupleKeeper(writer, loaded: try await writer.start())
  }

  /// Gives the node what the store has, before it joins.
  ///
  /// - Parameter milliseconds: The time of day, since 1970.
  func recall(into node: inout Node, effects: inout Effects, milliseconds: UInt64, now: Instant) {
    var refused = 0
    let horizon = UInt64(clamping: (node.configuration.tuples?.horizon ?? .zero).components.seconds) * 1_000
    // On a machine whose clock is not set yet all would seem to be of the future, and be dated anew: it stays on disk.
    let latest = milliseconds < Self.leastTime ? milliseconds : .max
    for stored in loaded.tuples
    where stored.tuple.version.clock.milliseconds > latest
      || !node.recallTuple(stored, now: now, into: &effects)
    {
      refused += 1
      // What is over is never wanted again. The rest may be, under other limits or when the clock is right.
      let isOver =
        stored.isTombstone
        ? stored.tuple.version.clock.milliseconds &+ horizon < milliseconds
        : stored.tuple.expiresAt.map { $0 <= milliseconds } ?? false
      if isOver { batch.note(.forget, of: stored.tuple.key) }
    }
    node.recallTuples(sharedAt: loaded.sharedAt)
    if let damage = loaded.damage {
      recovery = .damaged(reason: damage.reason, setAside: damage.setAside)
    } else if !loaded.tuples.isEmpty {
      recovery = .loaded(tuples: loaded.tuples.count - refused, refused: refused)
    }
    loaded = LoadedTuples()
  }

  /// What a clock says at least that has been set: 2020, in milliseconds since 1970. Chosen here: before this was written.
  private static var leastTime: UInt64 { 1_577_836_800_000 }

  /// Notes a change.
  ///
  /// - Parameters:
  ///   - isStored: Whether the version is new, or the memory of the removal.
  ///   - tuple: Makes the tuple, when it is needed.
  func note(
    _ kind: TupleChangeKind, isStored: Bool, isTombstone: Bool, tuple: () -> Tuple,
    key: UnsafeRawBufferPointer
  ) {
    guard !isEnded else { return }
    if kind == .forgotten || kind == .expired && !isStored {
      batch.note(.forget, of: Array(key))
    } else if isStored {
      let tuple = tuple()
      batch.note(.keep(StoredTuple(tuple, isTombstone: isTombstone)), of: tuple.key)
    }
  }

  /// What to wait for so that all noted so far is on the disk; 0 when nothing ever was.
  var ticket: UInt64 { batch.isEmpty ? number - 1 : number }

  /// Hands over what gathered; to be called after each step.
  func advance(now: Instant, sharedAt present: TupleClock) {
    if writer.deadline <= now { writer.retry() }
    let mustShare = present < sharedAt || present.milliseconds >= sharedAt.milliseconds &+ Self.shareInterval
    guard !batch.isEmpty || mustShare else { return }
    hand(over: present, mustShare: mustShare)
  }

  /// When `advance` must be called at the latest.
  var deadline: Instant { writer.deadline }

  /// Hands over what is left, after which nothing is noted any more.
  func part(sharedAt present: TupleClock) {
    guard !isEnded else { return }
    hand(over: present, mustShare: present != sharedAt)
    isEnded = true
  }

  /// What the store has done.
  var record: TupleStoreStatistics {
    var record = writer.record
    record.pending += batch.count
    return record
  }

  private func hand(over present: TupleClock, mustShare: Bool) {
    guard !isEnded else { return }
    // Less than before once a clock that was ahead has been set right.
    sharedAt = present
    guard !batch.isEmpty || mustShare else { return }
    let full = batch
    batch = TupleBatch()
    writer.submit(full, number: number, sharedAt: sharedAt, mustShare: mustShare)
    number += 1
  }

  private func end() {
    hand(over: sharedAt, mustShare: false)
    isEnded = true
    writer.end()
  }
}
