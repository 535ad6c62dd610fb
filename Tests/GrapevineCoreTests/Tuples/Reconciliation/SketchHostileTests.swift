import Testing

@testable import GrapevineCore

@Suite("Sketch: symbols of liars end")
struct SketchHostileTests {
  private let size = 512

  /// A decoder of 512 symbols, with a set of ours of 50 items.
  private func decoder() -> SketchDecoder {
    let ours = SketchModel.sketch(of: SketchModel.items(50, seed: 99), size: size)
    var decoder = SketchDecoder(limit: size)
    decoder.begin(key: SketchModel.key)
    decoder.extend(to: size, own: ours)
    return decoder
  }

  /// The symbol of a single item, with a check that is right.
  private func pure(_ item: UInt64, count: Int32 = 1) -> SketchSymbol {
    SketchSymbol(sum: item, check: SketchSymbol.check(of: item, key: SketchModel.key), count: count)
  }

  @Test("random symbols, and those with the most extreme counts", arguments: 1...10)
  func random(seed: UInt64) {
    var draws = Generator(seed: seed)
    var decoder = decoder()
    let counts: [Int32] = [0, 1, -1, .max, .min]
    for index in (0..<size).shuffled(using: &draws) {
      let check = UInt32(truncatingIfNeeded: draws.next())
      decoder.add(SketchSymbol(sum: draws.next(), check: check, count: counts[draws.below(5)]), at: index)
    }
    let (count, isDecoded, received) = (decoder.count, decoder.isDecoded, decoder.received)
    #expect(count <= 1 && !isDecoded && received == size)
  }

  @Test("every symbol a single item with the right check, of this or of that side", arguments: 1...10)
  func liars(seed: UInt64) {
    var draws = Generator(seed: seed)
    let ours = SketchModel.sketch(of: [], size: size)
    var decoder = SketchDecoder(limit: size)
    decoder.begin(key: SketchModel.key)
    decoder.extend(to: size, own: ours)
    for index in 0..<size {
      decoder.add(pure(draws.next() | 1, count: draws.chance(0.5) ? 1 : -1), at: index)
    }
    let (count, isIdle) = (decoder.count, decoder.peel())
    #expect(count >= 1 && count <= size && isIdle)
  }

  @Test("an item that is put back each time it is taken out")
  func forEver() throws {
    let item = try #require(
      SketchModel.items(100, seed: 5).first { SketchModel.indexes(of: $0, below: 2) == [0, 1] })
    let ours = SketchModel.sketch(of: [], size: size)
    var decoder = SketchDecoder(limit: size)
    decoder.begin(key: SketchModel.key)
    decoder.extend(to: size, own: ours)
    // Taken out of symbol 0 it appears in symbol 1, from where it is taken out of symbol 0, where it appears.
    decoder.add(SketchSymbol(sum: 0, check: 0, count: 2), at: 1)
    decoder.add(pure(item), at: 0)
    let (isStuck, count, isDecoded, isIdle) = (
      decoder.isStuck, decoder.count, decoder.isDecoded, decoder.peel()
    )
    #expect(isStuck && count == size && !isDecoded && isIdle)
    let isTaken = decoder.add(pure(7), at: 5)
    #expect(!isTaken)
    decoder.begin(key: 1)
    let isStillStuck = decoder.isStuck
    #expect(!isStillStuck)
  }

  @Test("two symbols that each show an item of the other")
  func crossed() throws {
    let items = SketchModel.items(4_000, seed: 6)
    let first = try #require(
      items.first {
        let indexes = SketchModel.indexes(of: $0, below: 5)
        return indexes.contains(4) && !indexes.contains(3)
      })
    let second = try #require(
      items.first {
        let indexes = SketchModel.indexes(of: $0, below: 5)
        return indexes.contains(3) && !indexes.contains(4)
      })
    let ours = SketchModel.sketch(of: [], size: size)
    var decoder = SketchDecoder(limit: size)
    decoder.begin(key: SketchModel.key)
    decoder.extend(to: size, own: ours)
    decoder.add(pure(first), at: 3)
    decoder.add(pure(second), at: 4)
    let (count, isIdle, isStuck) = (decoder.count, decoder.peel(), decoder.isStuck)
    #expect(count == 0 && isIdle && !isStuck)
    // What was refused has left no trace: an honest symbol elsewhere is still what it was.
    let honest = try #require(
      items.first { SketchModel.indexes(of: $0, below: 5) == [0, 1, 2] && $0 != first && $0 != second })
    for index in 0..<size where index != 3 && index != 4 {
      let isPart = SketchModel.indexes(of: honest, below: size).contains(index)
      decoder.add(isPart ? pure(honest) : SketchSymbol(), at: index)
    }
    let (isDecoded, found) = (decoder.isDecoded, decoder.differences)
    #expect(isDecoded && found.theirs == [honest] && found.ours.isEmpty)
  }

  @Test("two items that are equal cancel in sum and check, and are never found")
  func collision() {
    let item = SketchModel.items(1, seed: 7)[0]
    let others = SketchModel.items(10, seed: 8)
    let ours = SketchModel.sketch(of: [], size: size)
    let theirs = SketchModel.sketch(of: others + [item, item], size: size)
    var decoder = SketchDecoder(limit: size)
    decoder.begin(key: SketchModel.key)
    decoder.extend(to: size, own: ours)
    for index in 0..<size { decoder.add(theirs[index], at: index) }
    let (isDecoded, isStuck, found) = (decoder.isDecoded, decoder.isStuck, decoder.differences)
    #expect(!isDecoded && !isStuck)
    #expect(found.theirs == Set(others))
  }

  @Test("a set of ours that is another one than at the last extension")
  func inconsistent() {
    let items = SketchModel.items(200, seed: 10)
    let before = SketchModel.sketch(of: Array(items[..<100]), size: size)
    let after = SketchModel.sketch(of: Array(items[50...]), size: size)
    var decoder = SketchDecoder(limit: size)
    decoder.begin(key: SketchModel.key)
    decoder.extend(to: 64, own: before)
    for index in 0..<64 { decoder.add(after[index], at: index) }
    decoder.extend(to: size, own: after)
    for index in 64..<size { decoder.add(before[index], at: index) }
    let (count, isIdle) = (decoder.count, decoder.peel())
    #expect(count <= size && isIdle)
  }
}
