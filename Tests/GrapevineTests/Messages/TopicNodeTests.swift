import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("Topics, order and routing through the API", .timeLimit(.minutes(5)))
struct TopicNodeTests {
  struct Commit: GossipMessage, Equatable {
    var key: String
    var value: [UInt8]
  }

  struct Ping: GossipMessage, Equatable {
    var number: Int
  }

  /// The same message after a change that earlier programs do not understand.
  struct LaterPing: GossipMessage, Equatable {
    static let tag = "Ping/2"
    var text: String
  }

  /// A founder and a member that joined through it, on a network in memory.
  private func pair() async throws -> (GossipNode, GossipNode) {
    let network = MemoryNetwork()
    let founder = try await GossipNode(on: network)
    try await founder.join()
    let member = try await GossipNode(on: network)
    try await member.join(endpoints: [founder.localEndpoint])
    return (founder, member)
  }

  @Test("a node hears its topics, and each message says which one it is of")
  func topics() async throws {
    let (founder, member) = try await pair()
    try await founder.subscribe("news")
    try await member.broadcast("for others", topic: "elsewhere", order: .causal)
    try await member.broadcast("for some", topic: "news", order: .causal)
    try await member.broadcast("for all", order: .causal)
    var messages = founder.messages.makeAsyncIterator()
    let first = try #require(await messages.next())
    #expect(first.topic == "news" && first.payload.text == "for some" && !first.isTagged)
    let second = try #require(await messages.next())
    #expect(second.topic == nil && second.payload.text == "for all")
    #expect(await founder.statistics.core.messagesUnwanted == 1)
    await founder.unsubscribe("news")
    try await member.broadcast("unheard", topic: "news", order: .causal)
    try await member.broadcast("", order: .causal)
    #expect(await messages.next()?.payload.count == 0)
    for node in [member, founder] { await node.leave() }
  }

  @Test("a topic's messages go to the reader of the topic, typed ones of it to theirs")
  func readers() async throws {
    let (founder, member) = try await pair()
    let topic = founder.topic("store")
    try await topic.subscribe()
    try await founder.subscribe("other")
    var commits = topic.messages(of: Commit.self).makeAsyncIterator()
    let sending = member.topic("store", order: .fifo)
    try await sending.broadcast(Commit(key: "a", value: [1]))
    #expect(await commits.next()?.value == Commit(key: "a", value: [1]))
    var all = topic.messages.makeAsyncIterator()
    try await sending.broadcast("plain")
    try await member.broadcast("elsewhere", topic: "other")
    try await sending.broadcast([7])
    let plain = try #require(await all.next())
    #expect(plain.payload == Array("plain".utf8) && plain.sender == member.identity && !plain.isTagged)
    #expect(await all.next()?.payload == [7])
    var rest = founder.messages.makeAsyncIterator()
    #expect(await rest.next()?.payload.text == "elsewhere")
    for node in [member, founder] { await node.leave() }
  }

  @Test("gossip.rs's example: messages of all kinds are received in one place, by their tags")
  func router() async throws {
    let (founder, member) = try await pair()
    let (lines, done) = AsyncStream.makeStream(of: String.self)
    var router = MessageRouter()
    router.on(Commit.self) { commit, message in
      #expect(message.sender == member.identity)
      done.yield("commit \(commit.key) \(commit.value)")
    }
    router.on(Ping.self) { ping, _ in done.yield("ping \(ping.number)") }
    router.otherwise { message in
      let tag = MessageEnvelope.split(Array(message.payload))?.tag
      done.yield(message.isTagged ? "unknown \(tag ?? "-")" : "raw \(message.payload.text)")
    }
    let receiving = Task { [router] in try await router.run(founder.messages) }
    try await member.broadcast(Ping(number: 1), order: .fifo)
    try await member.broadcast(Commit(key: "a", value: [1, 2]), order: .fifo)
    try await member.broadcast(LaterPing(text: "two"), order: .fifo)
    try await member.broadcast("text", order: .fifo)
    try await member.broadcast(Ping(number: 2), order: .fifo)
    var heard: [String] = []
    for await line in lines {
      heard.append(line)
      if heard.count == 5 { break }
    }
    #expect(heard == ["ping 1", "commit a [1, 2]", "unknown Ping/2", "raw text", "ping 2"])
    await member.leave()
    await founder.leave()
    try await receiving.value
  }

  @Test("what cannot be decoded is counted, and an earlier version's tag can be routed")
  func versions() async throws {
    struct Broken: GossipMessage {
      static let tag = "Ping"
      var number: String
    }
    let (founder, member) = try await pair()
    let (numbers, done) = AsyncStream.makeStream(of: Int.self)
    var router = MessageRouter()
    router.on(Ping.self) { ping, _ in done.yield(ping.number) }
    router.on(Ping.self, tag: "Ping/2") { _, _ in done.yield(-2) }
    let receiving = Task { [router] in try await router.run(founder.messages) }
    try await member.broadcast(Broken(number: "three"), order: .fifo)
    try await member.broadcast(Ping(number: 3), order: .fifo)
    var iterator = numbers.makeAsyncIterator()
    #expect(await iterator.next() == 3)
    #expect(await founder.statistics.undecodable == 1)
    await member.leave()
    await founder.leave()
    try await receiving.value
  }

  @Test("what cannot be sent is refused before it is staged")
  func refusals() async throws {
    let (founder, member) = try await pair()
    let long = String(repeating: "x", count: 256)
    await #expect(throws: BroadcastError.topicTooLong) { try await member.broadcast("a", topic: long) }
    await #expect(throws: BroadcastError.unordered) {
      try await member.broadcast("a", topic: "t", order: .fifo, level: .bestEffort)
    }
    let limit = GrapevineCore.Configuration().orderedPayloadLimit(topicLength: 1)
    try await founder.subscribe("t")
    try await member.broadcast([UInt8](repeating: 0, count: limit), topic: "t", order: .causal)
    var messages = founder.messages.makeAsyncIterator()
    #expect(await messages.next()?.payload.count == limit)
    // One byte more travels in fragments.
    try await member.broadcast([UInt8](repeating: 0, count: limit + 1), topic: "t", order: .causal)
    #expect(await messages.next()?.payload.count == limit + 1)
    #expect(await founder.statistics.core.transfersReceived == 1)
    await #expect(throws: TopicError.invalidLength) { try await member.subscribe("") }
    for node in [member, founder] { await node.leave() }
  }
}
