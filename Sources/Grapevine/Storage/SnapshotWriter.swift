// From the node's thread to the disk.
//
// A disk may take seconds, and the node must not wait for it. So each write has a thread, which ends when there is
// nothing more to write: snapshots come seconds apart, and a thread that only waits would be a waste. Of snapshots
// that wait only the newest is written, and none is ever written over a newer one.

import GrapevineCore
import GrapevineTransport
import Synchronization

/// Writes snapshots into one directory, in order, on threads of its own.
final class SnapshotWriter: Sendable {
  /// What has been written and what has not.
  struct Record: Sendable, Equatable {
    var written: UInt64 = 0
    var failures: UInt64 = 0
    /// Why the last attempt failed; nil when it did not.
    var lastFailure: String?
  }

  private struct State {
    var pending: (number: UInt64, stored: StoredSnapshot)?
    var isRunning = false
    var isClosed = false
    /// The number of the newest snapshot submitted.
    var newest: UInt64 = 0
    var record = Record()
    var waiters: [CheckedContinuation<Void, Never>] = []

    /// Takes what waits; nothing means that the thread ends.
    mutating func takePending() -> (number: UInt64, stored: StoredSnapshot)? {
      if pending == nil { isRunning = false }
      return pending.take()
    }
  }

  /// The directory, held while it is written to; and the newest snapshot written there.
  private struct Place {
    var directory: SnapshotDirectory?
    var newest: UInt64 = 0
  }

  private let state = Mutex(State())
  private let place: Mutex<Place>

  init(_ directory: SnapshotDirectory) {
    place = Mutex(Place(directory: directory))
  }

  /// What happened so far.
  var record: Record { state.withLock { $0.record } }

  /// Whether all that was submitted is on the disk; nil while that is not decided.
  var isSettled: Bool? {
    state.withLock { $0.isRunning ? nil : $0.record.lastFailure == nil }
  }

  /// Has a snapshot written soon; from any thread, and never waits for the disk.
  func submit(_ stored: StoredSnapshot) {
    let mustStart = state.withLock { state in
      guard !state.isClosed else { return false }
      state.newest += 1
      state.pending = (state.newest, stored)
      defer { state.isRunning = true }
      return !state.isRunning
    }
    guard mustStart else { return }
    let error = startThread(name: "grapevine-disk", stackBytes: 256 << 10) { self.run() }
    guard error != 0 else { return }
    note(FileFault(call: "pthread_create", error: error))
    state.withLock { state in
      state.pending = nil
      state.isRunning = false
    }
    tellIdle()
  }

  /// Writes a last snapshot, if there is one, and closes the directory; returns when both is done.
  ///
  /// Later calls only wait for that.
  func finish(_ stored: StoredSnapshot?) async {
    if let stored { submit(stored) }
    state.withLock { $0.isClosed = true }
    await idle()
    place.withLock { $0.directory = nil }
  }

  /// Waits until nothing is being written and nothing waits for it.
  func idle() async {
    await withCheckedContinuation { continuation in
      let isIdle = state.withLock { state in
        if state.isRunning { state.waiters.append(continuation) }
        return !state.isRunning
      }
      if isIdle { continuation.resume() }
    }
  }

  /// Writes a snapshot on the caller's thread, which waits for the disk.
  func writeNow(_ stored: StoredSnapshot) {
    let number = state.withLock { state in
      state.pending = nil
      state.newest += 1
      return state.newest
    }
    write(stored, number: number)
  }

  private func run() {
    while let next = takePending() { write(next.stored, number: next.number) }
  }

  /// What to write next. When nothing, the thread must end, and those who wait for that are told.
  private func takePending() -> (number: UInt64, stored: StoredSnapshot)? {
    if let next = state.withLock({ $0.takePending() }) { return next }
    tellIdle()
    return nil
  }

  private func tellIdle() {
    let waiters = state.withLock { state in
      guard !state.isRunning else { return [CheckedContinuation<Void, Never>]() }
      defer { state.waiters = [] }
      return state.waiters
    }
    for waiter in waiters { waiter.resume() }
  }

  private func write(_ stored: StoredSnapshot, number: UInt64) {
    place.withLock { place in
      guard let directory = place.directory, number > place.newest else { return }
      do throws(FileFault) {
        try directory.write(stored)
        place.newest = number
        note(nil)
      } catch {
        note(error)
      }
    }
  }

  private func note(_ fault: FileFault?) {
    state.withLock { state in
      state.record.lastFailure = fault?.description
      if fault == nil { state.record.written += 1 } else { state.record.failures += 1 }
    }
  }
}
