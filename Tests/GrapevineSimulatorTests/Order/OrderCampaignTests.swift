import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Order under faults, judged by vector clocks")
struct OrderCampaignTests {
  @Test("order holds under loss, churn and partitions", arguments: 0..<4)
  func holds(group: Int) throws {
    var total = OrderCampaignReport()
    for seed in UInt64(group * 4)..<UInt64(group * 4 + 4) {
      let campaign = OrderCampaign(seed: seed, isShort: true)
      let report = try campaign.run()
      #expect(report.holds, "\(campaign.replayCommand): \(report.failures)")
      total.add(report)
    }
    #expect(total.causal > 20 && total.deliveries > 100 && total.heldBack > 0)
    // A good part is judged: a sixth is unordered, and who comes back is a newcomer for a while.
    #expect(4 * total.judged > total.deliveries, "\(total.judged) of \(total.deliveries)")
    #expect(total.causalBytes < total.vectorBytes)
  }

  @Test("nodes that deliver messages as they come are found out")
  func ablation() throws {
    var failed = 0
    for seed in 0..<4 as Range<UInt64> {
      var campaign = OrderCampaign(seed: seed, isShort: true)
      campaign.ablations = .order
      if !(try campaign.run().holds) { failed += 1 }
    }
    #expect(failed >= 3)
  }

  @Test("a run is a function of its seed")
  func deterministic() throws {
    let first = try OrderCampaign(seed: 3, isShort: true).run()
    let second = try OrderCampaign(seed: 3, isShort: true).run()
    #expect(first == second)
  }
}
