// What it costs to compare two large sets.

import GrapevineCore
import GrapevineTransport

enum ReconciliationBenchmark {
  /// Items of each of the two sets.
  private static let items = 1_000_000
  /// Symbols, enough for 100,000 differences.
  private static let limit = 1 << 18

  static func report(into report: inout Report) throws {
    report.title("Comparing sets of 1,000,000 items: rateless invertible Bloom lookup tables")
    var draws = Generator(seed: 1)
    let table = (0..<items).map { _ in draws.next() | 1 }
    let key = draws.next()
    changes(table, key, into: &report)
    growth(table, key, into: &report)
    var ours = Sketch(key: key, limit: limit, pendingLimit: 0)
    var theirs = Sketch(key: key, limit: limit, pendingLimit: 0)
    fill(&ours, table)
    fill(&theirs, table)
    var decoder = SketchDecoder(limit: limit)
    for differences in [1, 16, 64, 1_000, 10_000, 100_000] {
      var comparison = Comparison(differences: differences)
      let runs = differences <= 64 ? 200 : differences <= 1_000 ? 50 : 5
      for _ in 0..<runs {
        try comparison.run(&decoder, ours, &theirs, table, &draws)
      }
      comparison.add(to: &report)
    }
  }

  private static func fill(_ sketch: inout Sketch, _ table: [UInt64]) {
    for place in table.indices { sketch.insert(table[place], at: place) }
    sketch.grow(to: limit)
    while !sketch.continueGrowth(places: table.count, budget: 1 << 16, item: { table[$0] }) {}
  }

  /// What a change costs at the size that a sketch starts with.
  private static func changes(_ table: [UInt64], _ key: UInt64, into report: inout Report) {
    var (inserts, removes): ([Double], [Double]) = ([], [])
    for _ in 0..<5 {
      var sketch = Sketch(key: key, limit: limit, pendingLimit: 0)
      let start = MonotonicClock.now()
      for place in table.indices { sketch.insert(table[place], at: place) }
      let middle = MonotonicClock.now()
      for place in table.indices { sketch.remove(table[place], at: place) }
      let end = MonotonicClock.now()
      inserts.append(Double(middle.since(start)) / Double(items))
      removes.append(Double(end.since(middle)) / Double(items) + (sketch[0].isEmpty ? 0 : .nan))
    }
    report.add(
      Row(
        "core.tuples.sketch.insert", inserts, "ns", reach: .atMost(100),
        note: "an item into the \(Sketch.startSize) symbols of the start"))
    report.add(Row("core.tuples.sketch.remove", removes, "ns", reach: .atMost(100), note: "and out of them"))
  }

  /// What doubling costs for each item.
  private static func growth(_ table: [UInt64], _ key: UInt64, into report: inout Report) {
    var sketch = Sketch(key: key, limit: limit, pendingLimit: 0)
    for place in table.indices { sketch.insert(table[place], at: place) }
    var costs: [Double] = []
    var slices: [Double] = []
    while sketch.grow() {
      let start = MonotonicClock.now()
      var done = false
      var last = start
      while !done {
        done = sketch.continueGrowth(places: table.count, budget: 1_000) { table[$0] }
        let now = MonotonicClock.now()
        slices.append(Double(now.since(last)) / 1_000)
        last = now
      }
      costs.append(Double(last.since(start)) / Double(items))
    }
    report.add(
      Row(
        "core.tuples.sketch.growth", costs, "ns",
        note: "an item, doubling; from 256 to 512 up to 262,144 symbols")
    )
    report.add(Row("core.tuples.sketch.growthSlice", slices, "us", note: "1,000 items, one call"))
  }
}

/// The same sets compared several times, with other differences.
private struct Comparison {
  var differences: Int
  var symbols: [Double] = []
  var bytes: [Double] = []
  var nanoseconds: [Double] = []

  /// Makes `theirs` differ, half of it by what they lack, finds the differences, and takes them back.
  mutating func run(
    _ decoder: inout SketchDecoder, _ ours: borrowing Sketch, _ theirs: inout Sketch, _ table: [UInt64],
    _ draws: inout Generator
  ) throws {
    let lacking = differences / 2
    let first = draws.below(table.count - lacking)
    let added = (0..<differences - lacking).map { _ in draws.next() & ~1 }
    for place in first..<first + lacking { theirs.remove(table[place], at: place) }
    for item in added { theirs.insert(item, at: 0) }
    let coding = SketchCoding(items: UInt64(theirs.count))
    let start = MonotonicClock.now()
    decoder.begin(key: ours.key)
    while !decoder.isDecoded, decoder.received < ours.size {
      if decoder.received == decoder.bound { decoder.extend(to: max(64, decoder.bound * 2), own: ours) }
      decoder.add(theirs[decoder.received], at: decoder.received)
    }
    let elapsed = Double(MonotonicClock.now().since(start))
    guard decoder.isDecoded, decoder.count == differences else {
      throw BenchmarkError("\(decoder.count) of \(differences) differences were found")
    }
    var length = 0
    for index in 0..<decoder.received { length += coding.length(of: theirs[index], at: index) }
    let all = Double(differences)
    symbols.append(Double(decoder.received) / all)
    bytes.append(Double(length) / all)
    nanoseconds.append(elapsed / all)
    for item in added { theirs.remove(item, at: 0) }
    for place in first..<first + lacking { theirs.insert(table[place], at: place) }
  }

  func add(to report: inout Report) {
    let id = "core.tuples.sketch.d\(differences)."
    let mean = symbols.reduce(0, +) / Double(symbols.count)
    let perSymbol = bytes.reduce(0, +) / symbols.reduce(0, +)
    report.add(
      Row(
        id + "symbols", symbols, "per difference", reach: differences < 1_000 ? .none : .atMost(1.45),
        note: "mean \(Row.text(mean))"))
    report.add(
      Row(id + "bytes", bytes, "per difference", note: "\(Row.text(perSymbol)) a symbol, coded"))
    report.add(
      Row(
        id + "decode", nanoseconds, "ns", reach: differences < 100_000 ? .none : .atMost(3_000),
        note: "a difference, our symbols subtracted too"))
  }
}
