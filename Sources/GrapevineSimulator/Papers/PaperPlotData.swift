// From the runs of a table's experiments to what its plots draw.

/// A point of a mean curve.
public struct PaperBandPoint: Sendable, Equatable {
  /// Where.
  public var x: Double
  /// The mean over the runs.
  public var mean: Double
  /// The least of the runs.
  public var low: Double
  /// The greatest of the runs.
  public var high: Double

  /// Creates a point.
  public init(x: Double, mean: Double, low: Double, high: Double) {
    self.x = x
    self.mean = mean
    self.low = low
    self.high = high
  }
}

/// What is drawn for one series.
public enum PaperSeriesData: Sendable, Equatable {
  /// A curve over the runs, in the order of `x`.
  case band([PaperBandPoint])
  /// Points with nothing around them, in the order of `x`.
  case line([PaperPoint])
  /// The share of all counts at each whole number, in the order of the numbers; the shares add up to 1.
  case shares([PaperShare])
}

/// A bar of a histogram.
public struct PaperShare: Sendable, Equatable {
  /// The whole number that was counted.
  public var bin: Int
  /// Its share of all counts, 0 to 1.
  public var share: Double

  /// Creates a bar.
  public init(bin: Int, share: Double) {
    self.bin = bin
    self.share = share
  }
}

/// The most places at which a mean curve is computed. Chosen here: more than a plot has pixels to tell apart.
private let bandPointsMax = 600

extension PaperSeries {
  /// What is drawn for the series; points that are not finite are left out.
  ///
  /// - Parameter runs: The runs of each experiment by its `id`, in the order of the seeds.
  public func data(_ runs: [String: [PaperRun]]) -> PaperSeriesData {
    switch source {
    case .curve(let experiment, let name):
      return .band(meanCurve((runs[experiment] ?? []).compactMap { $0.sample?.curves[name] }))
    case .histogram(let experiment, let name):
      return .shares(shares((runs[experiment] ?? []).compactMap { $0.sample?.histograms[name] }))
    case .figures(let value, let places):
      let points = places.compactMap { place -> PaperBandPoint? in
        let numbers = (runs[place.experiment] ?? []).compactMap { $0.sample?.values[value] }
        guard place.x.isFinite, let summary = PaperSummary(numbers) else { return nil }
        return PaperBandPoint(x: place.x, mean: summary.mean, low: summary.minimum, high: summary.maximum)
      }
      return .band(points.sorted { $0.x < $1.x })
    case .known(let points):
      return .line(points.filter { $0.x.isFinite && $0.y.isFinite }.sorted { $0.x < $1.x })
    }
  }
}

/// The mean of several runs' curves, at every `x` that any of them has.
///
/// Between two of its points a run's curve is taken as straight. A run whose curve has ended keeps its last
/// value, as coverage does; before its first point it does not count. More than 600 places are thinned out
/// evenly, with the first and the last kept.
public func meanCurve(_ curves: [[PaperPoint]]) -> [PaperBandPoint] {
  let curves = curves.map { curve in
    // Of several points at one place the last one holds, as at a step.
    var clean: [PaperPoint] = []
    for point in curve where point.x.isFinite && point.y.isFinite {
      if let last = clean.last, point.x <= last.x {
        if point.x == last.x { clean[clean.count - 1] = point }
        continue
      }
      clean.append(point)
    }
    return clean
  }.filter { !$0.isEmpty }
  let all = Set(curves.flatMap { $0.map(\.x) }).sorted()
  let places =
    all.count <= bandPointsMax
    ? all : (0..<bandPointsMax).map { all[$0 * (all.count - 1) / (bandPointsMax - 1)] }
  var cursors = [Int](repeating: 0, count: curves.count)
  return places.compactMap { x in
    var numbers: [Double] = []
    for (index, curve) in curves.enumerated() {
      while cursors[index] + 1 < curve.count, curve[cursors[index] + 1].x <= x { cursors[index] += 1 }
      if let y = height(of: curve, after: cursors[index], at: x) { numbers.append(y) }
    }
    guard let summary = PaperSummary(numbers) else { return nil }
    return PaperBandPoint(x: x, mean: summary.mean, low: summary.minimum, high: summary.maximum)
  }
}

/// The curve's value at `x`, which is not before point `index` unless that is the first.
private func height(of curve: [PaperPoint], after index: Int, at x: Double) -> Double? {
  let point = curve[index]
  guard point.x <= x else { return nil }
  guard point.x < x, index + 1 < curve.count else { return point.y }
  let next = curve[index + 1]
  let share = (x - point.x) / (next.x - point.x)
  return point.y * (1 - share) + next.y * share
}

/// The histograms' counts together, as shares of them all; counts below 1 are left out.
private func shares(_ histograms: [[Int: Int]]) -> [PaperShare] {
  var counts: [Int: Double] = [:]
  for histogram in histograms {
    for (bin, count) in histogram where count > 0 { counts[bin, default: 0] += Double(count) }
  }
  let total = counts.values.reduce(0, +)
  return counts.sorted { $0.key < $1.key }.map { PaperShare(bin: $0.key, share: $0.value / total) }
}

extension PaperTable {
  /// The table's plots, and behind them one for each curve or histogram of the samples that none of them
  /// shows: nothing that was measured is left out of the report.
  public func allPlots(_ runs: [String: [PaperRun]]) -> [PaperPlot] {
    plots + missing(.curve, runs) + missing(.histogram, runs)
  }

  private func missing(_ kind: PaperPlot.Kind, _ runs: [String: [PaperRun]]) -> [PaperPlot] {
    let drawn = Set(plots.flatMap { $0.series.compactMap { $0.drawn } })
    var names: Set<String> = []
    for experiment in experiments {
      for run in runs[experiment.id] ?? [] { names.formUnion(run.names(kind)) }
    }
    return names.sorted().compactMap { name in
      let series = experiments.compactMap { experiment -> PaperSeries? in
        guard !drawn.contains(DrawnSeries(experiment: experiment.id, name: name, kind: kind)),
          (runs[experiment.id] ?? []).contains(where: { $0.names(kind).contains(name) })
        else { return nil }
        let isCurve = kind == .curve
        return PaperSeries(
          experiment.title,
          isCurve
            ? .curve(experiment: experiment.id, name: name)
            : .histogram(experiment: experiment.id, name: name))
      }
      guard !series.isEmpty else { return nil }
      return PaperPlot(
        title: name, xLabel: kind == .curve ? "x" : name, yLabel: kind == .curve ? name : "share",
        kind: kind, series: series)
    }
  }
}

/// A curve or histogram of an experiment.
private struct DrawnSeries: Hashable {
  var experiment: String
  var name: String
  var kind: PaperPlot.Kind
}

extension PaperSeries {
  fileprivate var drawn: DrawnSeries? {
    switch source {
    case .curve(let experiment, let name): DrawnSeries(experiment: experiment, name: name, kind: .curve)
    case .histogram(let experiment, let name):
      DrawnSeries(experiment: experiment, name: name, kind: .histogram)
    case .figures, .known: nil
    }
  }
}

extension PaperRun {
  fileprivate func names(_ kind: PaperPlot.Kind) -> [String] {
    guard let sample else { return [] }
    return kind == .curve ? Array(sample.curves.keys) : Array(sample.histograms.keys)
  }
}
