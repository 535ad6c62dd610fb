import Testing

@testable import GrapevineCore

@Suite("Hostile neighbours: records, parts and broadcasts", .serialized)
struct HostileRecordTests {
  private static func broadcast(_ sequence: UInt64, _ payload: [UInt8], hops: UInt8 = 0, origin: UInt64 = 66)
    -> WireMessage
  {
    .gossip(
      GossipHeader(
        origin: origin, level: .reliable, isTagged: true, hops: hops, first: sequence, count: 1), [payload])
  }

  @Test("what is too long, too far ahead or over is refused and counted, and nothing else suffers")
  func refused() throws {
    var siege = try TupleSiege { $0.tuples?.valueLimit = 1_000 }
    let world = siege.world
    let century = 100 * 365 * 86_400_000
    siege.liar.intruder.send(
      .records([
        WireRecord(siege.tuple("long", [UInt8](repeating: 1, count: 1_001))),
        WireRecord(apart: 5, length: 1_001, of: siege.tuple("long", [])),
        WireRecord(siege.tuple("far", [1], ahead: century)),
        WireRecord(apart: 6, length: 900, of: siege.tuple("far", [], ahead: century)),
        WireRecord(siege.tuple("good", [7])),
      ]), in: world)
    var over = siege.tuple("over", [1], ahead: -5_000)
    (over.traits, over.expiresAt) = (.timed, siege.time - 1)
    siege.liar.intruder.send(.records([WireRecord(over)]), in: world)
    let counters = siege.victim.counters
    #expect(counters.tuplesRefusedSize == 2 && counters.tuplesRefusedClock == 2)
    #expect(siege.victim.tuples == ["good": [7]] && siege.victim.node.tombstoneCount == 1)
    siege.liar.linger(20_000, in: world)
    #expect(siege.members[1].tuples == ["good": [7]])
    try siege.expectHonestMaps()
  }

  @Test("a version in the victim's own name is one like any other: what the victim writes next is greater")
  func ownName() throws {
    var siege = try TupleSiege()
    let (world, own) = (siege.world, siege.victim.id.value)
    try world.publish("mine", [1], by: siege.victim)
    siege.liar.intruder.send(
      .records([WireRecord(siege.tuple("mine", [66], ahead: 50_000, writer: own))]), in: world)
    #expect(siege.victim.tuples["mine"] == [66])
    try world.publish("mine", [2], by: siege.victim)
    siege.liar.linger(3_000, in: world)
    #expect(siege.members.allSatisfy { $0.tuples["mine"] == [2] })
    try siege.expectHonestMaps()
  }

  @Test("parts that were not asked for, of no known version, of wrong lengths and of wrong bytes")
  func parts() throws {
    var siege = try TupleSiege()
    let world = siege.world
    let value = (0..<2_000).map { UInt8(truncatingIfNeeded: $0 / 3) }
    let tuple = siege.tuple("long", value)
    func part(_ number: Int) -> [UInt8] { Array(value[number * 256..<min(2_000, number * 256 + 256)]) }
    for hash in [1, tuple.hash] {
      siege.liar.intruder.send(
        .part(hash, 0, part(0)), .partsWanted(hash, first: 0xff_ffff, [.max, .max, .max, .max]),
        .partsWanted(hash, first: 0, [.max, .max, .max, .max]), in: world)
    }
    let mark = world.sent.count
    siege.liar.intruder.send(.records([WireRecord(apart: tuple.hash, length: 2_000, of: tuple)]), in: world)
    let asked = siege.liar.intruder.heard(since: mark, in: world)
    #expect(asked == [.partsWanted(tuple.hash, first: 0, [0xff, 0, 0, 0])])
    siege.liar.intruder.send(
      .part(tuple.hash, 0, []), .part(tuple.hash, 0, part(0) + [1]), .part(tuple.hash, 7, part(0)),
      .part(tuple.hash, 8, part(7)), .part(tuple.hash, 0xff_ffff, part(0)), in: world)
    #expect(siege.victim.tuples.isEmpty && siege.victim.counters.tuplesRefusedSize == 0)
    // All parts, one of them with another byte.
    for number in 0..<8 {
      var bytes = part(number)
      if number == 5 { bytes[9] ^= 1 }
      siege.liar.intruder.send(.part(tuple.hash, UInt64(number), bytes), in: world)
    }
    #expect(siege.victim.tuples.isEmpty && siege.victim.counters.tuplesRefusedSize == 1)
    siege.liar.intruder.send(.records([WireRecord(apart: tuple.hash, length: 2_000, of: tuple)]), in: world)
    for number in [7, 3, 3, 0, 1, 2, 6, 5, 4] {
      siege.liar.intruder.send(.part(tuple.hash, UInt64(number), part(number)), in: world)
    }
    #expect(siege.victim.tuples == ["long": value])
    siege.liar.linger(20_000, in: world)
    #expect(siege.members[1].tuples == ["long": value])
    try siege.expectHonestMaps()
  }

  @Test("long values that are announced and never come are given up, and honest ones come")
  func withheldParts() throws {
    var siege = try TupleSiege()
    let world = siege.world
    for number in 0..<500 as Range<UInt64> {
      let tuple = siege.tuple("fake/\(number)", [])
      siege.liar.intruder.send(
        .records([WireRecord(apart: number + 1, length: 60_000, of: tuple)]), in: world)
    }
    expect(siege.victim.node.tuples.parts.headsWaiting <= 64)
    let value = (0..<10_000).map { UInt8(truncatingIfNeeded: $0 / 7) }
    try world.publish("long", value, by: siege.members[1])
    siege.liar.linger(30_000, in: world)
    #expect(siege.victim.tuples["long"] == value)
    try siege.expectHonestMaps()
  }

  @Test("broadcasts with an empty tag: unknown kinds, no kind, cut short, and with bytes behind")
  func broadcasts() throws {
    var siege = try TupleSiege(3)
    let world = siege.world
    let good = WireRecord(siege.tuple("good", [7]))
    let whole = good.broadcast(origin: 66)
    var payloads: [[UInt8]] = [
      [0], [0, 0], [0, 1], [0, 2], [0, 2, 1, 2, 3], [0, 3], [0, 9, 1, 2, 3], [0, 255], [0, 1, 255, 255],
    ]
    for length in 0..<whole.count { payloads.append(Array(whole[..<length])) }
    payloads.append(whole + [1, 2, 3])
    for (number, payload) in payloads.enumerated() where !payload.isEmpty {
      siege.liar.intruder.send(Self.broadcast(UInt64(number + 1), payload), in: world)
      siege.liar.linger(10, in: world)
    }
    siege.liar.linger(2_000, in: world)
    #expect(siege.members.allSatisfy { $0.tuples == ["good": [7]] && $0.deliveries.isEmpty })
    #expect(siege.victim.counters.tuplesRefusedSize > 0)
    try siege.expectHonestMaps()
  }

  @Test("marks of a liar, and those of a run that is nobody, drop no memory of a removal early")
  func marks() throws {
    var siege = try TupleSiege(3)
    let world = siege.world
    try world.publish("k", [1], by: siege.victim)
    siege.liar.linger(200, in: world)
    // It knows the tuple and is away when that is removed.
    world.isLost = { [siege] in
      $0.source == siege.members[2].endpoint || $0.destination == siege.members[2].endpoint
    }
    siege.liar.linger(60_000, in: world)
    try world.remove("k", by: siege.members[1])
    siege.liar.linger(1_000, in: world)
    let sum = siege.victim.node.tuples.table[0].hash
    var sequence: UInt64 = 0
    for _ in 0..<60 {
      for through in [TupleClock(bits: .max), TupleClock(milliseconds: siege.time / 60_000 * 60_000)] {
        sequence += 1
        let mark = TupleMark(through: through, sum: sum)
        let payload = [0, SystemMessage.mark] + written { mark.write(to: &$0) }
        siege.liar.intruder.send(
          Self.broadcast(sequence, payload), Self.broadcast(sequence, payload, hops: 1, origin: 0xbad),
          in: world)
      }
      siege.liar.linger(5_000, in: world)
    }
    #expect(siege.members[0].node.tombstoneCount == 1 && siege.members[1].node.tombstoneCount == 1)
    world.isLost = { _ in false }
    siege.liar.linger(120_000, in: world)
    #expect(siege.members.allSatisfy { $0.tuples.isEmpty })
  }

  @Test("a mark from the future does not keep a member's later ones from counting")
  func futureMark() throws {
    var siege = try TupleSiege(2)
    let world = siege.world
    let mark = TupleMark(through: TupleClock(bits: .max), sum: 5)
    let payload = [0, SystemMessage.mark] + written { mark.write(to: &$0) }
    try world.publish("k", [1], by: siege.members[1])
    // In the other member's name, as its next message.
    for sequence in 1...4 as ClosedRange<UInt64> {
      siege.liar.intruder.send(
        Self.broadcast(sequence, payload, hops: 1, origin: siege.members[1].id.value), in: world)
    }
    siege.liar.linger(500, in: world)
    siege.liar.intruder.send(.disconnect([]), in: world)
    try world.remove("k", by: siege.victim)
    world.run(260_000)
    #expect(siege.victim.node.tombstoneCount == 0)
  }
}
