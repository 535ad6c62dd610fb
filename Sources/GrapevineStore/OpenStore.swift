// What is in a store's file, and how it gets there.

import CSQLite
import Grapevine
import GrapevineCore

/// An open file, with its statements.
final class OpenStore {
  private let connection: Connection
  private let upsert: Statement
  private let delete: Statement
  private let share: Statement
  private let begin: Statement
  private let commit: Statement
  private let rollback: Statement

  private static let tombstone: Int64 = 1
  private static let ephemeral: Int64 = 2
  /// Bytes that the log keeps when it is begun anew. Chosen here: what some thousands of small batches take.
  private static let logBytes = 16 << 20

  /// Opens the file and makes sure that it is sound and ours; gives a new one its tables.
  init(_ path: String, pageLimit: Int?) throws(StoreFault) {
    let connection = try Connection(path)
    // Before anything is read: SQLite then needs no memory shared with other processes.
    try connection.run("PRAGMA locking_mode=EXCLUSIVE")
    let version = UInt32(truncatingIfNeeded: try connection.number("PRAGMA user_version"))
    let applicationID = UInt32(truncatingIfNeeded: try connection.number("PRAGMA application_id"))
    // Once more, because the newest header may have been in the log.
    try StoreFiles.check(version: version, applicationID: applicationID)
    if version == 0, try connection.number("SELECT count(*) FROM sqlite_schema") > 0 {
      try StoreFiles.check(version: 0, applicationID: 1)
    }
    try connection.run("PRAGMA journal_mode=WAL")
    try connection.run("PRAGMA synchronous=FULL")
    try connection.run("PRAGMA fullfsync=1")
    try connection.run("PRAGMA journal_size_limit=\(Self.logBytes)")
    if let pageLimit { try connection.run("PRAGMA max_page_count=\(pageLimit)") }
    if version == 0 {
      try connection.create()
    } else {
      let verdict = try connection.text("PRAGMA quick_check(1)")
      guard verdict == "ok" else { throw StoreFault(code: SQLITE_CORRUPT, "is damaged: \(verdict)") }
    }
    do throws(StoreFault) {
      upsert = try connection.prepare(
        "INSERT INTO tuples(key, value, clock, writer, expires, flags) VALUES(?1, ?2, ?3, ?4, ?5, ?6) "
          + "ON CONFLICT(key) DO UPDATE SET value = ?2, clock = ?3, writer = ?4, expires = ?5, flags = ?6")
      delete = try connection.prepare("DELETE FROM tuples WHERE key = ?1")
      share = try connection.prepare(
        "INSERT INTO shared(id, clock) VALUES(1, ?1) ON CONFLICT(id) DO UPDATE SET clock = ?1")
    } catch {
      guard error.code == SQLITE_ERROR else { throw error }
      throw StoreFault(code: SQLITE_CORRUPT, "is damaged: its tables are not those of a store")
    }
    begin = try connection.prepare("BEGIN IMMEDIATE")
    commit = try connection.prepare("COMMIT")
    rollback = try connection.prepare("ROLLBACK")
    self.connection = connection
  }

  /// Reads all there is.
  func load() throws(StoreFault) -> LoadedTuples {
    var loaded = LoadedTuples()
    let clock = try connection.number("SELECT coalesce(max(clock), 0) FROM shared")
    loaded.sharedAt = TupleClock(bits: UInt64(bitPattern: clock))
    let rows = try connection.prepare("SELECT key, value, clock, writer, expires, flags FROM tuples")
    while try rows.next() {
      let flags = rows.number(5)
      let version = TupleVersion(
        clock: TupleClock(bits: UInt64(bitPattern: rows.number(2))),
        writer: MemberID(UInt64(bitPattern: rows.number(3))))
      let tuple = Tuple(
        key: rows.bytes(0), value: rows.bytes(1), version: version,
        expiresAt: rows.isNull(4) ? nil : UInt64(bitPattern: rows.number(4)),
        isEphemeral: flags & Self.ephemeral != 0)
      loaded.tuples.append(StoredTuple(tuple, isTombstone: flags & Self.tombstone != 0))
    }
    return loaded
  }

  /// Writes a batch in one transaction.
  func save(
    _ tuples: [StoredTuple], forgetting keys: [[UInt8]], sharedAt: TupleClock
  ) throws(StoreFault) {
    try begin.run()
    do throws(StoreFault) {
      for stored in tuples { try put(stored) }
      for key in keys {
        try key.withUnsafeBufferPointer { bytes throws(StoreFault) in
          try delete.bind(bytes, at: 1)
          try delete.run()
        }
      }
      try share.bind(Int64(bitPattern: sharedAt.bits), at: 1)
      try share.run()
      try commit.run()
    } catch {
      // Some errors have rolled back already; then this one fails, and nothing is lost.
      try? rollback.run()
      throw error
    }
  }

  private func put(_ stored: StoredTuple) throws(StoreFault) {
    let tuple = stored.tuple
    try tuple.key.withUnsafeBufferPointer { key throws(StoreFault) in
      try tuple.value.withUnsafeBufferPointer { value throws(StoreFault) in
        try upsert.bind(key, at: 1)
        try upsert.bind(value, at: 2)
        try upsert.bind(Int64(bitPattern: tuple.version.clock.bits), at: 3)
        try upsert.bind(Int64(bitPattern: tuple.version.writer.value), at: 4)
        if let expiresAt = tuple.expiresAt {
          try upsert.bind(Int64(bitPattern: expiresAt), at: 5)
        } else {
          try upsert.bindNull(at: 5)
        }
        try upsert.bind(
          (stored.isTombstone ? Self.tombstone : 0) | (tuple.isEphemeral ? Self.ephemeral : 0), at: 6)
        try upsert.run()
      }
    }
  }
}

/// A connection to a file, closed when the last reference to it and the last of its statements have gone.
private final class Connection {
  let handle: OpaquePointer

  init(_ path: String) throws(StoreFault) {
    var handle: OpaquePointer?
    // Used on one thread at a time, so without SQLite's own locks; and never a URI, whatever the name.
    let code = sqlite3_open_v2(path, &handle, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nil)
    guard let handle else { throw StoreFault(code: SQLITE_NOMEM, "cannot be opened: there is no memory") }
    guard code == SQLITE_OK else {
      let fault = StoreFault(code, of: handle)
      sqlite3_close_v2(handle)
      throw fault
    }
    sqlite3_extended_result_codes(handle, 1)
    self.handle = handle
  }

  deinit { sqlite3_close_v2(handle) }

  func prepare(_ text: String) throws(StoreFault) -> Statement { try Statement(text, in: handle) }

  /// Runs a statement, whatever it returns.
  func run(_ text: String) throws(StoreFault) { try prepare(text).run() }

  /// The first number that a query returns; 0 without a row.
  func number(_ text: String) throws(StoreFault) -> Int64 {
    let statement = try prepare(text)
    return try statement.next() ? statement.number(0) : 0
  }

  /// The first text that a query returns; empty without a row.
  func text(_ text: String) throws(StoreFault) -> String {
    let statement = try prepare(text)
    return try statement.next() ? statement.text(0) : ""
  }

  /// Gives a new file its tables, all at once.
  func create() throws(StoreFault) {
    try run("BEGIN IMMEDIATE")
    // Most values are small, and a row in the tree of its key takes one page write instead of two.
    try run(
      "CREATE TABLE tuples(key BLOB PRIMARY KEY NOT NULL, value BLOB NOT NULL, clock INTEGER NOT NULL, "
        + "writer INTEGER NOT NULL, expires INTEGER, flags INTEGER NOT NULL) WITHOUT ROWID")
    try run("CREATE TABLE shared(id INTEGER PRIMARY KEY CHECK(id = 1), clock INTEGER NOT NULL)")
    try run("PRAGMA application_id=\(StoreFiles.applicationID)")
    try run("PRAGMA user_version=\(StoreFiles.version)")
    try run("COMMIT")
  }
}
