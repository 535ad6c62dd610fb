import Testing

@testable import GrapevineCore

@Suite("Cursor: reading never leaves the bytes")
struct CursorTests {
  static let boundaries: [(UInt64, Int)] = [
    (0, 1), (1, 1), (127, 1), (128, 2), (16_383, 2), (16_384, 3), (1 << 21 - 1, 3), (1 << 21, 4),
    (1 << 28 - 1, 4), (1 << 28, 5), (1 << 35 - 1, 5), (1 << 35, 6), (1 << 42 - 1, 6), (1 << 42, 7),
    (1 << 49 - 1, 7), (1 << 49, 8), (1 << 56 - 1, 8), (1 << 56, 9), (1 << 63 - 1, 9), (1 << 63, 10),
    (.max, 10),
  ]

  @Test("a variable-length integer takes the bytes it should and comes back", arguments: boundaries)
  func variable(value: UInt64, length: Int) throws {
    let bytes = written { $0.writeVariable(value) }
    #expect(bytes.count == length)
    #expect(variableLength(value) == length)
    let back = try read(bytes) { cursor in (try cursor.readVariable(), cursor.remaining) }
    #expect(back == (value, 0))
  }

  @Test("a variable-length integer that is cut short is refused at every length", arguments: boundaries)
  func cutVariable(value: UInt64, length: Int) {
    let bytes = written { $0.writeVariable(value) }
    for kept in 0..<length {
      #expect(throws: DecodeError.truncated) { try read(Array(bytes[..<kept])) { try $0.readVariable() } }
    }
  }

  @Test(
    "variable-length integers that overflow or are longer than they need be are refused",
    arguments: [
      [UInt8](repeating: 0xff, count: 9) + [0x02], [UInt8](repeating: 0xff, count: 9) + [0x7f],
      [UInt8](repeating: 0xff, count: 10) + [0x00], [UInt8](repeating: 0x80, count: 10) + [0x01],
      [UInt8](repeating: 0x80, count: 40), [0x80, 0x00], [0xff, 0x00], [0x80, 0x80, 0x00],
      [UInt8](repeating: 0x80, count: 9) + [0x00],
    ])
  func overlong(bytes: [UInt8]) {
    #expect(throws: DecodeError.outOfRange) { try read(bytes) { try $0.readVariable() } }
  }

  @Test("a number outside the field's range is refused")
  func range() throws {
    for (value, isAllowed) in [(4, false), (5, true), (300, true), (301, false)] as [(UInt64, Bool)] {
      let bytes = written { $0.writeVariable(value) }
      let back = try? read(bytes) { try $0.readVariable(in: 5...300) }
      #expect(back == (isAllowed ? value : nil))
    }
  }

  @Test("integers are big-endian, and are refused when a byte is missing")
  func fixed() throws {
    let bytes: [UInt8] = [1, 2, 3, 4, 5, 6, 7, 8]
    #expect(try read(bytes) { try $0.read(UInt64.self) } == 0x0102_0304_0506_0708)
    #expect(try read(bytes) { try $0.read(UInt16.self) } == 0x0102)
    for kept in 0..<8 {
      #expect(throws: DecodeError.truncated) { try read(Array(bytes[..<kept])) { try $0.read(UInt64.self) } }
    }
  }

  @Test(
    "a claimed length is believed only as far as the bytes go",
    arguments: [5, 6, 1 << 31, 1 << 63, .max] as [UInt64])
  func claims(count: UInt64) throws {
    let remaining = try read([1, 2, 3, 4]) { cursor in
      #expect(throws: DecodeError.truncated) { try cursor.readBytes(count) }
      let remaining = cursor.remaining
      let rest = Array(try cursor.readBytes(4))
      #expect(rest == [1, 2, 3, 4])
      return remaining
    }
    #expect(remaining == 4)
  }

  @Test("reading anything from anything is total")
  func total() {
    var generator = Generator(seed: 3)
    var outcomes = (read: 0, refused: 0)
    for _ in 0..<20_000 {
      let bytes = (0..<generator.below(40)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      let message = try? read(bytes) { cursor in try WireMessage(from: &cursor, sender: 1) }
      if message == nil { outcomes.refused += 1 } else { outcomes.read += 1 }
    }
    #expect(outcomes.read > 100 && outcomes.refused > 100)
  }
}
