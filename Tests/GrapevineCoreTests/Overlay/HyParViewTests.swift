import Testing

@testable import GrapevineCore

@Suite("HyParView: walks, places and replacements")
struct HyParViewTests {
  private static let newcomer = Stage.stranger(50)

  @Test("a JOIN is told to every other neighbour, with six hops to live")
  func join() throws {
    var stage = try Stage()
    try stage.add(3)
    let mark = stage.mark
    try stage.add(need: .join)
    let walks = stage.walks(since: mark)
    #expect(walks.map(\.neighbour) == [0, 1, 2])
    #expect(walks.allSatisfy { $0.1 == ForwardJoin(ttl: 6, newcomer: stage.record(3)) })
    #expect(stage.linked == [0, 1, 2, 3])
  }

  @Test("a NEIGHBOR is told to nobody", arguments: [LinkNeed.low, .high])
  func neighbour(need: LinkNeed) throws {
    var stage = try Stage()
    try stage.add(3)
    let mark = stage.mark
    try stage.add(need: need)
    #expect(stage.walks(since: mark).isEmpty)
  }

  @Test("a full view takes a JOIN in: its youngest neighbour goes, the others are told")
  func joinAtFullView() throws {
    var stage = try Stage()
    for _ in 0..<5 {
      try stage.add()
      stage.pass(100)
    }
    let mark = stage.mark
    try stage.add(need: .join)
    #expect(stage.walks(since: mark).map(\.neighbour) == [0, 1, 2, 3])
    #expect(stage.linked == [0, 1, 2, 3, 5])
    let goodbye = stage.heard(4, since: mark).contains { if case .disconnect = $0 { true } else { false } }
    #expect(goodbye)
  }

  @Test(
    "a walk goes on to one other neighbour with a hop less, and is remembered at three hops",
    arguments: 1...6 as ClosedRange<UInt8>)
  func walk(ttl: UInt8) throws {
    var stage = try Stage()
    try stage.add(4)
    let mark = stage.mark
    stage.send(1, .forwardJoin(ForwardJoin(ttl: ttl, newcomer: Self.newcomer)))
    let walks = stage.walks(since: mark)
    #expect(walks.count == 1 && walks[0].neighbour != 1)
    #expect(walks.first?.1 == ForwardJoin(ttl: ttl - 1, newcomer: Self.newcomer))
    #expect(stage.knows(Self.newcomer) == (ttl == 3))
  }

  @Test("a walk ends after its hops: the newcomer is greeted, with low priority")
  func walkEnds() throws {
    var stage = try Stage()
    try stage.add(3)
    let mark = stage.mark
    stage.send(1, .forwardJoin(ForwardJoin(ttl: 0, newcomer: Self.newcomer)))
    #expect(stage.walks(since: mark).isEmpty)
    #expect(stage.greetings(since: mark) == [Self.newcomer.endpoint])
    #expect(try stage.accept(50) == .low)
    #expect(stage.member.node.neighbourCount == 4)
  }

  @Test("with one neighbour a walk ends wherever it is", arguments: [1, 3, 6] as [UInt8])
  func lonely(ttl: UInt8) throws {
    var stage = try Stage()
    try stage.add()
    let mark = stage.mark
    stage.send(0, .forwardJoin(ForwardJoin(ttl: ttl, newcomer: Self.newcomer)))
    #expect(stage.greetings(since: mark) == [Self.newcomer.endpoint])
    #expect(stage.walks(since: mark).isEmpty)
  }

  @Test("a walk does not go to the newcomer itself")
  func notToNewcomer() throws {
    var stage = try Stage()
    try stage.add(3)
    for _ in 0..<20 {
      let mark = stage.mark
      stage.send(0, .forwardJoin(ForwardJoin(ttl: 5, newcomer: stage.record(1))))
      #expect(stage.walks(since: mark).map(\.neighbour) == [2])
    }
  }

  @Test("a full view at which a walk ends takes the newcomer in and gives another up, once a pause")
  func walkEndsAtFullView() throws {
    var stage = try Stage()
    try stage.add(5)
    let mark = stage.mark
    for number in 50..<60 {
      stage.send(0, .forwardJoin(ForwardJoin(ttl: 0, newcomer: Stage.stranger(number))))
    }
    #expect(stage.greetings(since: mark) == [World.endpoint(50), World.endpoint(51)])
    #expect((52..<60).allSatisfy { stage.knows(Stage.stranger($0)) })
    _ = try stage.accept(50)
    #expect(stage.member.node.neighbourCount == 5 && stage.linked.count == 4)
    stage.send(stage.linked[0], .forwardJoin(ForwardJoin(ttl: 0, newcomer: Stage.stranger(60))))
    #expect(!stage.greetings(since: mark).contains(World.endpoint(60)))
    stage.pass(10_000)
    stage.send(stage.linked[0], .forwardJoin(ForwardJoin(ttl: 0, newcomer: Stage.stranger(61))))
    #expect(stage.greetings(since: mark).contains(World.endpoint(61)))
  }

  @Test("low priority at a full view is refused, and others are named to turn to")
  func full() throws {
    var stage = try Stage()
    try stage.add(5)
    guard case .refuse(let answer, let records) = try stage.ask(50, .low) else {
      Issue.record("it was accepted")
      return
    }
    #expect(answer.detail == UInt64(RefusalReason.full.rawValue))
    #expect(!records.isEmpty && records.count <= PeerRecord.countLimit)
    #expect(stage.linked == [0, 1, 2, 3, 4])
  }

  @Test("who refuses while neighbours are silent checks them, and has room for a second try")
  func checking() throws {
    var stage = try Stage()
    try stage.add(5)
    stage.pass(300, silent: [3, 4])
    let mark = stage.mark
    #expect(try stage.refusal(50, .low) == .checking)
    for neighbour in 0..<5 {
      #expect(stage.heard(neighbour, since: mark).contains(.probe) == (neighbour > 2), "\(neighbour)")
    }
    stage.pass(600, silent: [3, 4])
    #expect(stage.linked == [0, 1, 2])
    #expect(try stage.refusal(50, .low) == nil)
  }

  @Test("those who answer the check stay")
  func checked() throws {
    var stage = try Stage()
    try stage.add(5)
    stage.world.run(300)
    #expect(try stage.refusal(50, .low) == .checking)
    stage.pass(600)
    #expect(stage.linked == [0, 1, 2, 3, 4])
    #expect(try stage.refusal(50, .low) == .full)
  }

  @Test("high priority in numbers displaces its own kind, and one of the others at most")
  func high() throws {
    var stage = try Stage()
    for _ in 0..<5 {
      try stage.add()
      stage.pass(300)
    }
    for number in 0..<40 {
      try stage.add(need: number % 2 == 0 ? .high : .join)
      stage.world.run(10)
    }
    #expect(stage.linked == [0, 1, 2, 3, 44])
  }

  @Test("two neighbours that have been there for a while are not displaced within the pause")
  func pause() throws {
    var stage = try Stage()
    try stage.add(5)
    stage.pass(300)
    // A walk that ends here costs others nothing.
    stage.send(0, .forwardJoin(ForwardJoin(ttl: 0, newcomer: Self.newcomer)))
    #expect(try stage.refusal(51, .high) == nil)
    #expect(stage.linked.count == 4)
    stage.pass(300)
    #expect(try stage.refusal(52, .high) == nil)
    stage.pass(300)
    #expect(try stage.refusal(53, .high) == nil)
  }

  @Test("lost neighbours are replaced out of the passive view, several asked at once")
  func replacement() throws {
    var stage = try Stage()
    try stage.add(5)
    stage.send(0, .sample((60..<68).map(Stage.stranger)))
    stage.pass(100)
    let mark = stage.mark
    for neighbour in 2..<5 { stage.send(neighbour, .disconnect([])) }
    stage.world.run(60)
    let greeted = Set(stage.greetings(since: mark))
    #expect(greeted.count == 3, "as many as there are places")
    #expect(greeted.isSubset(of: Set((60..<68).map(World.endpoint))))
    let numbers = (60..<68).filter { greeted.contains(World.endpoint($0)) }
    for number in numbers { #expect(try stage.accept(number, since: mark) == .low) }
    stage.pass(100)
    #expect(stage.member.node.neighbourCount == 5)
    #expect(Set(stage.greetings(since: mark)).count == 3, "nobody else is asked")
  }

  @Test("candidates that are dead are given up and others asked, until one is there")
  func deadCandidates() throws {
    var stage = try Stage()
    try stage.add(5)
    stage.send(0, .sample((60..<68).map(Stage.stranger)))
    let mark = stage.mark
    stage.send(4, .disconnect([]))
    var accepted = false
    for _ in 0..<200 where !accepted {
      stage.pass(50)
      guard stage.greetings(since: mark).contains(World.endpoint(67)) else { continue }
      _ = try stage.accept(67, since: mark)
      accepted = true
    }
    #expect(accepted && stage.member.node.neighbourCount == 5)
  }

  @Test("with both views dead the contacts are asked again, as often as is decent, and one brings it back")
  func rejoin() throws {
    var stage = try Stage(contacts: [90, 91])
    stage.world.run(1)
    _ = try stage.accept(stage.greetings().first == World.endpoint(90) ? 90 : 91)
    try stage.add(4)
    stage.send(0, .sample((60..<68).map(Stage.stranger)))
    // Everybody falls silent.
    stage.world.run(60_000)
    #expect(stage.member.node.neighbourCount == 0)
    let mark = stage.mark
    stage.world.run(30_000)
    let greetings = stage.greetings(since: mark)
    for contact in [90, 91] {
      #expect(greetings.contains(World.endpoint(contact)), "\(contact)")
    }
    #expect(greetings.count < 300, "\(greetings.count) in 30 s")
    let later = stage.mark
    let isAsked = stage.world.run(20_000) { stage.greetings(since: later).contains(World.endpoint(91)) }
    #expect(isAsked)
    #expect(try stage.accept(91, since: later) == .high)
    #expect(stage.member.node.neighbourCount == 1)
  }
}

@Suite("HyParView: shuffles")
struct ShuffleTests {
  private static let records = (60..<67).map(Stage.stranger)

  private func reply(_ nonce: UInt64, _ numbers: ClosedRange<Int>) -> [UInt8] {
    openFrame(
      bytes(of: [.shuffleReply(ShuffleReply(nonce: nonce, sender: 80), numbers.map(Stage.stranger))]))
  }

  @Test("a shuffle walks on unchanged, with its origin as its first receiver saw it")
  func walks() throws {
    var stage = try Stage()
    try stage.add(3)
    let mark = stage.mark
    let shuffle = Shuffle(hops: 0, ttl: 5, nonce: 9, origin: PeerRecord(id: 100, endpoint: .zero))
    stage.send(0, .shuffle(shuffle, Self.records))
    let onward = stage.shuffles(since: mark)
    #expect(onward.count == 1 && onward[0].neighbour != 0)
    #expect(onward.first?.1 == Shuffle(hops: 1, ttl: 4, nonce: 9, origin: stage.record(0)))
    #expect(onward.first?.2 == Self.records)
    #expect(!stage.knows(Self.records[0]), "it is mixed in where it ends")
  }

  @Test("where a shuffle ends it is mixed in, and its origin is told as many members as it told")
  func ends() throws {
    var stage = try Stage()
    try stage.add(3)
    stage.send(1, .sample((70..<78).map(Stage.stranger)))
    let mark = stage.mark
    let origin = Stage.stranger(55)
    stage.send(0, .shuffle(Shuffle(hops: 4, ttl: 0, nonce: 9, origin: origin), Array(Self.records.prefix(4))))
    #expect(stage.shuffles(since: mark).isEmpty)
    #expect(stage.knows(origin) && Self.records.prefix(4).allSatisfy(stage.knows))
    guard case .shuffleReply(let reply, let records)? = stage.heard(at: origin.endpoint, since: mark).first
    else {
      Issue.record("no reply")
      return
    }
    #expect(reply == ShuffleReply(nonce: 9, sender: stage.member.id.value))
    #expect(records.count == 4 && records.allSatisfy { (70..<78).contains(Int($0.id)) })
  }

  @Test("the reply to our own shuffle is remembered once, and no other")
  func reply() throws {
    var stage = try Stage()
    try stage.add(5)
    stage.pass(4_000)
    let (_, shuffle, _) = try #require(stage.shuffles().last)
    #expect(shuffle.hops == 0 && shuffle.ttl == 6 && shuffle.nonce != 0)
    let before = stage.member.counters.droppedUnproven
    let source = World.endpoint(80)
    for nonce in [0, 1, shuffle.nonce &+ 2, ~shuffle.nonce] {
      stage.world.inject(reply(nonce, 60...63), into: stage.member, from: source)
    }
    #expect(stage.member.node.knownCount == 0)
    #expect(stage.member.counters.droppedUnproven == before + 4)
    stage.world.inject(reply(shuffle.nonce, 64...67), into: stage.member, from: source)
    #expect((64...67).allSatisfy { stage.knows(Stage.stranger($0)) })
    stage.world.inject(reply(shuffle.nonce, 70...73), into: stage.member, from: source)
    #expect(stage.member.node.knownCount == 4)
    #expect(stage.member.counters.droppedUnproven == before + 5)
  }

  @Test("shuffles teach members that were never told of each other")
  func cluster() throws {
    let world = World()
    var configuration = World.small
    configuration.viewTarget = 3
    configuration.viewCapacity = 3
    configuration.shuffleInterval = .seconds(1)
    let members = try world.cluster(16, configuration: configuration)
    world.run(20_000)
    #expect(members.allSatisfy { $0.node.knownCount >= 8 }, "\(members.map { $0.node.knownCount })")
    #expect(members.allSatisfy { $0.node.neighbourCount <= 3 })
  }
}
