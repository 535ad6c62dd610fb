// Where those wait for whom the node has no room: writers of tuples, senders of large messages, whoever says something.
//
// Each time the node has got on, an epoch ends. A writer that was refused knows the epoch it was refused in, so that
// it does not wait for what has happened already.

import GrapevineTransport
import Synchronization

/// Tasks that wait until the node has got on with its work.
final class NodeRoom: Sendable {
  private struct State: ~Copyable, WaitedFor {
    var epoch: UInt64 = 0
    var waiters = Waiters<Void>()
    var isFinished = false
  }

  private let state = Mutex(State())

  /// How often the node has got on so far.
  var epoch: UInt64 { state.withLock { $0.epoch } }

  /// Waits for the end of the given epoch or of the node, or until the task is cancelled.
  nonisolated(nonsending) func wait(_ epoch: UInt64) async {
    await state.wait(cancelled: ()) { $0.epoch == epoch && !$0.isFinished ? nil : () }
  }

  /// Ends the epoch: all go on who wait.
  func open() { take(finishing: false) }

  /// Lets all go on, and nobody wait any more.
  func finish() { take(finishing: true) }

  private func take(finishing: Bool) {
    let waiting = state.withLock { state in
      state.epoch += 1
      if finishing { state.isFinished = true }
      return state.waiters.takeAll()
    }
    waiting.resumeAll()
  }
}

/// What became of a call for which there may be no room.
enum Attempt<Done: Sendable>: Sendable {
  case done(Done)
  /// Nothing was done: to be tried again after the given epoch of `NodeRoom`.
  case mustWait(since: UInt64)
}
