import Testing

@testable import GrapevineCore

@Suite("The hold-back buffer: a share for each origin")
struct HoldShareTests {
  @Test("the heaviest is found, whatever comes and goes")
  func heaviest() {
    var generator = Generator(seed: 11)
    var shares = HoldShares(messages: 64, key: SecretKey(using: &generator))
    var held: [(origin: UInt64, weight: Int)] = []
    var weights: [UInt64: Int] = [:]
    for _ in 0..<20_000 {
      let isFull = held.count == 64 || held.reduce(0) { $0 + $1.weight } > 120
      if !held.isEmpty, isFull || generator.chance(0.48) {
        let one = held.remove(at: generator.below(held.count))
        let place = shares.find(one.origin)
        if let place { shares.remove(place, weight: one.weight) }
        weights[one.origin, default: 0] -= one.weight
        if weights[one.origin] == 0 { weights[one.origin] = nil }
        #expect(place != nil)
      } else {
        let origin = 1 + UInt64(generator.below(80))
        let weight = 1 + generator.below(8)
        _ = shares.add(origin, weight: weight)
        held.append((origin, weight))
        weights[origin, default: 0] += weight
      }
      let most = shares.heaviest.map { (shares[$0].origin, Int(shares[$0].weight)) }
      #expect(most?.1 == weights.values.max())
      if let most { #expect(weights[most.0] == most.1) }
      let probe = 1 + UInt64(generator.below(80))
      let found = shares.find(probe) != nil
      #expect(found == (weights[probe] != nil))
    }
  }

  /// Broadcasts messages that come after one of a member that is nowhere.
  private func flood(_ count: Int, bytes: Int, from member: Member, in world: World) throws {
    for _ in 0..<count {
      var payload: [UInt8] = [0, OrderedMessage.kind | 2 << 2, 0, 1, 0, 0, 0, 0, 0, 0, 0, 77, 1]
      payload += [UInt8](repeating: 7, count: bytes)
      var counters = Counters()
      let now = world.now
      _ = try payload.withUnsafeBytes { bytes in
        try member.node.dissemination.broadcast(
          bytes, level: .reliable, isTagged: true, now: now, counters: &counters)
      }
      world.settle(member)
      world.run(3)
    }
  }

  @Test("who floods the buffer makes way itself", arguments: [0, 600])
  func hostile(bytes: Int) throws {
    var configuration = World.small
    configuration.order.holdBackMessages = 16
    configuration.order.holdBackBytes = 4_096
    let world = World()
    let members = try world.cluster(3, configuration: configuration)
    let late = members[2]
    // Of member 1 the first message does not come, so that others wait for it.
    world.isLost = { packet in
      guard packet.destination == late.endpoint else { return false }
      return packet.gossip.contains { message in
        guard case .gossip(let header, _) = message, header.first == 1 else { return false }
        return header.origin == 1
          || header.origin == Packet.senderMark && packet.source == World.endpoint(1)
      }
    }
    for number in 1...5 {
      try world.broadcast("\(number)", from: members[0], topic: "", order: .fifo)
      world.run(3)
    }
    try #require(world.run(1_000) { late.node.heldBackCount == 4 })
    try flood(60, bytes: bytes, from: members[1], in: world)
    world.run(1_000)
    // All of the flood came; what went on early is the flood's own, and member 1's still wait.
    let isHeld = (2...5).allSatisfy { late.node.dissemination.order.held.contains(1, $0) }
    #expect(isHeld)
    #expect(late.orderGaps.count >= 40 && late.orderGaps.allSatisfy { $0[0] == 2 })
    #expect(late.node.heldBackCount <= 16)
    world.isLost = { _ in false }
    #expect(world.run(5_000) { late.deliveries.filter { $0.origin == 1 }.count == 5 })
    #expect(late.deliveries.filter { $0.origin == 1 }.map(\.sequence) == [1, 2, 3, 4, 5])
    #expect(late.orderGaps.allSatisfy { $0[0] == 2 })
  }

  @Test("nobody makes way while there is room, and an origin alone may take all")
  func alone() throws {
    var configuration = World.small
    configuration.order.holdBackMessages = 16
    let world = World()
    let members = try world.cluster(3, configuration: configuration)
    try flood(16, bytes: 0, from: members[1], in: world)
    world.run(500)
    #expect(members[2].node.heldBackCount == 16 && members[2].orderGaps.isEmpty)
  }
}
