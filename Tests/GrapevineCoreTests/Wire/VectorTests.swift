import Testing

@testable import GrapevineCore

/// The examples of `Docs/wire.md`, by name.
private let documented = documentedVectors(in: "wire.md")

/// What the document says about an example.
struct WireVector: Sendable, CustomTestStringConvertible {
  enum Sender { case anyone, initiator, responder, member }

  static let initiator: UInt64 = 0x1111_1111_1111_1111
  static let responder: UInt64 = 0x2222_2222_2222_2222
  static let nonce: UInt64 = 0x0102_0304_0506_0708
  static let cookie: UInt64 = 0x1112_1314_1516_1718

  let name: String
  let sender: Sender
  let number: UInt16
  let messages: [WireMessage]

  var testDescription: String { name }

  var senderID: UInt64 { sender == .initiator ? Self.initiator : Self.responder }

  /// The frame that the document must show.
  var frame: [UInt8] {
    let keys = Neighbourhood.linkKeys(
      nonce: Self.nonce, cookie: Self.cookie, initiator: Self.initiator, responder: Self.responder)
    let body = bytes(of: messages)
    return switch sender {
    case .anyone: openFrame(body, cluster: "example")
    case .member:
      memberFrame(body, id: Self.third, run: Self.initiator, to: Self.responder, cluster: "example")
    case .initiator: linkFrame(body, number: number, key: keys.fromInitiator)
    case .responder: linkFrame(body, number: number, key: keys.fromResponder)
    }
  }

  static func open(_ name: String, _ message: WireMessage) -> WireVector {
    WireVector(name: name, sender: .anyone, number: 0, messages: [message])
  }

  static func member(_ name: String, _ messages: WireMessage...) -> WireVector {
    WireVector(name: name, sender: .member, number: 0, messages: messages)
  }

  static func link(_ name: String, _ sender: Sender, _ number: UInt16, _ messages: WireMessage...)
    -> WireVector
  {
    WireVector(name: name, sender: sender, number: number, messages: messages)
  }
}

extension WireVector {
  static let third: UInt64 = 0x3333_3333_3333_3333
  private static let named = "alpha"
  private static var alpha: AliveRecord {
    var record = AliveRecord(0, run: initiator, incarnation: 300, name: named)
    record.endpoint = records[0].endpoint
    record.tags = [4] + Array("zone".utf8) + [2] + Array("eu".utf8)
    return record
  }
  private static var nameless: AliveRecord {
    var record = AliveRecord(0, run: responder, incarnation: 1)
    record.endpoint = records[1].endpoint
    return record
  }
  private static func claimed(_ status: MemberStatus?, _ incarnation: UInt32) -> Claimed {
    var claimed = Claimed(id: StableID(name: named).value, observed: records[0].endpoint)
    (claimed.status, claimed.incarnation) = (status, incarnation)
    if claimed.isHeld { (claimed.run, claimed.endpoint) = (third, records[1].endpoint) }
    return claimed
  }

  private static let records = [
    PeerRecord(id: third, endpoint: Endpoint(ipv4: 0xc000_0203, port: 7_946)),
    PeerRecord(
      id: 0x4444_4444_4444_4444, endpoint: Endpoint(high: 0x2001_0db8_0000_0000, low: 4, port: 7_946)),
  ]

  private static func answer(_ detail: UInt64) -> Answer {
    Answer(nonce: nonce, sender: responder, detail: detail)
  }

  private static func gossip(
    _ origin: UInt64, _ level: DeliveryLevel = .reliable, isTagged: Bool = false, hops: UInt8 = 0,
    first: UInt64,
    _ payloads: [[UInt8]]
  ) -> WireMessage {
    .gossip(
      GossipHeader(
        origin: origin, level: level, isTagged: isTagged, hops: hops, first: first,
        count: UInt64(payloads.count)),
      payloads)
  }

  private static func run(_ first: UInt64, _ last: UInt64) -> SequenceRange {
    SequenceRange(first: first, last: last)
  }

  static let all = tuples + others

  private static let others: [WireVector] = [
    .member("ping", .ping(7)),
    .member("ping-suspect", .suspect(responder, 5, by: third), .ping(8)),
    .member("ping-request", .pingRequest(9, id: responder)),
    .member("ping-answer", .pingAnswer(7), .alive(nameless)),
    .member("ping-in-vain", .pingInVain(9)),
    .link("alive", .initiator, 14, .alive(alpha)),
    .link(
      "verdicts", .initiator, 15, .suspect(third, 5, by: initiator), .failed(third, 5, by: responder),
      .left(third, 6)),
    .link("claim", .initiator, 16, .claim(StableID(name: named).value)),
    .link("claimed-free", .responder, 13, .claimed(claimed(nil, 0))),
    .link("claimed-held", .responder, 14, .claimed(claimed(.alive, 300))),
    .link("compare", .initiator, 17, .compare(bits: 2, first: 1, [0x0102_0304, 0])),
    .link("contents", .responder, 15, .contents, .alive(nameless)),
    .link("compared", .responder, 16, .compared(bits: 2, next: 3, members: 300)),
    .open("hello", .hello(Hello(version: 1, nonce: nonce, sender: initiator))),
    .open("challenge", .challenge(Challenge(nonce: nonce, sender: responder, cookie: cookie))),
    .open(
      "connect",
      .connect(Connect(nonce: nonce, cookie: cookie, sender: initiator, need: .high, window: 64))),
    .open("accept", .accept(answer(300), [])),
    .open("refuse", .refuse(answer(1), records)),
    .open("refuse-version", .refuse(answer(3), [])),
    .link("acknowledge", .responder, 2, .acknowledge(highest: 1, count: 1)),
    .link("gossip-own", .initiator, 1, gossip(initiator, first: 1, [Array("hello".utf8)])),
    .link(
      "gossip-run", .initiator, 2,
      gossip(initiator, first: 127, [Array("one".utf8), [], Array("three".utf8)])),
    .link(
      "gossip-forwarded", .responder, 300,
      gossip(third, .bestEffort, isTagged: true, hops: 2, first: 16_384, [[0xa1, 1, 2]])),
    .link(
      "digest", .responder, 4,
      .digest(
        asking: false,
        [
          .init(initiator, floor: 200, available: 200),
          .init(third, floor: 10, available: 4, ranges: [run(12, 13), run(314, 314)]),
        ])),
    .link("digest-asking", .responder, 1, .digest(asking: true, [.init(responder, floor: 0)])),
    .link("request", .initiator, 7, .request(origin: third, floor: 10, [run(11, 11), run(14, 312)])),
    .link("probe", .initiator, 8, .probe),
    .link("prune", .responder, 8, .prune),
    .link("graft", .initiator, 9, .graft, .request(origin: third, floor: 10, [run(11, 11)])),
    .link("forward-join", .initiator, 10, .forwardJoin(ForwardJoin(ttl: 6, newcomer: records[0]))),
    .link(
      "shuffle", .initiator, 11,
      .shuffle(
        Shuffle(hops: 0, ttl: 6, nonce: nonce, origin: PeerRecord(id: initiator, endpoint: .zero)),
        Array(records.prefix(1)))),
    .link(
      "shuffle-forwarded", .responder, 12,
      .shuffle(Shuffle(hops: 1, ttl: 5, nonce: nonce, origin: records[1]), Array(records.prefix(1)))),
    .open("shuffle-reply", .shuffleReply(ShuffleReply(nonce: nonce, sender: third), records)),
    .link(
      "rumour-feedback", .responder, 12,
      .rumourFeedback([
        RumourVerdict(run: RumourRun(origin: initiator, first: 1, length: 3), isNeeded: true),
        RumourVerdict(run: RumourRun(origin: third, first: 300, length: 1), isNeeded: false),
      ])),
    .link(
      "rumour-pull", .initiator, 13, .rumourPull([RumourRun(origin: third, first: 7, length: 2)])),
    .link("disconnect", .responder, 65_535, .disconnect([])),
    .link(
      "full-frame", .responder, 11, .acknowledge(highest: 1, count: 1),
      .request(origin: third, floor: 0, [run(1, 5)]),
      .digest(asking: false, [.init(responder, floor: 2, available: 2)]),
      gossip(responder, first: 2, [Array("ride along".utf8)])),
  ]
}

@Suite("Wire: the examples of Docs/wire.md")
struct VectorTests {
  @Test("the document's examples are those that are tested")
  func complete() {
    let keys = [
      "open-key", "link-key-from-initiator", "link-key-from-responder", "member-key", "id-of-name",
      "id-of-address",
    ]
    #expect(Set(documented.keys) == Set(WireVector.all.map(\.name) + keys))
  }

  @Test(
    "an example decodes to what the document says, and encodes to the same bytes", arguments: WireVector.all)
  func vector(vector: WireVector) throws {
    let bytes = try #require(documented[vector.name])
    #expect(messages(in: bytes, sender: vector.senderID) == vector.messages)
    #expect(vector.frame == bytes)
    if vector.sender == .initiator || vector.sender == .responder {
      #expect(bytes[5...6].elementsEqual([UInt8(vector.number >> 8), UInt8(vector.number & 0xff)]))
    }
  }

  @Test("the keys follow as the document says")
  func keys() {
    func bytes(_ value: UInt64) -> [UInt8] { written { $0.write(value) } }
    let keys = Neighbourhood.linkKeys(
      nonce: WireVector.nonce, cookie: WireVector.cookie, initiator: WireVector.initiator,
      responder: WireVector.responder)
    #expect(documented["open-key"] == bytes(Neighbourhood.openKey(clusterName: "example")))
    let openKey = Neighbourhood.openKey(clusterName: "example")
    #expect(documented["member-key"] == bytes(Frame.memberKey(openKey, run: WireVector.responder)))
    #expect(documented["id-of-name"] == bytes(StableID(name: "alpha").value))
    let address = Endpoint(ipv4: 0xc000_0203, port: 7_946)
    #expect(documented["id-of-address"] == bytes(StableID(address: address).value))
    #expect(documented["link-key-from-initiator"] == bytes(keys.fromInitiator))
    #expect(documented["link-key-from-responder"] == bytes(keys.fromResponder))
  }
}
