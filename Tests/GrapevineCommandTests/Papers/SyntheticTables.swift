// Tables that measure nothing, quickly, so that the command can be tried on them.

import GrapevineConsole
import GrapevineSimulator

struct Failure: Error, CustomStringConvertible {
  var description: String
}

enum SyntheticTables {
  /// An experiment whose figures follow from the seed.
  static func experiment(_ id: String, seeds: Int = 4, isHeavy: Bool = false) -> PaperExperiment {
    PaperExperiment(id: id, title: "Made of \(id) & <seeds>", seeds: seeds, isHeavy: isHeavy) {
      seed, progress in
      var sample = PaperSample()
      let noise = Double((seed &* 0x9e37_79b9_7f4a_7c15) >> 40) / Double(1 << 24)
      sample.values["x"] = 10 + noise
      sample.values["tiny"] = 1e-7 * (1 + noise)
      sample.values["odd"] = seed == 2 ? .nan : 1
      sample.curves["coverage"] = (0...20).map { step in
        progress(Double(step) / 20)
        let x = Double(step)
        let reached = 1 / (1 + 400 * (1 - noise / 2) * powerOfHalf(x))
        return PaperPoint(x: x * 10, y: reached)
      }
      for place in 0..<200 {
        let size = 5 + Int((noise * 7 + Double(place % 9)).rounded())
        sample.histograms["view", default: [:]][size, default: 0] += 1
      }
      return sample
    }
  }

  /// `2` to the power of `-x`.
  private static func powerOfHalf(_ x: Double) -> Double {
    (0..<Int(x)).reduce(1) { value, _ in value / 2 }
  }

  /// An experiment that always fails.
  static let failing = PaperExperiment(id: "fails", title: "Fails", seeds: 2) { seed, _ in
    throw Failure(description: "no <network> for \(seed)")
  }

  /// A table all of whose rows are reached, with every kind of plot.
  static let good = PaperTable(
    id: "good", title: "Good & \"quoted\"", source: "A. Author, 'Venue', 1999, table 1",
    setup: "1000 <nodes>, none of which exists.",
    experiments: [experiment("a"), experiment("b", seeds: 3), experiment("c", seeds: 2, isHeavy: true)],
    rows: [
      PaperRow("x, at most", experiment: "a", value: "x", paper: "11 [M], 10.5 [R]", reach: .atMost(11)),
      PaperRow("x, a \"reference\"", experiment: "a", value: "x", reach: .reference(10.5, rounding: 0.5)),
      PaperRow("tiny", experiment: "b", value: "tiny", limit: "0 [D]", reach: .shown),
      PaperRow("heavy", experiment: "c", value: "x", reach: .within(10...11)),
      PaperRow("slope", experiment: "flat", value: PaperTrend.slope, reach: .within(-1...1)),
    ],
    trends: [PaperTrend(id: "flat", value: "x", places: [PaperPlace(1, "a"), PaperPlace(2, "b")])],
    plots: [
      PaperPlot(
        title: "Coverage over time", xLabel: "time [ms]", yLabel: "share of the nodes",
        series: [
          PaperSeries("a", .curve(experiment: "a", name: "coverage")),
          PaperSeries("b", .curve(experiment: "b", name: "coverage")),
          PaperSeries("a law [D]", .known([PaperPoint(x: 0, y: 0), PaperPoint(x: 200, y: 1)])),
        ]),
      PaperPlot(
        title: "Cost against size", xLabel: "nodes", yLabel: "x",
        series: [
          PaperSeries(
            "ours",
            .figures(value: "tiny", at: [PaperPlace(100, "a"), PaperPlace(1_000, "b"), PaperPlace(1e5, "c")]))
        ], isLogarithmicX: true, isLogarithmicY: true),
    ])

  /// A table none of whose rows is reached.
  static let bad = PaperTable(
    id: "bad", title: "Bad", source: "Nobody", setup: "None.",
    experiments: [failing, experiment("d")],
    rows: [
      PaperRow("failed, run", experiment: "fails", value: "x", reach: .shown),
      PaperRow("odd\nline", experiment: "d", value: "odd", reach: .atMost(1)),
      PaperRow("too small", experiment: "d", value: "x", reach: .atLeast(12)),
    ])
}
