// What a tuple costs the core, without a kernel.

import CAllocations
import GrapevineCore
import GrapevineTransport

enum TupleCoreBenchmark {
  /// Tuples that are written over again and again.
  private static let keys = 10_000
  private static let writes = 1_000_000

  private struct Outcome {
    var publish: Double
    var accept: Double
    var way: Double
    var allocations: Double
  }

  static func report(into report: inout Report) throws {
    report.title("Tuples of 12 + 32 bytes in two cores of one process, no system calls")
    let over = try (0..<5).map { _ in try write(over: keys) }
    let new = try (0..<5).map { _ in try write(over: writes) }
    report.add(
      Row(
        "core.tuples.core.allocations", over.map(\.allocations), "per datagram", reach: .atMost(0),
        everyRun: true, note: "both cores, \(writes) writes over \(keys) keys after as many before"))
    for (name, runs, note) in [
      ("over", over, "\(keys) keys written over and over"), ("new", new, "each key new, \(writes) of them"),
    ] {
      let id = "core.tuples.core.\(name)."
      report.add(
        Row(id + "publish", runs.map(\.publish), "ns", note: "date, check, broadcast, enter; \(note)"))
      report.add(
        Row(id + "accept", runs.map(\.accept), "ns", note: "decode, deduplicate, log, enter; \(note)"))
      report.add(Row(id + "way", runs.map(\.way), "ns", note: "both, and frames, acknowledgements, digests"))
    }
    report.add(
      Row(
        "core.tuples.core.lookup", try (0..<5).map { _ in try lookup() }, "ns",
        note: "a tuple by its key, of 100,000 in random order, its bytes copied out"))
  }

  /// Writes tuples on one core until the other has them.
  private static func write(over keys: Int) throws -> Outcome {
    var configuration = Configuration()
    configuration.membership = nil
    configuration.tuples?.capacity = 1 << 21
    configuration.tuples?.bytes = 256 << 20
    let pair = try TuplePair(configuration, delay: 100_000)
    pair.join()
    for _ in 0..<1_000 where !pair.isLinked { pair.step() }
    let samples = (0..<keys).map { (key: TupleSample.key($0), value: TupleSample.value($0)) }
    if keys < writes { _ = try write(samples, count: writes, pair) }
    let before = (ca_allocations(), pair.first.counters.datagramsSent, pair.second.counters.datagramsSent)
    let received = pair.receiving
    let start = MonotonicClock.now()
    let publishing = try write(samples, count: writes, pair)
    let elapsed = MonotonicClock.now().since(start)
    let allocations = ca_allocations() - before.0
    let datagrams =
      pair.first.counters.datagramsSent - before.1 + pair.second.counters.datagramsSent - before.2
    let all = Double(writes)
    return Outcome(
      publish: Double(publishing) / all, accept: Double(pair.receiving - received) / all,
      way: Double(elapsed) / all, allocations: Double(allocations) / Double(datagrams))
  }

  /// Returns the nanoseconds that publishing took by itself.
  private static func write(
    _ samples: [(key: [UInt8], value: [UInt8])], count: Int, _ pair: TuplePair
  ) throws -> UInt64 {
    let goal = pair.second.counters.tuplesAccepted + UInt64(count)
    var sent = 0
    var idle = 0
    var publishing: UInt64 = 0
    while pair.second.counters.tuplesAccepted < goal, idle < 100_000 {
      let before = pair.second.counters.tuplesAccepted
      let start = MonotonicClock.now()
      burst: for _ in 0..<min(512, count - sent) {
        let sample = samples[sent % samples.count]
        do throws(TupleError) {
          try pair.publish(sample.key, sample.value, onFirst: true)
        } catch .wouldBlock {
          break burst
        } catch {
          throw BenchmarkError("a tuple was not written: \(error)")
        }
        sent += 1
      }
      publishing += MonotonicClock.now().since(start)
      pair.step()
      idle = pair.second.counters.tuplesAccepted == before ? idle + 1 : 0
    }
    guard pair.second.counters.tuplesAccepted == goal else { throw BenchmarkError("tuples did not arrive") }
    return publishing
  }

  private static func lookup() throws -> Double {
    let count = 100_000
    let pair = try TuplePair(Configuration(), delay: 100_000)
    for number in 0..<count {
      try pair.publish(TupleSample.key(number), TupleSample.value(number), onFirst: true)
    }
    var generator = Generator(seed: 3)
    let keys = (0..<count).map { _ in TupleSample.key(generator.below(count)) }
    var found = 0
    let start = MonotonicClock.now()
    for key in keys {
      found += key.withUnsafeBytes { pair.first.tuple(at: $0)?.value.count ?? 0 }
    }
    let elapsed = MonotonicClock.now().since(start)
    guard found == count * TupleSample.valueLength else { throw BenchmarkError("a tuple was not found") }
    return Double(elapsed) / Double(count)
  }
}
