import Foundation
import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("GossipNode over TCP and Unix sockets", .timeLimit(.minutes(5)))
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

  @Test("eight nodes on Unix sockets share broadcasts, tuples and a large message, and leave no files")
  func unix() async throws {
    try await withDirectory { directory in
      let place = "unix:\(directory)"
      var nodes: [GossipNode] = []
      for number in 0..<8 {
        let node = try await self.node(number % 2 == 0 ? .unix : .udp, at: place)
        #expect(node.localEndpoint.text == "unix:\(number + 1)")
        // Either way of writing it; the directory may be called differently too.
        try await node.join(
          nodes.isEmpty ? [] : [number % 2 == 0 ? "\(place)/../\(name(directory))/1" : "unix:1"])
        nodes.append(node)
      }
      try await expectEverything(nodes)
      let neighbours = await nodes[0].neighbours
      #expect(!neighbours.isEmpty && neighbours.allSatisfy { $0.address.hasPrefix("unix:") })
      for node in nodes {
        let streams = try #require(await node.statistics.transport.streams)
        #expect(streams.connections > 0 && streams.refusedFrames == 0 && streams.refusedHellos == 0)
      }
      await leave(nodes)
      // While they are still there.
      #expect(files(in: directory).isEmpty)
      _ = nodes
    }
  }

  @Test("contacts, addresses and transports that do not go together are refused, with the reason")
  func kinds() async throws {
    try await withDirectory { directory in
      let node = try await self.node(.unix, at: "unix:\(directory)")
      await #expect(throws: AddressError.otherKind(text: "127.0.0.1:1")) {
        try await node.join(["127.0.0.1:1"])
      }
      await #expect(throws: AddressError.otherDirectory(text: "unix:/tmp/1", directory: directory)) {
        try await node.join(["unix:/tmp/1"])
      }
      await #expect(throws: AddressError.unreachable(text: "unix:\(directory)")) {
        try await node.join(["unix:\(directory)"])
      }
      let other = try await self.node(.tcp)
      await #expect(throws: AddressError.otherKind(text: "unix:1")) { try await other.join(["unix:1"]) }
      for (transport, bind) in [
        (.tcp, "unix:\(directory)"), (.udpOrTCP, "unix:\(directory)"), (.unix, "127.0.0.1:0"),
      ]
        as [(GossipNode.Configuration.Transport, String)]
      {
        await #expect(throws: TransportError.address(.otherKind(text: bind))) {
          try await self.node(transport, at: bind)
        }
      }
      var configuration = GossipNode.Configuration(bind: "unix:\(directory)")
      configuration.advertise = "127.0.0.1:7946"
      let chosen = configuration
      await #expect(throws: AddressError.otherKind(text: "127.0.0.1:7946")) { try await GossipNode(chosen) }
      await leave([node, other])
    }
  }

  @Test("the data directory brings a node on Unix sockets back, at another number too")
  func snapshot() async throws {
    try await withDirectory { directory in
      let founder = try await self.node(.unix, at: "unix:\(directory)/7")
      try await founder.join()
      var configuration = GossipNode.Configuration(bind: "unix:\(directory)/9")
      configuration.dataDirectory = directory + "/data"
      let first = try await GossipNode(configuration)
      try await first.join(["unix:7"])
      try await expectEverything([founder, first])
      await first.leave()
      configuration.bind = "unix:\(directory)"
      let second = try await GossipNode(configuration)
      #expect(second.snapshotRecovery == .loaded(members: 1) && second.localEndpoint.text == "unix:1")
      try await second.join()
      try await second.broadcast("again")
      for await message in founder.messages {
        if message.payload.elementsEqual("again".utf8) { break }
      }
      #expect(await second.neighbours.first?.address == "unix:7")
      await leave([founder, second])
    }
  }

  private func name(_ directory: String) -> String {
    directory.split(separator: "/").last.map(String.init) ?? ""
  }

  private func files(in directory: String) -> [String] {
    (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
  }

  /// Runs a test with a directory of its own, which goes afterwards.
  private func withDirectory(_ body: (String) async throws -> Void) async throws {
    let directory = "/tmp/gv-nodes-\(UInt32.random(in: 0 ... .max))"
    try FileManager.default.createDirectory(
      atPath: directory, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try await body(directory)
  }
}
