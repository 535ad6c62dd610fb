import Testing

@testable import GrapevineCore
@testable import GrapevineSimulator

/// Each rule that is left out on purpose must show in a figure of the simulator, which with the rule is where
/// it belongs.
@Suite("Broken rules: the figures tell")
struct BrokenRuleTests {
  private static let nodes = 200

  private static func laboratory(_ ablations: Ablations, seed: UInt64, warmUp: Int) -> Laboratory {
    var laboratory = Laboratory(nodes: nodes, seed: seed)
    laboratory.ablations = ablations
    laboratory.warmUp = warmUp
    laboratory.keepalive = Configuration().keepaliveInterval
    return laboratory
  }

  private static func crash(_ count: Int, of simulation: Simulation, seed: UInt64) {
    var generator = Generator(seed: seed)
    let candidates = Array(simulation.running.dropFirst())
    for victim in Laboratory.draw(count, of: candidates, using: &generator) { simulation.crash(victim) }
  }

  // MARK: HyParView

  /// What the views are like.
  private struct Views: Sendable {
    /// Neighbours of a member.
    var mean: Double
    /// The share of members in the largest component.
    var component: Double
    var clustering: Double

    init(_ simulation: Simulation) {
      let running = simulation.running
      let graph = simulation.graph()
      let links = running.map { simulation.neighbours(of: $0).count }.reduce(0, +)
      mean = Double(links) / Double(running.count)
      component = Double(graph.components().first ?? 0) / Double(running.count)
      clustering = graph.clustering()
    }
  }

  @Test("neighbours that are not replaced: after half of the members crashed, the cluster is in pieces")
  func replacement() async throws {
    let views = try await aside {
      try [Ablations(), .replacement].map { ablations in
        let simulation = try Self.laboratory(ablations, seed: 1, warmUp: 2).grow { _ in }
        Self.crash(Self.nodes / 2, of: simulation, seed: 1)
        simulation.run(until: simulation.now + 6_000_000_000)
        return Views(simulation)
      }
    }
    #expect((4.5...5).contains(views[0].mean) && views[0].component == 1, "\(views[0])")
    #expect(views[1].mean < 3 && views[1].component < 0.98, "\(views[1])")
  }

  @Test("newcomers that nobody is told of: right after growing, views are emptier and more clustered")
  func walks() async throws {
    let views = try await aside {
      try [Ablations(), .walks].map { ablations in
        Views(try Self.laboratory(ablations, seed: 1, warmUp: 0).grow { _ in })
      }
    }
    #expect(views[0].mean > 4 && views[0].clustering < 0.075, "\(views[0])")
    #expect(views[1].mean < 4 && views[1].clustering > 0.075, "\(views[1])")
  }

  // MARK: Plumtree

  /// What messages of one sender cost and when they came, over those members that can be reached.
  private struct Spread: Sendable {
    /// Copies for each delivery, less one.
    var redundancy: Double
    /// The shares of deliveries within 100 ms and within a second.
    var soon: Double
    var late: Double
  }

  private static func spread(_ messages: Int, over simulation: Simulation) -> Spread {
    let arrivals = Arrivals()
    arrivals.attach(to: simulation)
    defer { simulation.observer = nil }
    let reachable = simulation.graph().hops(from: 0).count { $0 > 0 }
    let before = simulation.sums().copiesSent
    var soon = 0
    for number in 0..<messages {
      let start = simulation.now
      let count = arrivals.total
      _ = simulation.broadcast([UInt8(number)], from: 0)
      simulation.run(until: start + 100_000_000)
      soon += arrivals.total - count
      simulation.run(until: start + 1_000_000_000)
    }
    let possible = Double(max(1, reachable * messages))
    return Spread(
      redundancy: Double(simulation.sums().copiesSent &- before) / possible - 1,
      soon: Double(soon) / possible, late: Double(arrivals.total) / possible)
  }

  @Test("a tree that is never pruned: every message costs what flooding costs")
  func prunes() async throws {
    let spreads = try await aside {
      try [Ablations(), .prunes].map { ablations in
        let simulation = try Self.laboratory(ablations, seed: 1, warmUp: 2).grow { _ in }
        _ = Self.spread(1, over: simulation)
        return Self.spread(4, over: simulation)
      }
    }
    #expect((-0.001...0.02).contains(spreads[0].redundancy), "\(spreads[0])")
    #expect((2.7...3.1).contains(spreads[1].redundancy), "\(spreads[1])")
    #expect(spreads.allSatisfy { $0.soon > 0.98 && $0.late > 0.98 }, "\(spreads)")
  }

  @Test("a tree that is never grafted: where no new link mends it, messages come late, by repair only")
  func grafts() async throws {
    let spreads = try await aside {
      try [Ablations.replacement, [.replacement, .grafts]].map { ablations in
        try (1...3 as ClosedRange<UInt64>).map { seed in
          let simulation = try Self.laboratory(ablations, seed: seed, warmUp: 1).grow { _ in }
          _ = Self.spread(2, over: simulation)
          Self.crash(60, of: simulation, seed: seed)
          simulation.run(until: simulation.now + 3_000_000_000)
          _ = Self.spread(2, over: simulation)
          return Self.spread(3, over: simulation)
        }
      }
    }
    let soon = spreads.map { $0.map(\.soon).reduce(0, +) / 3 }
    #expect(soon[0] > 0.9, "\(spreads[0])")
    #expect(soon[1] < 0.87 && spreads[1].allSatisfy { $0.late == 1 }, "\(spreads[1])")
  }

  @Test("a crash in a cluster with every rule: the tree mends itself, at little cost")
  func intact() async throws {
    let spread = try await aside {
      let simulation = try Self.laboratory([], seed: 1, warmUp: 2).grow { _ in }
      _ = Self.spread(2, over: simulation)
      Self.crash(40, of: simulation, seed: 1)
      _ = Self.spread(5, over: simulation)
      return Self.spread(3, over: simulation)
    }
    #expect(spread.soon > 0.99 && spread.late == 1 && spread.redundancy < 0.15, "\(spread)")
  }
}
