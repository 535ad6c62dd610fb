// A statement of SQLite, prepared once and used many times.

import CSQLite

/// A prepared statement.
struct Statement: ~Copyable {
  private let handle: OpaquePointer
  private let database: OpaquePointer

  init(_ text: String, in database: OpaquePointer) throws(StoreFault) {
    var handle: OpaquePointer?
    let code = sqlite3_prepare_v3(
      database, text, -1, UInt32(truncatingIfNeeded: SQLITE_PREPARE_PERSISTENT), &handle, nil)
    guard code == SQLITE_OK, let handle else { throw StoreFault(code, of: database) }
    self.handle = handle
    self.database = database
  }

  deinit { sqlite3_finalize(handle) }

  /// Binds a number to the parameter at `index`, from 1.
  func bind(_ number: Int64, at index: Int32) throws(StoreFault) {
    try check(sqlite3_bind_int64(handle, index, number))
  }

  /// Binds nothing to the parameter at `index`.
  func bindNull(at index: Int32) throws(StoreFault) { try check(sqlite3_bind_null(handle, index)) }

  /// Binds bytes to the parameter at `index`, which must stay where they are until `run` returns.
  func bind(_ bytes: UnsafeBufferPointer<UInt8>, at index: Int32) throws(StoreFault) {
    guard let base = bytes.baseAddress, !bytes.isEmpty else {
      // Without an address it would be no value at all.
      return try check(sqlite3_bind_zeroblob(handle, index, 0))
    }
    try check(sqlite3_bind_blob64(handle, index, base, UInt64(bytes.count), nil))
  }

  /// Runs the statement to its end, so that it can be bound again.
  func run() throws(StoreFault) {
    var code = SQLITE_ROW
    while code == SQLITE_ROW { code = sqlite3_step(handle) }
    // Taken before the reset, which may say less.
    let fault = code == SQLITE_DONE ? nil : StoreFault(code, of: database)
    sqlite3_reset(handle)
    sqlite3_clear_bindings(handle)
    if let fault { throw fault }
  }

  /// Goes to the next row.
  ///
  /// - Returns: False when there is none.
  func next() throws(StoreFault) -> Bool {
    let code = sqlite3_step(handle)
    if code == SQLITE_ROW { return true }
    guard code == SQLITE_DONE else { throw StoreFault(code, of: database) }
    sqlite3_reset(handle)
    return false
  }

  /// The number in a column of the row; 0 when it is none.
  func number(_ column: Int32) -> Int64 { sqlite3_column_int64(handle, column) }

  /// Whether a column of the row has no value.
  func isNull(_ column: Int32) -> Bool { sqlite3_column_type(handle, column) == SQLITE_NULL }

  /// The bytes in a column of the row.
  func bytes(_ column: Int32) -> [UInt8] {
    guard let base = sqlite3_column_blob(handle, column) else { return [] }
    return Array(UnsafeRawBufferPointer(start: base, count: Int(sqlite3_column_bytes(handle, column))))
  }

  /// The text in a column of the row.
  func text(_ column: Int32) -> String { String(decoding: bytes(column), as: UTF8.self) }

  private func check(_ code: Int32) throws(StoreFault) {
    guard code == SQLITE_OK else { throw StoreFault(code, of: database) }
  }
}

extension StoreFault {
  /// What SQLite says of the last call, which returned `code`.
  init(_ code: Int32, of database: OpaquePointer) {
    let extended = sqlite3_extended_errcode(database)
    var text = "cannot be used: SQLite says \"\(String(cString: sqlite3_errmsg(database)))\""
    let system = sqlite3_system_errno(database)
    if system != 0, [SQLITE_IOERR, SQLITE_CANTOPEN, SQLITE_FULL].contains(code & 0xff) {
      text += " (code \(extended), system error \(system))"
    } else {
      text += " (code \(extended))"
    }
    self.init(code: extended & 0xff == code & 0xff ? extended : code, text)
  }
}
