import Testing

@testable import GrapevineCore

/// Two members that talk, and what they need to show that they still do.
struct HonestPair {
  let world: World
  let members: [Member]

  init(configuration: Configuration = World.small, count: Int = 2) throws {
    world = World()
    members = try world.cluster(count, configuration: configuration)
  }

  /// Broadcasts; waits out a log that is full, up to twice the time that a stalled neighbour is waited for.
  func broadcastPatiently(_ text: String, from member: Member) throws {
    for _ in 0..<100 {
      do {
        try world.broadcast(text, from: member)
        return
      } catch BroadcastError.wouldBlock {
        world.run(100)
      }
    }
    try world.broadcast(text, from: member)
  }

  /// Checks that messages still travel both ways, exactly once and unchanged.
  func expectHonestTraffic(
    _ comment: Comment? = nil, within milliseconds: UInt64 = 2_000,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let before = members.map(\.deliveries.count)
    for (number, member) in members.enumerated() {
      for message in 0..<5 { try broadcastPatiently("honest \(number) \(message)", from: member) }
    }
    let expected = members.indices.flatMap { number in (0..<5).map { "honest \(number) \($0)" } }
    world.run(milliseconds)
    for (number, member) in members.enumerated() {
      let texts = member.texts[before[number]...].filter { $0.hasPrefix("honest") }
      let others = expected.filter { !$0.hasPrefix("honest \(number) ") }
      #expect(texts.sorted() == others.sorted(), comment, sourceLocation: sourceLocation)
    }
  }
}

@Suite("Hostile bytes: from anywhere, with nothing known")
struct HostileBytesTests {
  static let stranger = World.endpoint(200)

  /// Random bytes that begin like a frame of ours as often as not.
  private static func noise(_ generator: inout Generator) -> [UInt8] {
    var bytes = (0..<generator.below(120)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    if !bytes.isEmpty, generator.chance(0.7) { bytes[0] = generator.chance(0.5) ? Frame.open : Frame.link }
    return bytes
  }

  @Test("100,000 random datagrams change nothing", arguments: [1, 2] as [UInt64])
  func random(seed: UInt64) throws {
    let pair = try HonestPair()
    let victim = pair.members[0]
    let before = victim.counters
    var generator = Generator(seed: seed)
    for _ in 0..<50_000 {
      let bytes = Self.noise(&generator)
      // From a stranger and, forged, from the neighbour.
      let source = generator.chance(0.5) ? Self.stranger : pair.members[1].endpoint
      victim.node.receive(bytes.span.bytes, from: source, now: pair.world.now, into: &victim.effects)
    }
    let after = victim.counters
    let dropped =
      after.droppedMalformed - before.droppedMalformed + after.droppedChecksum - before.droppedChecksum
      + after.droppedUnlinked - before.droppedUnlinked
    #expect(dropped == 50_000)
    let made = (victim.effects.datagrams.count, victim.effects.deliveries.count, victim.effects.events.count)
    #expect(made == (0, 0, 0))
    try pair.expectHonestTraffic()
  }

  @Test("random bodies in open frames with a right checksum are refused or answered within bounds")
  func randomOpenFrames() throws {
    let pair = try HonestPair()
    let victim = pair.members[0]
    var generator = Generator(seed: 3)
    for _ in 0..<50_000 {
      var body = Self.noise(&generator)
      if !body.isEmpty { body[0] = UInt8(generator.below(8)) }
      if body.count > 1, generator.chance(0.5) { body[1] = Frame.version }
      let source = generator.chance(0.5) ? Self.stranger : pair.members[1].endpoint
      let before = pair.world.sent.count
      let frame = openFrame(body)
      pair.world.inject(frame, into: victim, from: source)
      let replies = pair.world.sent[before...].filter { $0.destination == Self.stranger }
      #expect(replies.map(\.bytes.count).reduce(0, +) <= 3 * frame.count)
    }
    #expect(victim.node.neighbours.map(\.member) == [pair.members[1].id])
    try pair.expectHonestTraffic()
  }

  /// What two members sent each other while they joined and talked under loss, with the time of each
  /// datagram.
  private func captured() throws -> [Packet] {
    let pair = try HonestPair(count: 3)
    var generator = Generator(seed: 8)
    pair.world.isLost = { _ in generator.chance(0.2) }
    for number in 0..<60 {
      try pair.world.broadcast(
        "captured \(number)", from: pair.members[number % 3], level: number % 7 == 0 ? .bestEffort : .reliable
      )
      pair.world.run(20)
    }
    pair.world.leave(pair.members[2])
    pair.world.run(1_000)
    return pair.world.sent
  }

  @Test("captured traffic, cut or with flipped bits, is dropped by those it was meant for")
  func mutated() throws {
    let traffic = try captured()
    // The same seeds make the same cluster with the same keys: the mutants carry checksums that nearly fit.
    let pair = try HonestPair(count: 3)
    var generator = Generator(seed: 9)
    #expect(traffic.count > 200)
    for packet in traffic {
      let victim = try #require(pair.members.first { $0.endpoint == packet.destination })
      for _ in 0..<40 {
        var bytes = packet.bytes
        if generator.chance(0.3) { bytes.removeLast(1 + generator.below(bytes.count)) }
        for _ in 0..<generator.below(4) where !bytes.isEmpty {
          bytes[generator.below(bytes.count)] ^= 1 << UInt8(generator.below(8))
        }
        guard bytes != packet.bytes else { continue }
        pair.world.inject(bytes, into: victim, from: packet.source)
      }
    }
    #expect(pair.members.map(\.counters.droppedChecksum).reduce(0, +) > 5_000)
    #expect(pair.members.allSatisfy { $0.deliveries.isEmpty && $0.node.neighbourCount == 2 })
    try pair.expectHonestTraffic()
  }

  @Test("captured traffic that is replayed whole delivers nothing twice, in any order")
  func replayed() throws {
    let pair = try HonestPair(count: 3)
    for number in 0..<30 { try pair.world.broadcast("\(number)", from: pair.members[number % 3]) }
    pair.world.run(500)
    var traffic = pair.world.sent
    var generator = Generator(seed: 10)
    traffic.shuffle(using: &generator)
    for packet in traffic {
      let victim = try #require(pair.members.first { $0.endpoint == packet.destination })
      pair.world.inject(packet.bytes, into: victim, from: packet.source)
    }
    pair.world.run(20_000)
    for member in pair.members {
      #expect(Set(member.deliveries).count == member.deliveries.count)
    }
    try pair.expectHonestTraffic()
  }

  @Test("a forged goodbye without the key is not believed")
  func forgedDisconnect() throws {
    let pair = try HonestPair()
    var generator = Generator(seed: 12)
    let goodbye = bytes(of: [.disconnect([])])
    for _ in 0..<10_000 {
      let frame = linkFrame(goodbye, number: UInt16(generator.below(65_536)), key: generator.next())
      pair.world.inject(frame, into: pair.members[0], from: pair.members[1].endpoint)
    }
    #expect(pair.members[0].node.neighbourCount == 1)
    #expect(pair.members[0].counters.droppedChecksum == 10_000)
    try pair.expectHonestTraffic()
  }

  @Test("datagrams longer than any of ours, and empty ones, are no trouble")
  func lengths() throws {
    let pair = try HonestPair()
    for length in [0, 1, 4, 5, 6, 7, 8, 1_199, 1_200, 1_201, 65_535] {
      for first in [Frame.open, Frame.link, 0] {
        let bytes = [first] + [UInt8](repeating: 0xff, count: length)
        pair.world.inject(Array(bytes[..<length]), into: pair.members[0], from: pair.members[1].endpoint)
      }
    }
    pair.members[0].node.receiveTruncated()
    #expect(pair.members[0].counters.droppedOversized == 1)
    try pair.expectHonestTraffic()
  }
}
