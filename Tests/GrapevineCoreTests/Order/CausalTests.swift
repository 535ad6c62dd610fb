import Testing

@testable import GrapevineCore

@Suite("Causal order: nothing before what it came after")
struct CausalTests {
  /// A member that gets nothing from member 1 but through its own fault: the datagrams with its messages are lost.
  private func loseMessages(of origin: UInt64, to destination: Endpoint, in world: World) {
    world.isLost = { packet in
      guard packet.destination == destination else { return false }
      return packet.gossip.contains { message in
        guard case .gossip(let header, _) = message else { return false }
        return header.origin == origin
          || header.origin == Packet.senderMark && packet.source == World.endpoint(Int(origin))
      }
    }
  }

  @Test("an answer waits for the question, also where the question is late")
  func answer() throws {
    let world = World()
    let members = try world.cluster(3)
    loseMessages(of: 1, to: members[2].endpoint, in: world)
    try world.broadcast("question", from: members[0], topic: "", order: .causal)
    world.run(10)
    try world.broadcast("answer", from: members[1], topic: "", order: .causal)
    try world.broadcast("aside", from: members[1])
    world.run(300)
    #expect(members[2].texts == ["aside"])
    world.isLost = { _ in false }
    #expect(world.run(3_000) { members[2].deliveries.count == 3 })
    #expect(members[2].texts == ["aside", "question", "answer"])
  }

  @Test("order holds across topics, also for who does not hear the one between")
  func acrossTopics() throws {
    let world = World()
    let members = try world.cluster(4)
    try world.subscribe("a", by: members[1], members[3])
    try world.subscribe("b", by: members[2])
    loseMessages(of: 1, to: members[3].endpoint, in: world)
    try world.broadcast("first", from: members[0], topic: "a", order: .causal)
    world.run(10)
    // Member 2 hears a and says something in b, which member 3 hears and member 4 does not.
    try world.broadcast("between", from: members[1], topic: "b", order: .causal)
    world.run(10)
    try world.broadcast("last", from: members[2], topic: "a", order: .causal)
    world.run(300)
    #expect(members[3].texts.isEmpty && members[3].node.heldBackCount == 2)
    world.isLost = { _ in false }
    #expect(world.run(3_000) { members[3].deliveries.count == 2 })
    #expect(members[3].texts == ["first", "last"])
  }

  @Test("only what no other one stands for is named")
  func direct() throws {
    let world = World()
    let members = try world.cluster(4)
    for round in 1...10 {
      for member in members {
        try world.broadcast("\(round)", from: member, topic: "", order: .causal)
        world.run(20)
      }
    }
    // Each came after the one before it, and that after all others: two bytes of kind, one each of predecessor and
    // count, and one dependency of 9 bytes; the very first has none.
    let bytes = members.map { Int($0.counters.orderBytesSent) }
    #expect(bytes == [4 + 9 * 13, 10 * 13, 10 * 13, 10 * 13])
  }

  @Test("more dependencies than a datagram holds travel ahead")
  func manyDependencies() throws {
    var configuration = World.small
    configuration.datagramLimit = 512
    configuration.overlay = .full
    configuration.viewCapacity = 8
    let world = World()
    let members = try world.cluster(6, configuration: configuration)
    // All at once, so that none came after another one.
    for member in members[1...4] {
      try world.broadcast("\(member.id)", from: member, topic: "", order: .causal)
    }
    world.run(1_000)
    #expect(members[0].deliveries.count == 4)
    let body = String(repeating: "x", count: configuration.orderedPayloadLimit(topicLength: 0))
    let number = try world.broadcast(body, from: members[0], topic: "", order: .causal)
    #expect(number == 2)
    try world.broadcast("next", from: members[0], topic: "", order: .causal)
    world.run(1_000)
    #expect(members[5].texts.suffix(2) == [body, "next"])
    #expect(members[5].deliveries.count == 6)
    #expect(members[0].counters.orderBytesSent == 4 + 4 * 9 + 4 + 4)
  }

  @Test("who joins late is not made to wait for what was before")
  func newcomer() throws {
    var configuration = World.small
    configuration.logMessages = 16
    let world = World()
    let members = try world.cluster(3, configuration: configuration)
    for number in 0..<100 {
      try world.broadcast("\(number)", from: members[number % 2], topic: "", order: .causal)
      world.run(20)
    }
    world.run(1_000)
    let late = try world.add(9, configuration: configuration)
    world.join(late, [members[2].endpoint])
    world.run(100)
    // The last of the third member was long ago: what it names is, in part, forgotten everywhere.
    try world.broadcast("hello", from: members[2], topic: "", order: .causal)
    #expect(world.run(2_000) { late.texts.contains("hello") })
    #expect(late.gaps.isEmpty && late.counters.orderGaps == 0)
    // The first ones here, of each origin, say what they came after, which was forgotten.
    #expect(!late.orderGaps.isEmpty && late.orderGaps.count <= 4, "\(late.orderGaps)")
    for gap in late.orderGaps {
      #expect(!late.deliveries.contains { $0.origin == gap[2] && $0.sequence <= gap[3] }, "\(gap)")
    }
  }

  @Test("deciding what is wrong with a message never traps, and forged ones wait no longer than patience")
  func hostile() throws {
    var generator = Generator(seed: 5)
    for _ in 0..<20_000 {
      var bytes: [UInt8] = [0, OrderedMessage.kind | UInt8(generator.below(16))]
      for _ in 0..<generator.below(40) {
        bytes.append(
          generator.chance(0.5) ? UInt8(generator.below(4)) : UInt8(truncatingIfNeeded: generator.next()))
      }
      _ = try? World.parse(bytes, sequence: 1 + UInt64(generator.below(300)))
    }
    #expect(throws: DecodeError.outOfRange) { try World.parse([0, 0x10, 65], sequence: 1) }
    #expect(throws: DecodeError.outOfRange) { try World.parse([0, 0x12, 0, 65], sequence: 1) }
    #expect(throws: DecodeError.outOfRange) { try World.parse([0, 0x14, 3, 65], sequence: 2) }
    #expect(throws: DecodeError.outOfRange) { try World.parse([0, 0x1c, 0, 0, 65], sequence: 2) }
    #expect(throws: DecodeError.truncated) {
      try World.parse([0, 0x18, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8], sequence: 2)
    }
    #expect(try World.parse([0, 0x18, 2, 1, 0, 0, 0, 0, 0, 0, 0, 9, 5, 65, 66], sequence: 2) == (.causal, 2))
  }
}
