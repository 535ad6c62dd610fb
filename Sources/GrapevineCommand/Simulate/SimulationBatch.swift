// Many simulations, some at a time, and what came of them all.

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
    typealias Outcome = (scenario: ReliabilityScenario, report: ReliabilityReport)
    try await withThrowingTaskGroup(of: Outcome.self) { group in
      for index in 0..<runs {
        if index >= jobs, let outcome = try await group.next() { finish(outcome.scenario, outcome.report) }
        var one = scenario
        one.seed += UInt64(index)
        let showsSeconds = isShowingProgress && runs == 1
        group.addTask { [one] in
          let report = try one.run { second in
            if showsSeconds { Standard.error("\r\u{1b}[Ksimulated second \(second)") }
          }
          return (one, report)
        }
      }
      while let outcome = try await group.next() { finish(outcome.scenario, outcome.report) }
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
    guard isShowingProgress else { return }
    Standard.error("\r\u{1b}[K" + (text ?? ""))
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
      ("seconds to repair", repairText),
      ("events", "\(total.events), \(Fixed.text(rate / 1e6, decimals: 2)) million per second"),
    ]
    if runs == 1 { rows.append(("trace", hexadecimal(total.trace))) }
    Standard.output(table(rows))
    Standard.output(
      failed == 0
        ? "Every message arrived exactly once wherever it was promised, or was reported as lost.\n"
        : "\(failed) of \(finished) runs broke a promise; the lines above repeat them.\n")
  }

  private var repairText: String {
    guard let middle = median(repairSeconds), let most = repairSeconds.max() else { return "-" }
    return
      "median \(Fixed.text(middle, decimals: 1)), maximum \(Fixed.text(most, decimals: 1)), in simulated time "
      + "after the last fault"
  }

  private func hexadecimal(_ number: UInt64) -> String {
    let digits = String(number, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }
}

/// The counts of one run, or of several.
private struct Totals {
  var broadcasts = 0
  var expected = 0
  var delivered = 0
  var duplicates = 0
  var damaged = 0
  var gaps = 0
  var reported = 0
  var events: UInt64 = 0
  /// The hash of the run added last.
  var trace: UInt64 = 0

  init() {}

  init(_ report: ReliabilityReport) { add(report) }

  mutating func add(_ report: ReliabilityReport) {
    broadcasts += report.broadcasts
    expected += report.expected
    delivered += report.delivered
    duplicates += report.duplicates
    damaged += report.damaged
    gaps += report.gaps
    reported += report.reported
    events &+= report.events
    trace = report.trace
  }

  func write(to object: inout JSONWriter) {
    object.field("broadcasts", broadcasts)
    object.field("expected", expected)
    object.field("delivered", delivered)
    object.field("duplicates", duplicates)
    object.field("damaged", damaged)
    object.field("gaps", gaps)
    object.field("reported", reported)
    object.field("events", events)
  }
}
