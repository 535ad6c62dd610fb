// The campaign of the map of tuples in its short form, and whether it would notice a broken rule.

import Testing

@testable import GrapevineCore
@testable import GrapevineSimulator

@Suite("Tuples: maps come together")
struct TupleCampaignTests {
  private static func reports(
    _ seeds: ClosedRange<UInt64>, isShort: Bool = true, _ ablations: Ablations = []
  ) throws -> [(seed: UInt64, report: TupleCampaignReport)] {
    try seeds.map { seed in
      var campaign = TupleCampaign(seed: seed, isShort: isShort)
      campaign.ablations = ablations
      return (seed, try campaign.run())
    }
  }

  @Test("Whatever fails, all end with the same tuples, and with what was written last")
  func converge() async throws {
    let reports = try await aside { try Self.reports(1...16) }
    for (seed, report) in reports { #expect(report.holds, "seed \(seed): \(report.failures)") }
    #expect(reports.map(\.report.writes).reduce(0, +) > 500)
    #expect(reports.map(\.report.contested).reduce(0, +) * 5 < reports.map(\.report.keys).reduce(0, +))
  }

  @Test("A run repeats to the byte")
  func repeats() async throws {
    let reports = try await aside { try [Self.reports(3...3), Self.reports(3...3)].map { $0[0].report } }
    #expect(reports[0] == reports[1])
  }

  @Test(
    "A rule that is left out is noticed",
    arguments: [Ablations.tombstones, .versionOrder])
  func brokenRules(_ ablation: Ablations) async throws {
    let reports = try await aside { try Self.reports(1...2, ablation) }
    #expect(reports.contains { !$0.report.holds })
  }
}
