// How many coded symbols two sets need to find what they differ in.
//
// The paper's figures stand here as they were summed up elsewhere. Judged is against an independent small
// simulation that peels graphs, without items, checks or bytes.

import GrapevineCore

/// The overhead of "Practical Rateless Set Reconciliation".
enum ReconciliationTable {
  static let all = PaperTable(
    id: "reconciliation", title: "Tuples: coded symbols for each difference",
    source: "Yang, Gilad, Alizadeh, SIGCOMM 2024, arXiv 2402.02668",
    setup: """
      Two sets that differ in d items, each item in one of them by the toss of a coin; symbols are taken one \
      after another until nothing is left of the first. A sample is the mean of many pairs of sets, deviations \
      are those of a pair. What both sets have does not matter, as it cancels. The paper: 1.35 to 1.72 symbols, \
      1.35 as d grows.
      """,
    experiments: cases.map(\.experiment), rows: cases.flatMap(\.rows))

  private static let cases = [
    Case(differences: 1, pairs: 2_000, mean: "1.00", deviation: "0"),
    Case(differences: 2, pairs: 2_000, mean: "1.61", deviation: "0.98"),
    Case(differences: 4, pairs: 2_000, mean: "1.74", deviation: "0.71"),
    Case(differences: 5, pairs: 2_000, mean: "1.75", deviation: "0.67"),
    Case(differences: 16, pairs: 1_000, mean: "1.67", deviation: "0.36"),
    Case(differences: 64, pairs: 500, mean: "1.49", deviation: "0.14"),
    Case(differences: 128, pairs: 500, mean: "1.44", deviation: "0.08"),
    Case(differences: 1_000, pairs: 100, mean: "1.373", deviation: "0.04"),
    Case(differences: 10_000, pairs: 10, mean: "1.355", deviation: "0.01"),
    Case(differences: 100_000, pairs: 2, mean: "1.350", deviation: nil),
  ]

  /// One number of differences, and what the independent simulation has for it.
  private struct Case: Sendable {
    var differences: Int
    var pairs: Int
    var mean: String
    var deviation: String?

    var id: String { "reconciliation-\(differences)" }

    var experiment: PaperExperiment {
      let trial = ReconciliationTrial(differences: differences, pairs: pairs)
      return PaperExperiment(id: id, title: "d = \(differences)", seeds: 20, run: trial.run)
    }

    /// Two per cent beside the independent simulation, where chance leaves so little.
    private var reach: PaperReach {
      guard differences >= 64, let mean = Double(mean) else { return .atMost(2) }
      return .within((mean * 9_800).rounded() / 10_000...(mean * 10_200).rounded() / 10_000)
    }

    var rows: [PaperRow] {
      let name = "d = \(differences): "
      let symbols = PaperRow(
        name + "symbols per difference", experiment: id, value: "symbols", paper: "[R] \(mean)", limit: "1",
        reach: reach)
      guard let deviation else { return [symbols] }
      return [
        symbols,
        PaperRow(
          name + "its deviation", experiment: id, value: "deviation", paper: "[R] \(deviation)", reach: .shown
        ),
      ]
    }
  }
}

/// Some pairs of sets, compared one after another.
struct ReconciliationTrial: Sendable {
  var differences: Int
  var pairs: Int

  /// A comparison that did not find what it should have.
  struct Failure: Error, CustomStringConvertible {
    var description: String
  }

  /// The mean number of symbols for each difference, and its standard deviation.
  func run(_ seed: UInt64, _ progress: (Double) -> Void) throws -> PaperSample {
    var draws = Generator(seed: seed)
    // Two items whose indexes are the same for long, once in some thousand pairs of large sets, need many
    // symbols.
    var limit = differences < 32 ? 1_024 : 4_096
    while limit < differences * 2 { limit *= 2 }
    var decoder = SketchDecoder(limit: limit)
    var results: [Double] = []
    for pair in 0..<pairs {
      let symbols = try compare(&decoder, limit: limit, &draws)
      results.append(Double(symbols) / Double(differences))
      progress(Double(pair + 1) / Double(pairs))
    }
    var sample = PaperSample()
    guard let summary = PaperSummary(results) else { throw Failure(description: "no pair of sets") }
    sample.values["symbols"] = summary.mean
    sample.values["deviation"] = summary.standardDeviation
    return sample
  }

  private func compare(
    _ decoder: inout SketchDecoder, limit: Int, _ draws: inout Generator
  ) throws -> Int {
    let key = draws.next()
    var ours = Sketch(key: key, limit: limit, pendingLimit: 0)
    var theirs = Sketch(key: key, limit: limit, pendingLimit: 0)
    // Without an item to go through, growth is done at once.
    ours.grow(to: limit)
    ours.continueGrowth(places: 0, budget: 1) { _ in 0 }
    theirs.grow(to: limit)
    theirs.continueGrowth(places: 0, budget: 1) { _ in 0 }
    var (ourSum, theirSum): (UInt64, UInt64) = (0, 0)
    for place in 0..<differences {
      let item = draws.next()
      if draws.chance(0.5) {
        ours.insert(item, at: place)
        ourSum ^= item
      } else {
        theirs.insert(item, at: place)
        theirSum ^= item
      }
    }
    decoder.begin(key: key)
    decoder.extend(to: limit, own: ours)
    var symbols = 0
    while symbols < limit, !decoder.isDecoded {
      decoder.add(theirs[symbols], at: symbols)
      symbols += 1
    }
    for index in 0..<decoder.count {
      if decoder.isTheirs(index) { theirSum ^= decoder.item(index) } else { ourSum ^= decoder.item(index) }
    }
    guard decoder.isDecoded, decoder.count == differences, ourSum == 0, theirSum == 0 else {
      throw Failure(description: "\(decoder.count) of \(differences) differences found in \(symbols) symbols")
    }
    return symbols
  }
}
