import Testing

@testable import GrapevineCore

// Places, times and promises of large messages.
extension TransferHostileTests {
  @Test("an application that takes nothing for long keeps no node busy, and gets its message in the end")
  func busyApplication() throws {
    let world = World()
    let first = try world.add(1, configuration: Self.configuration)
    let second = try world.add(2, configuration: Self.configuration, deliveryMessages: 1)
    world.join(first, [])
    world.join(second, [World.endpoint(1)])
    world.run(2_000)
    second.takesDeliveries = false
    try world.broadcast("fills the buffer", from: first)
    world.run(500)
    let bytes = World.bytes(30_000)
    try world.broadcast(large: bytes, from: first)
    #expect(world.run(5_000) { second.counters.transfersReceived == 1 })
    world.run(4_990)
    let before = second.flushes
    world.run(20)
    #expect(second.flushes - before < 100)
    #expect(second.node.nextDeadline > world.now)
    second.takesDeliveries = true
    world.takeDeliveries(second)
    second.node.resumeDelivery(now: world.now)
    world.run(200)
    #expect(second.deliveries.last?.payload == bytes)
  }

  @Test("a message that is announced long after its fragments came begins anew")
  func announcedLate() throws {
    var (world, members, intruder) = try besieged()
    let late = head(1)
    let content = try #require(
      [UInt8](repeating: 1, count: 1_000).withUnsafeBytes { LargeContent(copying: $0) })
    for index in 0..<late.count { intruder.send(fragment(late, UInt32(index)), in: world) }
    intruder.linger(seconds: 7, in: world)
    #expect(members[0].counters.transfersFailed == 1 && members[0].node.transferBytes == 0)
    var other = try Intruder(67, id: 67, linksWith: members[0], in: world)
    other.send(announcement(late, checksum: content.checksum), in: world)
    for index in 0..<late.count { other.send(fragment(late, UInt32(index)), in: world) }
    other.linger(seconds: 2, in: world)
    #expect(members.allSatisfy { $0.deliveries.filter { $0.payload.count == 1_000 }.count == 1 })
  }

  @Test("announcements that there is no place for wait, and one origin has half of the places")
  func places() throws {
    var (world, members, intruder) = try besieged()
    for number in 1...40 { intruder.send(announcement(head(UInt32(number)), checksum: 1), in: world) }
    #expect(members[0].counters.transfersRefused == 8)
    #expect(members[0].updates.isEmpty)
    #expect(members[0].node.nextDeadline > world.now)
    let bytes = World.bytes(30_000)
    try world.broadcast(large: bytes, from: members[1])
    #expect(world.run(4_000) { members[0].deliveries.last?.payload == bytes })
    intruder.linger(seconds: 14, in: world)
    for number in 1...40 {
      let id = TransferID(origin: MemberID(66), sequence: UInt64(number))
      #expect(members[0].updates.contains(.failed(id, .unavailable)))
    }
  }

  @Test("what is announced takes the places of what is not")
  func unannouncedPlaces() throws {
    var (world, members, intruder) = try besieged()
    for number in 0..<40 {
      intruder.send(fragment(head(1, origin: UInt64(500 + number)), 0), in: world)
    }
    #expect(members[0].counters.fragmentsUnwanted == 24)
    for number in 1...32 { intruder.send(announcement(head(UInt32(number)), checksum: 1), in: world) }
    for number in 1...20 {
      intruder.send(announcement(head(UInt32(number), origin: 67), checksum: 1), in: world)
    }
    #expect(members[0].counters.transfersRefused == 0 && members[0].updates.isEmpty)
    let own = World.bytes(30_000)
    try world.broadcast(large: own, from: members[0])
    #expect(world.run(4_000) { members[2].deliveries.last?.payload == own })
  }

  @Test("short fragments and more parity than is ever sent are refused")
  func parity() throws {
    var (world, members, intruder) = try besieged()
    let invalid = members[0].counters.droppedInvalid
    intruder.send(fragment(head(9, unit: 15), 0), in: world)
    #expect(members[0].counters.droppedInvalid == invalid + 1)
    let block = head(1, length: 64 * 256)
    for row in 0..<64 {
      let body = written { writer in
        block.write(MessageKind.parity, to: &writer)
        writer.write(UInt32(0))
        writer.write(UInt8(row))
        for _ in 0..<block.size { writer.write(UInt8(7)) }
      }
      intruder.send(body, in: world)
    }
    #expect(members[0].counters.parityReceived == 64 && members[0].counters.fragmentsUnwanted == 40)
    #expect(members[0].counters.fragmentsRecovered == 0)
  }

  @Test("a message of a node without neighbours is handed over at once")
  func alone() throws {
    let world = World()
    let member = try world.cluster(1)[0]
    let id = try world.broadcast(large: World.bytes(30_000), from: member)
    #expect(member.updates == [.completed(id, bytes: 30_000)])
  }

  @Test("a message that nobody took is reported as failed when it is forgotten")
  func notHandedOver() throws {
    let world = World()
    let members = try world.cluster(2, configuration: Self.configuration)
    world.isLost = { _ in true }
    let id = try world.broadcast(large: World.bytes(30_000), from: members[0])
    world.run(40_000)
    #expect(members[0].updates.last == .failed(id, .unavailable))
    #expect(members[0].node.transferBytes == 0)
  }

  @Test("nobody waits for a member that takes no message like it", arguments: [false, true])
  func refusal(isDisabled: Bool) throws {
    let world = World()
    var configuration = Self.configuration
    if isDisabled {
      configuration.transfers = nil
    } else {
      configuration.transfers?.limit = 64 << 10
    }
    let first = try world.add(1)
    let second = try world.add(2)
    let third = try world.add(3, configuration: configuration)
    world.join(first, [])
    for member in [second, third] { world.join(member, [World.endpoint(1)]) }
    world.run(2_000)
    let bytes = World.bytes(200_000)
    let id = try world.broadcast(large: bytes, from: first)
    #expect(world.run(5_000) { first.updates.last == .completed(id, bytes: 200_000) })
    #expect(second.deliveries.last?.payload == bytes && third.deliveries.isEmpty)
  }

  @Test("a neighbour that asks and asks, and never has more, does not keep a message for ever")
  func pinned() throws {
    let world = World()
    let first = try world.add(1, configuration: Self.configuration)
    var patient = Self.configuration
    patient.transfers?.patience = .seconds(1_000)
    let second = try world.add(2, configuration: patient)
    world.join(first, [])
    world.join(second, [World.endpoint(1)])
    world.run(2_000)
    world.isLost = { $0.bytes.count > 500 }
    let id = try world.broadcast(large: World.bytes(30_000), from: first)
    world.run(4_000)
    #expect(first.node.transferBytes > 0 && first.node.neighbourCount == 1)
    world.run(6_000)
    #expect(first.updates.last == .failed(id, .unavailable))
    #expect(first.node.transferBytes == 0 && first.node.neighbourCount == 1)
    #expect(second.counters.transferRequests > 4)
  }
}
