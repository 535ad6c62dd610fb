import Testing

@testable import GrapevineCore

@Suite("Large messages: what a hostile neighbour cannot do")
struct TransferHostileTests {
  static var configuration: Configuration {
    var configuration = World.small
    configuration.transfers?.limit = 64 << 10
    configuration.transfers?.memory = 256 << 10
    configuration.transfers?.patience = .seconds(5)
    configuration.transfers?.linger = .seconds(5)
    return configuration
  }

  func besieged() throws -> (World, [Member], Intruder) {
    let world = World()
    let members = try world.cluster(3, configuration: Self.configuration)
    try world.broadcast("before", from: members[1])
    world.run(500)
    let intruder = try Intruder(66, id: 66, linksWith: members[0], in: world)
    return (world, members, intruder)
  }

  func head(_ number: UInt32, length: UInt32 = 1_000, unit: UInt8 = 16, origin: UInt64 = 66)
    -> TransferHead
  {
    TransferHead(origin: origin, number: number, length: length, unit: unit)
  }

  func fragment(_ head: TransferHead, _ index: UInt32, _ value: UInt8 = 1) -> [UInt8] {
    written { writer in
      head.write(MessageKind.fragment, to: &writer)
      writer.write(index)
      for _ in 0..<head.size(of: Int(index)) { writer.write(value) }
    }
  }

  func announcement(_ head: TransferHead, checksum: UInt64) -> [UInt8] {
    let said = Announcement(head: head, isTagged: false, checksum: checksum)
    return written { writer in
      GossipHeader(
        origin: head.origin, level: .reliable, isTagged: true, hops: 1, first: UInt64(head.number), count: 1
      ).write(to: &writer)
      writer.writeVariable(UInt64(Announcement.byteCount))
      said.withPayload { writer.write($0) }
    }
  }

  @Test(
    "random bodies behind every kind of message", arguments: [0x60, 0x61, 0x62, 0x63, 0x64, 0x6f] as [UInt8])
  func randomBodies(kind: UInt8) throws {
    var (world, members, intruder) = try besieged()
    var generator = Generator(seed: UInt64(kind))
    for round in 0..<1_000 {
      // Half of them with a head that makes sense.
      var body = [kind]
      if round % 2 == 0 {
        body = written { writer in
          head(
            UInt32(generator.below(4)), length: UInt32(1 + generator.below(100_000)),
            origin: UInt64(60 + generator.below(8))
          )
          .write(kind, to: &writer)
        }
      }
      body += (0..<generator.below(120)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      let mark = world.sent.count
      intruder.send(body, in: world)
      #expect(world.sent.count - mark <= 40)
      #expect(members[0].node.transferBytes <= 256 << 10)
      if round % 100 == 0 { world.run(50) }
    }
    world.run(1_000)
    let bytes = World.bytes(30_000)
    try world.broadcast(large: bytes, from: members[1])
    #expect(world.run(10_000) { members[2].deliveries.last?.payload == bytes })
  }

  @Test("messages that nobody announces take a part of the memory, and are forgotten")
  func unannounced() throws {
    var (world, members, intruder) = try besieged()
    for number in 0..<40 {
      intruder.send(fragment(head(1_000, length: 60_000, origin: UInt64(500 + number)), 0), in: world)
    }
    let held = members[0].node.transferBytes
    #expect(held > 0 && held <= 80_000)
    #expect(members[0].counters.fragmentsUnwanted >= 38)
    intruder.linger(seconds: 20, in: world)
    #expect(members[0].node.transferBytes == 0)
    #expect(members[0].deliveries.allSatisfy { $0.payload.count < 100 })
  }

  @Test("what is damaged is fetched once more, then given up and reported")
  func damaged() throws {
    var (world, members, intruder) = try besieged()
    let wrong = head(1)
    intruder.send(announcement(wrong, checksum: 1), in: world)
    for _ in 0..<2 {
      for index in 0..<wrong.count { intruder.send(fragment(wrong, UInt32(index)), in: world) }
    }
    #expect(members[0].counters.transfersDamaged == 1 && members[0].counters.transfersFailed == 1)
    #expect(
      members[0].updates.last
        == .failed(TransferID(origin: MemberID(66), sequence: 1), .damaged))
    intruder.linger(seconds: 2, in: world)
    #expect(members.allSatisfy { $0.deliveries.allSatisfy { $0.payload.count < 100 } })
  }

  @Test("a message of which nothing comes is given up and reported")
  func withheld() throws {
    var (world, members, intruder) = try besieged()
    intruder.send(announcement(head(1), checksum: 1), in: world)
    intruder.linger(seconds: 8, in: world)
    for member in members {
      #expect(
        member.updates.last
          == .failed(TransferID(origin: MemberID(66), sequence: 1), .unavailable))
      #expect(member.node.transferBytes == 0)
    }
  }

  @Test("a message comes once, also when its fragments come again after it was forgotten")
  func repeated() throws {
    var (world, members, intruder) = try besieged()
    let right = head(1)
    let content = try #require(
      [UInt8](repeating: 1, count: 1_000).withUnsafeBytes { LargeContent(copying: $0) })
    intruder.send(announcement(right, checksum: content.checksum), in: world)
    for index in 0..<right.count { intruder.send(fragment(right, UInt32(index)), in: world) }
    let delivered = { members[0].deliveries.filter { $0.payload.count == 1_000 }.count }
    #expect(delivered() == 1)
    intruder.linger(seconds: 12, in: world)
    #expect(members[0].node.transferBytes == 0)
    intruder.send(announcement(right, checksum: content.checksum), in: world)
    for index in 0..<right.count { intruder.send(fragment(right, UInt32(index)), in: world) }
    #expect(delivered() == 1 && members[0].node.transferBytes == 0)
  }

  @Test("what there is no memory for waits until there is")
  func memory() throws {
    let world = World()
    var configuration = Self.configuration
    configuration.transfers?.memory = 150 << 10
    let members = try world.cluster(4, configuration: configuration)
    try world.broadcast("first", from: members[0])
    world.run(500)
    world.latency = 10 * World.millisecond
    for sender in 0..<3 {
      try world.broadcast(large: World.bytes(60_000, seed: UInt64(sender)), from: members[sender])
    }
    #expect(members.allSatisfy { $0.node.transferBytes <= 150 << 10 })
    #expect(
      world.run(40_000) { members[3].deliveries.filter { $0.payload.count == 60_000 }.count == 3 })
    #expect(members.allSatisfy { $0.node.transferBytes <= 150 << 10 })
    #expect(throws: BroadcastError.tooLarge(limit: 64 << 10)) {
      try world.broadcast(large: World.bytes(65_537), from: members[0])
    }
  }

  @Test("both sides of a partition have it after it has healed")
  func partition() throws {
    let world = World()
    world.latency = 10 * World.millisecond
    let members = try world.cluster(6)
    try world.broadcast("first", from: members[0])
    world.run(500)
    let left = Set(members.prefix(3).map(\.endpoint))
    let bytes = World.bytes(400_000)
    try world.broadcast(large: bytes, from: members[0])
    world.run(60)
    world.isLost = { left.contains($0.source) != left.contains($0.destination) }
    world.run(4_000)
    #expect(members[1].deliveries.last?.payload == bytes)
    world.isLost = { _ in false }
    let others = members.dropFirst()
    #expect(world.run(25_000) { others.allSatisfy { $0.counters.transfersReceived == 1 } })
    #expect(others.allSatisfy { $0.deliveries.last?.payload == bytes })
  }
}
