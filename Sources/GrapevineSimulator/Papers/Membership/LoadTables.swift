// What the list of members costs, and how often loss alone makes a failure of nothing.

import GrapevineCore

/// The tables of SWIM's load and of its false positives (Das, Gupta, Motivala, DSN 2002, §3.1).
enum LoadTables {
  // Load.

  private static let sizes = [10, 100, 1_000, 10_000]

  static let load = PaperTable(
    id: "swim-load",
    title: "What a list of members costs when nothing happens",
    source: DetectionTables.swim + "§3.1 and §5",
    setup: """
      Whole nodes with every default, HyParView's links from the start and all members known; after 30 s, what nodes \
      send is counted for 60 s in which nothing happens. Among ten, HyParView looks for neighbours that are not to be had, \
      so the slope of the whole node is from 100 on. The share of the list of members is what is sent less what \
      the same cluster sends without such lists. The slopes are by least squares through all runs over log10 n. L* is \
      the least load of any detector with the same detection time and the same mistakes at 5 % loss: \
      log(PM)/(log(0.05) T) for T = e/(e-1) periods of 1 s and SWIM's PM at 5 % loss with three helpers (Gupta, \
      Chandra, Goldszmidt, PODC 2001).
      """,
    experiments: sizes.map(idle),
    rows: sizes.flatMap { size in
      [
        PaperRow(
          "n = \(size): bytes per node and second, whole node", experiment: "load-\(size)", value: "bytes",
          reach: .shown),
        PaperRow(
          "n = \(size): of these for the list of members", experiment: "load-\(size)", value: "share",
          reach: .shown),
        PaperRow(
          "n = \(size): datagrams per node and second, whole node", experiment: "load-\(size)",
          value: "datagrams", reach: .shown),
        PaperRow(
          "n = \(size): of these for the list of members", experiment: "load-\(size)",
          value: "datagramShare", paper: "2, a ping and an answer [M]", limit: limit, reach: .shown),
      ]
    } + [
      PaperRow(
        "slope per decade of n from 100 on, bytes per node and second, whole node", experiment: "load-slope",
        value: PaperTrend.slope, paper: "flat [M]", limit: "0", reach: .reference(0, rounding: 0)),
      PaperRow(
        "slope per decade of n, bytes per node and second, list of members", experiment: "load-share-slope",
        value: PaperTrend.slope, paper: "flat [M]", limit: "0", reach: .reference(0, rounding: 0)),
      PaperRow(
        "slope per decade of n, datagrams per node and second, list of members",
        experiment: "load-datagram-slope", value: PaperTrend.slope, paper: "flat [M]", limit: "0",
        reach: .reference(0, rounding: 0)),
    ],
    trends: [
      trend("load-slope", "bytes", from: 1), trend("load-share-slope", "share"),
      trend("load-datagram-slope", "datagramShare"),
    ],
    plots: [
      PaperPlot(
        title: "Idle traffic", xLabel: "members", yLabel: "bytes sent per node and second",
        series: [
          PaperSeries("whole node", .figures(value: "bytes", at: places)),
          PaperSeries("list of members", .figures(value: "share", at: places)),
        ], isLogarithmicX: true)
    ])

  private static func trend(_ id: String, _ value: String, from first: Int = 0) -> PaperTrend {
    PaperTrend(
      id: id, value: value,
      places: zip(1..., sizes).dropFirst(first).map { PaperPlace(Double($0), "load-\($1)") })
  }

  private static let places = sizes.map { PaperPlace(Double($0), "load-\($0)") }

  /// Gupta's bound for one member.
  private static let limit: String = {
    let mistakes = MembershipFormulas.falsePositive(alive: 1, delivery: 0.95, helpers: 3)
    let least = MembershipFormulas.leastLoad(
      members: 1, mistakes: mistakes, loss: 0.05, seconds: MembershipFormulas.limitOfFirstDetection)
    return "L* = \((least * 100).rounded() / 100)"
  }()

  private static func idle(_ size: Int) -> PaperExperiment {
    PaperExperiment(
      id: "load-\(size)", title: "Idle traffic of \(size) nodes with lists of members",
      seeds: size > 5_000 ? 5 : 30, isHeavy: size > 5_000
    ) { seed, progress in
      var sample = PaperSample()
      let with = try traffic(size, seed: seed, hasMembers: true, progress: { progress(0.7 * $0) })
      let without = try traffic(size, seed: seed, hasMembers: false, progress: { progress(0.7 + 0.3 * $0) })
      sample.values["bytes"] = with.bytes
      sample.values["share"] = with.bytes - without.bytes
      sample.values["datagrams"] = with.datagrams
      sample.values["datagramShare"] = with.datagrams - without.datagrams
      return sample
    }
  }

  private static func traffic(
    _ size: Int, seed: UInt64, hasMembers: Bool, progress: (Double) -> Void
  ) throws -> (bytes: Double, datagrams: Double) {
    var lab = MembershipLab(nodes: size, seed: seed)
    lab.hasMembers = hasMembers
    let simulation = try lab.start()
    simulation.run(seconds: 30, progress: { progress($0 / 3) })
    let before = simulation.traffic
    simulation.run(seconds: 60, progress: { progress((1 + 2 * $0) / 3) })
    let after = simulation.traffic
    let scale = Double(size) * 60
    return (
      Double(after.bytesSent &- before.bytesSent) / scale,
      Double(after.sent &- before.sent) / scale
    )
  }

  // False positives.

  private struct Loss {
    var percent: Int
    var helpers: Int
    /// Simulated seconds of a run.
    var seconds: Int

    var id: String { "false-\(percent)-\(helpers)" }
    /// What the formula gives.
    var expected: Double {
      MembershipFormulas.falsePositive(alive: 1, delivery: 1 - Double(percent) / 100, helpers: helpers)
    }
  }

  private static let losses = [
    Loss(percent: 1, helpers: 1, seconds: 300), Loss(percent: 1, helpers: 3, seconds: 4_000),
    Loss(percent: 5, helpers: 3, seconds: 600), Loss(percent: 10, helpers: 3, seconds: 300),
    Loss(percent: 20, helpers: 3, seconds: 300),
  ]

  static let falsePositives = PaperTable(
    id: "swim-false-positives",
    title: "SWIM: members suspected because datagrams are lost",
    source: DetectionTables.swim + "§3.1",
    setup: """
      128 whole nodes that know each other, without Lifeguard, all alive. Counted are probes that neither the member \
      nor any of k helpers answered, for each member and period, times e/(e-1), the periods of a detection: the paper \
      has the probability of a mistake within the time of a detection, \
      q (1 - p^2)(1 - q p^4)^k e^q/(e^q - 1) with q = 1 and p the share of datagrams that arrive. At 1 % loss three \
      helpers leave two mistakes in a million, about 15 in all runs; one helper shows it with many.
      """,
    experiments: losses.map(mistakes),
    rows: losses.flatMap { loss in
      [
        PaperRow(
          "\(loss.percent) % loss, k = \(loss.helpers): false positives per member and detection, in a million",
          experiment: loss.id, value: "rate", paper: "\(millionths(loss.expected)) [M]",
          limit: "\(millionths(loss.expected))", reach: .reference(millionths(loss.expected), rounding: 0)),
        PaperRow(
          "\(loss.percent) % loss, k = \(loss.helpers): probes that failed in a run", experiment: loss.id,
          value: "count", reach: .shown),
      ]
    },
    plots: [
      PaperPlot(
        title: "False positives against loss, k = 3", xLabel: "datagrams lost, %",
        yLabel: "per member and detection, in a million",
        series: [
          PaperSeries(
            "measured",
            .figures(
              value: "rate",
              at: losses.filter { $0.helpers == 3 }.map { PaperPlace(Double($0.percent), $0.id) })),
          PaperSeries(
            "the formula",
            .known(
              (1...20).map {
                PaperPoint(
                  x: Double($0),
                  y: 1e6
                    * MembershipFormulas.falsePositive(
                      alive: 1, delivery: 1 - Double($0) / 100, helpers: 3))
              })),
        ], isLogarithmicY: true)
    ])

  /// In a million, to four digits.
  private static func millionths(_ probability: Double) -> Double {
    let number = probability * 1e6
    let scale = [0.001, 0.01, 0.1, 1, 10].first { number * $0 < 10_000 && number * $0 >= 1_000 } ?? 1_000
    return (number * scale).rounded() / scale
  }

  private static func mistakes(_ loss: Loss) -> PaperExperiment {
    PaperExperiment(
      id: loss.id, title: "SWIM, \(loss.percent) % loss, k = \(loss.helpers)", seeds: 30
    ) { seed, progress in
      var lab = MembershipLab(nodes: 128, seed: seed)
      lab.isOverlayQuiet = true
      lab.ablations = .plainSWIM
      lab.rules.indirectProbes = loss.helpers
      let simulation = try lab.start()
      simulation.run(seconds: 5, progress: { _ in })
      simulation.model.loss = Double(loss.percent) / 100
      simulation.run(seconds: 5, progress: { _ in })
      let (failed, probes) = (simulation.sum(\.probesFailed), simulation.sum(\.probes))
      simulation.run(seconds: loss.seconds, progress: progress)
      let count = Double(simulation.sum(\.probesFailed) &- failed)
      var sample = PaperSample()
      sample.values["count"] = count
      // One probe for each member and period.
      sample.values["rate"] =
        1e6 * count / Double(simulation.sum(\.probes) &- probes) * MembershipFormulas.limitOfFirstDetection
      return sample
    }
  }
}
