// Many simulations, some at a time, and what came of them all.

import GrapevineConsole
import GrapevineCore
import GrapevineSimulator
import GrapevineTransport

/// Runs one scenario with a range of seeds and prints the outcome.
actor SimulationBatch {
  private let scenario: ReliabilityScenario
  private let runs: Int
  private let jobs: Int
  private let isJSON: Bool
  private let isShowingProgress = Standard.hasTerminal
  private var total = Totals()
  private var repairSeconds: [Double] = []
  private var finished = 0
  private var failed = 0

  init(scenario: ReliabilityScenario, runs: Int, jobs: Int, isJSON: Bool) {
    self.scenario = scenario
    self.runs = runs
    self.jobs = jobs
    self.isJSON = isJSON
  }

  /// Runs everything; returns the exit code.
  func run() async -> Int32 {
    if !isJSON {
      Standard.output(
        "Simulating \(scenario.nodes) nodes and \(scenario.messages) messages, loss \(Fixed.short(scenario.loss)), "
          + "\(runs) run\(runs == 1 ? "" : "s") from seed \(scenario.seed).\n")
    }
    let start = MonotonicClock.now()
    do {
      try await runAll()
    } catch {
      Standard.error("grapevine simulate: \(error)\n")
      return ExitCode.failure
    }
    showProgress(nil)
    summarise(seconds: Double(MonotonicClock.now().since(start)) / 1e9)
    return failed == 0 ? ExitCode.success : ExitCode.broken
  }

  private func runAll() async throws {
    let showsSeconds = isShowingProgress && runs == 1
    try await runSeeds(from: scenario.seed, count: runs, jobs: jobs) { [scenario] seed in
      var one = scenario
      one.seed = seed
      return (one, try one.run { if showsSeconds { Standard.showProgress("simulated second \($0)") } })
    } finish: { one, report in
      finish(one, report)
    }
  }

  private func finish(_ one: ReliabilityScenario, _ report: ReliabilityReport) {
    finished += 1
    if !report.holds { failed += 1 }
    total.add(report)
    if let seconds = report.secondsToRepair { repairSeconds.append(seconds) }
    if isJSON {
      writeJSON(one, report)
    } else if !report.holds {
      showProgress(nil)
      Standard.output(
        "seed \(one.seed) failed: \(report.delivered) of \(report.expected) delivered, \(report.duplicates) duplicates, "
          + "\(report.damaged) damaged, \(report.gaps) gaps; \(one.replayCommand)\n")
    }
    showProgress("\(finished) of \(runs) runs, \(failed) failed")
  }

  /// Shows a line in place on a terminal; nil removes it.
  private func showProgress(_ text: String?) {
    if isShowingProgress { Standard.showProgress(text) }
  }

  private func writeJSON(_ one: ReliabilityScenario, _ report: ReliabilityReport) {
    var output = JSONWriter()
    output.object {
      $0.field("seed", one.seed)
      $0.field("holds", report.holds)
      Totals(report).write(to: &$0)
      $0.field("secondsToRepair", report.secondsToRepair)
      $0.field("trace", hexadecimal(report.trace))
      if !report.holds { $0.field("replay", one.replayCommand) }
    }
    _ = Standard.write(output.bytes, to: 1)
  }

  private func summarise(seconds: Double) {
    let rate = Double(total.events) / max(seconds, 1e-9)
    guard !isJSON else {
      var output = JSONWriter()
      output.object {
        $0.field("summary", true)
        $0.field("runs", finished)
        $0.field("failed", failed)
        total.write(to: &$0)
        $0.field("secondsToRepairMedian", median(repairSeconds))
        $0.field("secondsToRepairMaximum", repairSeconds.max())
        $0.field("seconds", seconds)
        $0.field("eventsPerSecond", rate.rounded())
      }
      _ = Standard.write(output.bytes, to: 1)
      return
    }
    var rows: [(name: String, value: String)] = [
      ("runs", "\(finished), \(failed) failed"),
      ("expected deliveries", "\(total.expected)"),
      ("delivered", "\(total.delivered)"),
      ("duplicates", "\(total.duplicates)"),
      ("damaged", "\(total.damaged)"),
      ("gaps", "\(total.gaps), \(total.reported) deliveries reported as lost"),
      ("seconds to repair", repairText(repairSeconds)),
      ("events", "\(total.events), \(Fixed.text(rate / 1e6, decimals: 2)) million per second"),
    ]
    if runs == 1 { rows.append(("trace", hexadecimal(total.trace))) }
    Standard.output(table(rows))
    Standard.output(
      failed == 0
        ? "Every message arrived exactly once wherever it was promised, or was reported as lost.\n"
        : "\(failed) of \(finished) runs broke a promise; the lines above repeat them.\n")
  }
}
