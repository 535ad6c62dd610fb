// What can be wrong with a store of tuples, said so that the reader knows what to do.

/// Why tuples cannot be kept on the disk.
public struct TupleStoreError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The kinds of reasons.
  public enum Reason: Sendable, Hashable {
    /// Another node, perhaps of another program, has the store.
    case inUse
    /// A newer version of the program wrote it.
    case newerVersion
    /// The file belongs to something else.
    case foreign
    /// It may not be read or written.
    case notPermitted
    /// There is no room.
    case full
    /// The disk or the file is faulty.
    case faulty
    /// The node has ended.
    case closed
    /// Anything else.
    case other
  }

  /// The kind of reason.
  public var reason: Reason
  /// One sentence that says what was got and the way out.
  public var description: String

  /// Creates an error.
  public init(_ reason: Reason, _ description: String) {
    self.reason = reason
    self.description = description
  }
}

/// What a node's store of tuples has done.
public struct TupleStoreStatistics: Sendable, Equatable {
  /// Records written, and forgotten ones.
  public var written: UInt64 = 0
  /// Batches written.
  public var batches: UInt64 = 0
  /// Attempts to write a batch that failed; each is tried again.
  public var failures: UInt64 = 0
  /// Why the last attempt failed; nil when it did not.
  public var lastFailure: String?
  /// Changes that are not on the disk yet: one for each key of each batch.
  public var pending = 0

  /// Creates counts; by themselves of nothing.
  public init(written: UInt64 = 0, batches: UInt64 = 0, failures: UInt64 = 0) {
    self.written = written
    self.batches = batches
    self.failures = failures
  }
}
