// A large message on the network of GossipSub v1.4's figures.

/// One message of a megabyte through 1,500 nodes, pipelined, and stored and forwarded.
enum LargeTable {
  static let all = PaperTable(
    id: "large", title: "Large messages: 1 MB through 1,500 nodes",
    source: "the setup of GossipSub v1.4 (libp2p/specs PR 654) and of arXiv 2504.10365",
    setup: """
      Access links of 50 to 150 Mbit/s and one-way delays of 40 to 130 ms, drawn for each node and each pair; access \
      links queue 200 ms. Whole nodes, 5 neighbours each, without lists of members; a small message went before, but \
      in the row that says so. Store and forward is the same nodes, links, tree and fragments, where each node passes \
      a message on only when it has all of it. Duplicates are fragments received that were there, for each fragment.
      """,
    experiments: [
      experiment("large-pipelined", "fragments that travel on as they come") { _ in },
      experiment("large-first", "the same as the first message of the cluster") { $0.isShaped = false },
      experiment("large-lossy", "the same with 1 % loss") { $0.loss = 0.01 },
      PaperExperiment(id: "large-ratio", title: "against store and forward", seeds: 5) { seed, progress in
        let ours = try LargeLab(seed: seed).run()
        progress(0.5)
        var lab = LargeLab(seed: seed)
        lab.storesAndForwards = true
        let theirs = try lab.run()
        var sample = PaperSample()
        sample.values["stored"] = theirs.p99
        sample.values["ratio"] = ours.p99 / theirs.p99
        return sample
      },
    ],
    rows: rows("pipelined", "large-pipelined", duplicates: .atMost(0.2))
      + [
        PaperRow(
          "store and forward: seconds to 99 % of the nodes", experiment: "large-ratio", value: "stored",
          reach: .shown),
        PaperRow(
          "time to 99 %, of store and forward", experiment: "large-ratio", value: "ratio",
          paper: "[S] 0.36 to 0.44", reach: .atMost(0.4)),
      ]
      + rows("first message of the cluster", "large-first", duplicates: .atMost(0.2))
      + rows("1 % loss", "large-lossy", duplicates: .atMost(0.2)))

  private static func rows(_ name: String, _ id: String, duplicates: PaperReach) -> [PaperRow] {
    [
      PaperRow(
        "\(name): delivered, %", experiment: id, value: "delivered", limit: "100", reach: .atLeast(100)),
      PaperRow(
        "\(name): duplicates per node", experiment: id, value: "duplicates", limit: "0", reach: duplicates),
      PaperRow(
        "\(name): bytes received per byte", experiment: id, value: "received", limit: "1", reach: .shown),
      PaperRow("\(name): seconds to 50 % of the nodes", experiment: id, value: "median", reach: .shown),
      PaperRow("\(name): seconds to 99 % of the nodes", experiment: id, value: "p99", reach: .shown),
    ]
  }

  private static func experiment(
    _ id: String, _ title: String, _ change: @escaping @Sendable (inout LargeLab) -> Void
  ) -> PaperExperiment {
    PaperExperiment(id: id, title: title, seeds: 5) { seed, _ in
      var lab = LargeLab(seed: seed)
      change(&lab)
      let outcome = try lab.run()
      var sample = PaperSample()
      sample.values["delivered"] = 100 * Double(outcome.delivered) / Double(outcome.expected)
      sample.values["duplicates"] = outcome.duplicates
      sample.values["received"] = outcome.received
      sample.values["median"] = outcome.median
      sample.values["p99"] = outcome.p99
      return sample
    }
  }
}
