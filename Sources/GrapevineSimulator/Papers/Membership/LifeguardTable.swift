// Lifeguard: whom members that are slow themselves accuse, and what it costs to believe them less.

import GrapevineCore

/// The table of Lifeguard (Dadgar, Phillips, Currey, arXiv 1707.00788).
enum LifeguardTable {
  /// What is compared.
  private enum Variant: String, CaseIterable {
    case swim
    case lifeguard
    case ours

    var ablations: Ablations {
      switch self {
      case .swim: .plainSWIM
      case .lifeguard: [.measuredTimeouts, .selfDoubt, .surprise]
      case .ours: []
      }
    }
  }

  private static let nodes = 128
  private static let counts = [1, 4, 8, 16, 32]
  private static let lengths = [500, 2_000, 8_000, 32_000]
  /// Milliseconds between the end of a block and the next one, and of the whole.
  private static let gap = 4_000
  private static let whole = 300_000
  private static let crashes = 2

  static let all = PaperTable(
    id: "lifeguard",
    title: "Lifeguard: false positives while some members are slow",
    source: "Dadgar, Phillips, Currey: Lifeguard, arXiv 1707.00788, §V",
    setup: """
      128 whole nodes that know each other, over links of 1 ms. In each of 20 cells {1, 4, 8, 16, 32} of them are \
      blocked together for {0.5, 2, 8, 32} s, again and again with 4 s between, for 5 minutes: their timers go on, what \
      they send is held back and what arrives waits. Two of the others crash, after one and three minutes. A false \
      positive is an event that says that a member failed which neither was ever blocked nor crashed; every node's \
      event counts. A run is all cells with SWIM of 2002, with Lifeguard, and with all of Grapevine's rules. \
      Times are from a crash to the first node that says so.
      """,
    experiments: [experiment],
    rows: [
      row("SWIM: false positives", "swim.false", .shown),
      row("SWIM: of these at members that were never blocked", "swim.healthy", .shown),
      row("Lifeguard: false positives", "lifeguard.false", .shown),
      row("Lifeguard: of these at members that were never blocked", "lifeguard.healthy", .shown),
      row("Grapevine: false positives", "ours.false", .shown, limit: "0"),
      row("Grapevine: of these at members that were never blocked", "ours.healthy", .shown, limit: "0"),
      row(
        "Lifeguard over SWIM: false positives", "lifeguard.ratio", .atMost(0.02), paper: "1/50 to 1/100 [S]",
        limit: "0"),
      row(
        "Lifeguard over SWIM: at members that were never blocked", "lifeguard.healthyRatio", .atMost(0.02),
        paper: "0.019 [S]", limit: "0"),
      row(
        "Grapevine over SWIM: false positives", "ours.ratio", .atMost(0.005), paper: "1/50 to 1/100 [S]",
        limit: "0"),
      row(
        "Grapevine over SWIM: at members that were never blocked", "ours.healthyRatio", .atMost(0.005),
        paper: "0.019 [S]", limit: "0"),
      row("SWIM: median seconds from a crash to the first verdict", "swim.detection", .shown),
      row(
        "Lifeguard over SWIM: the same", "lifeguard.detectionRatio", .atMost(1.1),
        paper: "modestly higher [S]"),
      row("Grapevine over SWIM: the same", "ours.detectionRatio", .atMost(1.1), paper: "modestly higher [S]"),
      row("SWIM: datagrams per node and second", "swim.datagrams", .shown),
      row("Lifeguard over SWIM: the same", "lifeguard.datagramRatio", .shown, paper: "modestly higher [S]"),
      row("Grapevine over SWIM: the same", "ours.datagramRatio", .shown),
      row("Lifeguard over SWIM: bytes sent", "lifeguard.byteRatio", .shown),
      row("Grapevine over SWIM: bytes sent", "ours.byteRatio", .shown),
      row("crashes that nobody noticed, of all", "missed", .atMost(0)),
    ]
      + lengths.flatMap { length in
        Variant.allCases.map { variant in
          row(
            "\(variant.rawValue), blocks of \(Double(length) / 1_000) s: false positives, all cells",
            "\(variant.rawValue).false.\(length)", .shown)
        }
      },
    plots: Variant.allCases.map { variant in
      PaperPlot(
        title: "False positives, \(variant.rawValue)", xLabel: "members blocked at once",
        yLabel: "false positives in 5 minutes",
        series: lengths.map { length in
          PaperSeries(
            "blocks of \(Double(length) / 1_000) s",
            .curve(experiment: "lifeguard-all", name: "\(variant.rawValue).\(length)"))
        })
    })

  private static func row(
    _ title: String, _ value: String, _ reach: PaperReach, paper: String = "", limit: String = ""
  ) -> PaperRow {
    PaperRow(title, experiment: "lifeguard-all", value: value, paper: paper, limit: limit, reach: reach)
  }

  static let experiment = PaperExperiment(
    id: "lifeguard-all", title: "128 nodes, some blocked, with three sets of rules", seeds: 30
  ) { seed, progress in
    var sample = PaperSample()
    var sums: [Variant: LifeguardCell] = [:]
    let cells = Double(Variant.allCases.count * lengths.count * counts.count)
    var done = 0.0
    for variant in Variant.allCases {
      var sum = LifeguardCell()
      for length in lengths {
        var falseOfLength = 0
        var curve: [PaperPoint] = []
        for count in counts {
          let cell = try run(
            variant.ablations, seed: seed, blocked: count, milliseconds: length,
            progress: { progress((done + $0) / cells) })
          done += 1
          sum.add(cell)
          falseOfLength += cell.falsePositives
          curve.append(PaperPoint(x: Double(count), y: Double(cell.falsePositives)))
        }
        sample.values["\(variant.rawValue).false.\(length)"] = Double(falseOfLength)
        sample.curves["\(variant.rawValue).\(length)"] = curve
      }
      sums[variant] = sum
    }
    compare(sums, into: &sample)
    return sample
  }

  private static func compare(_ sums: [Variant: LifeguardCell], into sample: inout PaperSample) {
    guard let swim = sums[.swim] else { return }
    var missed = 0
    for variant in Variant.allCases {
      guard let own = sums[variant] else { continue }
      let name = variant.rawValue
      sample.values["\(name).false"] = Double(own.falsePositives)
      sample.values["\(name).healthy"] = Double(own.atHealthy)
      sample.values["\(name).detection"] = own.medianDetection
      sample.values["\(name).datagrams"] =
        Double(own.datagrams) / Double(nodes * lengths.count * counts.count) / (Double(whole) / 1_000)
      sample.values["\(name).ratio"] = Double(own.falsePositives) / Double(max(1, swim.falsePositives))
      sample.values["\(name).healthyRatio"] = Double(own.atHealthy) / Double(max(1, swim.atHealthy))
      sample.values["\(name).detectionRatio"] = own.medianDetection / swim.medianDetection
      sample.values["\(name).datagramRatio"] = Double(own.datagrams) / Double(max(1, swim.datagrams))
      sample.values["\(name).byteRatio"] = Double(own.bytes) / Double(max(1, swim.bytes))
      missed += own.missed
    }
    sample.values["missed"] = Double(missed)
  }

  /// One cell: so many members blocked for so long, again and again.
  static func run(
    _ ablations: Ablations, seed: UInt64, nodes: Int = nodes, blocked: Int, milliseconds: Int,
    whole: Int = whole, progress: (Double) -> Void
  ) throws -> LifeguardCell {
    var lab = MembershipLab(nodes: nodes, seed: seed)
    lab.ablations = ablations
    let simulation = try lab.start()
    // The same members for all sets of rules.
    var generator = Generator(seed: seed ^ UInt64(blocked) << 32 ^ UInt64(milliseconds))
    let drawn = Laboratory.draw(blocked + crashes, of: simulation.running, using: &generator)
    let (slow, victims) = (Set(drawn.dropLast(crashes)), Array(drawn.suffix(crashes)))
    simulation.run(seconds: 5, progress: { _ in })
    var cell = LifeguardCell()
    let before = simulation.traffic
    var crashed: [Int: Instant] = [:]
    simulation.watchMembers { opinion in
      guard opinion.change == .failed else { return }
      if let time = crashed[opinion.process] {
        cell.detected(opinion.process, after: opinion.time.since(time))
      } else if !slow.contains(opinion.process), !victims.contains(opinion.process) {
        cell.falsePositives += 1
        if !slow.contains(opinion.observer) { cell.atHealthy += 1 }
      }
    }
    defer { simulation.observer = nil }
    let start = simulation.now
    for time in stride(from: 0, to: whole, by: milliseconds + gap) {
      simulation.at(start + UInt64(time) * 1_000_000) { simulation in
        // In an order that does not depend on a hash table.
        for process in drawn.dropLast(crashes) { simulation.block(process, for: .milliseconds(milliseconds)) }
      }
    }
    for (number, victim) in victims.enumerated() {
      let time = start + UInt64(whole) * (1 + 2 * UInt64(number)) / 5 * 1_000_000
      simulation.at(time) { simulation in
        crashed[victim] = simulation.now
        simulation.crash(victim)
      }
    }
    simulation.run(seconds: whole / 1_000, progress: progress)
    let after = simulation.traffic
    cell.bytes = after.bytesSent &- before.bytesSent
    cell.datagrams = after.sent &- before.sent
    cell.missed = victims.count - cell.detections.count
    return cell
  }
}

/// What was counted in a cell, or in several.
struct LifeguardCell {
  /// Events about members that never were blocked and did not crash, and those of them at such members.
  var falsePositives = 0
  var atHealthy = 0
  /// What nodes sent.
  var bytes: UInt64 = 0
  var datagrams: UInt64 = 0
  /// Crashes that nobody noticed.
  var missed = 0
  /// Times from a crash to the first verdict.
  private(set) var detections: [Nanoseconds] = []
  private var found: Set<Int> = []

  mutating func detected(_ process: Int, after time: Nanoseconds) {
    if found.insert(process).inserted { detections.append(time) }
  }

  mutating func add(_ other: LifeguardCell) {
    falsePositives += other.falsePositives
    atHealthy += other.atHealthy
    bytes &+= other.bytes
    datagrams &+= other.datagrams
    missed += other.missed
    detections += other.detections
  }

  /// In seconds; not a number when nothing was detected.
  var medianDetection: Double {
    let sorted = detections.sorted()
    guard !sorted.isEmpty else { return .nan }
    let (low, high) = (sorted[(sorted.count - 1) / 2], sorted[sorted.count / 2])
    return Double(low + high) / 2e9
  }
}
