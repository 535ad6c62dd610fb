import Testing

@testable import GrapevineCore

@Suite("Large messages with topics and order: they keep their place among the others")
struct LargeOrderTests {
  private static func isFragment(_ packet: Packet) -> Bool {
    packet.bytes.first == Frame.link && packet.bytes.count > 600
  }

  private static func large(_ member: Member) -> [Delivery] {
    member.deliveries.filter { $0.payload.count > 2_000 }
  }

  @Test("a large message of a topic is delivered to its subscribers, and passed on by those that are none")
  func topic() throws {
    let world = World()
    var configuration = World.small
    (configuration.viewTarget, configuration.viewCapacity) = (1, 2)
    configuration.transfers?.linger = .seconds(5)
    let members = try world.cluster(5, configuration: configuration)
    try world.subscribe("news", by: members[2], members[4])
    let bytes = World.bytes(100_000)
    let id = try world.broadcast(large: bytes, from: members[0], topic: "news", isTagged: true)
    #expect(world.run(10_000) { members.dropFirst().allSatisfy { $0.counters.transfersReceived == 1 } })
    world.run(500)
    for (number, member) in members.enumerated() where number > 0 {
      let isSubscribed = number == 2 || number == 4
      #expect(member.deliveries.count == (isSubscribed ? 1 : 0))
      #expect(member.counters.messagesUnwanted == (isSubscribed ? 0 : 1))
      // It is kept for late neighbours, wanted or not.
      #expect(member.node.transferBytes > bytes.count)
    }
    let delivery = try #require(members[4].deliveries.first)
    #expect(delivery.payload == bytes && delivery.topic == "news" && delivery.isTagged)
    #expect(delivery.sequence == id.sequence && delivery.level == .reliable)
    world.run(60_000)
    #expect(members.dropFirst().allSatisfy { $0.node.transferBytes == 0 })
  }

  @Test("what is sent after a large message comes after it, with losses", arguments: [0, 0.05, 0.2])
  func fifo(loss: Double) throws {
    let world = World()
    let members = try world.cluster(4)
    try world.subscribe("a", by: members[1], members[2])
    var generator = Generator(seed: 11)
    world.isLost = { _ in generator.chance(loss) }
    try world.broadcast("before", from: members[0], topic: "a", order: .fifo)
    try world.broadcast(large: World.bytes(80_000), from: members[0], topic: "a", order: .fifo)
    for number in 0..<5 {
      try world.broadcast("\(number)", from: members[0], topic: "a", order: .fifo)
    }
    try world.broadcast(large: World.bytes(5_000), from: members[0], topic: "a", order: .fifo)
    try world.broadcast("after", from: members[0], topic: "a", order: .fifo)
    try world.broadcast("free", from: members[0])
    #expect(world.run(30_000) { members[1...2].allSatisfy { $0.deliveries.count == 10 } })
    for member in members[1...2] {
      let ordered = member.deliveries.filter { $0.topic == "a" }
      #expect(ordered.map(\.payload.count) == [6, 80_000, 1, 1, 1, 1, 1, 5_000, 5])
      #expect(ordered.map(\.sequence) == ordered.map(\.sequence).sorted())
      #expect(member.orderGaps.isEmpty && member.node.heldBackCount == 0)
    }
    #expect(world.run(30_000) { members[3].texts == ["free"] })
    #expect(members[3].node.heldBackCount == 0 && members[3].counters.messagesUnwanted == 9)
  }

  @Test("a causal message of another member comes after the large one that it had delivered")
  func causal() throws {
    let world = World()
    let members = try world.cluster(3)
    // The third hears of the large message, and gets nothing of it for a while.
    world.isLost = { $0.destination == members[2].endpoint && Self.isFragment($0) }
    try world.broadcast(large: World.bytes(60_000), from: members[0], order: .causal)
    #expect(world.run(10_000) { Self.large(members[1]).count == 1 })
    try world.broadcast("answer", from: members[1], topic: "", order: .causal)
    world.run(3_000)
    #expect(members[2].deliveries.isEmpty && members[2].node.heldBackCount == 2)
    world.isLost = { _ in false }
    #expect(world.run(20_000) { members[2].deliveries.count == 2 })
    #expect(members[2].deliveries.map(\.payload.count) == [60_000, 6])
    #expect(members[2].orderGaps.isEmpty)
  }

  @Test("one that comes late finds a place beside all that wait for it", arguments: [30, 34, 40])
  func lateFirst(count: Int) throws {
    let world = World()
    let members = try world.cluster(2)
    world.run(6_000)
    world.isLost = { $0.destination == members[1].endpoint }
    try world.broadcast(large: World.bytes(3_000), from: members[0], order: .fifo)
    world.run(20)
    world.isLost = { _ in false }
    for _ in 1..<count { try world.broadcast(large: World.bytes(3_000), from: members[0], order: .fifo) }
    #expect(world.run(20_000) { Self.large(members[1]).count == count })
    #expect(members[1].orderGaps.isEmpty && members[1].node.heldBackCount == 0)
    let sequences = members[1].deliveries.map(\.sequence)
    #expect(sequences == sequences.sorted())
  }

  @Test("one that its sender withdraws is not waited for any longer, and that is said")
  func cancelled() throws {
    let world = World()
    let members = try world.cluster(3)
    world.isLost = Self.isFragment
    let id = try world.broadcast(large: World.bytes(60_000), from: members[0], order: .fifo)
    try world.broadcast("after", from: members[0], topic: "", order: .fifo)
    world.run(1_000)
    #expect(members[1].deliveries.isEmpty)
    #expect(world.cancel(id, by: members[0]))
    #expect(world.run(5_000) { members.dropFirst().allSatisfy { $0.texts == ["after"] } })
    for member in members.dropFirst() {
      #expect(member.orderGaps == [[1, id.sequence, 1, id.sequence]])
      #expect(member.updates.contains(.cancelled(id)) && member.node.transferBytes == 0)
      #expect(member.counters.orderGaps == 1 && member.node.heldBackCount == 0)
    }
  }

  @Test("one that fails is not waited for: too long for the receiver, or its content never comes")
  func failed() throws {
    let world = World()
    var configuration = World.small
    configuration.transfers?.patience = .seconds(3)
    let sender = try world.add(1, configuration: configuration)
    let waiting = try world.add(2, configuration: configuration)
    configuration.transfers?.limit = 64 << 10
    let small = try world.add(3, configuration: configuration)
    for member in [sender, waiting, small] { world.join(member, member === sender ? [] : [sender.endpoint]) }
    world.run(2_000)
    world.isLost = Self.isFragment
    let id = try world.broadcast(large: World.bytes(100_000), from: sender, order: .fifo)
    try world.broadcast("after", from: sender, topic: "", order: .fifo)
    #expect(world.run(1_000) { small.texts == ["after"] })
    #expect(small.orderGaps == [[1, id.sequence, 1, id.sequence]])
    #expect(waiting.deliveries.isEmpty)
    #expect(world.run(10_000) { waiting.texts == ["after"] })
    #expect(waiting.orderGaps == [[1, id.sequence, 1, id.sequence]])
    #expect(waiting.updates.last == .failed(id, .unavailable))
  }

  @Test("who has waited too long goes on, and the large message comes late")
  func patience() throws {
    let world = World()
    var configuration = World.small
    configuration.order.patience = .seconds(2)
    let members = try world.cluster(2, configuration: configuration)
    world.isLost = Self.isFragment
    let id = try world.broadcast(large: World.bytes(60_000), from: members[0], order: .causal)
    #expect(world.run(1_000) { members[1].node.heldBackCount == 1 })
    try world.broadcast("after", from: members[0], topic: "", order: .causal)
    #expect(!world.run(900) { members[1].deliveries.count > 0 })
    #expect(world.run(1_500) { members[1].texts == ["after"] })
    #expect(members[1].orderGaps == [[1, id.sequence, 1, id.sequence]])
    world.isLost = { _ in false }
    #expect(world.run(20_000) { members[1].deliveries.count == 2 })
    #expect(Self.large(members[1]).count == 1 && members[1].node.heldBackCount == 0)
  }

  @Test("when the application has no room, a large message waits in its place")
  func noRoom() throws {
    let world = World()
    let sender = try world.add(1)
    let slow = try world.add(2, deliveryMessages: 2)
    world.join(sender, [])
    world.join(slow, [sender.endpoint])
    world.run(1_000)
    slow.takesDeliveries = false
    for number in 1...3 { try world.broadcast("\(number)", from: sender, topic: "", order: .fifo) }
    try world.broadcast(large: World.bytes(50_000), from: sender, order: .fifo)
    try world.broadcast("5", from: sender, topic: "", order: .fifo)
    world.run(5_000)
    #expect(slow.effects.deliveries.count == 2)
    slow.takesDeliveries = true
    world.takeDeliveries(slow)
    slow.node.resumeDelivery(now: world.now)
    #expect(world.run(10_000) { slow.deliveries.count == 5 })
    #expect(slow.deliveries.map(\.payload.count) == [1, 1, 1, 50_000, 1])
    #expect(slow.orderGaps.isEmpty)
  }

  @Test("who subscribes in the middle gets no ordered message out of its place, and is not blocked by it")
  func subscribesLate() throws {
    let world = World()
    let members = try world.cluster(2)
    var isHeldUp = true
    world.isLost = { isHeldUp && Self.isFragment($0) }
    try world.broadcast(large: World.bytes(60_000), from: members[0], topic: "a", order: .fifo)
    world.run(500)
    try world.subscribe("a", by: members[1])
    try world.broadcast("after", from: members[0], topic: "a", order: .fifo)
    #expect(world.run(2_000) { members[1].texts == ["after"] })
    isHeldUp = false
    #expect(world.run(20_000) { members[1].counters.transfersReceived == 1 })
    world.run(1_000)
    #expect(members[1].texts == ["after"] && members[1].orderGaps.isEmpty)
  }

  @Test(
    "what stands in the place of an announcement and is none is dropped, and blocks nothing",
    arguments: [
      [0], [0, 0x20], [0, 0x21, 0, 0, 0, 0, 0, 0, 0, 1], [0, 1, 2, 3], [0, 0x20, 0, 1, 0, 0, 0, 0],
    ] as [[UInt8]])
  func hostile(body: [UInt8]) throws {
    let world = World()
    let members = try world.cluster(2)
    var intruder = try Intruder(66, id: 66, linksWith: members[0], in: world)
    func say(_ sequence: UInt64, _ payload: [UInt8]) {
      intruder.send(
        written { writer in
          GossipHeader(
            origin: 66, level: .reliable, isTagged: true, hops: 1, first: sequence, count: 1
          ).write(to: &writer)
          writer.writeVariable(UInt64(payload.count))
          payload.withUnsafeBytes { writer.write($0) }
        }, in: world)
    }
    let before = members[0].counters.droppedInvalid
    say(1, [0, 0x15, 0] + body)
    #expect(members[0].counters.droppedInvalid == before + 1)
    say(2, [0, 0x14, 2, 0x68, 0x69])
    #expect(members[0].texts == ["hi"] && members[0].node.heldBackCount == 0)
  }

  @Test("a typed message whose tag is empty is no announcement")
  func emptyTag() throws {
    let world = World()
    let members = try world.cluster(2)
    try world.broadcast("\0 \u{10}abcdefghijklm", from: members[0], topic: "", order: .fifo, isTagged: true)
    world.run(200)
    #expect(members[1].deliveries.map(\.isTagged) == [false])
  }

  @Test("who takes no message so long never counts as one that has it")
  func refusedReceipts() throws {
    let world = World()
    var configuration = World.tuples
    let sender = try world.add(1, configuration: configuration)
    let taking = try world.add(2, configuration: configuration)
    configuration.transfers?.limit = 64 << 10
    let small = try world.add(3, configuration: configuration)
    for member in [sender, taking, small] { world.join(member, member === sender ? [] : [sender.endpoint]) }
    world.run(5_000)
    let id = try world.broadcast(large: World.bytes(100_000), from: sender)
    let call = try sender.node.requestReceipts(for: id.sequence, lifetime: .seconds(600), now: world.now)
    world.settle(sender)
    #expect(world.run(10_000) { taking.deliveries.count == 1 })
    world.run(5_000)
    let counts = sender.effects.outcomes.compactMap { outcome in
      if case .receipts(call, let count) = outcome { count } else { nil }
    }
    #expect(counts.last == 1 && !counts.contains(2))
  }

  @Test("who has given a large message up never counts as one that has it")
  func lostReceipts() throws {
    let world = World()
    var configuration = World.tuples
    configuration.transfers?.patience = .seconds(2)
    configuration.transfers?.linger = .seconds(2)
    let members = try world.cluster(3, configuration: configuration)
    world.run(3_000)
    world.isLost = { $0.destination == members[2].endpoint && Self.isFragment($0) }
    let id = try world.broadcast(large: World.bytes(60_000), from: members[0])
    let call = try members[0].node.requestReceipts(
      for: id.sequence, lifetime: .seconds(600), now: world.now)
    world.settle(members[0])
    #expect(world.run(10_000) { members[2].updates.last == .failed(id, .unavailable) })
    world.run(12_000)
    let counts = members[0].effects.outcomes.compactMap { outcome in
      if case .receipts(call, let count) = outcome { count } else { nil }
    }
    #expect(counts.last == 1 && !counts.contains(2))
  }

  @Test("receipts of a large message count who has all of it, and nobody before")
  func receipts() throws {
    let world = World()
    let members = try world.cluster(4, configuration: World.tuples)
    world.run(3_000)
    world.isLost = { $0.destination != members[1].endpoint && Self.isFragment($0) }
    let id = try world.broadcast(large: World.bytes(60_000), from: members[0])
    let call = try members[0].node.requestReceipts(
      for: id.sequence, lifetime: .seconds(600), now: world.now)
    world.settle(members[0])
    func count() -> Int? {
      for case .receipts(call, let count) in members[0].effects.outcomes.reversed() { return count }
      return nil
    }
    #expect(world.run(10_000) { count() == 1 })
    world.run(3_000)
    #expect(count() == 1)
    world.isLost = { _ in false }
    #expect(world.run(30_000) { count() == 3 })
    #expect(members.dropFirst().allSatisfy { $0.counters.transfersReceived == 1 })
  }
}
