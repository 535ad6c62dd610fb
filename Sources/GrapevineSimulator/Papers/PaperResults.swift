// From the runs of a table's experiments to its rows: figures, intervals and verdicts.

/// One run of an experiment.
public struct PaperRun: Sendable {
  /// The seed it had.
  public var seed: UInt64
  /// What it measured; nil when it failed.
  public var sample: PaperSample?
  /// Why it failed; nil when it did not.
  public var failure: String?

  /// A run that measured something.
  public init(seed: UInt64, sample: PaperSample) {
    self.seed = seed
    self.sample = sample
  }

  /// A run that failed.
  public init(seed: UInt64, failure: String) {
    self.seed = seed
    self.failure = failure
  }
}

/// A row with what was measured for it.
public struct PaperResult: Sendable {
  /// The row.
  public var row: PaperRow
  /// The figure of each run that has it, in the order of the seeds; empty for a trend.
  public var samples: [(seed: UInt64, value: Double)] = []
  /// All of them together; nil when there is none that can be summed up.
  public var summary: PaperSummary?
  /// Whether the row is reached.
  public var verdict: PaperVerdict
  /// What a reader has to know besides, such as why there is no figure; empty when nothing.
  public var note: String
}

extension PaperTable {
  /// The rows with what the runs of the experiments say, in the order of the rows.
  ///
  /// - Parameter runs: The runs of each experiment by its `id`, in the order of the seeds.
  public func results(_ runs: [String: [PaperRun]]) -> [PaperResult] {
    rows.map { row in
      if let trend = trends.first(where: { $0.id == row.experiment }) {
        return result(of: row, trend: trend, runs)
      }
      return result(of: row, runs[row.experiment] ?? [])
    }
  }

  private func result(of row: PaperRow, _ runs: [PaperRun]) -> PaperResult {
    if let failure = Self.failure(in: runs) {
      return PaperResult(row: row, verdict: .no, note: failure)
    }
    let samples = runs.compactMap { run in run.sample?.values[row.value].map { (seed: run.seed, value: $0) } }
    guard !samples.isEmpty else {
      let note = runs.isEmpty ? "\(row.experiment) was not run" : "no run has the figure \(row.value)"
      return PaperResult(row: row, verdict: .no, note: note)
    }
    guard let summary = PaperSummary(samples.map(\.value)) else {
      let odd = samples.first { !$0.value.isFinite }
      let note = odd.map { "the figure of seed \($0.seed) is \($0.value)" } ?? "the figures are too large"
      return PaperResult(row: row, samples: samples, verdict: .no, note: note)
    }
    var notes: [String] = []
    if samples.count < runs.count { notes.append("only \(samples.count) of \(runs.count) runs have it") }
    if samples.count < 2 { notes.append("one run has no confidence interval") }
    return PaperResult(
      row: row, samples: samples, summary: summary, verdict: row.reach.verdict(summary),
      note: notes.joined(separator: "; "))
  }

  private func result(of row: PaperRow, trend: PaperTrend, _ runs: [String: [PaperRun]]) -> PaperResult {
    var points: [PaperPoint] = []
    for place in trend.places {
      let own = runs[place.experiment] ?? []
      if let failure = Self.failure(in: own) { return PaperResult(row: row, verdict: .no, note: failure) }
      points += own.compactMap { run in run.sample?.values[trend.value].map { PaperPoint(x: place.x, y: $0) }
      }
    }
    guard let line = regression(points) else {
      return PaperResult(row: row, verdict: .no, note: "no line goes through the figures \(trend.value)")
    }
    let isSlope = row.value == PaperTrend.slope
    let summary = PaperSummary(
      count: line.count, mean: isSlope ? line.slope : line.intercept,
      interval: isSlope ? line.slopeInterval : nil)
    return PaperResult(
      row: row, summary: summary, verdict: row.reach.verdict(summary),
      note: summary.interval == nil ? "without a confidence interval" : "")
  }

  /// What the first failed run said.
  private static func failure(in runs: [PaperRun]) -> String? {
    let failed = runs.filter { $0.failure != nil }
    guard let first = failed.first, let text = first.failure else { return nil }
    return "\(failed.count) of \(runs.count) runs failed; seed \(first.seed): \(text)"
  }
}
