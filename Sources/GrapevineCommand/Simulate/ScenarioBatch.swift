// Runs of a scenario file, some at a time, and what came of them all.

import GrapevineConsole
import GrapevineCore
import GrapevineSimulator
import GrapevineTransport

/// Runs a scenario with a range of seeds and prints what was expected and what was measured.
actor ScenarioBatch {
  private let scenario: Scenario
  private let seed: UInt64
  private let runs: Int
  private let jobs: Int
  private let isJSON: Bool
  private let isShowingProgress = Standard.hasTerminal
  private var reports: [ScenarioReport] = []
  private var failed = 0

  init(scenario: Scenario, seed: UInt64, runs: Int, jobs: Int, isJSON: Bool) {
    self.scenario = scenario
    self.seed = seed
    self.runs = runs
    self.jobs = jobs
    self.isJSON = isJSON
  }

  /// Runs everything; returns the exit code.
  func run() async -> Int32 {
    if !isJSON {
      Standard.output(
        "\(printable(scenario.name)): \(scenario.nodes) nodes, \(scenario.messages) messages, "
          + "\(runs) run\(runs == 1 ? "" : "s") from seed \(seed).\n")
    }
    let start = MonotonicClock.now()
    do {
      try await runAll()
    } catch {
      Standard.error("grapevine simulate: \(error)\n")
      return ExitCode.failure
    }
    showProgress(nil)
    let seconds = Double(MonotonicClock.now().since(start)) / 1e9
    if isJSON { writeSummary(seconds: seconds) } else { summarise(seconds: seconds) }
    return failed == 0 ? ExitCode.success : ExitCode.broken
  }

  private func runAll() async throws {
    let showsSeconds = isShowingProgress && runs == 1
    try await runSeeds(from: seed, count: runs, jobs: jobs) { [scenario] seed in
      (
        seed,
        try scenario.run(seed: seed) { if showsSeconds { Standard.showProgress("simulated second \($0)") } }
      )
    } finish: { _, report in
      finish(report)
    }
  }

  private func finish(_ report: ScenarioReport) {
    reports.append(report)
    if !report.holds { failed += 1 }
    if isJSON {
      writeJSON(report)
    } else if !report.holds, runs > 1 {
      showProgress(nil)
      let broken = report.verdicts.filter { !$0.holds }.map { "expected \($0.expected), was \($0.measured)" }
      Standard.output(
        "seed \(report.seed) failed: \(broken.joined(separator: "; ")); \(replayCommand(report.seed))\n")
    }
    showProgress("\(reports.count) of \(runs) runs, \(failed) failed")
  }

  private func showProgress(_ text: String?) {
    if isShowingProgress { Standard.showProgress(text) }
  }

  /// The command that repeats a run.
  private func replayCommand(_ seed: UInt64) -> String {
    let name = printable(scenario.name)
    let isPlain = name.allSatisfy { $0.isLetter || $0.isNumber || "/._-".contains($0) }
    return "grapevine simulate \(isPlain ? name : "'\(name)'") --seed \(seed) --runs 1"
  }

  private func printable(_ text: String) -> String { String(quoted(text).dropFirst().dropLast()) }
}

// For people.
extension ScenarioBatch {
  private func summarise(seconds: Double) {
    let events = reports.reduce(0) { $0 &+ $1.reliability.events }
    let rate = Double(events) / max(seconds, 1e-9) / 1e6
    var rows: [(name: String, value: String)] = []
    if runs == 1, let report = reports.first {
      rows = self.rows(report)
      rows.append(("trace", hexadecimal(report.reliability.trace)))
    } else {
      rows.append(("runs", "\(reports.count), \(failed) failed"))
      rows.append(("seconds to repair", repairText(reports.compactMap(\.reliability.secondsToRepair))))
    }
    rows.append(("events", "\(events), \(Fixed.text(rate, decimals: 2)) million per second"))
    Standard.output(table(rows))
    for index in (reports.first?.verdicts ?? []).indices { Standard.output(line(ofVerdict: index)) }
    Standard.output(
      failed == 0
        ? "Everything is as expected.\n"
        : runs == 1
          ? "Not everything is as expected; '\(replayCommand(seed))' repeats the run.\n"
          : "\(failed) of \(reports.count) runs were not as expected; the lines above repeat them.\n")
  }

  /// An expectation beside what was measured, or how often it was as expected.
  private func line(ofVerdict index: Int) -> String {
    let verdicts = reports.map { $0.verdicts[index] }
    let held = verdicts.count { $0.holds }
    let outcome = held == verdicts.count ? "as expected: " : "NOT AS EXPECTED: "
    let measured = runs == 1 ? verdicts[0].measured : "in \(held) of \(verdicts.count) runs"
    return "  expect " + padded(verdicts[0].expected, 26) + outcome + measured + "\n"
  }

  private func rows(_ report: ScenarioReport) -> [(name: String, value: String)] {
    let traffic = report.traffic
    let reliability = report.reliability
    return [
      ("members", "\(report.members)" + (report.strangers > 0 ? "; nobody took in \(report.strangers)" : "")),
      ("broadcasts", "\(reliability.broadcasts), \(report.skipped) skipped"),
      ("deliveries", "\(report.deliveries) of \(report.deliveriesExpected), of any level"),
      ("coverage", report.coverage.map { "\(time($0.time)) \(percent($0.share))" }.joined(separator: ", ")),
      (
        "time to deliver",
        report.quantiles.map { "\(percent($0.share)) \(time($0.time))" }.joined(separator: ", ")
      ),
      ("flaps", "\(report.flaps)"),
      ("copies per delivery", report.copiesPerDelivery.map { Fixed.text($0, decimals: 2) } ?? "-"),
      ("duplicates", "\(reliability.duplicates)"),
      ("damaged", "\(reliability.damaged)"),
      ("gaps", "\(reliability.gaps), \(reliability.reported) deliveries reported as lost"),
      (
        "seconds to repair",
        reliability.secondsToRepair.map { Fixed.text($0, decimals: 2) } ?? "never repaired"
      ),
      ("datagrams", "\(traffic.sent) sent, \(traffic.bytesSent) bytes, \(traffic.arrived) arrived"),
      (
        "dropped",
        "\(traffic.droppedLoss) lost, \(traffic.droppedPartition) by partitions, \(traffic.droppedQueue) by queues, "
          + "\(traffic.droppedBuffer) by pauses, \(traffic.droppedHeld) by blocks, "
          + "\(traffic.droppedAbsent) without a receiver"
      ),
    ]
  }

  private func percent(_ share: Double) -> String {
    // Cut, not rounded: nothing but all is 100 %.
    let shown = (share * 1_000).rounded(.down) / 10
    return "\(Fixed.short(shown))%"
  }

  private func time(_ duration: Duration) -> String {
    let milliseconds = Double(duration.asNanoseconds) / 1e6
    return milliseconds < 1_000
      ? "\(Fixed.short(milliseconds.rounded()))ms"
      : "\(Fixed.short((milliseconds / 10).rounded() / 100))s"
  }
}

// For programs.
extension ScenarioBatch {
  private func writeJSON(_ report: ScenarioReport) {
    var output = JSONWriter()
    output.object {
      $0.field("seed", report.seed)
      $0.field("holds", report.holds)
      Totals(report.reliability).write(to: &$0)
      $0.field("skipped", report.skipped)
      $0.field("members", report.members)
      $0.field("strangers", report.strangers)
      $0.field("secondsToRepair", report.reliability.secondsToRepair)
      $0.field("copiesPerDelivery", report.copiesPerDelivery)
      $0.field("flaps", report.flaps)
      $0.field("secondsToAgree", report.secondsToAgree)
      $0.field("coverage") { object in
        for point in report.coverage { object.field(seconds(point.time), point.share) }
      }
      $0.field("secondsToDeliver") { object in
        for point in report.quantiles {
          object.field(Fixed.short(point.share), Double(point.time.asNanoseconds) / 1e9)
        }
      }
      $0.field("network") { write(report.traffic, to: &$0) }
      $0.field("expectations") { object in
        for verdict in report.verdicts {
          object.field(verdict.expected) {
            $0.field("measured", verdict.measured)
            $0.field("holds", verdict.holds)
          }
        }
      }
      $0.field("trace", hexadecimal(report.reliability.trace))
      if !report.holds { $0.field("replay", replayCommand(report.seed)) }
    }
    _ = Standard.write(output.bytes, to: 1)
  }

  private func seconds(_ duration: Duration) -> String { Fixed.short(Double(duration.asNanoseconds) / 1e9) }

  private func write(_ traffic: NetworkCounters, to object: inout JSONWriter) {
    object.field("sent", traffic.sent)
    object.field("bytesSent", traffic.bytesSent)
    object.field("duplicated", traffic.duplicated)
    object.field("corrupted", traffic.corrupted)
    object.field("arrived", traffic.arrived)
    object.field("bytesArrived", traffic.bytesArrived)
    object.field("droppedLoss", traffic.droppedLoss)
    object.field("droppedPartition", traffic.droppedPartition)
    object.field("droppedQueue", traffic.droppedQueue)
    object.field("droppedBuffer", traffic.droppedBuffer)
    object.field("droppedHeld", traffic.droppedHeld)
    object.field("droppedAbsent", traffic.droppedAbsent)
  }

  private func writeSummary(seconds: Double) {
    let total = reports.reduce(into: Totals()) { $0.add($1.reliability) }
    let repair = reports.compactMap(\.reliability.secondsToRepair)
    var output = JSONWriter()
    output.object {
      $0.field("summary", true)
      $0.field("scenario", scenario.name)
      $0.field("runs", reports.count)
      $0.field("failed", failed)
      total.write(to: &$0)
      $0.field("secondsToRepairMedian", median(repair))
      $0.field("secondsToRepairMaximum", repair.max())
      $0.field("seconds", seconds)
      $0.field("eventsPerSecond", (Double(total.events) / max(seconds, 1e-9)).rounded())
    }
    _ = Standard.write(output.bytes, to: 1)
  }
}
