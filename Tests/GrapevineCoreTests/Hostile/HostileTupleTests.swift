import Testing

@testable import GrapevineCore

@Suite("Hostile neighbours: whatever they say about tuples", .serialized)
struct HostileTupleTests {
  @Test("random bodies, and real ones cut or with flipped bits", arguments: 0x50...0x59 as ClosedRange<UInt8>)
  func randomBodies(kind: UInt8) throws {
    var siege = try TupleSiege(tuples: 20)
    var generator = Generator(seed: UInt64(kind))
    let samples = TupleMessageTests.samples.map { bytes(of: [$0]) }
      .filter { $0[0] == kind && $0.count < 1_200 }
    for round in 0..<1_200 {
      var body = [kind] + (0..<generator.below(60)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      if !samples.isEmpty, generator.chance(0.7) {
        body = samples[generator.below(samples.count)]
        if body.count > 1, generator.chance(0.3) { body.removeLast(generator.below(body.count)) }
        for _ in 0..<generator.below(4) where body.count > 1 {
          body[1 + generator.below(body.count - 1)] ^= 1 << UInt8(generator.below(8))
        }
      }
      let (mark, flushes) = (siege.world.sent.count, siege.victim.flushes)
      siege.liar.intruder.send(body, in: siege.world)
      #expect(siege.world.sent.count - mark <= 80 && siege.victim.flushes - flushes <= 3)
      if round % 100 == 0 { siege.world.run(50) }
    }
    siege.world.run(3_000)
    try siege.expectHonestMaps()
  }

  @Test("numbers beyond what there may be are refused, and no symbols are computed for them")
  func numbers() throws {
    var siege = try TupleSiege(tuples: 20)
    let invalid = siege.victim.counters.droppedInvalid
    var refused: UInt64 = 0
    for number in [1 << 23, 1 << 31, 1 << 32, 1 << 62, .max] as [UInt64] {
      siege.liar.intruder.send(.symbolsWanted(session: 1, first: number, count: 1), in: siege.world)
      siege.liar.intruder.send(.symbolsWanted(session: 1, first: 0, count: number), in: siege.world)
      siege.liar.intruder.send(
        .symbols(session: 1, state: 1, versions: 5, first: number, []), in: siege.world)
      refused += 3
    }
    #expect(siege.victim.counters.droppedInvalid - invalid == refused)
    expect(siege.victim.node.tuples.sketch.size == Sketch.startSize)
    for number in 0..<200 as Range<UInt64> {
      siege.liar.intruder.send(
        .symbolsWanted(session: UInt32(number), first: number << 10, count: 1 << 22), in: siege.world)
      siege.liar.linger(10, in: siege.world)
    }
    expect(siege.victim.node.tuples.sketch.size <= 4_096)
    // Who asks all the time does not keep the map from others.
    try siege.expectHonestMaps(within: 20_000)
    expect(!siege.victim.node.tuples.sketch.isFrozen)
  }

  @Test("symbols that never come to a difference end in one exchange of whole maps, and not at once again")
  func nonsenseSymbols() throws {
    var siege = try TupleSiege(tuples: 200)
    var generator = Generator(seed: 3)
    let summary = siege.otherSummary()
    let before = siege.victim.counters
    for second in 0..<60 {
      siege.liar.linger(1_000, in: siege.world) { message in
        switch message {
        case .summary: return [summary]
        case .symbolsWanted(let session, let first, let count):
          return stride(from: first, to: first + count, by: 64).map { start in
            let symbols = (start..<min(start + 64, first + count)).map { _ in
              SketchSymbol(
                sum: generator.next(), check: UInt32(truncatingIfNeeded: generator.next()), count: 1)
            }
            return .symbols(session: session, state: 1, versions: 200, first: start, symbols)
          }
        case .streamWanted: return [.streamEnd]
        default: return []
        }
      }
      if second == 30 { try siege.expectHonestMaps() }
    }
    let after = siege.victim.counters
    // Once in each interval, and a few times besides.
    #expect((1...40).contains(after.tupleSyncs - before.tupleSyncs))
    #expect((1...40).contains(after.tupleSyncsFailed - before.tupleSyncsFailed))
    #expect(after.tupleStreams - before.tupleStreams <= 15)
    #expect(after.symbolsReceived - before.symbolsReceived <= 40 * 4_096)
    #expect(siege.liar.heard.count { $0 == .streamWanted } <= 40)
    try siege.expectHonestMaps()
  }

  @Test("a map that is another one with every frame is not compared with for ever")
  func changingStates() throws {
    var siege = try TupleSiege(tuples: 200)
    let summary = siege.otherSummary()
    var state: UInt32 = 0
    let before = siege.victim.counters
    siege.liar.linger(20_000, in: siege.world) { message in
      switch message {
      case .summary: return [summary]
      case .symbolsWanted(let session, let first, _):
        return (0..<40).map { _ in
          state += 1
          let symbol = SketchSymbol(sum: 5, check: 5, count: 100)
          return .symbols(session: session, state: state, versions: 200, first: first, [symbol])
        }
      default: return []
      }
    }
    let after = siege.victim.counters
    #expect((1...20).contains(after.tupleSyncs - before.tupleSyncs))
    #expect(after.tupleSyncsFailed - before.tupleSyncsFailed >= after.tupleSyncs - before.tupleSyncs - 1)
    #expect(after.symbolsReceived - before.symbolsReceived <= 20 * 17)
    try siege.expectHonestMaps()
  }

  @Test("who makes a comparison last for ever does not keep another neighbour from its turn")
  func endlessSession() throws {
    var siege = try TupleSiege(1, tuples: 50)
    var second = try TupleLiar(67, linksWith: siege.victim, in: siege.world)
    let summary = siege.otherSummary()
    // What the liar claims to have besides, and sends something else for whenever it is asked.
    var sketch = Sketch(key: TupleMap.sketchKey, limit: 4_096, pendingLimit: 0)
    let table = siege.victim.node.tuples.table.placesUsed
    for place in 0..<table { sketch.insert(siege.victim.node.tuples.table[place].hash, at: place) }
    for fake in 1...5 as ClosedRange<UInt64> { sketch.insert(fake &* 0x9e37_79b9_7f4a_7c15, at: 0) }
    let symbols = (0..<256).map { sketch[$0] }
    let stale = WireRecord(siege.tuple("key/1", [9], ahead: -80_000_000))
    var sessions = 0
    for _ in 0..<800 {
      siege.liar.step(in: siege.world) { message in
        switch message {
        case .summary: return [summary]
        case .symbolsWanted(let session, let first, let count) where first + count <= 256:
          return (first..<first + count).map {
            .symbols(session: session, state: 1, versions: 55, first: $0, [symbols[Int($0)]])
          }
        case .tuplesWanted: return [.records([stale])]
        default: return []
        }
      }
      second.step(in: siege.world) { message in
        switch message {
        case .summary: return [summary]
        case .symbolsWanted:
          sessions += 1
          return []
        default: return []
        }
      }
      siege.world.run(100)
    }
    #expect(siege.liar.heard.contains { if case .tuplesWanted = $0 { true } else { false } })
    #expect(sessions > 0)
  }

  @Test("a flood of summaries that always differ is answered one by one and begins no comparison")
  func summaryFlood() throws {
    var siege = try TupleSiege(tuples: 20)
    siege.liar.linger(500, in: siege.world)
    let (before, mark) = (siege.victim.counters, siege.world.sent.count)
    let counts = [0, 1, 20, 1_000_000, Int(UInt32.max)]
    for number in 0..<5_000 {
      let flags = UInt8(number % 4)
      siege.liar.intruder.send(siege.otherSummary(counts[number % 5], flags: flags), in: siege.world)
    }
    let sent = siege.world.sent[mark...].filter { $0.destination == siege.liar.intruder.endpoint }
    #expect(sent.count <= 5_000 && sent.map(\.bytes.count).reduce(0, +) <= 5_000 * 60)
    #expect(siege.victim.counters.tupleSyncs - before.tupleSyncs <= 1)
    #expect(siege.victim.counters.tupleStreams - before.tupleStreams <= 1)
    try siege.expectHonestMaps()
  }

  @Test("who says again and again that it has nothing is not sent the whole map again and again")
  func emptyHanded() throws {
    var siege = try TupleSiege(tuples: 300)
    let before = siege.victim.counters
    siege.liar.linger(30_000, in: siege.world) { message in
      if case .summary = message { [.summary(flags: 0, count: 0, fingerprint: 0, sharedAt: 0)] } else { [] }
    }
    let streams = siege.victim.counters.tupleStreams - before.tupleStreams
    #expect((1...10).contains(streams))
    try siege.expectHonestMaps()
  }

  @Test(
    "a summary from the future makes nobody forget",
    arguments: [1, 59_000, 3_600_000, 1 << 47] as [UInt64])
  func sharedInTheFuture(ahead: UInt64) throws {
    var siege = try TupleSiege(tuples: 20) { $0.tuples?.horizon = .seconds(3_600) }
    try siege.world.remove("key/3", by: siege.victim)
    siege.world.run(3_000)
    let sharedAt = (siege.time + ahead) << 16 | 0xffff
    for flags in [0, 1, 2, 3] as [UInt8] {
      for count in [0, 20, 10_000] {
        let summary = siege.otherSummary(count, flags: flags, sharedAt: sharedAt)
        siege.liar.intruder.send(summary, in: siege.world)
        siege.liar.linger(500, in: siege.world) { if case .summary = $0 { [summary] } else { [] } }
      }
    }
    #expect(siege.victim.counters.tuplesYielded == 0)
    #expect(siege.members.allSatisfy { $0.node.tupleCount == 19 && $0.node.tombstoneCount == 1 })
    #expect(siege.victim.node.tuplesSharedAt.milliseconds <= siege.time)
  }

  @Test("10^5 hashes are looked up, and no more than the window is sent to one that takes nothing")
  func wantedFlood() throws {
    var siege = try TupleSiege(tuples: 20)
    var generator = Generator(seed: 1)
    let real = siege.victim.node.tuples.table[3].hash
    let mark = siege.world.sent.count
    for round in 0..<400 {
      let hashes = (0..<255).map { _ in round % 2 == 0 ? generator.next() : real }
      siege.liar.intruder.send(.tuplesWanted(hashes), in: siege.world)
    }
    let answers = siege.liar.intruder.heard(since: mark, in: siege.world).count {
      if case .records = $0 { true } else { false }
    }
    #expect((1...80).contains(answers))
    try siege.expectHonestMaps()
  }

  @Test("a flood of questions for everything is answered a few times")
  func streamFlood() throws {
    var siege = try TupleSiege(tuples: 20)
    let before = siege.victim.counters
    for _ in 0..<1_000 {
      siege.liar.intruder.send(.streamWanted, .streamEnd, in: siege.world)
      siege.liar.step(in: siege.world) { _ in [] }
    }
    #expect(siege.victim.counters.tupleStreams - before.tupleStreams <= 4)
    #expect(siege.victim.counters.droppedExcess - before.droppedExcess >= 990)
    try siege.expectHonestMaps()
  }
}
