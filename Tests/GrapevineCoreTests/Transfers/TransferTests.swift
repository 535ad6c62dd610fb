import Testing

@testable import GrapevineCore

@Suite("Large messages: fragments travel the tree")
struct TransferTests {
  @Test("a large message comes whole, once, with the number of its announcement")
  func whole() throws {
    let world = World()
    let members = try world.cluster(5)
    try world.broadcast("first", from: members[0])
    world.run(500)
    let bytes = World.bytes(200_000)
    let id = try world.broadcast(large: bytes, from: members[0], isTagged: true)
    #expect(id.sequence == 2)
    let others = members.dropFirst()
    #expect(world.run(5_000) { others.allSatisfy { $0.deliveries.count == 2 } })
    world.run(1_000)
    for member in others {
      #expect(member.deliveries.count == 2)
      let delivery = try #require(member.deliveries.last)
      #expect(delivery.payload == bytes && delivery.sequence == 2 && delivery.isTagged)
      #expect(member.updates.last == .completed(id, bytes: 200_000))
      #expect(member.wasted(of: 200_000) <= 0.02)
    }
    #expect(members[0].updates.last == .completed(id, bytes: 200_000))
    #expect(members[0].updates.count > 2)
  }

  @Test("the first message of a cluster, which shapes the tree, brings few fragments twice")
  func first() throws {
    let world = World()
    let members = try world.cluster(6)
    let bytes = World.bytes(1_000_000)
    try world.broadcast(large: bytes, from: members[2])
    let others = members.filter { $0 !== members[2] }
    #expect(world.run(20_000) { others.allSatisfy { $0.deliveries.count == 1 } })
    for member in others {
      #expect(member.deliveries.first?.payload == bytes)
      #expect(member.wasted(of: bytes.count) <= 0.2)
    }
  }

  @Test("losses are made good", arguments: [0.01, 0.1, 0.3])
  func losses(share: Double) throws {
    let world = World()
    let members = try world.cluster(5)
    try world.broadcast("first", from: members[0])
    world.run(500)
    var generator = Generator(seed: 7)
    world.isLost = { _ in generator.chance(share) }
    let bytes = World.bytes(300_000)
    try world.broadcast(large: bytes, from: members[0])
    let others = members.dropFirst()
    #expect(world.run(30_000) { others.allSatisfy { $0.deliveries.count == 2 } })
    #expect(others.allSatisfy { $0.deliveries.last?.payload == bytes })
  }

  @Test("a parent that crashes in the middle is replaced")
  func crash() throws {
    let world = World()
    world.latency = 20 * World.millisecond
    let members = try world.cluster(8)
    try world.broadcast("first", from: members[0])
    world.run(1_000)
    let bytes = World.bytes(500_000)
    try world.broadcast(large: bytes, from: members[0])
    // Somebody who has children and some of it.
    let relay = {
      members.dropFirst().first { $0.counters.fragmentsSent > 20 && $0.counters.transfersReceived == 0 }
    }
    #expect(world.run(5_000) { relay() != nil })
    let victim = try #require(relay())
    world.crash(victim)
    let others = members.dropFirst().filter { $0 !== victim }
    #expect(world.run(20_000) { others.allSatisfy { $0.counters.transfersReceived == 1 } })
    #expect(others.allSatisfy { $0.deliveries.last?.payload == bytes })
  }

  @Test("a sender cancels: nobody delivers, everybody is told and nothing is held")
  func senderCancels() throws {
    let world = World()
    world.latency = 20 * World.millisecond
    let members = try world.cluster(5)
    let id = try world.broadcast(large: World.bytes(2_000_000), from: members[0])
    world.run(300)
    #expect(world.cancel(id, by: members[0]))
    world.run(3_000)
    for member in members {
      #expect(member.updates.last == .cancelled(id))
      #expect(member.node.transferBytes == 0 && member.deliveries.isEmpty)
    }
    #expect(!world.cancel(id, by: members[0]))
  }

  @Test("a receiver cancels for itself; the others get all of it")
  func receiverCancels() throws {
    let world = World()
    world.latency = 20 * World.millisecond
    let members = try world.cluster(6)
    let bytes = World.bytes(1_000_000)
    let id = try world.broadcast(large: bytes, from: members[0])
    world.run(400)
    #expect(world.cancel(id, by: members[3]))
    let others = [members[1], members[2], members[4], members[5]]
    #expect(world.run(30_000) { others.allSatisfy { $0.counters.transfersReceived == 1 } })
    #expect(members[3].deliveries.isEmpty && members[3].node.transferBytes == 0)
    let before = members[3].counters.fragmentsReceived
    world.run(2_000)
    #expect(members[3].counters.fragmentsReceived == before)
  }

  @Test("a member that comes late gets what is kept")
  func late() throws {
    let world = World()
    let members = try world.cluster(3)
    let bytes = World.bytes(150_000)
    try world.broadcast(large: bytes, from: members[0])
    world.run(2_000)
    let newcomer = try world.add(9)
    world.join(newcomer, [World.endpoint(1)])
    #expect(world.run(10_000) { newcomer.deliveries.count == 1 })
    #expect(newcomer.deliveries.first?.payload == bytes)
  }

  @Test("what was kept is forgotten after its time, and is not fetched again")
  func linger() throws {
    let world = World()
    let members = try world.cluster(3)
    try world.broadcast(large: World.bytes(150_000), from: members[0])
    world.run(2_000)
    #expect(members.allSatisfy { $0.node.transferBytes > 0 })
    world.run(62_000)
    #expect(members.allSatisfy { $0.node.transferBytes == 0 })
    #expect(members.dropFirst().allSatisfy { $0.deliveries.count == 1 })
  }
}
