// From the node's thread to those who read what becomes of large messages.

import GrapevineCore
import GrapevineTransport
import Synchronization

/// The readers of updates on large messages: the node's thread tells, any thread subscribes.
final class TransferFeed: Sendable {
  /// Updates that wait for one reader at most. Chosen here, as for `GossipNode.events()`: ten messages' worth.
  private static var limit: Int { 1_024 }

  private let readers = ReaderRegistry<AsyncStream<TransferUpdate>.Continuation>()
  private let lost = Atomic<UInt64>(0)

  /// Updates that readers lost by falling behind.
  var lostCount: UInt64 { lost.load(ordering: .relaxed) }

  /// Tells every reader.
  func tell(_ update: TransferUpdate) {
    for reader in readers.all {
      if case .dropped = reader.yield(update) { lost.wrappingAdd(1, ordering: .relaxed) }
    }
  }

  /// The updates from now on; none when the feed has ended.
  func subscribe() -> AsyncStream<TransferUpdate> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: TransferUpdate.self, bufferingPolicy: .bufferingNewest(Self.limit))
    guard let id = readers.add(continuation) else {
      continuation.finish()
      return stream
    }
    // Set outside of the lock: a stream that ended meanwhile calls back at once.
    continuation.onTermination = { [weak self] _ in self?.readers.remove(id) }
    return stream
  }

  /// Ends what every reader reads; from any thread.
  func finish() { for reader in readers.finish() { reader.finish() } }
}
