// A store of tuples as it ought to be: what was committed survives a crash, what was not is lost.

import GrapevineCore

/// What a store has kept.
public struct TupleStoreImage: Sendable, Equatable {
  /// Tuples, and memories of removals, by their keys.
  public var tuples: [[UInt8]: StoredTuple] = [:]
  /// Up to when they are known to others, as the last commit has it.
  public var sharedAt = TupleClock(bits: 0)

  /// Creates an empty image.
  public init() {}
}

/// The store of one process: changes wait until they are committed.
struct TupleStoreModel {
  /// What is on the disk.
  private(set) var image = TupleStoreImage()
  /// The changes that are not: what is to be kept, or nil for what is to be forgotten.
  private var pending: [(key: [UInt8], stored: StoredTuple?)] = []

  /// The number of changes that a crash would lose.
  var pendingCount: Int { pending.count }

  /// Notes a change of the node.
  mutating func note(_ change: TupleObservation) {
    guard change.record.isStored else { return }
    let key = Array(change.key)
    guard change.record.kind != .forgotten else { return pending.append((key, nil)) }
    let tuple = Tuple(
      key: key, value: Array(change.value), version: change.record.version,
      expiresAt: change.record.expiresAt == 0 ? nil : change.record.expiresAt,
      isEphemeral: change.record.isEphemeral)
    pending.append((key, StoredTuple(tuple, isTombstone: change.record.isTombstone)))
  }

  /// Writes all that was noted to the disk.
  mutating func commit(sharedAt: TupleClock) {
    for change in pending { image.tuples[change.key] = change.stored }
    pending.removeAll(keepingCapacity: true)
    image.sharedAt = sharedAt
  }

  /// A crash: what was not committed is gone.
  mutating func crash() { pending.removeAll() }
}
