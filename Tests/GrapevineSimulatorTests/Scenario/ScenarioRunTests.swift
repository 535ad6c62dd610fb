import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Scenario runs: steps happen, and what is expected is judged")
struct ScenarioRunTests {
  private func report(_ text: String, seed: UInt64 = 1) async throws -> ScenarioReport {
    let scenario = try Scenario(parsing: Array(text.utf8), file: "s.txt")
    return try await aside { try scenario.run(seed: seed) }
  }

  @Test("without faults everybody has everything, at once and once")
  func plain() async throws {
    let report = try await report(
      """
      nodes 20
      broadcast eager
      latency fixed 10ms
      at 0s..2s join
      at 5s broadcast 10 from 3 over 2s
      at 5s broadcast 10 from 3 over 2s level best-effort
      expect reach 100% within 200ms
      expect copies 20
      """)
    #expect(report.holds, "\(report.verdicts)")
    #expect(report.members == 20 && report.skipped == 0)
    #expect(report.deliveries == 20 * 19 && report.deliveriesExpected == 20 * 19)
    #expect(report.reliability.expected == 10 * 19 && report.reliability.broadcasts == 20)
    // Nothing arrives before one delay, and everything within a few.
    #expect(report.coverage.first { $0.time == .milliseconds(5) }?.share == 0)
    #expect(report.coverage.last?.share == 1)
    #expect(zip(report.coverage, report.coverage.dropFirst()).allSatisfy { $0.share <= $1.share })
    #expect(report.quantiles.map(\.share) == [0.5, 0.9, 0.99, 1])
    #expect(report.quantiles.allSatisfy { $0.time >= .milliseconds(10) && $0.time <= .milliseconds(200) })
    #expect(report.traffic.dropped == 0 && report.traffic.arrived > 0)
    let copies = try #require(report.copiesPerDelivery)
    #expect((1...8).contains(copies))
  }

  @Test("what is not as expected is said so, with what was measured")
  func judged() async throws {
    let report = try await report(
      """
      nodes 12
      latency fixed 50ms
      at 0s..2s join
      at 5s broadcast 5 from 1
      expect delivered 100%
      expect reach 100% within 20ms
      expect copies 1
      expect repaired within 40ms
      """)
    #expect(!report.holds)
    #expect(report.verdicts.map(\.holds) == [true, false, false, false])
    #expect(
      report.verdicts[0].expected == "delivered 100%" && report.verdicts[0].measured == "100%, 55 of 55")
    #expect(report.verdicts[1].expected == "reach 100% within 20ms")
    #expect(report.verdicts[1].measured == "0%, 0 of 55")
    let repaired = try #require(report.reliability.secondsToRepair)
    #expect((0.05...0.5).contains(repaired))
  }

  @Test("a partition holds messages back until it heals")
  func partition() async throws {
    let report = try await report(
      """
      nodes 16
      at 0s..2s join
      at 5s partition 2 for 10s
      at 6s broadcast 10 from 2 over 1s
      expect delivered 100%
      """)
    #expect(report.holds, "\(report.verdicts)")
    #expect(report.traffic.droppedPartition > 0)
    let before = try #require(report.coverage.first { $0.time == .seconds(5) })
    #expect((0.1...0.9).contains(before.share))
    #expect(report.coverage.last?.share == 1)
  }

  @Test("processes crash, restart, leave and pause as often as said")
  func lifecycle() async throws {
    let report = try await report(
      """
      nodes 30
      at 0s..2s join 20
      at 3s..4s join
      at 6s broadcast 10 from 3 over 10s
      at 8s crash 5
      at 9s..10s restart 40%
      at 11s leave 3
      at 12s pause 100% for 1s
      at 18s end
      expect delivered 100%
      """)
    #expect(report.holds, "\(report.verdicts)")
    // 30 without the 3 crashed ones that stay away and the 3 that left.
    #expect(report.members == 24)
    #expect(report.traffic.droppedAbsent > 0)
  }

  @Test("crashes for a while come back")
  func crashFor() async throws {
    let report = try await report(
      """
      nodes 20
      at 0s..2s join
      at 5s..6s crash 50% for 2s
      at 5s broadcast 5 from 2 over 3s
      """)
    #expect(report.holds, "\(report.verdicts)")
    #expect(report.members == 20)
  }

  @Test("processes are blocked and deafened for as long as said")
  func block() async throws {
    let report = try await report(
      """
      nodes 20
      at 0s..2s join
      at 5s broadcast 10 from 3 over 10s
      at 6s..8s block 30% for 3s
      at 9s deafen 100% loss 40% for 2s
      at 15s end
      expect delivered 100%
      """)
    #expect(report.holds, "\(report.verdicts)")
    // Only the deaf lose anything here.
    #expect(report.traffic.droppedLoss > 0 && report.traffic.droppedBuffer == 0)
    #expect(report.secondsToAgree == nil)
  }

  @Test("members know each other again after a split, and what they thought meanwhile is counted")
  func members() async throws {
    let text = """
      nodes 16
      at 0s..2s join
      at 5s broadcast 5 from 2
      at 5s partition 2 for 40s
      at 46s end
      expect members within 60s
      expect flaps 0
      """
    let report = try await report(text)
    let seconds = try #require(report.secondsToAgree)
    #expect(seconds <= 60 && report.flaps > 0)
    #expect(report.verdicts.map(\.holds) == [true, false], "\(report.verdicts)")
    #expect(report.verdicts[1].measured == "\(report.flaps)")
    // So soon nobody is found.
    let soon = try await self.report(text.replacing("within 60s", with: "within 1ms"))
    #expect(soon.secondsToAgree == nil && soon.verdicts[0].measured == "never" && !soon.holds)
  }

  @Test("changes of the network happen when they are said")
  func change() async throws {
    let lossy =
      "nodes 10\nat 0s..1s join\nat 5s broadcast 5 from 1 over 1s\nat 4s loss 50%\nat 20s loss 0%\nat 21s end"
    let report = try await report(lossy)
    #expect(report.holds, "\(report.verdicts)")
    #expect(report.traffic.droppedLoss > 0)
  }

  @Test("nobody there to broadcast is no success")
  func nobody() async throws {
    let report = try await report("nodes 5\nat 1s broadcast 3 from 2\nat 2s..3s join")
    #expect(report.skipped == 3 && report.reliability.broadcasts == 0)
    #expect(!report.holds)
  }

  @Test(
    "with clocks that differ, delays and pauses, the same seed gives the same report; another seed another")
  func replay() async throws {
    let text = """
      nodes 16
      latency lognormal median 10ms sigma 0.7 jitter 20%
      loss 10%
      bandwidth 50kB/s queue 10kB
      skew 500ppm offset 2s
      at 0s..3s join
      at 5s broadcast 20 from 4 over 3s
      at 5s..8s pause 30% for 500ms
      at 6s crash 20% for 1s
      at 9s end
      """
    let reports = [
      try await report(text, seed: 5), try await report(text, seed: 5), try await report(text, seed: 6),
    ]
    #expect(reports[0] == reports[1])
    #expect(reports[0].reliability.trace != reports[2].reliability.trace)
    #expect(reports.allSatisfy { $0.holds }, "\(reports.map(\.verdicts))")
  }
}
