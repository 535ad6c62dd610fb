// From the node's thread to those who read what becomes of tuples.
//
// Readers are registered under a lock and not on the node's thread, so that a subscription is in force when the
// property that makes it returns. They leave when nobody holds their sequence or an iterator of it any more.

import GrapevineCore
import Synchronization

/// The readers of changes: the node's thread tells, any thread subscribes.
final class TupleFeed: Sendable {
  private struct State {
    var readers: [(id: UInt64, queue: TupleQueue)] = []
    var nextID: UInt64 = 0
    var isFinished = false
  }

  private let state = Mutex(State())
  private let readerCount = Atomic<Int>(0)

  /// Whether anybody reads.
  var isRead: Bool { readerCount.load(ordering: .acquiring) > 0 }

  /// The queues of those who read now.
  var queues: [TupleQueue] { state.withLock { $0.readers.map(\.queue) } }

  /// Tells a change to every reader whose scope it is in.
  func tell(_ change: TupleChange) {
    for queue in queues where change.tuple.key.withUnsafeBytes(queue.scope.contains) { queue.put(change)?() }
  }

  /// A new reader's subscription; one that ends at once when the feed has ended.
  ///
  /// - Parameter present: The tuples that are there, to be told first; nil when only changes are.
  func subscribe(to scope: TupleScope, renewals: Bool, present: [Tuple]?) -> TupleSubscription {
    let queue = TupleQueue(scope, renewals: renewals, present: present)
    let id: UInt64? = state.withLock { state in
      guard !state.isFinished else { return nil }
      state.nextID += 1
      state.readers.append((state.nextID, queue))
      readerCount.store(state.readers.count, ordering: .releasing)
      return state.nextID
    }
    if id == nil { queue.finish() }
    return TupleSubscription(queue: queue, feed: self, id: id ?? 0)
  }

  fileprivate func unsubscribe(_ id: UInt64) {
    state.withLock { state in
      state.readers.removeAll { $0.id == id }
      readerCount.store(state.readers.count, ordering: .releasing)
    }
  }

  /// Ends what every reader reads; from any thread.
  func finish() {
    let readers = state.withLock { state in
      state.isFinished = true
      readerCount.store(0, ordering: .releasing)
      defer { state.readers = [] }
      return state.readers
    }
    for reader in readers { reader.queue.finish() }
  }
}

/// What a sequence and its iterators hold; when the last of them goes, nothing is kept for them any longer.
final class TupleSubscription: Sendable {
  let queue: TupleQueue
  private let feed: TupleFeed
  private let id: UInt64

  fileprivate init(queue: TupleQueue, feed: TupleFeed, id: UInt64) {
    self.queue = queue
    self.feed = feed
    self.id = id
  }

  deinit { feed.unsubscribe(id) }
}
