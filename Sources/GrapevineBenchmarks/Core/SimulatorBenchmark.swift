// How fast virtual time passes.

import GrapevineCore
import GrapevineSimulator
import GrapevineTransport

enum SimulatorBenchmark {
  static func report(into report: inout Report) throws {
    report.title("Simulator: the core's state machines and bytes in virtual time, one thread")
    for nodes in [100, 1_000] {
      var rates: [Double] = []
      for seed in 1...3 {
        var scenario = ReliabilityScenario()
        scenario.nodes = nodes
        scenario.seed = UInt64(seed)
        let start = MonotonicClock.now()
        let outcome = try scenario.run()
        rates.append(Double(outcome.events) / Double(MonotonicClock.now().since(start)) * 1e9)
        guard outcome.holds else { throw BenchmarkError("a promise broke: \(scenario.replayCommand)") }
      }
      report.add(
        Row(
          "core.simulator\(nodes).events", rates, "events/s", note: "30 % loss, crashes, partitions, checked")
      )
    }
  }
}
