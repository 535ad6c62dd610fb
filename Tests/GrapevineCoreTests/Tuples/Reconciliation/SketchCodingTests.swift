import Testing

@testable import GrapevineCore

@Suite("Sketch: symbols in a datagram")
struct SketchCodingTests {
  @Test("the symbols of a set come back, in the bytes that were said", arguments: [0, 1, 10, 5_000])
  func roundTrip(count: Int) throws {
    let symbols = SketchModel.symbols(of: SketchModel.items(count, seed: 1), size: 256)
    let coding = SketchCoding(items: UInt64(count))
    var lengths: [Int] = []
    let bytes = written { writer in
      for index in symbols.indices {
        let before = writer.count
        coding.write(symbols[index], at: index, to: &writer)
        lengths.append(writer.count - before)
      }
    }
    #expect(lengths == symbols.indices.map { coding.length(of: symbols[$0], at: $0) })
    #expect(lengths.allSatisfy { $0 >= 13 && $0 <= SketchCoding.symbolLimit })
    let back = try read(bytes) { cursor in
      var back: [SketchSymbol] = []
      while cursor.remaining > 0 { back.append(try coding.read(at: back.count, from: &cursor)) }
      return back
    }
    #expect(back == symbols)
    #expect(Double(bytes.count) / 256 <= 14)
  }

  @Test(
    "any symbol comes back, with any size and index",
    arguments: [0, 1, -1, 63, -64, 1_000_000, .max, .min] as [Int32],
    [0, 1, 1_000_000, UInt64(Int32.max), .max] as [UInt64])
  func anySymbol(count: Int32, items: UInt64) throws {
    let coding = SketchCoding(items: items)
    for index in [0, 1, 2, 100, 1 << 22, .max, -1, .min] {
      let symbol = SketchSymbol(sum: .max, check: .max, count: count)
      let bytes = written { coding.write(symbol, at: index, to: &$0) }
      #expect(bytes.count <= SketchCoding.symbolLimit)
      #expect(try read(bytes) { try coding.read(at: index, from: &$0) } == symbol)
    }
  }

  @Test("the count is said as its distance from what is expected")
  func bytes() {
    let symbol = SketchSymbol(sum: 0x0102_0304_0506_0708, check: 0x090a_0b0c, count: 49)
    // Expected of 100 items at index 2: 50.
    let bytes = written { SketchCoding(items: 100).write(symbol, at: 2, to: &$0) }
    #expect(bytes == [1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  }

  @Test("a symbol that is cut short is refused at every byte", arguments: [0, 1_000, .max] as [Int32])
  func cut(count: Int32) {
    let coding = SketchCoding(items: 10)
    let symbol = SketchSymbol(sum: 5, check: 6, count: count)
    let bytes = written { coding.write(symbol, at: 3, to: &$0) }
    for kept in 0..<bytes.count {
      #expect(throws: DecodeError.truncated) {
        try read(Array(bytes[..<kept])) { try coding.read(at: 3, from: &$0) }
      }
    }
  }

  @Test("a distance that leads beyond 32 bits leads to their end, and a larger one is refused")
  func clamped() throws {
    let coding = SketchCoding(items: .max)
    for (zigzag, count) in [(1 << 34, Int32.max), (1 << 34 - 1, .min)] as [(UInt64, Int32)] {
      let bytes = written { writer in
        writer.writeVariable(zigzag)
        writer.write(UInt64(1))
        writer.write(UInt32(2))
      }
      let symbol = try read(bytes) { try coding.read(at: 0, from: &$0) }
      #expect(symbol == SketchSymbol(sum: 1, check: 2, count: count))
    }
    for zigzag in [1 << 34 + 1, .max] as [UInt64] {
      let bytes = written { $0.writeVariable(zigzag) } + [UInt8](repeating: 0, count: 12)
      #expect(throws: DecodeError.outOfRange) { try read(bytes) { try coding.read(at: 0, from: &$0) } }
    }
  }

  @Test("random bytes are a symbol or an error")
  func randomBytes() {
    var draws = Generator(seed: 4)
    var read = 0
    for _ in 0..<2_000 {
      let bytes = (0..<draws.below(20)).map { _ in UInt8(truncatingIfNeeded: draws.next()) }
      let coding = SketchCoding(items: draws.next() >> draws.below(64))
      let index = draws.below(1 << 22)
      let symbol = try? GrapevineCoreTests.read(bytes) { try coding.read(at: index, from: &$0) }
      if symbol != nil { read += 1 }
    }
    #expect(read > 0 && read < 2_000)
  }
}
