// What it takes two nodes to find and exchange what their maps differ in.

import GrapevineCore
import GrapevineTransport

enum TupleCompareBenchmark {
  private static let tuples = 1_000_000
  /// A datagram is on its way for so long.
  private static let delay: Nanoseconds = 5_000_000

  private struct Outcome {
    var symbols: [Double] = []
    var bytes: [Double] = []
    var processor: [Double] = []
    var roundTrips: [Double] = []
  }

  static func report(into report: inout Report) throws {
    report.title("Two nodes with 1,000,000 tuples of 12 + 32 bytes each that join and differ in some")
    var configuration = Configuration()
    configuration.tuples?.capacity = 1 << 21
    configuration.tuples?.bytes = 256 << 20
    configuration.tuples?.symbolLimit = 1 << 18
    let pair = try TuplePair(configuration, delay: delay)
    let writer = MemberID(3)
    for number in 0..<tuples {
      let clock = TupleClock(bits: (TuplePair.epoch - 3_600_000) << 16 + UInt64(number))
      let tuple = Tuple(
        key: TupleSample.key(number), value: TupleSample.value(number),
        version: TupleVersion(clock: clock, writer: writer))
      guard pair.recall(tuple) else { throw BenchmarkError("a tuple was refused") }
    }
    // Also shows that equal maps cost next to nothing.
    var next = tuples
    for differences in [0, 1, 16, 64, 1_000, 10_000] {
      var outcome = Outcome()
      for _ in 0..<(differences < 1_000 ? 7 : 5) { try run(differences, &next, pair, &outcome) }
      add(outcome, differences, to: &report)
    }
  }

  /// Has both join with so many tuples that only one of them has, until both have all, and part again.
  private static func run(
    _ differences: Int, _ next: inout Int, _ pair: TuplePair, _ outcome: inout Outcome
  ) throws {
    for index in 0..<differences {
      do throws(TupleError) {
        try pair.publish(TupleSample.key(next), TupleSample.value(next), onFirst: index % 2 == 0)
      } catch {
        throw BenchmarkError("a tuple was not written: \(error)")
      }
      next += 1
    }
    let before = (pair.first.counters, pair.second.counters)
    let (start, started) = (System.cpuNanoseconds, pair.now)
    pair.join()
    for _ in 0..<20_000 where !pair.isLinked || !pair.isEqual { pair.step() }
    guard pair.isLinked, pair.isEqual else { throw BenchmarkError("the maps did not become equal") }
    // Equal maps are known to be equal when both have said so.
    if differences == 0 { for _ in 0..<10 { pair.step() } }
    let all = Double(max(1, differences))
    outcome.processor.append(Double(System.cpuNanoseconds - start) / 1e6)
    outcome.roundTrips.append(Double(pair.now.since(started)) / Double(2 * delay))
    let after = (pair.first.counters, pair.second.counters)
    let symbols =
      after.0.symbolsReceived + after.1.symbolsReceived - before.0.symbolsReceived - before.1.symbolsReceived
    outcome.symbols.append(Double(symbols) / all)
    let bytes = after.0.bytesSent + after.1.bytesSent - before.0.bytesSent - before.1.bytesSent
    outcome.bytes.append(Double(bytes) / all)
    guard after.0.tupleStreams == 0, after.1.tupleStreams == 0 else {
      throw BenchmarkError("a whole map was sent")
    }
    for _ in 0..<400 { pair.step() }
    pair.part()
  }

  private static func add(_ outcome: Outcome, _ differences: Int, to report: inout Report) {
    let id = "core.tuples.compare.d\(differences)."
    let each = differences == 0 ? "in all" : "per difference"
    if differences > 0 {
      report.add(
        Row(
          id + "symbols", outcome.symbols, each, reach: differences < 1_000 ? .none : .atMost(1.45),
          note: "received by who led; 1.35 are needed, and a quarter more is asked for at a time"))
    }
    report.add(
      Row(
        id + "bytes", outcome.bytes, differences == 0 ? "bytes in all" : "bytes each",
        note: "sent by both, \(each): handshake, list of members, comparison, and the tuples themselves"))
    report.add(
      Row(id + "processor", outcome.processor, "ms", note: "of both, from join() until the maps are equal"))
    report.add(
      Row(
        id + "roundTrips", outcome.roundTrips, "round trips",
        note: "of \(2 * delay / 1_000_000) ms, from join() until the maps are equal, the handshake among them"
      ))
  }
}
