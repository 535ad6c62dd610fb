// Tuples kept in a file of SQLite.

import CSQLite
import Grapevine
import GrapevineCore

/// Keeps the tuples of one node in one file.
public final class SQLiteTupleStorage: TupleStorage, @unchecked Sendable {
  /// The file.
  public let path: String

  /// Names the file, which is created when it is missing; its directory must exist. Nothing is opened yet.
  public init(path: String) { self.path = path }

  public func load() throws(TupleStoreError) -> LoadedTuples { LoadedTuples() }

  public func save(
    _ tuples: [StoredTuple], forgetting keys: [[UInt8]], sharedAt: TupleClock
  ) throws(TupleStoreError) {}

  public func close() {}
}
