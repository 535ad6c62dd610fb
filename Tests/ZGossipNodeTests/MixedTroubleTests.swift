// What goes wrong between real nodes goes right between them and ours.

import GrapevineTransport
import Testing
import ZGossipNode

@Suite(
  "zgossip: trouble with real nodes", .ownThread, .serialized,
  .enabled(if: RealPeer.isBuilt, "make zgossip-peers"))
struct MixedTroubleTests {
  /// A real node and one of ours, with a link between them.
  struct Pair {
    let real: RealPeer
    let own: OwnNode

    init(isRealServer: Bool, real timeout: Int? = nil, own ownTimeout: Int? = nil) async throws {
      real = try RealPeer()
      own = try OwnNode { configuration in
        if let ownTimeout { configuration.engine.timeout = .milliseconds(ownTimeout) }
      }
      if let timeout { try real.ask("set server/timeout \(timeout)") }
      if isRealServer {
        let endpoint = try real.bind()
        try await own.node.connect(endpoint)
      } else {
        try real.connect(await own.bind())
      }
      // Each has heard of the other.
      try real.publish("real", "1")
      try await own.node.publish("own", "1")
      try #require(await own.wait(for: 2))
      try #require(try real.wait(for: 2) == 2)
    }
  }

  /// In the last case ours does not know how soon it is forgotten, and must find out.
  @Test(
    "a burst after a quiet time loses nothing",
    arguments: [(true, 200), (false, 200), (true, 10_000)])
  func quiet(isRealServer: Bool, timeout: Int) async throws {
    let pair = try await Pair(isRealServer: isRealServer, real: 200, own: timeout)
    let isBroken = await pair.own.wait(seconds: 1) { $0.count > 2 }
    #expect(!isBroken)
    try await pair.own.burst(1_000, "late")
    #expect(try pair.real.wait(for: 1_002) == 1_002)
    #expect(await pair.own.wait(for: 1_002))
    // Who does not know how soon it is forgotten is told nothing while it is silent for longer.
    guard timeout == 200 else {
      let resyncs = await pair.own.node.counters.engine.resyncs
      #expect((1...10).contains(resyncs))
      return
    }
    try pair.real.burst(1_000, "later")
    #expect(await pair.own.wait(for: 2_002))
    #expect(await pair.own.dump() == (try pair.real.dump()))
    #expect(pair.own.log.count == 2_002)
  }

  /// Waits until whatever was said has arrived, and what was answered to it; then both have the same tuples.
  private func settle(_ own: OwnNode, _ real: RealPeer) async throws {
    for round in 0..<2 {
      try await own.node.publish("own-end-\(round)", "1")
      try real.publish("real-end-\(round)", "1")
      let ends = ["own-end-\(round)", "real-end-\(round)"]
      #expect(await own.wait { log in ends.allSatisfy { log.values[$0] != nil } })
      let isThere = try await eventually { try real.value("own-end-\(round)") == "1" }
      #expect(isThere)
    }
    let agrees = try await eventually { await own.dump() == (try real.dump()) }
    #expect(agrees)
  }

  @Test("one key, two values at once: both agree, and then it is quiet", arguments: [true, false])
  func conflictWithReal(isRealServer: Bool) async throws {
    let pair = try await Pair(isRealServer: isRealServer)
    for trial in 0..<20 {
      // Another thread's, which does not wait for this one.
      let other = Task { try await pair.own.node.publish("key-\(trial)", "own") }
      try pair.real.publish("key-\(trial)", "real")
      try await other.value
    }
    #expect(await pair.own.wait(for: 22))
    #expect(try pair.real.wait(for: 22) == 22)
    try await settle(pair.own, pair.real)
    let (before, realBefore) = (pair.own.log.count, try pair.real.deliveries())
    let isFlapping = await pair.own.wait(seconds: 1) { $0.count > before }
    #expect(!isFlapping)
    #expect(try pair.real.deliveries() == realBefore)
    #expect(await pair.own.dump() == (try pair.real.dump()))
  }

  @Test("keys with two values before there is a link", arguments: [true, false])
  func reunion(isRealServer: Bool) async throws {
    let (real, own) = (try RealPeer(), try OwnNode())
    try real.burst(100, "key", value: "real")
    for number in 0..<100 { try await own.node.post("key-\(number)", "own") }
    #expect(await own.wait(for: 100))
    #expect(try real.wait(for: 100) == 100)
    if isRealServer {
      let endpoint = try real.bind()
      try await own.node.connect(endpoint)
    } else {
      try real.connect(await own.bind())
    }
    try real.publish("real", "1")
    #expect(await own.wait(for: 101))
    try await own.node.publish("own", "1")
    #expect(try real.wait(for: 102) == 102)
    try await settle(own, real)
    let (before, realBefore) = (own.log.count, try real.deliveries())
    let isFlapping = await own.wait(seconds: 1) { $0.count > before }
    #expect(!isFlapping)
    #expect(try real.deliveries() == realBefore)
    #expect(await own.dump() == (try real.dump()))
  }

  @Test("one key, two values at once, among ours")
  func conflictAmongOurs() async throws {
    let (first, second) = (try OwnNode(), try OwnNode())
    try await second.node.connect(try await first.bind())
    try await first.node.publish("first", "1")
    #expect(await second.wait(for: 1))
    for trial in 0..<20 {
      // Another thread's, which does not wait for this one.
      let other = Task { try await first.node.publish("key-\(trial)", "first") }
      try await second.node.publish("key-\(trial)", "second")
      try await other.value
    }
    #expect(await first.wait(for: 21))
    #expect(await second.wait(for: 21))
    #expect(await eventually { await first.dump() == (await second.dump()) })
    try await first.node.publish("end", "1")
    #expect(await first.wait(for: 22))
    #expect(await second.wait(for: 22))
    let before = (first.log.count, second.log.count)
    let isFlapping = await first.wait(seconds: 1) { $0.count > before.0 }
    #expect(!isFlapping && second.log.count == before.1)
    #expect(await first.dump() == (await second.dump()))
  }

  @Test("what is published while a real node stands still gets there", arguments: [true, false])
  func standstill(isRealServer: Bool) async throws {
    let pair = try await Pair(isRealServer: isRealServer)
    pair.real.suspend()
    try await pair.own.burst(20_000, "k")
    let wasSeen = await pair.own.wait(for: 20_002)
    let isBroken = await pair.own.wait(seconds: 3) { $0.count > 20_002 }
    pair.real.resume()
    #expect(wasSeen && !isBroken)
    #expect(try pair.real.wait(for: 20_002, seconds: 20) == 20_002)
    #expect(await pair.own.dump() == (try pair.real.dump()))
    #expect(pair.own.log.count == 20_002)
    #expect(try pair.real.flips() == 0)
  }
}
