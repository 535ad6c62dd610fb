// What the tables of overlays and of broadcast trees have in common: growing a cluster of whole nodes.

import GrapevineCore

/// A cluster of a laboratory: whole nodes, lean tables, one delay for all.
struct Laboratory {
  var nodes: Int
  var seed: UInt64
  /// The delay of every datagram: the same for all, so that hops can be told from times.
  var delay = Duration.milliseconds(1)
  /// The time between two joins.
  var spacing: Nanoseconds = 1_000_000
  /// HyParView's cycle, the time between shuffles.
  var cycle = Duration.seconds(2)
  /// Cycles after the last join.
  var warmUp = 50
  /// The silence after which a link says that it lives: long where nothing is to be found dead.
  var keepalive = Duration.seconds(10)
  /// Processes that everyone knows as contacts, besides a random one; they never crash.
  var seeds = 0
  /// Members that will broadcast.
  var senders = 1
  /// The loss once the cluster is grown.
  var loss = 0.0
  var broadcast = BroadcastStrategy.plumtree
  /// Rules that are left out.
  var ablations: Ablations = []

  init(nodes: Int, seed: UInt64) {
    self.nodes = nodes
    self.seed = seed
  }

  /// The defaults, but with tables no larger than the experiment needs.
  var configuration: Configuration {
    var configuration = Configuration()
    configuration.broadcast = broadcast
    configuration.ablations = ablations
    // What is measured is the overlay and the broadcast alone.
    configuration.membership = nil
    configuration.tuples = nil
    configuration.shuffleInterval = cycle
    configuration.keepaliveInterval = keepalive
    configuration.linkTimeout = keepalive * 5
    configuration.streamCapacity = max(8, senders + 2)
    configuration.sequenceWindow = 64
    configuration.logBytes = senders > 1 ? 16 << 10 : 2 << 10
    configuration.logMessages = senders > 1 ? 512 : 32
    return configuration
  }

  /// Grows the cluster one by one, each through a random member, and lets it shuffle.
  func grow(progress: (Double) -> Void) throws -> Simulation {
    var model = NetworkModel()
    model.delayLow = delay
    model.delayHigh = delay
    let simulation = try Simulation(seed: seed, configuration: configuration, model: model)
    var generator = Generator(seed: seed ^ 0x6c61_625f_6772_6f77)
    simulation.start(contacts: [])
    for number in 1..<nodes {
      simulation.run(until: simulation.now + spacing)
      var contacts = [generator.below(number)]
      for seed in 0..<min(seeds, number) where !contacts.contains(seed) { contacts.append(seed) }
      simulation.start(contacts: contacts)
      if number % 256 == 0 { progress(0.3 * Double(number) / Double(nodes)) }
    }
    for done in 0..<warmUp {
      simulation.run(until: simulation.now + cycle.asNanoseconds)
      progress(0.3 + 0.7 * Double(done + 1) / Double(warmUp))
    }
    simulation.model.loss = loss
    return simulation
  }

  /// Random processes that run, each at most once.
  static func draw(_ count: Int, of running: [Int], using generator: inout Generator) -> [Int] {
    var pool = running
    var drawn: [Int] = []
    while drawn.count < count, !pool.isEmpty {
      let index = generator.below(pool.count)
      drawn.append(pool[index])
      pool.swapAt(index, pool.count - 1)
      pool.removeLast()
    }
    return drawn
  }
}

/// Who delivered what, and when.
final class Arrivals {
  /// Deliveries of each message, by its origin and number.
  struct Message: Hashable {
    var origin: MemberID
    var sequence: UInt64
  }
  private(set) var counts: [Message: Int] = [:]
  /// The most hops that each message came.
  private(set) var longest: [Message: UInt8] = [:]
  private(set) var total = 0
  /// Times of the deliveries of one message, when asked for.
  private(set) var times: [Instant] = []
  var timed: Message?

  func attach(to simulation: Simulation) {
    simulation.observer = { [self, unowned simulation] observation, _ in
      guard case .delivery(_, let origin, let sequence, _, let hops) = observation else { return }
      let message = Message(origin: origin, sequence: sequence)
      counts[message, default: 0] += 1
      longest[message] = max(longest[message] ?? 0, hops)
      total += 1
      if timed == message { times.append(simulation.now) }
    }
  }

  func count(_ message: Message) -> Int { counts[message] ?? 0 }
}

extension Simulation {
  /// The sums over all running nodes of what the tables of broadcasts count.
  func sums() -> (copiesSent: UInt64, copiesReceived: UInt64, bytesSent: UInt64, datagramsSent: UInt64) {
    var sum: (UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0)
    for process in 0..<processCount {
      let counters = counters(of: process)
      sum.0 &+= counters.copiesSent
      sum.1 &+= counters.copiesReceived
      sum.2 &+= counters.bytesSent
      sum.3 &+= counters.datagramsSent
    }
    return sum
  }

  /// The processes that run.
  var running: [Int] { (0..<processCount).filter { identity(of: $0) != nil } }
}
