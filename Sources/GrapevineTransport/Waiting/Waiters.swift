// Tasks that wait for what another thread has, or makes room for.
//
// Those who wait are part of the state that a lock guards, so that nothing can come between finding nothing and being
// in the line. Whoever has something takes a waiter out of the line under the lock, and hands it over outside of it.

import Synchronization

/// Tasks that wait in a line, each until it is handed a value.
package struct Waiters<Handed: Sendable>: ~Copyable {
  private var line: [(id: UInt64, mark: UInt64, continuation: UnsafeContinuation<Handed, Never>)] = []
  private var lastID: UInt64 = 0

  /// An empty line.
  package init() {}

  /// Whether nobody waits.
  package var isEmpty: Bool { line.isEmpty }

  /// Takes the one who has waited longest out of the line.
  package mutating func takeFirst() -> UnsafeContinuation<Handed, Never>? {
    line.isEmpty ? nil : line.removeFirst().continuation
  }

  /// Takes all out of the line whose mark is at most `mark`: all of them by default.
  package mutating func takeAll(upTo mark: UInt64 = .max) -> [UnsafeContinuation<Handed, Never>] {
    guard !line.isEmpty else { return [] }
    defer { line.removeAll { $0.mark <= mark } }
    return line.filter { $0.mark <= mark }.map(\.continuation)
  }

  fileprivate mutating func newID() -> UInt64 {
    lastID += 1
    return lastID
  }

  fileprivate mutating func append(
    _ id: UInt64, _ mark: UInt64, _ continuation: UnsafeContinuation<Handed, Never>
  ) {
    line.append((id, mark, continuation))
  }

  fileprivate mutating func take(_ id: UInt64) -> UnsafeContinuation<Handed, Never>? {
    line.firstIndex { $0.id == id }.map { line.remove(at: $0).continuation }
  }
}

/// What a lock guards, if tasks wait for something of it.
package protocol WaitedFor: ~Copyable, SendableMetatype {
  /// What they are handed.
  associatedtype Handed: Sendable
  /// Those who wait.
  var waiters: Waiters<Handed> { get set }
}

extension Mutex where Value: WaitedFor & ~Copyable {
  /// Waits in line.
  ///
  /// - Parameters:
  ///   - cancelled: What is returned when the task is cancelled.
  ///   - mark: What `takeAll(upTo:)` looks at.
  ///   - ready: Called under the lock: what is there already, or nil to wait.
  /// - Returns: What `ready` returned, or what was handed over.
  package nonisolated(nonsending) borrowing func wait(
    cancelled: Value.Handed, mark: UInt64 = 0, unless ready: (inout sending Value) -> Value.Handed?
  ) async -> Value.Handed {
    let id = withLock { $0.waiters.newID() }
    return await withTaskCancellationHandler {
      await withUnsafeContinuation { continuation in
        let handed = withLock { state -> Value.Handed? in
          if let handed = ready(&state) { return handed }
          if Task.isCancelled { return cancelled }
          state.waiters.append(id, mark, continuation)
          return nil
        }
        if let handed { continuation.resume(returning: handed) }
      }
    } onCancel: {
      withLock { $0.waiters.take(id) }?.resume(returning: cancelled)
    }
  }
}

extension [UnsafeContinuation<Void, Never>] {
  /// Lets all of them go on.
  package func resumeAll() { for one in self { one.resume() } }
}
