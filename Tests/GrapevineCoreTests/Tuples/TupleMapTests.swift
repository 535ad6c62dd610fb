// The map of tuples between a few members: written, overwritten, removed, compared, streamed.

import Testing

@testable import GrapevineCore

extension Member {
  func text(_ key: String) -> String? {
    Array(key.utf8).withUnsafeBytes { node.tuple(at: $0) }.map { String(decoding: $0.value, as: UTF8.self) }
  }

  var tuples: [String: [UInt8]] {
    Dictionary(
      uniqueKeysWithValues: node.tuples().map { (String(decoding: $0.key, as: UTF8.self), $0.value) })
  }
}

@Suite("The map of tuples")
struct TupleMapTests {
  private func cluster(_ count: Int, _ change: (inout Configuration) -> Void = { _ in }) throws -> (
    World, [Member]
  ) {
    let world = World()
    var configuration = World.tuples
    change(&configuration)
    return (world, try world.cluster(count, configuration: configuration))
  }

  /// Publishes as fast as neighbours take it.
  private func fill(_ count: Int, _ value: [UInt8], _ member: Member, _ world: World) throws {
    for index in 0..<count {
      try world.publish("key/\(index)", value, by: member)
      if index % 100 == 99 { world.run(200) }
    }
    world.run(500)
  }

  private func areEqual(_ members: [Member]) -> Bool {
    members.allSatisfy {
      $0.node.tupleFingerprint == members[0].node.tupleFingerprint && $0.tuples == members[0].tuples
    }
  }

  @Test("A tuple written at one member is at all, and so is its removal")
  func spread() throws {
    let (world, members) = try cluster(4)
    try world.publish("service/web", Array("10.0.0.4:80".utf8), by: members[2])
    world.run(100)
    #expect(members.allSatisfy { $0.text("service/web") == "10.0.0.4:80" })
    try world.publish("service/web", Array("10.0.0.5:80".utf8), by: members[0])
    world.run(100)
    #expect(members.allSatisfy { $0.text("service/web") == "10.0.0.5:80" })
    try world.remove("service/web", by: members[3])
    world.run(100)
    #expect(members.allSatisfy { $0.text("service/web") == nil && $0.node.tupleCount == 0 })
    #expect(areEqual(members))
    #expect(members.allSatisfy { $0.changes.map(\.record.kind) == [.published, .published, .removed] })
  }

  @Test("Writes of one key at once end with one value everywhere")
  func conflict() throws {
    let (world, members) = try cluster(5)
    for (index, member) in members.enumerated() { try world.publish("k", [UInt8(index)], by: member) }
    world.run(200)
    #expect(areEqual(members))
    #expect(members[0].tuples["k"] == [4])
  }

  @Test("A newcomer gets a large map in one stream, from one of its neighbours")
  func newcomer() throws {
    let (world, members) = try cluster(2)
    try fill(3_000, Array(repeating: 7, count: 32), members[0], world)
    let newcomer = try world.add(9, configuration: World.tuples)
    world.join(newcomer, [members[0].endpoint])
    world.run(1_500)
    #expect(newcomer.node.tupleCount == 3_000)
    #expect(areEqual([members[0], members[1], newcomer]))
    // What the log still has comes as messages too.
    #expect(newcomer.counters.tuplesStale <= 1_024)
    #expect(members[0].counters.tupleStreams + members[1].counters.tupleStreams == 1)
  }

  @Test("A few differences between large maps cost a few symbols, and a tuple each", arguments: [0.0, 0.3])
  func difference(loss: Double) throws {
    let (world, members) = try cluster(2) { $0.tuples?.syncInterval = .seconds(2) }
    try fill(2_000, [1, 2, 3], members[0], world)
    world.isLost = { _ in true }
    world.crash(members[1])
    for index in 0..<20 { try world.publish("key/\(index * 7)", [9], by: members[0]) }
    let other = try world.add(9, configuration: members[0].node.configuration)
    other.node.setTimeOfDay(milliseconds: world.timeOfDay(other), now: world.now)
    for tuple in members[1].node.tuples() {
      #expect(other.node.recallTuple(StoredTuple(tuple), now: world.now, into: &other.effects))
    }
    try world.publish("only/here", [5], by: other)
    var generator = Generator(seed: 5)
    world.isLost = { _ in generator.chance(loss) }
    world.join(other, [members[0].endpoint])
    world.run(loss == 0 ? 2_000 : 20_000)
    #expect(areEqual([members[0], other]))
    #expect(members[0].tuples["only/here"] == [5])
    #expect(members[0].counters.tupleStreams + other.counters.tupleStreams == 0)
    if loss == 0 {
      #expect(members[0].counters.symbolsReceived + other.counters.symbolsReceived <= 100)
      #expect(members[0].counters.tuplesRepaired + other.counters.tuplesRepaired == 21)
    }
  }

  @Test("A value of 64 KiB reaches everybody", arguments: [0.0, 0.1])
  func longValue(loss: Double) throws {
    let (world, members) = try cluster(4)
    var generator = Generator(seed: 11)
    world.isLost = { _ in generator.chance(loss) }
    let value = (0..<65_536).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 8) }
    try world.publish("long", value, by: members[1])
    world.run(loss == 0 ? 2_000 : 20_000)
    #expect(members.allSatisfy { $0.tuples["long"] == value })
  }

  @Test("Tuples expire everywhere, and those that are renewed do not while their writer runs")
  func expiry() throws {
    let (world, members) = try cluster(3)
    try world.publish("once", [1], by: members[0], lifetime: .expires(after: .seconds(3)))
    try world.publish("kept", [2], by: members[1], lifetime: .renewed(every: .seconds(3)))
    world.run(2_900)
    #expect(members.allSatisfy { $0.tuples.count == 2 })
    world.run(200)
    #expect(members.allSatisfy { $0.tuples == ["kept": [2]] })
    world.run(20_000)
    #expect(members.allSatisfy { $0.tuples == ["kept": [2]] })
    world.crash(members[1])
    world.run(3_100)
    #expect(members[0].tuples.isEmpty && members[2].tuples.isEmpty)
    #expect(members[0].changes.last?.record.kind == .expired)
  }

  @Test("Ephemeral tuples vanish with their writer and come back with it")
  func ephemeral() throws {
    let (world, members) = try cluster(4)
    try world.publish("mine", [1], by: members[3], lifetime: .ephemeral)
    world.run(500)
    #expect(members.allSatisfy { $0.tuples.count == 1 })
    // Cut off, and back before it is given up for good.
    world.isLost = { $0.source == members[3].endpoint || $0.destination == members[3].endpoint }
    world.run(30_000)
    #expect(members[0].tuples.isEmpty && members[1].tuples.isEmpty)
    #expect(members[3].tuples.count == 1)
    world.isLost = { _ in false }
    world.run(60_000)
    #expect(members.allSatisfy { $0.tuples == ["mine": [1]] })
    world.crash(members[3])
    world.run(120_000)
    let rest = Array(members[0...2])
    #expect(rest.allSatisfy { $0.tuples.isEmpty && $0.node.tombstoneCount == 1 })
    #expect(areEqual(rest))
  }

  @Test("The memory of a removal is given up when all members have it")
  func stability() throws {
    let (world, members) = try cluster(3)
    try world.publish("k", [1], by: members[0])
    world.run(100)
    try world.remove("k", by: members[1])
    world.run(1_000)
    #expect(members.allSatisfy { $0.node.tombstoneCount == 1 })
    world.run(260_000)
    #expect(members.allSatisfy { $0.node.tombstoneCount == 0 })
  }

  @Test(
    "Whoever comes back from beyond the horizon takes the others' map; without the rule it does not",
    arguments: [true, false])
  func horizon(yields: Bool) throws {
    let (world, members) = try cluster(4) {
      if !yields { $0.ablations = .yielding }
      $0.tuples?.horizon = .seconds(120)
      $0.tuples?.clockSkew = .seconds(1)
      $0.tuples?.syncInterval = .seconds(2)
    }
    for index in 0..<50 { try world.publish("old/\(index)", [1], by: members[0]) }
    world.run(30_000)
    world.isLost = { $0.source == members[3].endpoint || $0.destination == members[3].endpoint }
    world.run(30_000)
    for index in 0..<25 { try world.remove("old/\(index)", by: members[1]) }
    try world.publish("new/alone", [2], by: members[3])
    world.run(300_000)
    #expect(members[0].node.tombstoneCount == 0)
    #expect(members[3].node.tupleCount == 51)
    world.isLost = { _ in false }
    world.run(120_000)
    #expect(areEqual(members))
    #expect(members[0].tuples.count == (yields ? 26 : 51))
    #expect(members[0].tuples["new/alone"] == [2])
  }

  @Test("A clock that is far ahead owns no key, and is set right without a restart")
  func farFuture() throws {
    let (world, members) = try cluster(3)
    members[0].clockError = 100 * 365 * 86_400_000
    try world.publish("k", [1], by: members[0])
    world.run(30_000)
    #expect(members[1].tuples.isEmpty && members[1].counters.tuplesRefusedClock > 0)
    try world.publish("k", [2], by: members[1])
    world.run(1_000)
    #expect(members[2].tuples["k"] == [2])
    members[0].clockError = 0
    world.run(30_000)
    #expect(members.allSatisfy { $0.tuples["k"] == [2] })
    try world.publish("k", [3], by: members[0])
    world.run(1_000)
    #expect(members.allSatisfy { $0.tuples["k"] == [3] })
  }

  @Test("Conditions hold for what the writer knows")
  func conditions() throws {
    let (world, members) = try cluster(2)
    let first = try world.publish("k", [1], by: members[0], if: .ifAbsent)
    #expect(throws: TupleError.conditionFailed(present: first)) {
      try world.publish("k", [2], by: members[0], if: .ifAbsent)
    }
    let second = try world.publish("k", [2], by: members[0], if: .ifVersion(first))
    #expect(throws: TupleError.conditionFailed(present: second)) {
      try world.remove("k", by: members[0], if: .ifVersion(first))
    }
    try world.remove("k", by: members[0], if: .ifVersion(second))
    #expect(throws: TupleError.conditionFailed(present: nil)) {
      try world.publish("k", [2], by: members[0], if: .ifVersion(second))
    }
  }
}
