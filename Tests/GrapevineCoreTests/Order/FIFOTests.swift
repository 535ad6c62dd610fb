import Testing

@testable import GrapevineCore

@Suite("FIFO: each origin's order in each topic")
struct FIFOTests {
  @Test("heavy loss reorders plain messages, and no ordered ones", arguments: 1...4 as ClosedRange<UInt64>)
  func loss(seed: UInt64) throws {
    let world = World()
    let members = try world.cluster(4)
    for member in members { try world.subscribe("a", "b", by: member) }
    var generator = Generator(seed: seed)
    world.isLost = { _ in generator.chance(0.4) }
    for number in 0..<60 {
      let topic = ["a", "b", ""][number % 3]
      try world.broadcast("\(number)", from: members[number % 2], topic: topic, order: .fifo)
      if number % 4 == 0 { try world.broadcast("plain", from: members[number % 2]) }
      world.run(5)
    }
    #expect(world.run(60_000) { members[2...].allSatisfy { $0.deliveries.count == 75 } })
    for member in members[2...] {
      for origin in 1...2 as ClosedRange<UInt64> {
        for topic in ["a", "b", ""] {
          let heard = member.deliveries.filter {
            $0.origin == origin && $0.topic == topic && $0.text != "plain"
          }
          #expect(heard.map(\.sequence) == heard.map(\.sequence).sorted())
          #expect(heard.count == 10)
        }
      }
      #expect(member.orderGaps.isEmpty && member.gaps.isEmpty && member.node.heldBackCount == 0)
    }
    #expect(members.contains { $0.counters.heldBack > 0 })
  }

  /// Two members, of which the second hears "a"; the first one's messages of these numbers never arrive, until they
  /// are allowed to.
  private func losing(_ numbers: Set<UInt64>, configuration: Configuration = World.small) throws
    -> (World, [Member])
  {
    let world = World()
    let members = try world.cluster(2, configuration: configuration)
    try world.subscribe("a", by: members[1])
    world.isLost = { packet in
      packet.gossip.contains { message in
        if case .gossip(let header, _) = message { numbers.contains(header.first) } else { false }
      }
    }
    return (world, members)
  }

  @Test("a message waits for the one before it in its topic, and not for those of other topics")
  func onlyItsTopic() throws {
    let (world, members) = try losing([2, 3])
    for (text, topic) in [("1", "a"), ("2", "a"), ("3", "b"), ("4", "b"), ("5", ""), ("6", "a")] {
      try world.broadcast(text, from: members[0], topic: topic, order: .fifo)
      world.run(1)
    }
    world.run(300)
    #expect(members[1].texts == ["1", "5"])
    // Number 4 too, though nobody here hears its topic.
    #expect(members[1].node.heldBackCount == 2)
    world.isLost = { _ in false }
    #expect(world.run(2_000) { members[1].deliveries.count == 4 })
    #expect(members[1].texts == ["1", "5", "2", "6"])
  }

  @Test("who waits too long goes on, and what it did not wait for is named first")
  func patience() throws {
    var configuration = World.small
    configuration.order.patience = .seconds(2)
    let (world, members) = try losing([2], configuration: configuration)
    for number in 1...4 {
      try world.broadcast("\(number)", from: members[0], topic: "a", order: .fifo)
      world.run(1)
    }
    #expect(!world.run(1_900) { members[1].deliveries.count > 1 })
    #expect(world.run(200) { members[1].deliveries.count == 3 })
    #expect(members[1].texts == ["1", "3", "4"])
    #expect(members[1].orderGaps == [[1, 3, 1, 2]])
    #expect(members[1].counters.orderGaps == 1)
    // What comes late is delivered late.
    world.isLost = { _ in false }
    #expect(world.run(3_000) { members[1].texts == ["1", "3", "4", "2"] })
  }

  @Test("what repair gives up is not waited for, and the gap is reported as any other")
  func givenUp() throws {
    var configuration = World.small
    configuration.logMessages = 64
    configuration.stallLimit = .seconds(1)
    configuration.gapPatience = .seconds(1)
    let (world, members) = try losing([2], configuration: configuration)
    for number in 1...3 {
      try world.broadcast("\(number)", from: members[0], topic: "a", order: .fifo)
      world.run(1)
    }
    world.run(500)
    #expect(members[1].texts == ["1"])
    // The log forgets number 2, for good.
    for number in 0..<200 {
      _ = try? world.broadcast("\(number)", from: members[0])
      world.run(20)
    }
    #expect(world.run(10_000) { members[1].texts.contains("3") })
    #expect(members[1].gaps == [.gap(origin: MemberID(1), first: 2, last: 2, missing: 1)])
    #expect(members[1].orderGaps.isEmpty)
  }

  @Test("a full buffer lets the one go on that has waited longest")
  func full() throws {
    var configuration = World.small
    configuration.order.holdBackMessages = 3
    let (world, members) = try losing([1, 3], configuration: configuration)
    // Numbers 2 and 4 wait for 1 and 3; then come more than there is room for.
    for number in 1...7 {
      try world.broadcast("\(number)", from: members[0], topic: "a", order: .fifo)
      world.run(1)
    }
    world.run(200)
    #expect(members[1].texts.first == "2")
    #expect(members[1].orderGaps.first == [1, 2, 1, 1])
    #expect(members[1].node.heldBackCount <= 3)
    world.isLost = { _ in false }
    #expect(world.run(5_000) { members[1].deliveries.count == 7 })
    #expect(members[1].texts == ["2", "1", "3", "4", "5", "6", "7"] || members[1].orderGaps.count > 1)
  }

  @Test("a restarted sender begins afresh: its past neither blocks it nor comes again")
  func restart() throws {
    let (world, members) = try losing([2])
    for number in 1...3 {
      try world.broadcast("old \(number)", from: members[0], topic: "a", order: .causal)
      world.run(1)
    }
    world.run(100)
    world.crash(members[0])
    let successor = try world.add(1, id: 77)
    world.isLost = { _ in false }
    world.join(successor, [members[1].endpoint])
    world.run(10_000)
    for number in 1...3 {
      try world.broadcast("new \(number)", from: successor, topic: "a", order: .causal)
      world.run(1)
    }
    world.run(200)
    #expect(members[1].texts.filter { $0.hasPrefix("new") } == ["new 1", "new 2", "new 3"])
    #expect(Set(members[1].texts).count == members[1].texts.count)
  }

  @Test("when the application has no room, what is ready waits, in order")
  func noRoom() throws {
    let world = World()
    let sender = try world.add(1)
    let slow = try world.add(2, deliveryMessages: 4)
    world.join(sender, [])
    world.join(slow, [sender.endpoint])
    world.run(1_000)
    try world.subscribe("a", by: slow)
    slow.takesDeliveries = false
    world.isLost = { packet in
      packet.gossip.contains { message in
        if case .gossip(let header, _) = message { header.first == 1 } else { false }
      }
    }
    for number in 1...10 {
      try world.broadcast("\(number)", from: sender, topic: "a", order: .fifo)
      world.run(1)
    }
    world.run(100)
    world.isLost = { _ in false }
    world.run(1_000)
    let flushes = slow.flushes
    world.run(2_000)
    #expect(slow.effects.deliveries.count == 4)
    // Trying again takes some steps a second, and no more.
    #expect(slow.flushes - flushes < 200)
    slow.takesDeliveries = true
    world.takeDeliveries(slow)
    slow.node.resumeDelivery(now: world.now)
    #expect(world.run(3_000) { slow.deliveries.count == 10 })
    #expect(slow.texts == (1...10).map(String.init))
    #expect(slow.orderGaps.isEmpty)
  }

  @Test("with more topics than are remembered, order is kept all the same")
  func manyTopics() {
    var tails = TopicTails()
    for number in 1...5_000 as ClosedRange<UInt64> {
      tails.note(number, hash: number &* 0x9e37_79b9_7f4a_7c15, order: .fifo)
    }
    let known = tails.predecessor(of: 5_001, hash: 5_000 &* 0x9e37_79b9_7f4a_7c15, order: .fifo)
    let forgotten = tails.predecessor(of: 5_001, hash: 1 &* 0x9e37_79b9_7f4a_7c15, order: .fifo)
    let mixed = tails.predecessor(of: 5_001, hash: 5_000 &* 0x9e37_79b9_7f4a_7c15, order: .causal)
    #expect(known == 2 && forgotten == OrderedMessage.Predecessor.everything && mixed == 2)
    tails.note(5_001, hash: 7, order: .causal)
    let both = tails.predecessor(of: 5_002, hash: 5_000 &* 0x9e37_79b9_7f4a_7c15, order: .causal)
    let own = tails.predecessor(of: 5_010, hash: 7, order: .causal)
    #expect(both == OrderedMessage.Predecessor.everything && own == 10)
    let fresh = TopicTails()
    let first = fresh.predecessor(of: 9, hash: 1, order: .causal)
    #expect(first == OrderedMessage.Predecessor.none)
  }
}
