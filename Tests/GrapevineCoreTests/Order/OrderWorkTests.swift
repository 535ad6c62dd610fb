import Testing

@testable import GrapevineCore

@Suite("Order: what waits costs little")
struct OrderWorkTests {
  private static let dependencies = 110

  /// Members 1 to 3. The third one misses messages of the second: those whose numbers are in `numbers`.
  private func losing(_ numbers: ClosedRange<UInt64>) throws -> (World, [Member]) {
    var configuration = World.small
    configuration.logBytes = 1 << 20
    let world = World()
    let members = try world.cluster(3, configuration: configuration)
    world.isLost = { packet in
      guard packet.destination == members[2].endpoint else { return false }
      return packet.gossip.contains { message in
        guard case .gossip(let header, _) = message, numbers.contains(header.first) else { return false }
        return header.origin == 2
          || header.origin == Packet.senderMark && packet.source == World.endpoint(2)
      }
    }
    return (world, members)
  }

  /// Has the second member send as many messages as one has dependencies, and the first one `count` that name all of
  /// these.
  private func fill(_ count: Int, _ world: World, _ members: [Member]) throws {
    for number in 1...Self.dependencies {
      try world.broadcast("\(number)", from: members[1])
      world.run(2)
    }
    var bytes: [UInt8] = [0, OrderedMessage.kind | 2 << 2, 0, UInt8(Self.dependencies)]
    for number in 1...Self.dependencies { bytes += [0, 0, 0, 0, 0, 0, 0, 2, UInt8(number)] }
    for _ in 0..<count {
      var counters = Counters()
      let now = world.now
      _ = try bytes.withUnsafeBytes { bytes in
        try members[0].node.dissemination.broadcast(
          bytes, level: .reliable, isTagged: true, now: now, counters: &counters)
      }
      world.settle(members[0])
      world.run(3)
    }
    try #require(members[2].node.heldBackCount == count)
  }

  @Test("a message looks at each that it names a few times at most, however they come")
  func linear() throws {
    let (world, members) = try losing(1...UInt64(Self.dependencies))
    try fill(50, world, members)
    world.isLost = { _ in false }
    #expect(world.run(5_000) { members[2].node.heldBackCount == 0 && members[2].deliveries.count == 160 })
    let looks = members[2].node.dissemination.order.looks
    #expect(looks <= 50 * (3 * UInt64(Self.dependencies) + 10))
    #expect(members[2].orderGaps.isEmpty)
  }

  @Test("what one step is too short for goes on in the next one")
  func bounded() throws {
    let (world, members) = try losing(1...1)
    try fill(200, world, members)
    let late = members[2]
    var isUnderWay = false
    world.isLost = { packet in
      if packet.destination == late.endpoint, packet.carriesGossip { isUnderWay = true }
      return false
    }
    #expect(world.run(5_000) { isUnderWay })
    // So many are looked at when the first message comes, and delivered.
    try #require(200 * 2 * UInt64(Self.dependencies) > 2 * OrderKeeper.stepLimit)
    var most: UInt64 = 0
    var steps = 0
    for _ in 0..<10_000 where late.node.heldBackCount > 0 {
      let (before, held) = (late.node.dissemination.order.looks, late.node.heldBackCount)
      world.run(until: world.now + 1_000)
      most = max(most, late.node.dissemination.order.looks - before)
      if late.node.heldBackCount < held { steps += 1 }
    }
    #expect(late.node.heldBackCount == 0 && steps >= 2)
    // A datagram is one step, and what follows it another.
    #expect(most <= 2 * OrderKeeper.stepLimit + 1_000)
    #expect(late.orderGaps.isEmpty && late.deliveries.count == 310)
  }
}
