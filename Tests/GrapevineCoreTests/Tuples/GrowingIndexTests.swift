import Testing

@testable import GrapevineCore

@Suite("GrowingIndex: against a dictionary")
struct GrowingIndexTests {
  /// What hashes the places have.
  enum Hashes: CaseIterable { case random, few, equal, highBits }

  private static func hash(_ hashes: Hashes, _ generator: inout Generator) -> UInt64 {
    switch hashes {
    case .random: generator.next()
    case .few: UInt64(generator.below(5))
    case .equal: 7
    case .highBits: generator.next() << 40
    }
  }

  @Test(
    "places that enter and leave are found, and no others", arguments: Hashes.allCases,
    [1, 15, 16, 17, 100, 600])
  func model(hashes: Hashes, capacity: Int) {
    var index = GrowingIndex(capacity: capacity)
    var model: [Int: UInt64] = [:]
    var generator = Generator(seed: UInt64(capacity))
    // Fills up, and empties, and fills up again.
    for step in 0..<6_000 {
      let place = generator.below(capacity)
      let isFilling = step / 1_500 % 2 == 0
      if let hash = model[place] {
        guard generator.chance(isFilling ? 0.2 : 0.8) else { continue }
        model[place] = nil
        index.leave(place, hash)
      } else if generator.chance(isFilling ? 0.9 : 0.2) {
        let hash = Self.hash(hashes, &generator)
        index.enter(place, hash)
        model[place] = hash
      }
      let probed = generator.below(capacity)
      let hash = model[probed] ?? Self.hash(hashes, &generator)
      let found = index.find(hash) { $0 == probed }
      expect(found == (model[probed] == nil ? nil : probed))
    }
    for place in 0..<capacity {
      guard let hash = model[place] else { continue }
      let found = index.find(hash) { $0 == place }
      expect(found == place)
    }
    // Whoever looks for one hash is asked about no place twice, and about all that have it.
    for hash in Set(model.values).prefix(20) {
      var asked: [Int] = []
      let found = index.find(hash) { place in
        asked.append(place)
        return false
      }
      expect(found == nil && Set(asked).count == asked.count)
      expect(Set(asked).isSuperset(of: model.filter { $0.value == hash }.keys))
    }
  }

  @Test("chains stay short when the hashes are good")
  func chains() {
    var index = GrowingIndex(capacity: 5_000)
    var generator = Generator(seed: 3)
    let hashes = (0..<5_000).map { _ in generator.next() }
    for place in hashes.indices { index.enter(place, hashes[place]) }
    var asked = 0
    for place in hashes.indices {
      let found = index.find(hashes[place]) { candidate in
        asked += 1
        return candidate == place
      }
      expect(found == place)
    }
    expect(asked < 2 * 5_000)
  }

  @Test("a place that is not there cannot leave")
  func strangers() {
    var index = GrowingIndex(capacity: 20)
    for place in 0..<10 { index.enter(place, 1) }
    index.leave(15, 1)
    index.leave(3, 2)
    for place in 0..<10 {
      let found = index.find(1) { $0 == place }
      expect(found == place)
    }
  }
}
