// The wire: recorded datagrams there and back, and everything that is not one.

import GrapevineCore
import Pittacus
import Testing

@Suite("Pittacus: the wire")
struct CodecTests {
  private static let peerID = PittacusID(bytes: 0x7f00_0001_9c41_5f00)

  @Test("recorded datagrams are read as what they say")
  func fields() throws {
    let five = PittacusVersion(number: 5, id: Self.peerID)
    #expect(try Decoded(Vectors.hello) == .hello(1, Vectors.peer))
    #expect(try Decoded(Vectors.welcome) == .welcome(1, answers: 1, Vectors.seed))
    #expect(try Decoded(Vectors.emptyStatus) == .status(2, []))
    #expect(try Decoded(Vectors.data) == .data(2, five, Array("five!\0".utf8)))
    #expect(try Decoded(Vectors.acknowledgement) == .acknowledgement(3, of: 2))
    #expect(try Decoded(Vectors.echo) == .data(4, five, Array("five!\0".utf8)))
    #expect(try Decoded(Vectors.status) == .status(5, [five]))
    #expect(
      try Decoded(Vectors.repair)
        == .data(11, PittacusVersion(number: 6, id: Self.peerID), Array("six!\0".utf8)))
    #expect(try Decoded(Vectors.memberList) == .memberList(0x16, [Vectors.peer]))
    #expect(try Decoded(Vectors.memberListOfTwo) == .memberList(0x1b, [Vectors.peer, Vectors.secondPeer]))
    #expect(try Decoded(Vectors.ipv6Hello) == .hello(1, Vectors.ipv6Peer))
    #expect(
      try Decoded(Vectors.ipv6Data)
        == .data(2, PittacusVersion(number: 1, id: Vectors.ipv6Peer.id), Array("hi".utf8)))
    #expect(
      try Decoded(Vectors.demoStatus)
        == .status(
          0x21,
          [
            PittacusVersion(number: 1, id: PittacusID(bytes: 0x7f00_0001_cb56_6b01)),
            PittacusVersion(number: 1, id: PittacusID(bytes: 0x7f00_0001_a1d3_6b01)),
          ]))
    #expect(
      try Decoded(Vectors.demoData)
        == .data(
          0x16, PittacusVersion(number: 1, id: PittacusID(bytes: 0x7f00_0001_cb56_6b01)),
          Array("[A]: Hello World (ts = 1795272019)\0".utf8)))
  }

  @Test("recorded datagrams are written as they were", arguments: Vectors.all)
  func sameBytes(datagram: [UInt8]) throws {
    #expect(try Decoded(datagram).encoded == datagram)
  }

  @Test("ids are made as the original makes them")
  func ids() {
    #expect(Vectors.peer.id == Self.peerID)
    #expect(Vectors.ipv6Peer.id == PittacusID(bytes: 0x0000_0000_9c44_6b01))
  }

  @Test("every prefix of a recorded datagram is refused, and nothing traps", arguments: Vectors.all)
  func truncated(datagram: [UInt8]) {
    for length in 0..<datagram.count {
      let error = #expect(throws: DecodeError.self) { try Decoded(Array(datagram[0..<length])) }
      #expect(error == .truncated || error == .outOfRange)
    }
  }

  @Test("what is not of this protocol is refused")
  func foreign() {
    for (index, byte) in [(0, 0x71), (4, 1), (5, 0), (5, 7), (5, 255)] as [(Int, UInt8)] {
      var bytes = Vectors.hello
      bytes[index] = byte
      #expect(throws: DecodeError.unknownKind) { try Decoded(bytes) }
    }
  }

  @Test("the reserved bytes and what follows the last field are ignored, but not in DATA")
  func slack() throws {
    for datagram in Vectors.all {
      var bytes = datagram
      (bytes[6], bytes[7]) = (0xab, 0xcd)
      #expect(try Decoded(bytes) == Decoded(datagram))
      bytes += [1, 2, 3, 4, 5, 6, 7, 8]
      if try Decoded(datagram).kind == .data {
        #expect(throws: DecodeError.outOfRange) { try Decoded(bytes) }
      } else {
        #expect(try Decoded(bytes) == Decoded(datagram))
      }
    }
  }

  @Test("DATA may be empty and up to 512 bytes long, and has the length that it says")
  func dataLengths() throws {
    let version = PittacusVersion(number: 1, id: Self.peerID)
    for length in [0, 1, 486] {
      let message = Decoded.data(1, version, [UInt8](repeating: 7, count: length))
      #expect(message.encoded.count == 26 + length)
      #expect(try Decoded(message.encoded) == message)
    }
    var short = Vectors.data
    short[25] = 5
    #expect(throws: DecodeError.outOfRange) { try Decoded(short) }
    let long = Vectors.emptyStatus + [UInt8](repeating: 0, count: 499)
    #expect(throws: DecodeError.outOfRange) { try Decoded(long) }
  }

  @Test("a STATUS has up to 20 records and not one more")
  func statusLengths() throws {
    let versions = (0..<20).map { PittacusVersion(number: $0, id: PittacusID(bytes: UInt64($0) << 32)) }
    let full = Decoded.status(9, versions)
    #expect(full.encoded.count == 254)
    #expect(try Decoded(full.encoded) == full)
    for count in [21, 41, 65_535] as [UInt16] {
      var bytes = full.encoded + [UInt8](repeating: 0, count: 255)
      (bytes[12], bytes[13]) = (UInt8(count >> 8), UInt8(count & 0xff))
      #expect(throws: DecodeError.outOfRange) { try Decoded(bytes) }
    }
  }

  @Test("a list of more members than its bytes hold is refused")
  func listLengths() throws {
    var bytes = Vectors.memberListOfTwo
    bytes[13] = 3
    #expect(throws: DecodeError.truncated) { try Decoded(bytes) }
    bytes[12] = 0xff
    #expect(throws: DecodeError.truncated) { try Decoded(bytes) }
    bytes[12] = 0
    bytes[13] = 0
    #expect(try Decoded(bytes) == .memberList(0x1b, []))
  }

  @Test(
    "an address of another length than IPv4's or IPv6's is refused",
    arguments: [0, 1, 15, 17, 27, 29, 300, 0xffff_ffff] as [UInt32])
  func addressLengths(length: UInt32) {
    for (datagram, offset) in [
      (Vectors.hello, 18), (Vectors.welcome, 22), (Vectors.memberList, 20), (Vectors.ipv6Hello, 18),
    ] {
      var bytes = datagram + [UInt8](repeating: 0, count: 400)
      for index in 0..<4 { bytes[offset + index] = UInt8(truncatingIfNeeded: length >> (24 - 8 * index)) }
      #expect(throws: DecodeError.outOfRange) { try Decoded(bytes) }
    }
  }

  @Test("the length and the family must agree")
  func families() {
    for (datagram, family) in [
      (Vectors.hello, [10, 0]), (Vectors.hello, [0, 2]), (Vectors.hello, [0x1c, 0x1e]),
      (Vectors.ipv6Hello, [2, 0]), (Vectors.ipv6Hello, [0x10, 2]), (Vectors.ipv6Hello, [0, 10]),
    ] as [([UInt8], [UInt8])] {
      #expect(throws: DecodeError.outOfRange) {
        try Decoded(Array(datagram[0..<22]) + family + Array(datagram[24...]))
      }
    }
  }

  @Test("addresses as BSD lays them out are read, and written as Linux does")
  func bsdLayout() throws {
    for (datagram, family) in [
      (Vectors.hello, [0x10, 2]), (Vectors.ipv6Hello, [0x1c, 0x1e]), (Vectors.ipv6Hello, [0x1c, 0x1c]),
    ] as [([UInt8], [UInt8])] {
      let foreign = Array(datagram[0..<22]) + family + Array(datagram[24...])
      #expect(try Decoded(foreign) == Decoded(datagram))
      #expect(try Decoded(foreign).encoded == datagram)
    }
  }

  @Test("nobody can introduce itself with an address that nothing can be sent to")
  func unusableSenders() throws {
    let unusable = [
      Endpoint(ipv4: 0x7f00_0001, port: 0), Endpoint(ipv4: 0, port: 1), Endpoint(ipv4: .max, port: 1),
      Endpoint(ipv4: 0xe000_0001, port: 1), Endpoint(high: 0, low: 0, port: 1),
      Endpoint(high: 0xff02 << 48, low: 1, port: 1), Endpoint(high: 1, low: 1, port: 0),
    ].map { PittacusMember(endpoint: $0, uid: 1) }
    for member in unusable {
      #expect(throws: DecodeError.outOfRange) { try Decoded(Decoded.hello(1, member).encoded) }
      #expect(throws: DecodeError.outOfRange) {
        try Decoded(Decoded.welcome(1, answers: 1, member).encoded)
      }
      // In a list it is left to the reader, because the others in it are good.
      let list = try Decoded(Decoded.memberList(1, [member, Vectors.peer]).encoded)
      guard case .memberList(_, let members) = list else {
        Issue.record("\(list) is no list")
        return
      }
      #expect(members.map(\.endpoint.isUsable) == [false, true])
    }
    // An IPv4 address that hides in an IPv6 record: sockets of that family cannot send to the other form.
    var mapped = Vectors.ipv6Hello
    (mapped[40], mapped[41], mapped[42]) = (0xff, 0xff, 10)
    #expect(throws: DecodeError.outOfRange) { try Decoded(mapped) }
  }

  @Test("random and damaged bytes never trap")
  func fuzz() {
    var generator = Generator(seed: 7)
    for round in 0..<20_000 {
      var bytes = Vectors.all[generator.below(Vectors.all.count)]
      if round % 4 == 0 {
        bytes = Array(bytes[0..<6]) + (0..<generator.below(540)).map { _ in UInt8(generator.below(256)) }
      }
      for _ in 0..<generator.below(5) { bytes[generator.below(bytes.count)] = UInt8(generator.below(256)) }
      if generator.chance(0.2) { bytes.removeLast(generator.below(bytes.count)) }
      guard let message = try? Decoded(bytes) else { continue }
      // What was understood is written in one way only.
      #expect((try? Decoded(message.encoded)) != nil || bytes.count > 500)
    }
  }
}
