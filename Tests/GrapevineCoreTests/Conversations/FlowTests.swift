import Testing

@testable import GrapevineCore

@Suite("Flow: nobody is overrun, and nobody waits for ever")
struct FlowTests {
  private static var tiny: Configuration {
    var configuration = World.small
    configuration.logMessages = 64
    configuration.stallLimit = .seconds(1)
    return configuration
  }

  /// Broadcasts until the node would block.
  private func fill(_ member: Member, in world: World) throws -> Int {
    var taken = 0
    while taken < 100_000 {
      do {
        try world.broadcast("\(taken)", from: member)
        taken += 1
      } catch BroadcastError.wouldBlock {
        return taken
      }
    }
    return taken
  }

  @Test("a full log blocks, and what it took is delivered exactly once")
  func wouldBlock() throws {
    let world = World()
    let members = try world.cluster(2, configuration: Self.tiny)
    let taken = try fill(members[0], in: world)
    #expect(taken == 64)
    #expect(members[0].counters.broadcasts == 64)
    world.run(500)
    let more = try fill(members[0], in: world)
    #expect(more > 0)
    world.run(500)
    #expect(members[1].deliveries.map(\.sequence).sorted() == Array(1...UInt64(taken + more)))
  }

  @Test("a neighbour that takes nothing is waited for as long as configured, and no longer")
  func stall() throws {
    let world = World()
    let members = try world.cluster(3, configuration: Self.tiny)
    world.run(6_000)
    // Member 3 still sends, so its links live on; it only hears nothing.
    world.isLost = { $0.destination == World.endpoint(3) }
    #expect(try fill(members[0], in: world) == 64)
    world.run(900)
    #expect(throws: BroadcastError.wouldBlock) { try world.broadcast("too early", from: members[0]) }
    world.run(200)
    try world.broadcast("not waiting", from: members[0])
    // Member 2 passes messages on to member 3, and waits as long before it gives that up.
    world.run(3_000)
    #expect(members[1].texts.contains("not waiting"))
  }

  @Test("a neighbour that was left behind catches up as far as the log goes, and is waited for again")
  func catchUp() throws {
    let world = World()
    let members = try world.cluster(2, configuration: Self.tiny)
    world.run(6_000)
    world.isLost = { $0.destination == World.endpoint(2) }
    _ = try fill(members[0], in: world)
    world.run(1_100)
    for number in 0..<40 { try world.broadcast("more \(number)", from: members[0]) }
    world.isLost = { _ in false }
    world.run(15_000)
    #expect(members[1].gaps.count == 1)
    #expect(members[1].deliveries.count == 64)
    let more = try fill(members[0], in: world)
    #expect(more == 64)
    world.run(1_000)
    #expect(members[1].deliveries.count == 128)
  }

  @Test("a full delivery buffer defers messages, which are asked for again when there is room")
  func deferred() throws {
    let world = World()
    let sender = try world.add(1)
    let slow = try world.add(2, deliveryMessages: 10)
    world.join(sender, [])
    world.join(slow, [sender.endpoint])
    world.run(1_000)
    slow.takesDeliveries = false
    for number in 1...25 { try world.broadcast("\(number)", from: sender) }
    world.run(1_000)
    #expect(slow.effects.deliveries.count == 10)
    #expect(slow.counters.deferred >= 15)
    slow.takesDeliveries = true
    world.takeDeliveries(slow)
    slow.node.resumeDelivery(now: world.now)
    #expect(world.run(1_000) { slow.deliveries.count == 25 })
    #expect(slow.deliveries.map(\.sequence).sorted() == Array(1...25))
    #expect(slow.gaps.isEmpty)
  }

  @Test("duplicates are counted and not delivered")
  func duplicates() throws {
    let world = World()
    let members = try world.cluster(2)
    try world.broadcast("once", from: members[0])
    let packet = try #require(world.sent.last { $0.carriesGossip })
    world.run(100)
    for _ in 0..<5 { world.inject(packet.bytes, into: members[1], from: packet.source) }
    world.run(100)
    #expect(members[1].texts == ["once"])
    #expect(members[1].counters.duplicates == 5)
  }

  @Test("in a full mesh every member delivers once, and counts the other copies")
  func mesh() throws {
    let world = World()
    let members = try world.cluster(5)
    world.run(10_000)
    #expect(members.allSatisfy { $0.node.neighbourCount == 4 })
    try world.broadcast("all", from: members[0])
    world.run(500)
    for member in members[1...] {
      #expect(member.texts == ["all"])
      #expect(member.counters.duplicates == member.counters.copiesReceived - 1)
    }
    #expect(members[0].texts.isEmpty, "no message comes back to its origin's application")
  }

  @Test("no message is pushed to more neighbours than the fanout", arguments: 1...4)
  func fanout(fanout: Int) throws {
    var configuration = World.small
    configuration.broadcast = .eager
    configuration.fanout = fanout
    let world = World()
    let members = try world.cluster(6, configuration: configuration)
    world.run(10_000)
    #expect(members[0].node.neighbourCount == 5)
    let before = members[0].counters.copiesSent
    var targets: Set<Endpoint> = []
    for number in 1...20 {
      let mark = world.sent.count
      try world.broadcast("\(number)", from: members[0])
      let pushed = world.sent[mark...].filter { $0.source == members[0].endpoint && $0.carriesGossip }
      #expect(pushed.count == fanout)
      targets.formUnion(pushed.map(\.destination))
      world.run(300)
    }
    #expect(targets.count == 5, "chance reaches every neighbour")
    #expect(members[0].counters.copiesSent - before >= UInt64(20 * fanout))
    world.run(3_000)
    #expect(members[1...].allSatisfy { $0.deliveries.count == 20 }, "repair reaches whom chance left out")
  }

  @Test("rounds limit how far a message is pushed; repair has no such limit")
  func rounds() throws {
    var configuration = World.small
    configuration.broadcast = .eager
    configuration.rounds = 1
    configuration.viewTarget = 2
    configuration.viewCapacity = 2
    let world = World()
    let members = try world.cluster(6, configuration: configuration)
    world.run(60_000)
    let mark = world.sent.count
    try world.broadcast("near", from: members[0])
    #expect(world.run(10_000) { members[1...].allSatisfy { $0.texts == ["near"] } })
    for packet in world.sent[mark...] where packet.source != members[0].endpoint && packet.carriesGossip {
      let source = members.first { $0.endpoint == packet.source }
      #expect(source?.counters.repairs != 0, "only those who were asked send it on")
    }
    #expect(members[1...].map(\.counters.copiesReceived).reduce(0, +) == 5, "no pushed copy was superfluous")
  }

  @Test("hops are counted from the origin on, one more at every member")
  func hops() throws {
    var configuration = World.small
    configuration.viewTarget = 2
    configuration.viewCapacity = 2
    let world = World()
    let members = try world.cluster(6, configuration: configuration)
    world.run(60_000)
    let mark = world.sent.count
    try world.broadcast("far", from: members[0])
    world.run(1_000)
    let hops = world.sent[mark...].flatMap(\.gossip).map { message -> UInt8 in
      guard case .gossip(let header, _) = message else { return .max }
      return header.hops
    }
    #expect(Set(hops).isSuperset(of: [0, 1]) && hops.allSatisfy { $0 < 6 })
  }

  @Test("with one message a datagram there is never more than one", arguments: [1, 3])
  func unpacked(limit: Int) throws {
    var configuration = World.small
    configuration.messagesPerDatagram = limit
    let world = World()
    let members = try world.cluster(3, configuration: configuration)
    var generator = Generator(seed: 1)
    world.isLost = { _ in generator.chance(0.2) }
    for _ in 0..<10 {
      for number in 0..<10 { try world.broadcast("\(number)", from: members[0]) }
      world.run(100)
    }
    world.run(5_000)
    let counts = world.sent.map { packet in
      packet.gossip.reduce(0) { sum, message in
        guard case .gossip(let header, _) = message else { return sum }
        return sum + Int(header.count)
      }
    }
    #expect(counts.max() == limit)
    #expect(members[1...].allSatisfy { $0.deliveries.count == 100 })
  }

  @Test("many small messages share datagrams")
  func packed() throws {
    let world = World()
    let members = try world.cluster(2)
    let mark = world.sent.count
    // All at one instant, before the driver flushes.
    for number in 0..<64 {
      let payload = Array("message \(number)".utf8)
      _ = try payload.withUnsafeBytes { try members[0].node.broadcast($0, now: world.now) }
    }
    world.run(20)
    #expect(world.sent[mark...].filter(\.carriesGossip).count == 1)
    #expect(members[1].deliveries.count == 64)
  }
}
