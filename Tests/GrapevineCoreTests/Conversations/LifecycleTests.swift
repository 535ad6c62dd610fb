import Testing

@testable import GrapevineCore

@Suite("Lifecycle: leaving, and what a node does not do when it is not a member")
struct LifecycleTests {
  @Test("leaving hands over what neighbours lack, says goodbye, and is prompt")
  func leave() throws {
    let world = World()
    let members = try world.cluster(3)
    var losses = 0
    world.isLost = { packet in
      guard packet.source == World.endpoint(3), packet.carriesGossip, losses < 4 else { return false }
      losses += 1
      return true
    }
    for number in 1...5 { try world.broadcast("last \(number)", from: members[2]) }
    world.leave(members[2])
    #expect(members[2].node.lifecycle == .leaving)
    #expect(world.run(2_000) { members[2].node.lifecycle == .disconnected })
    world.run(500)
    #expect(losses == 4)
    for member in members[..<2] {
      #expect(member.texts.sorted() == (1...5).map { "last \($0)" })
      #expect(member.events.contains(.neighbourDown(members[2].id, members[2].endpoint, .closedByPeer)))
    }
  }

  @Test("leaving ends by its timeout, even when a neighbour takes nothing")
  func leaveTimeout() throws {
    var configuration = World.small
    configuration.leaveTimeout = .milliseconds(300)
    let world = World()
    let members = try world.cluster(2, configuration: configuration)
    world.crash(members[1])
    try world.broadcast("nobody hears", from: members[0])
    world.leave(members[0])
    world.run(290)
    #expect(members[0].node.lifecycle == .leaving)
    world.run(20)
    #expect(members[0].node.lifecycle == .disconnected)
  }

  @Test("who leaves takes nobody in")
  func closed() throws {
    let world = World()
    let members = try world.cluster(2)
    world.crash(members[1])
    try world.broadcast("nobody hears", from: members[0])
    let cookie = try Intruder.cookie(for: World.endpoint(5), id: 5, nonce: 1, of: members[0], in: world)
    world.leave(members[0])
    let connect = Connect(nonce: 1, cookie: cookie, sender: 5, need: .high, window: 64)
    _ = Intruder.ask(.connect(connect), members[0], from: World.endpoint(5), in: world)
    world.run(3_000)
    #expect(members[0].node.lifecycle == .disconnected && members[0].node.neighbourCount == 0)
    #expect(
      Intruder.ask(.hello(Hello(nonce: 1, sender: 5)), members[0], from: World.endpoint(5), in: world).isEmpty
    )
  }

  @Test("a node that left joins again, and goes on where it was")
  func rejoin() throws {
    let world = World()
    let members = try world.cluster(2)
    try world.broadcast("one", from: members[1])
    world.run(200)
    world.leave(members[1])
    world.run(3_000)
    try world.broadcast("meanwhile", from: members[0])
    world.join(members[1], [members[0].endpoint])
    world.run(1_000)
    #expect(try world.broadcast("two", from: members[1]) == 2)
    world.run(500)
    #expect(members[0].texts == ["one", "two"])
    #expect(members[1].texts == ["meanwhile"])
  }

  @Test("only members broadcast")
  func notConnected() throws {
    let world = World()
    let member = try world.add(1)
    #expect(throws: BroadcastError.notConnected) { try world.broadcast("early", from: member) }
    world.join(member, [World.endpoint(2)])
    #expect(throws: BroadcastError.notConnected) { try world.broadcast("early", from: member) }
    world.leave(member)
    #expect(member.node.lifecycle == .disconnected)
    #expect(throws: BroadcastError.notConnected) { try world.broadcast("late", from: member) }
  }

  @Test(
    "a payload longer than the limit is refused, one as long is delivered", arguments: [512, 1_200, 2_048])
  func payloadLimit(datagramLimit: Int) throws {
    var configuration = World.small
    configuration.datagramLimit = datagramLimit
    configuration.logBytes = 512 << 10
    let world = World()
    let members = try world.cluster(2, configuration: configuration)
    let limit = configuration.payloadLimit
    #expect(throws: BroadcastError.tooLarge(limit: limit)) {
      try world.broadcast(String(repeating: "a", count: limit + 1), from: members[0])
    }
    try world.broadcast(String(repeating: "b", count: limit), from: members[0])
    try world.broadcast("", from: members[0])
    world.run(1_000)
    #expect(members[1].deliveries.map(\.payload.count) == [limit, 0])
    #expect(world.sent.allSatisfy { $0.bytes.count <= datagramLimit })
  }

  @Test("a node that is destroyed, or not yet joined, answers nothing and wants nothing")
  func silent() throws {
    let world = World()
    let fresh = try world.add(1)
    let hello = WireMessage.hello(Hello(nonce: 1, sender: 5))
    #expect(Intruder.ask(hello, fresh, from: World.endpoint(5), in: world).isEmpty)
    world.join(fresh, [])
    #expect(Intruder.ask(hello, fresh, from: World.endpoint(5), in: world).count == 1)
    fresh.node.destroy(into: &fresh.effects)
    #expect(Intruder.ask(hello, fresh, from: World.endpoint(5), in: world).isEmpty)
    #expect(fresh.node.nextDeadline == .never)
    world.leave(fresh)
    world.join(fresh, [])
    #expect(fresh.node.lifecycle == .destroyed)
    #expect(fresh.events.filter { $0 == .lifecycle(.destroyed) }.count == 1)
  }

  @Test("a node alone has nothing to send, however long it waits")
  func alone() throws {
    let world = World()
    let member = try world.add(1)
    world.join(member, [])
    try world.broadcast("to nobody", from: member)
    world.run(600_000)
    #expect(world.sent.isEmpty)
    #expect(member.flushes < 1_000, "no deadline that comes over and over")
  }

  @Test("an idle link costs a keepalive a second each way, not more than two datagrams")
  func idle() throws {
    let world = World()
    _ = try world.cluster(2)
    world.run(5_000)
    let before = world.sent.count
    world.run(60_000)
    #expect((100...260).contains(world.sent.count - before))
  }
}
