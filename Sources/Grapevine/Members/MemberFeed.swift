// From the node's thread to those who read what becomes of members.

import GrapevineTransport
import Synchronization

/// The readers of member events: the node's thread tells, any thread subscribes.
final class MemberFeed: Sendable {
  /// Events that wait for one reader at most. Chosen here, as for `GossipNode.events()`.
  private static var limit: Int { 1_024 }

  private let readers = ReaderRegistry<AsyncStream<MemberEvent>.Continuation>()
  private let lost = Atomic<UInt64>(0)

  /// Events that readers lost by falling behind.
  var lostCount: UInt64 { lost.load(ordering: .relaxed) }

  /// Whether anybody reads.
  var isRead: Bool { !readers.isEmpty }

  /// Tells every reader.
  func tell(_ event: MemberEvent) {
    for reader in readers.all {
      if case .dropped = reader.yield(event) { lost.wrappingAdd(1, ordering: .relaxed) }
    }
  }

  /// The events from now on; none when the feed has ended.
  func subscribe() -> AsyncStream<MemberEvent> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: MemberEvent.self, bufferingPolicy: .bufferingNewest(Self.limit))
    let id = readers.add(continuation)
    guard let id else {
      continuation.finish()
      return stream
    }
    // Set outside of the lock: a stream that ended meanwhile calls back at once.
    continuation.onTermination = { [weak self] _ in self?.unsubscribe(id) }
    return stream
  }

  private func unsubscribe(_ id: UInt64) { readers.remove(id) }

  /// Ends what every reader reads; from any thread.
  func finish() { for reader in readers.finish() { reader.finish() } }
}
