// What a command line asks of the papers' tables.

import GrapevineConsole
import GrapevineSimulator

/// Which tables are run, how often, and what is printed.
struct PapersPlan: Sendable {
  /// What goes to standard output.
  enum Format: Sendable {
    case text
    case json(withSamples: Bool)
    case csv
  }

  /// The tables, in the order in which they are printed.
  var tables: [PaperTable]
  /// Whether these are all tables that there are.
  var isWhole = true
  /// The number of runs of every experiment; nil for each one's own.
  var seeds: Int?
  /// The seed of each experiment's first run.
  var firstSeed: UInt64 = 1
  /// Runs at the same time.
  var jobs = 1
  var format = Format.text
  /// Where the page goes; nil for none.
  var reportPath: String?

  init(tables: [PaperTable]) { self.tables = tables }

  /// Reads a parsed command line.
  ///
  /// - Throws: `UsageError` for an unknown table, for seeds beyond the last and for options that exclude each
  ///   other.
  init(_ arguments: Arguments, tables all: [PaperTable]) throws(UsageError) {
    let failure = PapersCommand.table.failure
    let wanted = arguments.list("--only")
    for name in wanted where !all.contains(where: { $0.id == name }) {
      let known = all.isEmpty ? "there are none" : "known are " + all.map(\.id).joined(separator: ", ")
      throw failure("--only is \(quoted(name)), which is no table; \(known)")
    }
    tables = wanted.isEmpty ? all : all.filter { wanted.contains($0.id) }
    isWhole = tables.count == all.count
    seeds = arguments.has("--seeds") ? arguments.integer("--seeds") : nil
    jobs = arguments.integer("--jobs")
    let first = arguments.integer("--seed")
    let most = seeds ?? tables.flatMap(\.experiments).map(\.seeds).max() ?? 1
    guard first <= Int.max - most else {
      throw failure("--seed is \(first); with \(most) runs it must be at most \(Int.max - most)")
    }
    firstSeed = UInt64(first)
    guard !arguments.has("--json") || !arguments.has("--csv") else {
      throw failure("--json and --csv cannot be given together")
    }
    guard !arguments.has("--samples") || arguments.has("--json") else {
      throw failure("--samples needs --json")
    }
    if arguments.has("--json") { format = .json(withSamples: arguments.has("--samples")) }
    if arguments.has("--csv") { format = .csv }
    if arguments.has("--report") {
      guard !arguments.text("--report").isEmpty else { throw failure("--report is empty; it must be a file") }
      reportPath = arguments.text("--report")
    }
  }

  /// The runs of an experiment.
  func seedCount(of experiment: PaperExperiment) -> Int { max(1, seeds ?? experiment.seeds) }

  /// All runs of all experiments.
  var runCount: Int { tables.flatMap(\.experiments).reduce(0) { $0 + seedCount(of: $1) } }

  /// The command that repeats this run, without what only chooses the output.
  var command: String {
    var words = ["grapevine", "simulate", PapersCommand.flag]
    if !isWhole { for table in tables { words += ["--only", table.id] } }
    if let seeds { words += ["--seeds", "\(seeds)"] }
    words += ["--seed", "\(firstSeed)"]
    return words.joined(separator: " ")
  }

  /// The tables and their experiments, for `--list`.
  var listing: String {
    var text = ""
    for table in tables {
      text += "\(table.id): \(table.title)\n  \(table.source)\n"
      let rows = table.experiments.map { experiment in
        (
          name: experiment.id,
          value: "\(experiment.title); \(seedCount(of: experiment)) runs"
            + (experiment.isHeavy ? ", one at a time" : "")
        )
      }
      text += GrapevineConsole.table(rows) + "\n"
    }
    return text + "\(tables.count) tables, \(runCount) runs\n"
  }
}
