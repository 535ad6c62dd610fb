// From the node's thread to the application's tasks.
//
// The node's thread appends whole batches; a task takes one when it has used up the one before, and is woken
// only when it waits. The queue is bounded. A full one makes the node stop receiving, which makes its
// neighbours wait: nothing is dropped in silence. Only as long as nobody has ever asked for the elements the
// oldest ones make room, so that a node whose application does not listen still serves the cluster.

import Synchronization

/// A bounded queue between one producer and any number of consumers, each element going to one of them.
final class Mailbox<Element: Sendable>: Sendable {
  private struct State {
    /// Elements taken are nil, so that the queue does not keep them alive.
    var queue: [Element?] = []
    var first = 0
    var waiting: [(id: UInt64, continuation: UnsafeContinuation<Element?, Never>)] = []
    var nextID: UInt64 = 0
    var isFinished = false
    var readers = 0
    /// Told when a full queue has room again.
    var onRoom: (@Sendable () -> Void)?

    var count: Int { queue.count - first }

    mutating func popFirst() -> Element? {
      guard first < queue.count else { return nil }
      let element = queue[first].take()
      first += 1
      if first == queue.count {
        queue.removeAll(keepingCapacity: true)
        first = 0
      } else if first >= 64, first * 2 >= queue.count {
        queue.removeFirst(first)
        first = 0
      }
      return element
    }
  }

  private let state = Mutex(State())
  private let limit: Int

  init(limit: Int) {
    self.limit = limit
  }

  /// Whether the producer must wait. A mailbox that nobody reads is never full.
  var isFull: Bool {
    state.withLock { $0.count >= limit && $0.readers > 0 }
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
      guard state.waiting.isEmpty else {
        continuation = state.waiting.removeFirst().continuation
        return
      }
      if state.readers == 0 && state.count >= limit { displaced = state.popFirst() }
      state.queue.append(carried.take())
    }
    continuation?.resume(returning: carried.take())
    return displaced
  }

  /// Gives back what was taken and not used: it is the first to be taken again.
  func putBack(_ element: Element) {
    let continuation = state.withLock { state -> UnsafeContinuation<Element?, Never>? in
      if !state.waiting.isEmpty { return state.waiting.removeFirst().continuation }
      if state.first > 0 {
        state.first -= 1
        state.queue[state.first] = element
      } else {
        state.queue.insert(element, at: 0)
      }
      return nil
    }
    continuation?.resume(returning: element)
  }

  /// Ends the queue: what is in it is still handed out, then nil.
  func finish() {
    let waiting = state.withLock { state in
      state.isFinished = true
      state.onRoom = nil
      defer { state.waiting = [] }
      return state.waiting
    }
    for waiter in waiting { waiter.continuation.resume(returning: nil) }
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

  /// Takes the oldest element without waiting.
  func take() -> Element? {
    let (element, onRoom) = state.withLock { state -> (Element?, (@Sendable () -> Void)?) in
      let wasFull = state.count >= limit
      return (state.popFirst(), wasFull ? state.onRoom : nil)
    }
    onRoom?()
    return element
  }

  /// Takes the oldest element, or waits for one; nil at the end or when the task is cancelled.
  nonisolated(nonsending) func next() async -> Element? {
    if let element = take() { return element }
    let id = state.withLock { state in
      state.nextID += 1
      return state.nextID
    }
    return await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let ready = state.withLock { state -> Element?? in
          if let element = state.popFirst() { return .some(element) }
          if state.isFinished || Task.isCancelled { return .some(nil) }
          state.waiting.append((id, continuation))
          return nil
        }
        if let ready { continuation.resume(returning: ready) }
      }
    } onCancel: {
      let waiter = state.withLock { state in
        state.waiting.firstIndex { $0.id == id }.map { state.waiting.remove(at: $0) }
      }
      waiter?.continuation.resume(returning: nil)
    }
  }
}
