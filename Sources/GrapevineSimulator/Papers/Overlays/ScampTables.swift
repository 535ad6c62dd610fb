// SCAMP's view sizes, and what becomes of them when members leave or all come through one contact.

import GrapevineCore

extension PaperTables {
  /// View sizes, unsubscription and indirection, reliability.
  static let scamp = [scampViews, scampChanges, scampReliability]

  private static let scampSource =
    "Ganesh, Kermarrec, Massoulié, Peer-to-peer membership management for gossip-based protocols, "
    + "IEEE Transactions on Computers 52(2), 2003"

  private static let scampSetup =
    "Members join one by one, 50 ms apart, over links of 1 ms without loss; the contact is a member chosen at "
    + "random; c = 0 and no indirection where nothing else is said. At most 56 links each, both ways together. Nodes are "
    + "whole; heartbeats are days apart, so that idle links cost nothing. "
  private static let reproduced = "reproduced by a model of its rules: "

  private static var scampViews: PaperTable {
    let sizes: [(n: Int, name: String, seeds: Int, mean: String, rest: String, messages: String)] = [
      (1_000, "1k", 30, "6.60", "sd 3.8, 1 to 22", "32"),
      (10_000, "10k", 30, "8.87", "sd 4.6, 1 to 29", "54"),
      (100_000, "100k", 5, "11.26", "sd 5.4, 1 to 43", "83"),
    ]
    var rows: [PaperRow] = []
    for size in sizes {
      let (id, n) = ("scamp-\(size.name)", "n = \(size.n)")
      rows += [
        PaperRow(
          "\(n): mean view / ln n", experiment: id, value: "ratio", paper: "1 (c+1 times ln n)",
          reach: .within(0.92...1.08)),
        PaperRow(
          "\(n): mean view", experiment: id, value: "mean", paper: reproduced + size.mean, reach: .shown),
        PaperRow(
          "\(n): standard deviation of the view", experiment: id, value: "sd", paper: reproduced + size.rest,
          limit: "sqrt(mean) for a random graph", reach: .shown),
        PaperRow("\(n): smallest view", experiment: id, value: "least", reach: .shown),
        PaperRow("\(n): largest view", experiment: id, value: "most", reach: .shown),
        PaperRow("\(n): largest in-view", experiment: id, value: "mostIn", reach: .shown),
        PaperRow("\(n): smallest in-view", experiment: id, value: "leastIn", reach: .shown),
        PaperRow(
          "\(n): messages per subscription", experiment: id, value: "messages",
          paper: reproduced + size.messages, reach: .shown),
        PaperRow(
          "\(n): members that hold nobody or nobody holds", experiment: id, value: "isolated", reach: .shown),
      ]
    }
    rows += [
      PaperRow(
        "n = 10000, c = 1: mean view", experiment: "scamp-10k-c1", value: "mean",
        paper: "18.4 = 2 ln n; " + reproduced + "17.8", reach: .shown),
      PaperRow(
        "n = 10000, c = 1: largest view", experiment: "scamp-10k-c1", value: "most",
        limit: "56 links, both ways together", reach: .shown),
      PaperRow(
        "n = 10000, c = 1: copies that found no slot, of 1000 sent", experiment: "scamp-10k-c1",
        value: "turnedAway", reach: .shown),
    ]
    var further = ScampCluster.plain
    further.copies = 1
    let experiments =
      sizes.map {
        growth("scamp-\($0.name)", ScampCluster(nodes: $0.n, rules: ScampCluster.plain), seeds: $0.seeds)
      }
      + [growth("scamp-10k-c1", ScampCluster(nodes: 10_000, rules: further), seeds: 10)]
    return PaperTable(
      id: "scamp-views", title: "SCAMP: the size of partial views", source: scampSource + ", §2.1 and §4",
      setup: scampSetup + "At n = 100000 a run takes two minutes and 5 GB, so there are five of them.",
      experiments: experiments, rows: rows)
  }

  private static func growth(_ id: String, _ cluster: ScampCluster, seeds: Int) -> PaperExperiment {
    PaperExperiment(
      id: id, title: "\(cluster.nodes) members, c = \(cluster.rules.copies)", seeds: seeds
    ) { seed, progress in
      let simulation = try cluster.grow(seed: seed, progress: progress)
      var sample = PaperSample()
      sample.note(ViewFigures(simulation))
      sample.noteMessages(simulation)
      return sample
    }
  }
}

// Leaving, and one contact for all.
extension PaperTables {
  private static var scampChanges: PaperTable {
    PaperTable(
      id: "scamp-changes", title: "SCAMP: unsubscription and indirection",
      source: scampSource + ", §2.2 to §2.4",
      setup: scampSetup
        + "n = 10000. Ratios are to a cluster that grew through random contacts: of as many members, or to "
        + "the same one when it had half.",
      experiments: [halved, indirect, skewed],
      rows: [
        PaperRow(
          "half have left: mean view / that of a fresh cluster", experiment: "scamp-halved", value: "ratio",
          paper: "1", reach: .within(0.92...1.08)),
        PaperRow(
          "half have left: members that hold nobody or nobody holds", experiment: "scamp-halved",
          value: "isolated", paper: "0", limit: "0", reach: .atMost(0)),
        PaperRow(
          "half have left: standard deviation / that of a fresh cluster", experiment: "scamp-halved",
          value: "sdRatio", reach: .shown),
        PaperRow(
          "all through the founder, indirection of 32 steps: mean view / uniform",
          experiment: "scamp-indirect",
          value: "ratio", paper: "1", reach: .within(0.92...1.08)),
        PaperRow(
          "all through the founder, indirection: mean view / ln n", experiment: "scamp-indirect",
          value: "perLog", paper: "1", reach: .within(0.92...1.08)),
        PaperRow(
          "all through the founder, indirection: standard deviation / uniform", experiment: "scamp-indirect",
          value: "sdRatio", paper: "1", reach: .within(0.8...1.2)),
        PaperRow(
          "all through the founder, indirection: steps and returns per subscription",
          experiment: "scamp-indirect", value: "steps", reach: .shown),
        PaperRow(
          "all through the founder, indirection: the founder's in-view", experiment: "scamp-indirect",
          value: "founderIn", reach: .shown),
        PaperRow(
          "all through the founder, no indirection: mean view / uniform", experiment: "scamp-skewed",
          value: "ratio", reach: .shown),
        PaperRow(
          "all through the founder, no indirection: standard deviation / uniform", experiment: "scamp-skewed",
          value: "sdRatio", reach: .shown),
        PaperRow(
          "all through the founder, no indirection: the founder's in-view", experiment: "scamp-skewed",
          value: "founderIn", limit: "56 links, both ways together", reach: .shown),
      ])
  }

  private static var halved: PaperExperiment {
    PaperExperiment(id: "scamp-halved", title: "half of 10000 members leave", seeds: 30) { seed, progress in
      // The views of a small cluster's first members leave a mark on all later ones: compared is with the
      // same cluster when it had half the members.
      var fresh: ViewFigures?
      let simulation = try ScampCluster(nodes: 10_000, rules: ScampCluster.plain).grow(
        seed: seed, progress: { progress($0 / 2) }, halfway: { fresh = ViewFigures($0) })
      ScampCluster.halve(simulation, seed: seed)
      var sample = PaperSample()
      let figures = ViewFigures(simulation)
      sample.note(figures, beside: fresh ?? figures)
      return sample
    }
  }

  private static var indirect: PaperExperiment { throughFounder("scamp-indirect", walkLength: 32) }
  private static var skewed: PaperExperiment { throughFounder("scamp-skewed", walkLength: 0) }

  private static func throughFounder(_ id: String, walkLength: Int) -> PaperExperiment {
    PaperExperiment(id: id, title: "10000 members join through one", seeds: walkLength > 0 ? 20 : 3) {
      seed, progress in
      let uniform = ViewFigures(
        try ScampCluster(nodes: 10_000, rules: ScampCluster.plain).grow(seed: seed) { progress($0 / 3) })
      var rules = ScampCluster.plain
      rules.walkLength = walkLength
      let simulation = try ScampCluster(nodes: 10_000, rules: rules, contacts: .founder)
        .grow(seed: seed) { progress((1 + 2 * $0) / 3) }
      var sample = PaperSample()
      sample.note(ViewFigures(simulation), beside: uniform)
      sample.noteMessages(simulation)
      sample.values["founderIn"] = Double(simulation.inCount(of: 0))
      return sample
    }
  }
}

// Reliability.
extension PaperTables {
  private static let failures = [1, 2, 3, 4, 5, 6, 7, 8]

  private static var scampReliability: PaperTable {
    let model = [
      "c0": [1: "0.998", 2: "0.994", 3: "0.988", 4: "0.880", 5: "0.959", 6: "0.739"],
      "c4": [1: "1.0000", 3: "1.0000", 5: "1.0000", 7: "0.9997", 8: "0.997"],
    ]
    var rows: [PaperRow] = []
    for (name, copies) in [("c0", 0), ("c1", 1)] {
      for tenths in failures {
        let title = "c = \(copies), \(tenths * 10) % fail: "
        let paper = copies == 0 ? model["c0"]?[tenths].map { reproduced + "\($0) (n = 5000)" } ?? "" : ""
        rows += [
          PaperRow(
            title + "share reached", experiment: "scamp-reach-\(name)", value: "reached\(tenths)",
            paper: paper,
            reach: .shown),
          PaperRow(
            title + "reached, source not isolated", experiment: "scamp-reach-\(name)",
            value: "connected\(tenths)", reach: .shown),
          PaperRow(
            title + "source isolated", experiment: "scamp-reach-\(name)", value: "isolated\(tenths)",
            reach: .shown),
        ]
      }
    }
    return PaperTable(
      id: "scamp-reach", title: "SCAMP: whom a message reaches after failures", source: scampSource + ", §4",
      setup: scampSetup
        + "n = 5000. A random share fails at once and nothing is repaired; 100 messages from random survivors, "
        + "each pushed by whoever hears it to all of its partial view.",
      experiments: [reach("scamp-reach-c0", copies: 0), reach("scamp-reach-c1", copies: 1)], rows: rows)
  }

  private static func reach(_ id: String, copies: Int) -> PaperExperiment {
    PaperExperiment(id: id, title: "failures among 5000 members, c = \(copies)", seeds: 30) {
      seed, progress in
      var rules = ScampCluster.plain
      rules.copies = copies
      let graph = ViewGraph(try ScampCluster(nodes: 5_000, rules: rules).grow(seed: seed, progress: progress))
      var sample = PaperSample()
      for tenths in failures {
        let result = graph.reach(
          failing: Double(tenths) / 10, messages: 100, seed: seed &* 16 &+ UInt64(tenths))
        sample.values["reached\(tenths)"] = result.all
        sample.values["connected\(tenths)"] = result.connected
        sample.values["isolated\(tenths)"] = result.isolated
        sample.curves["reached", default: []].append(PaperPoint(x: Double(tenths) / 10, y: result.all))
        sample.curves["reached, source not isolated", default: []].append(
          PaperPoint(x: Double(tenths) / 10, y: result.connected))
      }
      return sample
    }
  }
}

extension PaperSample {
  fileprivate mutating func note(_ figures: ViewFigures) {
    values["mean"] = figures.mean
    values["ratio"] = figures.mean / logarithm(Double(max(2, figures.members)))
    values["sd"] = figures.deviation
    values["least"] = Double(figures.least)
    values["most"] = Double(figures.most)
    values["leastIn"] = Double(figures.leastIn)
    values["mostIn"] = Double(figures.mostIn)
    values["isolated"] = Double(figures.isolated)
    histograms["view"] = figures.histogram
  }

  fileprivate mutating func note(_ figures: ViewFigures, beside fresh: ViewFigures) {
    note(figures)
    values["perLog"] = values["ratio"]
    values["ratio"] = figures.mean / max(fresh.mean, 1)
    values["sdRatio"] = figures.deviation / max(fresh.deviation, 1)
  }

  fileprivate mutating func noteMessages(_ simulation: Simulation) {
    var (forwarded, turnedAway, steps) = (0.0, 0.0, 0.0)
    for process in 0..<simulation.processCount {
      let counters = simulation.counters(of: process)
      forwarded += Double(counters.subscriptionsForwarded)
      turnedAway += Double(counters.subscriptionsTurnedAway)
      steps += Double(counters.indirectSteps)
    }
    values["messages"] = forwarded / Double(max(1, simulation.processCount))
    values["turnedAway"] = 1_000 * turnedAway / max(1, forwarded)
    values["steps"] = steps / Double(max(1, simulation.processCount))
  }
}
