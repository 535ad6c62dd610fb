// libpittacus between two processes, beside another library with the same functions where there is one.
//
// `PITTACUS_ORIGINAL` names the file of that other library: the original, which is not built here. Runs take turns, so
// that what else the machine does meets both.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum PittacusProcesses {
  private static let runs = 9
  private static let seconds = "1"

  static func report(into report: inout Report) throws {
    report.title("libpittacus from C, two processes on the loopback, 64 bytes, 32 messages undelivered")
    guard let folder = PittacusBenchmark.libraryFolder else {
      throw BenchmarkError("libpittacus.so is missing: build it with `make lib`")
    }
    let program = folder + "../../.build/pittacus/rate"
    guard access(program, X_OK) == 0 else {
      throw BenchmarkError("\(program) is missing: build it with `make bench`")
    }
    let other = getenv("PITTACUS_ORIGINAL").map { String(cString: $0) }
    var own: [Run] = []
    var others: [Run] = []
    for _ in 0..<runs {
      own.append(try Run(program, folder + "libpittacus.so"))
      if let other { others.append(try Run(program, other)) }
    }
    report.add(
      Row(
        "pittacus.processes.rate", own.map(\.rate), "messages/s", reach: .atLeast(102_000),
        note: "the original on another run of such a machine: 67,000 to 102,000"))
    report.add(
      Row(
        "pittacus.processes.lost", own.map(\.lost), "messages", reach: .atMost(0), everyRun: true,
        note: "of all that were sent, with those that came twice"))
    report.add(
      Row("pittacus.processes.cpu", own.map(\.cpu), "ns/message", note: "of both processes together"))
    guard other != nil else { return }
    report.add(
      Row(
        "pittacus.processes.original", others.map(\.rate), "messages/s", note: "PITTACUS_ORIGINAL, in turn"))
    report.add(
      Row("pittacus.processes.originalCPU", others.map(\.cpu), "ns/message", note: "the same"))
    let note = "; range: of neighbouring runs"
    report.add(
      ratio(
        "pittacus.processes.ratio", own, others, \.rate, reach: .atLeast(2), note: "of the rates" + note))
    report.add(
      ratio("pittacus.processes.ratioCPU", own, others, \.cpu, note: "of the CPU times" + note))
  }

  /// The ratio of the medians, and the range of the ratios of runs that followed each other.
  private static func ratio(
    _ id: String, _ own: [Run], _ others: [Run], _ figure: KeyPath<Run, Double>,
    reach: Row.Reach = .none, note: String
  ) -> Row {
    let pairs = zip(own, others).map { $0[keyPath: figure] / $1[keyPath: figure] }
    var row = Row(id, pairs, "times", reach: reach, note: note)
    row.value = median(own, figure) / median(others, figure)
    return row
  }

  private static func median(_ runs: [Run], _ figure: KeyPath<Run, Double>) -> Double {
    let sorted = runs.map { $0[keyPath: figure] }.sorted()
    return sorted.isEmpty ? .nan : sorted[sorted.count / 2]
  }

  /// What `Benchmarks/pittacus/rate.c` said of one library.
  private struct Run {
    var rate: Double
    var lost: Double
    var cpu: Double

    init(_ program: String, _ library: String) throws {
      let line = try Child.lastLine(program, [library, PittacusProcesses.seconds])
      guard let rate = Fields.number("rate", in: line), let lost = Fields.number("lost", in: line),
        let repeated = Fields.number("repeated", in: line), let cpu = Fields.number("cpu", in: line)
      else { throw BenchmarkError("\(program) \(library) said: \(line)") }
      (self.rate, self.lost, self.cpu) = (rate, lost + repeated, cpu)
    }
  }
}
