// The wire: what real nodes were recorded to say, there and back, and everything that is not a message.

import GrapevineCore
import Testing
import ZGossip

/// A message with bytes of its own, so that it can be kept and compared.
enum Decoded: Equatable {
  case hello, ping, pong, invalid
  case publish(String, String, timeToLive: UInt32)
  case native([UInt8])

  init(_ bytes: [UInt8]) throws {
    self = try bytes.withUnsafeBytes { bytes in
      switch try ZGossipMessage(decoding: bytes) {
      case .hello: .hello
      case .ping: .ping
      case .pong: .pong
      case .invalid: .invalid
      case .native(let payload): .native(Array(payload))
      case .publish(let key, let value, let timeToLive):
        .publish(
          String(decoding: key, as: UTF8.self), String(decoding: value, as: UTF8.self),
          timeToLive: timeToLive)
      }
    }
  }

  /// Writes it into `room` bytes; nil when that writes nothing.
  func encoded(room: Int) -> [UInt8]? {
    switch self {
    case .hello: written(.hello, room)
    case .ping: written(.ping, room)
    case .pong: written(.pong, room)
    case .invalid: written(.invalid, room)
    case .native(let payload): payload.withUnsafeBytes { written(.native($0), room) }
    case .publish(let key, let value, let timeToLive):
      Array(key.utf8).withUnsafeBytes { key in
        Array(value.utf8).withUnsafeBytes { value in
          written(.publish(key: key, value: value, timeToLive: timeToLive), room)
        }
      }
    }
  }
}

private func written(_ message: ZGossipMessage, _ room: Int) -> [UInt8]? {
  var bytes = [UInt8](repeating: 0xee, count: room)
  let size = bytes.withUnsafeMutableBytes { message.write(into: $0) }
  #expect(bytes[size...].allSatisfy { $0 == 0xee })
  #expect(size == 0 || size == message.encodedSize)
  return size == 0 ? nil : Array(bytes[..<size])
}

private func bytes(_ hex: String) -> [UInt8] {
  let digits = hex.compactMap(\.hexDigitValue)
  return stride(from: 0, to: digits.count, by: 2).map { UInt8(digits[$0] * 16 + digits[$0 + 1]) }
}

@Suite("zgossip: the wire")
struct ZGossipMessageTests {
  /// Recorded from CZMQ 4.2.1, but for the last, which is ours.
  static let vectors: [(String, Decoded)] = [
    ("aaa0 01 01", .hello),
    ("aaa0 03 01", .ping),
    ("aaa0 04 01", .pong),
    ("aaa0 05 01", .invalid),
    ("aaa0 02 01 04 62657461 00000003 74776f 00000000", .publish("beta", "two", timeToLive: 0)),
    (
      "aaa0 02 01 05 616c706861 00000010 7463703a2f2f31302e302e302e313a31 00000000",
      .publish("alpha", "tcp://10.0.0.1:1", timeToLive: 0)
    ),
    ("aaa0 02 01 05 67616d6d61 00000005 7468726565 00001388", .publish("gamma", "three", timeToLive: 5_000)),
    ("aaa0 02 01 05 64656c7461 00000004 666f7572 00001388", .publish("delta", "four", timeToLive: 5_000)),
    ("aaa0 02 01 03 6f6e65 00000001 31 00000000", .publish("one", "1", timeToLive: 0)),
    ("aaa0 02 01 00 00000000 00000000", .publish("", "", timeToLive: 0)),
    ("aaa0 10 01 0102ff", .native([1, 2, 0xff])),
  ]

  @Test("recorded messages are read as what they say, and written as they were", arguments: vectors)
  func recorded(hex: String, message: Decoded) throws {
    let bytes = bytes(hex)
    #expect(try Decoded(bytes) == message)
    #expect(message.encoded(room: bytes.count + 9) == bytes)
    #expect(message.encoded(room: bytes.count) == bytes)
    for room in 0..<bytes.count { #expect(message.encoded(room: room) == nil) }
  }

  @Test("every prefix is refused, and bytes behind the end are passed over", arguments: vectors)
  func lengths(hex: String, message: Decoded) throws {
    let bytes = bytes(hex)
    guard message != .native([1, 2, 0xff]) else { return }
    for length in 0..<bytes.count {
      #expect(throws: DecodeError.truncated) { try Decoded(Array(bytes[..<length])) }
    }
    #expect(try Decoded(bytes + [0xaa, 0xa0, 2]) == message)
  }

  @Test("heads that differ in one byte from a good one are refused for the right reason")
  func heads() {
    for value in UInt8.min...UInt8.max {
      let rest = [UInt8](repeating: 0, count: 9)
      for kind in ZGossipKind.allCases {
        if value != 0xaa { refused([value, 0xa0, kind.rawValue, 1] + rest, .unknownKind) }
        if value != 0xa0 { refused([0xaa, value, kind.rawValue, 1] + rest, .unknownKind) }
        if value != 1 { refused([0xaa, 0xa0, kind.rawValue, value] + rest, .outOfRange) }
      }
      if ZGossipKind(rawValue: value) == nil { refused([0xaa, 0xa0, value, 1] + rest, .unknownKind) }
    }
  }

  private func refused(_ bytes: [UInt8], _ error: DecodeError) {
    #expect(throws: error) { try Decoded(bytes) }
  }

  @Test("lengths that claim more than there is are refused")
  func claims() {
    refused(bytes("aaa0 02 01 05 62657461 00000003 74776f 00000000"), .truncated)
    refused(bytes("aaa0 02 01 ff 62657461 00000003 74776f 00000000"), .truncated)
    refused(bytes("aaa0 02 01 04 62657461 00000004 74776f 00000000"), .truncated)
    refused(bytes("aaa0 02 01 04 62657461 ffffffff 74776f 00000000"), .truncated)
    refused(bytes("aaa0 02 01 04 62657461 80000000 74776f 00000000"), .truncated)
  }

  @Test("a zero byte ends a key and a value, as in C")
  func zeroBytes() throws {
    #expect(
      try Decoded(bytes("aaa0 02 01 03 780079 00000003 760077 00000001"))
        == .publish("x", "v", timeToLive: 1))
    #expect(
      try Decoded(bytes("aaa0 02 01 01 00 00000001 00 00000001")) == .publish("", "", timeToLive: 1))
  }

  @Test("what would not arrive is not written")
  func unsendable() {
    let key = String(repeating: "k", count: 255)
    #expect(Decoded.publish(key, "", timeToLive: 0).encoded(room: 999)?.count == 13 + 255)
    #expect(Decoded.publish(key + "k", "", timeToLive: 0).encoded(room: 999) == nil)
    #expect(Decoded.publish("a\0b", "v", timeToLive: 0).encoded(room: 999) == nil)
    #expect(Decoded.publish("a", "v\0", timeToLive: 0).encoded(room: 999) == nil)
  }

  @Test("whatever the bytes are, reading ends, and what it read is in them")
  func chance() throws {
    var generator = Generator(seed: 7)
    let magic = bytes("aaa0 02 01 03")
    var read = 0
    for _ in 0..<20_000 {
      var bytes = (0..<Int.random(in: 0...40, using: &generator)).map { _ in
        UInt8.random(in: 0...255, using: &generator)
      }
      for (index, byte) in magic.enumerated() where index < bytes.count { bytes[index] = byte }
      if bytes.count > 11, Bool.random(using: &generator) {
        bytes.replaceSubrange(8..<12, with: [0, 0, 0, 9])
      }
      guard let message = try? Decoded(bytes) else { continue }
      read += 1
      guard case .publish(let key, let value, _) = message else {
        Issue.record("\(message)")
        continue
      }
      #expect(key.count <= 3 && value.count <= 9)
    }
    #expect(read > 1_000)
  }
}
