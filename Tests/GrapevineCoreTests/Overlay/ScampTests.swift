import Testing

@testable import GrapevineCore

@Suite("SCAMP: subscriptions and arcs")
struct ScampTests {
  private func members(_ count: Int, _ configuration: Configuration = scampConfiguration()) throws -> World {
    let world = World()
    _ = try world.cluster(count, configuration: configuration)
    return world
  }

  @Test("the founder and its first newcomer hold each other, on one link")
  func first() throws {
    let world = try members(2)
    for member in world.members {
      #expect(member.node.outCount == 1 && member.node.inCount == 1 && member.node.neighbourCount == 1)
      #expect(member.node.lifecycle == .connected)
    }
  }

  @Test("a contact sends a newcomer's subscription to all of its view, and c copies more", arguments: 0...3)
  func contact(copies: Int) throws {
    var stage = try ScampStage(scampConfiguration { $0.copies = copies })
    for _ in 0..<5 { try stage.add(isHeld: true) }
    let newcomer = try stage.add()
    let mark = stage.mark
    stage.say(newcomer, .subscribe(.newcomer, lease: 0))
    let sent = stage.copies(since: mark)
    #expect(sent.count == 5 + copies)
    #expect(Set(sent.map(\.neighbour)) == [0, 1, 2, 3, 4])
    #expect(sent.allSatisfy { $0.1.subscriber == stage.record(newcomer) && $0.hops == 1 })
    #expect(stage.member.node.outCount == 5, "the contact itself keeps no copy")
    #expect(stage.heard(newcomer, since: mark).contains(.scamp(1, .adopt)))
  }

  @Test("a renewal makes no copies beyond the view")
  func renewalCopies() throws {
    var stage = try ScampStage(scampConfiguration { $0.copies = 3 })
    for _ in 0..<4 { try stage.add(isHeld: true) }
    let mark = stage.mark
    stage.say(0, .subscribe(.renewal, lease: 60))
    #expect(stage.copies(since: mark).count == 3, "one to each but the subscriber")
    #expect(stage.copies(since: mark).allSatisfy { $0.1.lease == 60 })
  }

  @Test(
    "a view of v keeps a subscription with probability 1/(1+v)", arguments: [(0, 1.0), (1, 0.5), (3, 0.25)])
  func keeping(view: Int, probability: Double) throws {
    let trials = 120
    var kept = 0
    for trial in 0..<trials {
      let world = World()
      let member = try world.add(1, id: UInt64(trial) + 1_000, configuration: scampConfiguration())
      world.join(member, [])
      var counter: UInt16 = 0
      var source = try Intruder(50, id: 50, linksWith: member, need: .arc, in: world)
      for number in 0..<view {
        let subscriber = 51 + number
        _ = try Intruder(subscriber, id: UInt64(subscriber), linksWith: member, need: .arc, in: world)
        counter += 1
        source.send(.scamp(counter, .subscription(ScampStage.stranger(subscriber), hops: 255)), in: world)
      }
      #expect(member.node.outCount == view)
      let before = member.counters.subscriptionsKept
      source.send(.scamp(counter + 1, .subscription(ScampStage.stranger(60), hops: 1)), in: world)
      kept += Int(member.counters.subscriptionsKept - before)
    }
    let expected = probability * Double(trials)
    let tolerance = 4 * (expected * (1 - probability)).squareRoot()
    #expect(abs(Double(kept) - expected) <= tolerance, "\(kept) of \(trials)")
  }

  @Test("who holds the subscriber already, or is it, sends the copy on; at the last hop it is dropped")
  func notKept() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    try stage.add(isHeld: true)
    let own = Subscription(
      purpose: .renewal, lease: 0, subscriber: PeerRecord(id: 1, endpoint: stage.member.endpoint))
    for subscription in [stage.subscription(of: 0), own] {
      let mark = stage.mark
      stage.say(1, .subscription(subscription, hops: 7))
      #expect(stage.copies(since: mark).map(\.hops) == [8])
      let before = stage.member.counters.subscriptionsDropped
      stage.say(1, .subscription(subscription, hops: 100))
      #expect(stage.member.counters.subscriptionsDropped == before + 1)
    }
    #expect(stage.member.node.outCount == 2)
  }

  @Test("whom it keeps, it greets with an arc; the other end knows then that it is held")
  func greeting() throws {
    let world = World()
    let keeper = try world.add(1, configuration: scampConfiguration())
    let kept = try world.add(2, configuration: scampConfiguration())
    world.join(keeper, [])
    world.join(kept, [])
    var source = try Intruder(50, id: 50, linksWith: keeper, need: .arc, in: world)
    source.send(.scamp(1, .subscription(ScampStage.stranger(2), hops: 255)), in: world)
    world.run(20)
    #expect(keeper.node.outNeighbours == [kept.endpoint])
    #expect(kept.node.inNeighbours == [keeper.endpoint] && kept.node.outCount == 0)
  }

  @Test("two that keep each other at the same moment share one link with both arcs")
  func crossing() throws {
    let world = World()
    let pair = [
      try world.add(1, configuration: scampConfiguration()),
      try world.add(2, configuration: scampConfiguration()),
    ]
    var sources: [Intruder] = []
    for (index, member) in pair.enumerated() {
      world.join(member, [])
      sources.append(
        try Intruder(50 + index, id: UInt64(50 + index), linksWith: member, need: .arc, in: world))
    }
    sources[0].send(.scamp(1, .subscription(ScampStage.stranger(2), hops: 255)), in: world)
    sources[1].send(.scamp(1, .subscription(ScampStage.stranger(1), hops: 255)), in: world)
    world.run(50)
    #expect(pair[0].node.outNeighbours == [pair[1].endpoint])
    #expect(pair[1].node.outNeighbours == [pair[0].endpoint])
    #expect(pair[0].node.inNeighbours.contains(pair[1].endpoint))
    #expect(pair[1].node.inNeighbours.contains(pair[0].endpoint))
  }

  @Test("a link that carries no arc any more is closed; one that carries the other stays")
  func closing() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    try stage.add()
    stage.letGo(0)
    stage.letGo(1)
    stage.linger(1_200)
    #expect(stage.member.node.outNeighbours == [stage.neighbours[0].endpoint])
    #expect(stage.member.node.neighbourCount == 1)
  }

  @Test("an ARC that was overtaken by a later one says nothing")
  func overtaken() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    stage.send(0, .scamp(9, .arc(isHeld: true)))
    stage.send(0, .scamp(8, .arc(isHeld: false)))
    #expect(stage.member.node.inCount == 1)
    stage.send(0, .scamp(10, .arc(isHeld: false)))
    #expect(stage.member.node.inCount == 0)
  }

  @Test("a copy that is not confirmed is sent again; one that comes twice is taken once")
  func errands() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    try stage.add(isHeld: true)
    let (source, mark) = (try stage.add(), stage.mark)
    let copy = ScampMessage.subscription(stage.subscription(of: 0), hops: 3)
    stage.say(source, copy)
    stage.repeatLast(source, copy)
    #expect(stage.copies(since: mark).count == 1)
    let confirmations = stage.heard(at: stage.neighbours[source].endpoint, since: mark)
    #expect(confirmations.filter { $0 == .taken(1) }.count == 2)
    stage.world.run(400)
    let sent = stage.copies(since: mark).count
    #expect(sent >= 2)
    for message in stage.heard(1) {
      if case .scamp(let number, _) = message { stage.send(1, .taken(number)) }
    }
    stage.world.run(400)
    #expect(stage.copies(since: mark).count == sent)
  }

  @Test("a copy on its way over a link that ends goes on to another member of the view")
  func rerouting() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    let other = try stage.add(isHeld: true)
    let subscriber = try stage.add(isHeld: true)
    // Until it is given to the first of the two that are not its subscriber.
    var given = other
    while given != 0 {
      let mark = stage.mark
      stage.say(other, .subscription(stage.subscription(of: subscriber), hops: 3))
      given = try #require(stage.copies(since: mark).first).neighbour
    }
    let mark = stage.mark
    stage.send(0, .disconnect([]))
    stage.world.run(300)
    #expect(stage.copies(since: mark).contains { $0.neighbour == other && $0.hops > 3 })
  }

  @Test("everybody reaches everybody along arcs")
  func connected() throws {
    let world = try members(25, scampConfiguration { $0.copies = 1 })
    let text = try world.broadcast("to all", from: world.members[7])
    world.run(2_000)
    #expect(text == 1)
    for member in world.members where member !== world.members[7] {
      #expect(member.texts == ["to all"])
      #expect(member.node.outCount > 0 && member.node.inCount > 0)
    }
  }
}
