import Testing

@testable import GrapevineCore

@Suite("SCAMP: leaving, leases, isolation, indirection")
struct ScampMaintenanceTests {
  @Test("a leaver names its view in turn to all that hold it but c+1", arguments: [0, 1, 2])
  func unsubscription(copies: Int) throws {
    var stage = try ScampStage(scampConfiguration { $0.copies = copies })
    for _ in 0..<3 { try stage.add(isHeld: true) }
    for _ in 0..<4 { try stage.add() }
    let mark = stage.mark
    stage.world.leave(stage.member)
    stage.world.run(3_000)
    var named: [UInt64: Int] = [:]
    for neighbour in stage.neighbours.indices {
      let heard = stage.heard(neighbour, since: mark)
      let replaces = heard.compactMap { message -> Replace? in
        if case .replace(let replace) = message { replace } else { nil }
      }
      #expect(replaces.count <= 1)
      #expect(heard.contains { if case .disconnect = $0 { true } else { false } })
      guard let replace = replaces.first else { continue }
      #expect(replace.substitute != stage.record(neighbour), "nobody is to hold itself")
      named[replace.substitute.id, default: 0] += 1
    }
    #expect(named.values.reduce(0, +) == 7 - copies - 1)
    #expect(Set(named.keys).isSubset(of: [100, 101, 102]))
    #expect((named.values.max() ?? 0) - (named.values.min() ?? 0) <= 2, "in turn")
  }

  @Test("whoever is told so holds the leaver's neighbour in its place")
  func replacement() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    let substitute = ScampStage.stranger(70, lease: 30)
    stage.send(0, .replace(Replace(lease: 30, substitute: substitute.subscriber)), .disconnect([]))
    #expect(stage.member.node.neighbourCount == 0)
    #expect(stage.hasGreeted(World.endpoint(70)))
  }

  @Test("a substitute that is held already is passed on, so that no arc is lost")
  func replacementHeld() throws {
    var stage = try ScampStage()
    try stage.add(isHeld: true)
    try stage.add(isHeld: true)
    try stage.add(isHeld: true)
    let mark = stage.mark
    stage.send(0, .replace(Replace(lease: 0, substitute: stage.record(1))), .disconnect([]))
    #expect(stage.copies(since: mark).map(\.1.subscriber) == [stage.record(1)])
    #expect(stage.member.node.outCount == 2)
  }

  @Test("an arc ends with its lease, and the other end is told")
  func expiry() throws {
    var stage = try ScampStage()
    try stage.add()
    try stage.add(isHeld: true)
    stage.say(0, .subscription(stage.subscription(of: 0, lease: 2), hops: 255))
    let mark = stage.mark
    for _ in 0..<15 {
      for neighbour in 0..<2 { stage.send(neighbour, .acknowledge(highest: 0, count: 0)) }
      stage.world.run(100)
    }
    #expect(stage.member.node.outCount == 2)
    stage.world.run(700)
    #expect(stage.member.node.outNeighbours == [stage.neighbours[1].endpoint])
    #expect(
      stage.heard(0, since: mark).contains {
        if case .scamp(_, .arc(isHeld: false)) = $0 { true } else { false }
      })
  }

  @Test("a member subscribes again shortly before its lease is over, and keeps its view")
  func renewal() throws {
    var stage = try ScampStage(scampConfiguration { $0.lease = .seconds(20) }, contact: true)
    try stage.add(isHeld: true)
    let joined = stage.world.now
    // Its view was empty for a while: it subscribes as a newcomer would, at its neighbour.
    var renewals: [Nanoseconds] = []
    for _ in 0..<60 {
      let mark = stage.mark
      stage.send(0, .acknowledge(highest: 0, count: 0))
      stage.world.run(500)
      for message in stage.heard(0, since: mark) {
        guard case .scamp(let number, let word) = message else { continue }
        stage.send(0, .taken(number))
        if word == .subscribe(.renewal, lease: 20) { renewals.append(stage.world.now.since(joined)) }
      }
    }
    #expect(renewals.isEmpty, "it never subscribed, so nothing is to be renewed")

    let world = World()
    let members = try world.cluster(4, configuration: scampConfiguration { $0.lease = .seconds(20) })
    world.run(14_000 - 2_000)
    #expect(!world.sent.contains { isRenewal($0) })
    world.run(7_000)
    #expect(world.sent.contains { isRenewal($0) })
    world.run(100_000)
    for member in members { #expect(member.node.outCount > 0 && member.node.inCount > 0) }
  }

  private func isRenewal(_ packet: Packet) -> Bool {
    (messages(in: packet.bytes, sender: 1) ?? []).contains { message in
      if case .scamp(_, .subscribe(.renewal, _)) = message { true } else { false }
    }
  }

  @Test("whom nobody holds for too long subscribes again through its view")
  func isolation() throws {
    var stage = try ScampStage(scampConfiguration { $0.isolationTime = .seconds(2) })
    try stage.add(isHeld: true)
    stage.letGo(0)
    let mark = stage.mark
    stage.linger(1_400)
    #expect(!hasSubscribed(0, since: mark, stage))
    stage.linger(1_500)
    #expect(hasSubscribed(0, since: mark, stage))
  }

  private func hasSubscribed(_ neighbour: Int, since mark: Int, _ stage: ScampStage) -> Bool {
    stage.heard(neighbour, since: mark).contains { message in
      if case .scamp(_, .subscribe(.isolated, lease: 0)) = message { true } else { false }
    }
  }

  @Test("a walk leaves along a random arc with its sender's degree, and one step fewer")
  func walkBegins() throws {
    var stage = try ScampStage(scampConfiguration { $0.walkLength = 10 })
    try stage.add(isHeld: true)
    try stage.add()
    let newcomer = try stage.add()
    let mark = stage.mark
    stage.say(newcomer, .subscribe(.newcomer, lease: 0))
    let (next, walk) = try #require(stage.walks(since: mark).first)
    #expect(next != newcomer && walk.steps == 9 && !walk.isBack)
    #expect(walk.degree == 3, "the newcomer's own arc does not count")
    #expect(walk.subscription.purpose == .newcomer)
    #expect(stage.copies(since: mark).isEmpty && stage.walks(since: mark).count == 1)
  }

  @Test("a walk is let in with probability d/d', and what went out in vain comes back for certain")
  func walkAccepted() throws {
    var stage = try ScampStage(scampConfiguration { $0.walkLength = 10 })
    for index in 0..<3 { try stage.add(isHeld: index == 1) }  // Four arcs.
    var (accepted, offered) = (0, 0)
    for _ in 0..<400 {
      let mark = stage.mark
      stage.say(0, .indirect(walk(steps: 5, degree: 1)))
      stage.world.run(5)
      let sent = stage.walks(since: mark).filter { $0.1.steps <= 5 }
      offered += 1
      let isReturned = sent.contains { $0.neighbour == 0 && $0.1.isBack && $0.1.steps == 5 }
      if !isReturned { accepted += 1 }
      for neighbour in 0..<3 {
        stage.send(neighbour, .acknowledge(highest: 0, count: 0))
        confirmAll(neighbour, since: mark, &stage)
      }
    }
    #expect(abs(Double(accepted) / Double(offered) - 0.25) < 0.09, "\(accepted) of \(offered)")
    for isBack in [false, true] {
      let mark = stage.mark
      stage.say(0, .indirect(walk(steps: 5, degree: isBack ? 1 : 4, isBack: isBack)))
      let sent = try #require(stage.walks(since: mark).first)
      #expect(!sent.1.isBack && sent.1.steps == 4)
      #expect(sent.1.degree == 4)
      confirmAll(sent.neighbour, since: mark, &stage)
    }
  }

  @Test("where a walk ends, the subscription is treated, and the contact shows itself to the newcomer")
  func walkEnds() throws {
    var stage = try ScampStage(scampConfiguration { $0.walkLength = 10 })
    try stage.add(isHeld: true)
    try stage.add(isHeld: true)
    let mark = stage.mark
    stage.say(0, .indirect(walk(steps: 0, degree: 100)))
    #expect(stage.copies(since: mark).count == 2)
    #expect(stage.hasGreeted(World.endpoint(80)))
    #expect(stage.member.node.outCount == 2, "it holds nobody new")
  }

  @Test("a newcomer holds its contact, and not who led it there")
  func adoption() throws {
    let world = World()
    let configuration = scampConfiguration { $0.walkLength = 16 }
    let members = try world.cluster(12, configuration: configuration)
    world.run(8_000)
    let founderIn = members[0].node.inCount
    #expect(founderIn < 9, "\(founderIn)")
    for member in members { #expect(member.node.outCount > 0 && member.node.inCount > 0) }
    let arcs = members.map { $0.node.outCount }.reduce(0, +)
    #expect(members.map { $0.node.inCount }.reduce(0, +) == arcs, "both ends know of every arc")
  }

  @Test("when every neighbour is gone, the contacts are asked again")
  func orphan() throws {
    let world = World()
    let configuration = scampConfiguration()
    let members = try world.cluster(3, configuration: configuration)
    world.crash(members[0])
    world.crash(members[1])
    world.run(10_000)
    #expect(members[2].node.neighbourCount == 0)
    let founder = try world.add(1, id: 1_001, configuration: configuration)
    world.join(founder, [])
    world.run(15_000)
    #expect(members[2].node.outCount == 1 && members[2].node.inCount == 1)
  }

  private func walk(steps: UInt8, degree: UInt8, isBack: Bool = false) -> IndirectWalk {
    let subscriber = PeerRecord(id: 80, endpoint: World.endpoint(80))
    return IndirectWalk(
      subscription: Subscription(purpose: .newcomer, lease: 0, subscriber: subscriber), steps: steps,
      degree: degree, isBack: isBack)
  }

  private func confirmAll(_ neighbour: Int, since mark: Int, _ stage: inout ScampStage) {
    for message in stage.heard(neighbour, since: mark) {
      if case .scamp(let number, _) = message { stage.send(neighbour, .taken(number)) }
    }
  }
}
