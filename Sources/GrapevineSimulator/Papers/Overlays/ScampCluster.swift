// A cluster of SCAMP as the paper's authors simulate it: it grows one by one, loses members, and is measured.

import GrapevineCore

/// How a cluster of SCAMP comes about.
struct ScampCluster {
  /// Through whom newcomers join.
  enum Contacts {
    /// A member chosen uniformly at random.
    case random
    /// Always the founder.
    case founder
  }

  var nodes: Int
  var rules = ScampRules()
  var contacts = Contacts.random

  /// Time between two members that join: the copies of one subscription have come to rest, all but a few.
  static let spacing: Nanoseconds = 50_000_000

  /// Time after the last change: whoever is isolated has subscribed again.
  static let rest: Nanoseconds = 30_000_000_000

  /// No further copies and no indirection: the paper's plain algorithm.
  static var plain: ScampRules {
    var rules = ScampRules()
    rules.copies = 0
    rules.walkLength = 0
    return rules
  }

  /// Nodes that only join: their tables are as small as they may be, and idle links cost nothing.
  static func configuration(_ rules: ScampRules) -> Configuration {
    var configuration = Configuration()
    configuration.overlay = .scamp(rules)
    configuration.membership = nil
    configuration.tuples = nil
    configuration.viewCapacity = 56
    configuration.passiveCapacity = 8
    configuration.datagramLimit = 512
    configuration.streamCapacity = 8
    configuration.sequenceWindow = 64
    configuration.logBytes = 1 << 10
    configuration.logMessages = 16
    configuration.keepaliveInterval = .seconds(500_000)
    configuration.linkTimeout = .seconds(1_000_000)
    configuration.exploreInterval = .seconds(1_000_000)
    return configuration
  }

  /// Has `nodes` nodes join, one after the other, over links of 1 ms.
  ///
  /// - Parameter halfway: Called when half of them have joined.
  func grow(
    seed: UInt64, progress: (Double) -> Void, halfway: (Simulation) -> Void = { _ in }
  ) throws -> Simulation {
    var model = NetworkModel()
    (model.delayLow, model.delayHigh) = (.milliseconds(1), .milliseconds(1))
    let simulation = try Simulation(seed: seed, configuration: Self.configuration(rules), model: model)
    var generator = Generator(seed: seed ^ 0x5ca3_9000)
    simulation.start(contacts: [])
    for number in 1..<nodes {
      simulation.run(until: simulation.now + Self.spacing)
      if number == nodes / 2 { halfway(simulation) }
      simulation.start(contacts: [contacts == .random ? generator.below(number) : 0])
      if number % 1_000 == 0 { progress(Double(number) / Double(nodes)) }
    }
    simulation.run(until: simulation.now + Self.rest)
    return simulation
  }

  /// Has a random half of the members leave, one after the other.
  static func halve(_ simulation: Simulation, seed: UInt64) {
    var generator = Generator(seed: seed ^ 0x1ea5_e000)
    var staying = Array(0..<simulation.processCount)
    for _ in 0..<simulation.processCount / 2 {
      let leaver = staying.remove(at: generator.below(staying.count))
      simulation.leave(leaver)
      simulation.run(until: simulation.now + spacing)
    }
    simulation.run(until: simulation.now + rest)
  }
}

/// The views of a cluster in numbers.
struct ViewFigures {
  var members = 0
  var mean = 0.0
  var deviation = 0.0
  var least = Int.max
  var most = 0
  var mostIn = 0
  var leastIn = Int.max
  /// Members that hold nobody, or that nobody holds.
  var isolated = 0
  var histogram: [Int: Int] = [:]

  init(_ simulation: Simulation) {
    var (sum, squares) = (0.0, 0.0)
    for process in 0..<simulation.processCount where simulation.isMember(process) {
      let (out, into) = (simulation.outCount(of: process), simulation.inCount(of: process))
      members += 1
      sum += Double(out)
      squares += Double(out * out)
      (least, most) = (min(least, out), max(most, out))
      (leastIn, mostIn) = (min(leastIn, into), max(mostIn, into))
      if out == 0 || into == 0 { isolated += 1 }
      histogram[out, default: 0] += 1
    }
    guard members > 0 else { return }
    mean = sum / Double(members)
    deviation = max(0, squares / Double(members) - mean * mean).squareRoot()
  }
}

/// The partial views of a cluster as a graph, to see whom a message reaches that every member pushes to all of
/// its partial view.
struct ViewGraph {
  private(set) var out: [[Int32]]

  init(_ simulation: Simulation) {
    out = (0..<simulation.processCount).map { simulation.outNeighbours(of: $0).map(Int32.init) }
  }

  /// Fails a random share of the members, and floods from random survivors.
  ///
  /// - Returns: The mean share of the survivors that a message reaches; that among messages whose source has a
  ///   living member in its view; and the share of sources that have none.
  func reach(failing share: Double, messages: Int, seed: UInt64) -> (
    all: Double, connected: Double, isolated: Double
  ) {
    var generator = Generator(seed: seed)
    var order = Array(0..<out.count)
    for position in order.indices.dropLast() {
      order.swapAt(position, position + generator.below(order.count - position))
    }
    let failed = Int(share * Double(out.count))
    let living = Array(order[failed...])
    var isAlive = [Bool](repeating: false, count: out.count)
    for process in living { isAlive[process] = true }
    var (all, connected, isolated) = (0.0, 0.0, 0)
    for _ in 0..<messages {
      let source = living[generator.below(living.count)]
      let reached = flood(from: source, isAlive: isAlive)
      let reachedShare = Double(reached) / Double(living.count)
      all += reachedShare
      if reached == 1 { isolated += 1 } else { connected += reachedShare }
    }
    return (
      all / Double(messages), isolated == messages ? 0 : connected / Double(messages - isolated),
      Double(isolated) / Double(messages)
    )
  }

  private func flood(from source: Int, isAlive: [Bool]) -> Int {
    var seen = [Bool](repeating: false, count: out.count)
    var frontier = [Int32(source)]
    seen[source] = true
    var reached = 0
    while let process = frontier.popLast() {
      reached += 1
      for next in out[Int(process)] where isAlive[Int(next)] && !seen[Int(next)] {
        seen[Int(next)] = true
        frontier.append(next)
      }
    }
    return reached
  }

  /// Whether arcs, whichever way they run, connect all of `members`.
  func isConnected(_ members: [Int]) -> Bool {
    guard let first = members.first else { return true }
    var both = out
    for (source, list) in out.enumerated() {
      for target in list { both[Int(target)].append(Int32(source)) }
    }
    var seen = Set([first])
    var frontier = [first]
    while let process = frontier.popLast() {
      for next in both[process] where seen.insert(Int(next)).inserted { frontier.append(Int(next)) }
    }
    return members.allSatisfy(seen.contains)
  }
}

/// The natural logarithm, without a mathematics library: halvings, and the series of artanh near one.
func logarithm(_ value: Double) -> Double {
  guard value > 0, value.isFinite else { return .nan }
  let exponent = Double(value.exponent)
  let ratio = (value.significand - 1) / (value.significand + 1)
  var (sum, power) = (0.0, ratio)
  for odd in stride(from: 1.0, through: 41, by: 2) {
    sum += power / odd
    power *= ratio * ratio
  }
  return exponent * 0.693_147_180_559_945_3 + 2 * sum
}
