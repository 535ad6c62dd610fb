// What a list of members endures: members that hear little, a cluster in halves, and a crowd that talks.

import GrapevineCore

/// Tables of what no paper has figures for, and what ours have to be.
enum EnduranceTables {
  static let all = [lossyMembers, partition, crowd]

  // Members that hear little.

  static let lossyMembers = PaperTable(
    id: "lossy-members",
    title: "A hundredth of the members hears a fifth of what is sent to it",
    source: "no paper: what operators of large clusters report of SWIM without Lifeguard",
    setup: """
      1,000 whole nodes with every default, all members known, over links of 1 ms. For 10 minutes, ten of them lose 80 % \
      of all datagrams that arrive. A flap is an event that says that another member failed, which runs and hears well: \
      every node's event counts. A suspicion that was refuted is none.
      """,
    experiments: [
      lossyExperiment("lossy-swim", "SWIM of 2002, 1 % of members with 80 % loss", .plainSWIM, seeds: 2),
      lossyExperiment("lossy-ours", "1 % of members with 80 % loss", [], seeds: 5),
    ],
    rows: ["ours", "swim"].flatMap { kind -> [PaperRow] in
      let name = kind == "ours" ? "Grapevine" : "SWIM"
      return [
        PaperRow(
          "\(name): flaps of members that hear well", experiment: "lossy-\(kind)", value: "flaps", limit: "0",
          reach: kind == "ours" ? .atMost(0) : .shown),
        PaperRow(
          "\(name): suspicions of members that hear well, events of all nodes", experiment: "lossy-\(kind)",
          value: "suspicions", reach: .shown),
        PaperRow(
          "\(name): suspicions of members that hear well, raised anywhere", experiment: "lossy-\(kind)",
          value: "episodes", reach: .shown),
        PaperRow(
          "\(name): events that say that a member failed which hears little", experiment: "lossy-\(kind)",
          value: "lossyFailed", reach: .shown),
      ]
    })

  private static func lossyExperiment(
    _ id: String, _ title: String, _ ablations: Ablations, seeds: Int
  ) -> PaperExperiment {
    PaperExperiment(id: id, title: title, seeds: seeds) { seed, progress in
      var lab = MembershipLab(nodes: 1_000, seed: seed)
      lab.ablations = ablations
      let simulation = try lab.start()
      simulation.run(seconds: 5, progress: { _ in })
      var generator = Generator(seed: seed ^ 0x6c6f_7373)
      let lossy = Laboratory.draw(lab.nodes / 100, of: simulation.running, using: &generator)
      for process in lossy { simulation.setLoss(inbound: 0.8, of: process) }
      let (sum, isLossy) = (FlapSum(), Set(lossy))
      simulation.watchMembers { sum.enter($0, isLossy: isLossy.contains($0.process)) }
      defer { simulation.observer = nil }
      simulation.run(seconds: 600, progress: progress)
      return sum.sample
    }
  }

  /// Verdicts on members that run.
  private final class FlapSum {
    private var flaps = 0
    private var suspicions = 0
    private var episodes = 0
    private var lossyFailed = 0
    /// When anybody last suspected a process anew.
    private var suspected: [Int: Instant] = [:]

    func enter(_ opinion: MemberOpinion, isLossy: Bool) {
      switch opinion.change {
      case .failed: if isLossy { lossyFailed += 1 } else { flaps += 1 }
      case .suspected where !isLossy:
        suspicions += 1
        // News of one suspicion are everywhere within a few seconds.
        let last = suspected[opinion.process]
        if last.map({ opinion.time.since($0) > 5_000_000_000 }) ?? true { episodes += 1 }
        suspected[opinion.process] = opinion.time
      case .joined, .suspected, .recovered, .left, .updated, .merged: break
      }
    }

    var sample: PaperSample {
      var sample = PaperSample()
      sample.values["flaps"] = Double(flaps)
      sample.values["suspicions"] = Double(suspicions)
      sample.values["episodes"] = Double(episodes)
      sample.values["lossyFailed"] = Double(lossyFailed)
      return sample
    }
  }

  // Halves.

  static let partition = PaperTable(
    id: "partition",
    title: "A cluster that was in halves for an hour",
    source: "no paper: memberlist and Serf need a seed that is configured or asked again",
    setup: """
      1,000 whole nodes with every default, all members known, without any contact to join through. They are split into \
      two halves of 500 at random, for an hour; then the network is whole again. Counted are seconds until every node \
      takes every other one to be alive, looked at each second, and events on the way.
      """,
    experiments: [partitionExperiment],
    rows: [
      PaperRow(
        "seconds until everybody knows that all live", experiment: "partition-hour", value: "seconds",
        reach: .atMost(60)),
      PaperRow(
        "members taken to be alive an hour after the split, by node", experiment: "partition-hour",
        value: "half", limit: "500", reach: .within(500...500)),
      PaperRow(
        "events that say that a member was merged", experiment: "partition-hour", value: "merged",
        limit: "500,000, each node's of each of the other half", reach: .shown),
      PaperRow(
        "events that say that a member failed, after healing", experiment: "partition-hour", value: "failed",
        limit: "0", reach: .shown),
      PaperRow(
        "bytes sent per node and second in the last ten minutes of the split", experiment: "partition-hour",
        value: "idle", reach: .shown),
      PaperRow(
        "bytes sent per node in the 60 s after healing", experiment: "partition-hour", value: "healing",
        reach: .shown),
    ],
    plots: [
      PaperPlot(
        title: "After healing", xLabel: "seconds", yLabel: "members taken to be alive, mean of all nodes",
        series: [PaperSeries("alive", .curve(experiment: "partition-hour", name: "alive"))])
    ])

  private static let partitionExperiment = PaperExperiment(
    id: "partition-hour", title: "1,000 nodes, an hour in halves", seeds: 5
  ) { seed, progress in
    let lab = MembershipLab(nodes: 1_000, seed: seed)
    let simulation = try lab.start()
    simulation.run(seconds: 10, progress: { _ in })
    var generator = Generator(seed: seed ^ 0x6861_6c76)
    let half = Set(Laboratory.draw(lab.nodes / 2, of: simulation.running, using: &generator))
    simulation.partition { half.contains($0) ? 1 : 0 }
    simulation.run(seconds: 3_000, progress: { progress(0.75 * $0) })
    var sample = PaperSample()
    let before = simulation.traffic.bytesSent
    simulation.run(seconds: 600, progress: { progress(0.75 + 0.15 * $0) })
    sample.values["idle"] = Double(simulation.traffic.bytesSent &- before) / Double(lab.nodes) / 600
    sample.values["half"] = meanAlive(simulation)
    heal(simulation, into: &sample, progress: { progress(0.9 + 0.1 * $0) })
    return sample
  }

  private static func heal(
    _ simulation: Simulation, into sample: inout PaperSample, progress: (Double) -> Void
  ) {
    var merged = 0
    var failed = 0
    simulation.watchMembers { opinion in
      if opinion.change == .merged { merged += 1 }
      if opinion.change == .failed { failed += 1 }
    }
    defer { simulation.observer = nil }
    let before = simulation.traffic.bytesSent
    simulation.heal()
    var curve: [PaperPoint] = []
    for second in 1...300 {
      simulation.run(seconds: 1, progress: { _ in })
      progress(Double(second) / 300)
      curve.append(PaperPoint(x: Double(second), y: meanAlive(simulation)))
      if second == 60 {
        sample.values["healing"] =
          Double(simulation.traffic.bytesSent &- before) / Double(simulation.processCount)
      }
      if sample.values["seconds"] == nil, simulation.isMembershipComplete() {
        sample.values["seconds"] = Double(second)
      }
      if second >= 60, sample.values["seconds"] != nil { break }
    }
    sample.curves["alive"] = curve
    sample.values["merged"] = Double(merged)
    sample.values["failed"] = Double(failed)
  }

  private static func meanAlive(_ simulation: Simulation) -> Double {
    let running = simulation.running
    let sum = running.reduce(0) { $0 + simulation.memberCounts(of: $1).alive }
    return Double(sum) / Double(max(1, running.count))
  }
}
