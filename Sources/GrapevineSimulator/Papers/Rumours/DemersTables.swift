// Tables 1 to 3 of Demers et al.: how many sites a rumour misses, at what cost, in how many cycles.
//
// The paper's figures stand here as they are remembered, not as read, and are printed only. Judged is against
// means of an independent small simulation of the same rules: 400 runs a row of table 1, 200 of table 2, 300
// of table 3.

import GrapevineCore

/// The tables of "Epidemic algorithms for replicated database maintenance".
enum DemersTables {
  static let all = [withAblation(pushWithFeedback), pushBlindly, pullWithFeedback]

  /// Sites of the paper's experiments.
  static let sites = 1_000
  private static let source = "Demers et al., PODC 1987 (Xerox CSL-89-1), §1.4, "
  private static let setup = """
    1,000 sites, each contacts one other per cycle, drawn uniformly; one update; no limit to connections, no \
    loss. A sample is the mean of 10 runs. Traffic: updates sent over sites. Arrivals in cycles, the first \
    site's is 0, over the sites that were reached. Figures of the paper marked [M] are remembered, not read.
    """

  /// The figures of one k: the paper's as remembered, and those that ours have to match.
  private struct Figures {
    var k: Int
    var paper: (residue: String, traffic: String, average: String, last: String)
    var residue: PaperReach
    var traffic: PaperReach
    var average: PaperReach
    var last: PaperReach
  }

  /// A mean of the independent simulation.
  ///
  /// - Parameters:
  ///   - digit: What its last printed digit counts.
  ///   - runs: How many runs it is the mean of.
  ///   - spread: The standard deviation of one run, as ours has it: what so few runs leave open counts too.
  private static func mean(_ value: Double, digit: Double, runs: Int, spread: Double) -> PaperReach {
    let open = digit / 2 + 1.96 * spread / Double(runs).squareRoot()
    // Printed beside the figure, so not with more digits than that makes sense of.
    let steps = (10 / digit).rounded()
    return .reference(value, rounding: (open * steps).rounded(.up) / steps)
  }

  private static let pushWithFeedback = table(
    1, "push, feedback, counter", RumourRules(.push, removal: .counter(1)), curveCycles: 24,
    note: " Needed is judged by what a site knew when the cycle began, and a useful contact resets the "
      + "counter: both rules were found by matching the remembered figures. The paper's average follows "
      + "another convention that is not known, so it is not judged.",
    [
      Figures(
        k: 1, paper: ("0.18", "1.7", "11.0", "16.8"),
        residue: mean(0.175, digit: 0.001, runs: 400, spread: 0.018),
        traffic: mean(1.74, digit: 0.01, runs: 400, spread: 0.041), average: .shown,
        last: mean(16.8, digit: 0.1, runs: 400, spread: 1.2)),
      Figures(
        k: 2, paper: ("0.037", "3.3", "12.1", "16.9"),
        residue: mean(0.0367, digit: 0.0001, runs: 400, spread: 0.0061),
        traffic: mean(3.30, digit: 0.01, runs: 400, spread: 0.036), average: .shown,
        last: mean(17.0, digit: 0.1, runs: 400, spread: 1)),
      Figures(
        k: 3, paper: ("0.011", "4.5", "12.5", "17.4"),
        residue: mean(0.0105, digit: 0.0001, runs: 400, spread: 0.0036),
        traffic: mean(4.54, digit: 0.01, runs: 400, spread: 0.038), average: .shown,
        last: mean(17.3, digit: 0.1, runs: 400, spread: 1.1)),
      Figures(
        k: 4, paper: ("0.0036", "5.6", "12.7", "17.5"),
        residue: mean(0.0036, digit: 0.0001, runs: 400, spread: 0.0018),
        traffic: mean(5.64, digit: 0.01, runs: 400, spread: 0.037), average: .shown,
        last: mean(17.5, digit: 0.1, runs: 400, spread: 1.2)),
      Figures(
        k: 5, paper: ("0.0012", "6.7", "12.8", "17.7"),
        residue: mean(0.0012, digit: 0.0001, runs: 400, spread: 0.0011),
        traffic: mean(6.68, digit: 0.01, runs: 400, spread: 0.041), average: .shown,
        last: mean(17.7, digit: 0.1, runs: 400, spread: 1.2)),
    ])

  private static let pushBlindly = table(
    2, "push, blind, coin", RumourRules(.push, feedback: false, removal: .coin(1)), curveCycles: 60,
    note: " For k = 3 the independent simulation missed 0.064 at 2.80 updates, which its own other rows and "
      + "e^-2.80 = 0.061 contradict; ours agrees with these and with the remembered figure, and not with it.",
    [
      Figures(
        k: 1, paper: ("0.96", "0.04", "19", "38"),
        residue: mean(0.958, digit: 0.001, runs: 200, spread: 0.022),
        traffic: mean(0.04, digit: 0.01, runs: 200, spread: 0.022), average: .shown,
        last: mean(41.0, digit: 0.1, runs: 200, spread: 22)),
      Figures(
        k: 2, paper: ("0.20", "1.6", "17", "33"), residue: mean(0.200, digit: 0.001, runs: 200, spread: 0.02),
        traffic: mean(1.60, digit: 0.01, runs: 200, spread: 0.07), average: .shown,
        last: mean(32.5, digit: 0.1, runs: 200, spread: 4.1)),
      Figures(
        k: 3, paper: ("0.060", "2.8", "15", "32"),
        residue: mean(0.064, digit: 0.001, runs: 200, spread: 0.011),
        traffic: mean(2.80, digit: 0.01, runs: 200, spread: 0.083), average: .shown,
        last: mean(31.6, digit: 0.1, runs: 200, spread: 4.2)),
      Figures(
        k: 4, paper: ("0.021", "3.9", "14.1", "32"),
        residue: mean(0.0196, digit: 0.0001, runs: 200, spread: 0.0054),
        traffic: mean(3.91, digit: 0.01, runs: 200, spread: 0.12), average: .shown,
        last: mean(32.3, digit: 0.1, runs: 200, spread: 5.1)),
      Figures(
        k: 5, paper: ("0.008", "4.9", "13.8", "32"),
        residue: mean(0.0069, digit: 0.0001, runs: 200, spread: 0.0027),
        traffic: mean(4.97, digit: 0.01, runs: 200, spread: 0.14), average: .shown,
        last: mean(33.0, digit: 0.1, runs: 200, spread: 5.8)),
    ])

  private static let pullWithFeedback = table(
    3, "pull, feedback, counter", RumourRules(.pull, removal: .counter(1)), curveCycles: 24,
    note: " A site's counter is reset in a cycle in which anybody who asked needed the update. Missing a "
      + "site with k = 3 is a rare event, one in 300 runs, and not judged.",
    [
      Figures(
        k: 1, paper: ("3.1e-2", "2.7", "9.97", "17.6"),
        residue: mean(0.032, digit: 0.001, runs: 300, spread: 0.0069),
        traffic: mean(2.70, digit: 0.01, runs: 300, spread: 0.037),
        average: mean(10.18, digit: 0.01, runs: 300, spread: 1.4),
        last: mean(17.7, digit: 0.1, runs: 300, spread: 2.1)),
      Figures(
        k: 2, paper: ("5.8e-4", "4.5", "10.07", "15.4"),
        residue: mean(0.00066, digit: 0.00001, runs: 300, spread: 0.0007),
        traffic: mean(4.49, digit: 0.01, runs: 300, spread: 0.039),
        average: mean(9.97, digit: 0.01, runs: 300, spread: 1.4),
        last: mean(15.0, digit: 0.1, runs: 300, spread: 2)),
      Figures(
        k: 3, paper: ("4.0e-6", "6.1", "10.08", "14.0"), residue: .shown,
        traffic: mean(6.08, digit: 0.01, runs: 300, spread: 0.046),
        average: mean(10.05, digit: 0.01, runs: 300, spread: 1.4),
        last: mean(14.0, digit: 0.1, runs: 300, spread: 1.7)),
    ])

  /// Table 1 with what comes out when the counter is not reset: not what the paper has.
  private static func withAblation(_ table: PaperTable) -> PaperTable {
    var table = table
    for (k, residue, spread) in [(2, 0.048, 0.0071), (3, 0.016, 0.0045)] {
      var rules = RumourRules(.push, removal: .counter(k))
      rules.keepsCounting = true
      let experiment = RumourBatch(lab: RumourLab(sites: sites, rules: rules), runs: 10, curveCycles: 24)
        .experiment(id: id(1, k) + "-kept", title: "the same without resetting, k = \(k)", seeds: 40)
      table.experiments.append(experiment)
      table.plots = [RumourBatch.coveragePlot(table.experiments)]
      table.rows.append(
        PaperRow(
          "k = \(k), counter not reset: sites missed", experiment: experiment.id, value: "residue",
          reach: mean(residue, digit: 0.001, runs: 400, spread: spread)))
    }
    return table
  }

  private static func table(
    _ number: Int, _ variant: String, _ rules: RumourRules, curveCycles: Int, note: String,
    _ figures: [Figures]
  ) -> PaperTable {
    let experiments = figures.map { figure in
      RumourBatch(
        lab: RumourLab(sites: sites, rules: rules.with(k: figure.k)), runs: 10, curveCycles: curveCycles
      ).experiment(id: id(number, figure.k), title: "\(variant), k = \(figure.k)", seeds: 40)
    }
    return PaperTable(
      id: "demers-\(number)", title: "Rumours: \(variant)", source: source + "table \(number)",
      setup: setup + note, experiments: experiments,
      rows: figures.flatMap { rows(number, $0, isPush: rules.exchange == .push) },
      plots: [RumourBatch.coveragePlot(experiments)])
  }

  private static func id(_ number: Int, _ k: Int) -> String { "demers-\(number)-k\(k)" }

  private static func rows(_ number: Int, _ figures: Figures, isPush: Bool) -> [PaperRow] {
    let experiment = id(number, figures.k)
    let k = "k = \(figures.k): "
    var rows = [
      PaperRow(
        k + "sites missed", experiment: experiment, value: "residue", paper: "[M] " + figures.paper.residue,
        limit: "0", reach: figures.residue),
      PaperRow(
        k + "updates sent per site", experiment: experiment, value: "traffic",
        paper: "[M] " + figures.paper.traffic,
        limit: "0.999 to reach all", reach: figures.traffic),
      PaperRow(
        k + "mean arrival, cycles", experiment: experiment, value: "average",
        paper: "[M] " + figures.paper.average,
        reach: figures.average),
      PaperRow(
        k + "last arrival, cycles", experiment: experiment, value: "last", paper: "[M] " + figures.paper.last,
        limit: isPush ? "10 to reach all: log2 n" : "", reach: figures.last),
    ]
    if isPush {
      rows.append(
        PaperRow(
          k + "sites missed over e^-traffic", experiment: experiment, value: "law", paper: "[M] 1",
          reach: .within(0.8...1.2)))
    } else {
      rows.append(
        PaperRow(k + "questions in vain per site", experiment: experiment, value: "vain", reach: .shown))
    }
    return rows
  }
}

extension RumourRules {
  /// The same rules with another k.
  func with(k: Int) -> RumourRules {
    var rules = self
    switch removal {
    case .coin: rules.removal = .coin(k)
    case .counter: rules.removal = .counter(k)
    }
    return rules
  }
}
