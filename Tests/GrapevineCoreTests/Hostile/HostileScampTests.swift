import Testing

@testable import GrapevineCore

@Suite("SCAMP: what a hostile neighbour cannot do")
struct HostileScampTests {
  private func walk(_ number: Int, steps: UInt8, degree: UInt8 = 128) -> IndirectWalk {
    var subscription = ScampStage.stranger(number)
    subscription.purpose = .newcomer
    return IndirectWalk(subscription: subscription, steps: steps, degree: degree, isBack: false)
  }

  @Test("links are for arcs: another overlay's request, or a contact nobody looked for, is refused")
  func needs() throws {
    let stage = try ScampStage()
    for (number, need) in [(60, LinkNeed.low), (61, .high), (62, .contact)] {
      #expect(throws: IntruderError.notAccepted) {
        try Intruder(number, id: UInt64(number), linksWith: stage.member, need: need, in: stage.world)
      }
    }
    #expect(stage.member.node.neighbourCount == 0)
  }

  @Test("nobody makes itself our contact unasked")
  func adoption() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    try stage.add()
    stage.say(1, .adopt)
    #expect(stage.member.node.outNeighbours == [stage.neighbours[0].endpoint])
    #expect(stage.member.counters.droppedUnproven == 1)
  }

  @Test("REPLACE is about its sender's own place: one that has none, or had one, plants nobody")
  func replacing() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    try stage.add()
    for number in 200..<220 {
      stage.send(1, .replace(Replace(lease: 0, substitute: ScampStage.stranger(number).subscriber)))
      #expect(!stage.hasGreeted(World.endpoint(number)))
    }
    for number in 220..<240 {
      stage.send(0, .replace(Replace(lease: 0, substitute: ScampStage.stranger(number).subscriber)))
      #expect(stage.hasGreeted(World.endpoint(number)) == (number == 220))
    }
    #expect(stage.member.counters.droppedUnproven == 20 + 19)
  }

  @Test("a view holds nobody twice, and never the node itself")
  func twice() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    for _ in 0..<20 {
      stage.say(0, .subscription(stage.subscription(of: 0), hops: 255))
      // Our own id elsewhere, a neighbour's id elsewhere, another id at a neighbour's address.
      for record in [
        PeerRecord(id: 1, endpoint: World.endpoint(77)), PeerRecord(id: 100, endpoint: World.endpoint(78)),
        PeerRecord(id: 5, endpoint: stage.neighbours[0].endpoint),
      ] {
        let subscription = Subscription(purpose: .renewal, lease: 0, subscriber: record)
        stage.say(0, .subscription(subscription, hops: 255))
        stage.send(0, .replace(Replace(lease: 0, substitute: record)))
        stage.say(0, .subscription(stage.subscription(of: 0), hops: 255))
      }
    }
    #expect(stage.member.node.outCount <= 1)
    #expect(!stage.hasGreeted(World.endpoint(77)))
  }

  @Test("numbers that no configuration has are refused as a whole")
  func absurd() throws {
    var stage = try ScampStage(scampConfiguration { $0.walkLength = 8 })
    try stage.add(isHeld: true)
    try stage.add(isHeld: true)
    let record = written { stage.record(1).write(to: &$0) }
    let lease = written { $0.writeVariable(Subscription.leaseLimit + 1) }
    let bodies: [[UInt8]] = [
      [0x38, 0, 1, 3, 0],  // Purpose.
      [0x38, 0, 2, 0] + lease,
      [0x39, 0, 3, 0, 0] + record + [65, 1, 0],  // Steps.
      [0x39, 0, 4, 0, 0] + record + [1, 0, 0],  // Degree.
      [0x39, 0, 5, 0, 0] + record + [1, 129, 0],
      [0x39, 0, 6, 0, 0] + record + [1, 1, 2],  // Flag.
      [0x3a, 0, 7] + lease + record + [1],
      [0x3b, 0, 8, 2],
      [0x3d] + lease + record,
      [0x3f, 0, 9],
    ]
    for (index, body) in bodies.enumerated() {
      let (sent, before) = (stage.mark, stage.member.counters.droppedInvalid)
      stage.send(0, .acknowledge(highest: 0, count: 0))
      var intruder = stage.neighbours[0]
      intruder.send(body, in: stage.world)
      #expect(stage.member.counters.droppedInvalid == before + 1, "body \(index)")
      #expect(stage.mark == sent, "body \(index)")
    }
  }

  @Test("a flood of subscriptions on one link makes as many copies as one subscription a second would")
  func subscribing() throws {
    var stage = try ScampStage()
    for _ in 0..<4 { try stage.add(isHeld: true) }
    let mark = stage.mark
    for _ in 0..<2_000 { stage.say(0, .subscribe(.isolated, lease: 0)) }
    #expect(stage.copies(since: mark).count == 3)
    #expect(stage.member.counters.droppedExcess == 1_999)
  }

  @Test("a flood of walks that end here is bounded for the node, however many links they come on")
  func walking() throws {
    var configuration = scampConfiguration { $0.walkLength = 8 }
    configuration.viewCapacity = 20
    var stage = try ScampStage(configuration)
    for _ in 0..<10 { try stage.add(isHeld: true) }
    let mark = stage.mark
    for round in 0..<200 {
      for neighbour in 0..<10 {
        stage.say(neighbour, .indirect(walk(1_000 + round * 10 + neighbour, steps: 0)))
      }
    }
    // 129 at once, ten copies each; the driver's buffer may hold fewer.
    #expect(stage.copies(since: mark).count <= 129 * 10)
    #expect(stage.member.counters.droppedExcess > 1_500)
    #expect(stage.member.node.view.links.occupied.nonzeroBitCount <= 24)
    #expect(stage.member.node.view.errands.count <= stage.member.node.configuration.errandCapacity)
    #expect(stage.member.node.neighbourCount <= 20)
  }

  @Test("a walk goes no further than our own walks, whatever it claims")
  func longWalk() throws {
    var stage = try ScampStage(scampConfiguration { $0.walkLength = 5 })
    try stage.add()
    let mark = stage.mark
    stage.say(0, .indirect(walk(80, steps: 64)))
    #expect(stage.walks(since: mark).map(\.1.steps) == [4])
  }

  @Test("a full view forwards what it would keep, and never has more links than it may")
  func full() throws {
    var configuration = scampConfiguration()
    configuration.viewCapacity = 8
    var stage = try ScampStage(configuration)
    for _ in 0..<8 { try stage.add(isHeld: true) }
    let mark = stage.mark
    for number in 300..<330 { stage.say(0, .subscription(ScampStage.stranger(number), hops: 1)) }
    #expect(stage.copies(since: mark).count == 30)
    #expect(stage.member.counters.subscriptionsTurnedAway > 0)
    #expect(stage.member.node.outCount == 8)
    #expect(throws: IntruderError.notAccepted) {
      try Intruder(60, id: 60, linksWith: stage.member, need: .arc, in: stage.world)
    }
  }

  @Test("subscribers that are not there take no slot for long, and no room is lost to them")
  func unreachable() throws {
    var configuration = scampConfiguration()
    configuration.viewCapacity = 8
    var stage = try ScampStage(configuration)
    try stage.add(isHeld: true)
    for number in 300..<400 { stage.say(0, .subscription(ScampStage.stranger(number), hops: 255)) }
    #expect(stage.member.node.view.links.occupied.nonzeroBitCount <= 8)
    for _ in 0..<40 {
      stage.send(0, .acknowledge(highest: 0, count: 0))
      stage.world.run(500)
    }
    #expect(stage.member.node.outCount == 1)
    #expect(stage.member.node.view.links.occupied.nonzeroBitCount <= 2, "one at a time is tried again")
  }

  @Test("errands that are never confirmed end, and are counted")
  func unconfirmed() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    try stage.add(isHeld: true)
    for _ in 0..<120 { stage.say(0, .subscription(stage.subscription(of: 0), hops: 1)) }
    #expect(stage.member.node.view.errands.count > 100)
    for _ in 0..<60 {
      for neighbour in 0..<2 { stage.send(neighbour, .acknowledge(highest: 0, count: 0)) }
      stage.world.run(200)
    }
    #expect(stage.member.node.view.errands.count == 0)
    #expect(stage.member.counters.subscriptionsDropped >= 100)
  }

  @Test("an arc that is claimed and denied over and over is one arc")
  func flapping() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    for round in 0..<1_000 { stage.say(0, .arc(isHeld: round % 2 == 0)) }
    #expect(stage.member.node.inCount <= 1 && stage.member.node.neighbourCount == 1)
    #expect(stage.member.counters.droppedExcess > 800)
  }

  @Test("any bytes on a link, whole or cut short, are a value and never a trap", arguments: 1...8)
  func anything(seed: Int) throws {
    var generator = Generator(seed: UInt64(seed))
    var stage = try ScampStage(
      scampConfiguration { ($0.walkLength, $0.lease) = (4, .seconds(5)) }, contact: true)
    for index in 0..<4 { try stage.add(isHeld: index % 2 == 0) }
    for round in 0..<800 {
      let neighbour = generator.below(4)
      let record = written {
        PeerRecord(
          id: generator.next() % 8 + 98, endpoint: World.endpoint(98 + generator.below(40))
        ).write(to: &$0)
      }
      var body: [UInt8] = [0x38 + UInt8(generator.below(8)), UInt8(generator.below(3)), UInt8(round & 255)]
      for _ in 0..<generator.below(4) { body.append(UInt8(generator.below(130))) }
      body += record + (0..<4).map { _ in UInt8(generator.below(256)) }
      body.removeLast(generator.below(body.count))
      var intruder = stage.neighbours[neighbour]
      stage.send(neighbour, .acknowledge(highest: 0, count: 0))
      intruder.send(body, in: stage.world)
      if round % 10 == 0 { stage.world.run(50) }
    }
    let view = stage.member.node.configuration
    #expect(stage.member.node.neighbourCount <= view.viewCapacity)
    #expect(stage.member.node.view.errands.count <= view.errandCapacity)
    let isBounded = stage.member.node.view.outArcs & ~stage.member.node.view.up == 0
    #expect(isBounded)
  }

  @Test("an errand's number is new once, also across the wrap, and not when it is too old to tell")
  func numbers() {
    for start in [0, 65_500] {
      var link = Link()
      link.errandHighest = UInt16(start)
      for step in 1...100 {
        let number = UInt16(truncatingIfNeeded: start + step)
        #expect(link.isNewErrand(number))
        link.didReceiveErrand(number)
        #expect(!link.isNewErrand(number))
      }
      let last = UInt16(truncatingIfNeeded: start + 100)
      link.didReceiveErrand(last &+ 5)
      #expect(link.isNewErrand(last &+ 4) && !link.isNewErrand(last) && !link.isNewErrand(last &- 70))
      link.didReceiveErrand(last &+ 5 &+ 0x7000)
      #expect(!link.isNewErrand(last &+ 4), "the other end is long past it")
    }
  }
}
