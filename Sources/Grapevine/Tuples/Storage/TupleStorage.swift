// What a node needs of a disk to keep its tuples over a restart.

import GrapevineCore

/// A place that keeps the tuples of one node over a restart.
///
/// A node calls it on one thread of its own, one call at a time: first `load`, then any number of times `save`, last
/// `close`. Calls may take as long as a disk takes.
public protocol TupleStorage: AnyObject, Sendable {
  /// Opens the place and reads what it has.
  ///
  /// - Throws: `TupleStoreError` when it cannot be used; then the node is not created, and nothing there has changed.
  func load() throws(TupleStoreError) -> LoadedTuples

  /// Writes a batch: all of it, so that it is there after a crash of the program or the machine, or nothing.
  ///
  /// - Parameters:
  ///   - tuples: Records to keep in place of earlier ones of the same keys; each key once.
  ///   - keys: Keys whose records go; none of them among `tuples`.
  ///   - sharedAt: To be given back by `load`, as the last batch that was written has it.
  /// - Throws: `TupleStoreError` when it was not written; the node tries again later, with what came meanwhile.
  func save(
    _ tuples: [StoredTuple], forgetting keys: [[UInt8]], sharedAt: TupleClock
  ) throws(TupleStoreError)

  /// Closes the place. Called once, also when `load` threw.
  func close()
}

/// What a store has of an earlier run.
public struct LoadedTuples: Sendable, Equatable {
  /// The records, in any order; each key once.
  public var tuples: [StoredTuple]
  /// Up to when other members had all of them.
  public var sharedAt: TupleClock
  /// What is wrong with what was there; nil when nothing is.
  public var damage: TupleStoreDamage?

  /// Creates what a store has; by itself that is nothing.
  public init(
    tuples: [StoredTuple] = [], sharedAt: TupleClock = TupleClock(bits: 0), damage: TupleStoreDamage? = nil
  ) {
    self.tuples = tuples
    self.sharedAt = sharedAt
    self.damage = damage
  }
}

/// A store that was damaged, so that a new one was begun.
public struct TupleStoreDamage: Sendable, Equatable {
  /// What is wrong with it.
  public var reason: String
  /// The name under which it is kept now, in the same directory.
  public var setAside: String

  /// Creates a report.
  public init(reason: String, setAside: String) {
    self.reason = reason
    self.setAside = setAside
  }
}

/// What became of the tuples that a node kept in an earlier run.
public enum TupleRecovery: Sendable, Equatable {
  /// There were none: it is the first run, or the node has no store.
  case none
  /// They were read.
  ///
  /// - Parameters:
  ///   - tuples: Records that were taken, memories of removed tuples among them.
  ///   - refused: Records that were not taken: expired, too old, or beyond the node's limits.
  case loaded(tuples: Int, refused: Int)
  /// The store was damaged, for this reason. It is now called `setAside`, in the same directory, and the node began
  /// with no tuples; the other members have them.
  case damaged(reason: String, setAside: String)
}
