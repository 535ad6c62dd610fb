import Testing

@testable import GrapevineCore

@Suite("Sketch: the symbols of a set that changes")
struct SketchTests {
  @Test("the symbols are those of the set, whatever came and went")
  func changes() {
    let items = SketchModel.items(300, seed: 1)
    var sketch = Sketch(key: SketchModel.key, limit: 1 << 10, pendingLimit: 4)
    for place in items.indices { sketch.insert(items[place], at: place) }
    sketch.insert(0, at: 0)
    for place in 100..<200 { sketch.remove(items[place], at: place) }
    let (all, count, size) = (sketch.all, sketch.count, sketch.size)
    #expect(all == SketchModel.symbols(of: Array(items[..<100] + items[200...]), size: 256))
    #expect((count, size) == (200, 256))
    for place in items.indices where !(100..<200).contains(place) { sketch.remove(items[place], at: place) }
    let isEmpty = sketch.all.allSatisfy(\.isEmpty)
    #expect(isEmpty)
    let beyond = (sketch[-1], sketch[256], sketch[.max])
    #expect(beyond.0.isEmpty && beyond.1.isEmpty && beyond.2.isEmpty)
  }

  @Test("sizes stay powers of two within the limit")
  func sizes() {
    var small = Sketch(key: 1, limit: 64, pendingLimit: 0)
    let (first, grew) = (small.size, small.grow())
    #expect(first == 64 && !grew)

    var sketch = Sketch(key: 1, limit: 1 << 12, pendingLimit: 0)
    let isFewer = sketch.grow(to: 200)
    let grows = sketch.grow(to: 600)
    let growsTwice = sketch.grow()
    #expect((isFewer, grows, growsTwice) == (false, true, false))
    let (before, isGrowing) = (sketch.size, sketch.isGrowing)
    let isDone = sketch.continueGrowth(places: 0, budget: 0) { _ in 1 }
    let after = sketch.size
    #expect((before, isGrowing, isDone, after) == (256, true, true, 1_024))
    sketch.grow(to: .max)
    sketch.continueGrowth(places: 0, budget: 1) { _ in 1 }
    let most = sketch.size
    sketch.shrink(to: 0)
    let least = sketch.size
    sketch.shrink(to: 1 << 20)
    let still = sketch.size
    #expect((most, least, still) == (1 << 12, 64, 64))
    #expect(Sketch.bytes(limit: 64, pendingLimit: 4) == 64 * 16 + 4 * 16)
  }

  @Test("growth looks at no more places in a call than it may")
  func slices() {
    let items = SketchModel.items(100, seed: 2)
    var sketch = Sketch(key: SketchModel.key, limit: 1 << 10, pendingLimit: 0)
    for place in items.indices { sketch.insert(items[place], at: place) }
    sketch.grow()
    var looked: [Int] = []
    var calls = 0
    while sketch.isGrowing {
      let before = looked.count
      sketch.continueGrowth(places: items.count, budget: 30) { place in
        looked.append(place)
        return items[place]
      }
      #expect(looked.count - before <= 30)
      calls += 1
    }
    #expect(looked == Array(items.indices))
    #expect(calls == 4)
    let all = sketch.all
    #expect(all == SketchModel.symbols(of: items, size: 512))
  }

  @Test("the version changes with symbols that can be read, and with nothing else")
  func version() {
    var sketch = Sketch(key: 1, limit: 1 << 10, pendingLimit: 2)
    var versions = [sketch.version]
    sketch.insert(5, at: 0)
    versions.append(sketch.version)
    sketch.freeze()
    sketch.insert(6, at: 1)
    sketch.grow()
    sketch.continueGrowth(places: 2, budget: 9) { [5, 6][$0] }
    versions.append(sketch.version)
    sketch.thaw()
    versions.append(sketch.version)
    sketch.freeze()
    sketch.thaw()
    versions.append(sketch.version)
    sketch.shrink(to: 64)
    versions.append(sketch.version)
    #expect(versions == [0, 1, 1, 2, 2, 2])
  }

  @Test("a frozen sketch stays as it is until more changes come than can wait")
  func freezing() {
    let items = SketchModel.items(10, seed: 3)
    var sketch = Sketch(key: SketchModel.key, limit: 256, pendingLimit: 3)
    for place in 0..<5 { sketch.insert(items[place], at: place) }
    sketch.freeze()
    sketch.remove(items[0], at: 0)
    for place in 5..<7 { sketch.insert(items[place], at: place) }
    let (frozen, count) = (sketch.all, sketch.count)
    #expect(frozen == SketchModel.symbols(of: Array(items[..<5]), size: 256))
    #expect(count == 5)
    sketch.insert(items[7], at: 7)
    let (thawed, isFrozen) = (sketch.all, sketch.isFrozen)
    #expect(thawed == SketchModel.symbols(of: Array(items[1..<8]), size: 256))
    #expect(!isFrozen)
  }

  /// A set as its owner keeps it, and what its sketch should say.
  private struct Model {
    var table = [UInt64](repeating: 0, count: 120)
    /// The set as it was when it was frozen.
    var frozen: [UInt64]?
    var waiting = 0
    var draws: Generator

    mutating func change(_ sketch: inout Sketch) {
      let place = draws.below(table.count)
      let old = table[place]
      table[place] = old == 0 ? draws.next() | 1 : 0
      if frozen != nil {
        waiting += 1
        if waiting > 20 { frozen = nil }
      }
      if old == 0 { sketch.insert(table[place], at: place) } else { sketch.remove(old, at: place) }
    }
  }

  @Test("changes, slices of growth, freezing, thawing and shrinking in any order", arguments: 1...6)
  func anyOrder(seed: UInt64) {
    var model = Model(draws: Generator(seed: seed))
    var sketch = Sketch(key: SketchModel.key, limit: 512, pendingLimit: 20)
    sketch.shrink(to: 64)
    var grown = 0
    var grownFrozen = 0
    for step in 0..<3_000 {
      switch model.draws.below(32) {
      case 0:
        sketch.freeze()
        if model.frozen == nil {
          model.frozen = model.table
          model.waiting = 0
        }
      case 1:
        sketch.thaw()
        model.frozen = nil
      case 2...3: sketch.grow()
      case 4...12:
        let wasGrowing = sketch.isGrowing
        let isDone = sketch.continueGrowth(places: model.table.count, budget: 15) { model.table[$0] }
        if wasGrowing, isDone {
          grown += 1
          if model.frozen != nil, model.waiting > 0 { grownFrozen += 1 }
        }
      case 13:
        if model.draws.chance(0.2) { sketch.shrink(to: 64) }
      default: model.change(&sketch)
      }
      guard step % 20 == 0 else { continue }
      let (all, size, isFrozen) = (sketch.all, sketch.size, sketch.isFrozen)
      let items = (model.frozen ?? model.table).filter { $0 != 0 }
      #expect(isFrozen == (model.frozen != nil))
      #expect(all == SketchModel.symbols(of: items, size: size), "step \(step)")
    }
    #expect(grown > 10 && grownFrozen > 1)
  }
}
