// Tuples kept in a file of SQLite.
//
// A write-ahead log that is on the disk before a batch counts as written (`synchronous=FULL`), one transaction a
// batch. The file belongs to one node: a lock beside it keeps other nodes out, before any of them may find it damaged
// and move it, and SQLite's own exclusive lock keeps other programs out.

import CSQLite
import Grapevine
import GrapevineCore

/// Keeps the tuples of one node in one file of SQLite 3.
///
/// Beside `NAME` there are `NAME.lock`, and while it is open `NAME-wal`; to copy a store, take `NAME` and `NAME-wal`
/// together. New files are for the owner only (mode 0600). A file that is damaged is renamed with what belongs to it
/// to `NAME.damaged-TIME`, and a new one begun; damage is found where the structure of the file breaks, but not
/// within a value, for which there is no checksum.
///
/// What is written when a power failure comes is as safe as the disk makes `fsync`.
public final class SQLiteTupleStorage: TupleStorage, @unchecked Sendable {
  /// The file.
  public let path: String
  /// Pages that the file may have at most; nil for SQLite's own limit. Smaller ones show what a full disk does.
  private let pageLimit: Int?
  private var lock: StoreLock?
  private var open: OpenStore?

  /// Names the file, which is created when it is missing; its directory must exist. Nothing is opened yet.
  public convenience init(path: String) { self.init(path: path, pageLimit: nil) }

  init(path: String, pageLimit: Int?) {
    self.path = path
    self.pageLimit = pageLimit
  }

  /// Opens the file, or creates it, and reads all of it.
  ///
  /// - Throws: `TupleStoreError` when another node has it, a newer version of the program or something else wrote it,
  ///   or it cannot be created, read or written. Then it is as it was.
  public func load() throws(TupleStoreError) -> LoadedTuples {
    lock = try StoreLock(for: path)
    do throws(StoreFault) {
      return try begin()
    } catch {
      open = nil
      guard error.isDamage else { throw error.error(path) }
      let setAside = try StoreFiles.setAside(path)
      do throws(StoreFault) {
        var loaded = try begin()
        loaded.damage = TupleStoreDamage(reason: error.text, setAside: setAside)
        return loaded
      } catch {
        open = nil
        throw error.error(path)
      }
    }
  }

  private func begin() throws(StoreFault) -> LoadedTuples {
    try StoreFiles.examine(path)
    let store = try OpenStore(path, pageLimit: pageLimit)
    let loaded = try store.load()
    open = store
    return loaded
  }

  /// Writes a batch in one transaction.
  ///
  /// - Throws: `TupleStoreError` when there is no room, or the disk or the file is faulty; then the file has what it
  ///   had.
  public func save(
    _ tuples: [StoredTuple], forgetting keys: [[UInt8]], sharedAt: TupleClock
  ) throws(TupleStoreError) {
    guard let open else { throw TupleStoreError(.closed, "the store \(path) is not open") }
    do throws(StoreFault) {
      try open.save(tuples, forgetting: keys, sharedAt: sharedAt)
    } catch {
      throw error.error(path)
    }
  }

  /// Closes the file, and lets other nodes have it.
  public func close() {
    open = nil
    lock = nil
  }
}
