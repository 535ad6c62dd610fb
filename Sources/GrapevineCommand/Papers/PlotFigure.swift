// A plot as part of a page: the picture, its title, and whose line is whose.

import GrapevineConsole
import GrapevineSimulator

/// Puts a plot into a page.
struct PlotFigure {
  let plot: PaperPlot
  let runs: [String: [PaperRun]]

  /// The figure.
  var html: String {
    let series = plot.series.map { ($0.label, $0.data(runs)) }
    let data = series.map(\.1)
    let picture =
      switch plot.kind {
      case .curve: LinePlot(plot, data).svg(title: plot.title)
      case .histogram: HistogramPlot(plot, data).svg(title: plot.title)
      }
    let legend = series.enumerated().map { index, series in
      let known = series.1.isKnown ? " known" : ""
      let note = series.1.isEmpty ? " (no data)" : ""
      let sample =
        "<svg class=\"key\" viewBox=\"0 0 24 10\" aria-hidden=\"true\">"
        + "<line class=\"line \(PlotStyle.name(index))\(known)\" x1=\"1\" y1=\"5\" x2=\"23\" y2=\"5\"/></svg>"
      return "<li>\(sample)\(Markup.escaped(series.0 + note))</li>\n"
    }
    return "<figure>\n<figcaption>\(Markup.escaped(plot.title))</figcaption>\n\(picture)"
      + (legend.isEmpty ? "" : "<ul class=\"legend\">\n\(legend.joined())</ul>\n") + "</figure>\n"
  }
}
