import Testing

@testable import GrapevineCore

@Suite("Plumtree: which links are of the tree")
struct PlumtreeStateTests {
  private func written(_ tree: inout Plumtree, _ slot: Int, room: Int = 64) -> [UInt8] {
    var counters = Counters()
    var copy = tree
    defer { tree = copy }
    return withUnsafeTemporaryAllocation(byteCount: room, alignment: 8) { memory in
      var writer = Writer(memory)
      copy.write(slot, to: &writer, counters: &counters)
      return Array(writer.written(from: 0))
    }
  }

  @Test("links begin eager, and what a former link in the slot owed is forgotten")
  func fresh() {
    var tree = Plumtree()
    #expect(!tree.isEager(3))
    tree.linkUp(3, isShaped: false)
    #expect(tree.isEager(3) && !tree.isEager(2) && !tree.isEager(64) && !tree.isEager(255))
    tree.prune(3)
    tree.linkUp(3, isShaped: false)
    #expect(tree.isEager(3) && !tree.owes(3))
    tree.linkDown(3)
    #expect(!tree.isEager(3) && tree.eager == 0)
  }

  @Test("a prune makes lazy and is told once; a graft makes eager and is told once")
  func telling() {
    var tree = Plumtree()
    tree.linkUp(0, isShaped: false)
    tree.linkUp(63, isShaped: false)
    tree.prune(63)
    #expect(!tree.isEager(63) && tree.owes(63) && !tree.owes(0))
    #expect(written(&tree, 0) == [])
    #expect(written(&tree, 63) == [MessageKind.prune])
    #expect(!tree.owes(63) && written(&tree, 63) == [])
    tree.graft(63)
    #expect(tree.isEager(63) && tree.owes(63))
    #expect(written(&tree, 63) == [MessageKind.graft])
    #expect(!tree.owes(63))
  }

  @Test("the last word counts: of a prune and a graft before anything was told, one is told")
  func lastWord() {
    var tree = Plumtree()
    tree.linkUp(1, isShaped: false)
    tree.prune(1)
    tree.graft(1)
    #expect(written(&tree, 1) == [MessageKind.graft])
    tree.graft(1)
    tree.prune(1)
    #expect(written(&tree, 1) == [MessageKind.prune] && !tree.isEager(1))
  }

  @Test("what the other end says is not said back, and ends what would contradict it")
  func told() {
    var tree = Plumtree()
    tree.linkUp(1, isShaped: false)
    tree.onPrune(1)
    #expect(!tree.isEager(1) && !tree.owes(1))
    tree.onGraft(1)
    #expect(tree.isEager(1) && !tree.owes(1))
    tree.graft(1)
    tree.onPrune(1)
    #expect(!tree.isEager(1) && !tree.owes(1))
    tree.prune(1)
    tree.onGraft(1)
    #expect(tree.isEager(1) && !tree.owes(1))
  }

  @Test("without room nothing is told, and it is owed still")
  func noRoom() {
    var tree = Plumtree()
    tree.linkUp(1, isShaped: false)
    tree.prune(1)
    #expect(written(&tree, 1, room: 0) == [] && tree.owes(1))
    #expect(written(&tree, 1, room: 1) == [MessageKind.prune])
  }
}

@Suite("Plumtree: a member among neighbours played by hand")
struct PlumtreeStageTests {
  private static let origin: UInt64 = 9

  private func prunes(_ stage: Stage, _ neighbour: Int, since mark: Int = 0) -> Int {
    stage.heard(neighbour, since: mark).count { $0 == .prune }
  }

  private func grafts(_ stage: Stage, _ neighbour: Int, since mark: Int = 0) -> Int {
    stage.heard(neighbour, since: mark).count { $0 == .graft }
  }

  private func isPushed(_ stage: Stage, _ neighbour: Int, since mark: Int) -> Bool {
    stage.heard(neighbour, since: mark).contains { if case .gossip = $0 { true } else { false } }
  }

  private func message(_ sequence: UInt64, hops: UInt8 = 1) -> WireMessage {
    .forwarded(Self.origin, sequence, "\(sequence)", hops: hops)
  }

  /// The first of two neighbours brings what the second then brings again: it becomes lazy.
  private func staged(hops: UInt8 = 1) throws -> Stage {
    var stage = try Stage()
    try stage.add(3)
    stage.send(0, message(1, hops: hops))
    stage.send(1, message(1, hops: hops))
    return stage
  }

  @Test("a duplicate makes its link lazy; the link of the first copy and those that brought none stay eager")
  func duplicate() throws {
    var stage = try staged()
    #expect(prunes(stage, 0) == 0 && prunes(stage, 1) == 1 && prunes(stage, 2) == 0)
    let mark = stage.mark
    stage.send(0, message(2))
    #expect(!isPushed(stage, 0, since: mark) && !isPushed(stage, 1, since: mark))
    #expect(isPushed(stage, 2, since: mark))
  }

  @Test("what we sent ourselves and comes back is a duplicate too")
  func own() throws {
    var stage = try Stage()
    try stage.add(2)
    try stage.world.broadcast("mine", from: stage.member)
    stage.send(1, .forwarded(stage.member.id.value, 1, "mine", hops: 2))
    #expect(prunes(stage, 1) == 1 && prunes(stage, 0) == 0)
  }

  @Test("a duplicate from the parent, or of what was asked for, prunes nothing")
  func noPrune() throws {
    var stage = try staged()
    stage.send(0, message(1))
    #expect(prunes(stage, 0) == 0)
    // Number 3 is missing, and the neighbour that shows it is asked; then it comes twice.
    stage.send(0, message(2), message(4))
    stage.send(2, .digest(asking: false, [.init(Self.origin, floor: 4, available: 4, hops: 2)]))
    var asked: Int?
    for _ in 0..<40 where asked == nil {
      stage.pass(10)
      asked = stage.neighbours.indices.first { neighbour in
        stage.heard(neighbour).contains { if case .request = $0 { true } else { false } }
      }
    }
    let supplier = try #require(asked)
    stage.send(supplier == 0 ? 2 : 0, message(3))
    let mark = stage.mark
    stage.send(supplier, message(3))
    #expect(prunes(stage, supplier, since: mark) == 0)
  }

  @Test("a PRUNE that was lost is repeated when duplicates still come, once per settling time")
  func repeated() throws {
    var stage = try staged()
    var sequence: UInt64 = 1
    for step in 1...20 {
      sequence += 1
      stage.send(0, message(sequence))
      stage.send(1, message(sequence))
      stage.pass(10)
      if step == 8 { #expect(prunes(stage, 1) == 1, "copies were under way") }
    }
    #expect((2...3).contains(prunes(stage, 1)), "\(prunes(stage, 1)) in 200 ms")
    #expect(prunes(stage, 0) == 0)
  }

  @Test("a lazy link that brings a first copy is eager again")
  func firstCopy() throws {
    var stage = try staged()
    stage.pass(200)
    stage.send(1, message(2))
    let mark = stage.mark
    stage.send(2, message(3))
    #expect(isPushed(stage, 1, since: mark))
  }

  @Test("PRUNE ends pushing to whom it came from, GRAFT begins it again")
  func told() throws {
    var stage = try Stage()
    try stage.add(3)
    stage.send(1, .prune)
    var mark = stage.mark
    try stage.world.broadcast("one", from: stage.member)
    #expect(isPushed(stage, 0, since: mark) && !isPushed(stage, 1, since: mark))
    stage.send(1, .graft)
    mark = stage.mark
    try stage.world.broadcast("two", from: stage.member)
    #expect(isPushed(stage, 0, since: mark) && isPushed(stage, 1, since: mark))
  }

  @Test(
    "an announced way replaces the eager one when it is shorter by more than the threshold",
    arguments: [(UInt8(2), true), (3, false), (9, false), (15, false)])
  func optimisation(announced: UInt8, isTaken: Bool) throws {
    // Eager brings messages that have come 10 hops here; the threshold is 7.
    var stage = try staged(hops: 9)
    stage.pass(1_200)
    stage.send(0, message(2, hops: 9))
    let mark = stage.mark
    stage.send(
      1, .digest(asking: false, [.init(Self.origin, floor: 2, available: 2, hops: announced)]))
    stage.pass(100)
    #expect(grafts(stage, 1, since: mark) == (isTaken ? 1 : 0))
    #expect(prunes(stage, 0, since: mark) == (isTaken ? 1 : 0))
    #expect(grafts(stage, 0, since: mark) == 0 && prunes(stage, 1, since: mark) == 0)
  }

  @Test("what only lazy neighbours announce is waited for, then one of them is grafted and asked")
  func graft() throws {
    var stage = try staged()
    stage.pass(1_200)
    let mark = stage.mark
    stage.send(1, .digest(asking: false, [.init(Self.origin, floor: 2, available: 2, hops: 2)]))
    stage.pass(140)
    #expect(grafts(stage, 1, since: mark) == 0)
    stage.pass(40)
    #expect(grafts(stage, 1, since: mark) == 1)
    let requested = stage.heard(1, since: mark).contains { message in
      if case .request(Self.origin, 1, [SequenceRange(first: 2, last: 2)]) = message { true } else { false }
    }
    #expect(requested)
    stage.send(1, message(2))
    #expect(stage.member.texts == ["1", "2"])
  }

  @Test("an eager neighbour that announces what did not come is asked soon, and told once more to push")
  func askEager() throws {
    var stage = try staged()
    stage.pass(1_200)
    let mark = stage.mark
    stage.send(0, .digest(asking: false, [.init(Self.origin, floor: 2, available: 2, hops: 2)]))
    stage.pass(30)
    let requests = stage.heard(0, since: mark).count { if case .request = $0 { true } else { false } }
    #expect(requests == 1)
    #expect(stage.member.counters.graftsSent == 1, "an earlier GRAFT may have been lost")
  }

  @Test("best effort is pushed to lazy neighbours too, and its duplicates prune nobody")
  func bestEffort() throws {
    var stage = try staged()
    stage.pass(200)
    let mark = stage.mark
    let header = GossipHeader(
      origin: Self.origin, level: .bestEffort, isTagged: false, hops: 1, first: 1, count: 1)
    for neighbour in 0..<3 { stage.send(neighbour, .gossip(header, [[1]])) }
    #expect((0..<3).map { isPushed(stage, $0, since: mark) } == [false, true, true])
    stage.pass(200)
    #expect((0..<3).allSatisfy { prunes(stage, $0, since: mark) == 0 })
  }
}

@Suite("Plumtree: conversations")
struct PlumtreeTests {
  private static func full(_ capacity: Int = 12) -> Configuration {
    var configuration = World.small
    configuration.overlay = .full
    configuration.viewCapacity = capacity
    return configuration
  }

  private func copies(_ members: [Member]) -> UInt64 { members.map(\.counters.copiesSent).reduce(0, +) }

  /// A cluster whose tree has been shaped by messages of the first member.
  private func shaped(_ count: Int, _ configuration: Configuration) throws -> (World, [Member]) {
    let world = World()
    let members = try world.cluster(count, configuration: configuration)
    world.run(8_000)
    for number in 0..<2 {
      try world.broadcast("shape \(number)", from: members[0])
      world.run(1_000)
    }
    return (world, members)
  }

  /// Who pushes the first member's messages to another.
  private func parent(of member: Member, in members: [Member]) throws -> Member {
    let place = member.node.dissemination.streams.find(members[0].id.value, .reliable)
    let slot = Int(member.node.dissemination.streams[try #require(place)].parent)
    let endpoint = member.node.view.links[slot].endpoint
    return try #require(members.first { $0.endpoint == endpoint })
  }

  @Test(
    "the first message floods and prunes; then each costs one copy for each member",
    arguments: [false, true])
  func tree(isFull: Bool) throws {
    let world = World()
    let members = try world.cluster(12, configuration: isFull ? Self.full() : World.small)
    world.run(8_000)
    try world.broadcast("first", from: members[0])
    world.run(1_000)
    #expect(copies(members) > 22)
    #expect(members.map(\.counters.prunesSent).reduce(0, +) > 11)
    let before = copies(members)
    for number in UInt64(1)...10 {
      try world.broadcast("\(number)", from: members[0])
      world.run(300)
      // A trade of neighbours may cost a copy or two on the way.
      #expect((11 * number...11 * number + 4).contains(copies(members) - before))
    }
    for member in members[1...] { #expect(member.deliveries.count == 11) }
  }

  @Test("on one shared tree every member's messages cost one copy each")
  func shared() throws {
    let (world, members) = try shaped(10, Self.full())
    for member in members { try world.broadcast("warm", from: member) }
    world.run(2_000)
    let before = copies(members)
    for member in members {
      try world.broadcast("x", from: member)
      world.run(300)
    }
    #expect(copies(members) - before == 90)
  }

  @Test("a push that is lost is asked for, without a change of the tree")
  func lostPush() throws {
    let (world, members) = try shaped(6, Self.full())
    let child = members[3]
    let prunes = members.map(\.counters.prunesSent)
    let eager = members.map { $0.node.dissemination.tree.eager }
    world.isLost = { $0.destination == child.endpoint && $0.carriesGossip }
    try world.broadcast("lost", from: members[0])
    world.run(20)
    world.isLost = { _ in false }
    #expect(world.run(110) { child.texts.last == "lost" })
    #expect(child.counters.requestsSent == 1)
    world.run(2_000)
    #expect(members.map(\.counters.prunesSent) == prunes)
    #expect(members.map { $0.node.dissemination.tree.eager } == eager)
    #expect(members[1...].allSatisfy { $0.counters.deliveries == 3 })
  }

  @Test("a dead tree link is replaced after the graft timeout, and the message comes once")
  func brokenLink() throws {
    let (world, members) = try shaped(6, Self.full())
    let child = members[3]
    let parent = try parent(of: child, in: members)
    #expect(child.counters.graftsSent == 0)
    world.isLost = { $0.source == parent.endpoint && $0.destination == child.endpoint }
    let start = world.now
    try world.broadcast("detour", from: members[0])
    #expect(world.run(500) { child.texts.last == "detour" })
    let milliseconds = world.now.since(start) / World.millisecond
    #expect((150...300).contains(milliseconds), "\(milliseconds) ms")
    #expect(child.counters.graftsSent == 1)
    // The next one comes by the new link, at once.
    try world.broadcast("again", from: members[0])
    #expect(world.run(10) { child.texts.last == "again" })
    world.isLost = { _ in false }
    world.run(3_000)
    #expect(child.texts.count { $0 == "detour" } == 1 && child.counters.deliveries == 4)
  }

  @Test("when an inner member of the tree crashes, whoever hung on it is grafted and misses nothing")
  func crash() throws {
    let (world, members) = try shaped(12, World.small)
    let inner = try #require(members[1...].first { $0.counters.copiesSent > 4 })
    world.crash(inner)
    let rest = members.filter { $0 !== inner }
    for number in 0..<20 {
      try world.broadcast("after \(number)", from: members[0])
      world.run(100)
    }
    world.run(3_000)
    for member in rest[1...] {
      let texts = member.texts.filter { $0.hasPrefix("after") }
      #expect(texts.sorted() == (0..<20).map { "after \($0)" }.sorted())
    }
  }
}
