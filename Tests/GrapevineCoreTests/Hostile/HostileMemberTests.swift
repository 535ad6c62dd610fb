import Testing

@testable import GrapevineCore

@Suite("Hostile members: lies about members")
struct HostileMemberTests {
  @Test("lies about this node are refuted, at a bounded rate")
  func aboutUs() throws {
    let stage = try MemberStage(4)
    stage.pass(1_000)
    let lies: [(UInt64, UInt32) -> WireMessage] = [
      { .suspect($0, $1, by: 9) }, { .failed($0, $1, by: 9) }, { .left($0, $1) },
    ]
    for lie in lies {
      stage.pass(200)
      let before = stage.ownIncarnation
      stage.say(0, lie(stage.own, before))
      #expect(stage.ownIncarnation == before + 1)
    }
    stage.pass(200)
    let (incarnation, refutations) = (stage.ownIncarnation, stage.counters.refutations)
    for round in 0..<1_000 {
      stage.say(round % 4, lies[round % 3](stage.own, stage.ownIncarnation))
      if round % 10 == 0 { stage.pass(5) }
    }
    // In half a second.
    #expect(stage.counters.refutations - refutations <= 6)
    #expect(stage.ownIncarnation - incarnation <= 6)
    stage.pass(500)
    #expect(stage.member.node.lifecycle == .connected)
    #expect(stage.counts.alive == 5)
  }

  @Test("a false announcement in this node's name is refuted, whichever run it says it is of")
  func inOurName() throws {
    let stage = try MemberStage(3) { $0.name = "victim" }
    stage.pass(1_000)
    let own = StableID(name: "victim")
    for (run, number) in [(1, 1), (1, 50), (0, 50), (.max, 50), (.max, 1), (2, 101)] as [(UInt64, Int)] {
      stage.pass(200)
      let incarnation = stage.ownIncarnation
      guard run > 0 else { continue }
      stage.say(0, .alive(AliveRecord(number, run: run, incarnation: incarnation + 3, name: "victim")))
      stage.pass(200)
      #expect(stage.ownIncarnation == incarnation + 4, "run \(run) at \(number)")
      let member = try #require(stage.member.member(own))
      #expect(member.run == stage.member.id && member.endpoint == stage.member.endpoint)
    }
    // Nobody answers there for the name: it stays this node's.
    stage.pass(3_000)
    #expect(stage.member.node.lifecycle == .connected)
    #expect(stage.counters.nameConflicts > 0)
  }

  @Test("incarnations too far ahead are not credible; those at the end of their numbers wrap around")
  func incarnations() throws {
    let stage = try MemberStage(3)
    stage.pass(500)
    let own = stage.ownIncarnation
    for far in [1 << 17, 1 << 31, .max] as [UInt32] {
      stage.say(0, .alive(AliveRecord(102, incarnation: 1 &+ far)))
    }
    #expect(stage.seen(1)?.incarnation == 1)
    #expect(stage.counters.newsIncredible > 0)
    // A member knows itself how far it is, and refutes what it hears of itself however far that is.
    stage.say(
      0, .suspect(stage.own, own &+ 1 << 17, by: 9), .alive(AliveRecord(101, incarnation: 1 &+ 1 << 17)))
    #expect(stage.ownIncarnation == own &+ 1 << 17 &+ 1)
    #expect(stage.seen(0)?.incarnation == 1 &+ 1 << 17)
    stage.say(0, .alive(AliveRecord(101, incarnation: 2 &+ 1 << 17)))
    // In steps that are credible, once around and beyond.
    var incarnation: UInt32 = 1
    for _ in 0..<65_537 {
      incarnation &+= 1 << 16
      let record = AliveRecord(101, incarnation: incarnation)
      stage.member.node.receive(
        memberFrame(bytes(of: [.alive(record)]), id: record.id, run: 101, to: 1).span.bytes,
        from: record.endpoint, now: stage.world.now, into: &stage.member.effects)
    }
    #expect(stage.seen(0)?.incarnation == incarnation)
    stage.played[0].incarnation = incarnation
    stage.say(1, .suspect(stage.played[0].id, incarnation, by: 9))
    stage.played[0].incarnation = incarnation &+ 1
    stage.say(0, .alive(stage.played[0].record))
    #expect(stage.status(0) == .alive)
  }

  @Test("this node's own incarnation passes the end of its numbers")
  func ownWrap() throws {
    let world = World()
    let member = try world.add(1, configuration: World.listing(), knowsAddress: true)
    member.node.recall(MemberSnapshot(incarnation: .max - 1, members: []))
    world.join(member, [])
    #expect(member.node.ownMember?.incarnation == .max)
    let other = try world.add(2, configuration: World.listing())
    world.join(other, [World.endpoint(1)])
    world.run(2_000)
    let own = StableID(address: World.endpoint(1))
    #expect(other.member(own)?.incarnation == .max)
    try member.node.setTags(["a": "b"], now: world.now)
    world.run(1_000)
    #expect(member.node.ownMember?.incarnation == 0)
    #expect(other.member(own)?.incarnation == 0)
    #expect(other.member(own)?.tags == ["a": "b"])
    // A restart that remembers nothing is told how far it was.
    world.crash(other)
    world.run(60_000)
    let again = try world.add(2, id: 22, configuration: World.listing())
    world.join(again, [World.endpoint(1)])
    world.run(2_000)
    #expect(member.node.memberCounts.alive == 2)
  }

  @Test("a member that was driven far ahead by others is found again when it is forgotten")
  func drivenAhead() throws {
    let stage = try MemberStage(3) { $0.memory = .seconds(60) }
    stage.pass(500)
    var incarnation: UInt32 = 1
    for _ in 0..<100 {
      incarnation += 1 << 16
      stage.say(1, .alive(AliveRecord(101, run: 77, incarnation: incarnation)))
    }
    stage.played[0].answers = false
    stage.pass(60_000) { stage.status(0) != .alive }
    stage.pass(130_000) { stage.status(0) == nil }
    #expect(stage.status(0) == nil)
    stage.say(0, .alive(stage.played[0].record))
    #expect(stage.status(0) == .alive)
  }

  @Test("a member that moves or takes a name is followed")
  func moved() throws {
    let stage = try MemberStage(2)
    stage.say(0, .alive(AliveRecord(150, run: 500, incarnation: 1, name: "mover")))
    stage.say(0, .alive(AliveRecord(151, run: 500, incarnation: 2, name: "mover")))
    let mover = try #require(stage.member.member(StableID(name: "mover")))
    #expect(mover.endpoint == World.endpoint(151))
    // With another name it is another member; the one it was fails in its time.
    stage.say(0, .alive(AliveRecord(151, run: 500, incarnation: 3, name: "moved")))
    #expect(stage.counts.alive == 5)
    #expect(stage.counters.nameConflicts == 0)
    stage.pass(120_000) { stage.counts.failed == 2 }
    #expect(stage.counts.failed == 2)
    #expect(stage.counts.alive == 3)
  }

  @Test("thousands of forged members fill the table and no more; real ones are found when those have failed")
  func forged() throws {
    let stage = try MemberStage(3) { rules in
      rules.capacity = 24
      rules.probeInterval = .milliseconds(200)
      rules.probeTimeout = .milliseconds(100)
    }
    stage.pass(1_000)
    for number in 0..<3_000 {
      stage.say(number % 3, .alive(AliveRecord(1_000 + number)))
      #expect(stage.member.node.members.count <= 24)
    }
    #expect(stage.counts.alive == 24)
    #expect(stage.counters.membersRefused == 3_000 - 20)
    for index in 0..<3 { #expect(stage.status(index) == .alive) }
    // A real one that comes now has to wait.
    stage.add(1)
    #expect(stage.status(3) == nil)
    stage.pass(600_000) {
      if stage.status(3) == nil, stage.counts.failed > 0 { stage.say(3, .alive(stage.played[3].record)) }
      return stage.status(3) == .alive && stage.counts.failed == 19
    }
    #expect(stage.status(3) == .alive)
    #expect(stage.counts.failed == 19)
    #expect(stage.counters.membersForgotten == 1)
    for index in 0..<4 { #expect(stage.status(index) == .alive) }
  }

  @Test("forged members over a link are told on, and the table stays within its bounds")
  func forgedOnLink() throws {
    var stage = try Stage(World.listing { $0.capacity = 32 })
    stage.member.node.membership.address = nil
    try stage.add(2)
    stage.send(
      0,
      .claimed(Claimed(id: StableID(address: stage.member.endpoint).value, observed: stage.member.endpoint)))
    let mark = stage.mark
    for number in 0..<2_000 {
      stage.send(0, .alive(AliveRecord(1_000 + number)))
      if number % 100 == 0 { stage.pass(50) }
    }
    stage.pass(500)
    #expect(stage.member.node.members.count == 32)
    #expect(stage.member.counters.membersRefused == 2_000 - 31)
    let told = stage.heard(1, since: mark).filter { if case .alive = $0 { true } else { false } }
    #expect(told.count <= 32 + 1)
    let echoed = stage.heard(0, since: mark).filter { if case .alive = $0 { true } else { false } }
    #expect(echoed.count <= 1)
  }
}
