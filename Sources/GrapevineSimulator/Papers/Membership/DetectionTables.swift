// How soon SWIM suspects whoever crashed, beside what theory expects.

import GrapevineCore

/// The table of SWIM's first detection (Das, Gupta, Motivala, DSN 2002, §3.1 and §4.3).
enum DetectionTables {
  static let swim = "Das, Gupta, Motivala: SWIM, DSN 2002, "

  /// How many crash in how many clusters of a run; in all some 9,000 to 15,000, so that chance leaves little more
  /// than 1 % open. Among 10,000 there are 3,000, which take long enough.
  private struct Plan {
    var nodes: Int
    var victims: Int
    var clusters: Int
    /// Crashes one after the other in the same cluster.
    var batches = 1
    var seeds: Int
    var isHeavy = false
    /// 1.530 and so on: the formula for one crash, as it is known.
    var paper: String
  }

  private static let plans = [
    Plan(nodes: 10, victims: 1, clusters: 500, seeds: 30, paper: "1.530 [R, exact]"),
    Plan(nodes: 100, victims: 2, clusters: 250, seeds: 30, paper: "1.577 [R, exact]"),
    Plan(nodes: 1_000, victims: 20, clusters: 3, batches: 5, seeds: 30, paper: "1.582 [R, exact]"),
    Plan(
      nodes: 10_000, victims: 200, clusters: 1, batches: 5, seeds: 3, isHeavy: true, paper: "1.582 [R, exact]"
    ),
  ]

  static let detection = PaperTable(
    id: "swim-detection",
    title: "SWIM: periods until a crash is first suspected",
    source: swim + "§3.1 and §4.3",
    setup: """
      Whole nodes that know each other from the start, without Lifeguard, their periods of 1 s in step. Up to 2 % crash \
      just before a period begins; the period at the end of which anybody first suspects the victim is the first, \
      the second and so on. Chosen at random, as the paper's formula has it: T'/(1 - (1 - 1/(n-1))^m) with m members \
      that live. In rounds, as the paper proposes: the sum over t of the product over all members of P(T > t), \
      exact for rounds in step. Figures are judged by their ratio to the formula of their own sizes.
      """,
    experiments: plans.flatMap { [experiment($0, .roundRobin), experiment($0, [])] },
    rows: plans.flatMap(rows),
    plots: [
      PaperPlot(
        title: "First detection", xLabel: "members", yLabel: "periods",
        series: [
          PaperSeries("at random", .figures(value: "periods", at: places("random"))),
          PaperSeries("in rounds", .figures(value: "periods", at: places("rounds"))),
          PaperSeries(
            "1/(1 - (1 - 1/(n-1))^(n-1))",
            .known(
              [10, 18, 32, 56, 100, 316, 1_000, 3_162, 10_000].map {
                PaperPoint(
                  x: Double($0), y: MembershipFormulas.firstDetectionByChance(members: $0, observers: $0 - 1))
              })),
        ], isLogarithmicX: true)
    ])

  private static func places(_ kind: String) -> [PaperPlace] {
    plans.map { PaperPlace(Double($0.nodes), "detection-\(kind)-\($0.nodes)") }
  }

  private static func rows(_ plan: Plan) -> [PaperRow] {
    let (random, rounds) = ("detection-random-\(plan.nodes)", "detection-rounds-\(plan.nodes)")
    return [
      PaperRow(
        "n = \(plan.nodes), at random: periods", experiment: random, value: "periods", paper: plan.paper,
        reach: .shown),
      PaperRow(
        "n = \(plan.nodes), at random: over the formula", experiment: random, value: "ratio",
        paper: "1", reach: reach(plan)),
      PaperRow(
        "n = \(plan.nodes), in rounds: periods", experiment: rounds, value: "periods", reach: .shown),
      PaperRow(
        "n = \(plan.nodes), in rounds: over what rounds give", experiment: rounds, value: "ratio",
        paper: "1", reach: reach(plan)),
      PaperRow(
        "n = \(plan.nodes), in rounds: over the formula at random", experiment: rounds, value: "gain",
        paper: "at most 1", reach: .atMost(1.02)),
    ]
  }

  /// Within 2 %; of the few crashes among the most members, as far as they can tell.
  private static func reach(_ plan: Plan) -> PaperReach {
    plan.isHeavy ? .reference(1, rounding: 0.02) : .within(0.98...1.02)
  }

  private static func experiment(_ plan: Plan, _ ablation: Ablations) -> PaperExperiment {
    let isRandom = ablation.contains(.roundRobin)
    return PaperExperiment(
      id: "detection-\(isRandom ? "random" : "rounds")-\(plan.nodes)",
      title: "SWIM, \(plan.nodes) nodes, targets \(isRandom ? "at random" : "in rounds")", seeds: plan.seeds,
      isHeavy: plan.isHeavy
    ) { seed, progress in
      try sample(plan, ablation, seed: seed, progress: progress)
    }
  }

  /// A small run, for tests.
  static func sample(
    nodes: Int, victims: Int, clusters: Int, ablation: Ablations, seed: UInt64
  ) throws -> PaperSample {
    let plan = Plan(nodes: nodes, victims: victims, clusters: clusters, seeds: 1, paper: "")
    return try sample(plan, ablation, seed: seed, progress: { _ in })
  }

  private static func sample(
    _ plan: Plan, _ ablation: Ablations, seed: UInt64, progress: (Double) -> Void
  ) throws -> PaperSample {
    var sums = DetectionSums()
    var generator = Generator(seed: seed ^ 0x6465_7465_6374)
    for cluster in 0..<plan.clusters {
      try detect(plan, ablation, seed: generator.next(), into: &sums)
      progress(Double(cluster + 1) / Double(plan.clusters))
    }
    return sums.sample
  }

  /// Crashes in one cluster.
  private static func detect(
    _ plan: Plan, _ ablation: Ablations, seed: UInt64, into sums: inout DetectionSums
  ) throws {
    var lab = MembershipLab(nodes: plan.nodes, seed: seed)
    lab.isOverlayQuiet = true
    lab.ablations = Ablations.plainSWIM.union(ablation)
    lab.rules.startsInStep = true
    let period = lab.rules.probeInterval.asNanoseconds
    let simulation = try lab.start()
    var generator = Generator(seed: seed)
    // Anywhere in the round where it is short; where it is long, the place hardly matters.
    var place = generator.below(min(plan.nodes - 1, 9))
    for _ in 0..<plan.batches {
      let start = Instant(nanoseconds: UInt64(place + 1) &* period)
      simulation.run(until: Instant(nanoseconds: start.nanoseconds - 1))
      let victims = Laboratory.draw(plan.victims, of: simulation.running, using: &generator)
      let counts = simulation.memberCounts(of: simulation.running.first { !victims.contains($0) } ?? 0)
      let expected = DetectionSums.Expected(
        members: counts.alive + counts.suspect, observers: simulation.running.count - victims.count,
        place: place,
        isRandom: ablation.contains(.roundRobin))
      let periods = first(victims, in: simulation, from: start, period)
      sums.enter(periods, expected, missing: victims.count - periods.count)
      place += Int((simulation.now.since(start) + 1) / period)
    }
  }

  /// Crashes processes and waits until each is suspected.
  ///
  /// - Returns: The number of the period at the end of which each of them was.
  private static func first(
    _ victims: [Int], in simulation: Simulation, from start: Instant, _ period: Nanoseconds
  ) -> [Int] {
    var open = Set(victims)
    var periods: [Int] = []
    simulation.watchMembers { opinion in
      guard opinion.change == .suspected, open.remove(opinion.process) != nil else { return }
      periods.append(Int((opinion.time.since(start) + period / 2) / period))
    }
    defer { simulation.observer = nil }
    for victim in victims { simulation.crash(victim) }
    // In so many, everybody has gone through two rounds, or e^-40 of the crashes are left.
    for number in 1...40 where !open.isEmpty {
      simulation.run(until: Instant(nanoseconds: start.nanoseconds + UInt64(number) &* period + period / 2))
    }
    let next = (simulation.now.since(start) / period + 1) &* period
    simulation.run(until: Instant(nanoseconds: start.nanoseconds + next - 1))
    return periods
  }
}

/// Periods until first detection, and what was expected.
private struct DetectionSums {
  /// What theory expects of a crash.
  struct Expected {
    var periods: Double
    var byChance: Double

    init(members: Int, observers: Int, place: Int, isRandom: Bool) {
      byChance = MembershipFormulas.firstDetectionByChance(members: members, observers: observers)
      periods =
        isRandom
        ? byChance
        : MembershipFormulas.firstDetectionInRounds(
          members: members, observers: observers, phase: .place(place))
    }
  }

  private var count = 0
  private var periods = 0
  private var expected = 0.0
  private var byChance = 0.0
  private var missing = 0
  private var histogram: [Int: Int] = [:]

  mutating func enter(_ numbers: [Int], _ theory: Expected, missing: Int) {
    count += numbers.count
    periods += numbers.reduce(0, +)
    expected += theory.periods * Double(numbers.count)
    byChance += theory.byChance * Double(numbers.count)
    self.missing += missing
    for number in numbers { histogram[number, default: 0] += 1 }
  }

  var sample: PaperSample {
    var sample = PaperSample()
    guard count > 0, missing == 0 else { return sample }
    sample.values["periods"] = Double(periods) / Double(count)
    sample.values["ratio"] = Double(periods) / expected
    sample.values["gain"] = Double(periods) / byChance
    sample.histograms["periods"] = histogram
    return sample
  }
}
