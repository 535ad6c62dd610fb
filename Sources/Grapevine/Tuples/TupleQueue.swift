// What waits for one reader of tuples: one entry for each key, the newest state in the oldest one's place.

import GrapevineCore
import GrapevineTransport
import Synchronization

/// The entries that wait for one reader. The node's thread puts in, the reader takes out.
final class TupleQueue: Sendable {
  fileprivate struct State: ~Copyable, WaitedFor {
    /// Entries in order; erased where what one told has come to nothing.
    var entries = FrontQueue<TupleNews>()
    /// The number of the entry of each key that waits.
    var places: [[UInt8]: Int] = [:]
    var waiters = Waiters<TupleNews?>()
    var isFinished = false
  }

  let scope: TupleScope
  private let renewals: Bool
  private let state = Mutex(State())

  /// Creates a queue.
  ///
  /// - Parameters:
  ///   - scope: What it takes.
  ///   - renewals: Whether renewals are told.
  ///   - present: The tuples that are there, to be told first; nil when only changes are.
  init(_ scope: TupleScope, renewals: Bool, present: [Tuple]?) {
    self.scope = scope
    self.renewals = renewals
    guard let present else { return }
    state.withLock { state in
      state.entries.reserveCapacity(present.count + 1)
      state.places.reserveCapacity(present.count)
      for tuple in present { state.append(.present(tuple), of: tuple.key) }
      state.entries.append(.upToDate)
    }
  }

  /// The number of entries that wait.
  var count: Int { state.withLock { $0.entries.waiting.count } }

  /// Puts a change in: into the entry of its key when one waits, else behind all others.
  ///
  /// - Returns: What to hand to a reader that waits, to be resumed outside of all locks; nil when none does.
  func put(_ change: TupleChange) -> (@Sendable () -> Void)? {
    let waiter = state.withLock { state -> UnsafeContinuation<TupleNews?, Never>? in
      guard !state.isFinished else { return nil }
      if state.merge(change) { return nil }
      guard change.kind != .renewed || renewals else { return nil }
      // Whoever waits has found nothing, so nothing is before this.
      if let waiter = state.waiters.takeFirst() { return waiter }
      state.append(.changed(change), of: change.tuple.key)
      return nil
    }
    guard let waiter else { return nil }
    return { waiter.resume(returning: .changed(change)) }
  }

  /// Ends the queue: what waits is still handed out, then nil.
  func finish() {
    let waiting = state.withLock { state in
      state.isFinished = true
      return state.waiters.takeAll()
    }
    for waiter in waiting { waiter.resume(returning: nil) }
  }

  /// Takes the first entry, or waits for one; nil at the end or when the task is cancelled.
  nonisolated(nonsending) func next() async -> TupleNews? {
    await state.wait(cancelled: nil) { state in
      if let news = state.popFirst() { return .some(news) }
      return state.isFinished ? .some(nil) : nil
    }
  }
}

extension TupleQueue.State {
  fileprivate mutating func append(_ news: TupleNews, of key: [UInt8]) {
    places[key] = entries.append(news)
  }

  /// Puts a change into the entry of its key.
  ///
  /// - Returns: False when no entry of that key waits.
  fileprivate mutating func merge(_ change: TupleChange) -> Bool {
    guard let place = places[change.tuple.key] else { return false }
    switch entries[place] {
    case .present where change.isPresent: entries[place] = .present(change.tuple)
    case .present:
      // The reader never knew of it, and need not learn that it is gone.
      entries[place] = nil
      places[change.tuple.key] = nil
    case .changed(let earlier):
      var latest = change
      // A new value that has not been read stays new when it is renewed.
      if change.kind == .renewed, earlier.kind != .renewed { latest.kind = .published }
      entries[place] = .changed(latest)
    case .upToDate, nil: return false
    }
    return true
  }

  fileprivate mutating func popFirst() -> TupleNews? {
    let news = entries.popFirst()
    switch news {
    case .present(let tuple): places[tuple.key] = nil
    case .changed(let change): places[change.tuple.key] = nil
    case .upToDate, nil: break
    }
    return news
  }
}
