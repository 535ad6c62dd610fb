// The papers' tables as data: what is run, what is measured, what counts as reached.
//
// An experiment is a function from a seed to numbers. A table takes one or more experiments and says, row by
// row, which number stands beside which figure of the paper. Whoever runs them owns threads, progress and
// output; nothing here knows of any.

/// What one run of an experiment measured.
public struct PaperSample: Sendable, Equatable {
  /// The figures, by name.
  public var values: [String: Double] = [:]
  /// Curves to plot, by name: points in the order of `x`, averaged over the seeds as `meanCurve` says.
  public var curves: [String: [PaperPoint]] = [:]
  /// How often each whole number occurred, by name; added up over the seeds.
  public var histograms: [String: [Int: Int]] = [:]

  /// Creates a sample without a figure.
  public init() {}
}

/// A point of a curve.
public struct PaperPoint: Sendable, Equatable {
  /// Where.
  public var x: Double
  /// How much.
  public var y: Double

  /// Creates a point.
  public init(x: Double, y: Double) {
    self.x = x
    self.y = y
  }
}

/// Something that can be run with any seed.
public struct PaperExperiment: Sendable {
  /// A short name, unique among all tables.
  public var id: String
  /// What is run, in a few words.
  public var title: String
  /// Runs that the table asks for, each with a seed of its own.
  public var seeds: Int
  /// Whether it is run alone, because it needs most of the machine's memory.
  public var isHeavy: Bool
  /// Runs it once. The closure it is given may be told the share that is done, 0 to 1.
  public var run: @Sendable (_ seed: UInt64, _ progress: (Double) -> Void) throws -> PaperSample

  /// Creates an experiment.
  public init(
    id: String, title: String, seeds: Int, isHeavy: Bool = false,
    run: @escaping @Sendable (_ seed: UInt64, _ progress: (Double) -> Void) throws -> PaperSample
  ) {
    self.id = id
    self.title = title
    self.seeds = seeds
    self.isHeavy = isHeavy
    self.run = run
  }
}

/// What a figure has to be.
public enum PaperReach: Sendable, Equatable {
  /// The mean over the seeds is at most this.
  case atMost(Double)
  /// The mean over the seeds is at least this.
  case atLeast(Double)
  /// The mean over the seeds lies between the two.
  case within(ClosedRange<Double>)
  /// The 95 % confidence interval of ours, widened by what the reference's last printed digit leaves open,
  /// holds the reference.
  case reference(Double, rounding: Double)
  /// Printed, and not judged.
  case shown
}

/// One line of a table.
public struct PaperRow: Sendable {
  /// The experiment that measures it, or the trend; one of the same table.
  public var experiment: String
  /// The name of the figure in the experiment's samples, or of the trend.
  public var value: String
  /// What is measured, in words.
  public var title: String
  /// The paper's figure as it is known, with how it is known; empty when there is none.
  public var paper: String
  /// What no protocol can do better; empty when nothing is known.
  public var limit: String
  /// What ours has to be.
  public var reach: PaperReach

  /// Creates a row.
  public init(
    _ title: String, experiment: String, value: String, paper: String = "", limit: String = "",
    reach: PaperReach
  ) {
    self.title = title
    self.experiment = experiment
    self.value = value
    self.paper = paper
    self.limit = limit
    self.reach = reach
  }
}

/// A table of a paper, and what is run for it.
public struct PaperTable: Sendable {
  /// A short name for the command line.
  public var id: String
  /// What the table shows.
  public var title: String
  /// Authors, venue, year and table.
  public var source: String
  /// The conditions, in a sentence or a few: sizes, delays, what was counted.
  public var setup: String
  /// What is run.
  public var experiments: [PaperExperiment]
  /// What is printed.
  public var rows: [PaperRow]
  /// Lines through the figures of several experiments, which rows may name instead of an experiment.
  public var trends: [PaperTrend]
  /// What the report draws; curves and histograms that no plot names are drawn behind these.
  public var plots: [PaperPlot]

  /// Creates a table.
  public init(
    id: String, title: String, source: String, setup: String, experiments: [PaperExperiment],
    rows: [PaperRow], trends: [PaperTrend] = [], plots: [PaperPlot] = []
  ) {
    self.id = id
    self.title = title
    self.source = source
    self.setup = setup
    self.experiments = experiments
    self.rows = rows
    self.trends = trends
    self.plots = plots
  }
}
