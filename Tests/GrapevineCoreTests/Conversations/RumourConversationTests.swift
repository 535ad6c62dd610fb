import Testing

@testable import GrapevineCore

@Suite("Rumours between nodes: every member gets every message, most of them as rumours")
struct RumourConversationTests {
  /// Rules of a spread of kinds, with a cycle of 10 ms for 8 members: repair begins after 60 ms.
  static let rules: [RumourRules] = RumourRules.Exchange.allCases.flatMap { exchange in
    [true, false].flatMap { feedback in
      [RumourRules.Removal.counter(2), .coin(2)].map { removal in
        var rules = RumourRules(exchange, feedback: feedback, removal: removal)
        rules.cycle = .milliseconds(10)
        rules.clusterSize = 8
        return rules
      }
    }
  }.filter { (try? $0.validate()) != nil }

  private func configuration(_ rules: RumourRules) -> Configuration {
    var configuration = World.small
    configuration.broadcast = .rumour(rules)
    return configuration
  }

  private static func rules(_ exchange: RumourRules.Exchange, _ k: Int = 3) -> RumourRules {
    var rules = RumourRules(exchange, removal: .counter(k))
    rules.cycle = .milliseconds(10)
    rules.clusterSize = 8
    return rules
  }

  @Test("20 % loss: everything arrives everywhere, once", arguments: rules)
  func lossy(rules: RumourRules) throws {
    let world = World()
    let members = try world.cluster(8, configuration: configuration(rules))
    var generator = Generator(seed: 4)
    world.isLost = { _ in generator.chance(0.2) }
    for number in 0..<40 {
      try world.broadcast("\(number)", from: members[number % 8])
      world.run(7)
    }
    #expect(world.run(30_000) { members.allSatisfy { $0.deliveries.count == 35 } })
    world.isLost = { _ in false }
    world.run(2_000)
    for member in members {
      #expect(member.deliveries.count == 35 && Set(member.deliveries).count == 35)
      #expect(member.gaps.isEmpty)
      #expect(member.counters.droppedInvalid == 0)
    }
  }

  @Test(
    "without loss hardly anything is left to repair",
    arguments: RumourRules.Exchange.allCases)
  func mostly(exchange: RumourRules.Exchange) throws {
    let world = World()
    let members = try world.cluster(8, configuration: configuration(Self.rules(exchange)))
    for number in 0..<80 {
      try world.broadcast("\(number)", from: members[number % 8])
      world.run(5)
    }
    #expect(world.run(5_000) { members.allSatisfy { $0.deliveries.count == 70 } })
    let repairs = members.reduce(0) { $0 + $1.counters.repairs }
    #expect(repairs < 56, "\(repairs) of 560")
    let copies = members.reduce(0) { $0 + $1.counters.copiesSent }
    // Push sends until it is needless; who may decline sends little more than what is needed.
    #expect(copies < (exchange == .pushThenPull ? 2 : 5) * 560, "\(copies) for 560")
  }

  @Test("a rumour takes cycles, not the digests' time")
  func timing() throws {
    let world = World()
    var slow = Self.rules(.push)
    slow.cycle = .milliseconds(100)
    let members = try world.cluster(2, configuration: configuration(slow))
    try world.broadcast("soon", from: members[0])
    #expect(world.run(102) { members[1].texts == ["soon"] })
    #expect(members[0].counters.repairs == 0)
  }

  @Test("idle members that push say nothing of rumours; those that pull ask once a cycle")
  func idle() throws {
    for exchange in [RumourRules.Exchange.push, .pull] {
      let world = World()
      let members = try world.cluster(3, configuration: configuration(Self.rules(exchange)))
      try world.broadcast("x", from: members[0])
      world.run(2_000)
      let before = members[1].counters.rumourQuestions
      let marker = world.sent.count
      world.run(1_000)
      let asked = members[1].counters.rumourQuestions - before
      #expect(exchange == .push ? asked == 0 : (95...101).contains(asked))
      if exchange == .push { #expect(world.sent.count - marker < 60) }
    }
  }

  @Test("what repair brings late goes on as a rumour, and who comes late gets the log")
  func lateJoiner() throws {
    let world = World()
    let members = try world.cluster(3, configuration: configuration(Self.rules(.push, 1)))
    for number in 1...100 {
      try world.broadcast("\(number)", from: members[number % 3])
      world.run(5)
    }
    let late = try world.add(4, configuration: configuration(Self.rules(.push, 1)))
    world.join(late, [members[0].endpoint])
    #expect(world.run(5_000) { late.deliveries.count == 100 })
    #expect(Set(late.texts).count == 100 && late.gaps.isEmpty)
  }

  @Test("a member that leaves hands over what it just said, in well under a cycle")
  func leaving() throws {
    var rules = Self.rules(.pushThenPull)
    rules.cycle = .seconds(1)
    let world = World()
    let members = try world.cluster(3, configuration: configuration(rules))
    for number in 1...50 { try world.broadcast("\(number)", from: members[1]) }
    world.leave(members[1])
    #expect(world.run(100) { members[0].deliveries.count == 50 && members[2].deliveries.count == 50 })
    #expect(world.run(3_000) { members[1].node.lifecycle == .disconnected })
  }

  @Test("best-effort messages travel at once, and are no rumours")
  func bestEffort() throws {
    let world = World()
    let members = try world.cluster(4, configuration: configuration(Self.rules(.push)))
    try world.broadcast("now", from: members[0], level: .bestEffort)
    #expect(world.run(4) { members[1...].allSatisfy { $0.texts == ["now"] } })
    let hot = members[0].node.dissemination.rumours.hotCount
    #expect(hot == 0)
  }

  @Test("more rumours than there is room for: the oldest go to repair, and all arrive")
  func displaced() throws {
    var configuration = configuration(Self.rules(.push, 64))
    configuration.logMessages = 64
    let world = World()
    let members = try world.cluster(4, configuration: configuration)
    for number in 0..<300 {
      while (try? world.broadcast("\(number)", from: members[0])) == nil { world.run(5) }
    }
    #expect(world.run(20_000) { members[1...].allSatisfy { $0.deliveries.count == 300 } })
    #expect(members.contains { $0.counters.rumoursDisplaced > 0 })
    #expect(members.allSatisfy { $0.node.dissemination.rumours.table.count <= 64 && $0.gaps.isEmpty })
  }

  @Test("verdicts and questions are not understood where messages do not travel as rumours")
  func otherStrategies() throws {
    let world = World()
    let members = try world.cluster(1)
    var intruder = try Intruder(9, id: 9, linksWith: members[0], in: world)
    let before = members[0].counters.droppedInvalid
    intruder.send(.rumourPull([]), in: world)
    intruder.send(.rumourFeedback([]), in: world)
    #expect(members[0].counters.droppedInvalid == before + 2)
  }

  @Test("a neighbour that claims to have everything, or to need everything, harms nobody else")
  func hostile() throws {
    for isNeeded in [false, true] {
      let world = World()
      let members = try world.cluster(3, configuration: configuration(Self.rules(.pushPull)))
      var intruder = try Intruder(9, id: 9, linksWith: members[0], in: world)
      for number in 1...30 as ClosedRange<UInt64> {
        try world.broadcast("\(number)", from: members[0])
        let run = RumourRun(origin: members[0].id.value, first: 1, length: number)
        intruder.send(
          .rumourFeedback([RumourVerdict(run: run, isNeeded: isNeeded)]), .rumourPull([run]), in: world)
        world.run(10)
      }
      #expect(world.run(3_000) { members[1].deliveries.count == 30 && members[2].deliveries.count == 30 })
    }
  }

  @Test("the memory bound counts the rumours")
  func memory() {
    var configuration = Configuration()
    let without = configuration.memoryBound
    configuration.broadcast = .rumour(RumourRules())
    #expect(configuration.memoryBound > without + 4_096 * MemoryLayout<Rumour>.stride)
    var wrong = RumourRules()
    wrong.removal = .coin(0)
    configuration.broadcast = .rumour(wrong)
    #expect(throws: ConfigurationError.self) { try configuration.validate() }
  }
}
