// From the node's thread to the application's tasks.
//
// The node's thread appends whole batches; a task takes one when it has used up the one before, and is woken
// only when it waits. The queue is bounded. A full one makes the node stop receiving, which makes its
// neighbours wait: nothing is dropped in silence. Only as long as nobody has ever asked for the elements the
// oldest ones make room, so that a node whose application does not listen still serves the cluster.

import GrapevineTransport
import Synchronization

/// A bounded queue between one producer and any number of consumers, each element going to one of them.
final class Mailbox<Element: Sendable>: Sendable {
  private struct State: ~Copyable, WaitedFor {
    var queue = FrontQueue<Element>()
    var waiters = Waiters<Element?>()
    var isFinished = false
    var readers = 0
    /// What the elements in the queue weigh together.
    var weight = 0
    /// Told when a full queue has room again.
    var onRoom: (@Sendable () -> Void)?
  }

  private let state = Mutex(State())
  private let limit: Int
  private let weightLimit: Int
  private let weigh: @Sendable (borrowing Element) -> Int

  /// Creates a mailbox.
  ///
  /// - Parameters:
  ///   - limit: Elements that wait at most.
  ///   - weightLimit: What these weigh together at most, unless it is one.
  ///   - weigh: The weight of an element.
  init(
    limit: Int, weightLimit: Int = .max, weigh: @escaping @Sendable (borrowing Element) -> Int = { _ in 0 }
  ) {
    self.limit = limit
    self.weightLimit = weightLimit
    self.weigh = weigh
  }

  /// Whether the producer must wait. A mailbox that nobody reads is never full.
  var isFull: Bool {
    state.withLock { isFull($0) && $0.readers > 0 }
  }

  private func isFull(_ state: borrowing State) -> Bool {
    state.queue.count >= limit || state.weight >= weightLimit
  }

  /// Sets who is told, on the consumer's thread, when a full queue has room again.
  func setOnRoom(_ onRoom: @escaping @Sendable () -> Void) {
    state.withLock { $0.onRoom = onRoom }
  }

  /// Appends an element, and keeps no reference to it: its reader may be its only holder at once.
  ///
  /// - Returns: The oldest element when it had to make room, because nobody reads.
  func push(_ element: consuming Element) -> Element? {
    var continuation: UnsafeContinuation<Element?, Never>?
    var displaced: Element?
    var carried: Element? = consume element
    state.withLock { state in
      guard !state.isFinished else {
        displaced = carried.take()
        return
      }
      continuation = state.waiters.takeFirst()
      guard continuation == nil else { return }
      if state.readers == 0 && state.queue.count >= limit { displaced = pop(&state) }
      guard let element = carried.take() else { return }
      state.weight += weigh(element)
      state.queue.append(element)
    }
    continuation?.resume(returning: carried.take())
    return displaced
  }

  /// Gives back what was taken and not used: it is the first to be taken again.
  func putBack(_ element: Element) {
    let continuation = state.withLock { state -> UnsafeContinuation<Element?, Never>? in
      if let waiter = state.waiters.takeFirst() { return waiter }
      state.weight += weigh(element)
      state.queue.putBack(element)
      return nil
    }
    continuation?.resume(returning: element)
  }

  /// Ends the queue: what is in it is still handed out, then nil.
  func finish() {
    let waiting = state.withLock { state in
      state.isFinished = true
      state.onRoom = nil
      return state.waiters.takeAll()
    }
    for waiter in waiting { waiter.resume(returning: nil) }
  }

  /// Whether anybody reads.
  var isRead: Bool { state.withLock { $0.readers > 0 } }

  func addReader() {
    let onRoom = state.withLock { state in
      state.readers += 1
      return state.onRoom
    }
    onRoom?()
  }

  func removeReader() {
    let onRoom = state.withLock { state in
      state.readers -= 1
      return state.onRoom
    }
    onRoom?()
  }

  private func pop(_ state: inout State) -> Element? {
    guard let element = state.queue.popFirst() else { return nil }
    state.weight -= weigh(element)
    return element
  }

  /// Takes the oldest element without waiting.
  func take() -> Element? {
    let (element, onRoom) = state.withLock { state -> (Element?, (@Sendable () -> Void)?) in
      let wasFull = isFull(state)
      return (pop(&state), wasFull ? state.onRoom : nil)
    }
    onRoom?()
    return element
  }

  /// Takes the oldest element, or waits for one; nil at the end or when the task is cancelled.
  nonisolated(nonsending) func next() async -> Element? {
    if let element = take() { return element }
    var onRoom: (@Sendable () -> Void)?
    let element = await state.wait(cancelled: nil) { state in
      // One may have come since.
      if isFull(state) { onRoom = state.onRoom }
      if let element = pop(&state) { return .some(element) }
      return state.isFinished ? .some(nil) : nil
    }
    onRoom?()
    return element
  }
}
