// `grapevine simulate --tuples`: maps of tuples in virtual time, seed after seed.

import GrapevineConsole
import GrapevineCore
import GrapevineSimulator
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs the campaign of the map of tuples.
enum TupleCommand {
  /// What chooses it.
  static let flag = "--tuples"

  static let table = CommandLineTable(
    name: "simulate --tuples",
    summary: """
      Runs a few nodes in virtual time that write, overwrite and remove tuples while the network loses and splits,
      clocks are wrong and processes crash, with their disks or without; then checks that all have the same tuples,
      that none was lost and that none came back.
      """,
    options: [
      Option(
        name: "--seed", placeholder: "N", value: .integer(0...Int.max, default: 1), help: "The first seed"),
      Option(
        name: "--runs", placeholder: "N", value: .integer(1...10_000_000, default: 10_000),
        help: "Runs, each with the seed after that of the one before"),
      Option(
        name: "--jobs", placeholder: "N", value: .integer(1...256, default: SimulateCommand.cores),
        help: "Runs at the same time", defaultText: "the number of cores, \(SimulateCommand.cores) here"),
      Option(name: "--short", value: .flag, help: "Small and short runs, as the tests have them"),
      Option(name: "--trace", value: .flag, help: "Print everything that happens; for one run"),
      Option(name: flag, value: .flag, help: "What this is"),
    ],
    notes: "Docs/simulator.md says what is checked, and what may be lost.",
    exitCodes: [
      (ExitCode.success, "every run was as it must be"),
      (ExitCode.failure, "the simulation could not be set up"),
      (ExitCode.broken, "at least one run was not"),
      (ExitCode.usage, "the command line cannot be understood"),
    ],
    example: "grapevine simulate --tuples --runs 1000")

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    let runs = arguments.integer("--runs")
    let seed = arguments.integer("--seed")
    guard seed <= Int.max - runs else {
      throw table.failure("--seed is \(seed); with \(runs) runs it must be at most \(Int.max - runs)")
    }
    guard !arguments.has("--trace") || runs == 1 else {
      throw table.failure("found --trace with \(runs) runs; it is for one")
    }
    let batch = TupleBatch(
      first: TupleCampaign(seed: UInt64(seed), isShort: arguments.has("--short")), runs: runs,
      jobs: min(runs, arguments.integer("--jobs")), isTracing: arguments.has("--trace"))
    Task { exit(await batch.run()) }
    while true { pause() }
  }
}

/// Runs the campaign with a range of seeds and prints the outcome.
actor TupleBatch {
  private let first: TupleCampaign
  private let runs: Int
  private let jobs: Int
  private let isTracing: Bool
  private let isShowingProgress = Standard.hasTerminal
  private var finished = 0
  private var failed = 0
  private var total = TupleCampaignReport()
  private var longAbsences = 0
  private var wildClocks = 0
  private var lastComparisons: UInt64 = 0
  private var seconds: [Double] = []

  init(first: TupleCampaign, runs: Int, jobs: Int, isTracing: Bool) {
    self.first = first
    self.runs = runs
    self.jobs = jobs
    self.isTracing = isTracing
  }

  /// Runs everything; returns the exit code.
  func run() async -> Int32 {
    let start = MonotonicClock.now()
    do {
      try await runSeeds(from: first.seed, count: runs, jobs: jobs) { [first, isTracing] seed in
        var one = first
        one.seed = seed
        return (one, try one.run(log: isTracing ? { Standard.output($0 + "\n") } : nil))
      } finish: { one, report in
        finish(one, report)
      }
    } catch {
      Standard.error("grapevine simulate: \(error)\n")
      return ExitCode.failure
    }
    if isShowingProgress { Standard.showProgress(nil) }
    summarise(seconds: Double(MonotonicClock.now().since(start)) / 1e9)
    return failed == 0 ? ExitCode.success : ExitCode.broken
  }

  private func finish(_ one: TupleCampaign, _ report: TupleCampaignReport) {
    finished += 1
    if !report.holds {
      failed += 1
      if isShowingProgress { Standard.showProgress(nil) }
      Standard.output(
        "seed \(one.seed) failed: \(report.failures.joined(separator: "\n  "))\n  \(one.replayCommand)\n")
    }
    add(report)
    if isShowingProgress { Standard.showProgress("\(finished) of \(runs) runs, \(failed) failed") }
  }

  private func add(_ report: TupleCampaignReport) {
    total.writes += report.writes
    total.changes += report.changes
    total.yields += report.yields
    total.lateReturns += report.lateReturns
    total.contested += report.contested
    total.keys += report.keys
    total.comparisons += report.comparisons
    total.comparisonsFailed += report.comparisonsFailed
    total.streams += report.streams
    total.events += report.events
    total.trace = report.trace
    lastComparisons = max(lastComparisons, report.lastComparisons)
    if report.hasLongAbsence { longAbsences += 1 }
    if report.hasWildClock { wildClocks += 1 }
    if let time = report.secondsToConverge { seconds.append(time) }
  }

  private func summarise(seconds elapsed: Double) {
    var rows: [(name: String, value: String)] = [
      ("runs", "\(finished), \(failed) failed"),
      ("with long absences", "\(longAbsences)"),
      ("with wrong clocks", "\(wildClocks)"),
      ("writes", "\(total.writes)"),
      ("changes", "\(total.changes)"),
      ("keys", "\(total.keys), \(total.contested) of them checked for being the same only"),
      ("given up", "\(total.yields), \(total.lateReturns) late returns"),
      (
        "comparisons",
        "\(total.comparisons), \(total.comparisonsFailed) given up; \(total.streams) whole maps"
      ),
      ("in the last minute", "at most \(lastComparisons) comparisons by one node"),
      (
        "events",
        "\(total.events), \(Fixed.text(Double(total.events) / max(elapsed, 1e-9) / 1e6, decimals: 2)) million per second"
      ),
    ]
    if runs == 1 { rows.append(("trace", hexadecimal(total.trace))) }
    Standard.output(table(rows))
    Standard.output(
      failed == 0
        ? "All members ended with the same tuples, and with what was written last.\n"
        : "\(failed) of \(finished) runs were not as they must be; the lines above repeat them.\n")
  }
}
