// How fast virtual time passes.

import GrapevineCore
import GrapevineSimulator
import GrapevineTransport

enum SimulatorBenchmark {
  static func report(into report: inout Report) throws {
    report.title("Simulator: the core's state machines and bytes in virtual time, one thread")
    for nodes in [100, 1_000] {
      var rates: [Double] = []
      var kept: [Double] = []
      var note = "30 % loss, crashes, partitions; `make campaign` runs 200 seeds"
      for seed in 1...4 {
        var scenario = ReliabilityScenario()
        scenario.nodes = nodes
        scenario.seed = UInt64(seed)
        let start = MonotonicClock.now()
        let outcome = try scenario.run()
        rates.append(Double(outcome.events) / Double(MonotonicClock.now().since(start)) * 1e9)
        kept.append(outcome.holds && outcome.reported == 0 ? 1 : 0)
        if !outcome.holds { note = scenario.replayCommand }
      }
      report.add(Row("core.simulator\(nodes).events", rates, "events/s"))
      report.add(
        Row(
          "core.simulator\(nodes).promises", kept, "of the promises kept", reach: .atLeast(1), everyRun: true,
          note: note))
    }
  }
}
