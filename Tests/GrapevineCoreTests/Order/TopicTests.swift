import Testing

@testable import GrapevineCore

@Suite("Topics: a member hears those that it asked for")
struct TopicTests {
  @Test("a message reaches the subscribers of its topic, through members that are none")
  func subscribers() throws {
    let world = World()
    var configuration = World.small
    (configuration.viewTarget, configuration.viewCapacity) = (1, 2)
    let members = try world.cluster(5, configuration: configuration)
    try world.subscribe("news", by: members[4], members[2])
    try world.broadcast("to some", from: members[0], topic: "news", order: .unordered)
    try world.broadcast("to all", from: members[0])
    try world.broadcast("to nobody", from: members[0], topic: "other", order: .unordered)
    world.run(2_000)
    for (number, member) in members.enumerated() where number > 0 {
      let expected = number == 2 || number == 4 ? ["to some", "to all"] : ["to all"]
      #expect(Set(member.texts) == Set(expected) && member.texts.count == expected.count)
      #expect(member.counters.messagesUnwanted == (expected.count == 2 ? 1 : 2))
    }
    let delivery = try #require(members[4].deliveries.first { $0.text == "to some" })
    #expect(delivery.topic == "news" && !delivery.isTagged && delivery.sequence == 1)
    #expect(members[4].deliveries.first { $0.text == "to all" }?.topic == "")
  }

  @Test("tags and the best-effort level go with topics; an order does not go with that level")
  func levels() throws {
    let world = World()
    let members = try world.cluster(2)
    try world.subscribe("a", by: members[1])
    try world.broadcast("tagged", from: members[0], topic: "a", order: .fifo, isTagged: true)
    try world.broadcast("once", from: members[0], topic: "a", order: .unordered, level: .bestEffort)
    #expect(throws: BroadcastError.unordered) {
      try world.broadcast("never", from: members[0], topic: "a", order: .fifo, level: .bestEffort)
    }
    world.run(200)
    #expect(members[1].texts == ["tagged", "once"])
    #expect(members[1].deliveries.map(\.isTagged) == [true, false])
  }

  @Test("what is no longer subscribed to is no longer heard, and may be heard again")
  func unsubscribing() throws {
    let world = World()
    let members = try world.cluster(2)
    try world.subscribe("a", "b", by: members[1])
    world.unsubscribe("a", by: members[1])
    world.unsubscribe("never", by: members[1])
    #expect(members[1].node.topicCount == 1)
    for topic in ["a", "b"] { try world.broadcast("1\(topic)", from: members[0], topic: topic, order: .fifo) }
    world.run(100)
    try world.subscribe("a", by: members[1])
    for topic in ["a", "b"] { try world.broadcast("2\(topic)", from: members[0], topic: topic, order: .fifo) }
    world.run(100)
    #expect(members[1].texts == ["1b", "2a", "2b"])
  }

  @Test("topics are as many and as long as they may be")
  func limits() throws {
    var configuration = World.small
    configuration.order.topics = 3
    let world = World()
    let member = try world.add(1, configuration: configuration)
    world.join(member, [])
    let long = String(repeating: "x", count: 255)
    try world.subscribe("a", "b", long, "a", by: member)
    #expect(throws: TopicError.tooMany(limit: 3)) { try world.subscribe("c", by: member) }
    #expect(throws: TopicError.invalidLength) { try world.subscribe(long + "x", by: member) }
    #expect(throws: TopicError.invalidLength) { try world.subscribe("", by: member) }
    let limit = configuration.orderedPayloadLimit(topicLength: 255)
    let body = String(repeating: "y", count: limit)
    try world.broadcast(body, from: member, topic: long, order: .causal)
    #expect(throws: BroadcastError.tooLarge(limit: limit)) {
      try world.broadcast(body + "y", from: member, topic: long, order: .unordered)
    }
    #expect(throws: BroadcastError.topicTooLong) {
      try world.broadcast("z", from: member, topic: long + "x", order: .unordered)
    }
  }

  @Test("many topics come and go")
  func churn() throws {
    var generator = Generator(seed: 3)
    var configuration = OrderRules()
    configuration.topics = 64
    var set = TopicSet(limit: configuration.topics, key: SecretKey(using: &generator))
    var model: Set<String> = []
    for _ in 0..<4_000 {
      let topic = "topic \(generator.below(200))"
      let bytes = Array(topic.utf8)
      bytes.withUnsafeBytes { bytes in
        if generator.chance(0.5) {
          if (try? set.insert(bytes)) != nil { model.insert(topic) }
        } else {
          set.remove(bytes)
          model.remove(topic)
        }
        let isThere = set.contains(bytes)
        #expect(isThere == model.contains(topic))
      }
      let count = set.count
      #expect(count == model.count && count <= 64)
    }
  }
}
