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
    throws
  {
    let report = try scenario.run()
    #expect(report.holds, "\(report)\n\(scenario.replayCommand)", sourceLocation: sourceLocation)
    #expect(report.secondsToRepair != nil, "\(scenario.replayCommand)", sourceLocation: sourceLocation)
  }

  @Test("60 nodes, 30 % loss, crashes and partitions", arguments: 1...12 as ClosedRange<UInt64>)
  func lossy(seed: UInt64) throws {
    try expectHolds(scenario(nodes: 60, loss: 0.3, seed: seed))
  }

  @Test("100 nodes without loss", arguments: [1] as [UInt64])
  func lossless(seed: UInt64) throws {
    try expectHolds(scenario(nodes: 100, loss: 0, seed: seed))
  }

  @Test("200 nodes, 30 % loss", arguments: 1...2 as ClosedRange<UInt64>)
  func larger(seed: UInt64) throws {
    try expectHolds(scenario(nodes: 200, loss: 0.3, seed: seed))
  }

  @Test("two nodes, and half of everything lost", arguments: 1...3 as ClosedRange<UInt64>)
  func smallest(seed: UInt64) throws {
    var scenario = scenario(nodes: 2, loss: 0.5, seed: seed)
    scenario.crashes = 0
    scenario.partitions = 0
    try expectHolds(scenario)
  }

  @Test("a promise that is broken on purpose is found broken")
  func hidden() throws {
    var scenario = scenario(nodes: 20, loss: 0.1, seed: 1)
    scenario.hiddenSequence = 1
    let report = try scenario.run()
    #expect(!report.holds)
    #expect(report.delivered < report.expected && report.secondsToRepair == nil)
  }

  @Test("the same seed gives the same report and trace, another seed others")
  func replay() throws {
    let reports = try [5, 5, 6].map { try scenario(nodes: 30, loss: 0.3, seed: $0).run() }
    #expect(reports[0] == reports[1])
    #expect(reports[0].trace != reports[2].trace)
  }

  @Test("the command that replays a run names everything that decides it")
  func replayCommand() {
    var scenario = scenario(nodes: 60, loss: 0.3, seed: 12)
    scenario.messages = 7
    scenario.crashes = 0.5
    scenario.partitions = 3
    #expect(
      scenario.replayCommand
        == "grapevine simulate --nodes 60 --messages 7 --loss 0.3 --crashes 0.5 --partitions 3 --seed 12 --runs 1"
    )
  }
}

@Suite("Beyond the horizon: what cannot be repaired is reported")
struct HorizonTests {
  private static func second(_ count: UInt64) -> Instant { Instant(nanoseconds: count * 1_000_000_000) }

  @Test(
    "with a log far too small, every message is delivered or reported as a gap",
    arguments: 1...4 as ClosedRange<UInt64>)
  func crippled(seed: UInt64) throws {
    var configuration = Configuration()
    configuration.logMessages = 64
    configuration.logBytes = 64 << 10
    configuration.streamCapacity = 64
    configuration.sequenceWindow = 256
    configuration.stallLimit = .milliseconds(100)
    let simulation = try Simulation(seed: seed, configuration: configuration)
    let nodes = 12
    simulation.start(contacts: [])
    for _ in 1..<nodes { simulation.start(contacts: [0]) }
    var seen = [[UInt64: Int]](repeating: [:], count: nodes)
    var lost = [UInt64](repeating: 0, count: nodes)
    simulation.observer = { observation, _ in
      switch observation {
      case .delivery(let node, _, let sequence): seen[node][sequence, default: 0] += 1
      case .event(let node, .gap(_, let first, let last, let missing)):
        lost[node] += missing
        #expect(first <= last && missing <= last - first + 1)
      case .event: break
      }
    }
    simulation.run(until: Self.second(20))
    simulation.model.loss = 0.6
    var broadcasts: UInt64 = 0
    for step in 0..<1_500 {
      simulation.at(Self.second(20) + UInt64(step) * 10_000_000) { simulation in
        if simulation.broadcast([1], from: 0) != nil { broadcasts += 1 }
      }
    }
    simulation.at(Self.second(36)) { $0.model.loss = 0 }
    simulation.run(until: Self.second(180))
    simulation.observer = nil
    #expect(broadcasts > 300)
    #expect(lost.reduce(0, +) > 0, "the log was large enough: nothing was tested")
    for node in 1..<nodes {
      #expect(seen[node].values.allSatisfy { $0 == 1 })
      #expect(UInt64(seen[node].count) + lost[node] == broadcasts, "node \(node), seed \(seed)")
    }
  }
}
