import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Reliability: the promise of the reliable level")
struct ReliabilityTests {
  private func scenario(nodes: Int, loss: Double, seed: UInt64) -> ReliabilityScenario {
    var scenario = ReliabilityScenario()
    scenario.nodes = nodes
    scenario.loss = loss
    scenario.seed = seed
    return scenario
  }

  private func expectHolds(_ scenario: ReliabilityScenario, sourceLocation: SourceLocation = #_sourceLocation)
    async throws
  {
    let report = try await aside { try scenario.run() }
    #expect(report.holds, "\(report)\n\(scenario.replayCommand)", sourceLocation: sourceLocation)
    #expect(report.secondsToRepair != nil, "\(scenario.replayCommand)", sourceLocation: sourceLocation)
    // The logs hold everything here, so nothing may be reported as lost either.
    #expect(report.reported == 0, "\(scenario.replayCommand)", sourceLocation: sourceLocation)
  }

  @Test("60 nodes, 30 % loss, crashes and partitions", arguments: 1...4 as ClosedRange<UInt64>)
  func lossy(seed: UInt64) async throws {
    try await expectHolds(scenario(nodes: 60, loss: 0.3, seed: seed))
  }

  @Test(
    "rumour mongering to three neighbours: repair reaches whom chance left out",
    arguments: [1] as [UInt64])
  func mongering(seed: UInt64) async throws {
    var scenario = scenario(nodes: 60, loss: 0.1, seed: seed)
    scenario.fanout = 3
    try await expectHolds(scenario)
  }

  @Test("100 nodes without loss", arguments: [1] as [UInt64])
  func lossless(seed: UInt64) async throws {
    try await expectHolds(scenario(nodes: 100, loss: 0, seed: seed))
  }

  @Test("200 nodes, 30 % loss", arguments: [1] as [UInt64])
  func larger(seed: UInt64) async throws {
    try await expectHolds(scenario(nodes: 200, loss: 0.3, seed: seed))
  }

  @Test("two nodes, and half of everything lost", arguments: 1...3 as ClosedRange<UInt64>)
  func smallest(seed: UInt64) async throws {
    var scenario = scenario(nodes: 2, loss: 0.5, seed: seed)
    scenario.crashes = 0
    scenario.partitions = 0
    try await expectHolds(scenario)
  }

  @Test("a promise that is broken on purpose is found broken")
  func hidden() async throws {
    var scenario = scenario(nodes: 20, loss: 0.1, seed: 1)
    scenario.hiddenSequence = 1
    let broken = scenario
    let report = try await aside { try broken.run() }
    #expect(!report.holds)
    #expect(report.delivered < report.expected && report.secondsToRepair == nil)
  }

  @Test("the same seed gives the same report and trace, another seed others")
  func replay() async throws {
    let scenarios = [5, 5, 6].map { scenario(nodes: 30, loss: 0.3, seed: $0) }
    let reports = try await aside { try scenarios.map { try $0.run() } }
    #expect(reports[0] == reports[1])
    #expect(reports[0].trace != reports[2].trace)
  }

  @Test("the command that replays a run names everything that decides it")
  func replayCommand() {
    var scenario = scenario(nodes: 60, loss: 0.3, seed: 12)
    scenario.messages = 7
    scenario.crashes = 0.5
    scenario.partitions = 3
    scenario.fanout = 4
    #expect(
      scenario.replayCommand
        == "grapevine simulate --nodes 60 --messages 7 --senders 5 --fanout 4 --loss 0.3 --crashes 0.5 --partitions 3 --seed 12 --runs 1"
    )
  }
}

/// What a node delivered of one stream, and what it reported as lost.
private struct Account: Sendable {
  var deliveries: [UInt64: Int] = [:]
  var lost: UInt64 = 0
  var areGapsSane = true
}

@Suite("Beyond the horizon: what cannot be repaired is reported")
struct HorizonTests {
  private static let nodes = 12

  private static func second(_ count: UInt64) -> Instant { Instant(nanoseconds: count * 1_000_000_000) }

  private static var configuration: Configuration {
    var configuration = Configuration()
    configuration.logMessages = 64
    configuration.logBytes = 64 << 10
    configuration.streamCapacity = 64
    configuration.sequenceWindow = 256
    configuration.stallLimit = .milliseconds(100)
    return configuration
  }

  /// Broadcasts far more than the logs hold while most datagrams are lost.
  private static func run(seed: UInt64) throws -> (accounts: [Account], broadcasts: UInt64) {
    let simulation = try Simulation(seed: seed, configuration: configuration)
    simulation.start(contacts: [])
    for _ in 1..<nodes { simulation.start(contacts: [0]) }
    var accounts = [Account](repeating: Account(), count: nodes)
    simulation.observer = { observation, _ in
      switch observation {
      case .delivery(let node, _, let sequence, _, _): accounts[node].deliveries[sequence, default: 0] += 1
      case .event(let node, .gap(_, let first, let last, let missing)):
        accounts[node].lost += missing
        if first > last || missing > last - first + 1 { accounts[node].areGapsSane = false }
      case .event: break
      }
    }
    simulation.run(until: second(20))
    simulation.model.loss = 0.6
    var broadcasts: UInt64 = 0
    for step in 0..<1_500 {
      simulation.at(second(20) + UInt64(step) * 10_000_000) { simulation in
        if simulation.broadcast([1], from: 0) != nil { broadcasts += 1 }
      }
    }
    simulation.at(second(36)) { $0.model.loss = 0 }
    simulation.run(until: second(180))
    simulation.observer = nil
    return (accounts, broadcasts)
  }

  @Test(
    "with a log far too small, every message is delivered or reported as a gap",
    arguments: 1...4 as ClosedRange<UInt64>)
  func crippled(seed: UInt64) async throws {
    let (accounts, broadcasts) = try await aside { try Self.run(seed: seed) }
    #expect(broadcasts > 300)
    #expect(accounts.map(\.lost).reduce(0, +) > 0, "the log was large enough: nothing was tested")
    for (node, account) in accounts.enumerated().dropFirst() {
      #expect(account.areGapsSane && account.deliveries.values.allSatisfy { $0 == 1 })
      #expect(UInt64(account.deliveries.count) + account.lost == broadcasts, "node \(node), seed \(seed)")
    }
  }
}
