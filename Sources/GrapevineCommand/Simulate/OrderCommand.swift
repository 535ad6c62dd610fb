// `grapevine simulate --order`: topics and order in virtual time, seed after seed.

import GrapevineConsole
import GrapevineSimulator

/// Runs the campaign of topics and order.
enum OrderCommand {
  static let table = CampaignCommand<OrderTally>.table(
    summary: """
      Runs a few nodes in virtual time that talk in a few topics, in every order there is, and answer each other while
      the network loses and splits and processes crash, come back and leave; then checks by full vector clocks that
      nothing was delivered before what it came after, unless the node had said so.
      """,
    notes: "Docs/messages.md says what is promised, and Docs/simulator.md what is checked.",
    kept: "order was kept in every run", broken: "at least one run broke a promise")

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    try CampaignCommand<OrderTally>.main(list, table)
  }
}

/// What the runs of the campaign of order add up to.
struct OrderTally: CampaignTally {
  typealias Subject = OrderCampaign

  private var silent = 0
  private var total = OrderCampaignReport()

  init() {}

  mutating func add(_ report: OrderCampaignReport) {
    if report.orderGaps == 0 { silent += 1 }
    var report = report
    report.failures = []
    total.add(report)
  }

  func rows(finished: Int, failed: Int) -> [(name: String, value: String)] {
    let causal = Double(max(1, total.causal))
    func perMessage(_ bytes: UInt64) -> String { Fixed.text(Double(bytes) / causal, decimals: 1) }
    let members = Double(total.nodes) / Double(max(1, finished))
    return [
      ("runs", "\(finished), \(failed) failed; \(total.faults) crashes, leaves and partitions"),
      ("messages", "\(total.messages), \(total.causal) of them causal"),
      ("deliveries", "\(total.deliveries), \(total.judged) of them ordered and judged"),
      (
        "late",
        "\(total.announced), announced as such; \(total.historic) of them of what was sent before the node joined or "
          + "within 5 s after"
      ),
      ("held back", "\(total.heldBack), \(total.orderGaps) of them given up; none in \(silent) runs"),
      ("history", "\(total.forgotten) came after what all had forgotten before the node joined, and said so"),
      ("lost and reported", "\(total.lost)"),
      (
        "bytes of causal order",
        "\(perMessage(total.causalBytes)) a message; full vector clocks of the members that run: "
          + "\(perMessage(total.vectorBytes)), with \(Fixed.text(members, decimals: 1)) members on average"
      ),
      ("longest delay", "\(Fixed.text(total.longestDelay, decimals: 1)) s"),
    ]
  }

  func verdict(finished: Int, failed: Int) -> String {
    failed == 0
      ? "Nothing was delivered before what it came after without the node having said so."
      : "\(failed) of \(finished) runs broke a promise; the lines above repeat them."
  }
}
