// Does the reliable level keep its promise?
//
// A cluster grows, then broadcasts while the network loses, doubles, damages and reorders datagrams, splits
// and heals, and while processes crash, come back and leave. When it has had time to repair, every node that
// was a member all along must have delivered, exactly once and unchanged, every message whose origin is
// still there and every message that any other survivor has.

import GrapevineCore

/// A run that puts the reliable level to the test; what happens in it follows from the seed.
public struct ReliabilityScenario: Sendable {
  /// Processes in the cluster. Default: 1,000, chosen here.
  public var nodes = 1_000
  /// Reliable messages broadcast during the faults, in bursts; a tenth as many best-effort ones go between
  /// them. Default: 100, chosen here.
  public var messages = 100
  /// Processes that broadcast. Default: 5, chosen here: long streams test more than many short ones.
  public var senders = 5
  /// Neighbours to which a message is pushed by rumour mongering; nil for Plumtree. Default: nil, as in
  /// `Configuration`.
  public var fanout: Int?
  /// The probability that a datagram is lost. Default: 0.3, chosen here.
  public var loss = 0.3
  /// Crashes as a share of the processes; half of them restart. Default: 0.05, chosen here.
  public var crashes = 0.05
  /// Partitions, each of which heals. Default: 2, chosen here.
  public var partitions = 2
  /// The seed.
  public var seed: UInt64 = 1
  /// Breaks the promise on purpose: deliveries with this number of a stream are hidden from the check.
  var hiddenSequence: UInt64?

  /// Creates the scenario with its default size.
  public init() {}

  /// The command that repeats this run.
  public var replayCommand: String {
    "grapevine simulate --nodes \(nodes) --messages \(messages) --senders \(senders)"
      + (fanout.map { " --fanout \($0)" } ?? "")
      + " --loss \(loss) --crashes \(crashes) --partitions \(partitions) --seed \(seed) --runs 1"
  }

  /// The limits of a simulated node: a thousand of them share one process.
  var configuration: Configuration {
    var configuration = Configuration.simulated
    if let fanout { (configuration.broadcast, configuration.fanout) = (.eager, fanout) }
    return configuration
  }
}

extension Configuration {
  /// The limits of a node of which thousands share one process.
  static var simulated: Configuration {
    var configuration = Configuration()
    configuration.logBytes = 128 << 10
    configuration.logMessages = 1_024
    configuration.streamCapacity = 128
    configuration.sequenceWindow = 256
    return configuration
  }
}

/// What came of a run.
public struct ReliabilityReport: Sendable, Equatable {
  /// Deliveries that the promise demands.
  public var expected = 0
  /// Of these, how many took place.
  public var delivered = 0
  /// Messages delivered more than once by one node.
  public var duplicates = 0
  /// Messages delivered with bytes that nobody sent.
  public var damaged = 0
  /// Gaps that nodes reported.
  public var gaps = 0
  /// Deliveries that did not take place and are covered by a gap that the node reported.
  public var reported = 0
  /// Messages broadcast.
  public var broadcasts = 0
  /// Simulated seconds from the last fault until all was delivered or reported as lost, 0 when that was before;
  /// nil when it never was.
  public var secondsToRepair: Double?
  /// Events handled.
  public var events: UInt64 = 0
  /// The hash of the run.
  public var trace: UInt64 = 0

  /// Whether every promise held.
  public var holds: Bool {
    broadcasts > 0 && expected > 0 && isComplete && duplicates == 0 && damaged == 0
  }

  /// Whether every delivery that the promise demands took place or was reported as a gap.
  public var isComplete: Bool {
    delivered + reported == expected
  }
}

extension ReliabilityScenario {
  /// Runs the scenario.
  ///
  /// - Parameter progress: Told the simulated second about once a second.
  public func run(progress: (Int) -> Void = { _ in }) throws(ConfigurationError) -> ReliabilityReport {
    let simulation = try Simulation(
      seed: seed, configuration: configuration, model: .hostile(loss: loss))
    let ledger = Ledger(hidden: hiddenSequence)
    simulation.observer = { observation, payload in
      ledger.observe(observation, payload, in: simulation)
    }
    defer { simulation.observer = nil }
    var generator = Generator(seed: seed ^ 0x7363_656e_6172_696f)
    plan(simulation, ledger, &generator)
    return ledger.runUntilRepaired(simulation, end: 60, patience: 240, progress: progress)
  }

  private func plan(_ simulation: Simulation, _ ledger: Ledger, _ generator: inout Generator) {
    let second: Nanoseconds = 1_000_000_000
    func moment(_ low: Double, _ high: Double) -> Instant {
      let share = Double(generator.next() >> 11) * 0x1p-53
      return Instant(nanoseconds: UInt64((low + (high - low) * share) * Double(second)))
    }
    simulation.start(contacts: [])
    for process in 1..<max(2, nodes) {
      let contacts = [0, generator.below(process)]
      simulation.at(moment(0, 10)) { $0.start(contacts: contacts) }
    }
    for partition in 0..<partitions {
      let start = 24 + Double(partition) * 36 / Double(max(1, partitions))
      let groups = 2 + generator.below(2)
      let salt = generator.next()
      simulation.at(moment(start, start + 2)) { simulation in
        simulation.partition { process in
          var draw = Generator(seed: salt &+ UInt64(process))
          return draw.below(groups)
        }
      }
      simulation.at(moment(start + 6, start + 14)) { $0.heal() }
    }
    simulation.at(Instant(nanoseconds: 60 * second)) { $0.heal() }
    for _ in 0..<Int(Double(nodes) * crashes) {
      let victim = 1 + generator.below(nodes - 1)
      let time = moment(22, 50)
      simulation.at(time) { simulation in
        guard victim < simulation.processCount else { return }
        simulation.crash(victim)
        ledger.forget(victim)
      }
      guard generator.chance(0.5) else { continue }
      let contacts = [0, generator.below(nodes)]
      simulation.at(time + 2 * second) { simulation in
        guard simulation.lifecycle(of: victim) == nil else { return }
        simulation.restart(victim, contacts: contacts.filter { $0 != victim })
      }
    }
    let origins = (0..<max(1, senders)).map { _ in generator.below(nodes) }
    var burst = moment(20, 60)
    for index in 0..<messages + messages / 10 {
      // Bursts of about ten, a millisecond apart, from one origin after the other.
      if generator.below(10) == 0 { burst = moment(20, 60) }
      burst = burst + 1_000_000
      let origin = origins[(index / 10) % origins.count]
      let filler = generator.below(200)
      let level: DeliveryLevel = index < messages ? .reliable : .bestEffort
      simulation.at(burst) { ledger.broadcast(index, bytes: filler + 1, level, from: origin, in: $0) }
    }
  }
}
