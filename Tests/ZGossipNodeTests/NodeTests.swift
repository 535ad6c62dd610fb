import GrapevineCore
import Testing
import ZGossip
import ZeroMQ

@testable import ZGossipNode

/// Nodes of ours among themselves.
@Suite(.ownThread, .timeLimit(.minutes(5))) struct NodeTests {
  @Test(arguments: ["tcp", "ipc", "inproc"])
  func twoNodesHoldTheSame(_ transport: String) async throws {
    let (server, client) = (try makeNode(), try makeNode())
    let place = try await server.bind(endpoint(transport))
    defer { forget(place) }
    try await server.publish("before", "1")
    try await client.publish("also before", "2")
    try await client.connect(place)
    #expect(await has(client, "before", "1"))
    #expect(await has(server, "also before", "2"))
    try await client.publish("after", "3")
    try await server.publish("before", "4")
    #expect(await has(server, "after", "3"))
    #expect(await has(client, "before", "4"))
    #expect(try await server.unpublish("also before"))
    #expect(try await server.unpublish("never there") == false)
    #expect(await has(client, "also before", nil))
    #expect(await client.status == 2)
    #expect(await client.snapshot(prefix: Array("a".utf8)).map(\.key) == [Array("after".utf8)])
    // They knew each other for ours: plain tuples were not exchanged.
    #expect(await server.counters.engine.tuplesReceived == 0)
    #expect(await server.counters.clients == 1)
    #expect(await client.counters.servers == 1)
    await client.close()
    await server.close()
  }

  @Test func deliveriesAreWhatBecameOfTuples() async throws {
    let (server, client) = (try makeNode(), try makeNode())
    let deliveries = server.deliveries
    let second = server.deliveries
    try await client.connect(try await server.bind(endpoint("tcp")))
    try await server.publish("own", "1")
    try await client.publish("other", "2")
    #expect(await has(server, "other", "2"))
    try await client.unpublish("other")
    #expect(await has(server, "other", nil))
    await client.close()
    await server.close()
    for sequence in [deliveries, second] {
      var seen: [String] = []
      for await batch in sequence {
        #expect(batch.lost == 0)
        seen += batch.map { "\($0.kind) \($0.keyText)=\($0.text)" }
      }
      #expect(seen == ["published own=1", "published other=2", "removed other="])
    }
    var ended = 0
    for await _ in server.deliveries { ended += 1 }
    #expect(ended == 0)
  }

  @Test func whatWasPublishedGoesOutBeforeTheEnd() async throws {
    let server = try makeNode()
    let place = try await server.bind(endpoint("tcp"))
    let client = try makeNode()
    try await client.connect(place)
    for number in 0..<5_000 { try await client.post("key \(number)", "value") }
    await client.close(within: .seconds(10))
    #expect(await eventually { await server.status == 5_000 })
    await server.close()
  }

  @Test func aClosedNodeSaysSo() async throws {
    let node = try makeNode()
    let place = try await node.bind(endpoint("tcp"))
    await node.close()
    await node.close()
    #expect(await node.isClosed)
    await #expect(throws: ZGossipNodeError.closed) { try await node.publish("a", "b") }
    await #expect(throws: ZGossipNodeError.closed) { try await node.post("a", "b") }
    await #expect(throws: ZGossipNodeError.closed) { try await node.unpublish("a") }
    await #expect(throws: ZGossipNodeError.closed) { try await node.bind(place) }
    await #expect(throws: ZGossipNodeError.closed) { try await node.connect(place) }
    #expect(await node.status == 0)
    // What it was bound to is free again.
    let next = try makeNode()
    #expect(try await next.bind(place) == place)
  }

  @Test(arguments: ["tcp", "ipc", "inproc"])
  func aServerThatComesBackIsFoundAgain(_ transport: String) async throws {
    let client = try makeNode { $0.readerPatience = .milliseconds(20) }
    var place = endpoint(transport)
    var server = try makeNode()
    place = try await server.bind(place)
    defer { forget(place) }
    try await client.connect(place)
    try await client.publish("a", "1")
    #expect(await has(server, "a", "1"))
    await server.close()
    server = try makeNode()
    #expect(try await eventuallyBinds(server, place))
    try await client.publish("b", "2")
    #expect(await has(server, "a", "1"))
    #expect(await has(server, "b", "2"))
    await client.close()
    await server.close()
  }

  private func eventuallyBinds(_ node: ZGossipNode, _ place: String) async throws -> Bool {
    await eventually { (try? await node.bind(place)) != nil }
  }

  @Test func connectingComesBeforeBinding() async throws {
    let (server, client) = (try makeNode(), try makeNode())
    let place = endpoint("ipc")
    defer { forget(place) }
    try await client.connect(place)
    try await client.connect(place)
    try await client.publish("a", "1")
    try await server.bind(place)
    #expect(await has(server, "a", "1"))
    #expect(await client.counters.servers == 1)
    #expect(await client.disconnect(place))
    #expect(await client.disconnect(place) == false)
    #expect(await client.counters.servers == 0)
  }

  @Test func aNodeDoesNotTalkToItself() async throws {
    let node = try makeNode()
    for transport in ["tcp", "inproc"] { try await node.connect(try await node.bind(endpoint(transport))) }
    try await node.publish("a", "1")
    #expect(await eventually { await node.counters.connectionsDropped >= 2 })
    #expect(await node.status == 1)
  }

  @Test func aRingOfNodesAgrees() async throws {
    let nodes = try (0..<4).map { _ in try makeNode() }
    for (index, node) in nodes.enumerated() {
      let place = try await node.bind(endpoint("inproc"))
      try await nodes[(index + 1) % nodes.count].connect(place)
    }
    for (index, node) in nodes.enumerated() {
      for number in 0..<50 { try await node.post("\(index)/\(number)", "value") }
    }
    for node in nodes { #expect(await eventually { await node.status == 200 }) }
    for node in nodes { await node.close(within: .zero) }
  }
}
