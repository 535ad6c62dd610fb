import Testing

@testable import GrapevineCore

@Suite("Members: probes and suspicions")
struct MembershipEngineTests {
  private func pings(_ messages: [WireMessage]) -> [UInt32] {
    messages.compactMap { if case .ping(let number) = $0 { number } else { nil } }
  }

  private func requests(_ messages: [WireMessage]) -> [UInt64] {
    messages.compactMap { if case .pingRequest(_, let id) = $0 { id } else { nil } }
  }

  @Test("members that answer are probed once a period, and nobody is accused")
  func quiet() throws {
    let stage = try MemberStage(4)
    stage.pass(40_000)
    #expect((38...41).contains(stage.counters.probes))
    #expect(stage.counters.suspicions == 0)
    #expect(stage.counters.indirectProbes == 0)
    // Nothing happened that says that this node was stopped.
    #expect(stage.counters.verdictsDiscarded == 0)
    for index in 0..<4 { #expect((9...11).contains(pings(stage.heard(index)).count)) }
    #expect(stage.changes() == [.joined, .joined, .joined, .joined])
  }

  @Test("who does not answer is probed by k others, and suspected when the period ends")
  func suspected() throws {
    let stage = try MemberStage(5)
    stage.pass(3_000)
    stage.played[2].answers = false
    let mark = stage.mark
    stage.pass(8_000) { !self.pings(stage.heard(2, since: mark)).isEmpty }
    let pinged = stage.world.now
    stage.pass(2_000) { stage.counters.indirectProbes > 0 }
    #expect(stage.counters.indirectProbes == 3)
    #expect(stage.world.now.since(pinged) <= 520_000_000)
    let helpers = [0, 1, 3, 4].flatMap { requests(stage.heard($0, since: mark)) }
    #expect(helpers == [UInt64](repeating: stage.played[2].id, count: 3))
    #expect(stage.status(2) == .alive)
    stage.pass(2_000) { stage.status(2) == .suspect }
    #expect((900_000_000...1_020_000_000).contains(stage.world.now.since(pinged)))
    #expect(stage.changes(2) == [.joined, .suspected])
    // All who were asked said that they got no answer either: it is not this node that does not hear.
    #expect(stage.member.node.localHealth == 0)
  }

  @Test("a member that some helper reaches is not suspected")
  func reached() throws {
    let stage = try MemberStage(5)
    stage.pass(2_000)
    stage.played[2].hearsUs = false
    stage.pass(20_000)
    #expect(stage.counters.indirectProbes >= 9)
    #expect(stage.counters.probesFailed == 0)
    #expect(stage.status(2) == .alive)
  }

  @Test("helpers that say nothing make the node doubt itself and take more time")
  func health() throws {
    let stage = try MemberStage(5)
    stage.pass(2_000)
    for index in 0..<5 { stage.played[index].sendsNacks = false }
    stage.played[2].answers = false
    for _ in 0..<100 where stage.status(2) == .alive {
      // It does hear somebody.
      stage.say(0, .ping(1))
      stage.pass(100) { stage.status(2) == .suspect }
    }
    #expect(stage.member.node.localHealth >= 2)
    // Answers bring the trust back.
    stage.pass(40_000)
    #expect(stage.member.node.localHealth == 0)
  }

  @Test("a suspect is asked again each period and hears first what is said of it")
  func buddy() throws {
    let stage = try MemberStage(5)
    stage.played[2].answers = false
    stage.pass(20_000) { stage.status(2) == .suspect }
    let mark = stage.mark
    stage.pass(3_500)
    let heard = stage.heard(2, since: mark)
    #expect(pings(heard).count >= 3)
    #expect(heard.first == .suspect(stage.played[2].id, 1, by: stage.own))
    // It answers, and so it can refute at once.
    stage.played[2].answers = true
    stage.played[2].refutes = true
    stage.pass(1_500)
    #expect(stage.status(2) == .alive)
    #expect(stage.seen(2)?.incarnation == 2)
    #expect(stage.changes(2) == [.joined, .suspected, .recovered])
  }

  @Test("a suspicion that nobody shares lasts six times as long as one that three share")
  func confirmations() throws {
    func time(confirmedBy accusers: [UInt64]) throws -> Double {
      let stage = try MemberStage(8)
      stage.pass(1_000)
      stage.played[2].answers = false
      stage.say(0, .suspect(stage.played[2].id, 1, by: 500))
      let start = stage.world.now
      for accuser in accusers { stage.say(0, .suspect(stage.played[2].id, 1, by: accuser)) }
      stage.pass(40_000) { stage.status(2) == .failed }
      return Double(stage.world.now.since(start)) / 1e9
    }
    // 4 log10(9) periods. Its own probes make this node the first to agree.
    #expect(abs(try time(confirmedBy: [501, 502, 503]) - 3.78) < 0.15)
    #expect(abs(try time(confirmedBy: [501, 501, 500]) - (22.7 - 18.9 * 0.79)) < 1)
    #expect(abs(try time(confirmedBy: []) - (22.7 - 18.9 * 0.5)) < 1)
  }

  @Test("what concerns an earlier incarnation is over, and what concerns nobody is ignored")
  func outdated() throws {
    let stage = try MemberStage(4)
    stage.played[1].incarnation = 5
    stage.say(1, .alive(stage.played[1].record))
    let id = stage.played[1].id
    stage.say(
      0, .suspect(id, 4, by: 9), .failed(id, 4, by: 9), .left(id, 4), .alive(AliveRecord(102, incarnation: 4))
    )
    stage.say(0, .suspect(77, 4, by: 9), .failed(78, 4, by: 9), .left(79, 4))
    #expect(stage.status(1) == .alive)
    #expect(stage.seen(1)?.incarnation == 5)
    #expect(stage.counts.alive == 5)
  }

  @Test("a failure that comes as a surprise is a suspicion, however often it is told")
  func surprise() throws {
    let stage = try MemberStage(8)
    stage.pass(500)
    let id = stage.played[3].id
    for _ in 0..<3 { stage.say(0, .failed(id, 1, by: 9), .failed(id, 1, by: 10)) }
    #expect(stage.status(3) == .suspect)
    stage.played[3].incarnation = 2
    stage.say(3, .alive(stage.played[3].record))
    #expect(stage.status(3) == .alive)
    // Nobody refutes: it has failed after the least time of a suspicion.
    stage.played[3].answers = false
    stage.say(0, .failed(id, 2, by: 9))
    let start = stage.world.now
    stage.pass(10_000) { stage.status(3) == .failed }
    #expect(abs(Double(stage.world.now.since(start)) / 1e9 - 3.82) < 0.15)
  }

  @Test("a verdict on a suspicion that had its time is taken at its word")
  func verdict() throws {
    let stage = try MemberStage(8)
    stage.pass(500)
    stage.played[3].answers = false
    let id = stage.played[3].id
    stage.say(0, .suspect(id, 1, by: 9))
    stage.pass(5_000)
    #expect(stage.status(3) == .suspect)
    stage.say(0, .failed(id, 1, by: 9))
    #expect(stage.status(3) == .failed)
    #expect(stage.counters.failuresDeclared == 0)
  }

  @Test("who says goodbye has left at once, and a new run of it joins")
  func left() throws {
    let stage = try MemberStage(4)
    stage.say(1, .left(stage.played[1].id, 1))
    #expect(stage.status(1) == .left)
    #expect(stage.counts.left == 1)
    stage.played[1].incarnation = 2
    stage.played[1].run = 900
    stage.say(1, .alive(stage.played[1].record))
    #expect(stage.changes(1) == [.joined, .left, .joined])
  }

  @Test("a failed member that shows up is asked, refutes and is a member again")
  func back() throws {
    let stage = try MemberStage(8)
    stage.pass(500)
    stage.played[3].answers = false
    stage.pass(60_000) { stage.status(3) == .failed }
    stage.played[3].answers = true
    stage.played[3].refutes = true
    stage.say(3, .ping(4))
    stage.pass(1_000)
    #expect(stage.status(3) == .alive)
    #expect(stage.changes(3) == [.joined, .suspected, .failed, .merged])
  }

  @Test("an answer counts only from whoever was asked")
  func strangersAnswer() throws {
    let stage = try MemberStage(5)
    stage.played[2].answers = false
    let mark = stage.mark
    stage.pass(8_000) { !self.pings(stage.heard(2, since: mark)).isEmpty }
    let number = try #require(pings(stage.heard(2, since: mark)).first)
    let before = stage.counters.droppedUnproven
    for offset in 1...100 as ClosedRange<UInt32> { stage.say(1, .pingAnswer(number &+ offset)) }
    #expect(stage.counters.droppedUnproven == before + 100)
    stage.pass(1_500) { stage.status(2) == .suspect }
    #expect(stage.status(2) == .suspect)
    // The number of a question out of turn is good for the member that was asked.
    let again = stage.mark
    stage.pass(3_000) { !self.pings(stage.heard(2, since: again)).isEmpty }
    let asked = try #require(pings(stage.heard(2, since: again)).first)
    let dropped = stage.counters.droppedUnproven
    stage.say(1, .pingAnswer(asked))
    #expect(stage.counters.droppedUnproven == dropped + 1)
  }
}
