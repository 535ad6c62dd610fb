import Testing

@testable import GrapevineCore

@Suite("Hostile neighbours: a right checksum around anything", .serialized)
struct HostilePeerTests {
  private static let unknown: UInt64 = 0xbad

  /// Three honest members, and an intruder linked with the first.
  private func besieged(_ configuration: Configuration = World.small) throws -> (HonestPair, Intruder) {
    let pair = try HonestPair(configuration: configuration, count: 3)
    for number in 1...3 { try pair.world.broadcast("before \(number)", from: pair.members[number - 1]) }
    pair.world.run(500)
    return (pair, try Intruder(66, id: 66, linksWith: pair.members[0], in: pair.world))
  }

  /// Sends one body and checks that what follows is bounded: datagrams, bytes, and the flush that makes them.
  private func expectBounded(
    _ body: [UInt8], _ intruder: inout Intruder, _ pair: HonestPair, datagrams: Int = 80,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let mark = pair.world.sent.count
    let flushes = intruder.victim.flushes
    intruder.send(body, in: pair.world)
    #expect(pair.world.sent.count - mark <= datagrams, sourceLocation: sourceLocation)
    #expect(intruder.victim.flushes - flushes <= 3, sourceLocation: sourceLocation)
  }

  @Test(
    "random bodies behind every kind of message",
    arguments: [0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x17, 0x7f, 0x80, 0x90, 0xa1, 0xc1, 0xd0, 0xff] as [UInt8]
  )
  func randomBodies(kind: UInt8) throws {
    var (pair, intruder) = try besieged()
    var generator = Generator(seed: UInt64(kind))
    for _ in 0..<2_000 {
      let length = generator.below(80)
      let body = [kind] + (0..<length).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      expectBounded(body, &intruder, pair)
      if generator.chance(0.01) { pair.world.run(50) }
    }
    pair.world.run(1_000)
    try pair.expectHonestTraffic()
  }

  @Test("counts and lengths of any size are believed only as far as the bytes go")
  func claims() throws {
    var (pair, intruder) = try besieged()
    let invalid = intruder.victim.counters.droppedInvalid
    let claims: [UInt64] = [1, 2, 127, 128, 65_535, 65_536, 65_537, 1 << 31, 1 << 32, 1 << 62, 1 << 63, .max]
    var sent: UInt64 = 0
    for claim in claims {
      for kind in [0x80, 0xc0, 0xb0, 0x90] as [UInt8] {
        let body = written { writer in
          writer.write(kind)
          writer.writeVariable(1)
          if kind & 0x10 != 0 { writer.writeVariable(claim) }
          writer.writeVariable(claim)
        }
        expectBounded(body, &intruder, pair)
        sent += 1
      }
      let request = written { writer in
        writer.write(MessageKind.request)
        writer.write(UInt64(1))
        writer.writeVariable(0)
        writer.write(UInt8(min(255, max(33, claim))))
      }
      expectBounded(request, &intruder, pair)
      sent += 1
    }
    #expect(intruder.victim.counters.droppedInvalid - invalid == sent)
    try pair.expectHonestTraffic()
  }

  @Test("a digest that claims a floor of 2^62 moves nobody's floor", arguments: [0, 1, 1 << 62] as [UInt64])
  func highFloor(available: UInt64) throws {
    var (pair, intruder) = try besieged()
    let origins: [UInt64] = [1, 2, 3, 66, Self.unknown]
    let states = origins.map { WireMessage.StreamState($0, floor: 1 << 62, available: available) }
    expectBounded(bytes(of: [.digest(asking: true, states)]), &intruder, pair)
    intruder.linger(seconds: 60, in: pair.world)
    try pair.expectHonestTraffic("while the liar is a neighbour")
    intruder.send(.disconnect([]), in: pair.world)
    pair.world.run(30_000)
    try pair.expectHonestTraffic("after it went")
    for member in pair.members {
      for case .gap(let origin, _, _, _) in member.gaps { #expect(origin.value > 3, "\(member.gaps)") }
    }
  }

  @Test("a message numbered at the integer's end, in somebody else's name, does not close the stream")
  func farSequence() throws {
    var (pair, intruder) = try besieged()
    for sequence in [UInt64.max / 2, UInt64.max / 2 - 1, 1 << 62, 1_000_000, 100_000] {
      for hops in [1, 15] as [UInt8] {
        let body = bytes(of: [.forwarded(2, sequence, "far", hops: hops)])
        expectBounded(body, &intruder, pair)
      }
    }
    let run = GossipHeader(
      origin: 2, level: .reliable, isTagged: false, hops: 1, first: UInt64.max / 2, count: 65_536)
    expectBounded(
      bytes(of: [.gossip(run, [[UInt8]](repeating: [], count: 1_000))]), &intruder, pair)
    intruder.linger(seconds: 30, in: pair.world)
    try pair.expectHonestTraffic("while the liar is a neighbour")
    intruder.send(.disconnect([]), in: pair.world)
    pair.world.run(60_000)
    try pair.expectHonestTraffic("after it went")
  }

  @Test("own numbers up to the integer's end, and a million of them, are taken or left")
  func ownNumbers() throws {
    var (pair, intruder) = try besieged()
    for sequence in [1, 3, 257, 1 << 20, 1 << 62, UInt64.max / 2] {
      expectBounded(bytes(of: [.own(66, sequence, "mine")]), &intruder, pair)
    }
    for first in stride(from: UInt64(1), through: 1_000_000, by: 50_000) {
      let header = GossipHeader(
        origin: 66, level: .bestEffort, isTagged: false, hops: 0, first: first, count: 50_000)
      let body = written { writer in
        header.write(to: &writer)
        for _ in 0..<50_000 { writer.write(UInt8(0)) }
      }
      expectBounded(body, &intruder, pair, datagrams: 400)
      pair.world.run(10)
    }
    intruder.send(.disconnect([]), in: pair.world)
    pair.world.run(60_000)
    // Its streams have holes that nobody fills: the log waits for them as long as for a stalled neighbour.
    try pair.expectHonestTraffic(within: 15_000)
  }

  @Test("requests for everything are served in bounded pieces, however many come")
  func hugeRequests() throws {
    var (pair, intruder) = try besieged()
    for number in 0..<200 { try pair.world.broadcast("filler \(number)", from: pair.members[0]) }
    pair.world.run(500)
    let ranges = (0..<32).map {
      SequenceRange(first: 1 + UInt64($0) << 33, last: 1 << 32 - 1 + UInt64($0) << 33)
    }
    for origin in [1, 2, 3, 66, Self.unknown] as [UInt64] {
      expectBounded(
        bytes(of: [.request(origin: origin, floor: 0, [SequenceRange(first: 1, last: 1 << 32 - 1)])]),
        &intruder, pair)
      expectBounded(
        bytes(of: [.request(origin: origin, floor: 0, Array(ranges.prefix(8)))]), &intruder, pair)
    }
    let before = intruder.victim.counters.copiesSent
    let mark = pair.world.sent.count
    for _ in 0..<2_000 {
      expectBounded(
        bytes(of: [.request(origin: 1, floor: 0, [SequenceRange(first: 1, last: 1 << 32 - 1)])]), &intruder,
        pair)
    }
    // Nothing was acknowledged, so the window is what an asker can make a member send.
    let datagrams = pair.world.sent[mark...].filter {
      $0.destination == intruder.endpoint && $0.carriesGossip
    }.count
    #expect(datagrams <= 64)
    #expect(intruder.victim.counters.copiesSent - before <= 64 * 150)
    try pair.expectHonestTraffic()
  }

  @Test("10,000 unknown origins fill the table, and honest traffic goes on", arguments: [false, true])
  func unknownOrigins(byDigest: Bool) throws {
    var (pair, intruder) = try besieged()
    for number in 0..<10_000 {
      let origin = 0x1000 + UInt64(number)
      let message: WireMessage =
        byDigest
        ? .digest(asking: false, [.init(origin, floor: 5, available: 5)])
        : .forwarded(origin, 2, "x", hops: 1)
      intruder.send(message, in: pair.world)
      if number % 100 == 0 { pair.world.run(10) }
    }
    let victim = intruder.victim
    #expect(victim.node.dissemination.streams.count == World.small.streamCapacity)
    #expect(victim.counters.droppedStreams > 9_000)
    try pair.expectHonestTraffic("while the table is full")
    intruder.send(.disconnect([]), in: pair.world)
    // Longer than streams are remembered: there is room for newcomers again.
    pair.world.run(70_000)
    for number in 0..<1_100 {
      try pair.broadcastPatiently("filler \(number)", from: pair.members[0])
      pair.world.run(1)
    }
    pair.world.run(1_000)
    let newcomer = try pair.world.add(9)
    pair.world.join(newcomer, [pair.members[1].endpoint])
    pair.world.run(5_000)
    try pair.world.broadcast("from a newcomer", from: newcomer)
    pair.world.run(3_000)
    for member in pair.members { #expect(member.texts.contains("from a newcomer")) }
    try pair.expectHonestTraffic("after the table was full")
  }

  @Test("samples with our own address, or none that a datagram can go to, teach nothing")
  func samples() throws {
    var (pair, intruder) = try besieged()
    let victim = intruder.victim
    let known = victim.node.knownCount
    let endpoints = [
      Endpoint(ipv4: 0, port: 5), Endpoint(ipv4: 0x0a00_0042, port: 0), Endpoint(ipv4: 0xe000_0001, port: 5),
      Endpoint(ipv4: .max, port: 5), Endpoint(high: 0, low: 0, port: 5),
      Endpoint(high: 0xff02 << 48, low: 1, port: 5),
    ]
    let records =
      endpoints.map { PeerRecord(id: 5, endpoint: $0) }
      + [
        PeerRecord(id: victim.id.value, endpoint: World.endpoint(70)),
        PeerRecord(id: 2, endpoint: World.endpoint(2)),
      ]
    intruder.send(.sample(records), in: pair.world)
    #expect(victim.node.knownCount == known)
    // Our own address under another name: it is greeted, recognised and forgotten.
    intruder.send(.sample([PeerRecord(id: 7, endpoint: victim.endpoint)]), in: pair.world)
    intruder.linger(seconds: 60, in: pair.world)
    #expect(victim.counters.droppedOwn >= 1)
    #expect(!victim.node.neighbours.contains { $0.endpoint == victim.endpoint })
    try pair.expectHonestTraffic()
  }

  @Test("a sample of more records than allowed is refused")
  func longSample() throws {
    var (pair, intruder) = try besieged()
    let records = (0..<9).map { PeerRecord(id: UInt64($0 + 100), endpoint: World.endpoint($0 + 100)) }
    let known = intruder.victim.node.knownCount
    intruder.send(.sample(records), in: pair.world)
    #expect(intruder.victim.node.knownCount == known && intruder.victim.counters.droppedInvalid == 1)
    try pair.expectHonestTraffic()
  }

  @Test("addresses by the thousand displace what is known, and no neighbour")
  func manyRecords() throws {
    var (pair, intruder) = try besieged()
    for number in 0..<2_000 {
      let records = (0..<8).map {
        PeerRecord(id: UInt64(number * 8 + $0 + 1_000), endpoint: World.endpoint(number * 8 + $0 + 1_000))
      }
      intruder.send(.sample(records), in: pair.world)
    }
    #expect(intruder.victim.node.knownCount == World.small.passiveCapacity)
    #expect(intruder.victim.node.neighbourCount == 3)
    intruder.linger(seconds: 20, in: pair.world)
    try pair.expectHonestTraffic()
  }

  @Test("messages in the victim's own name are not taken")
  func ownName() throws {
    var (pair, intruder) = try besieged()
    let victim = intruder.victim
    let own = victim.id.value
    for sequence in [1, 2, 3, 1_000] as [UInt64] {
      intruder.send(.forwarded(own, sequence, "I?", hops: 1), in: pair.world)
    }
    intruder.send(.digest(asking: false, [.init(own, floor: 1 << 62)]), in: pair.world)
    pair.world.run(2_000)
    #expect(!pair.members.contains { $0.texts.contains("I?") })
    try pair.expectHonestTraffic()
  }

  @Test("acknowledgements of everything do not let the victim send more than its window")
  func lyingAcknowledgements() throws {
    var (pair, intruder) = try besieged()
    var generator = Generator(seed: 6)
    for _ in 0..<20_000 {
      intruder.send(
        .acknowledge(highest: UInt16(generator.below(65_536)), count: UInt16(generator.below(65_536))),
        in: pair.world)
    }
    let slot = intruder.victim.node.view.slot(of: intruder.endpoint)
    let link = intruder.victim.node.view.links[try #require(slot)]
    #expect(link.window <= link.peerWindow && link.window >= 16)
    try pair.expectHonestTraffic()
  }

  @Test("a payload longer than any of ours is not taken in")
  func longPayload() throws {
    var (pair, intruder) = try besieged()
    let limit = World.small.payloadLimit
    intruder.send(.own(66, 1, String(repeating: "x", count: limit + 1)), in: pair.world)
    intruder.send(.own(66, 2, String(repeating: "y", count: limit)), in: pair.world)
    #expect(intruder.victim.deliveries.filter { $0.origin == 66 }.map(\.sequence) == [2])
    intruder.send(.disconnect([]), in: pair.world)
    pair.world.run(1_000)
    try pair.expectHonestTraffic()
  }
}
