import CSQLite
import Foundation
import Grapevine
import GrapevineCore
import Testing

@testable import GrapevineStore

@Suite("What is wrong with a store is said, and nothing is lost", .timeLimit(.minutes(5)))
struct StoreFaultTests {
  let directory: StoreDirectory

  init() throws { directory = try StoreDirectory() }

  /// Writes a store with some pages.
  func fill(_ count: Int = 500) throws {
    let storage = SQLiteTupleStorage(path: directory.store)
    _ = try storage.load()
    try storage.save(records(count, value: 200), forgetting: [], sharedAt: TupleClock(bits: 1))
    storage.close()
  }

  /// Runs statements on the store as another program does.
  func execute(_ statements: String) throws {
    var handle: OpaquePointer?
    try #require(sqlite3_open(directory.store, &handle) == SQLITE_OK)
    defer { sqlite3_close(handle) }
    try #require(sqlite3_exec(handle, statements, nil, nil, nil) == SQLITE_OK)
  }

  func failure(_ body: () throws -> Void) -> TupleStoreError? {
    do {
      try body()
      return nil
    } catch {
      return error as? TupleStoreError
    }
  }

  func loadFailure(_ path: String? = nil) -> TupleStoreError? {
    let storage = SQLiteTupleStorage(path: path ?? directory.store)
    defer { storage.close() }
    return failure { _ = try storage.load() }
  }

  @Test("a store of a newer version is left as it is, and the error says what to do")
  func newer() throws {
    try fill()
    try execute("PRAGMA user_version=2")
    let before = try directory.bytes()
    let error = try #require(loadFailure())
    #expect(error.reason == .newerVersion)
    #expect(error.description.contains("its format is 2"))
    #expect(error.description.contains("use that version"))
    #expect(try directory.bytes() == before)
    #expect(directory.names == ["tuples", "tuples.lock"])
  }

  @Test("a file of another program is left as it is", arguments: [false, true])
  func foreign(hasID: Bool) throws {
    try execute(hasID ? "PRAGMA application_id=1; CREATE TABLE a(b)" : "CREATE TABLE a(b)")
    let before = try directory.bytes()
    #expect(loadFailure()?.reason == .foreign)
    #expect(try directory.bytes() == before)
  }

  @Test(
    "a damaged file is set aside and a new one begun",
    arguments: ["header", "text", "page", "cut", "schema"])
  func damaged(how: String) throws {
    try fill()
    var bytes = try directory.bytes()
    try #require(bytes.count > 10 * 4_096)
    switch how {
    case "header": bytes.replaceSubrange(0..<16, with: [UInt8](repeating: 0, count: 16))
    case "text": bytes = Array("this is not a database at all, but is long enough to be looked at".utf8)
    case "page": bytes.replaceSubrange(5 * 4_096..<6 * 4_096, with: [UInt8](repeating: 0xa5, count: 4_096))
    case "cut": bytes.removeLast(bytes.count / 2)
    default: break
    }
    try directory.write(bytes)
    if how == "schema" { try execute("DROP TABLE shared") }
    let damaged = try directory.bytes()
    let storage = SQLiteTupleStorage(path: directory.store)
    let loaded = try storage.load()
    #expect(loaded.tuples.isEmpty)
    let damage = try #require(loaded.damage)
    #expect(damage.setAside.hasPrefix("tuples.damaged-2"))
    #expect(!damage.reason.isEmpty)
    #expect(try directory.bytes(damage.setAside).count == damaged.count)
    // The new one works, and is not taken for damaged itself.
    try storage.save([record([1])], forgetting: [], sharedAt: .zero)
    storage.close()
    let again = SQLiteTupleStorage(path: directory.store)
    defer { again.close() }
    #expect(try again.load() == LoadedTuples(tuples: [record([1])]))
  }

  @Test("two damaged files in one second are both kept")
  func damagedTwice() throws {
    for _ in 0..<2 {
      try directory.write(Array("this is not a database at all".utf8))
      let storage = SQLiteTupleStorage(path: directory.store)
      defer { storage.close() }
      #expect(try storage.load().damage != nil)
    }
    #expect(directory.names.count { $0.hasPrefix("tuples.damaged") && !$0.hasSuffix("-wal") } == 2)
  }

  @Test(
    "a full disk is an error that says so; what was written before is there, and more is when there is room")
  func full() throws {
    let small = SQLiteTupleStorage(path: directory.store, pageLimit: 40)
    _ = try small.load()
    try small.save(records(50), forgetting: [], sharedAt: TupleClock(bits: 1))
    let error = failure {
      try small.save(records(5_000, value: 400), forgetting: [], sharedAt: TupleClock(bits: 2))
    }
    #expect(error?.reason == .full)
    #expect(error?.description.contains("make room on its disk") == true)
    // The failed batch left nothing behind, not even a transaction.
    try small.save([record([1])], forgetting: [], sharedAt: TupleClock(bits: 3))
    small.close()
    let storage = SQLiteTupleStorage(path: directory.store)
    defer { storage.close() }
    let loaded = try storage.load()
    #expect(loaded.tuples.sorted == (records(50) + [record([1])]).sorted)
    #expect(loaded.sharedAt == TupleClock(bits: 3))
    try storage.save(records(5_000, value: 400), forgetting: [], sharedAt: TupleClock(bits: 4))
  }

  @Test("a store belongs to one node at a time")
  func locked() throws {
    let first = SQLiteTupleStorage(path: directory.store)
    _ = try first.load()
    let error = try #require(loadFailure())
    #expect(error.reason == .inUse)
    #expect(error.description.contains("give each node a file of its own"))
    try first.save([record([1])], forgetting: [], sharedAt: .zero)
    first.close()
    let second = SQLiteTupleStorage(path: directory.store)
    defer { second.close() }
    #expect(try second.load().tuples == [record([1])])
  }

  @Test("another program that has the file open for writing keeps the node out, and is named")
  func busy() throws {
    try fill()
    var handle: OpaquePointer?
    try #require(sqlite3_open(directory.store, &handle) == SQLITE_OK)
    defer { sqlite3_close(handle) }
    try #require(sqlite3_exec(handle, "PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE", nil, nil, nil) == 0)
    let error = try #require(loadFailure())
    #expect(error.reason == .inUse)
    #expect(error.description.contains("other program"))
  }

  @Test("a place that cannot be used is an error that says what to do")
  func places() throws {
    #expect(loadFailure("")?.reason == .other)
    #expect(loadFailure(directory.path)?.description.contains("that is a directory") == true)
    let missing = try #require(loadFailure(directory.path + "/none/tuples"))
    #expect(missing.description.contains("create its directory first"))
  }

  #if os(Linux)
    @Test("a directory that may not be written is an error that says what to do", arguments: [false, true])
    func readOnly(exists: Bool) throws {
      if exists { try fill() }
      try FileManager.default.setAttributes([.posixPermissions: 0o555], ofItemAtPath: directory.path)
      defer {
        try? FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: directory.path)
      }
      // The thread's own identity on file systems: nobody, whom modes apply to as they do not to root.
      _ = setfsuid(65_534)
      defer { _ = setfsuid(geteuid()) }
      let error = try #require(loadFailure())
      #expect(error.reason == .notPermitted)
      #expect(error.description.contains("let the program write there"))
    }
  #endif
}

#if os(Linux)
  /// Not in the system's module for Swift.
  @_silgen_name("setfsuid")
  private func setfsuid(_ user: uid_t) -> Int32
#endif
