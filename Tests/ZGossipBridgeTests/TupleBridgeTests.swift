// Bridges of tuples between a cluster of ours and networks of zgossip, on this machine's own network.

import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing
import ZGossip
import ZGossipBridge
import ZGossipNode

@Suite("Bridges carry tuples as they are", .timeLimit(.minutes(5)))
struct TupleBridgeTests {
  @Test("Tuples of each side appear on the other, and removals and lifetimes with them")
  func both() async throws {
    let world = try await World()
    try await world.native.tuples.publish("before", "native")
    try await world.zgossip.publish("early", "zgossip")
    let bridge = try await world.bridge()
    try await world.native.tuples.publish("later", "native")
    try await world.zgossip.publish("late", "zgossip")
    try await until { await world.values == world.all(["before", "early", "late", "later"]) }

    try await world.native.tuples.remove("early")
    try await world.zgossip.unpublish("before")
    try await until { await world.values == world.all(["late", "later"]) }

    try await world.zgossip.publish("short", "lived", lifetime: .expires(after: .seconds(3_600)))
    try await until { await world.native.tuples.tuple("short") != nil }
    let (here, there) = (await world.native.tuples.tuple("short"), await world.zgossip.tuple(at: "short"))
    #expect(here == there)
    #expect(here?.expiresAt != nil)

    // It is one version everywhere, so nothing goes round.
    let given = (await bridge.bridge.toGrapevine.given, await bridge.bridge.toZGossip.given)
    #expect(given == (4, 3))
    await world.end([bridge])
  }

  @Test("Values that two sides give a key at once end as one")
  func conflict() async throws {
    let world = try await World()
    let bridges = [try await world.bridge(), try await world.bridge()]
    for round in 0..<20 {
      async let native: TupleVersion = world.native.tuples.publish("key", "native \(round)")
      async let zgossip: Void = world.zgossip.publish("key", "zgossip \(round)")
      _ = try await (native, zgossip)
    }
    try await world.native.tuples.publish("end", "native")
    try await until {
      let (native, zgossip) = (await world.native.tuples.tuple("key"), await world.zgossip.tuple(at: "key"))
      return native != nil && native == zgossip && native?.text?.hasSuffix("19") == true
    }
    await world.end(bridges)
  }

  @Test("What was removed while no bridge was there stays removed when one comes")
  func removedMeanwhile() async throws {
    let world = try await World()
    var bridge = try await world.bridge()
    try await world.native.tuples.publish("one", "native")
    try await world.zgossip.publish("two", "zgossip")
    try await until { await world.values == world.all(["one", "two"]) }
    await bridge.end()
    try await world.zgossip.unpublish("one")
    try await world.native.tuples.remove("two")
    bridge = try await world.bridge()
    try await until { await world.values == world.all([]) }
    await world.end([bridge])
  }

  @Test("A tuple that is bound to its writer lasts on the other side while that is a member")
  func ephemeral() async throws {
    let world = try await World()
    let writer = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await writer.join(endpoints: [world.native.localEndpoint])
    let bridges = [try await world.bridge(), try await world.bridge()]
    try await writer.tuples.publish("here", "I am", lifetime: .ephemeral)
    try await until { await world.values == world.all(["here"]) }
    // No bridge has put its copy in the tuple's place.
    let stored = try #require(await world.native.tuples.stored("here"))
    #expect(stored.tuple.isEphemeral)
    await writer.leave()
    try await until { await world.values == world.all([]) }
    await world.end(bridges)
  }
}

/// A node of each side.
private struct World {
  let native: GossipNode
  let zgossip: ZGossipNode
  private let endpoint: String

  init() async throws {
    native = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await native.join([])
    zgossip = try ZGossipNode()
    endpoint = try await zgossip.bind("tcp://127.0.0.1:*")
  }

  /// The keys of both.
  var values: [[String]] {
    get async {
      [
        await native.tuples.all().map { String(decoding: $0.key, as: UTF8.self) },
        await zgossip.snapshot().map { String(decoding: $0.key, as: UTF8.self) },
      ]
    }
  }

  func all(_ keys: [String]) -> [[String]] { [keys, keys] }

  func bridge() async throws -> RunningBridge {
    let (native, zgossip) = (try await GossipNode(.init(bind: "127.0.0.1:0")), try ZGossipNode())
    try await native.join(endpoints: [self.native.localEndpoint])
    try await zgossip.connect(endpoint)
    let bridge = TupleBridge(native, zgossip)
    return RunningBridge(native: native, zgossip: zgossip, bridge: bridge, task: Task { await bridge.run() })
  }

  func end(_ bridges: [RunningBridge]) async {
    for bridge in bridges { await bridge.end() }
    await native.leave()
    await zgossip.close()
  }
}

private struct RunningBridge {
  let native: GossipNode
  let zgossip: ZGossipNode
  let bridge: TupleBridge
  let task: Task<Void, Never>

  func end() async {
    await native.leave()
    await zgossip.close()
    await task.value
  }
}

/// Waits until something is so.
private func until(
  _ condition: () async throws -> Bool, sourceLocation: SourceLocation = #_sourceLocation
) async throws {
  for _ in 0..<6_000 {
    if try await condition() { return }
    try await Task.sleep(for: .milliseconds(10))
  }
  Issue.record("it did not come true", sourceLocation: sourceLocation)
}
