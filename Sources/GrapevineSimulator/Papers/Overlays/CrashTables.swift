// HyParView over datagrams when most of the cluster crashes at once.

import GrapevineCore

extension HyParViewTables {
  static let crashLevels = [10, 30, 50, 80, 90, 95]

  static let crash = PaperTable(
    id: "hyparview-crash",
    title: "HyParView over simulated UDP: reliability after a crash at once",
    source: source + ", Figure 3",
    setup: """
      10,000 whole nodes with Plumtree, grown as above with 10 cycles of 2 s and 5 contacts that everyone knows and \
      that survive. Then the given share crashes in one instant, and random survivors broadcast 100 messages in \
      the next two seconds, while dead links are still being found: nothing breaks a datagram link, so it takes \
      probes. Reached is the share of survivors that have a message 5 cycles after the crash, over all messages.
      """,
    experiments: crashLevels.map(crashExperiment),
    rows: crashLevels.flatMap { level -> [PaperRow] in
      let id = "crash-\(level)"
      let paper = level <= 80 ? "about 100 [M]" : level == 90 ? "slightly under 100 [M]" : "about 90 [M]"
      return [
        PaperRow(
          "\(level) % crash: survivors reached within 5 cycles, %", experiment: id, value: "reached",
          paper: paper, limit: "100",
          reach: .atLeast(level <= 80 ? 99.9 : level == 90 ? 99 : 100)),
        PaperRow(
          "\(level) % crash: reached within 1 s of the broadcast, %", experiment: id, value: "soon",
          reach: .shown),
        PaperRow(
          "\(level) % crash: largest component after 5 cycles, % of survivors", experiment: id,
          value: "component", limit: "100", reach: .shown),
      ]
    },
    plots: [
      PaperPlot(
        title: "Reliability against failures", xLabel: "nodes that crash, %",
        yLabel: "survivors reached, %",
        series: [
          PaperSeries(
            "within 5 cycles",
            .figures(value: "reached", at: crashLevels.map { PaperPlace(Double($0), "crash-\($0)") })),
          PaperSeries(
            "within 1 s",
            .figures(value: "soon", at: crashLevels.map { PaperPlace(Double($0), "crash-\($0)") })),
        ]),
      PaperPlot(
        title: "Coverage over time", xLabel: "seconds since the crash",
        yLabel: "deliveries of 100 messages, %",
        series: crashLevels.map {
          PaperSeries("\($0) % crash", .curve(experiment: "crash-\($0)", name: "coverage"))
        }
      ),
    ])

  private static func crashExperiment(_ level: Int) -> PaperExperiment {
    PaperExperiment(id: "crash-\(level)", title: "HyParView, \(level) % of 10,000 nodes crash", seeds: 10) {
      seed, progress in
      var laboratory = Laboratory(nodes: 10_000, seed: seed)
      laboratory.seeds = 5
      laboratory.senders = 100
      laboratory.warmUp = 10
      laboratory.keepalive = Configuration().keepaliveInterval
      let simulation = try laboratory.grow(progress: { progress(0.7 * $0) })
      return crash(level, of: simulation, laboratory, progress: { progress(0.7 + 0.3 * $0) })
    }
  }

  private static func crash(
    _ level: Int, of simulation: Simulation, _ laboratory: Laboratory, progress: (Double) -> Void
  ) -> PaperSample {
    var generator = Generator(seed: laboratory.seed ^ 0x6372_6173_68)
    let candidates = Array(laboratory.seeds..<laboratory.nodes)
    for victim in Laboratory.draw(laboratory.nodes * level / 100, of: candidates, using: &generator) {
      simulation.crash(victim)
    }
    let survivors = simulation.running
    let arrivals = Arrivals()
    arrivals.attach(to: simulation)
    defer { simulation.observer = nil }
    let start = simulation.now
    var sent: [Arrivals.Message] = []
    var soon = 0
    let possible = 100 * (survivors.count - 1)
    var sample = PaperSample()
    var coverage: [PaperPoint] = []
    let second: Nanoseconds = 1_000_000_000
    for step in 1...200 {
      simulation.run(until: start + UInt64(step) * second / 20)
      if step.isMultiple(of: 2) {
        coverage.append(PaperPoint(x: Double(step) / 20, y: 100 * Double(arrivals.total) / Double(possible)))
      }
      // Two and a half messages in each of the first 40 steps; each is looked at one second later.
      for number in 0..<100 where 1 + number * 40 / 100 == step {
        guard let sender = Laboratory.draw(1, of: survivors, using: &generator).first,
          let message = simulation.broadcast([UInt8(number)], from: sender)
        else { continue }
        sent.append(Arrivals.Message(origin: message.origin, sequence: message.sequence))
      }
      for number in 0..<100 where 21 + number * 40 / 100 == step && number < sent.count {
        soon += arrivals.count(sent[number])
      }
      progress(Double(step) / 200)
    }
    sample.values["reached"] = 100 * Double(arrivals.total) / Double(possible)
    sample.values["soon"] = 100 * Double(soon) / Double(possible)
    let graph = simulation.graph()
    sample.values["component"] =
      100 * Double(graph.components().first ?? 0) / Double(max(1, survivors.count))
    sample.curves["coverage"] = coverage
    return sample
  }
}
