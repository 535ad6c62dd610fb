@testable import GrapevineCore

/// Sets whose symbols are computed anew each time, to compare with.
enum SketchModel {
  static let key: UInt64 = 0x1234_5678_9abc_def0

  /// The first symbols of a set, by definition.
  static func symbols(of items: [UInt64], size: Int, key: UInt64 = key) -> [SketchSymbol] {
    var symbols = [SketchSymbol](repeating: SketchSymbol(), count: size)
    for item in items {
      for index in indexes(of: item, below: size, key: key) {
        symbols[index].sum ^= item
        symbols[index].check ^= SketchSymbol.check(of: item, key: key)
        symbols[index].count += 1
      }
    }
    return symbols
  }

  static func indexes(of item: UInt64, below bound: Int, key: UInt64 = key) -> [Int] {
    var indexes: [Int] = []
    var mapping = SketchMapping(item: item, key: key)
    while mapping.index < bound {
      indexes.append(mapping.index)
      mapping.advance()
    }
    return indexes
  }

  /// Different items, never 0.
  static func items(_ count: Int, seed: UInt64) -> [UInt64] {
    var draws = Generator(seed: seed)
    return (0..<count).map { _ in draws.next() | 1 }
  }

  /// A sketch of `items` with `size` symbols.
  static func sketch(of items: [UInt64], size: Int, key: UInt64 = key) -> Sketch {
    var sketch = Sketch(key: key, limit: max(size, 64), pendingLimit: 16)
    sketch.grow(to: size)
    sketch.continueGrowth(places: 0, budget: 1) { _ in 0 }
    for place in items.indices { sketch.insert(items[place], at: place) }
    return sketch
  }
}

extension Sketch {
  /// All symbols that can be read.
  var all: [SketchSymbol] {
    var symbols: [SketchSymbol] = []
    for index in 0..<size { symbols.append(self[index]) }
    return symbols
  }
}

extension SketchDecoder {
  /// What was found: the items of theirs and of ours.
  var differences: (theirs: Set<UInt64>, ours: Set<UInt64>) {
    var (theirs, ours): (Set<UInt64>, Set<UInt64>) = ([], [])
    for index in 0..<count {
      if isTheirs(index) { theirs.insert(item(index)) } else { ours.insert(item(index)) }
    }
    return (theirs, ours)
  }
}
