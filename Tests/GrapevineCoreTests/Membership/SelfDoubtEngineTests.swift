import Testing

@testable import GrapevineCore

@Suite("Members: a node that was stopped or deaf")
struct SelfDoubtEngineTests {
  @Test("whoever was stopped accuses nobody of what it missed", arguments: [2, 10, 300])
  func stopped(seconds: UInt64) throws {
    let stage = try MemberStage(6)
    stage.pass(4_000)
    // A suspect, and a probe under way, as the node stops.
    stage.say(0, .suspect(stage.played[5].id, 1, by: 9))
    stage.member.isRunning = false
    stage.world.run(seconds * 1_000)
    stage.member.isRunning = true
    stage.played[5].refutes = true
    stage.pass(10_000)
    #expect(!stage.changes().contains(.failed))
    #expect(stage.counts.alive == 7)
    if seconds > 30 { #expect(stage.counters.verdictsDiscarded > 0) }
  }

  @Test("who hears nobody accuses nobody for a minute, and then believes it")
  func deaf() throws {
    let stage = try MemberStage(6)
    stage.pass(4_000)
    for index in 0..<6 { stage.played[index].answers = false }
    stage.pass(55_000)
    #expect(!stage.changes().contains(.failed))
    #expect(!stage.changes().contains(.suspected))
    for index in 0..<6 { stage.played[index].answers = true }
    stage.pass(10_000)
    #expect(stage.counts.alive == 7)
    for index in 0..<6 { stage.played[index].answers = false }
    stage.pass(400_000) { stage.counts.failed == 6 }
    #expect(stage.counts.failed == 6)
  }

  @Test("what is said of others while the node is deaf matures only when it hears again")
  func heldBack() throws {
    let stage = try MemberStage(6)
    stage.pass(4_000)
    stage.say(0, .suspect(stage.played[5].id, 1, by: 9))
    for index in 0..<6 { stage.played[index].answers = false }
    stage.pass(40_000)
    #expect(stage.status(5) == .suspect)
    for index in 0..<6 { (stage.played[index].answers, stage.played[index].refutes) = (true, true) }
    stage.pass(15_000)
    #expect(stage.status(5) == .alive)
  }

  @Test("a busy wire is not taken for having been stopped")
  func busy() throws {
    let stage = try MemberStage(6)
    for step in 1...100 {
      stage.pass(300)
      stage.played[step % 6].incarnation += 1
      stage.say(step % 6, .alive(stage.played[step % 6].record))
    }
    #expect(stage.counters.verdictsDiscarded == 0)
    #expect(stage.counters.suspicions == 0)
    #expect((29...31).contains(stage.counters.probes))
  }

  @Test("news that keep coming put off no verdict")
  func chatter() throws {
    let stage = try MemberStage(8)
    stage.pass(1_000)
    stage.played[7].answers = false
    let id = stage.played[7].id
    for accuser in 9...12 as ClosedRange<UInt64> { stage.say(0, .suspect(id, 1, by: accuser)) }
    // 4 log10(9) periods.
    for step in 0..<14 {
      stage.pass(300)
      stage.played[step % 6].incarnation += 1
      stage.say(step % 6, .alive(stage.played[step % 6].record))
    }
    #expect(stage.status(7) == .failed)
  }

  @Test("neighbours that chat about members do not take themselves to have been stopped")
  func news() throws {
    let world = World()
    let members = try world.cluster(4, configuration: World.listing())
    for step in 0..<40 {
      try members[step % 4].node.setTags(["step": "\(step)"], now: world.now)
      world.run(700)
    }
    for member in members {
      #expect(member.counters.verdictsDiscarded == 0)
      #expect(member.counters.suspicions == 0)
      // Whoever takes itself to have been stopped begins another period.
      #expect(member.counters.probes <= 31)
      #expect(member.node.memberCounts.alive == 4)
    }
  }
}
