// Plots of all kinds of data stay inside their frames and are well-formed; so is the page.

import Foundation
import GrapevineConsole
import GrapevineSimulator
import Testing

@testable import GrapevineCommand

#if canImport(FoundationXML)
  import FoundationXML
#endif

/// What is wrong with a piece of XML; nil when nothing is.
private func fault(_ text: String) -> String? {
  let parser = XMLParser(data: Data(text.utf8))
  return parser.parse() ? nil : "\(String(describing: parser.parserError)) at line \(parser.lineNumber)"
}

/// Every coordinate that is drawn, as x and y.
private final class Coordinates: NSObject, XMLParserDelegate {
  var points: [(x: Double, y: Double)] = []
  var names: [String: Int] = [:]

  init?(_ svg: String) {
    super.init()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = self
    guard parser.parse() else { return nil }
  }

  func parser(
    _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?,
    attributes: [String: String]
  ) {
    names[name, default: 0] += 1
    for (x, y) in [("x", "y"), ("x1", "y1"), ("x2", "y2"), ("cx", "cy")] {
      guard let x = attributes[x], let y = attributes[y] else { continue }
      points.append((Double(x) ?? .nan, Double(y) ?? .nan))
    }
    for pair in (attributes["points"] ?? "").split(separator: " ") {
      let parts = pair.split(separator: ",").map { Double($0) ?? .nan }
      points.append(parts.count == 2 ? (parts[0], parts[1]) : (.nan, .nan))
    }
    for step in (attributes["d"] ?? "").matches(of: #/([MVH])([-0-9.,]+)/#) {
      let numbers = step.output.2.split(separator: ",").map { Double($0) ?? .nan }
      switch step.output.1 {
      case "M": points.append((numbers[0], numbers[1]))
      case "V": points.append((PlotFrame.left, numbers[0]))
      default: points.append((numbers[0], PlotFrame.top))
      }
    }
  }

  /// Whether everything lies in the picture.
  var areInside: Bool {
    points.allSatisfy { (0...PlotFrame.width).contains($0.x) && (0...PlotFrame.height).contains($0.y) }
  }
}

@Suite("The papers' plots and page")
struct PlotTests {
  static let curves: [String: [(Double, Double)]] = [
    "empty": [],
    "single": [(3, 7)],
    "zero": [(0, 0)],
    "constant": (0..<40).map { (Double($0), 0.25) },
    "negative": (0..<40).map { (Double($0) - 20, -3 * Double($0)) },
    "huge": [(-1.7e308, 1.7e308), (0, -1.7e308), (1.7e308, 0)],
    "tiny": [(.leastNonzeroMagnitude, .leastNonzeroMagnitude), (1e-305, 1e-303), (1e-299, 2e-299)],
    "close": [(1e15, 1e15), (1e15 + 1, 1e15 + 2)],
    "odd": [(.nan, 1), (1, .nan), (.infinity, 2), (2, -.infinity), (3, 4)],
    "wide": [(1e-9, 1e-300), (1, 1), (1e12, 1e300)],
    "plain": (0...30).map { (Double($0), Double($0 * $0)) },
  ]

  @Test("curves of any data stay inside the picture, on any axes", arguments: curves.keys.sorted())
  func curve(name: String) throws {
    let points = (Self.curves[name] ?? []).map { PaperPoint(x: $0.0, y: $0.1) }
    var sample = PaperSample()
    sample.curves["c"] = points
    let other = points.map { PaperPoint(x: $0.x, y: $0.y / 2) }
    var second = PaperSample()
    second.curves["c"] = other
    let runs = ["e": [PaperRun(seed: 1, sample: sample), PaperRun(seed: 2, sample: second)]]
    for (isX, isY) in [(false, false), (true, false), (false, true), (true, true)] {
      let plot = PaperPlot(
        title: "T<&>", xLabel: "x & \"y\"", yLabel: "<y>",
        series: [PaperSeries("s'", .curve(experiment: "e", name: "c")), PaperSeries("k", .known(points))],
        isLogarithmicX: isX, isLogarithmicY: isY)
      let svg = LinePlot(plot, plot.series.map { $0.data(runs) }).svg(title: plot.title)
      let drawn = try #require(Coordinates(svg), "\(svg)")
      #expect(drawn.areInside, "\(drawn.points)")
      #expect(drawn.names["text"]! >= 3, "axes have names and marks")
      #expect(!svg.contains("nan") && !svg.contains("inf"))
      #expect(fault(PlotFigure(plot: plot, runs: runs).html) == nil)
    }
  }

  static let histograms: [String: [Int: Int]] = [
    "empty": [:], "single": [5: 3], "negative": [-3: 1, 4: 2, 5: 0, 6: -7], "wide": [0: 1, 1_000_000: 9],
    "huge": [.min: 1, .max: .max], "plain": [3: 10, 4: 20, 5: 70, 8: 1],
  ]

  @Test("histograms of any data stay inside the picture", arguments: histograms.keys.sorted())
  func histogram(name: String) throws {
    var sample = PaperSample()
    sample.histograms["h"] = Self.histograms[name]
    let runs = ["e": [PaperRun(seed: 1, sample: sample)]]
    for isY in [false, true] {
      let plot = PaperPlot(
        title: "T", xLabel: "x", yLabel: "y", kind: .histogram,
        series: [PaperSeries("s", .histogram(experiment: "e", name: "h"))], isLogarithmicY: isY)
      let svg = HistogramPlot(plot, plot.series.map { $0.data(runs) }).svg(title: plot.title)
      let drawn = try #require(Coordinates(svg), "\(svg)")
      #expect(drawn.areInside, "\(drawn.points)")
      #expect((drawn.names["path"] ?? 0) == (name == "empty" ? 0 : 1))
    }
  }

  @Test("a linear axis goes over round numbers from zero, a whole one over whole numbers")
  func linear() {
    let options = PlotScale.Options(includesZero: true, isRounded: true)
    let scale = PlotScale([0.2, 0.93], from: 0, to: 100, options)
    #expect(scale.ticks.map(\.label) == ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"])
    #expect(scale.position(0) == 0 && scale.position(1) == 100 && scale.position(0.5) == 50)
    #expect(scale.position(7) == 100 && scale.position(-7) == 0 && scale.position(.nan) == 0)
    let whole = PlotScale([2.5, 6.5], from: 0, to: 100, PlotScale.Options(isWhole: true, marks: 10))
    #expect(whole.ticks.map(\.label) == ["3", "4", "5", "6"])
    let large = PlotScale([0, 48_000], from: 0, to: 1, options)
    #expect(large.ticks.map(\.label) == ["0", "10000", "20000", "30000", "40000", "50000"])
    #expect(PlotScale([], from: 0, to: 1).high == 1)
  }

  @Test("a logarithmic axis goes over powers of ten")
  func logarithmic() {
    var options = PlotScale.Options(isLogarithmic: true, isRounded: true)
    let scale = PlotScale([0.004, 30, 0, -1], from: 0, to: 100, options)
    #expect(scale.ticks.map(\.label) == ["0.001", "0.01", "0.1", "1", "10", "100"])
    #expect(abs(scale.position(0.1) - 40) < 1e-9)
    #expect(!scale.draws(0) && scale.draws(1e-9))
    #expect(PlotScale([1e-12, 1e-3], from: 0, to: 1, options).ticks.first?.label == "10⁻¹²")
    options.isRounded = false
    #expect(
      PlotScale([100, 100_000], from: 0, to: 1, options).ticks.map(\.label) == [
        "100", "1000", "10000", "100000",
      ])
    #expect(PlotScale([3, 8], from: 0, to: 1, options).ticks.map(\.label) == ["5"])
  }

  @Test("few points have dots and strokes, many a band; a line breaks where the axis has no place")
  func shapes() throws {
    func names(_ points: [PaperBandPoint], isLogarithmic: Bool = false) throws -> [String: Int] {
      let plot = PaperPlot(
        title: "T", xLabel: "x", yLabel: "y", series: [], isLogarithmicY: isLogarithmic)
      return try #require(Coordinates(LinePlot(plot, [.band(points)]).svg(title: "T"))).names
    }
    func points(_ count: Int) -> [PaperBandPoint] {
      (0..<count).map { PaperBandPoint(x: Double($0), mean: 2, low: 1, high: 3) }
    }
    let few = try names(points(5))
    #expect((few["circle"], few["polyline"], few["polygon"]) == (5, 1, nil))
    let many = try names(points(50))
    #expect((many["circle"], many["polyline"], many["polygon"]) == (nil, 1, 1))
    var broken = points(50)
    broken[20].mean = 0
    #expect(try names(broken, isLogarithmic: true)["polyline"] == 2)
  }

  @Test("more whole numbers than can be told apart are drawn together, and none is lost")
  func groups() {
    let plot = PaperPlot(title: "T", xLabel: "x", yLabel: "y", kind: .histogram, series: [])
    #expect(
      HistogramPlot(plot, [.shares([PaperShare(bin: 0, share: 1), PaperShare(bin: 80, share: 0)])]).binWidth
        == 1)
    #expect(
      HistogramPlot(plot, [.shares([PaperShare(bin: 0, share: 1), PaperShare(bin: 400, share: 0)])]).binWidth
        == 5)
  }

  private func outcome(_ tables: [PaperTable]) -> PapersOutcome {
    let plan = PapersPlan(tables: tables)
    var runs: [String: [PaperRun]] = [:]
    for experiment in tables.flatMap(\.experiments) {
      runs[experiment.id] = (1...UInt64(experiment.seeds)).map { seed in
        do {
          return PaperRun(seed: seed, sample: try experiment.run(seed) { _ in })
        } catch {
          return PaperRun(seed: seed, failure: "\(error)")
        }
      }
    }
    return PapersOutcome(plan, runs: runs, seconds: 1)
  }

  @Test("the page is well-formed, needs nothing from outside and escapes every text")
  func page() throws {
    let html = ReportPage(outcome([SyntheticTables.good, SyntheticTables.bad])).html
    #expect(fault(html) == nil)
    #expect(!html.contains("<nodes>") && html.contains("1000 &lt;nodes&gt;"))
    #expect(html.contains("Good &amp; &quot;quoted&quot;"))
    #expect(html.contains("no &lt;network&gt; for 1"))
    for outside in ["<script", "src=", "<link", "url(", "@import"] { #expect(!html.contains(outside)) }
    for title in ["Coverage over time", "Cost against size", "view"] {
      #expect(html.contains("<figcaption>\(title)</figcaption>"))
    }
    #expect(html.contains("4 of 7 judged rows are reached, 3 not; 1 more only shown."))
    #expect(html == ReportPage(outcome([SyntheticTables.good, SyntheticTables.bad])).html)
  }

  @Test("a page without a table is well-formed")
  func emptyPage() {
    #expect(fault(ReportPage(outcome([])).html) == nil)
  }

  @Test("markup is escaped, control characters are not let through")
  func escaping() {
    #expect(
      Markup.escaped("<a href=\"x\">'&'</a>") == "&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;")
    #expect(Markup.escaped("a\u{0}b\u{1b}c\nd\u{ffff}") == "a b c\nd ")
  }
}
