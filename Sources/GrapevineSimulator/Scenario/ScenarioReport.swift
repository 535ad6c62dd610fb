// What came of a scenario, beside what was expected.

import GrapevineCore

/// What came of one run of a scenario.
public struct ScenarioReport: Sendable, Equatable {
  /// How far the deliveries were at a time after their broadcast.
  public struct Coverage: Sendable, Equatable {
    /// The time since the broadcast.
    public var time: Duration
    /// The share of all deliveries, at any level, that had taken place.
    public var share: Double
  }

  /// One expectation and what was measured.
  public struct Verdict: Sendable, Equatable {
    /// What was expected, as a scenario says it.
    public var expected: String
    /// What was measured.
    public var measured: String
    /// Whether it is as expected.
    public var holds: Bool
  }

  /// The seed of the run.
  public var seed: UInt64
  /// How the reliable level fared.
  public var reliability: ReliabilityReport
  /// Broadcasts that no sender could make: none was connected, or all had full logs.
  public var skipped: Int
  /// Processes that are members at the end.
  public var members: Int
  /// Processes that nobody took in.
  public var strangers: Int
  /// Deliveries of messages of any level that should have taken place.
  public var deliveriesExpected: Int
  /// Of these, how many did.
  public var deliveries: Int
  /// Deliveries over time: at 1, 2 and 5 times each power of ten, up to the last delivery.
  public var coverage: [Coverage]
  /// Times from the broadcast by which half, 90 %, 99 % and all of the deliveries had taken place.
  public var quantiles: [Coverage]
  /// Copies of messages received for one delivery; nil when nothing was delivered.
  public var copiesPerDelivery: Double?
  /// What became of the datagrams.
  public var traffic: NetworkCounters
  /// Times that a member took another one, which ran, to have failed.
  public var flaps = 0
  /// Simulated seconds from the end of the faults until every member took exactly the members to be alive; nil
  /// when they never did, or when the scenario does not ask.
  public var secondsToAgree: Double?
  /// Every expectation, in the order of the scenario.
  public var verdicts: [Verdict] = []

  /// Whether everything is as expected, of a run in which something was to be delivered and all came to be
  /// members.
  public var holds: Bool { deliveriesExpected > 0 && strangers == 0 && verdicts.allSatisfy(\.holds) }
}

extension Scenario {
  /// Runs the scenario.
  ///
  /// - Parameters:
  ///   - seed: Decides everything that is left to chance.
  ///   - progress: Told the simulated second about once a second.
  /// - Throws: `ConfigurationError` when `configuration` was changed to one that cannot work.
  public func run(
    seed: UInt64, progress: (Int) -> Void = { _ in }
  ) throws(ConfigurationError) -> ScenarioReport {
    let simulation = try Simulation(seed: seed, configuration: configuration, model: network)
    let run = ScenarioRun(self, seed: seed)
    simulation.observer = { [unowned simulation] observation, payload in
      run.observe(observation, payload, in: simulation)
    }
    run.plan(in: simulation)
    let second: Nanoseconds = 1_000_000_000
    let reliability = run.ledger.runUntilRepaired(
      simulation, end: Int((end.asNanoseconds + second - 1) / second),
      patience: Int(Self.patience.asNanoseconds / second), progress: progress)
    while run.isWaitingForMembers(at: simulation.now) {
      simulation.run(until: simulation.now + second)
      progress(Int(simulation.now.nanoseconds / second))
    }
    let (delays, expected) = run.ledger.delays(simulation)
    var report = ScenarioReport(
      seed: seed, reliability: reliability, skipped: run.skipped, members: run.ledger.memberCount,
      strangers: simulation.running.count { simulation.lifecycle(of: $0) != .connected },
      deliveriesExpected: expected, deliveries: delays.count, coverage: coverage(delays, of: expected),
      quantiles: quantiles(delays, of: expected), copiesPerDelivery: run.copiesPerDelivery(in: simulation),
      traffic: simulation.traffic, flaps: run.flaps, secondsToAgree: run.agreement.map { Double($0) / 1e9 })
    report.verdicts = expectations.map { $0.verdict(on: report, delays) }
    return report
  }

  private func coverage(_ delays: [Nanoseconds], of expected: Int) -> [ScenarioReport.Coverage] {
    guard let last = delays.last else { return [] }
    var coverage: [ScenarioReport.Coverage] = []
    var power: Nanoseconds = 1_000_000
    while coverage.last.map({ $0.time.asNanoseconds < last }) ?? true {
      for step in [power, 2 * power, 5 * power]
      where coverage.last.map({ $0.time.asNanoseconds < last }) ?? true {
        let count = delays.partitioningIndex { $0 > step }
        coverage.append(.init(time: .nanoseconds(Int64(step)), share: Double(count) / Double(expected)))
      }
      power *= 10
    }
    return coverage
  }

  private func quantiles(_ delays: [Nanoseconds], of expected: Int) -> [ScenarioReport.Coverage] {
    [0.5, 0.9, 0.99, 1].compactMap { share in
      let count = Int((Double(expected) * share).rounded(.up))
      guard count > 0, count <= delays.count else { return nil }
      return .init(time: .nanoseconds(Int64(clamping: delays[count - 1])), share: share)
    }
  }
}

extension Array {
  /// The first index of a sorted array whose element satisfies a condition that all after it do too.
  fileprivate func partitioningIndex(_ condition: (Element) -> Bool) -> Int {
    var (low, high) = (0, count)
    while low < high {
      let middle = (low + high) / 2
      if condition(self[middle]) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}

extension ScenarioExpectation {
  /// Holds the expectation against a run and the delays of its deliveries, in order.
  fileprivate func verdict(on report: ScenarioReport, _ delays: [Nanoseconds]) -> ScenarioReport.Verdict {
    let reliable = report.reliability
    switch measure {
    case .delivered where reliable.expected == 0 && report.deliveries > 0:
      return .init(
        expected: "delivered \(shortened(limit * 100))%", measured: "no message was reliable", holds: true)
    case .delivered: return least("delivered", reliable.delivered, of: reliable.expected)
    case .reach:
      let count = delays.partitioningIndex { $0 > time }
      let within = " within \(ScenarioValueKind.text(time))"
      return least("reach", count, of: report.deliveriesExpected, suffix: within)
    case .duplicates: return most("duplicates", Double(reliable.duplicates))
    case .damaged: return most("damaged", Double(reliable.damaged))
    case .gaps: return most("gaps", Double(reliable.gaps))
    case .copies: return most("copies", report.copiesPerDelivery)
    case .repaired: return within("repaired", reliable.secondsToRepair)
    case .members: return within("members", report.secondsToAgree)
    case .flaps: return most("flaps", Double(report.flaps))
    }
  }

  private func within(_ name: String, _ seconds: Double?) -> ScenarioReport.Verdict {
    .init(
      expected: "\(name) within \(ScenarioValueKind.text(time))",
      measured: seconds.map { "\(shortened($0)) s" } ?? "never",
      holds: seconds.map { $0 * 1e9 <= Double(time) } ?? false)
  }

  private func least(
    _ name: String, _ count: Int, of total: Int, suffix: String = ""
  ) -> ScenarioReport.Verdict {
    let share = total > 0 ? Double(count) / Double(total) : 0
    return .init(
      expected: "\(name) \(shortened(limit * 100))%\(suffix)",
      // Cut, not rounded: nothing but all is 100 %.
      measured: "\(shortened((share * 1e6).rounded(.down) / 1e4))%, \(count) of \(total)",
      holds: total > 0 && share >= limit)
  }

  private func most(_ name: String, _ number: Double?) -> ScenarioReport.Verdict {
    .init(
      expected: "\(name) \(shortened(limit))", measured: number.map(shortened) ?? "-",
      holds: number.map { $0 <= limit } ?? false)
  }

  /// A number with at most four decimals, and none when it needs none.
  private func shortened(_ number: Double) -> String {
    let rounded = (number * 1e4).rounded() / 1e4
    return rounded == rounded.rounded() && abs(rounded) < 1e15 ? "\(Int(rounded))" : "\(rounded)"
  }
}
