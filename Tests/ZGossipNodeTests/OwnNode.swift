// A node of ours in a test, with all that it delivered.

import GrapevineTransport
import Synchronization
import Testing
import ZGossipNode

/// A node and the one reader of its deliveries, who remembers them.
final class OwnNode: Sendable {
  /// What was delivered so far.
  struct Log: Sendable {
    /// The last value of each key.
    var values: [String: String] = [:]
    /// Deliveries.
    var count = 0
    /// Deliveries that gave a known key another value.
    var flips = 0
    /// Changes that the reader was too slow for.
    var lost: UInt64 = 0
  }

  private struct Waiter {
    let id: Int
    let isThere: @Sendable (Log) -> Bool
    let continuation: CheckedContinuation<Bool, Never>
  }

  private struct State {
    var log = Log()
    var waiters: [Waiter] = []
    var nextID = 0
  }

  /// Outlives the node: the reader and the limits of waits hold it.
  private final class Shared: Sendable {
    let state = Mutex(State())

    func take(_ batch: ZGossipBatch) {
      let ready = state.withLock { state in
        state.log.lost += batch.lost
        for change in batch where change.kind == .published {
          state.log.count += 1
          let old = state.log.values.updateValue(change.text, forKey: change.keyText)
          if let old, old != change.text { state.log.flips += 1 }
        }
        let log = state.log
        let ready = state.waiters.filter { $0.isThere(log) }
        state.waiters.removeAll { waiter in ready.contains { $0.id == waiter.id } }
        return ready
      }
      for waiter in ready { waiter.continuation.resume(returning: true) }
    }

    func giveUp(_ id: Int) {
      let waiter = state.withLock { state in
        state.waiters.firstIndex { $0.id == id }.map { state.waiters.remove(at: $0) }
      }
      waiter?.continuation.resume(returning: false)
    }
  }

  let node: ZGossipNode
  private let shared = Shared()
  private let reader: Task<Void, Never>

  init(_ change: (inout ZGossipNodeConfiguration) -> Void = { _ in }) throws {
    var configuration = ZGossipNodeConfiguration()
    change(&configuration)
    node = try ZGossipNode(configuration: configuration)
    let deliveries = node.deliveries
    reader = Task { [shared] in for await batch in deliveries { shared.take(batch) } }
  }

  deinit { reader.cancel() }

  /// Listens at a free port of this machine; returns where. See `RealPeer.bind`.
  func bind() async throws -> String { try await node.bind("tcp://127.0.0.1:!") }

  /// Publishes `prefix-0` and so on, each with its number as the value.
  func burst(_ count: Int, _ prefix: String) async throws {
    for number in 0..<count { try await node.post("\(prefix)-\(number)", "\(number)") }
  }

  var log: Log { shared.state.withLock { $0.log } }

  /// Waits until what was delivered is as wanted; false when the time is over.
  func wait(seconds: Double = 60, until isThere: @escaping @Sendable (Log) -> Bool) async -> Bool {
    await withCheckedContinuation { continuation in
      let id: Int? = shared.state.withLock { state in
        guard !isThere(state.log) else { return nil }
        state.nextID += 1
        state.waiters.append(Waiter(id: state.nextID, isThere: isThere, continuation: continuation))
        return state.nextID
      }
      guard let id else { return continuation.resume(returning: true) }
      Task { [shared] in
        try? await Task.sleep(for: .seconds(seconds))
        shared.giveUp(id)
      }
    }
  }

  /// Waits until so many keys are known; false when the time is over.
  func wait(for count: Int, seconds: Double = 60) async -> Bool {
    await wait(seconds: seconds) { $0.values.count >= count }
  }

  /// Its table as `RealPeer.dump` writes one.
  func dump() async -> String {
    RealPeer.dump(
      of: await node.snapshot().map { tuple in
        (String(decoding: tuple.key, as: UTF8.self), String(decoding: tuple.value, as: UTF8.self))
      })
  }
}
