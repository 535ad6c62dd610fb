import Testing

@testable import GrapevineCore

@Suite("Neighbours that withhold, spin and stall: what they cannot do")
struct WithholdingTests {
  @Test("a parent that announces and never sends is not asked alone")
  func parent() throws {
    var stage = try Stage()
    try stage.add(3)
    stage.pass(300)
    // A tree is shaped: neighbour 0 is the only eager one.
    stage.send(0, .forwarded(77, 1, "a", hops: 1))
    for neighbour in 1...2 { stage.send(neighbour, .prune) }
    stage.pass(1_500)
    let mark = stage.mark
    // All announce five messages, 0 from nearest; it never sends what it is asked for.
    for _ in 0..<10 {
      for neighbour in 0...2 {
        let hops: UInt8 = neighbour == 0 ? 0 : 5
        stage.send(
          neighbour, .digest(asking: false, [.init(77, floor: 5, available: 5, hops: hops)]))
      }
      stage.pass(500)
    }
    let asked = (0...2).map { neighbour in
      stage.heard(neighbour, since: mark).count { if case .request = $0 { true } else { false } }
    }
    #expect(asked[1] + asked[2] >= asked[0], "\(asked)")
  }

  @Test("probes by the ten thousand make no deadline that is always past")
  func probes() throws {
    var stage = try Stage()
    try stage.add(1)
    stage.pass(300)
    let member = stage.member
    var left = 65_536
    var number: UInt16 = 1_000
    while left > 0 {
      let count = min(left, 1_190)
      left -= count
      let frame = linkFrame(
        [UInt8](repeating: MessageKind.probe, count: count), number: number,
        key: stage.neighbours[0].sendKey)
      member.node.receive(
        frame.span.bytes, from: stage.neighbours[0].endpoint, now: stage.world.now, into: &member.effects)
      number += 1
    }
    var turns = 0
    while member.node.nextDeadline <= stage.world.now, turns < 100 {
      member.node.advance(now: stage.world.now, into: &member.effects)
      _ = member.node.flush(now: stage.world.now, into: &member.effects)
      member.effects.removeDatagrams()
      turns += 1
    }
    #expect(turns <= 2, "\(turns) turns without rest")
  }

  @Test("requests for what is not there are looked up so often and no more")
  func requests() throws {
    var stage = try Stage(Configuration())
    try stage.add(1)
    stage.pass(300)
    stage.send(0, .forwarded(77, 5, "x", hops: 1))
    let ranges = (0..<32).map { step -> WireMessage in
      let first = UInt64(6 + step)
      return .request(origin: 77, floor: 0, [SequenceRange(first: first, last: 8_100 + first)])
    }
    stage.send(0, body: bytes(of: ranges))
    let left = stage.member.node.dissemination.states[stage.member.node.view.up.trailingZeroBitCount]
      .repairCount
    #expect(left == 0, "what was asked for in vain is forgotten")
  }

  @Test("a member of a full view that said goodbye is asked again")
  func goodbye() throws {
    var configuration = World.small
    configuration.overlay = .full
    configuration.viewCapacity = 20
    var stage = try Stage(configuration)
    try stage.add(1)
    stage.pass(300)
    let mark = stage.mark
    stage.send(0, .disconnect([]))
    stage.world.run(10_000)
    #expect(!stage.greetings(since: mark).isEmpty)
  }

  @Test("walks to many addresses displace the youngest neighbour only, and seldom")
  func eclipse() throws {
    var stage = try Stage()
    for _ in 0..<5 {
      try stage.add()
      stage.pass(300)
    }
    for second in 0..<20 {
      for step in 0..<10 {
        let number = 100 + second * 10 + step
        stage.send(0, .forwardJoin(ForwardJoin(ttl: 0, newcomer: Stage.stranger(number), isRescue: true)))
        for endpoint in stage.greetings() where endpoint == World.endpoint(number) {
          _ = try stage.accept(number)
        }
        stage.pass(100, silent: [])
      }
    }
    #expect(stage.linked.filter { $0 < 5 } == [0, 1, 2, 3], "\(stage.linked)")
  }
}
