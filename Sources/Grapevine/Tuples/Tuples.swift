// The map of tuples, as applications use it.

import GrapevineCore

extension GossipNode {
  /// The map of tuples that all members of the cluster have.
  public nonisolated var tuples: Tuples { Tuples(node: self) }
}

/// The map of tuples: keys and values that any member writes and all members come to have.
///
/// Each member holds the whole map and answers from its own copy at once; writes travel by gossip. Of several writes
/// of one key the one with the greatest version counts, the same one on every member, so all copies become equal
/// when writing stops (eventual consistency). It is no consensus: two members may read different values at one moment,
/// and a write that was acknowledged is replaced when another one with a greater version comes along.
///
/// With `TupleRules` nil in the core's configuration there is no map, and every write throws `TupleError.disabled`.
/// This value keeps its node alive; the sequences it gives out do not, and end with the node.
public struct Tuples: Sendable {
  let node: GossipNode

  init(node: GossipNode) { self.node = node }

  /// The tuple of a key, as far as this node knows; nil when there is none.
  public nonisolated(nonsending) func tuple(_ key: TupleKey) async -> Tuple? {
    if node.isDirect { return node.client.driver.tuple(at: key) }
    return await node.tuple(at: key)
  }

  /// The tuple of a key or the memory of its removal, as far as this node knows; nil when there is neither.
  public nonisolated(nonsending) func stored(_ key: TupleKey) async -> StoredTuple? {
    await node.storedTuple(at: key)
  }

  /// The value of a key, as far as this node knows; nil when it has none.
  public nonisolated(nonsending) func value(_ key: TupleKey) async -> [UInt8]? { await tuple(key)?.value }

  /// The value of a key as text; nil when it has none or that is not UTF-8.
  public nonisolated(nonsending) func text(_ key: TupleKey) async -> String? { await tuple(key)?.text }

  /// The value of a key that was published with `encoding:`; nil when it has none.
  ///
  /// - Throws: `CodingFailure` when the value is not one of this type.
  public nonisolated(nonsending) func value<Value: Decodable>(
    _ key: TupleKey, as type: Value.Type
  ) async throws(CodingFailure) -> Value? {
    guard let tuple = await tuple(key) else { return nil }
    return try tuple.decoded(as: type)
  }

  /// The tuples whose keys begin with `prefix`, in order of their keys; all of them by default.
  public func all(prefix: TupleKey = "") async -> [Tuple] { await node.tuples(prefix: prefix) }

  /// The number of tuples that this node knows.
  public var count: Int {
    get async { await node.tupleCount }
  }

  /// The tuples now and what becomes of them from then on, without a gap.
  ///
  /// First come the tuples that are there, as `present`, in order of their keys; then once `upToDate`; then changes.
  /// A reader that keeps a dictionary by these has at every `upToDate` and later what this node has.
  ///
  /// What waits for a reader is one entry for each key at most: while a change of a key is not read, later changes of
  /// that key take its place in the queue. So a slow reader misses intermediate states but never the last one, and
  /// never that a key changed; what it costs is bounded by the number of keys that changed since it read of them. A
  /// tuple that appears and vanishes while nobody reads is told as vanished.
  ///
  /// Each call makes a sequence of its own; it is for one reader. It ends when the node has left or is gone.
  ///
  /// - Parameters:
  ///   - scope: Which tuples to watch.
  ///   - renewals: Whether to tell also when a tuple was written again with the value it had.
  public func watch(_ scope: TupleScope = .everything, renewals: Bool = false) async -> TupleWatch {
    await node.watchTuples(scope, renewals: renewals)
  }

  /// What becomes of tuples from the moment this property is read; as `watch(_:renewals:)` has it after `upToDate`.
  ///
  /// Each read makes a sequence of its own, for one reader, which is in force at once: a write that begins later is
  /// told.
  public var changes: TupleChanges {
    TupleChanges(subscription: node.client.tuples.subscribe(to: .everything, renewals: false, present: nil))
  }
}

/// The tuples at one moment, and what becomes of them from that moment on; see `Tuples.watch(_:renewals:)`.
public struct TupleWatch: AsyncSequence, Sendable {
  /// The element.
  public typealias Element = TupleNews
  let subscription: TupleSubscription

  /// Creates an iterator. Two iterators of one sequence share its elements.
  public func makeAsyncIterator() -> Iterator { Iterator(subscription: subscription) }

  /// Hands out what waits, then waits for more.
  public struct Iterator: AsyncIteratorProtocol {
    let subscription: TupleSubscription

    /// The next; nil at the end of the sequence or when the task is cancelled.
    public mutating func next() async -> TupleNews? { await next(isolation: #isolation) }

    /// The next; nil at the end of the sequence or when the task is cancelled.
    public mutating func next(isolation: isolated (any Actor)?) async -> TupleNews? {
      await subscription.queue.next()
    }
  }
}

/// What becomes of tuples from a moment on; see `Tuples.changes`.
public struct TupleChanges: AsyncSequence, Sendable {
  /// The element.
  public typealias Element = TupleChange
  let subscription: TupleSubscription

  /// Creates an iterator. Two iterators of one sequence share its elements.
  public func makeAsyncIterator() -> Iterator { Iterator(subscription: subscription) }

  /// Hands out what waits, then waits for more.
  public struct Iterator: AsyncIteratorProtocol {
    let subscription: TupleSubscription

    /// The next; nil at the end of the sequence or when the task is cancelled.
    public mutating func next() async -> TupleChange? { await next(isolation: #isolation) }

    /// The next; nil at the end of the sequence or when the task is cancelled.
    public mutating func next(isolation: isolated (any Actor)?) async -> TupleChange? {
      while let news = await subscription.queue.next() {
        if case .changed(let change) = news { return change }
      }
      return nil
    }
  }
}
