import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("Large messages with topics, order and receipts through the API", .timeLimit(.minutes(5)))
struct LargeTopicTests {
  struct Picture: GossipMessage, Equatable {
    var pixels: [UInt8]
  }

  private func nodes(_ count: Int) async throws -> [GossipNode] {
    let network = MemoryNetwork()
    var nodes: [GossipNode] = []
    for _ in 0..<count {
      let node = try await GossipNode(on: network)
      try await node.join(endpoints: nodes.first.map { [$0.localEndpoint] } ?? [])
      nodes.append(node)
    }
    return nodes
  }

  @Test("what is sent in a topic and an order comes in it, however long it is")
  func order() async throws {
    let nodes = try await nodes(2)
    try await nodes[1].subscribe("news")
    var messages = nodes[1].messages.makeAsyncIterator()
    let bytes = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    for round in 0..<3 {
      try await nodes[0].broadcast("before \(round)", topic: "news", order: .fifo)
      try await nodes[0].broadcast(bytes, topic: "news", order: .fifo)
      try await nodes[0].broadcast("after \(round)", topic: "news", order: .fifo)
    }
    for round in 0..<3 {
      let before = try #require(await messages.next())
      #expect(before.payload.text == "before \(round)")
      let large = try #require(await messages.next())
      #expect(large.topic == "news" && large.payload.elementsEqual(bytes) && !large.isTagged)
      let after = try #require(await messages.next())
      #expect(after.payload.text == "after \(round)" && after.topic == "news")
    }
    for node in nodes { await node.leave() }
  }

  @Test("typed ones too, to the readers of their topic")
  func typed() async throws {
    let nodes = try await nodes(2)
    let topic = nodes[1].topic("pictures")
    try await topic.subscribe()
    var pictures = topic.messages(of: Picture.self).makeAsyncIterator()
    let picture = Picture(pixels: Array(repeating: 7, count: 50_000))
    try await nodes[0].broadcast(picture, topic: "elsewhere", order: .causal)
    try await nodes[0].broadcast(picture, topic: "pictures", order: .causal)
    #expect(await pictures.next()?.value == picture)
    for node in nodes { await node.leave() }
  }

  @Test("what cannot be sent is refused")
  func refused() async throws {
    let nodes = try await nodes(1)
    let (bytes, long) = ([UInt8](repeating: 1, count: 5_000), String(repeating: "x", count: 256))
    await #expect(throws: BroadcastError.topicTooLong) { try await nodes[0].broadcast(bytes, topic: long) }
    await #expect(throws: BroadcastError.topicTooLong) {
      _ = try await nodes[0].transfer(bytes, topic: long)
    }
    await #expect(throws: BroadcastError.unordered) {
      try await nodes[0].broadcast(bytes, topic: "a", order: .fifo, level: .bestEffort)
    }
    let tooMuch = [UInt8](repeating: 1, count: nodes[0].largeLimit + 1)
    await #expect(throws: BroadcastError.tooLarge(limit: nodes[0].largeLimit)) {
      try await nodes[0].broadcast(tooMuch, topic: "a")
    }
    await #expect(throws: BroadcastError.tooLarge(limit: nodes[0].largeLimit)) {
      _ = try await nodes[0].broadcastCounting(tooMuch)
    }
    await nodes[0].leave()
  }

  @Test("receipts of a large message count who has all of it")
  func receipts() async throws {
    let nodes = try await nodes(4)
    let bytes = [UInt8](repeating: 3, count: 300_000)
    let counts = try await nodes[2].broadcastCounting(bytes, within: .seconds(3_600))
    var last = 0
    for await count in counts {
      last = count
      if count == 3 { break }
    }
    #expect(last == 3)
    for node in nodes { await node.leave() }
  }
}
