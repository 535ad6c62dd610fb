import Testing

@testable import GrapevineCore
@testable import GrapevineSimulator

@Suite("Laboratories of membership: what is assumed, what is counted")
struct MembershipLabTests {
  @Test(
    "a cluster that is there at once: everybody knows everybody, and nobody says that anybody came or failed")
  func assumed() throws {
    let simulation = try MembershipLab(nodes: 24, seed: 1).start()
    var opinions: [MemberOpinion] = []
    simulation.watchMembers { opinions.append($0) }
    defer { simulation.observer = nil }
    #expect(simulation.isMembershipComplete())
    simulation.run(seconds: 15) { _ in }
    #expect(simulation.isMembershipComplete() && opinions.isEmpty, "\(opinions)")
    #expect((0..<24).allSatisfy { simulation.localHealth(of: $0) == 0 })
    #expect(simulation.sum(\.probes) >= 24 * 14 && simulation.sum(\.probesFailed) == 0)
  }

  @Test("without a list of members nobody probes")
  func without() throws {
    var lab = MembershipLab(nodes: 8, seed: 1)
    lab.hasMembers = false
    let simulation = try lab.start()
    simulation.run(seconds: 3) { _ in }
    #expect(simulation.sum(\.probes) == 0 && simulation.members(of: 0).isEmpty)
    #expect(!simulation.isMembershipComplete())
  }

  @Test("who is known: the members of a process, what it thinks of them, and whether all agree")
  func questions() throws {
    let simulation = try MembershipLab(nodes: 8, seed: 1).start()
    simulation.run(seconds: 2) { _ in }
    let run = simulation.identity(of: 3)
    #expect(simulation.members(of: 0).count == 8)
    #expect(Set(simulation.members(of: 0).map(\.id)) == Set((0..<8).map(Simulation.stableID)))
    #expect(simulation.member(of: 3, seenBy: 5)?.run == run)
    simulation.crash(3)
    #expect(!simulation.isMembershipComplete())
    simulation.run(seconds: 30) { _ in }
    #expect(simulation.member(of: 3, seenBy: 5)?.status == .failed)
    let counts = simulation.memberCounts(of: 0)
    #expect(counts.alive == 7 && counts.failed == 1 && counts.suspect == 0)
    #expect(simulation.isMembershipComplete())
    simulation.restart(3, contacts: [0])
    simulation.run(seconds: 5) { _ in }
    #expect(simulation.isMembershipComplete())
    #expect(simulation.member(of: 3, seenBy: 5)?.run == simulation.identity(of: 3))
    #expect(simulation.memberCounts(of: 99 % 8).alive == 8 && simulation.member(of: 3, seenBy: 5)?.run != run)
  }

  @Test("a crash is first suspected at the end of a period, as soon as the formulas say")
  func detection() async throws {
    let sample = try await aside {
      try DetectionTables.sample(nodes: 10, victims: 1, clusters: 60, ablation: [], seed: 1)
    }
    let periods = try #require(sample.values["periods"])
    // 1.49 with a standard deviation of 0.1.
    #expect((1.15...1.85).contains(periods), "\(periods)")
    #expect(sample.histograms["periods"]?.keys.allSatisfy { $0 >= 1 } ?? false)
  }

  @Test("a crowd that talks while members come and go: everything is delivered")
  func crowd() async throws {
    let talk = try await aside {
      try EnduranceTables.talk(nodes: 30, rate: 50, length: 6, seed: 1, hasMembers: true) { _ in }
    }
    #expect(talk.delivered == 1 && talk.refused == 0 && talk.flaps == 0, "\(talk)")
    #expect(talk.seconds != nil && talk.bytes > 0)
  }
}
