// From the node's thread to those who read what becomes of tuples.
//
// Readers share the batches. Each has a queue of bounded bytes: when one is full the node waits, but not for ever;
// then the oldest batches of that reader make room, and it is told how much it lost.

import GrapevineTransport
import Synchronization

/// The readers: the node's thread tells, any thread subscribes.
final class DeliveryFeed: Sendable {
  private let readers = ReaderRegistry<DeliveryQueue>()
  private let limit: Int
  /// Told, on a reader's thread, when a full queue has room again.
  private let onRoom: @Sendable () -> Void

  init(limit: Int, onRoom: @escaping @Sendable () -> Void) {
    self.limit = limit
    self.onRoom = onRoom
  }

  /// Whether anybody reads.
  var isRead: Bool { !readers.isEmpty }

  /// Whether a reader has not read as much as may wait for it.
  var isFull: Bool { isRead && readers.all.contains { $0.isFull } }

  /// Tells every reader.
  ///
  /// - Parameter mayDrop: Whether those that do not read may lose something: they were waited for.
  func tell(_ batch: ZGossipBatch, mayDrop: Bool) {
    for queue in readers.all { queue.put(batch, mayDrop: mayDrop) }
  }

  /// A new reader's subscription; one that ends at once when the feed has ended.
  func subscribe() -> DeliverySubscription {
    let queue = DeliveryQueue(limit: limit, onRoom: onRoom)
    let id = readers.add(queue)
    if id == nil { queue.finish() }
    return DeliverySubscription(queue: queue, feed: self, id: id ?? 0)
  }

  fileprivate func unsubscribe(_ id: UInt64) {
    readers.remove(id)
    onRoom()
  }

  /// Ends what every reader reads, after what waits; from any thread.
  func finish() { for queue in readers.finish() { queue.finish() } }
}

/// What a sequence and its iterators hold; when the last of them goes, nothing is kept for them any longer.
final class DeliverySubscription: Sendable {
  let queue: DeliveryQueue
  private let feed: DeliveryFeed
  private let id: UInt64

  fileprivate init(queue: DeliveryQueue, feed: DeliveryFeed, id: UInt64) {
    self.queue = queue
    self.feed = feed
    self.id = id
  }

  deinit { feed.unsubscribe(id) }
}

/// The batches that wait for one reader.
final class DeliveryQueue: Sendable {
  private struct State: ~Copyable, WaitedFor {
    var batches = FrontQueue<ZGossipBatch>()
    var bytes = 0
    /// Changes dropped before the first batch.
    var lost: UInt64 = 0
    var waiters = Waiters<ZGossipBatch?>()
    var isFinished = false

    /// Takes the oldest batch, with what was lost before it; also says whether the queue is full no longer.
    mutating func take(limit: Int) -> (batch: ZGossipBatch?, hasRoom: Bool) {
      let wasFull = bytes >= limit
      guard let batch = popFirst()?.after(losing: lost) else { return (nil, false) }
      lost = 0
      return (batch, wasFull && bytes < limit)
    }

    mutating func popFirst() -> ZGossipBatch? {
      let batch = batches.popFirst()
      bytes -= batch?.size ?? 0
      return batch
    }
  }

  private let state = Mutex(State())
  private let limit: Int
  private let onRoom: @Sendable () -> Void

  init(limit: Int, onRoom: @escaping @Sendable () -> Void) {
    self.limit = max(1, limit)
    self.onRoom = onRoom
  }

  var isFull: Bool { state.withLock { $0.bytes >= limit } }

  /// Appends a batch; the oldest make room when they may and there is twice the limit.
  func put(_ batch: ZGossipBatch, mayDrop: Bool) {
    let waiter = state.withLock { state -> UnsafeContinuation<ZGossipBatch?, Never>? in
      guard !state.isFinished else { return nil }
      if let waiter = state.waiters.takeFirst() { return waiter }
      state.batches.append(batch)
      state.bytes += batch.size
      while mayDrop, state.bytes > 2 * limit, state.batches.count > 1,
        let oldest = state.popFirst()
      {
        state.lost += UInt64(oldest.count)
      }
      return nil
    }
    waiter?.resume(returning: batch)
  }

  /// Ends the queue: what waits is still handed out, then nil.
  func finish() {
    let waiting = state.withLock { state in
      state.isFinished = true
      return state.waiters.takeAll()
    }
    for waiter in waiting { waiter.resume(returning: nil) }
  }

  /// Takes the oldest batch without waiting.
  private func take() -> ZGossipBatch? {
    let (batch, hasRoom) = state.withLock { $0.take(limit: limit) }
    if hasRoom { onRoom() }
    return batch
  }

  /// Takes the oldest batch, or waits for one; nil at the end or when the task is cancelled.
  nonisolated(nonsending) func next() async -> ZGossipBatch? {
    if let batch = take() { return batch }
    var hasRoom = false
    let batch = await state.wait(cancelled: nil) { state in
      // One may have come since.
      let taken = state.take(limit: limit)
      hasRoom = taken.hasRoom
      if let batch = taken.batch { return .some(batch) }
      return state.isFinished ? .some(nil) : nil
    }
    if hasRoom { onRoom() }
    return batch
  }
}

/// What becomes of tuples from the moment it was made, in batches; each sequence is a reader of its own.
public struct ZGossipDeliveries: AsyncSequence, Sendable {
  /// What it gives.
  public typealias Element = ZGossipBatch
  let subscription: DeliverySubscription

  /// Reads one after the other.
  public struct AsyncIterator: AsyncIteratorProtocol {
    let subscription: DeliverySubscription

    /// The next batch; nil when the node was closed or the task cancelled.
    public mutating func next() async -> ZGossipBatch? { await subscription.queue.next() }
  }

  /// Iterators of one sequence share it: each batch goes to one of them.
  public func makeAsyncIterator() -> AsyncIterator { AsyncIterator(subscription: subscription) }
}
