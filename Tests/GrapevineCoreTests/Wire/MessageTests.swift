import Testing

@testable import GrapevineCore

@Suite("Messages: what is written is read")
struct MessageTests {
  static let records = [
    PeerRecord(id: 1, endpoint: Endpoint(ipv4: 0x0a00_0001, port: 7946)),
    PeerRecord(id: .max, endpoint: Endpoint(high: 0x2001_0db8 << 32, low: 1, port: 65_535)),
  ]

  static let samples: [WireMessage] = [
    .hello(Hello(nonce: 1, sender: 2)), .hello(Hello(version: 9, nonce: .max, sender: .max)),
    .challenge(Challenge(nonce: 1, sender: 2, cookie: .max)),
    .connect(Connect(nonce: 1, cookie: 2, sender: 3, need: .high, window: 64)),
    .connect(Connect(nonce: .max, cookie: 0, sender: .max, need: .low, window: .max)),
    .accept(Answer(nonce: 1, sender: 2, detail: 300), records),
    .accept(Answer(nonce: 1, sender: 2, detail: 0), []),
    .refuse(Answer(nonce: 1, sender: 2, detail: 1), records),
    .acknowledge(highest: 0, count: .max),
    .digest(asking: false, []),
    .digest(
      asking: true,
      [
        .init(5, floor: 0), .init(6, floor: 1 << 40, available: 1 << 40),
        .init(
          7, floor: 10, available: 4,
          ranges: [SequenceRange(first: 12, last: 12), SequenceRange(first: 14, last: 300)]),
      ]),
    .request(
      origin: 5, floor: 10, [SequenceRange(first: 11, last: 11), SequenceRange(first: 500, last: 70_000)]),
    .sample(records), .sample([]), .probe, .prune, .graft,
    .shuffle(Shuffle(hops: 2, ttl: 3, nonce: .max, origin: records[0]), records),
    .shuffleReply(ShuffleReply(nonce: 1, sender: 2), records),
    .forwardJoin(ForwardJoin(ttl: 6, newcomer: records[1])),
    .disconnect(records),
    .rumourFeedback([]), .rumourPull([]),
    .rumourFeedback([
      RumourVerdict(run: RumourRun(origin: 9, first: 1, length: 1), isNeeded: false),
      RumourVerdict(run: RumourRun(origin: .max, first: UInt64.max / 2, length: 1_024), isNeeded: true),
    ]),
    .rumourPull([
      RumourRun(origin: 9, first: 1, length: 1), RumourRun(origin: .max, first: 1 << 40, length: 1_024),
    ]),
    .own(Packet.senderMark, 1, "hello"), .own(Packet.senderMark, UInt64.max / 2, ""),
    .forwarded(9, 70_000, "far", hops: 15),
    .gossip(
      GossipHeader(origin: 9, level: .bestEffort, isTagged: true, hops: 3, first: 200, count: 3),
      [[1], [], [UInt8](repeating: 7, count: 300)]),
  ]

  @Test("every message comes back as it was", arguments: samples)
  func roundTrip(message: WireMessage) throws {
    let bytes = bytes(of: [message])
    let back = try read(bytes) { cursor in
      (try WireMessage(from: &cursor, sender: Packet.senderMark), cursor.remaining)
    }
    #expect(back == (message, 0))
  }

  @Test("every message that is cut short is refused, at every length", arguments: samples)
  func cut(message: WireMessage) {
    let bytes = bytes(of: [message])
    for kept in 0..<bytes.count {
      #expect(throws: DecodeError.truncated) {
        try read(Array(bytes[..<kept])) { try WireMessage(from: &$0, sender: Packet.senderMark) }
      }
    }
  }

  @Test(
    "identities of zero are refused",
    arguments: [
      .challenge(Challenge(nonce: 1, sender: 0, cookie: 1)),
      .connect(Connect(nonce: 1, cookie: 2, sender: 0, need: .high, window: 64)),
      .accept(Answer(nonce: 1, sender: 0, detail: 300), []),
      .sample([PeerRecord(id: 0, endpoint: Endpoint(ipv4: 1, port: 1))]),
      .digest(asking: false, [.init(0, floor: 1)]), .forwarded(0, 1, "", hops: 1),
    ] as [WireMessage])
  func zeroIdentity(message: WireMessage) {
    #expect(throws: DecodeError.outOfRange) {
      try read(bytes(of: [message])) { try WireMessage(from: &$0, sender: Packet.senderMark) }
    }
  }

  @Test(
    "numbers outside the protocol are refused",
    arguments: [
      .own(1, 0, ""), .own(1, UInt64.max / 2 + 1, ""), .own(1, .max, ""),
      .digest(asking: false, [.init(1, floor: UInt64.max / 2 + 1)]),
      .digest(asking: false, [.init(1, floor: 5, available: 6)]),
      .digest(
        asking: false,
        [.init(1, floor: UInt64.max / 2, ranges: [SequenceRange(first: 1 << 63, last: 1 << 63)])]),
      .digest(
        asking: false, [.init(1, floor: 0, ranges: [SequenceRange(first: 1, last: 1 << 32)])]),
    ] as [WireMessage])
  func outOfRange(message: WireMessage) {
    #expect(throws: DecodeError.outOfRange) {
      try read(bytes(of: [message])) { try WireMessage(from: &$0, sender: Packet.senderMark) }
    }
  }

  @Test("a peer record of an unknown family is refused", arguments: [0, 5, 255] as [UInt8])
  func family(family: UInt8) {
    let bytes = [UInt8](repeating: 1, count: 8) + [family] + [UInt8](repeating: 1, count: 18)
    #expect(throws: DecodeError.outOfRange) { try read(bytes) { try PeerRecord(from: &$0) } }
  }

  @Test("a gossip header says in its first byte what it is", arguments: 0...15 as ClosedRange<UInt8>)
  func headerFlags(hops: UInt8) throws {
    for (level, isTagged, count) in [(DeliveryLevel.reliable, false, 1), (.bestEffort, true, 5)]
      as [(DeliveryLevel, Bool, UInt64)]
    {
      let header = GossipHeader(
        origin: 9, level: level, isTagged: isTagged, hops: hops, first: 300, count: count)
      let bytes = written { header.write(to: &$0) }
      #expect(bytes[0] == 0x80 | hops | (count > 1 ? 0x70 : 0))
      #expect(bytes.count == (hops == 0 ? 3 : 11) + (count > 1 ? 1 : 0))
      #expect(bytes.count <= GossipHeader.lengthLimit)
    }
  }

  /// The sizes that `Docs/wire.md` promises.
  @Test(
    "a single small message costs 10 to 12 bytes at its origin and 18 to 20 when forwarded",
    arguments: [(1, 10), (127, 10), (128, 11), (16_383, 11), (16_384, 12), (2_097_151, 12)] as [(UInt64, Int)]
  )
  func overhead(sequence: UInt64, own: Int) {
    let payload = "small"
    func overhead(_ message: WireMessage) -> Int {
      linkFrame(bytes(of: [message]), number: 1, key: 1).count - payload.utf8.count
    }
    #expect(overhead(.own(9, sequence, payload)) == own)
    #expect(overhead(.forwarded(9, sequence, payload, hops: 1)) == own + 8)
  }

  @Test("limits that the writers rely on hold for the largest values")
  func limits() {
    let widest = DigestEntry(
      origin: .max, floor: UInt64.max / 2, available: UInt64.max / 2, hops: 15, ranges: 32)
    #expect(written { widest.write(to: &$0) }.count <= DigestEntry.headLimit)
    #expect(
      Self.records.allSatisfy { record in written { record.write(to: &$0) }.count <= PeerRecord.lengthLimit })
    let range = SequenceRange(first: 65_536, last: 131_072)
    #expect(
      written { writer in
        var position: UInt64 = 0
        range.write(after: &position, to: &writer)
      }.count <= DigestEntry.rangeLimit)
    let header = GossipHeader(
      origin: .max, level: .reliable, isTagged: true, hops: 15, first: UInt64.max / 2, count: 65_536)
    #expect(written { header.write(to: &$0) }.count <= GossipHeader.lengthLimit)
  }
}
