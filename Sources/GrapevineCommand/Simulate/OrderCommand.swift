// `grapevine simulate --order`: topics and order in virtual time, seed after seed.

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

/// Runs the campaign of topics and order.
enum OrderCommand {
  /// What chooses it.
  static let flag = "--order"

  static let table = CommandLineTable(
    name: "simulate --order",
    summary: """
      Runs a few nodes in virtual time that talk in a few topics, in every order there is, and answer each other while
      the network loses and splits and processes crash, come back and leave; then checks by full vector clocks that
      nothing was delivered before what it came after, unless the node had said so, or what was late had been sent before
      or within 5 s after the node joined.
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
    notes: "Docs/messages.md says what is promised, and Docs/simulator.md what is checked.",
    exitCodes: [
      (ExitCode.success, "order was kept in every run"),
      (ExitCode.failure, "the simulation could not be set up"),
      (ExitCode.broken, "at least one run broke a promise"),
      (ExitCode.usage, "the command line cannot be understood"),
    ],
    example: "grapevine simulate --order --runs 1000")

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
    let batch = OrderBatch(
      first: OrderCampaign(seed: UInt64(seed), isShort: arguments.has("--short")), runs: runs,
      jobs: min(runs, arguments.integer("--jobs")), isTracing: arguments.has("--trace"))
    Task { exit(await batch.run()) }
    while true { pause() }
  }
}

/// Runs the campaign with a range of seeds and prints the outcome.
actor OrderBatch {
  private let first: OrderCampaign
  private let runs: Int
  private let jobs: Int
  private let isTracing: Bool
  private let isShowingProgress = Standard.hasTerminal
  private var finished = 0
  private var failed = 0
  private var silent = 0
  private var total = OrderCampaignReport()

  init(first: OrderCampaign, runs: Int, jobs: Int, isTracing: Bool) {
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

  private func finish(_ one: OrderCampaign, _ report: OrderCampaignReport) {
    finished += 1
    if !report.holds {
      failed += 1
      if isShowingProgress { Standard.showProgress(nil) }
      Standard.output(
        "seed \(one.seed) failed: \(report.failures.joined(separator: "\n  "))\n  \(one.replayCommand)\n")
    }
    if report.orderGaps == 0 { silent += 1 }
    var report = report
    report.failures = []
    total.add(report)
    if isShowingProgress { Standard.showProgress("\(finished) of \(runs) runs, \(failed) failed") }
  }

  private func summarise(seconds elapsed: Double) {
    let causal = Double(max(1, total.causal))
    func perMessage(_ bytes: UInt64) -> String { Fixed.text(Double(bytes) / causal, decimals: 1) }
    let members = Double(total.nodes) / Double(max(1, finished))
    var rows: [(name: String, value: String)] = [
      ("runs", "\(finished), \(failed) failed; \(total.faults) crashes, leaves and partitions"),
      ("messages", "\(total.messages), \(total.causal) of them causal"),
      ("deliveries", "\(total.deliveries), \(total.announced) of them late and announced as such"),
      ("judged", "\(total.judged) ordered deliveries of what was sent 5 s after the node joined or later"),
      ("exempt", "\(total.historic) late and not announced, sent before or within 5 s after the node joined"),
      ("held back", "\(total.heldBack), \(total.orderGaps) of them given up; none in \(silent) runs"),
      ("lost and reported", "\(total.lost)"),
      (
        "bytes of causal order",
        "\(perMessage(total.causalBytes)) a message; full vector clocks of the members that run: "
          + "\(perMessage(total.vectorBytes)), with \(Fixed.text(members, decimals: 1)) members on average"
      ),
      ("longest delay", "\(Fixed.text(total.longestDelay, decimals: 1)) s"),
      (
        "events",
        "\(total.events), \(Fixed.text(Double(total.events) / max(elapsed, 1e-9) / 1e6, decimals: 2)) million per second"
      ),
    ]
    if runs == 1 { rows.append(("trace", hexadecimal(total.trace))) }
    Standard.output(table(rows))
    Standard.output(
      failed == 0
        ? "Nothing was delivered before what it came after without the node having said so, but for \(total.historic) "
          + "messages from before or within 5 s after the node joined.\n"
        : "\(failed) of \(finished) runs broke a promise; the lines above repeat them.\n")
  }
}
