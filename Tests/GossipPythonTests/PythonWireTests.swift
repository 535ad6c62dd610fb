// The captured vectors and what is wrong with datagrams.

@testable import GossipPython
import GrapevineCore
import Testing

func bytes(hex: String) -> [UInt8] {
  let digits = hex.filter { $0 != " " }
  return stride(from: 0, to: digits.count, by: 2).map { offset in
    let start = digits.index(digits.startIndex, offsetBy: offset)
    return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) ?? 0
  }
}

func read(_ bytes: [UInt8]) throws -> PythonDatagram {
  try bytes.withUnsafeBytes { try PythonDatagram(reading: $0) }
}

func read(_ text: String) throws -> PythonDatagram { try read(Array(text.utf8)) }

func failure(_ text: String) -> PythonWireError? {
  do {
    _ = try read(text)
    return nil
  } catch {
    return error as? PythonWireError
  }
}

func address(_ text: String) throws -> PythonMultiaddress {
  try #require(PythonMultiaddress(reading: Array(text.utf8)))
}

func member(_ uid: Int, _ port: Int) throws -> PythonMember {
  PythonMember(uid: .number(uid), address: try address("/ip4/127.0.0.1/udp/\(port)"))
}

func local(_ port: Int) -> Endpoint { Endpoint(ipv4: 0x7f00_0001, port: UInt16(port)) }

@Suite("gossip_python: the wire")
struct PythonWireTests {
  private func vector(_ hex: String, _ expected: PythonDatagram) throws {
    let bytes = bytes(hex: hex)
    let datagram = try read(bytes)
    #expect(datagram == expected)
    #expect(datagram.bytes == bytes)
  }

  private func record(_ sequence: Int, _ port: Int, _ uid: Int) -> PythonRecord {
    PythonRecord(sequence: sequence, id: Array("/ip4/127.0.0.1/udp/\(port)/uid/\(uid)".utf8))
  }

  @Test("P1 to P4: greetings, also with the uid of an original")
  func greetings() throws {
    try vector(
      """
      30313030 30303030 30303031 31373935 32373230 32382e35 34373030 32332f69 70342f31 32372e30 2e302e31 2f756470 \
      2f373037 30
      """,
      PythonDatagram(
        sequence: 0,
        .hello(
          PythonMember(
            uid: .fraction(Array("1795272028.547".utf8)), address: try address("/ip4/127.0.0.1/udp/7070")))))
    try vector(
      """
      30313030 30303037 30303031 34333231 30303234 2f697034 2f313237 2e302e30 2e312f75 64702f31 39313031
      """, PythonDatagram(sequence: 7, .hello(try member(4_321, 19_101))))
    try vector(
      """
      30323030 30303030 30303037 30303031 31373935 32373233 35342e30 37313030 32342f69 70342f31 32372e30 2e302e31 \
      2f756470 2f313830 3830
      """,
      PythonDatagram(
        sequence: 0,
        .welcome(
          echo: 7,
          PythonMember(
            uid: .fraction(Array("1795272354.071".utf8)), address: try address("/ip4/127.0.0.1/udp/18080")))))
    try vector(
      """
      30323030 30303031 30303030 30303031 31323334 30303234 2f697034 2f313237 2e302e30 2e312f75 64702f31 38323130
      """, PythonDatagram(sequence: 1, .welcome(echo: 0, try member(1_234, 18_210))))
  }

  @Test("P5 to P7: lists")
  func lists() throws {
    try vector(
      """
      30333030 30303030 30303031 30303031 34333232 30303234 2f697034 2f313237 2e302e30 2e312f75 64702f31 39313032
      """, PythonDatagram(sequence: 0, .memberList([try member(4_322, 19_102)])))
    try vector("30333030 30303030 30303030", PythonDatagram(sequence: 0, .memberList([])))
    try vector(
      """
      30333030 30303030 30303031 30303031 34333231 30303234 2f697034 2f313237 2e302e30 2e312f75 64702f31 39313032
      """, PythonDatagram(sequence: 0, .memberList([try member(4_321, 19_102)])))
  }

  @Test("P8 and P9: acknowledgements")
  func acknowledgements() throws {
    try vector("30343030 30303030 30303030", PythonDatagram(sequence: 0, .acknowledgement(0)))
    try vector("30343030 30303131 30303030", PythonDatagram(sequence: 11, .acknowledgement(0)))
  }

  @Test("P10 to P12: messages")
  func messages() throws {
    try vector(
      """
      30353030 30303030 30303030 30303030 30303330 62273030 32334869 20746865 72652120 31373935 32373230 32383535 \
      3527
      """,
      PythonDatagram(
        sequence: 0,
        .data(PythonRecord(sequence: 0, id: []), Array("b'0023Hi there! 1795272028555'".utf8))))
    try vector(
      """
      30353030 30303131 30303031 30303333 2f697034 2f313237 2e302e30 2e312f75 64702f31 39313031 2f756964 2f343332 \
      31303030 336f6e65
      """, PythonDatagram(sequence: 11, .data(record(1, 19_101, 4_321), Array("one".utf8))))
    try vector(
      """
      30353030 30303030 30303035 30303333 2f697034 2f313237 2e302e30 2e312f75 64702f31 39313031 2f756964 2f343332 \
      31303030 34666976 65
      """, PythonDatagram(sequence: 0, .data(record(5, 19_101, 4_321), Array("five".utf8))))
  }

  @Test("P13 to P15: clocks")
  func clocks() throws {
    try vector(
      "30363030 30303030 30303030 30303030", PythonDatagram(sequence: 0, .status(PythonClock(records: []))))
    try vector(
      "30363030 30303030 30303030 30303031 30303030 30303030",
      PythonDatagram(sequence: 0, .status(PythonClock(records: [PythonRecord(sequence: 0, id: [])]))))
    try vector(
      """
      30363030 30303030 30303030 30303032 30303031 30303333 2f697034 2f313237 2e302e30 2e312f75 64702f31 39313032 \
      2f756964 2f343332 32303030 35303033 332f6970 342f3132 372e302e 302e312f 7564702f 31393130 312f7569 642f3433 \
      3231
      """,
      PythonDatagram(
        sequence: 0, .status(PythonClock(records: [record(1, 19_102, 4_322), record(5, 19_101, 4_321)]))))
  }

  @Test("the older labels are read, and written back as they came")
  func olderLabels() throws {
    let text = "01000007000143210024/ip/127.0.0.1/port/7070x"
    let older = try address("/ip/127.0.0.1/port/7070")
    #expect(older.endpoint == local(7_070))
    let datagram = try read(text.replacing("0024", with: "0023").dropLast().description)
    #expect(datagram.message == .hello(PythonMember(uid: .number(4_321), address: older)))
    #expect(
      String(decoding: datagram.bytes, as: UTF8.self) == text.replacing("0024", with: "0023").dropLast())
    #expect(PythonMultiaddress(local(7_070))?.text == Array("/ip4/127.0.0.1/udp/7070".utf8))
    #expect(PythonMultiaddress(Endpoint(high: 1, low: 1, port: 1)) == nil)
  }

  @Test("numbers are read as leniently as Python reads them", arguments: ["  +7", "07  ", "0_07", " 7\t "])
  func lenientNumbers(field: String) throws {
    #expect(try read("0400" + field + "0000").sequence == 7)
  }

  @Test(
    "what is no number is told",
    arguments: [
      "04000_7_0000", "0400-0010000", "0400    0000", "0400++010000", "04001__00000", "ab0000000000",
    ])
  func badNumbers(text: String) {
    #expect(failure(text) == .numberInvalid)
  }

  @Test(
    "malformed datagrams are told, each by what is wrong with it",
    arguments: [
      ("", PythonWireError.truncated), ("0400000", .truncated), ("07000000", .typeUnknown(7)),
      ("00000000", .typeUnknown(0)), ("04000000", .truncated), ("040000000000x", .trailingBytes),
      ("030000000001", .truncated), ("0300000000020001", .truncated), ("010000000001", .truncated),
      ("01000007000143210024/ip4/127.0.0.1/udp/1910", .addressInvalid),
      ("01000007000143210011/ip4/1.2.3.", .addressInvalid),
      ("01000007000143219999/ip4/127.0.0.1/udp/19101", .addressInvalid),
      ("0100000000011795272028.5479999/ip4/127.0.0.1/udp/7070", .addressInvalid),
      ("010000000001179527x028.5470023/ip4/127.0.0.1/udp/7070", .numberInvalid),
      ("0100000000011.95.72028.5470023/ip4/127.0.0.1/udp/7070", .numberInvalid),
      ("050000000001000", .truncated), ("0500000000010002ab0003on", .truncated),
      ("0500000000010002 b0003one", .textInvalid), ("0500000000010200", .truncated),
      ("0600000000000002", .truncated), ("060000000000000100010004abc", .truncated),
    ])
  func malformed(text: String, error: PythonWireError) {
    #expect(failure(text) == error)
  }

  @Test("texts that are not UTF-8 and names that are too long are told")
  func badTexts() {
    let notUTF8 = Array("0500000000010002ab0002".utf8) + [0xc3, 0x28]
    #expect(throws: PythonWireError.textInvalid) { try read(notUTF8) }
    let long = Array("0500000000010097".utf8) + Array(repeating: 0x61, count: 97) + Array("0000".utf8)
    #expect(throws: PythonWireError.textInvalid) { try read(long) }
  }

  @Test("hosts that are no IPv4 address have no endpoint, and do not spoil a list")
  func unusableHosts() throws {
    for host in [
      "/ip4/localhost/udp/7070", "/ip6/::1/udp/7070", "/ip4/1.2.3.4/udp/0", "/ip4/1.2.3.256/udp/1",
    ] {
      #expect(try address(host).endpoint == nil)
    }
    #expect(PythonMultiaddress(reading: Array("ip4/1.2.3.4/udp/1/".utf8)) == nil)
    let good = try read(
      "030000000002000143210023/ip4/localhost/udp/7070000143220024/ip4/127.0.0.1/udp/19102")
    guard case .memberList(let members) = good.message else {
      Issue.record("\(good) instead of a list")
      return
    }
    #expect(members.map(\.address.endpoint) == [nil, local(19_102)])
  }

  @Test("what follows the last field is not looked at")
  func trailing() throws {
    #expect(try read("03000000000099").message == .memberList([]))
    #expect(try read("040000070000  ").message == .acknowledgement(0))
  }

  @Test("numbers that do not fit are written as the largest that do")
  func clamped() {
    #expect(
      PythonDatagram(sequence: 12_345, .acknowledgement(-1), reserved: 100).bytes
        == Array("049999990000".utf8))
  }

  @Test("literals and lengths around payloads are taken off, and left where they do not fit")
  func payloads() {
    var rules = PythonPayloadRules()
    let original = Array("b'0023Hi there! 1795272028555'".utf8)
    #expect(unwrap(original, rules) == original)
    rules.stripsBytesLiteral = true
    #expect(unwrap(original, rules) == Array("0023Hi there! 1795272028555".utf8))
    rules.hasLength = true
    #expect(unwrap(original, rules) == Array("Hi there! 1795272028555".utf8))
    #expect(unwrap(Array("0009short".utf8), rules) == Array("0009short".utf8))
    #expect(unwrap(Array(#"b'\x00\xff\\\'\n'"#.utf8), rules) == [0, 0xff, 0x5c, 0x27, 0x0a])
    for text in [#"b'\q'"#, #"b'\x0'"#, "b'a'b'", "b'", "b'a\"", #"b'\'"#] {
      #expect(unwrap(Array(text.utf8), rules) == Array(text.utf8))
    }
  }
}

private func unwrap(_ payload: [UInt8], _ rules: PythonPayloadRules) -> [UInt8] { rules.unwrapped(payload) }
