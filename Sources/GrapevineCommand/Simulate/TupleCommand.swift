// `grapevine simulate --tuples`: maps of tuples in virtual time, seed after seed.

import GrapevineConsole
import GrapevineSimulator

/// Runs the campaign of the map of tuples.
enum TupleCommand {
  static let table = CampaignCommand<TupleTally>.table(
    summary: """
      Runs a few nodes in virtual time that write, overwrite and remove tuples while the network loses and splits,
      clocks are wrong and processes crash, with their disks or without; then checks that all have the same tuples,
      that none was lost and that none came back.
      """,
    notes: "Docs/simulator.md says what is checked, and what may be lost.",
    kept: "every run was as it must be", broken: "at least one run was not")

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    try CampaignCommand<TupleTally>.main(list, table)
  }
}

/// What the runs of the campaign of tuples add up to.
struct TupleTally: CampaignTally {
  typealias Subject = TupleCampaign

  private var total = TupleCampaignReport()
  private var longAbsences = 0
  private var wildClocks = 0
  private var lastComparisons: UInt64 = 0

  init() {}

  mutating func add(_ report: TupleCampaignReport) {
    total.writes += report.writes
    total.changes += report.changes
    total.yields += report.yields
    total.lateReturns += report.lateReturns
    total.contested += report.contested
    total.keys += report.keys
    total.comparisons += report.comparisons
    total.comparisonsFailed += report.comparisonsFailed
    total.streams += report.streams
    lastComparisons = max(lastComparisons, report.lastComparisons)
    if report.hasLongAbsence { longAbsences += 1 }
    if report.hasWildClock { wildClocks += 1 }
  }

  func rows(finished: Int, failed: Int) -> [(name: String, value: String)] {
    [
      ("runs", "\(finished), \(failed) failed"),
      ("with long absences", "\(longAbsences)"),
      ("with wrong clocks", "\(wildClocks)"),
      ("writes", "\(total.writes)"),
      ("changes", "\(total.changes)"),
      ("keys", "\(total.keys), \(total.contested) of them checked for being the same only"),
      ("given up", "\(total.yields), \(total.lateReturns) late returns"),
      (
        "comparisons",
        "\(total.comparisons), \(total.comparisonsFailed) given up; \(total.streams) whole maps"
      ),
      ("in the last minute", "at most \(lastComparisons) comparisons by one node"),
    ]
  }

  func verdict(finished: Int, failed: Int) -> String {
    failed == 0
      ? "All members ended with the same tuples, and with what was written last."
      : "\(failed) of \(finished) runs were not as they must be; the lines above repeat them."
  }
}
