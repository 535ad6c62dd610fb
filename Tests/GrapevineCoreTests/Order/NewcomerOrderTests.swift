import Testing

@testable import GrapevineCore

@Suite("Order for who joins: history in order, or said not to be")
struct NewcomerOrderTests {
  /// Loses what carries messages of `origin` to a member.
  private func lose(_ origin: UInt64, to destination: Endpoint, in world: World) {
    world.isLost = { packet in
      guard packet.destination == destination else { return false }
      return packet.gossip.contains { message in
        guard case .gossip(let header, _) = message else { return false }
        return header.origin == origin
          || header.origin == Packet.senderMark && packet.source == World.endpoint(Int(origin))
      }
    }
  }

  @Test("what logs still hold is delivered in causal order", arguments: 1...3 as ClosedRange<UInt64>)
  func history(seed: UInt64) throws {
    let world = World()
    let members = try world.cluster(3)
    for number in 0..<60 {
      try world.broadcast("\(number)", from: members[number % 3], topic: "", order: .causal)
      world.run(30)
    }
    var generator = Generator(seed: seed)
    world.isLost = { packet in packet.carriesGossip && generator.chance(0.4) }
    let late = try world.add(9)
    world.join(late, [members[0].endpoint])
    #expect(world.run(30_000) { late.deliveries.count == 60 })
    #expect(late.texts == (0..<60).map(String.init))
    #expect(late.orderGaps.isEmpty && late.gaps.isEmpty)
  }

  /// Fills a datagram, so that it is lost alone.
  private static let first = String(repeating: "1", count: World.small.orderedPayloadLimit(topicLength: 0))

  /// A member, 3, whose log holds `first` of 1 and "last" of 2, and has forgotten what 2 said between and "last" came
  /// after; and one that joins it, 9, to which what 1 said is lost.
  private func forgotten() throws -> (World, Member) {
    var configuration = World.small
    configuration.logMessages = 16
    let world = World()
    let members = try world.cluster(3, configuration: configuration)
    lose(1, to: members[2].endpoint, in: world)
    try world.broadcast(Self.first, from: members[0], topic: "", order: .causal)
    world.run(20)
    try world.broadcast("between", from: members[1], topic: "", order: .causal)
    world.run(20)
    world.isLost = { _ in false }
    try #require(world.run(3_000) { members[2].texts == [Self.first, "between"] })
    try world.broadcast("last", from: members[1], topic: "", order: .causal)
    try #require(world.run(1_000) { members[2].deliveries.count == 3 })
    world.crash(members[0])
    world.crash(members[1])
    world.run(20_000)
    for _ in 0..<14 {
      try world.broadcast("filler", from: members[2])
      world.run(10)
    }
    let late = try world.add(9, configuration: configuration)
    lose(1, to: late.endpoint, in: world)
    world.join(late, [members[2].endpoint])
    return (world, late)
  }

  @Test(
    "what comes after something forgotten waits for all that neighbours show, and says what it came after")
  func waitsForHistory() throws {
    let (world, late) = try forgotten()
    world.run(1_000)
    #expect(late.deliveries.count == 14 && late.node.heldBackCount == 1)
    #expect(late.orderGaps.isEmpty)
    world.isLost = { _ in false }
    #expect(world.run(3_000) { late.deliveries.count == 16 })
    #expect(late.texts.suffix(2) == [Self.first, "last"])
    #expect(late.orderGaps == [[2, 2, 2, 1]])
    #expect(late.counters.orderForgotten == 1 && late.counters.orderGaps == 0 && late.gaps.isEmpty)
  }

  @Test("it waits no longer than a node is a newcomer, and what is late was announced")
  func waitsNoLonger() throws {
    let (world, late) = try forgotten()
    #expect(!world.run(4_500) { late.texts.contains("last") })
    #expect(world.run(2_000) { late.texts.contains("last") })
    #expect(late.orderGaps == [[2, 2, 2, 1]])
    world.isLost = { _ in false }
    #expect(world.run(5_000) { late.texts.suffix(2) == ["last", Self.first] })
    #expect(late.orderGaps.count == 1)
  }

  @Test("what no neighbour has holds nobody up who joins for longer than five seconds")
  func unknown() throws {
    let world = World()
    let members = try world.cluster(3)
    world.run(6_000)
    lose(1, to: members[2].endpoint, in: world)
    try world.broadcast("question", from: members[0], topic: "", order: .causal)
    world.run(20)
    try world.broadcast("answer", from: members[1], topic: "", order: .causal)
    try #require(world.run(1_000) { members[2].node.heldBackCount == 1 })
    world.crash(members[0])
    world.crash(members[1])
    let late = try world.add(9)
    world.join(late, [members[2].endpoint])
    try #require(world.run(3_000) { late.node.heldBackCount == 1 })
    #expect(world.run(6_000) { late.texts == ["answer"] })
    #expect(late.orderGaps == [[2, 1, 1, 1]] && late.counters.orderGaps == 1)
    // A member waits for its patience: what it lacks may be on the other side of a partition.
    #expect(members[2].node.heldBackCount == 1)
  }

  @Test("the account of what was given up is exact but for what lies between two holes")
  func account() {
    var history = StreamHistory()
    #expect(!history.contains(1) && history.last == 0)
    history.add(1...100)
    #expect(history.contains(1) && history.contains(100) && !history.contains(101))
    history.isSettled = true
    history.add(106...107)
    #expect(!history.isSettled && history.last == 107)
    #expect(!history.contains(105) && history.contains(106) && !history.contains(108))
    history.add(110...110)
    #expect(history.contains(108) && history.contains(110))
    #expect(!history.contains(111) && !history.contains(105))
  }
}
