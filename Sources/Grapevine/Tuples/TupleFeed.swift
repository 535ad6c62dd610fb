// From the node's thread to those who read what becomes of tuples.
//
// Readers leave when nobody holds their sequence or an iterator of it any more.

import GrapevineCore
import GrapevineTransport

/// The readers of changes: the node's thread tells, any thread subscribes.
final class TupleFeed: Sendable {
  private let readers = ReaderRegistry<TupleQueue>()

  /// Whether anybody reads.
  var isRead: Bool { !readers.isEmpty }

  /// The queues of those who read now.
  var queues: [TupleQueue] { readers.all }

  /// Tells a change to every reader whose scope it is in.
  func tell(_ change: TupleChange) {
    for queue in queues where change.tuple.key.withUnsafeBytes(queue.scope.contains) { queue.put(change)?() }
  }

  /// A new reader's subscription; one that ends at once when the feed has ended.
  ///
  /// - Parameter present: The tuples that are there, to be told first; nil when only changes are.
  func subscribe(to scope: TupleScope, renewals: Bool, present: [Tuple]?) -> TupleSubscription {
    let queue = TupleQueue(scope, renewals: renewals, present: present)
    let id = readers.add(queue)
    if id == nil { queue.finish() }
    return TupleSubscription(queue: queue, feed: self, id: id ?? 0)
  }

  fileprivate func unsubscribe(_ id: UInt64) { readers.remove(id) }

  /// Ends what every reader reads; from any thread.
  func finish() { for queue in readers.finish() { queue.finish() } }
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
