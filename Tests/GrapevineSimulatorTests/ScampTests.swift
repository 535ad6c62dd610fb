import Testing

@testable import GrapevineCore
@testable import GrapevineSimulator

@Suite("SCAMP: clusters")
struct ScampTests {
  /// Members that send each other messages, on a network that loses some.
  private static func configuration(_ change: (inout ScampRules) -> Void = { _ in }) -> Configuration {
    var rules = ScampRules()
    change(&rules)
    var configuration = Configuration()
    configuration.overlay = .scamp(rules)
    configuration.membership = nil
    configuration.viewCapacity = 56
    configuration.streamCapacity = 32
    configuration.sequenceWindow = 256
    configuration.logBytes = 64 << 10
    configuration.logMessages = 1_024
    return configuration
  }

  private static func seconds(_ count: Int) -> Instant { Instant(nanoseconds: UInt64(count) * 1_000_000_000) }

  /// Starts members 20 ms apart, all through the first.
  private static func form(_ count: Int, _ simulation: Simulation) {
    simulation.start(contacts: [])
    for _ in 1..<count {
      simulation.run(until: simulation.now + 20_000_000)
      simulation.start(contacts: [0])
    }
  }

  private static func isWhole(_ simulation: Simulation) -> Bool {
    let running = (0..<simulation.processCount).filter(simulation.isMember)
    return ViewGraph(simulation).isConnected(running)
      && running.allSatisfy { simulation.outCount(of: $0) > 0 && simulation.inCount(of: $0) > 0 }
  }

  /// The standard deviation of the view over its mean: half at these sizes, and more than one when the views
  /// of a newcomer's contact take it in whatever their size.
  private static let evenness = 0.35...0.8

  @Test("views have about ln n members", arguments: 1...3 as ClosedRange<UInt64>)
  func views(seed: UInt64) async throws {
    let figures = try await aside {
      let cluster = ScampCluster(nodes: 500, rules: ScampCluster.plain)
      return ViewFigures(try cluster.grow(seed: seed) { _ in })
    }
    #expect((0.8...1.25).contains(figures.mean / logarithm(500)), "\(figures.mean)")
    #expect(Self.evenness.contains(figures.deviation / figures.mean), "\(figures.deviation)")
    #expect(figures.isolated == 0)
  }

  @Test("a rule that is broken on purpose shows in the figures: copies always kept make other views")
  func broken() async throws {
    let figures = try await aside {
      var rules = ScampCluster.plain
      rules.keepsAlways = true
      return ViewFigures(try ScampCluster(nodes: 500, rules: rules).grow(seed: 1) { _ in })
    }
    // Copies are kept either way; what suffers is how evenly.
    #expect(!Self.evenness.contains(figures.deviation / figures.mean), "\(figures.deviation)")
  }

  @Test("half of the members leave: nobody is cut off, and the views fit the smaller cluster")
  func leaving() async throws {
    let (figures, isWhole) = try await aside {
      let simulation = try ScampCluster(nodes: 400, rules: ScampCluster.plain).grow(seed: 7) { _ in }
      ScampCluster.halve(simulation, seed: 7)
      return (ViewFigures(simulation), Self.isWhole(simulation))
    }
    #expect(figures.members == 200 && figures.isolated == 0 && isWhole)
    #expect((0.75...1.3).contains(figures.mean / logarithm(200)), "\(figures.mean)")
  }

  @Test("all join through one: with indirection the founder is like everybody else")
  func indirection() async throws {
    let (even, skewed, founder) = try await aside {
      var rules = ScampCluster.plain
      rules.hopLimit = 20  // Among few who all hold each other, copies find no place.
      let direct = try ScampCluster(nodes: 60, rules: rules, contacts: .founder).grow(seed: 3) { _ in }
      rules.walkLength = 24
      let simulation = try ScampCluster(nodes: 120, rules: rules, contacts: .founder).grow(seed: 3) { _ in }
      return (ViewFigures(simulation), ViewFigures(direct), simulation.inCount(of: 0))
    }
    #expect((0.7...1.35).contains(even.mean / logarithm(120)), "\(even.mean)")
    #expect(founder < 20 && even.isolated == 0)
    #expect(skewed.mean / logarithm(60) > 1.5, "without it: \(skewed.mean)")
  }

  @Test("with leases everybody subscribes again and again, and the views live on")
  func leases() async throws {
    let (sizes, isWhole) = try await aside {
      let simulation = try Simulation(
        seed: 5, configuration: Self.configuration { ($0.copies, $0.lease) = (0, .seconds(20)) })
      Self.form(30, simulation)
      var sizes: [Double] = []
      for round in 1...8 {
        simulation.run(until: Self.seconds(2 + 15 * round))
        sizes.append(ViewFigures(simulation).mean)
      }
      return (sizes, Self.isWhole(simulation))
    }
    #expect(isWhole)
    #expect(sizes.allSatisfy { (2...9).contains($0) }, "\(sizes)")
  }

  @Test("whom nobody holds any more is held again")
  func isolation() async throws {
    let held = try await aside {
      let simulation = try Simulation(
        seed: 9, configuration: Self.configuration { ($0.copies, $0.isolationTime) = (0, .seconds(3)) })
      Self.form(60, simulation)
      simulation.run(until: Self.seconds(5))
      // Everybody who holds the last one crashes.
      let holders = (0..<59).filter { simulation.outNeighbours(of: $0).contains(59) }
      for holder in holders { simulation.crash(holder) }
      simulation.run(until: Self.seconds(5) + 100_000_000)
      simulation.run(until: Self.seconds(25))
      return (holders.count, simulation.inCount(of: 59), simulation.outCount(of: 59))
    }
    #expect(held.0 > 0 && held.1 > 0 && held.2 > 0, "\(held)")
  }

  @Test("two halves find each other again after a partition")
  func partition() async throws {
    let (isApart, isWhole) = try await aside {
      let simulation = try Simulation(seed: 11, configuration: Self.configuration())
      Self.form(40, simulation)
      simulation.run(until: Self.seconds(5))
      simulation.partition { $0 % 2 }
      simulation.run(until: Self.seconds(25))
      let isApart = !Self.isWhole(simulation)
      simulation.heal()
      simulation.run(until: Self.seconds(60))
      return (isApart, Self.isWhole(simulation))
    }
    #expect(isApart && isWhole)
  }

  @Test(
    "messages reach everybody over SCAMP when a tenth of all datagrams is lost",
    arguments: [BroadcastStrategy.eager, .plumtree], [1, 2] as [UInt64])
  func messages(strategy: BroadcastStrategy, seed: UInt64) async throws {
    let (deliveries, isWhole) = try await aside {
      var configuration = Self.configuration()
      configuration.broadcast = strategy
      var model = NetworkModel()
      model.loss = 0.1
      let simulation = try Simulation(seed: seed, configuration: configuration, model: model)
      let tally = Tally()
      simulation.observer = { observation, _ in
        if case .delivery = observation { tally.count += 1 }
      }
      Self.form(40, simulation)
      simulation.run(until: Self.seconds(5))
      for number in 0..<20 {
        _ = simulation.broadcast([UInt8(number)], from: number * 2)
        simulation.run(until: simulation.now + 50_000_000)
      }
      simulation.run(until: Self.seconds(15))
      return (tally.count, Self.isWhole(simulation))
    }
    #expect(deliveries == 20 * 39)
    #expect(isWhole)
  }

  private final class Tally {
    var count = 0
  }

  @Test("the logarithm of the tables is the logarithm")
  func logarithms() {
    for (value, expected) in [
      (1.0, 0.0), (2, 0.693147180559945), (500, 6.214608098422191), (1e5, 11.512925464970229),
    ] {
      #expect(abs(logarithm(value) - expected) < 1e-12)
    }
  }
}
