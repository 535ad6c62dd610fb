// The options and the batches of campaigns: `grapevine simulate --tuples` and `--order`.

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

/// What the runs of a campaign add up to.
protocol CampaignTally: Sendable {
  associatedtype Subject: Campaign

  init()

  mutating func add(_ report: Subject.Report)

  /// What is to be said of all runs, but for the events and the trace.
  func rows(finished: Int, failed: Int) -> [(name: String, value: String)]

  /// What it comes to, in a line.
  func verdict(finished: Int, failed: Int) -> String
}

/// Reads the options of a campaign and has it run.
enum CampaignCommand<Tally: CampaignTally> {
  /// The table of a campaign's options.
  ///
  /// - Parameters:
  ///   - kept: What it means when every run was as it must be.
  ///   - broken: What it means when one was not.
  static func table(summary: String, notes: String, kept: String, broken: String) -> CommandLineTable {
    CommandLineTable(
      name: "simulate \(Tally.Subject.flag)",
      summary: summary,
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
        Option(name: Tally.Subject.flag, value: .flag, help: "What this is"),
      ],
      notes: notes,
      exitCodes: [
        (ExitCode.success, kept),
        (ExitCode.failure, "the simulation could not be set up"),
        (ExitCode.broken, broken),
        (ExitCode.usage, "the command line cannot be understood"),
      ],
      example: "grapevine simulate \(Tally.Subject.flag) --runs 1000")
  }

  static func main(_ list: [String], _ table: CommandLineTable) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    let runs = arguments.integer("--runs")
    let seed = arguments.integer("--seed")
    guard seed <= Int.max - runs else {
      throw table.failure("--seed is \(seed); with \(runs) runs it must be at most \(Int.max - runs)")
    }
    guard !arguments.has("--trace") || runs == 1 else {
      throw table.failure("found --trace with \(runs) runs; it is for one")
    }
    let batch = CampaignBatch<Tally>(
      first: Tally.Subject(seed: UInt64(seed), isShort: arguments.has("--short")), runs: runs,
      jobs: min(runs, arguments.integer("--jobs")), isTracing: arguments.has("--trace"))
    Task { exit(await batch.run()) }
    while true { pause() }
  }
}

/// Runs a campaign with a range of seeds and prints the outcome.
actor CampaignBatch<Tally: CampaignTally> {
  private let first: Tally.Subject
  private let runs: Int
  private let jobs: Int
  private let isTracing: Bool
  private let isShowingProgress = Standard.hasTerminal
  private var finished = 0
  private var failed = 0
  private var events: UInt64 = 0
  private var trace: UInt64 = 0
  private var tally = Tally()

  init(first: Tally.Subject, runs: Int, jobs: Int, isTracing: Bool) {
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

  private func finish(_ one: Tally.Subject, _ report: Tally.Subject.Report) {
    finished += 1
    if !report.holds {
      failed += 1
      if isShowingProgress { Standard.showProgress(nil) }
      Standard.output(
        "seed \(one.seed) failed: \(report.failures.joined(separator: "\n  "))\n  \(one.replayCommand)\n")
    }
    events += report.events
    trace = report.trace
    tally.add(report)
    if isShowingProgress { Standard.showProgress("\(finished) of \(runs) runs, \(failed) failed") }
  }

  private func summarise(seconds elapsed: Double) {
    var rows = tally.rows(finished: finished, failed: failed)
    let rate = Fixed.text(Double(events) / max(elapsed, 1e-9) / 1e6, decimals: 2)
    rows.append(("events", "\(events), \(rate) million per second"))
    if runs == 1 { rows.append(("trace", hexadecimal(trace))) }
    Standard.output(table(rows))
    Standard.output(tally.verdict(finished: finished, failed: failed) + "\n")
  }
}
