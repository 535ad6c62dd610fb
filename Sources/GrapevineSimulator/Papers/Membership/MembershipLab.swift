// What the tables of membership have in common: clusters whose nodes know each other from the start, and an account of
// who takes whom to be gone.

import GrapevineCore

/// A cluster of whole nodes with HyParView, linked at random, each of which has all others in its list of members.
struct MembershipLab {
  var nodes: Int
  var seed: UInt64
  var rules = MembershipRules()
  /// Whether nodes keep a list of members at all.
  var hasMembers = true
  /// Rules that are left out.
  var ablations: Ablations = []
  /// The delay of every datagram.
  var delay = Duration.milliseconds(1)
  /// Whether the overlay says nothing of its own accord, where only probes count.
  var isOverlayQuiet = false
  /// Members besides these that may come.
  var spare = 0
  /// Streams, messages of one origin, bytes and messages that nodes have room for.
  var streams = 8
  var sequenceWindow = 64
  var logBytes = 2 << 10
  var logMessages = 32

  init(nodes: Int, seed: UInt64) {
    self.nodes = nodes
    self.seed = seed
  }

  /// The defaults, but with tables no larger than the experiment needs.
  var configuration: Configuration {
    let laboratory = Laboratory(nodes: nodes, seed: seed)
    var configuration = laboratory.configuration
    configuration.keepaliveInterval = Configuration().keepaliveInterval
    configuration.linkTimeout = Configuration().linkTimeout
    configuration.shuffleInterval = Configuration().shuffleInterval
    configuration.ablations = ablations
    configuration.streamCapacity = max(8, streams)
    configuration.sequenceWindow = sequenceWindow
    configuration.logBytes = logBytes
    configuration.logMessages = logMessages
    if isOverlayQuiet {
      configuration.keepaliveInterval = .seconds(100_000)
      configuration.linkTimeout = .seconds(500_000)
      configuration.shuffleInterval = .seconds(100_000)
      configuration.exploreInterval = .seconds(100_000)
    }
    var rules = rules
    rules.capacity = max(4, nodes + spare)
    configuration.membership = hasMembers ? rules : nil
    return configuration
  }

  /// Starts the cluster. Nobody knows a contact: whoever is lost must be found by what nodes remember.
  func start() throws -> Simulation {
    var model = NetworkModel()
    (model.delayLow, model.delayHigh) = (delay, delay)
    let simulation = try Simulation(seed: seed, configuration: configuration, model: model)
    var generator = Generator(seed: seed ^ 0x6d65_6d62_6572)
    try simulation.startAll(.regular(count: nodes, degree: 5, using: &generator))
    if hasMembers { simulation.assumeMembers() }
    return simulation
  }
}

/// Something that a node thinks of another one.
struct MemberOpinion {
  var observer: Int
  var change: MemberChange
  /// The process that is meant, if it is one of the simulation's.
  var process: Int
  var run: MemberID
  var time: Instant
}

extension Simulation {
  /// Has `body` told whenever a node changes its mind about a member; instead of the observer there was.
  func watchMembers(_ body: @escaping (MemberOpinion) -> Void) {
    observer = { [unowned self] observation, _ in
      guard case .event(let node, .member(let change, _, let run, let endpoint)) = observation,
        let ipv4 = endpoint.ipv4
      else { return }
      body(
        MemberOpinion(
          observer: node, change: change, process: Int(ipv4 & 0x00ff_ffff) - 1, run: run, time: now))
    }
  }

  /// The sum of a counter over all running nodes.
  func sum(_ counter: KeyPath<Counters, UInt64>) -> UInt64 {
    (0..<processCount).reduce(0) { $0 &+ counters(of: $1)[keyPath: counter] }
  }

  /// Runs for so many seconds, one after the other.
  func run(seconds: Int, progress: (Double) -> Void) {
    for second in 1...max(1, seconds) {
      run(until: now + 1_000_000_000)
      progress(Double(second) / Double(max(1, seconds)))
    }
  }
}
