import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("GossipNode over TCP", .timeLimit(.minutes(5)))
struct StreamNodeTests {
  private func node(_ transport: GossipNode.Configuration.Transport = .tcp, at bind: String = "127.0.0.1:0")
    async throws -> GossipNode
  {
    var configuration = GossipNode.Configuration(bind: bind)
    configuration.transport = transport
    return try await GossipNode(configuration)
  }

  private func cluster(_ transports: [GossipNode.Configuration.Transport]) async throws -> [GossipNode] {
    var nodes: [GossipNode] = []
    for transport in transports {
      let node = try await node(transport)
      try await node.join(nodes.first.map { [$0.localEndpoint.text] } ?? [])
      nodes.append(node)
    }
    return nodes
  }

  private func leave(_ nodes: [GossipNode]) async {
    await withTaskGroup(of: Void.self) { group in
      for node in nodes { group.addTask { await node.leave() } }
    }
  }

  /// That a broadcast, a tuple and a large message of the last node reach all others.
  private func expectEverything(_ nodes: [GossipNode]) async throws {
    let sender = try #require(nodes.last)
    let large = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    try await sender.broadcast("small")
    try await sender.tuples.publish("key", "value")
    try await sender.broadcast(large)
    for node in nodes.dropLast() {
      var seen: Set<Int> = []
      for await message in node.messages {
        #expect(message.sender == sender.identity)
        seen.insert(message.payload.count)
        if message.payload.count == large.count { #expect(message.payload.elementsEqual(large)) }
        if seen.count == 2 { break }
      }
      #expect(seen == [5, large.count])
      for await _ in await node.tuples.watch() {
        if await node.tuples.text("key") != nil { break }
      }
      #expect(await node.tuples.text("key") == "value")
    }
  }

  @Test("two and eight nodes share broadcasts, tuples and a large message", arguments: [2, 8])
  func everything(count: Int) async throws {
    let nodes = try await cluster(Array(repeating: .tcp, count: count))
    try await expectEverything(nodes)
    for node in nodes {
      let streams = try #require(await node.statistics.transport.streams)
      #expect(streams.connections > 0 && streams.refusedFrames == 0 && streams.refusedHellos == 0)
      #expect(streams.dropsFull == 0)
    }
    await leave(nodes)
  }

  @Test("nodes of UDP with streams share a cluster with those of UDP alone, and with those of TCP alone")
  func mixed() async throws {
    let plain = try await cluster([.udpOrTCP, .udp, .udpOrTCP])
    try await expectEverything(plain)
    await leave(plain)
    let streaming = try await cluster([.udpOrTCP, .tcp, .udpOrTCP])
    try await expectEverything(streaming)
    let counters = try #require(await streaming[0].statistics.transport.streams)
    #expect(counters.peersByStream >= 1 && counters.connections >= 1)
    await leave(streaming)
  }

  @Test("a node that restarts at its address is a member again")
  func restart() async throws {
    let founder = try await node()
    try await founder.join()
    let bind: String
    do {
      let first = try await node()
      try await first.join([founder.localEndpoint.text])
      bind = first.localEndpoint.text
      await first.leave()
    }
    var second: GossipNode?
    for _ in 0..<200 where second == nil {
      // The first one's thread lets go of the port soon.
      second = try? await node(at: bind)
      if second == nil { try await Task.sleep(for: .milliseconds(10)) }
    }
    let restarted = try #require(second)
    try await restarted.join([founder.localEndpoint.text])
    try await expectEverything([founder, restarted])
    await leave([founder, restarted])
  }
}
