// Rows out of runs, mean curves out of curves, and the tables that are shipped.

import GrapevineSimulator
import Testing

@Suite("Results of the papers' tables")
struct PaperResultTests {
  private func table(_ rows: [PaperRow], trends: [PaperTrend] = [], plots: [PaperPlot] = []) -> PaperTable {
    let experiments = ["a", "b"].map { id in
      PaperExperiment(id: id, title: "Title \(id)", seeds: 2) { _, _ in PaperSample() }
    }
    return PaperTable(
      id: "t", title: "T", source: "S", setup: "U", experiments: experiments, rows: rows, trends: trends,
      plots: plots)
  }

  private func run(_ seed: UInt64, _ values: [String: Double]) -> PaperRun {
    var sample = PaperSample()
    sample.values = values
    return PaperRun(seed: seed, sample: sample)
  }

  @Test("a row has the figures of its experiment in the order of the seeds")
  func row() {
    let row = PaperRow("r", experiment: "a", value: "x", reach: .atMost(2))
    let result = table([row]).results(["a": [run(1, ["x": 1]), run(2, ["x": 3])]])[0]
    #expect(result.samples.map(\.value) == [1, 3])
    #expect(result.summary?.mean == 2)
    #expect(result.verdict == .yes)
    #expect(result.note == "")
  }

  @Test("what is missing, failed or no number is not reached, and said")
  func failures() {
    let row = PaperRow("r", experiment: "a", value: "x", reach: .atMost(2))
    func result(_ runs: [PaperRun]) -> PaperResult { table([row]).results(["a": runs])[0] }
    let failed = result([run(1, ["x": 1]), PaperRun(seed: 2, failure: "no way")])
    #expect(failed.verdict == .no)
    #expect(failed.note == "1 of 2 runs failed; seed 2: no way")
    #expect(result([]).note == "a was not run")
    #expect(result([run(1, ["y": 1])]).note == "no run has the figure x")
    let odd = result([run(1, ["x": 1]), run(2, ["x": -.infinity])])
    #expect(odd.verdict == .no)
    #expect(odd.note == "the figure of seed 2 is -inf")
    let partial = result([run(1, ["x": 1]), run(2, [:]), run(3, ["x": 1])])
    #expect(partial.verdict == .yes)
    #expect(partial.note == "only 2 of 3 runs have it")
    #expect(result([run(1, ["x": 1])]).note == "one run has no confidence interval")
  }

  @Test("a trend's row is judged on the line through all runs")
  func trend() throws {
    let trend = PaperTrend(id: "flat", value: "x", places: [PaperPlace(1, "a"), PaperPlace(2, "b")])
    let rows = [PaperTrend.slope, PaperTrend.intercept].map {
      PaperRow($0, experiment: "flat", value: $0, reach: .within(0.9...1.1))
    }
    let runs = ["a": [run(1, ["x": 4]), run(2, ["x": 6])], "b": [run(1, ["x": 5]), run(2, ["x": 7])]]
    let results = table(rows, trends: [trend]).results(runs)
    #expect(results[0].summary?.mean == 1)
    #expect(results[0].summary?.interval != nil)
    #expect(results[0].verdict == .yes)
    #expect(results[1].summary?.mean == 4)
    #expect(results[1].verdict == .no)
    #expect(table(rows, trends: [trend]).results(["a": [PaperRun(seed: 1, failure: "f")]])[0].verdict == .no)
  }

  @Test("a mean curve stands at every place of any run, straight between, held at the end")
  func meanOfCurves() {
    let short = [PaperPoint(x: 0, y: 0), PaperPoint(x: 2, y: 4)]
    let long = [PaperPoint(x: 1, y: 0), PaperPoint(x: 3, y: 8)]
    #expect(
      meanCurve([short, long]) == [
        PaperBandPoint(x: 0, mean: 0, low: 0, high: 0), PaperBandPoint(x: 1, mean: 1, low: 0, high: 2),
        PaperBandPoint(x: 2, mean: 4, low: 4, high: 4), PaperBandPoint(x: 3, mean: 6, low: 4, high: 8),
      ])
  }

  @Test("odd points are left out, and long curves thinned without losing their ends")
  func oddCurves() {
    #expect(meanCurve([]).isEmpty)
    #expect(meanCurve([[], [PaperPoint(x: .nan, y: 1), PaperPoint(x: 1, y: .infinity)]]).isEmpty)
    let steps = [PaperPoint(x: 1, y: 1), PaperPoint(x: 1, y: 2), PaperPoint(x: 0, y: 9)]
    #expect(meanCurve([steps]) == [PaperBandPoint(x: 1, mean: 2, low: 2, high: 2)])
    let long = meanCurve([(0..<10_000).map { PaperPoint(x: Double($0), y: Double($0)) }])
    #expect(long.count == 600)
    #expect(long.first?.x == 0 && long.last?.x == 9_999)
    #expect(long.allSatisfy { $0.mean == $0.x })
  }

  @Test("what no plot names gets one of its own, one for each name")
  func missingPlots() {
    var sample = PaperSample()
    sample.curves = ["coverage": [PaperPoint(x: 0, y: 1)], "load": [PaperPoint(x: 0, y: 1)]]
    sample.histograms = ["view": [3: 2, 5: 6, 7: -1]]
    let runs = ["a": [PaperRun(seed: 1, sample: sample)], "b": [PaperRun(seed: 1, sample: sample)]]
    let named = PaperPlot(
      title: "Load", xLabel: "x", yLabel: "y",
      series: [PaperSeries("a", .curve(experiment: "a", name: "load"))])
    let plots = table([], plots: [named]).allPlots(runs)
    #expect(plots.map(\.title) == ["Load", "coverage", "load", "view"])
    #expect(plots.map(\.series.count) == [1, 2, 1, 2])
    #expect(
      plots[3].series[0].data(runs)
        == .shares([PaperShare(bin: 3, share: 0.25), PaperShare(bin: 5, share: 0.75)]))
  }

  @Test("figures of several experiments make a curve over their places")
  func figures() {
    let series = PaperSeries("s", .figures(value: "x", at: [PaperPlace(9, "b"), PaperPlace(1, "a")]))
    let runs = ["a": [run(1, ["x": 1]), run(2, ["x": 3])], "b": [run(1, ["x": 5])]]
    #expect(
      series.data(runs)
        == .band([
          PaperBandPoint(x: 1, mean: 2, low: 1, high: 3), PaperBandPoint(x: 9, mean: 5, low: 5, high: 5),
        ]))
  }

  @Test("the shipped tables have names of their own, and rows, trends and plots name what they have")
  func shipped() {
    let tables = PaperTables.all
    #expect(Set(tables.map(\.id)).count == tables.count)
    let experiments = tables.flatMap(\.experiments)
    let names = experiments.map(\.id) + tables.flatMap(\.trends).map(\.id)
    #expect(Set(names).count == names.count)
    for experiment in experiments { #expect(experiment.seeds >= 1, "\(experiment.id)") }
    for table in tables {
      let own = Set(table.experiments.map(\.id))
      let trends = Set(table.trends.map(\.id))
      for row in table.rows {
        #expect(own.contains(row.experiment) || trends.contains(row.experiment), "\(table.id): \(row.title)")
      }
      for place in table.trends.flatMap(\.places) { #expect(own.contains(place.experiment)) }
      for series in table.plots.flatMap(\.series) {
        switch series.source {
        case .curve(let experiment, _), .histogram(let experiment, _):
          #expect(own.contains(experiment), "\(table.id): \(series.label)")
        case .figures(_, let places):
          for place in places { #expect(own.contains(place.experiment), "\(table.id): \(series.label)") }
        case .known: break
        }
      }
    }
  }
}
