// Who reads what a node's thread tells.
//
// Readers are registered under a lock and not on the node's thread, so that a subscription is in force when the
// call that makes it returns.

import Synchronization

/// Readers that come and go on any thread.
package final class ReaderRegistry<Reader: Sendable>: Sendable {
  private struct State {
    var readers: [(id: UInt64, reader: Reader)] = []
    var nextID: UInt64 = 0
    var isFinished = false
  }

  private let state = Mutex(State())
  private let count = Atomic<Int>(0)

  package init() {}

  /// Whether anybody reads.
  package var isEmpty: Bool { count.load(ordering: .acquiring) == 0 }

  /// Those who read now.
  package var all: [Reader] { state.withLock { $0.readers.map(\.reader) } }

  /// Enters a reader.
  ///
  /// - Returns: What it is removed by; nil when there is nothing to read any more.
  package func add(_ reader: Reader) -> UInt64? {
    state.withLock { state in
      guard !state.isFinished else { return nil }
      state.nextID += 1
      state.readers.append((state.nextID, reader))
      count.store(state.readers.count, ordering: .releasing)
      return state.nextID
    }
  }

  /// Removes a reader that has gone.
  package func remove(_ id: UInt64) {
    state.withLock { state in
      state.readers.removeAll { $0.id == id }
      count.store(state.readers.count, ordering: .releasing)
    }
  }

  /// Removes all and lets nobody in any more.
  ///
  /// - Returns: Those who read until now.
  package func finish() -> [Reader] {
    state.withLock { state in
      state.isFinished = true
      count.store(0, ordering: .releasing)
      defer { state.readers = [] }
      return state.readers.map(\.reader)
    }
  }
}
