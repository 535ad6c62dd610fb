import Testing

@testable import GrapevineCore

@Suite("Sketch: finding what two sets differ in")
struct SketchDecoderTests {
  /// Who has the items that the other has not.
  enum Side: CaseIterable, Sendable {
    case theirs, ours, both
  }

  /// Two sets with 300 items in common.
  private struct Pair {
    var ours: [UInt64]
    var theirs: [UInt64]
    var onlyOurs: Set<UInt64>
    var onlyTheirs: Set<UInt64>

    init(differences: Int, _ side: Side, seed: UInt64) {
      let items = SketchModel.items(300 + differences, seed: seed)
      let common = items[..<300]
      let split =
        switch side {
        case .theirs: 300
        case .ours: items.count
        case .both: 300 + differences / 2
        }
      onlyOurs = Set(items[300..<split])
      onlyTheirs = Set(items[split...])
      ours = Array(common + items[300..<split])
      theirs = Array(common + items[split...])
    }
  }

  @Test(
    "all differences are found, and on which side they are",
    arguments: [0, 1, 2, 3, 4, 7, 16, 50, 200, 1_000], Side.allCases)
  func finds(differences: Int, side: Side) {
    let pair = Pair(differences: differences, side, seed: UInt64(differences) + 1)
    let ours = SketchModel.sketch(of: pair.ours, size: 2_048)
    let theirs = SketchModel.sketch(of: pair.theirs, size: 2_048)
    var decoder = SketchDecoder(limit: 2_048)
    decoder.begin(key: SketchModel.key)
    var isNew = true
    while !decoder.isDecoded, decoder.received < 2_048 {
      if decoder.received == decoder.bound { decoder.extend(to: max(64, decoder.bound * 2), own: ours) }
      let index = decoder.firstMissing
      isNew = decoder.add(theirs[index], at: index) && isNew
    }
    let (isDecoded, found, received) = (decoder.isDecoded, decoder.differences, decoder.received)
    #expect(isDecoded && isNew)
    #expect(found.theirs == pair.onlyTheirs)
    #expect(found.ours == pair.onlyOurs)
    #expect(decoder.count == differences)
    #expect(received <= max(1, differences * 6))
  }

  @Test("symbols may come in any order, twice, and out of bounds", arguments: 1...5)
  func anyOrder(seed: UInt64) {
    let pair = Pair(differences: 60, .both, seed: seed)
    let ours = SketchModel.sketch(of: pair.ours, size: 256)
    let theirs = SketchModel.sketch(of: pair.theirs, size: 256)
    var draws = Generator(seed: seed)
    var decoder = SketchDecoder(limit: 256)
    decoder.begin(key: SketchModel.key)
    decoder.extend(to: 200, own: ours)
    let refused = [-1, 200, 255, .max, .min].map { decoder.add(theirs[0], at: $0) }
    #expect(refused == [Bool](repeating: false, count: 5))
    for index in (0..<200).shuffled(using: &draws) {
      let first = decoder.add(theirs[index], at: index)
      let second = decoder.add(theirs[(index + 1) % 200], at: index)
      #expect((first, second) == (true, false))
    }
    let (isDecoded, found) = (decoder.isDecoded, decoder.differences)
    #expect(isDecoded)
    #expect(found.theirs == pair.onlyTheirs && found.ours == pair.onlyOurs)
    let (received, missing) = (decoder.received, decoder.firstMissing)
    #expect((received, missing) == (200, 200))
  }

  @Test("some symbols may never come")
  func gaps() {
    let pair = Pair(differences: 40, .both, seed: 8)
    let ours = SketchModel.sketch(of: pair.ours, size: 256)
    let theirs = SketchModel.sketch(of: pair.theirs, size: 256)
    var decoder = SketchDecoder(limit: 256)
    decoder.begin(key: SketchModel.key)
    decoder.extend(to: 256, own: ours)
    for index in 0..<256 where index % 5 != 3 { decoder.add(theirs[index], at: index) }
    let (isDecoded, found, missing) = (decoder.isDecoded, decoder.differences, decoder.firstMissing)
    #expect(isDecoded && missing == 3)
    #expect(found.theirs == pair.onlyTheirs && found.ours == pair.onlyOurs)
  }

  @Test("little by little comes out what comes out at once")
  func slices() {
    let pair = Pair(differences: 100, .both, seed: 9)
    let ours = SketchModel.sketch(of: pair.ours, size: 512)
    let theirs = SketchModel.sketch(of: pair.theirs, size: 512)
    var decoder = SketchDecoder(limit: 512)
    decoder.begin(key: SketchModel.key)
    for index in 0..<300 {
      // The bound goes along symbol by symbol, and items found before go on into the new part.
      decoder.extend(to: index + 1, own: ours)
      decoder.add(theirs[index], at: index, budget: 0)
      let isIdle = decoder.peel(budget: 1)
      if index % 50 == 49, !isIdle { while !decoder.peel(budget: 3) {} }
    }
    while !decoder.peel(budget: 1) {}
    let (isDecoded, found) = (decoder.isDecoded, decoder.differences)
    #expect(isDecoded)
    #expect(found.theirs == pair.onlyTheirs && found.ours == pair.onlyOurs)
  }

  @Test("a decoder can be used again, and takes no more symbols than both sides have")
  func again() {
    var decoder = SketchDecoder(limit: 128)
    for seed in 1...3 as ClosedRange<UInt64> {
      let pair = Pair(differences: 20, .both, seed: seed)
      let ours = SketchModel.sketch(of: pair.ours, size: 64 << Int(seed - 1), key: seed)
      let theirs = SketchModel.sketch(of: pair.theirs, size: 256, key: seed)
      decoder.begin(key: seed)
      let isFresh = decoder.bound == 0 && decoder.count == 0 && decoder.received == 0 && !decoder.isDecoded
      #expect(isFresh)
      decoder.extend(to: .max, own: ours)
      decoder.extend(to: -5, own: ours)
      let bound = decoder.bound
      #expect(bound == min(128, 64 << Int(seed - 1)))
      for index in 0..<bound { decoder.add(theirs[index], at: index) }
      let (isDecoded, found) = (decoder.isDecoded, decoder.differences)
      #expect(isDecoded)
      #expect(found.theirs == pair.onlyTheirs && found.ours == pair.onlyOurs)
      let beyond = (decoder.item(20), decoder.item(-1), decoder.isTheirs(20), decoder.isTheirs(-1))
      #expect(beyond == (0, 0, false, false))
    }
  }

  @Test("symbols of another key do not decode")
  func otherKey() {
    let pair = Pair(differences: 3, .both, seed: 11)
    let ours = SketchModel.sketch(of: pair.ours, size: 256, key: 1)
    let theirs = SketchModel.sketch(of: pair.theirs, size: 256, key: 2)
    var decoder = SketchDecoder(limit: 256)
    decoder.begin(key: 1)
    decoder.extend(to: 256, own: ours)
    for index in 0..<256 { decoder.add(theirs[index], at: index) }
    let isDecoded = decoder.isDecoded
    #expect(!isDecoded)
  }
}
