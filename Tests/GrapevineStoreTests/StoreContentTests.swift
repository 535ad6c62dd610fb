import Foundation
import Grapevine
import GrapevineCore
import Testing

@testable import GrapevineStore

@Suite("What is written to a store is there", .timeLimit(.minutes(5)))
struct StoreContentTests {
  let directory: StoreDirectory

  init() throws { directory = try StoreDirectory() }

  /// What another run of the program finds.
  func reopened() throws -> LoadedTuples {
    let storage = SQLiteTupleStorage(path: directory.store)
    defer { storage.close() }
    return try storage.load()
  }

  @Test("a new store is empty, for the owner only, and is there from then on")
  func new() throws {
    let storage = SQLiteTupleStorage(path: directory.store)
    #expect(try storage.load() == LoadedTuples())
    storage.close()
    let attributes = try FileManager.default.attributesOfItem(atPath: directory.store)
    #expect(attributes[.posixPermissions] as? Int == 0o600)
    #expect(try reopened() == LoadedTuples())
  }

  @Test("every part of a record comes back, whatever bytes it has")
  func parts() throws {
    let written = [
      record([]), record([0]), record([0, 0, 255]), record([0xff, 0xfe], []),
      record(Array("a'; DROP TABLE tuples".utf8), [0, 1, 0]), record([1], clock: .max, expiresAt: 0),
      record([2], clock: 1 << 63, expiresAt: .max), record([3], isEphemeral: true),
      record([4], [], isTombstone: true),
      record([5], [9], expiresAt: 5, isEphemeral: true, isTombstone: true),
      record([UInt8](repeating: 7, count: 255), [UInt8](repeating: 3, count: 3 << 20)),
    ]
    let storage = SQLiteTupleStorage(path: directory.store)
    _ = try storage.load()
    try storage.save(written, forgetting: [], sharedAt: TupleClock(bits: .max - 1))
    storage.close()
    let loaded = try reopened()
    #expect(loaded.tuples.sorted == written.sorted)
    #expect(loaded.sharedAt == TupleClock(bits: .max - 1))
    #expect(loaded.damage == nil)
  }

  @Test("a later batch replaces and forgets, and its reading of what is shared counts")
  func batches() throws {
    let storage = SQLiteTupleStorage(path: directory.store)
    _ = try storage.load()
    try storage.save([record([1]), record([2]), record([3])], forgetting: [], sharedAt: .zero)
    try storage.save(
      [record([2], [], clock: 9, isTombstone: true), record([4])], forgetting: [[1], [77]],
      sharedAt: TupleClock(bits: 5))
    try storage.save([], forgetting: [], sharedAt: TupleClock(bits: 6))
    storage.close()
    let loaded = try reopened()
    #expect(
      loaded.tuples.sorted == [record([2], [], clock: 9, isTombstone: true), record([3]), record([4])])
    #expect(loaded.sharedAt == TupleClock(bits: 6))
  }

  @Test("many small tuples in one batch, and again after a restart")
  func many() throws {
    let storage = SQLiteTupleStorage(path: directory.store)
    _ = try storage.load()
    try storage.save(records(5_000), forgetting: [], sharedAt: .zero)
    storage.close()
    #expect(try reopened().tuples.sorted == records(5_000).sorted)
  }

  @Test("what a crash leaves behind, which is the file and its log, has every batch that was written")
  func crash() throws {
    let storage = SQLiteTupleStorage(path: directory.store)
    _ = try storage.load()
    try storage.save(records(100), forgetting: [], sharedAt: .zero)
    try storage.save([record([1])], forgetting: [Array("key/0".utf8)], sharedAt: TupleClock(bits: 3))
    // As they are at this moment, with nothing closed: what is on the disk when the process is killed.
    let copy = try StoreDirectory()
    try copy.write(directory.bytes())
    try copy.write(directory.bytes("tuples-wal"), "tuples-wal")
    storage.close()
    let other = SQLiteTupleStorage(path: copy.store)
    defer { other.close() }
    let loaded = try other.load()
    #expect(loaded.tuples.sorted == ([record([1])] + records(100).dropFirst()).sorted)
    #expect(loaded.sharedAt == TupleClock(bits: 3))
    #expect(loaded.damage == nil)
  }

  @Test("a log that was cut in its last batch has all the batches before, and nothing of that one")
  func cut() throws {
    let storage = SQLiteTupleStorage(path: directory.store)
    _ = try storage.load()
    try storage.save(records(10), forgetting: [], sharedAt: .zero)
    let before = try directory.bytes("tuples-wal").count
    try storage.save(records(200), forgetting: [], sharedAt: TupleClock(bits: 3))
    let log = try directory.bytes("tuples-wal")
    try #require(log.count > before + 5_000)
    for length in [before + 10, before + 4_200, log.count - 1] {
      let copy = try StoreDirectory()
      try copy.write(directory.bytes())
      try copy.write(Array(log.prefix(length)), "tuples-wal")
      let other = SQLiteTupleStorage(path: copy.store)
      defer { other.close() }
      let loaded = try other.load()
      #expect(loaded.tuples.sorted == records(10).sorted)
      #expect(loaded.sharedAt == .zero)
    }
    storage.close()
  }

  @Test("after close a store takes nothing, and closing twice is nothing")
  func closed() throws {
    let storage = SQLiteTupleStorage(path: directory.store)
    _ = try storage.load()
    storage.close()
    storage.close()
    #expect { try storage.save([record([1])], forgetting: [], sharedAt: .zero) } throws: {
      ($0 as? TupleStoreError)?.reason == .closed
    }
    #expect(try reopened().tuples.isEmpty)
  }
}
