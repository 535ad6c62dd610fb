// Histograms: the share of the counts at each whole number, as steps.

import GrapevineSimulator

/// Draws histograms over each other.
struct HistogramPlot {
  private let frame: PlotFrame
  private let steps: [[(from: Double, to: Double, share: Double)]]
  /// Whole numbers that a step stands for.
  let binWidth: Double

  /// More whole numbers than this are drawn together. Chosen here: steps narrower than 6 pixels are hard to
  /// read.
  private static let binsMax = 90.0

  init(_ plot: PaperPlot, _ series: [PaperSeriesData]) {
    let bars = series.map { data in
      if case .shares(let shares) = data { shares } else { [PaperShare]() }
    }
    let bins = bars.flatMap { $0.map { Double($0.bin) } }
    let low = bins.min() ?? 0
    let high = bins.max() ?? 0
    let width = high - low < Self.binsMax ? 1 : PlotScale.niceStep((high - low + 1) / Self.binsMax)
    // Groups start at multiples of their width.
    let base = (low / width).rounded(.down) * width
    binWidth = width
    steps = bars.map { shares in
      var sums: [Double: Double] = [:]
      for share in shares where share.share.isFinite {
        sums[((Double(share.bin) - base) / width).rounded(.down), default: 0] += share.share
      }
      return sums.sorted { $0.key < $1.key }.map { group, share in
        (from: base + group * width - 0.5, to: base + (group + 1) * width - 0.5, share: share)
      }
    }
    let edges = steps.flatMap { $0.flatMap { [$0.from, $0.to] } }
    frame = PlotFrame(
      x: PlotFrame.horizontal(edges, PlotScale.Options(isWhole: true, marks: 10)),
      y: PlotFrame.vertical(
        steps.flatMap { $0.map(\.share) },
        PlotScale.Options(isLogarithmic: plot.isLogarithmicY, includesZero: true, isRounded: true)),
      xLabel: plot.xLabel + (width > 1 ? ", in steps of \(PaperNumber.text(width))" : ""),
      yLabel: plot.yLabel)
  }

  /// The picture.
  func svg(title: String) -> String {
    let paths = steps.enumerated().map { index, steps in
      steps.isEmpty ? "" : "<path class=\"steps \(PlotStyle.name(index))\" d=\"\(path(steps))\"/>\n"
    }
    return frame.svg(title: title, paths.joined())
  }

  /// One closed outline for each run of neighbouring steps.
  private func path(_ steps: [(from: Double, to: Double, share: Double)]) -> String {
    let floor = PlotFrame.number(PlotFrame.bottom)
    var text = ""
    var end: Double?
    for step in steps {
      let left = PlotFrame.number(frame.x.position(step.from))
      let right = PlotFrame.number(frame.x.position(step.to))
      let top = PlotFrame.number(frame.y.draws(step.share) ? frame.y.position(step.share) : PlotFrame.bottom)
      if end != step.from {
        text += (end == nil ? "" : "V\(floor)Z ") + "M\(left),\(floor)"
      }
      text += "V\(top)H\(right)"
      end = step.to
    }
    return text + "V\(floor)Z"
  }
}
