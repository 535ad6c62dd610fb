// Curves: the mean over the runs, and around it what the runs differed.

import GrapevineSimulator

/// Draws curves and points.
struct LinePlot {
  private let frame: PlotFrame
  private let series: [PaperSeriesData]

  /// Up to so many points each is marked with a dot and a whisker, beyond that there is a band. Chosen here:
  /// whiskers of more points run into each other.
  private static let dotsMax = 12

  init(_ plot: PaperPlot, _ series: [PaperSeriesData]) {
    self.series = series
    var xs: [Double] = []
    var ys: [Double] = []
    for data in series {
      let points = Self.points(data)
      xs += points.map(\.x)
      ys += points.flatMap { [$0.mean, $0.low, $0.high] }
    }
    var horizontal = PlotScale.Options(isLogarithmic: plot.isLogarithmicX)
    horizontal.marks = 8
    let vertical = PlotScale.Options(
      isLogarithmic: plot.isLogarithmicY, includesZero: true, isRounded: true)
    frame = PlotFrame(
      x: PlotFrame.horizontal(xs, horizontal), y: PlotFrame.vertical(ys, vertical), xLabel: plot.xLabel,
      yLabel: plot.yLabel)
  }

  /// The picture.
  func svg(title: String) -> String {
    let bands = series.enumerated().map { $1.isKnown ? "" : spread(Self.points($1), PlotStyle.name($0)) }
    let lines = series.enumerated().map { index, data in
      line(Self.points(data), PlotStyle.name(index) + (data.isKnown ? " known" : ""), data.isKnown)
    }
    return frame.svg(title: title, bands.joined() + lines.joined())
  }

  /// A point of any kind of series; a histogram has none here.
  private static func points(_ data: PaperSeriesData) -> [PaperBandPoint] {
    switch data {
    case .band(let points): points
    case .line(let points): points.map { PaperBandPoint(x: $0.x, mean: $0.y, low: $0.y, high: $0.y) }
    case .shares: []
    }
  }

  private func spread(_ points: [PaperBandPoint], _ style: String) -> String {
    let drawn = points.filter { frame.x.draws($0.x) && $0.high.isFinite && $0.low.isFinite }
    guard drawn.contains(where: { $0.low < $0.high }) else { return "" }
    if drawn.count <= Self.dotsMax {
      return drawn.map { point in
        let x = frame.x.position(point.x)
        return PlotFrame.line(
          (x, frame.y.position(point.low)), (x, frame.y.position(point.high)), "whisker \(style)")
      }.joined()
    }
    let edge = drawn.map { place($0.x, $0.high) } + drawn.reversed().map { place($0.x, $0.low) }
    return "<polygon class=\"band \(style)\" points=\"\(edge.joined(separator: " "))\"/>\n"
  }

  private func line(_ points: [PaperBandPoint], _ style: String, _ isKnown: Bool) -> String {
    var text = ""
    // Where the axis has no place for a point, the line has a gap.
    for part in points.split(whereSeparator: { !frame.x.draws($0.x) || !frame.y.draws($0.mean) })
    where part.count > 1 {
      let places = part.map { place($0.x, $0.mean) }.joined(separator: " ")
      text += "<polyline class=\"line \(style)\" points=\"\(places)\"/>\n"
    }
    let drawn = points.filter { frame.x.draws($0.x) && frame.y.draws($0.mean) }
    guard drawn.count <= Self.dotsMax, !isKnown || drawn.count == 1 else { return text }
    for point in drawn {
      let x = PlotFrame.number(frame.x.position(point.x))
      let y = PlotFrame.number(frame.y.position(point.mean))
      text += "<circle class=\"dot \(style)\" cx=\"\(x)\" cy=\"\(y)\" r=\"3.5\"/>\n"
    }
    return text
  }

  private func place(_ x: Double, _ y: Double) -> String {
    PlotFrame.number(frame.x.position(x)) + "," + PlotFrame.number(frame.y.position(y))
  }
}

extension PaperSeriesData {
  /// Whether the points were not measured.
  var isKnown: Bool {
    if case .line = self { return true }
    return false
  }

  /// Whether there is nothing to draw.
  var isEmpty: Bool {
    switch self {
    case .band(let points): points.isEmpty
    case .line(let points): points.isEmpty
    case .shares(let shares): shares.isEmpty
    }
  }
}
