// What applications, stores and tools see of a tuple.

/// How long a tuple lives.
public enum TupleLifetime: Hashable, Sendable {
  /// Until it is removed or written over.
  case permanent
  /// For the given time after it was written, 1 ms to 10 years; its writer may write it again before.
  case expires(after: Duration)
  /// As `expires`, and its writer's node writes it again in time, for as long as that node runs.
  case renewed(every: Duration)
  /// While its writer is a member: when that leaves, fails or starts anew, the tuple vanishes.
  case ephemeral
}

/// A tuple: a key, its present value, and which write that is.
public struct Tuple: Sendable, Equatable {
  /// The key, up to 255 bytes.
  public var key: [UInt8]
  /// The value.
  public var value: [UInt8]
  /// Which write it is.
  public var version: TupleVersion
  /// When it expires, in milliseconds since 1970 (UTC); nil when it does not.
  public var expiresAt: UInt64?
  /// Whether it is bound to its writer's membership.
  public var isEphemeral: Bool

  /// Creates a tuple.
  public init(
    key: [UInt8], value: [UInt8], version: TupleVersion, expiresAt: UInt64? = nil, isEphemeral: Bool = false
  ) {
    self.key = key
    self.value = value
    self.version = version
    self.expiresAt = expiresAt
    self.isEphemeral = isEphemeral
  }
}

/// What a store keeps of one key: its tuple, or the memory of its removal.
public struct StoredTuple: Sendable, Equatable {
  /// The tuple; without a value when it was removed.
  public var tuple: Tuple
  /// Whether this is the memory of a removal.
  public var isTombstone: Bool

  /// Creates a record.
  public init(_ tuple: Tuple, isTombstone: Bool = false) {
    self.tuple = tuple
    self.isTombstone = isTombstone
  }
}

/// What must hold for a conditional write, as far as this node knows.
///
/// Another member may write the same key at the same time: both succeed, each by what it knew, and the greater
/// version counts in the end. It is not consensus.
public enum TupleCondition: Hashable, Sendable {
  /// The key has no value.
  case ifAbsent
  /// The key's present value is of this version.
  case ifVersion(TupleVersion)
}

/// What became of a tuple.
public enum TupleChangeKind: UInt8, Sendable, CaseIterable, BitwiseCopyable {
  /// It has a value, or another one than before.
  case published = 1
  /// The same value was written again: its version, and perhaps its lifetime, are others than before.
  case renewed
  /// It was removed.
  case removed
  /// Its time is over.
  case expired
  /// Its writer is no longer a member. It is back with `published` when the writer is.
  case departed
  /// The memory of its removal was given up. Only stores are told.
  case forgotten
}

/// Why a tuple was not written.
public enum TupleError: Error, Equatable, Sendable {
  /// The key is longer than `limit` bytes.
  case keyTooLong(limit: Int)
  /// The value is longer than `limit` bytes.
  case valueTooLong(limit: Int)
  /// The lifetime is not from 1 ms to 10 years.
  case lifetimeOutOfRange
  /// The map holds as many tuples or bytes as its limits allow.
  case full
  /// The outbox is full: neighbours have not taken what was sent. Try again after the next step.
  case wouldBlock
  /// The condition does not hold: the key's present version, nil when it has none.
  case conditionFailed(present: TupleVersion?)
  /// The node keeps no list of members, which ephemeral tuples need.
  case membershipNeeded
  /// The node keeps no tuples: its configuration says so.
  case disabled
  /// The node was destroyed.
  case ended
}
