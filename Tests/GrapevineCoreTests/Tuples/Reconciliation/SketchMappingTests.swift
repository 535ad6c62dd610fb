import Testing

@testable import GrapevineCore

@Suite("Sketch: which symbols an item is part of")
struct SketchMappingTests {
  @Test("an item's indexes begin with 0, rise, and are the same each time and other ones with another key")
  func rising() {
    for item in SketchModel.items(200, seed: 1) {
      let indexes = SketchModel.indexes(of: item, below: 1 << 20)
      #expect(indexes.first == 0)
      #expect(zip(indexes, indexes.dropFirst()).allSatisfy { $0 < $1 })
      #expect(indexes == SketchModel.indexes(of: item, below: 1 << 20))
      #expect(indexes != SketchModel.indexes(of: item, below: 1 << 20, key: 7))
    }
  }

  @Test("an index is hit with probability 1 / (1 + i / 2)")
  func distribution() {
    let count = 30_000
    var hits = [Int](repeating: 0, count: 512)
    for item in SketchModel.items(count, seed: 2) {
      for index in SketchModel.indexes(of: item, below: 512) { hits[index] += 1 }
    }
    #expect(hits[0] == count)
    // The closed form is a little off at first: (3/2 / 5/2)^2 = 0.36 of the items skip index 1, not a third.
    #expect(abs(Double(hits[1]) / Double(count) - 0.64) < 0.01)
    #expect(abs(Double(hits[2]) / Double(count) - 0.49) < 0.01)
    for range in [3..<6, 6..<12, 12..<32, 32..<128, 128..<512] {
      let expected = range.reduce(0) { $0 + Double(count) / (1 + 0.5 * Double($1)) }
      let found = Double(hits[range].reduce(0, +))
      #expect(abs(found / expected - 1) < 0.02, "\(range): \(found) of \(expected)")
    }
  }

  @Test("a change touches ten symbols of the start")
  func steps() {
    let items = SketchModel.items(2_000, seed: 3)
    let steps = items.reduce(0) { $0 + SketchModel.indexes(of: $1, below: Sketch.startSize).count }
    let mean = Double(steps) / Double(items.count)
    #expect(mean > 9.9 && mean < 10.7)
  }

  @Test("all members draw alike: the indexes of two items are what they always were")
  func vectors() {
    #expect(
      SketchModel.indexes(of: 1, below: 1 << 16, key: 0)
        == [0, 1, 3, 5, 43, 566, 602, 694, 3_763, 5_527, 11_508, 24_647, 25_813, 34_799])
    #expect(
      SketchModel.indexes(of: 0xfedc_ba98_7654_3210, below: 1 << 16, key: 0x0123_4567_89ab_cdef)
        == [0, 1, 3, 8, 14, 16, 45, 64, 104, 162, 237, 239, 276, 578, 856, 972, 1_596, 1_869, 36_940, 62_194])
    #expect(SketchSymbol.check(of: 1, key: 2) == 189_891_013)
  }

  @Test("any item can be asked for its next index for ever")
  func ends() {
    for item in [0, 1, .max, 1 << 63, 0x5f89_e29b_8742_bd31] as [UInt64] {
      var mapping = SketchMapping(item: item, key: 0)
      var last = -1
      for _ in 0..<10_000 {
        let isFurther = mapping.index > last || mapping.index >= 1 << 22
        #expect(isFurther)
        last = mapping.index
        mapping.advance()
      }
      #expect(last >= 1 << 22)
    }
  }
}
