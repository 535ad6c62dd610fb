// The papers' plots as data: which curves, histograms and figures stand in one picture.

/// A picture of a table.
public struct PaperPlot: Sendable {
  /// How the series are drawn.
  public enum Kind: Sendable, Equatable {
    /// Lines of the mean over the seeds, with a band from the least to the greatest run.
    case curve
    /// The share of the counts at each whole number, over all runs.
    case histogram
  }

  /// What is seen, in words.
  public var title: String
  /// The horizontal axis with its unit.
  public var xLabel: String
  /// The vertical axis with its unit.
  public var yLabel: String
  /// How the series are drawn.
  public var kind: Kind
  /// What is drawn.
  public var series: [PaperSeries]
  /// Whether the horizontal axis is logarithmic; then only what is above 0 is drawn.
  public var isLogarithmicX: Bool
  /// Whether the vertical axis is logarithmic; then only what is above 0 is drawn.
  public var isLogarithmicY: Bool

  /// Creates a plot.
  public init(
    title: String, xLabel: String, yLabel: String, kind: Kind = .curve, series: [PaperSeries],
    isLogarithmicX: Bool = false, isLogarithmicY: Bool = false
  ) {
    self.title = title
    self.xLabel = xLabel
    self.yLabel = yLabel
    self.kind = kind
    self.series = series
    self.isLogarithmicX = isLogarithmicX
    self.isLogarithmicY = isLogarithmicY
  }
}

/// One line or histogram of a plot.
public struct PaperSeries: Sendable {
  /// Where its points come from.
  public enum Source: Sendable {
    /// The curve `name` of an experiment's samples.
    case curve(experiment: String, name: String)
    /// The histogram `name` of an experiment's samples.
    case histogram(experiment: String, name: String)
    /// The figure `value` of several experiments, each at its `x`.
    case figures(value: String, at: [PaperPlace])
    /// Points that were not measured, such as a law or a paper's figures; drawn dashed.
    case known([PaperPoint])
  }

  /// What the legend calls it.
  public var label: String
  /// Where its points come from.
  public var source: Source

  /// Creates a series.
  public init(_ label: String, _ source: Source) {
    self.label = label
    self.source = source
  }
}

/// Where an experiment stands on an axis, such as its number of nodes.
public struct PaperPlace: Sendable, Equatable {
  /// Where.
  public var x: Double
  /// The experiment's `id`.
  public var experiment: String

  /// Creates a place.
  public init(_ x: Double, _ experiment: String) {
    self.x = x
    self.experiment = experiment
  }
}

/// A line by least squares through one figure of all runs of several experiments.
///
/// A row whose `experiment` is the `id` of a trend and whose `value` is `PaperTrend.slope` or
/// `PaperTrend.intercept` is judged on that line; the confidence interval is that of the slope.
public struct PaperTrend: Sendable {
  /// The name of a trend's slope in a row.
  public static let slope = "slope"
  /// The name of a trend's value at 0 in a row.
  public static let intercept = "intercept"

  /// A short name, different from those of all experiments.
  public var id: String
  /// The name of the figure in the experiments' samples.
  public var value: String
  /// The experiments, each with its `x`.
  public var places: [PaperPlace]

  /// Creates a trend.
  public init(id: String, value: String, places: [PaperPlace]) {
    self.id = id
    self.value = value
    self.places = places
  }
}
