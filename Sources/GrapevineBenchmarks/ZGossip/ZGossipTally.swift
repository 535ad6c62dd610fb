// A node of ours with an application that counts what is delivered.

import Synchronization
import ZGossipNode

/// A node and its reader.
final class ZGossipTally: Sendable {
  /// What was delivered so far.
  private struct State {
    var keys: Set<[UInt8]> = []
    var deliveries = 0
  }

  let node: ZGossipNode
  private let state: SharedState
  private let reader: Task<Void, Never>

  private final class SharedState: Sendable {
    let value = Mutex(State())
  }

  init() throws {
    node = try ZGossipNode()
    let deliveries = node.deliveries
    let state = SharedState()
    self.state = state
    reader = Task {
      for await batch in deliveries {
        state.value.withLock { state in
          for change in batch where change.kind == .published {
            state.keys.insert(change.key)
            state.deliveries += 1
          }
        }
      }
    }
  }

  deinit { reader.cancel() }

  /// How many deliveries there were.
  var deliveries: Int { state.value.withLock { $0.deliveries } }

  /// How many keys are known.
  var keys: Int { state.value.withLock { $0.keys.count } }

  /// Waits until so many keys are known; says how many are when that is so or the time is over.
  func wait(for count: Int, seconds: Int = 30) async throws -> Int {
    let limit = ContinuousClock.now + .seconds(seconds)
    while keys < count, ContinuousClock.now < limit { try await Task.sleep(for: .milliseconds(1)) }
    return keys
  }

  func bind() async throws -> String { try await node.bind("tcp://127.0.0.1:!") }

  /// Publishes `prefix-0` and so on, each with its number.
  func burst(_ count: Int, _ prefix: String) async throws {
    for number in 0..<count { try await node.post("\(prefix)-\(number)", "\(number)") }
  }

  /// What the table of a real node with the same tuples says of itself: see Tests/ZGossipPeers/peer.c.
  func dump() async -> String {
    let tuples = await node.snapshot()
    var sum: UInt64 = 0
    for tuple in tuples {
      var hash: UInt64 = 0xcbf2_9ce4_8422_2325
      for byte in tuple.key + [0] + tuple.value + [0] {
        hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
      }
      sum &+= hash
    }
    let digits = String(sum, radix: 16)
    return "\(tuples.count) " + String(repeating: "0", count: 16 - digits.count) + digits
  }
}
