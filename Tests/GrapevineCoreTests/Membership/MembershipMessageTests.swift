import Testing

@testable import GrapevineCore

private let nameLimit = GrapevineCore.Member.nameLimit
private let tagLimit = GrapevineCore.Member.tagLimit

@Suite("Members: messages")
struct MembershipMessageTests {
  static func held(_ status: MemberStatus?) -> WireMessage {
    var claimed = Claimed(id: 9, observed: World.endpoint(7))
    (claimed.status, claimed.incarnation) = (status, .max)
    if claimed.isHeld { (claimed.run, claimed.endpoint) = (8, MessageTests.records[1].endpoint) }
    return .claimed(claimed)
  }

  static func record(_ change: (inout AliveRecord) -> Void) -> WireMessage {
    var record = AliveRecord(3)
    change(&record)
    return .alive(record)
  }

  static let samples: [WireMessage] = [
    .ping(0), .ping(.max), .pingRequest(7, id: .max), .pingAnswer(1), .pingInVain(2),
    .alive(AliveRecord(1)), .alive(AliveRecord(2, run: .max, incarnation: .max, name: "née")),
    record { record in
      record.endpoint = MessageTests.records[1].endpoint
      record.name = [UInt8](repeating: 0x61, count: nameLimit)
      record.tags = [1, 0x61, 250] + [UInt8](repeating: 0x62, count: 250) + [1, 0x62, 0]
    },
    .suspect(1, 0, by: .max), .failed(.max, .max, by: 1), .left(5, 128),
    .claim(0), .claim(.max), held(nil), held(.alive), held(.suspect), held(.failed), held(.left),
    .compare(bits: 0, first: 0, [7]), .compare(bits: 16, first: 65_472, [UInt32](repeating: .max, count: 64)),
    .contents, .compared(bits: 0, next: 0, members: 1), .compared(bits: 16, next: 65_536, members: .max),
  ]

  @Test("every message comes back as it was", arguments: samples)
  func roundTrip(message: WireMessage) throws {
    let back = try read(bytes(of: [message])) { cursor in
      (try WireMessage(from: &cursor, sender: 1), cursor.remaining)
    }
    #expect(back == (message, 0))
  }

  @Test("every message that is cut short is refused, at every length", arguments: samples)
  func cut(message: WireMessage) {
    let bytes = bytes(of: [message])
    for kept in 0..<bytes.count {
      #expect(throws: DecodeError.truncated) {
        try read(Array(bytes[..<kept])) { try WireMessage(from: &$0, sender: 1) }
      }
    }
  }

  @Test(
    "what is out of its range is refused",
    arguments: [
      .alive(AliveRecord(1, run: 0)), .suspect(0, 1, by: 2), .suspect(1, 1, by: 0), .failed(1, 1, by: 0),
      .left(0, 1), .alive(AliveRecord(1, name: "tab\t")), .alive(AliveRecord(1, name: "\u{7f}")),
      record { $0.name = [0x61, 0xff] }, record { $0.name = [0xc0, 0x80] },
      record { $0.name = [0xed, 0xa0, 0x80] },
      record { $0.name = [UInt8](repeating: 0x61, count: nameLimit + 1) },
      record { $0.tags = [UInt8](repeating: 1, count: tagLimit + 1) },
      record { $0.tags = [1, 0x61, 1, 0xff] },
    ] as [WireMessage])
  func outOfRange(message: WireMessage) {
    #expect(throws: DecodeError.outOfRange) {
      try read(bytes(of: [message])) { try WireMessage(from: &$0, sender: 1) }
    }
  }

  @Test("statuses, families and incarnations that there are not are refused")
  func fields() {
    let claimed = bytes(of: [Self.held(nil)])
    let status = 1 + 8 + 7
    for raw in [5, 6, 255] as [UInt8] {
      var bytes = claimed
      bytes[status] = raw
      #expect(throws: DecodeError.outOfRange) { try read(bytes) { try WireMessage(from: &$0, sender: 1) } }
    }
    for family in [0, 5, 7, 255] as [UInt8] {
      var bytes = claimed
      bytes[9] = family
      #expect(throws: DecodeError.outOfRange) { try read(bytes) { try WireMessage(from: &$0, sender: 1) } }
    }
    // An incarnation of 2^32.
    let beyond = [MessageKind.left] + [UInt8](repeating: 1, count: 8) + [0x80, 0x80, 0x80, 0x80, 0x10]
    #expect(throws: DecodeError.outOfRange) { try read(beyond) { try WireMessage(from: &$0, sender: 1) } }
  }

  @Test("the longest announcement fits into the smallest datagram with all that surrounds it")
  func longest() {
    var record = AliveRecord(1, run: .max, incarnation: .max)
    record.endpoint = MessageTests.records[1].endpoint
    record.name = [UInt8](repeating: 0x61, count: nameLimit)
    record.tags = [UInt8](repeating: 0, count: tagLimit)
    let length = bytes(of: [.alive(record)]).count
    #expect(length == AliveNews.lengthLimit)
    #expect(Frame.memberHeader + length + 5 <= 512)
    #expect(bytes(of: [.suspect(.max, .max, by: .max)]).count == Verdict.lengthLimit)
  }
}

@Suite("Members: names and tags")
struct MemberDataTests {
  private func areTags(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes(MemberData.areTags) }
  private func isName(_ bytes: [UInt8]) -> Bool { bytes.withUnsafeBytes(MemberData.isName) }

  @Test("tags come back as they were")
  func tags() throws {
    for tags in [
      [:], ["": ""].filter { !$0.key.isEmpty }, ["a": ""], ["zone": "eu", "rôle": "süß", "a": "1"],
    ] {
      let bytes = try MemberData.encode(tags)
      #expect(areTags(bytes))
      #expect(bytes.withUnsafeBytes(MemberData.decode) == tags)
    }
  }

  @Test(
    "bytes that no tags are written as are refused",
    arguments: [
      [0], [1], [1, 0x61], [0, 1, 0x61], [1, 0x61, 1], [2, 0x61, 0], [1, 0x61, 0, 0], [255, 0x61],
      [1, 0x62, 0, 1, 0x61, 0], [1, 0x61, 0, 1, 0x61, 0], [1, 0xff, 0], [1, 0x61, 2, 0x61, 0xc3],
    ] as [[UInt8]])
  func malformed(bytes: [UInt8]) {
    #expect(!areTags(bytes))
  }

  @Test("tags that are too long are refused, and say what is allowed")
  func long() {
    for tags in [
      ["": "1"], [String(repeating: "k", count: 256): ""], ["k": String(repeating: "v", count: 256)],
      ["a": String(repeating: "v", count: 125), "b": String(repeating: "v", count: 126)],
    ] {
      #expect(throws: MemberDataError.self) { try MemberData.encode(tags) }
    }
    #expect(throws: Never.self) {
      try MemberData.encode([
        "a": String(repeating: "v", count: 125), "b": String(repeating: "v", count: 125),
      ])
    }
  }

  @Test("names are UTF-8 without control characters, of a limited length")
  func names() throws {
    #expect(isName([]) && isName(Array("søren".utf8)) && isName(Array("a b".utf8)))
    for bytes in [[0], [0x1f], [0x7f], [0x61, 0x0a], [0xff], [0xc3], [0x80], [0xf5, 0x80, 0x80, 0x80]]
      as [[UInt8]]
    {
      #expect(!isName(bytes))
    }
    try MemberData.check(name: String(repeating: "n", count: nameLimit))
    #expect(throws: MemberDataError.self) {
      try MemberData.check(name: String(repeating: "n", count: nameLimit + 1))
    }
    #expect(throws: MemberDataError.self) { try MemberData.check(name: "new\nline") }
  }
}
