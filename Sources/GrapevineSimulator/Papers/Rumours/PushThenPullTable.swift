// One copy for each member, nearly: pushing while few know, then giving only to those who ask and lack it.

import GrapevineCore

/// The table of "Optimal epidemic dissemination", which has none: its bounds, and what they come to.
enum PushThenPullTable {
  static let all = [table]

  private static let table = PaperTable(
    id: "push-then-pull", title: "Rumours: push while few know, then pull",
    source: "Mercier, Hayez, Matos, \"Optimal epidemic dissemination\", arXiv 1709.00198, 2017",
    setup: """
      n sites, each contacts one other per cycle, drawn uniformly; one rumour. A young rumour is pushed for \
      floor(log2(n / ln n)) cycles, by an age that travels with it; afterwards it is given to who asks and does \
      not name it. Counter of 3. Every site asks in every cycle, whether there is a rumour or not; questions \
      are counted apart. Beside ours stands an independent small simulation that pushes until n / ln n sites \
      know; the paper itself gives n + o(n) copies in O(log n) cycles and no figures.
      """,
    experiments: cases.map(\.experiment), rows: cases.flatMap(\.rows),
    plots: [RumourBatch.coveragePlot(cases.map(\.experiment))])

  /// One size and loss, and what is expected of it.
  private struct Case: Sendable {
    var sites: Int
    var loss = 0.0
    var runs: Int
    var seeds = 30
    var paperTraffic: String
    var paperLast: String
    var traffic: PaperReach
    var residue: PaperReach
    var last: PaperReach

    var id: String { "push-then-pull-\(sites)" + (loss > 0 ? "-lossy" : "") }
    var name: String { "n = \(sites)" + (loss > 0 ? ", \(Int(loss * 100)) % loss: " : ": ") }

    var experiment: PaperExperiment {
      var rules = RumourRules(.pushThenPull, removal: .counter(3))
      rules.clusterSize = sites
      return RumourBatch(
        lab: RumourLab(sites: sites, rules: rules, loss: loss), runs: runs, curveCycles: 32
      ).experiment(id: id, title: String(name.dropLast(2)), seeds: seeds)
    }

    var rows: [PaperRow] {
      let log2 = Int.bitWidth - (sites - 1).leadingZeroBitCount
      return [
        PaperRow(
          name + "copies per site", experiment: id, value: "traffic", paper: paperTraffic,
          limit: "1 - 1/n", reach: traffic),
        PaperRow(name + "sites missed", experiment: id, value: "residue", limit: "0", reach: residue),
        PaperRow(
          name + "last arrival, cycles", experiment: id, value: "last", paper: paperLast,
          limit: "\(log2) = log2 n", reach: last),
        PaperRow(name + "questions per site", experiment: id, value: "asked", reach: .shown),
        PaperRow(name + "questions in vain per site", experiment: id, value: "vain", reach: .shown),
        PaperRow(name + "bytes per site", experiment: id, value: "bytes", reach: .shown),
      ]
    }
  }

  /// At 1,000 sites, pulling with feedback and k = 2 (Demers et al., table 3) misses 6.6e-4 for 4.5 copies:
  /// the same reach has to cost at most 1.5. Copies at 5 % loss: a goal of ours.
  private static let cases = [
    Case(
      sites: 1_000, runs: 10, paperTraffic: "[R] 1.024", paperLast: "[R] 13.3", traffic: .atMost(1.024),
      residue: .atMost(6e-4), last: .atMost(14)),
    Case(
      sites: 10_000, runs: 1, paperTraffic: "[R] 1.018", paperLast: "[R] 17.0", traffic: .atMost(1.03),
      residue: .atMost(1e-4), last: .atMost(19)),
    Case(
      sites: 100_000, runs: 1, paperTraffic: "[R] 1.012", paperLast: "[R] 21.0", traffic: .atMost(1.03),
      residue: .atMost(1e-4), last: .atMost(25)),
    Case(
      sites: 10_000, loss: 0.05, runs: 1, paperTraffic: "", paperLast: "", traffic: .atMost(1.15),
      residue: .shown, last: .shown),
  ]
}
