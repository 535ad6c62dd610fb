// What comes late, or from a clock that was wrong: found by the campaign of the simulator.

import Testing

@testable import GrapevineCore

@Suite("Tuples: late news and wrong clocks")
struct TupleLateTests {
  @Test("A removed tuple does not come back with a broadcast that a log repeats to a newcomer")
  func replay() throws {
    let world = World()
    var configuration = World.tuples
    configuration.tuples?.clockSkew = .seconds(1)
    let members = try world.cluster(3, configuration: configuration)
    try world.publish("k", [1], by: members[0])
    world.run(500)
    // The logs still hold both broadcasts when nobody remembers the removal any more.
    try world.remove("k", by: members[1])
    world.run(300_000)
    #expect(members.allSatisfy { $0.node.tombstoneCount == 0 })
    let newcomer = try world.add(9, configuration: configuration)
    world.join(newcomer, [members[0].endpoint])
    world.run(20_000)
    #expect(newcomer.changes.isEmpty)
    #expect((members + [newcomer]).allSatisfy { $0.node.tupleCount == 0 })
  }

  @Test("A tuple that is to be written again and was written over by one that lasts is left alone")
  func writtenOver() throws {
    let world = World()
    let members = try world.cluster(1, configuration: World.tuples)
    try world.publish("k", [1], by: members[0], lifetime: .ephemeral)
    let place = try #require(Array("k".utf8).withUnsafeBytes { members[0].node.tuples.table.find($0) })
    members[0].node.tuples.defend(place)
    let version = try Array("k".utf8).withUnsafeBytes { key in
      try [UInt8(2)].withUnsafeBytes { value in
        try members[0].node.publish(value, at: key, now: world.now, into: &members[0].effects)
      }
    }
    world.run(1_000)
    #expect(Array("k".utf8).withUnsafeBytes { members[0].node.tuple(at: $0)?.version } == version)
  }

  @Test("Who believed to live in the future has not been in touch then")
  func sharedInTheFuture() throws {
    let world = World()
    let members = try world.cluster(2, configuration: World.tuples)
    members[1].clockError = 1_000_000
    try world.publish("k", [1], by: members[0])
    // It takes a while until it is clear that the cluster had not come apart.
    world.run(80_000)
    #expect(members[1].node.tuplesSharedAt.milliseconds > world.timeOfDay(members[0]) + 900_000)
    members[1].clockError = 0
    world.run(20_000)
    #expect(members[1].node.tuplesSharedAt.milliseconds <= world.timeOfDay(members[0]))
  }

  @Test("A tuple that is renewed lasts while its writer is no member")
  func renewedAlone() throws {
    let world = World()
    let members = try world.cluster(2, configuration: World.tuples)
    try world.publish("kept", [2], by: members[1], lifetime: .renewed(every: .seconds(3)))
    world.leave(members[1])
    world.run(20_000)
    #expect(members[0].node.tupleCount == 0)
    #expect(members[1].node.tupleCount == 1)
    world.join(members[1], [members[0].endpoint])
    world.run(5_000)
    #expect(members[0].node.tupleCount == 1)
  }

  @Test("A tuple with time left that cannot be written again does not cost one its life that has none")
  func urgent() throws {
    let world = World()
    let members = try world.cluster(2, configuration: World.tuples)
    try world.publish("long", [1], by: members[0], lifetime: .renewed(every: .seconds(30)))
    world.run(9_500)
    try world.publish("short", [1], by: members[0], lifetime: .renewed(every: .seconds(3)))
    world.run(400)
    // A neighbour that takes nothing holds up all broadcasts, until it is given up after five seconds.
    members[1].takesDeliveries = false
    while (try? world.broadcast(String(repeating: "x", count: 1_000), from: members[0])) != nil {}
    world.run(4_000)
    #expect(members[0].node.neighbourCount == 1)
    #expect(members[0].node.tuples().map(\.key) == [Array("long".utf8), Array("short".utf8)])
  }

  @Test("Who is not told of a member that is gone does not give up what it might bring back")
  func goneMember() throws {
    let world = World()
    let members = try world.cluster(3, configuration: World.tuples)
    try world.publish("k", [1], by: members[0])
    world.run(1_000)
    world.crash(members[2])
    world.run(60_000)
    try world.remove("k", by: members[1])
    world.run(60_000)
    let newcomer = try world.add(9, configuration: World.tuples)
    world.join(newcomer, [members[1].endpoint])
    world.run(600_000)
    #expect(newcomer.node.memberCounts.alive == 3)
    #expect([members[0], members[1], newcomer].allSatisfy { $0.node.tombstoneCount == 1 })
  }

  @Test("What an earlier life of a node dated in the future is its own again, and reaches the others")
  func earlierLife() throws {
    let world = World()
    let members = try world.cluster(1, configuration: World.tuples)
    let returned = try world.add(9, configuration: World.tuples)
    returned.clockError = 1_000_000
    returned.node.setTimeOfDay(milliseconds: world.timeOfDay(returned), now: world.now)
    let version = TupleVersion(
      clock: TupleClock(milliseconds: world.timeOfDay(returned)), writer: MemberID(0x77))
    for (key, isEphemeral) in [("kept", false), ("bound", true)] {
      let tuple = Tuple(
        key: Array(key.utf8), value: [1], version: version, expiresAt: nil, isEphemeral: isEphemeral)
      #expect(
        returned.node.recallTuple(StoredTuple(tuple), now: world.now, into: &returned.effects) as Bool)
    }
    world.join(returned, [members[0].endpoint])
    world.run(20_000)
    #expect(members[0].node.tupleCount == 0)
    returned.clockError = 0
    world.run(20_000)
    #expect(members[0].node.tuples().map(\.key) == [Array("kept".utf8)])
    #expect(members[0].node.tuples().first?.version.writer == returned.id)
    #expect(returned.node.tupleFingerprint == members[0].node.tupleFingerprint)
  }

  @Test("A removal outlives all who knew of one that is away, when they start anew one by one")
  func rollingRestart() throws {
    let world = World()
    let members = try world.cluster(3, configuration: World.tuples)
    try world.publish("k", [1], by: members[0])
    world.run(1_000)
    world.crash(members[2])
    let kept = members[2].node.tuples()
    world.run(60_000)
    let removal = try #require(try world.remove("k", by: members[1]))
    let memory = StoredTuple(Tuple(key: Array("k".utf8), value: [], version: removal), isTombstone: true)
    world.run(5_000)
    var present = Array(members[...1])
    for index in [0, 1] {
      world.crash(present[index])
      let next = try world.add(
        index + 1, id: UInt64(20 + index), configuration: World.tuples)
      next.node.setTimeOfDay(milliseconds: world.timeOfDay(next), now: world.now)
      let isTaken = next.node.recallTuple(memory, now: world.now, into: &next.effects)
      #expect(isTaken)
      world.join(next, [present[1 - index].endpoint])
      present[index] = next
      world.run(30_000)
    }
    world.run(400_000)
    let returned = try world.add(3, id: 33, configuration: World.tuples)
    returned.node.setTimeOfDay(milliseconds: world.timeOfDay(returned), now: world.now)
    for tuple in kept {
      let isTaken = returned.node.recallTuple(StoredTuple(tuple), now: world.now, into: &returned.effects)
      #expect(isTaken)
    }
    world.join(returned, [present[0].endpoint])
    world.run(60_000)
    #expect((present + [returned]).allSatisfy { $0.node.tupleCount == 0 })
  }

  @Test(
    "A renewed tuple lasts as long as its node, also when that stood still for longer than the tuple's time")
  func pause() throws {
    let world = World()
    let members = try world.cluster(2, configuration: World.tuples)
    try world.publish("kept", [1], by: members[0], lifetime: .renewed(every: .seconds(9)))
    try world.publish("first", [1], by: members[0], lifetime: .expires(after: .seconds(2)))
    world.run(1_000)
    members[0].isRunning = false
    world.run(11_000)
    members[0].isRunning = true
    world.run(20_000)
    #expect(members.allSatisfy { $0.node.tuples().map(\.key) == [Array("kept".utf8)] })
  }

  @Test("A renewed tuple that was dated by a clock far ahead keeps its lifetime when that is set right")
  func lifetimeAnew() throws {
    let world = World()
    let members = try world.cluster(2, configuration: World.tuples)
    members[0].clockError = 1_000_000
    try world.publish("k", [1], by: members[0], lifetime: .renewed(every: .seconds(30)))
    world.run(5_000)
    members[0].clockError = 0
    world.run(10_000)
    let ends = members.compactMap { $0.node.tuples().first?.expiresAt }
    #expect(ends.count == 2 && ends.allSatisfy { $0 <= world.timeOfDay(members[1]) + 31_000 })
  }

  @Test("A clock that is set back by mistake does not touch what other members wrote")
  func setBack() throws {
    let world = World()
    let members = try world.cluster(3, configuration: World.tuples)
    try world.publish("k", [1], by: members[0])
    try world.publish("gone", [1], by: members[0])
    world.run(1_000)
    try world.remove("gone", by: members[0])
    world.run(1_000)
    let fingerprint = members[1].node.tupleFingerprint
    members[1].clockError = -1_000_000
    world.run(5_000)
    #expect(members[1].node.tupleFingerprint == fingerprint)
  }
}
