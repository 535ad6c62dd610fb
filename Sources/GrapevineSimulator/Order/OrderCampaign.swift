// Is order kept, whatever happens?
//
// A few nodes talk in a few topics, in every order there is, and answer each other, while the network loses, doubles
// and splits and processes crash, come back and leave. Who may deliver what when is judged by full vector clocks,
// which the nodes do not have.

import GrapevineCore

/// A run that puts topics and order to the test; what happens in it follows from the seed.
public struct OrderCampaign: Campaign {
  /// The option of `grapevine simulate` that chooses it.
  public static let flag = "--order"

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
public struct OrderCampaignReport: CampaignReport, Equatable {
  /// What was not as it must be; empty when all was.
  public var failures: [String] = []
  /// Nodes that took part.
  public var nodes = 0
  /// Messages broadcast.
  public var messages = 0
  /// Of these, causal ones.
  public var causal = 0
  /// Deliveries.
  public var deliveries = 0
  /// Deliveries of causal messages and of FIFO ones: none of these may be late unless that was announced.
  public var judged = 0
  /// Deliveries of causal messages and of FIFO ones that were late and whose lateness had been announced.
  public var announced = 0
  /// Of these, deliveries of what was sent before the node joined or in the five seconds after.
  public var historic = 0
  /// Messages that waited for others, and of these the ones that went on without.
  public var heldBack: UInt64 = 0
  /// Messages that went on without what they should have waited for.
  public var orderGaps: UInt64 = 0
  /// Messages that came after what had been forgotten before the node joined, and were announced as such.
  public var forgotten: UInt64 = 0
  /// Messages that repair gave up.
  public var lost: UInt64 = 0
  /// Bytes that causal messages took for their order, those ahead of them included.
  public var causalBytes: UInt64 = 0
  /// Bytes that vector clocks would have taken: for each member that runs 8 and its number.
  public var vectorBytes: UInt64 = 0
  /// The longest time that a message took to be delivered, in seconds.
  public var longestDelay = 0.0
  /// Crashes, leaves and partitions.
  public var faults = 0
  /// Events handled.
  public var events: UInt64 = 0
  /// The hash of the run.
  public var trace: UInt64 = 0

  /// Creates a report of nothing.
  public init() {}

  /// Adds what came of another run, but for its trace, which takes the place of this one's.
  public mutating func add(_ other: OrderCampaignReport) {
    failures += other.failures
    nodes += other.nodes
    messages += other.messages
    causal += other.causal
    deliveries += other.deliveries
    judged += other.judged
    announced += other.announced
    historic += other.historic
    heldBack += other.heldBack
    orderGaps += other.orderGaps
    forgotten += other.forgotten
    lost += other.lost
    causalBytes += other.causalBytes
    vectorBytes += other.vectorBytes
    longestDelay = max(longestDelay, other.longestDelay)
    faults += other.faults
    events += other.events
    trace = other.trace
  }
}

/// What a seed says of a run.
struct OrderSchedule {
  var nodes: Int
  var topics: Int
  /// Seconds before anybody talks and anything fails, and seconds of that.
  var quiet: Int
  var duration: Int
  var loss: Double
  /// The probability that somebody sends in a tick, and that somebody answers what was delivered to it.
  var sends: Double
  var answers: Double
  var crashes: Double
  var partitions: Double
  var changes: Double
  var rules = OrderRules()
  /// Logs so small that repair gives up, in some runs.
  var isForgetful: Bool

  init(_ campaign: OrderCampaign, _ generator: inout Generator) {
    let isShort = campaign.isShort
    nodes = 3 + generator.below(isShort ? 4 : 14)
    topics = 1 + generator.below(4)
    // In a run as short as that, all would be sent while the nodes are newcomers.
    quiet = isShort ? 6 : 0
    duration = isShort ? 5 + generator.below(4) : 10 + generator.below(15)
    loss = generator.chance(0.2) ? 0 : Double(generator.below(41)) / 100
    sends = [0.1, 0.4, isShort ? 0.6 : 0.75][generator.below(3)]
    answers = Double(generator.below(4)) / Double(2 * nodes)
    crashes = generator.chance(0.6) ? 0.03 : 0
    partitions = generator.chance(0.6) ? 0.03 : 0
    changes = generator.chance(0.5) ? 0.05 : 0
    isForgetful = generator.chance(0.1)
    if generator.chance(0.1) { rules.holdBackMessages = 4 + generator.below(12) }
    rules.patience = .seconds(generator.chance(0.2) ? 1 + generator.below(3) : 30)
  }

  func configuration(_ ablations: Ablations) -> Configuration {
    var configuration = Configuration.simulated
    configuration.ablations = ablations
    configuration.membership = nil
    configuration.tuples = nil
    configuration.order = rules
    if isForgetful {
      configuration.logMessages = 64
      configuration.stallLimit = .seconds(1)
      configuration.gapPatience = .seconds(1)
    }
    return configuration
  }
}

extension OrderCampaign {
  /// Runs it.
  ///
  /// - Parameter log: Told everything that happens, when it is wanted.
  public func run(log: ((String) -> Void)?) throws(ConfigurationError) -> OrderCampaignReport {
    var generator = Generator(seed: seed ^ 0x6f72_6465_72)
    let schedule = OrderSchedule(self, &generator)
    var model = NetworkModel.hostile(loss: schedule.loss)
    model.reordering = generator.chance(0.5) ? 0.2 : 0.02
    let simulation = try Simulation(
      seed: seed, configuration: schedule.configuration(ablations), model: model)
    let run = OrderRun(schedule, simulation, generator)
    run.ledger.log = log.map { log in
      { text in log("\(Double(simulation.now.nanoseconds) / 1e9) \(text)") }
    }
    simulation.observer = { observation, payload in run.observe(observation, payload) }
    defer {
      simulation.observer = nil
      run.ledger.log = nil
    }
    run.talk()
    run.heal()
    return run.report()
  }
}
