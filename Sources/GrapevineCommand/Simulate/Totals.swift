// The counts that every simulation prints.

import GrapevineConsole
import GrapevineSimulator

/// The counts of one run, or of several.
struct Totals {
  var broadcasts = 0
  var expected = 0
  var delivered = 0
  var duplicates = 0
  var damaged = 0
  var gaps = 0
  var reported = 0
  var events: UInt64 = 0
  /// The hash of the run added last.
  var trace: UInt64 = 0

  init() {}

  init(_ report: ReliabilityReport) { add(report) }

  mutating func add(_ report: ReliabilityReport) {
    broadcasts += report.broadcasts
    expected += report.expected
    delivered += report.delivered
    duplicates += report.duplicates
    damaged += report.damaged
    gaps += report.gaps
    reported += report.reported
    events &+= report.events
    trace = report.trace
  }

  func write(to object: inout JSONWriter) {
    object.field("broadcasts", broadcasts)
    object.field("expected", expected)
    object.field("delivered", delivered)
    object.field("duplicates", duplicates)
    object.field("damaged", damaged)
    object.field("gaps", gaps)
    object.field("reported", reported)
    object.field("events", events)
  }
}

/// The trace of a run as it is printed.
func hexadecimal(_ number: UInt64) -> String {
  let digits = String(number, radix: 16)
  return String(repeating: "0", count: 16 - digits.count) + digits
}

/// How long repair took in some runs, for people.
func repairText(_ seconds: [Double]) -> String {
  guard let middle = median(seconds), let most = seconds.max() else { return "-" }
  return
    "median \(Fixed.text(middle, decimals: 1)), maximum \(Fixed.text(most, decimals: 1)), in simulated time "
    + "after the last fault"
}
