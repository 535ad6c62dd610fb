// What waits for one reader of tuples: one entry for each key, the newest state in the oldest one's place.

import GrapevineCore
import Synchronization

/// The entries that wait for one reader. The node's thread puts in, the reader takes out.
final class TupleQueue: Sendable {
  fileprivate struct State {
    /// Entries in order; nil where one was taken, or what it told has come to nothing.
    var entries: [TupleNews?] = []
    var first = 0
    /// How many entries were dropped from the front of `entries`, so that numbers in `places` stay.
    var dropped = 0
    /// The number of the entry of each key that waits.
    var places: [[UInt8]: Int] = [:]
    var waiting: [(id: UInt64, continuation: UnsafeContinuation<TupleNews?, Never>)] = []
    var nextID: UInt64 = 0
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
  var count: Int { state.withLock { state in state.entries[state.first...].count { $0 != nil } } }

  /// Puts a change in: into the entry of its key when one waits, else behind all others.
  ///
  /// - Returns: What to hand to a reader that waits, to be resumed outside of all locks; nil when none does.
  func put(_ change: TupleChange) -> (@Sendable () -> Void)? {
    let waiter = state.withLock { state -> UnsafeContinuation<TupleNews?, Never>? in
      guard !state.isFinished else { return nil }
      if state.merge(change) { return nil }
      guard change.kind != .renewed || renewals else { return nil }
      // Whoever waits has found nothing, so nothing is before this.
      if !state.waiting.isEmpty { return state.waiting.removeFirst().continuation }
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
      defer { state.waiting = [] }
      return state.waiting
    }
    for waiter in waiting { waiter.continuation.resume(returning: nil) }
  }

  /// Takes the first entry, or waits for one; nil at the end or when the task is cancelled.
  nonisolated(nonsending) func next() async -> TupleNews? {
    let (ready, id) = state.withLock { state in
      state.nextID += 1
      return (state.popFirst(), state.nextID)
    }
    if let ready { return ready }
    return await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let ready = state.withLock { state -> TupleNews?? in
          if let news = state.popFirst() { return .some(news) }
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

extension TupleQueue.State {
  fileprivate mutating func append(_ news: TupleNews, of key: [UInt8]) {
    places[key] = dropped + entries.count
    entries.append(news)
  }

  /// Puts a change into the entry of its key.
  ///
  /// - Returns: False when no entry of that key waits.
  fileprivate mutating func merge(_ change: TupleChange) -> Bool {
    guard let place = places[change.tuple.key] else { return false }
    let index = place - dropped
    switch entries[index] {
    case .present where change.isPresent: entries[index] = .present(change.tuple)
    case .present:
      // The reader never knew of it, and need not learn that it is gone.
      entries[index] = nil
      places[change.tuple.key] = nil
    case .changed(let earlier):
      var latest = change
      // A new value that has not been read stays new when it is renewed.
      if change.kind == .renewed, earlier.kind != .renewed { latest.kind = .published }
      entries[index] = .changed(latest)
    case .upToDate, nil: return false
    }
    return true
  }

  fileprivate mutating func popFirst() -> TupleNews? {
    while first < entries.count {
      let news = entries[first].take()
      first += 1
      trim()
      switch news {
      case .present(let tuple): places[tuple.key] = nil
      case .changed(let change): places[change.tuple.key] = nil
      case .upToDate: break
      case nil: continue
      }
      return news
    }
    return nil
  }

  /// Gives back the front of `entries` once it is the greater part.
  private mutating func trim() {
    if first == entries.count {
      dropped += entries.count
      entries.removeAll(keepingCapacity: entries.capacity <= 1_024)
      first = 0
    } else if first >= 64, first * 2 >= entries.count {
      entries.removeFirst(first)
      dropped += first
      first = 0
    }
  }
}
