import Testing

@testable import GrapevineCore
@testable import GrapevineSimulator

/// Each rule of membership that is left out on purpose must show in a figure, which with the rule is where it
/// belongs.
@Suite("Broken rules of membership: the figures tell")
struct BrokenMembershipTests {
  /// How unevenly members are probed in a round: the variance of the datagrams that each of ten gets while
  /// everybody probes nine times. Where each probes each other once it is nothing.
  private static func unevenness(_ ablations: Ablations, seed: UInt64) throws -> Double {
    var lab = MembershipLab(nodes: 10, seed: seed)
    lab.isOverlayQuiet = true
    lab.ablations = Ablations.plainSWIM.union(ablations)
    lab.rules.startsInStep = true
    lab.rules.syncInterval = .seconds(100_000)
    let simulation = try lab.start()
    // The first round begins with the first second; what goes over new links is over by the second round.
    func received(at second: Int) -> [Double] {
      simulation.run(until: Instant(nanoseconds: UInt64(second) * 1_000_000_000 - 1))
      return (0..<lab.nodes).map { Double(simulation.counters(of: $0).datagramsReceived) }
    }
    let numbers = zip(received(at: 10), received(at: 19)).map { $1 - $0 }
    let mean = numbers.reduce(0, +) / Double(numbers.count)
    return numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(numbers.count)
  }

  @Test("targets drawn anew each time: some members are probed far more often than others")
  func roundRobin() async throws {
    let figures = try await aside {
      try [Ablations(), .roundRobin].map { ablations in
        try (1...5 as ClosedRange<UInt64>).map { try Self.unevenness(ablations, seed: $0) }
      }
    }
    #expect(figures[0].allSatisfy { $0 < 0.5 }, "\(figures)")
    // Nine draws with a probability of a ninth for each of nine: 8 on average.
    #expect(figures[1].allSatisfy { $0 > 1 } && figures[1].reduce(0, +) > 20, "\(figures)")
  }

  /// Events that say that a member failed, where all live and a quarter of all datagrams is lost.
  private static func failures(_ ablations: Ablations) throws -> Int {
    var lab = MembershipLab(nodes: 16, seed: 3)
    lab.ablations = Ablations.plainSWIM.union(ablations)
    let simulation = try lab.start()
    simulation.model.loss = 0.25
    var failed = 0
    simulation.watchMembers { if $0.change == .failed { failed += 1 } }
    defer { simulation.observer = nil }
    simulation.run(seconds: 40) { _ in }
    return failed
  }

  @Test("suspicions that nobody refutes: loss alone makes members fail")
  func refutation() async throws {
    let figures = try await aside { try [Ablations(), .refutation].map(Self.failures) }
    #expect(figures[0] == 0 && figures[1] > 16, "\(figures)")
  }

  /// False positives while some of 32 members are blocked once.
  private static func blocked(_ ablations: Ablations, count: Int, milliseconds: Int) throws -> LifeguardCell {
    try LifeguardTable.run(
      ablations, seed: 1, nodes: 32, blocked: count, milliseconds: milliseconds, whole: milliseconds + 8_000
    ) { _ in }
  }

  @Test("suspicions with the least time: members blocked for longer than that take others for failed")
  func confirmations() async throws {
    let cells = try await aside {
      try [[.selfDoubt, .surprise], [.selfDoubt, .surprise, .confirmations]].map {
        try Self.blocked($0, count: 4, milliseconds: 20_000)
      }
    }
    #expect(cells[1].falsePositives > 20 && cells[0].falsePositives * 5 < cells[1].falsePositives, "\(cells)")
  }

  @Test("verdicts that matured while nobody was heard: members blocked for long take others for failed")
  func selfDoubt() async throws {
    let cells = try await aside {
      try [[], [.selfDoubt, .surprise]].map { try Self.blocked($0, count: 8, milliseconds: 40_000) }
    }
    #expect(cells[0].falsePositives == 0 && cells[1].falsePositives > 20, "\(cells)")
  }

  @Test("failures that count at once: members that were never blocked believe those that were")
  func surprise() async throws {
    let cells = try await aside {
      try [[.selfDoubt, .confirmations], [.selfDoubt, .confirmations, .surprise]].map {
        try Self.blocked($0, count: 4, milliseconds: 20_000)
      }
    }
    #expect(cells[0].atHealthy == 0 && cells[1].atHealthy > 20, "\(cells)")
  }
}
