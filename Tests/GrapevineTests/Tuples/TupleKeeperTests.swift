import GrapevineCore
import GrapevineTransport
import Testing

@testable import Grapevine

@Suite("Tuples on their way to a store", .timeLimit(.minutes(5)))
struct TupleKeeperTests {
  let storage = MemoryStorage()
  let keeper: TupleKeeper

  init() async throws { keeper = try #require(try await TupleKeeper.open(storage)) }

  func note(
    _ kind: TupleChangeKind, _ key: String, _ value: String = "v", clock: UInt64 = 1, isStored: Bool = true
  ) {
    let tuple = tuple(key, value, clock: clock)
    tuple.key.withUnsafeBytes { bytes in
      keeper.note(
        kind, isStored: isStored, isTombstone: kind == .removed, tuple: { tuple }, key: bytes)
    }
  }

  func advance(sharedAt: TupleClock = TupleClock(bits: 0)) {
    keeper.advance(now: MonotonicClock.now(), sharedAt: sharedAt)
  }

  func stored(_ key: String) -> StoredTuple? { storage.now.records[Array(key.utf8)] }

  /// Waits for the store, which another thread is; the test fails when that takes a minute.
  func until(_ condition: () -> Bool) async throws {
    let limit = MonotonicClock.now() + 60_000_000_000
    while !condition() {
      try #require(MonotonicClock.now() < limit, "the store did not do what was waited for")
      try await Task.sleep(for: .milliseconds(1))
    }
  }

  @Test("a write is acknowledged when it is in the store, with all that came with it")
  func acknowledged() async throws {
    #expect(keeper.ticket == 0)
    note(.published, "a", "1")
    note(.published, "a", "2", clock: 2)
    note(.removed, "b")
    note(.departed, "c", isStored: false)
    let ticket = keeper.ticket
    advance(sharedAt: TupleClock(bits: 4))
    try await keeper.writer.written(ticket)
    #expect(stored("a") == StoredTuple(tuple("a", "2", clock: 2)))
    #expect(stored("b")?.isTombstone == true)
    #expect(storage.now.records.count == 2)
    #expect(storage.now.batches == [2])
    #expect(storage.now.sharedAt == TupleClock(bits: 4))
    #expect(keeper.ticket == ticket)
    #expect(keeper.record == TupleStoreStatistics(written: 2, batches: 1))
  }

  @Test("what is forgotten or has expired goes from the store")
  func forgotten() async throws {
    for key in ["a", "b", "c"] { note(.published, key) }
    advance()
    note(.forgotten, "a")
    note(.expired, "b", isStored: false)
    advance()
    try await keeper.writer.written(keeper.ticket)
    #expect(storage.now.records.keys.sorted { $0[0] < $1[0] } == [Array("c".utf8)])
  }

  @Test("what comes while the store writes is one batch, of the newest state of each key")
  func groupCommit() async throws {
    storage.set { $0.isHeld = true }
    note(.published, "a", "0")
    advance()
    try await until { storage.now.attempts == 1 }
    var tickets: [UInt64] = []
    for number in 1...100 {
      note(.published, "a", "\(number)", clock: UInt64(number))
      note(.published, "key \(number % 10)", clock: UInt64(number))
      tickets.append(keeper.ticket)
      advance()
    }
    // The eleven keys, and what the attempt under way writes.
    #expect(keeper.record.pending == 12)
    #expect(tickets == tickets.sorted())
    storage.release()
    for ticket in tickets { try await keeper.writer.written(ticket) }
    #expect(storage.now.batches == [1, 11])
    #expect(stored("a") == StoredTuple(tuple("a", "100", clock: 100)))
  }

  @Test("a write that the store refuses is told so, and is in the store when that works again")
  func failure() async throws {
    storage.set { $0.isBroken = true }
    note(.published, "a", "1")
    note(.published, "b", "1")
    let ticket = keeper.ticket
    advance()
    for _ in 0..<2 {
      // The second asks after the failure, and is not left waiting for the next attempt.
      let error = await #expect(throws: TupleStoreError.self) { try await keeper.writer.written(ticket) }
      #expect(error?.reason == .full)
      #expect(error?.description.contains("counts in the cluster") == true)
      #expect(error?.description.contains("the disk is full: make room") == true)
    }
    #expect(keeper.record.failures == 1)
    #expect(keeper.record.lastFailure == "the disk is full: make room")
    #expect(keeper.record.pending == 2)
    #expect(keeper.deadline != .never)
    #expect(keeper.deadline <= MonotonicClock.now() + TupleWriter.delayFirst)
    storage.set { $0.isBroken = false }
    note(.published, "a", "2", clock: 2)
    note(.removed, "c")
    let later = keeper.ticket
    keeper.advance(now: MonotonicClock.now(), sharedAt: TupleClock(bits: 0))
    try await until {
      keeper.advance(now: MonotonicClock.now(), sharedAt: TupleClock(bits: 0))
      return storage.now.batches.count >= 1
    }
    try await keeper.writer.written(later)
    try await keeper.writer.written(ticket)
    // All at once, unless the time for another attempt came before the later ones were handed over.
    #expect([[3], [2, 2]].contains(storage.now.batches))
    // What was written later has not been undone by the batch that failed.
    #expect(stored("a") == StoredTuple(tuple("a", "2", clock: 2)))
    #expect(stored("b") == StoredTuple(tuple("b", "1")))
    #expect(keeper.record.lastFailure == nil)
    #expect(keeper.record.pending == 0)
    #expect(keeper.deadline == .never)
  }

  @Test("attempts come further and further apart, and what gathers meanwhile is one state of each key")
  func backoff() async throws {
    storage.set { $0.isBroken = true }
    let start = MonotonicClock.now()
    for number in 1...1_000 {
      note(.published, "a", clock: UInt64(number))
      advance()
    }
    try await until {
      advance()
      return keeper.record.failures >= 2
    }
    #expect(MonotonicClock.now() >= start + TupleWriter.delayFirst)
    #expect(keeper.deadline >= start + 3 * TupleWriter.delayFirst)
    #expect(storage.now.attempts <= 3)
    #expect(keeper.record.pending == 1)
  }

  @Test("a caller that is cancelled does not wait for the store")
  func cancelled() async {
    storage.set { $0.isHeld = true }
    note(.published, "a")
    let (writer, ticket) = (keeper.writer, keeper.ticket)
    advance()
    let waiting = Task { try await writer.written(ticket) }
    await Task.yield()
    waiting.cancel()
    await #expect(throws: CancellationError.self) { try await waiting.value }
    storage.release()
  }

  @Test("what others share is written by itself when it has advanced by half a minute")
  func shared() async throws {
    let first = TupleClock(milliseconds: 100_000)
    advance(sharedAt: first)
    try await until { storage.now.sharedAt == first }
    advance(sharedAt: TupleClock(milliseconds: 100_000 + TupleKeeper.shareInterval - 1))
    note(.published, "a")
    advance(sharedAt: first)
    try await keeper.writer.written(keeper.ticket)
    #expect(storage.now.batches == [0, 1])
    let later = TupleClock(milliseconds: 100_000 + TupleKeeper.shareInterval)
    advance(sharedAt: later)
    try await until { storage.now.sharedAt == later }
  }

  @Test("at the end all is written and the store closed; nothing is noted after it")
  func end() async {
    note(.published, "a")
    keeper.part(sharedAt: TupleClock(bits: 77))
    note(.published, "b")
    await keeper.writer.finish()
    #expect(storage.now.records.count == 1)
    #expect(storage.now.sharedAt == TupleClock(bits: 77))
    #expect(storage.now.closed == 1)
    await keeper.writer.finish()
    #expect(storage.now.closed == 1)
    await #expect(throws: TupleStoreError.self) { try await keeper.writer.written(99) }
  }

  @Test("a store that is broken at the end is tried some times, and then closed all the same")
  func brokenEnd() async {
    storage.set { $0.isBroken = true }
    note(.published, "a")
    let ticket = keeper.ticket
    keeper.part(sharedAt: TupleClock(bits: 0))
    await keeper.writer.finish()
    #expect(storage.now.closed == 1)
    #expect(storage.now.attempts >= TupleWriter.lastAttempts)
    #expect(storage.now.attempts <= TupleWriter.lastAttempts + 1)
    #expect(keeper.record.pending == 1)
    await #expect(throws: TupleStoreError.self) { try await keeper.writer.written(ticket) }
  }

  @Test("a keeper that is dropped writes what it has and closes the store")
  func dropped() async throws {
    let storage = MemoryStorage()
    do {
      let keeper = try #require(try await TupleKeeper.open(storage))
      let tuple = tuple("a")
      tuple.key.withUnsafeBytes {
        keeper.note(.published, isStored: true, isTombstone: false, tuple: { tuple }, key: $0)
      }
    }
    try await until { storage.now.closed == 1 }
    #expect(storage.now.records.count == 1)
  }

  @Test("a store that cannot be opened is an error for the node, and is closed")
  func unusable() async throws {
    let storage = MemoryStorage()
    let error = TupleStoreError(.newerVersion, "too new")
    storage.set { $0.loadError = error }
    await #expect(throws: error) { _ = try await GossipNode(on: MemoryNetwork(), tupleStorage: storage) }
    try await until { storage.now.closed == 1 }
  }

  @Test("a node says that its store was damaged, and leaves it closed")
  func node() async throws {
    let storage = MemoryStorage()
    storage.set { $0.damage = TupleStoreDamage(reason: "it is broken", setAside: "tuples.damaged") }
    let node = try await GossipNode(on: MemoryNetwork(), tupleStorage: storage)
    #expect(node.tupleRecovery == .damaged(reason: "it is broken", setAside: "tuples.damaged"))
    #expect(await node.statistics.tupleStore == TupleStoreStatistics())
    try await node.join()
    await node.leave()
    #expect(storage.now.closed == 1)
    let watch = await node.tuples.watch()
    var iterator = watch.makeAsyncIterator()
    #expect(await iterator.next() == .upToDate)
    #expect(await iterator.next() == nil)
    var changes = node.tuples.changes.makeAsyncIterator()
    #expect(await changes.next() == nil)
  }
}
