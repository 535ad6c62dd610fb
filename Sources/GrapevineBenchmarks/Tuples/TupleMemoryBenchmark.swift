// What tuples weigh.

import GrapevineCore

enum TupleMemoryBenchmark {
  static func report(into report: inout Report) throws {
    report.title("Memory of 100,000 tuples of 12 + 32 bytes, beyond that of a process whose node has one")
    let count = 100_000
    var (alone, member, newcomer): ([Double], [Double], [Double]) = ([], [], [])
    for _ in 0..<3 {
      alone.append(try weigh(count, "alone"))
      member.append(try weigh(count, "-"))
      let holder = try Child(System.executable, ["role-tuples-hold", "\(count)", "early"])
      guard let address = holder.line(after: "listening ", seconds: 30) else {
        throw BenchmarkError("the member with the tuples did not start")
      }
      newcomer.append(try weigh(count, address))
    }
    report.add(
      Row(
        "core.tuples.memory.alone", alone, "bytes/tuple", reach: .atMost(120),
        note: "resident, published before joining"))
    report.add(
      Row(
        "core.tuples.memory.newcomer", newcomer, "bytes/tuple",
        note: "resident, taken from a neighbour; with what a link and a list of members take"))
    report.add(
      Row(
        "core.tuples.memory.founder", member, "bytes/tuple",
        note: "resident, broadcast; with the log of broadcasts, of 4 MiB and 32,768 messages at most"))
  }

  private static func weigh(_ count: Int, _ how: String) throws -> Double {
    let line = try Child.lastLine(System.executable, ["role-tuples-weigh", "\(count)", how])
    guard let weight = Fields.number("weighs", in: line) else {
      throw BenchmarkError("weighing said \(line)")
    }
    return weight
  }
}
