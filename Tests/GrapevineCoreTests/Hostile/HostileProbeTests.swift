import Testing

@testable import GrapevineCore

@Suite("Hostile members: probes, comparisons and names")
struct HostileProbeTests {
  /// What the node sends to an address in answer to one frame, in bytes.
  private func answer(
    _ stage: MemberStage, _ messages: [WireMessage], from source: Endpoint, run: UInt64 = 666
  ) -> (asked: Int, answered: Int) {
    let frame = memberFrame(bytes(of: messages), id: 5, run: run, to: stage.member.id.value)
    let mark = stage.mark
    stage.world.inject(frame, into: stage.member, from: source)
    let answers = stage.world.sent[mark...].filter { $0.destination == source }
    return (frame.count, answers.map(\.bytes.count).reduce(0, +))
  }

  @Test("strangers get no more than three times what they sent", arguments: [0, 20, 46, 47, 64])
  func amplification(nameLength: Int) throws {
    let name = String(repeating: "n", count: nameLength)
    let stage = try MemberStage(6) { $0.name = name }
    stage.pass(1_000)
    let own = stage.member.node.ownMember?.id.value ?? 0
    let stranger = World.endpoint(200)
    let incarnation = stage.ownIncarnation
    for accusation in [
      [], [.suspect(own, incarnation, by: 1)], [.left(own, incarnation)], [.failed(own, incarnation, by: 1)],
    ] as [[WireMessage]] {
      for count in [1, 2, 10, 200] {
        let pings = (0..<count).map { WireMessage.ping(UInt32($0)) }
        let (asked, answered) = answer(stage, accusation + pings, from: stranger)
        #expect(answered > 0)
        #expect(answered <= 3 * asked, "\(count) after \(accusation)")
      }
    }
  }

  @Test("a known member's frame is answered once, however many questions are in it")
  func manyQuestions() throws {
    let stage = try MemberStage(6)
    stage.pass(1_000)
    let mark = stage.mark
    stage.say(2, body: bytes(of: (0..<150).map { .ping(UInt32($0)) }))
    #expect(
      stage.heard(2, since: mark).filter { if case .pingAnswer = $0 { true } else { false } }.count == 1)
    let next = stage.mark
    stage.say(2, body: bytes(of: (0..<80).map { .pingRequest(UInt32($0), id: stage.played[3].id) }))
    #expect(stage.world.sent[next...].count <= 1)
  }

  @Test("whoever is no member has nobody probed")
  func strangersRequest() throws {
    let stage = try MemberStage(3)
    let mark = stage.mark
    let frame = memberFrame(
      bytes(of: [.pingRequest(1, id: stage.played[0].id)]), id: stage.played[1].id, run: 102, to: 1)
    stage.world.inject(frame, into: stage.member, from: World.endpoint(200))
    #expect(stage.mark == mark)
    #expect(stage.counters.droppedExcess == 1)
    // Nor this node itself, nor somebody unknown.
    stage.say(1, .pingRequest(1, id: stage.own))
    stage.say(1, .pingRequest(1, id: 4_711))
    #expect(stage.counters.droppedExcess == 3)
  }

  @Test("floods of requests are relayed as far as the table goes, and all are over in time")
  func requestFlood() throws {
    let stage = try MemberStage(4)
    stage.pass(500)
    stage.played[0].answers = false
    let mark = stage.mark
    for number in 0..<5_000 {
      stage.say(1 + number % 3, .pingRequest(UInt32(number), id: stage.played[0].id))
    }
    #expect(stage.world.sent[mark...].count <= 64)
    #expect(stage.counters.droppedExcess >= 5_000 - 64)
    stage.pass(2_000)
    // And it still probes, suspects and relays.
    let later = stage.mark
    stage.say(1, .pingRequest(9_999, id: stage.played[2].id))
    stage.pass(50)
    #expect(stage.heard(1, since: later).contains(.pingAnswer(9_999)))
  }

  @Test("answers to nothing change nothing")
  func answersToNothing() throws {
    let stage = try MemberStage(4)
    stage.pass(1_000)
    var generator = Generator(seed: 3)
    let before = (stage.counters.droppedUnproven, stage.counts)
    for number in 0..<2_000 {
      let value = UInt32(truncatingIfNeeded: generator.next())
      stage.say(number % 4, number % 2 == 0 ? .pingAnswer(value) : .pingInVain(value))
    }
    #expect(stage.counters.droppedUnproven == before.0 + 1_000)
    #expect(stage.counts == before.1)
    #expect(stage.member.node.localHealth == 0)
  }

  @Test("frames for another run, another cluster, or damaged ones are dropped")
  func otherReceivers() throws {
    let stage = try MemberStage(2)
    let body = bytes(of: [.alive(AliveRecord(150)), .ping(1)])
    let mark = stage.mark
    let before = stage.counters.droppedChecksum
    stage.world.inject(memberFrame(body, id: 5, run: 6, to: 2), into: stage.member, from: World.endpoint(150))
    stage.world.inject(
      memberFrame(body, id: 5, run: 6, to: 1, cluster: "other"), into: stage.member, from: World.endpoint(150)
    )
    var damaged = memberFrame(body, id: 5, run: 6, to: 1)
    damaged[15] ^= 1
    stage.world.inject(damaged, into: stage.member, from: World.endpoint(150))
    stage.world.inject(Array(damaged[..<20]), into: stage.member, from: World.endpoint(150))
    #expect(stage.counters.droppedChecksum == before + 4)
    #expect(stage.mark == mark)
    #expect(stage.counts.alive == 3)
    // Its own, come back to it.
    stage.world.inject(
      memberFrame(body, id: stage.own, run: 1, to: 1), into: stage.member, from: World.endpoint(1))
    #expect(stage.counters.droppedOwn == 1)
    #expect(stage.counts.alive == 3)
  }

  /// A node with two neighbours by hand that has announced itself.
  private func linked() throws -> Stage {
    var stage = try Stage(World.listing())
    try stage.add(2)
    let own = StableID(address: stage.member.endpoint).value
    stage.send(0, .claimed(Claimed(id: own, observed: stage.member.endpoint)))
    #expect(stage.member.node.ownMember != nil)
    return stage
  }

  @Test("floods of comparisons are answered within a bound")
  func compareFlood() throws {
    var stage = try linked()
    let mark = stage.mark
    for _ in 0..<3_000 { stage.send(0, .compare(bits: 0, first: 0, [1])) }
    let answers = stage.heard(0, since: mark).filter { if case .compared = $0 { true } else { false } }
    #expect(answers.count <= 260)
    #expect(stage.member.counters.droppedExcess >= 3_000 - 260)
  }

  @Test("comparisons out of range are refused")
  func compareRange() throws {
    var stage = try linked()
    let before = stage.member.counters.droppedInvalid
    let mark = stage.mark
    stage.send(0, .compare(bits: 17, first: 0, [1]))
    stage.send(0, .compare(bits: 0, first: 1, [1]))
    stage.send(0, .compare(bits: 3, first: 7, [1, 2]))
    stage.send(0, .compare(bits: 16, first: 1 << 16, [1]))
    stage.send(0, .compare(bits: 16, first: .max, [1]))
    #expect(stage.member.counters.droppedInvalid == before + 5)
    #expect(!stage.heard(0, since: mark).contains { if case .compared = $0 { true } else { false } })
  }

  @Test("a table that nobody asked for fails nobody")
  func contents() throws {
    var stage = try linked()
    stage.send(0, .alive(AliveRecord(150)))
    let id = AliveRecord(150).id
    stage.send(0, .contents, .suspect(id, 1, by: 9), .failed(id, 1, by: 9), .left(id, 1))
    #expect(stage.member.member(StableID(id))?.status == .alive)
    // In the next datagram, news are news again.
    stage.send(0, .left(id, 1))
    #expect(stage.member.member(StableID(id))?.status == .left)
  }

  @Test("comparisons that never end are given up")
  func comparedForEver() throws {
    var stage = try linked()
    var questions = 0
    var mark = 0
    for _ in 0..<600 {
      for neighbour in 0..<2 {
        for case .compare(let bits, let first, let hashes) in stage.heard(neighbour, since: mark) {
          questions += 1
          // As little progress as there can be.
          let next = bits == 0 ? 1 : first + min(1, UInt64(hashes.count))
          stage.send(neighbour, .compared(bits: bits, next: next, members: 1 << 40))
        }
      }
      mark = stage.mark
      stage.pass(100)
      mark = min(mark, stage.mark)
    }
    // A minute: with answers at once, and yet a few hundred questions at most.
    #expect(questions > 5)
    #expect(questions < 3_000)
    #expect(stage.member.node.lifecycle == .connected)
  }

  @Test("comparisons that nobody began are not gone on with")
  func comparedForNothing() throws {
    var stage = try linked()
    stage.pass(60)
    let mark = stage.mark
    for bits in 0...20 as ClosedRange<UInt8> {
      for next in [0, 1, 5, .max] as [UInt64] {
        stage.send(1, .compared(bits: bits, next: next, members: .max))
      }
    }
    let asked = stage.heard(1, since: mark).filter { if case .compare = $0 { true } else { false } }
    #expect(asked.count <= 2)
  }
}
