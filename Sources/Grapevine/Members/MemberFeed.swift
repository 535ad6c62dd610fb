// From the node's thread to those who read what becomes of members.
//
// Readers are registered under a lock and not on the node's thread, so that a subscription is in force when the
// property that makes it returns.

import Synchronization

/// The readers of member events: the node's thread tells, any thread subscribes.
final class MemberFeed: Sendable {
  private struct State {
    var readers: [(id: UInt64, continuation: AsyncStream<MemberEvent>.Continuation)] = []
    var nextID: UInt64 = 0
    var isFinished = false
  }

  /// Events that wait for one reader at most. Chosen here, as for `GossipNode.events()`.
  private static var limit: Int { 1_024 }

  private let state = Mutex(State())
  private let readerCount = Atomic<Int>(0)
  private let lost = Atomic<UInt64>(0)

  /// Events that readers lost by falling behind.
  var lostCount: UInt64 { lost.load(ordering: .relaxed) }

  /// Whether anybody reads.
  var isRead: Bool { readerCount.load(ordering: .acquiring) > 0 }

  /// Tells every reader.
  func tell(_ event: MemberEvent) {
    let readers = state.withLock { $0.readers }
    for reader in readers {
      if case .dropped = reader.continuation.yield(event) { lost.wrappingAdd(1, ordering: .relaxed) }
    }
  }

  /// The events from now on; none when the feed has ended.
  func subscribe() -> AsyncStream<MemberEvent> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: MemberEvent.self, bufferingPolicy: .bufferingNewest(Self.limit))
    let id: UInt64? = state.withLock { state in
      guard !state.isFinished else { return nil }
      state.nextID += 1
      state.readers.append((state.nextID, continuation))
      readerCount.store(state.readers.count, ordering: .releasing)
      return state.nextID
    }
    guard let id else {
      continuation.finish()
      return stream
    }
    // Set outside of the lock: a stream that ended meanwhile calls back at once.
    continuation.onTermination = { [weak self] _ in self?.unsubscribe(id) }
    return stream
  }

  private func unsubscribe(_ id: UInt64) {
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
    for reader in readers { reader.continuation.finish() }
  }
}
