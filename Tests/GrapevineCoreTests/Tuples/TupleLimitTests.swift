import Testing

@testable import GrapevineCore

@Suite("The map of tuples at its limits", .serialized)
struct TupleLimitTests {
  @Test("a full map refuses what is new and counts it; removals go on, and make room once they are known")
  func capacity() throws {
    var siege = try TupleSiege { $0.tuples?.capacity = 16 }
    let world = siege.world
    siege.liar.intruder.send(
      .records((0..<40).map { WireRecord(siege.tuple("liar/\($0)", [1])) }), in: world)
    #expect(siege.victim.node.tupleCount == 16 && siege.victim.counters.tuplesRefusedFull == 24)
    #expect(throws: TupleError.full) { try world.publish("new", [1], by: siege.victim) }
    try world.publish("liar/3", [2], by: siege.victim)
    siege.liar.linger(5_000, in: world)
    siege.liar.intruder.send(.disconnect([]), in: world)
    for number in 0..<8 { try world.remove("liar/\(number)", by: siege.members[number % 2]) }
    world.run(5_000)
    #expect(siege.members.allSatisfy { $0.node.tupleCount == 8 && $0.node.tombstoneCount == 8 })
    #expect(throws: TupleError.full) { try world.publish("new", [1], by: siege.victim) }
    world.run(260_000)
    #expect(siege.members.allSatisfy { $0.node.tombstoneCount == 0 })
    try siege.expectHonestMaps()
  }

  @Test("a map that is full by bytes refuses long values and takes removals")
  func bytes() throws {
    var siege = try TupleSiege {
      $0.tuples?.bytes = 64 << 10
      $0.tuples?.valueLimit = 8_000
    }
    let world = siege.world
    var written = 0
    #expect(throws: TupleError.full) {
      for number in 0..<100 {
        try world.publish("long/\(number)", [UInt8](repeating: 7, count: 7_900), by: siege.victim)
        written += 1
        world.run(1_000)
      }
    }
    #expect(written == 8)
    siege.liar = try TupleLiar(67, linksWith: siege.victim, in: world)
    siege.liar.intruder.send(
      .records([WireRecord(siege.tuple("liar", [UInt8](repeating: 1, count: 5_000)))]), in: world)
    #expect(siege.victim.counters.tuplesRefusedFull == 1)
    try world.remove("long/3", by: siege.members[1])
    world.run(1_000)
    // The memory of a removal has no value.
    try world.publish("again", [UInt8](repeating: 7, count: 7_000), by: siege.victim)
    siege.liar.linger(3_000, in: world)
    #expect(siege.members.allSatisfy { $0.node.tupleCount == 8 })
    try siege.expectHonestMaps()
  }

  @Test("a buffer of changes that is full defers what comes, and nothing is missing in the end")
  func changeBuffer() throws {
    let siege = try TupleSiege(tuples: 500)
    let world = siege.world
    let newcomer = try world.add(9, configuration: siege.victim.node.configuration)
    newcomer.effects = Effects(
      datagrams: DatagramBuffer(datagrams: 64, datagramLimit: 1_200),
      deliveries: DeliveryBuffer(messages: 64), changes: ChangeBuffer(changes: 3, bytes: 1 << 10))
    world.join(newcomer, [siege.members[1].endpoint])
    world.run(120_000)
    #expect(newcomer.node.tupleFingerprint == siege.victim.node.tupleFingerprint)
    #expect(newcomer.tuples == siege.victim.tuples && newcomer.tuples.count == 500)
    // Every one was told once.
    #expect(newcomer.changes.count { $0.record.isTold } == 500)
  }

  @Test("two versions of one clock and writer, with different values, come to one everywhere")
  func equalVersions() throws {
    for length in [1, 3_000] {
      let siege = try TupleSiege(3)
      let world = siege.world
      var first = siege.tuple("k", [UInt8](repeating: 1, count: length))
      var second = first
      second.value = [UInt8](repeating: 2, count: length)
      if first.hash > second.hash { swap(&first, &second) }
      // Each is given one, as if it were from a store; the greater hash counts, whoever had it.
      for (member, tuple) in zip(siege.members, [second, first, first]) {
        let taken = tuple.withRecord { record in
          var counters = Counters()
          return member.node.tuples.take(
            record, now: world.now, counters: &counters, into: &member.effects.changes)
        }
        #expect(taken == .taken)
      }
      world.run(40_000)
      #expect(siege.members.allSatisfy { $0.tuples["k"] == second.value }, "\(length) bytes")
      try siege.expectHonestMaps()
    }
  }

  @Test("two keys made to have one hash: all else is compared all the same, and the comparisons end")
  func equalHashes() throws {
    let siege = try TupleSiege(tuples: 100) { $0.tuples?.symbolLimit = 256 }
    let (world, victim) = (siege.world, siege.victim)
    for number in 0..<2 as Range<UInt8> {
      siege.tuple("twin/\(number)", [number]).withRecord { record in
        let keyHash = victim.node.tuples.table.keyHash(record.key)
        victim.node.tuples.put(record, 0x7777_7777_7777_7777, keyHash, at: nil)
      }
    }
    let (before, streams) = (siege.members.map(\.counters.tupleSyncs), victim.counters.tupleStreams)
    world.run(20_000)
    let after = siege.members.map(\.counters.tupleSyncs)
    #expect(zip(before, after).allSatisfy { $1 - $0 <= 20 })
    #expect(victim.counters.tupleStreams - streams <= 10)
    #expect(siege.members[1].tuples.count { $0.key.hasPrefix("key/") } == 100)
    try world.publish("else", [5], by: victim)
    world.run(1_000)
    #expect(siege.members[1].tuples["else"] == [5])
  }

  @Test("ephemeral tuples of more writers than are waited for are all given up")
  func ghosts() throws {
    var siege = try TupleSiege { $0.tuples?.ephemeralGrace = .seconds(2) }
    let world = siege.world
    for number in 0..<400 {
      var tuple = siege.tuple("ghost/\(number)", [1], writer: 0x1_0000 + UInt64(number))
      tuple.traits = .ephemeral
      siege.liar.intruder.send(.records([WireRecord(tuple)]), in: world)
    }
    expect(siege.victim.node.tuples.table.hiddenCount == 400 && siege.victim.node.tupleCount == 0)
    siege.liar.linger(20_000, in: world)
    expect(siege.members.allSatisfy { $0.node.tuples.table.hiddenCount == 0 })
    try siege.expectHonestMaps()
  }

  @Test("a store that says it was in touch in the future does not keep its node from comparing")
  func sharedInTheFuture() throws {
    let siege = try TupleSiege(tuples: 50)
    let world = siege.world
    let other = try world.add(9, configuration: siege.victim.node.configuration)
    other.node.setTimeOfDay(milliseconds: world.timeOfDay(other), now: world.now)
    for tuple in siege.victim.node.tuples().dropLast(5) {
      let isTaken = other.node.recallTuple(StoredTuple(tuple), now: world.now, into: &other.effects)
      #expect(isTaken)
    }
    let version = TupleVersion(clock: TupleClock(milliseconds: siege.time), writer: MemberID(9))
    let gone = Tuple(key: Array("key/1".utf8), value: [], version: version)
    let isTaken = other.node.recallTuple(
      StoredTuple(gone, isTombstone: true), now: world.now, into: &other.effects)
    #expect(isTaken)
    other.node.recallTuples(sharedAt: TupleClock(milliseconds: siege.time + 365 * 86_400_000))
    world.join(other, [siege.victim.endpoint])
    world.run(20_000)
    #expect(other.tuples == siege.victim.tuples && other.tuples.count == 49)
    // Nor is what it remembers of removals taken for older than the horizon.
    #expect(other.node.tombstoneCount == 1)
  }

  @Test(
    "what a damaged store says of ends that no member could read is refused",
    arguments: [0, 5, .max] as [UInt64])
  func recalledEnds(end: UInt64) throws {
    let world = World()
    let member = try world.add(1, configuration: World.tuples)
    member.node.setTimeOfDay(milliseconds: world.timeOfDay(member), now: world.now)
    let version = TupleVersion(clock: TupleClock(milliseconds: 5), writer: MemberID(7))
    for (expiresAt, isFine) in [(end, false), (6, true), (TupleClock.lastMillisecond, true)] {
      let key = [UInt8(truncatingIfNeeded: expiresAt)]
      let tuple = Tuple(key: key, value: [1], version: version, expiresAt: expiresAt)
      let isTaken = member.node.recallTuple(StoredTuple(tuple), now: world.now, into: &member.effects)
      #expect(isTaken == isFine)
    }
  }
}
