// Do maps of tuples come together, whatever happens?
//
// A few nodes write, overwrite and remove the same few keys while the network loses, doubles and splits, while clocks
// are wrong and processes crash, with their disks or without. Then all faults end, and all must have the same map:
// the last write of each key that was not lost with whoever had it.

import GrapevineCore

/// A run that puts the map of tuples to the test; what happens in it follows from the seed.
public struct TupleCampaign: Campaign {
  /// The option of `grapevine simulate` that chooses it.
  public static let flag = "--tuples"

  /// The seed.
  public var seed: UInt64
  /// Whether it is a small and short run, for tests.
  public var isShort: Bool
  /// Rules that are left out on purpose.
  package var ablations: Ablations = []

  /// Creates the run of a seed.
  public init(seed: UInt64, isShort: Bool = false) {
    self.seed = seed
    self.isShort = isShort
  }
}

/// What came of a run.
public struct TupleCampaignReport: CampaignReport, Equatable {
  /// What was not as it must be; empty when all was.
  public var failures: [String] = []
  /// Nodes that took part.
  public var nodes = 0
  /// Writes, those that nodes made to keep tuples up among them.
  public var writes = 0
  /// Changes that were reported.
  public var changes = 0
  /// Versions that were given up by who was away for too long, or had a wrong clock.
  public var yields = 0
  /// Versions that came back after their removal was forgotten, which nobody had known together with it.
  public var lateReturns = 0
  /// Keys whose end was not checked but for being the same everywhere.
  public var contested = 0
  /// Keys.
  public var keys = 0
  /// Comparisons, those that were given up, and maps that were sent whole.
  public var comparisons: UInt64 = 0
  /// Comparisons that had more differences than symbols.
  public var comparisonsFailed: UInt64 = 0
  /// Maps that were sent whole.
  public var streams: UInt64 = 0
  /// The most comparisons that one node began in the last minute, when nothing happened any more.
  public var lastComparisons: UInt64 = 0
  /// Seconds from the end of all faults until all maps were the same; nil when they never were.
  public var secondsToConverge: Double?
  /// Somebody was away for longer than removals are remembered.
  public var hasLongAbsence = false
  /// Somebody's clock was wrong by more than is allowed.
  public var hasWildClock = false
  /// Events handled.
  public var events: UInt64 = 0
  /// The hash of the run.
  public var trace: UInt64 = 0

  /// Creates a report of nothing.
  public init() {}
}

/// What a seed says of a run.
struct TupleSchedule {
  var nodes: Int
  var keys: Int
  /// All times in seconds.
  var duration: Int
  var horizon: Int
  var loss: Double
  var writesPerSecond: Double
  var hasLongAbsence: Bool
  var wildNode: Int?
  var rules = TupleRules()
  /// Seconds for which something may still be cut off or down; short of what makes nodes yield.
  var absence: Double
  /// Milliseconds by which a clock that is right may be wrong.
  var skew: Int

  init(_ campaign: TupleCampaign, _ generator: inout Generator) {
    let isShort = campaign.isShort
    nodes = 3 + generator.below(isShort ? 3 : 10)
    keys = 3 + generator.below(8)
    horizon = isShort ? 90 : 150 + generator.below(150)
    duration = isShort ? 30 + generator.below(20) : 60 + generator.below(120)
    loss = generator.chance(0.3) ? 0 : Double(generator.below(41)) / 100
    writesPerSecond = [0.5, 2, 6][generator.below(3)]
    hasLongAbsence = generator.chance(isShort ? 0.1 : 0.3)
    wildNode = generator.chance(0.15) ? generator.below(nodes) : nil
    absence = Double(horizon) * 0.35
    if hasLongAbsence { duration += horizon * 3 / 2 }
    rules.capacity = 1_024
    rules.bytes = 1 << 20
    rules.valueLimit = 8 << 10
    rules.symbolLimit = generator.chance(0.3) ? 64 : 1_024
    rules.horizon = .seconds(horizon)
    rules.syncInterval = .seconds(1 + generator.below(5))
    rules.ephemeralGrace = .seconds(2 + generator.below(10))
    rules.clockSkew = .seconds(2)
    skew = 800
    // Enough for many differences at once.
    if generator.chance(0.2) { keys += 150 }
  }

  func configuration(_ ablations: Ablations) -> Configuration {
    var configuration = Configuration.simulated
    configuration.ablations = ablations
    configuration.tuples = rules
    var membership = MembershipRules()
    membership.capacity = 64
    membership.probeInterval = .milliseconds(500)
    membership.probeTimeout = .milliseconds(200)
    configuration.membership = membership
    return configuration
  }
}

extension TupleCampaign {
  /// Runs it.
  ///
  /// - Parameter log: Told everything that happens, when it is wanted.
  public func run(log: ((String) -> Void)?) throws(ConfigurationError) -> TupleCampaignReport {
    var generator = Generator(seed: seed ^ 0x7475_706c_6573)
    let schedule = TupleSchedule(self, &generator)
    var model = NetworkModel.hostile(loss: schedule.loss)
    model.corruption = 0
    model.duplication = generator.chance(0.5) ? 0.1 : 0
    let simulation = try Simulation(
      seed: seed, configuration: schedule.configuration(ablations), model: model)
    // The first of January 2025.
    simulation.epoch = 1_735_689_600_000
    let run = TupleRun(schedule, simulation, generator)
    run.ledger.log = log.map { log in
      { text in log("\(Double(simulation.now.nanoseconds) / 1e9) \(text)") }
    }
    simulation.changeObserver = { process, change in run.ledger.observe(process, change, in: simulation) }
    defer {
      simulation.changeObserver = nil
      run.ledger.log = nil
    }
    run.write()
    run.heal()
    return run.settle()
  }
}
