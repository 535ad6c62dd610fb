// One large message in a cluster whose access links are narrow and whose paths are long.
//
// The setup is that of GossipSub v1.4's figures: 1,500 nodes, access links of 50 to 150 Mbit/s, one-way delays of 40 to
// 130 ms. What is compared with is the same nodes, links and tree where each node passes a message on only when it has
// all of it (store and forward), which is how a message that is one unit travels.

import GrapevineCore

/// A cluster on such a network, and one message through it.
public struct LargeLab: Sendable {
  /// The number of nodes.
  public var nodes = 1_500
  /// The neighbours of each node.
  public var degree = 5
  /// The bytes of the message.
  public var bytes = 1_000_000
  /// The access links, in bits a second: uniform between the two, drawn for each node.
  public var slowest = 50_000_000
  /// The fastest access link, in bits a second.
  public var fastest = 150_000_000
  /// What a node's access link queues, as a time at its rate. Chosen here: about one round trip, as routers do.
  public var queue = Duration.milliseconds(200)
  /// The one-way delays: uniform between the two, drawn for each pair of nodes and each direction.
  public var nearest = Duration.milliseconds(40)
  /// The longest one-way delay.
  public var farthest = Duration.milliseconds(130)
  /// The probability that a datagram is lost on its way, besides what queues drop.
  public var loss = 0.0
  /// Whether nodes pass a message on only when they have all of it.
  public var storesAndForwards = false
  /// Whether a small message goes before, which shapes the tree.
  public var isShaped = true
  /// The seed of everything.
  public var seed: UInt64

  /// Creates the setup with a seed.
  public init(seed: UInt64) { self.seed = seed }

  /// What was measured.
  public struct Outcome: Sendable {
    /// Nodes that delivered it, of those that should; and deliveries more than one at a node.
    public var delivered = 0
    /// Nodes that should deliver it.
    public var expected = 0
    /// Deliveries beyond one at a node.
    public var repeated = 0
    /// When half of the nodes had it, 99 of 100 and the last one, in seconds from the broadcast.
    public var median = 0.0
    /// When 99 of 100 nodes had it, in seconds.
    public var p99 = 0.0
    /// When the last node had it, in seconds.
    public var last = 0.0
    /// Fragments received that were here or not wanted, for each fragment of the message, mean over the nodes.
    public var duplicates = 0.0
    /// Bytes of datagrams received for each byte of the message, mean over the nodes.
    public var received = 0.0
    /// The share of datagrams that queues dropped.
    public var dropped = 0.0
    /// Fragments asked for, and rows of parity, for each fragment of the message, mean over the nodes.
    public var repaired = 0.0
    /// Rows of parity for each fragment of the message, mean over the nodes.
    public var parity = 0.0
  }

  /// Runs it.
  ///
  /// - Throws: `ConfigurationError` when the nodes' configuration is invalid.
  public func run() throws(ConfigurationError) -> Outcome {
    let simulation = try makeCluster()
    var generator = Generator(seed: seed ^ 0x6c61_7267_65)
    let source = generator.below(nodes)
    if isShaped {
      _ = simulation.broadcast([1], from: source)
      simulation.run(until: simulation.now + 4_000_000_000)
    }
    let content = (0..<bytes).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ $0 >> 8) }
      .withUnsafeBytes { LargeContent(copying: $0) }
    var times: [Double] = []
    var outcome = Outcome()
    var seen = [Bool](repeating: false, count: nodes)
    let start = simulation.now
    simulation.observer = { observation, payload in
      guard case .delivery(let node, _, _, _, _) = observation, payload.count > 1 else { return }
      if seen[node] { outcome.repeated += 1 }
      seen[node] = true
      times.append(Double(simulation.now.since(start)) / 1e9)
    }
    let before = sums(simulation)
    let traffic = simulation.traffic
    guard let content, simulation.broadcast(large: content, from: source) != nil else { return outcome }
    outcome.expected = nodes - 1
    while times.count < outcome.expected, simulation.now < start + 300_000_000_000 {
      simulation.run(until: simulation.now + 100_000_000)

    }
    simulation.run(until: simulation.now + 2_000_000_000)
    simulation.observer = nil
    times.sort()
    outcome.delivered = times.count
    outcome.median = Self.quantile(times, 0.5, of: outcome.expected)
    outcome.p99 = Self.quantile(times, 0.99, of: outcome.expected)
    outcome.last = Self.quantile(times, 1, of: outcome.expected)
    fill(&outcome, before: before, simulation, since: traffic)
    return outcome
  }

  private func makeCluster() throws(ConfigurationError) -> Simulation {
    var configuration = Configuration()
    configuration.viewTarget = degree
    configuration.viewCapacity = degree
    // What is measured is what the message takes; tables are as small as one message allows.
    configuration.membership = nil
    configuration.tuples = nil
    configuration.logBytes = 64 << 10
    configuration.logMessages = 256
    configuration.streamCapacity = 16
    configuration.sequenceWindow = 64
    configuration.shuffleInterval = .seconds(1_000)
    configuration.exploreInterval = .seconds(1_000)
    if storesAndForwards { configuration.ablations = [.pipelining] }
    var model = NetworkModel()
    model.latency = .uniform(low: nearest, high: farthest)
    model.loss = loss
    let simulation = try Simulation(seed: seed, configuration: configuration, model: model)
    var generator = Generator(seed: seed)
    try simulation.startAll(.regular(count: nodes, degree: degree, using: &generator))
    for node in 0..<nodes {
      let bits = slowest + generator.below(fastest - slowest + 1)
      let rate = bits / 8
      let held = Int(UInt64(rate) * (queue.asNanoseconds / 1_000_000) / 1_000)
      simulation.setBandwidth(Bandwidth(bytesPerSecond: rate, queueBytes: held), of: node)
    }
    simulation.run(until: simulation.now + 1_000_000_000)
    return simulation
  }

  private struct Sums {
    var wasted: UInt64 = 0
    var bytes: UInt64 = 0
    var repaired: UInt64 = 0
    var parity: UInt64 = 0
  }

  private func sums(_ simulation: Simulation) -> Sums {
    var sums = Sums()
    for node in 0..<nodes {
      let counters = simulation.counters(of: node)
      sums.wasted &+= counters.fragmentsDuplicate &+ counters.fragmentsUnwanted
      sums.bytes &+= counters.bytesReceived
      sums.repaired &+= counters.fragmentsRepaired
      sums.parity &+= counters.paritySent
    }
    return sums
  }

  private func fill(
    _ outcome: inout Outcome, before: Sums, _ simulation: Simulation, since traffic: NetworkCounters
  ) {
    let after = sums(simulation)
    // 1,136 bytes are a fragment in datagrams of 1,200.
    let fragments = Double((bytes + 1_135) / 1_136) * Double(nodes - 1)
    outcome.duplicates = Double(after.wasted &- before.wasted) / fragments
    outcome.repaired = Double(after.repaired &- before.repaired) / fragments
    outcome.parity = Double(after.parity &- before.parity) / fragments
    outcome.received = Double(after.bytes &- before.bytes) / Double(bytes) / Double(nodes - 1)
    let sent = simulation.traffic.sent &- traffic.sent
    outcome.dropped =
      Double(simulation.traffic.droppedQueue &- traffic.droppedQueue) / Double(max(1, sent))
  }

  private static func quantile(_ sorted: [Double], _ share: Double, of expected: Int) -> Double {
    let place = Int((share * Double(expected)).rounded(.up)) - 1
    return sorted.indices.contains(place) ? sorted[place] : .infinity
  }
}
