// How fast tuples get to other processes: to a neighbour, along a chain, and to a newcomer.

import GrapevineCore

enum TupleRateBenchmark {
  private static let runs = 5

  static func report(into report: inout Report) throws {
    report.title("Tuples of 12 + 32 bytes between processes on this machine, published one by one")
    try chain(2, count: 250_000, id: "core.tuples.rate.neighbour", reach: 290_000, into: &report)
    try chain(5, count: 250_000, id: "core.tuples.rate.fourHops", reach: 170_000, into: &report)
  }

  static func newcomers(into report: inout Report) throws {
    report.title(
      "A newcomer to a member with 100,000 tuples of 12 + 32 bytes, both processes on this machine")
    try newcomer(early: false, "core.tuples.newcomer.afterWrites", into: &report)
    try newcomer(early: true, "core.tuples.newcomer.atRest", into: &report)
  }

  /// What a member said, as numbers.
  private struct Word {
    var line: String
    init?(_ child: Child, after prefix: String, seconds: Int = 60) {
      guard let rest = child.line(after: prefix, seconds: seconds) else { return nil }
      line = prefix + rest
    }

    func number(_ name: String) throws -> Double {
      guard let number = Fields.number(name, in: line) else { throw BenchmarkError("a member said \(line)") }
      return number
    }
  }

  /// Members of which each has joined through the one before; the last one publishes.
  private static func chain(
    _ members: Int, count: Int, id: String, reach: Double, into report: inout Report
  ) throws {
    var rates: [Double] = []
    var (publishing, taking): ([Double], [Double]) = ([], [])
    for _ in 0..<runs {
      var takers: [Child] = []
      var contact = "-"
      for _ in 1..<members {
        let child = try Child(System.executable, ["role-tuples-take", contact, "\(count)"])
        guard let address = child.line(after: "listening ", seconds: 10) else {
          throw BenchmarkError("a member did not start")
        }
        contact = address
        takers.append(child)
      }
      let publisher = try Child(System.executable, ["role-tuples-publish", contact, "\(count)"])
      guard let gave = Word(publisher, after: "published ") else {
        throw BenchmarkError("the publishing ended early")
      }
      var last = 0.0
      for (index, taker) in takers.enumerated() {
        guard let got = Word(taker, after: "has ") else {
          throw BenchmarkError("member \(index + 1) of \(members) did not get all tuples")
        }
        // Who founded is at the end of the chain; all others have a neighbour on either side.
        guard try got.number("neighbours") == (index == 0 ? 1 : 2), try gave.number("neighbours") == 1 else {
          throw BenchmarkError("the members are no chain")
        }
        last = max(last, try got.number("at"))
        taking.append(try got.number("cpu") / Double(count))
      }
      rates.append(Double(count) / (last - (try gave.number("began"))) * 1e9)
      publishing.append(try gave.number("cpu") / Double(count))
    }
    report.add(
      Row(
        id, rates, "tuples/s", reach: .atLeast(reach),
        note: "\(count) tuples, from the first publish to when the last of \(members) processes has all"))
    report.add(Row(id + ".publisherTime", publishing, "ns/tuple", note: "CPU, kernel included"))
    report.add(Row(id + ".takerTime", taking, "ns/tuple", note: "CPU of each other process"))
  }

  /// The time that a newcomer takes for all tuples that there are.
  private static func newcomer(early: Bool, _ id: String, into report: inout Report) throws {
    let count = 100_000
    var times: [Double] = []
    var (copies, stale) = (0.0, 0.0)
    for _ in 0..<7 {
      let holder = try Child(
        System.executable, ["role-tuples-hold", "\(count)", early ? "early" : "member"])
      guard let address = holder.line(after: "listening ", seconds: 30) else {
        throw BenchmarkError("the member with the tuples did not start")
      }
      let newcomer = try Child(System.executable, ["role-tuples-take", address, "\(count)"])
      guard let got = Word(newcomer, after: "has ") else {
        throw BenchmarkError("a newcomer did not get all tuples")
      }
      times.append(try got.number("elapsed") / 1e9)
      copies += try got.number("copies") / 7
      stale += try got.number("stale") / 7
    }
    let before = early ? "none broadcast before" : "all broadcast before, the latest still in the log"
    report.add(
      Row(
        id, times, "s", reach: .atMost(0.2),
        note: "from join() until all \(count) are there; \(before): on average "
          + "\(Row.text(copies)) came as broadcasts, \(Row.text(stale)) twice"))
  }
}
