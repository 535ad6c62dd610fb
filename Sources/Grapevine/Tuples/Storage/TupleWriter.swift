// From the node's thread to the store of tuples.
//
// The store has one thread for as long as the node runs. While it writes a batch, changes gather; they are the next
// batch, so a slow disk makes batches longer and not the node slower (group commit). Those who wait for a batch wait
// for its number. A batch that failed is put back below what came since, and is tried again after a while.

import GrapevineCore
import GrapevineTransport
import Synchronization

/// Writes batches into one store, in order, on a thread of its own.
final class TupleWriter: Sendable {
  private struct State: ~Copyable, WaitedFor {
    var pending = TupleBatch()
    /// How many records the attempt under way writes.
    var underWay = 0
    /// The number of the newest batch that was submitted.
    var submitted: UInt64 = 0
    /// All batches up to this one are on the disk.
    var written: UInt64 = 0
    /// The newest batch of the last attempt that failed.
    var failed: (batch: UInt64, error: TupleStoreError)?
    var sharedAt = TupleClock(bits: 0)
    /// Whether `sharedAt` is to be written even without a record.
    var mustShare = false
    /// When to try again after a failure.
    var retryAt = Instant()
    var delay: Nanoseconds = 0
    var isClosing = false
    var isClosed = false
    var record = TupleStoreStatistics()
    /// Each with the number of the batch that it waits for.
    var waiters = Waiters<TupleStoreError?>()
    var closers: [UnsafeContinuation<Void, Never>] = []
    var onFailure: (@Sendable () -> Void)?
  }

  /// What an attempt writes.
  private struct Attempt {
    var batch: TupleBatch
    var number: UInt64
    var sharedAt: TupleClock
  }

  /// Time until the second attempt; twice as long each time, up to `delayLimit`. Chosen here: a full disk is not
  /// emptied faster, and a publisher that waits for the disk learns of the failure in time.
  static let delayFirst: Nanoseconds = 100_000_000
  static let delayLimit: Nanoseconds = 5_000_000_000
  /// Attempts to write what is left when the node leaves. Chosen here.
  static let lastAttempts = 3

  private let storage: any TupleStorage
  private let signal = ThreadSignal()
  private let state = Mutex(State())
  /// When the node's thread should call `retry`; `Instant.never` as nanoseconds when nothing failed.
  private let retryTime = Atomic<UInt64>(Instant.never.nanoseconds)

  init(_ storage: any TupleStorage) {
    self.storage = storage
  }

  /// Starts the thread and has it load the store.
  ///
  /// - Throws: `TupleStoreError` when that failed; then the store is closed.
  func start() async throws(TupleStoreError) -> LoadedTuples {
    let outcome: Result<LoadedTuples, TupleStoreError> = await withUnsafeContinuation { continuation in
      let error = startThread(name: "grapevine-tuples", stackBytes: 512 << 10) {
        do throws(TupleStoreError) {
          let loaded = try self.storage.load()
          self.state.withLock { $0.sharedAt = loaded.sharedAt }
          continuation.resume(returning: .success(loaded))
          self.run()
        } catch {
          self.close()
          continuation.resume(returning: .failure(error))
        }
      }
      guard error != 0 else { return }
      close()
      let fault = FileFault(call: "pthread_create", error: error)
      continuation.resume(returning: .failure(TupleStoreError(.other, "no thread for the store: \(fault)")))
    }
    return try outcome.get()
  }

  /// What happened so far.
  var record: TupleStoreStatistics {
    state.withLock { state in
      var record = state.record
      record.pending = state.pending.count + state.underWay
      return record
    }
  }

  /// When `retry` is to be called; `never` when nothing failed.
  var deadline: Instant { Instant(nanoseconds: retryTime.load(ordering: .relaxed)) }

  /// Hands over a batch; from any thread, and never waits for the disk.
  ///
  /// - Parameter mustShare: Whether `sharedAt` is to be written even when the batch is empty.
  func submit(_ batch: TupleBatch, number: UInt64, sharedAt: TupleClock, mustShare: Bool) {
    state.withLock { state in
      guard !state.isClosed else { return }
      state.pending.append(batch)
      state.submitted = max(state.submitted, number)
      state.sharedAt = sharedAt
      state.mustShare = state.mustShare || mustShare
    }
    signal.raise()
  }

  /// Sets who is told, on the store's thread, that `deadline` is another one.
  func setOnFailure(_ onFailure: @escaping @Sendable () -> Void) {
    state.withLock { $0.onFailure = onFailure }
  }

  /// Tries again what failed.
  func retry() {
    retryTime.store(Instant.never.nanoseconds, ordering: .relaxed)
    signal.raise()
  }

  /// Waits until the batch of the given number is on the disk.
  ///
  /// - Throws: `TupleStoreError` when an attempt to write it failed; `CancellationError`.
  nonisolated(nonsending) func written(_ number: UInt64) async throws {
    let failure = await state.wait(cancelled: nil, mark: number) { state in
      if state.written >= number { return .some(nil) }
      if let failed = state.failed, failed.batch >= number { return failed.error }
      if state.isClosed { return TupleStoreError(.closed, "the node has left: its store is closed") }
      return nil
    }
    if let failure { throw failure.ofTuple }
    guard state.withLock({ $0.written >= number }) else { throw CancellationError() }
  }

  /// Has what is left written and the store closed; from any thread.
  func end() {
    state.withLock { $0.isClosing = true }
    signal.raise()
  }

  /// As `end`; returns when that is done.
  func finish() async {
    end()
    await withUnsafeContinuation { continuation in
      let isClosed = state.withLock { state in
        if !state.isClosed { state.closers.append(continuation) }
        return state.isClosed
      }
      if isClosed { continuation.resume() }
    }
  }
}

// On the store's thread.
extension TupleWriter {
  private func run() {
    while true {
      signal.wait()
      while let attempt = takeAttempt() {
        guard write(attempt) else { break }
      }
      guard state.withLock({ $0.isClosing }) else { continue }
      for _ in 1..<Self.lastAttempts {
        guard let attempt = takeAttempt() else { break }
        if write(attempt) { break }
      }
      return close()
    }
  }

  /// What to write now; nil when there is nothing, or it is not time yet.
  private func takeAttempt() -> Attempt? {
    state.withLock { state in
      guard !state.pending.isEmpty || state.mustShare || state.written < state.submitted else { return nil }
      guard state.isClosing || state.delay == 0 || MonotonicClock.now() >= state.retryAt else {
        retryTime.store(state.retryAt.nanoseconds, ordering: .relaxed)
        return nil
      }
      defer {
        state.underWay = state.pending.count
        state.pending = TupleBatch()
        state.mustShare = false
      }
      return Attempt(batch: state.pending, number: state.submitted, sharedAt: state.sharedAt)
    }
  }

  /// Writes a batch and tells those who wait for it.
  ///
  /// - Returns: Whether it was written.
  private func write(_ attempt: Attempt) -> Bool {
    let parts = attempt.batch.parts
    do throws(TupleStoreError) {
      try storage.save(parts.tuples, forgetting: parts.forgotten, sharedAt: attempt.sharedAt)
      tell(attempt.number, nil) { state in
        state.written = max(state.written, attempt.number)
        state.failed = nil
        state.delay = 0
        state.record.written &+= UInt64(attempt.batch.count)
        state.record.batches &+= 1
        state.record.lastFailure = nil
      }
      return true
    } catch {
      tell(attempt.number, error) { state in
        state.pending.putBack(attempt.batch)
        state.mustShare = true
        state.failed = (attempt.number, error)
        state.delay = state.delay == 0 ? Self.delayFirst : min(state.delay * 2, Self.delayLimit)
        state.retryAt = MonotonicClock.now() + state.delay
        retryTime.store(state.retryAt.nanoseconds, ordering: .relaxed)
        state.record.failures &+= 1
        state.record.lastFailure = error.description
      }
      state.withLock { $0.onFailure }?()
      return false
    }
  }

  /// Notes how an attempt ended, and tells those who wait for batches up to `number`.
  private func tell(_ number: UInt64, _ error: TupleStoreError?, _ note: (inout State) -> Void) {
    let waiters = state.withLock { state in
      state.underWay = 0
      note(&state)
      return state.waiters.takeAll(upTo: number)
    }
    for waiter in waiters { waiter.resume(returning: error) }
  }

  private func close() {
    storage.close()
    retryTime.store(Instant.never.nanoseconds, ordering: .relaxed)
    tell(.max, TupleStoreError(.closed, "the node has left: its store is closed")) { state in
      state.isClosed = true
      state.onFailure = nil
    }
    let closers = state.withLock { state in
      defer { state.closers = [] }
      return state.closers
    }
    for closer in closers { closer.resume() }
  }
}

extension TupleStoreError {
  /// The error as the writer of a tuple is told of it.
  fileprivate var ofTuple: TupleStoreError {
    TupleStoreError(
      reason,
      "the tuple counts in the cluster, but is not on this node's disk"
        + (reason == .closed ? ": " : " yet, which is tried again: ") + description)
  }
}
