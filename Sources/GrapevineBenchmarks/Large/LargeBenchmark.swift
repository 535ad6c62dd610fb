// A large message to 16 processes, beside a plain C copy through a tree of as many processes in the same run.

import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum LargeBenchmark {
  private static let processes = 16

  /// What one message took.
  private struct Outcome {
    var seconds: Double
    /// Processes that got it, of those that should.
    var complete: Double
    /// Bytes received for each byte of the message: the mean over the processes, and the most.
    var received: Double
    var mostReceived: Double
    var wasted: Double
    var cpuSeconds: Double
    var drops: Double
    /// The children of each process, the origin first.
    var children: [Int]
  }

  static func report(into report: inout Report) throws {
    report.title("A large message to 16 processes on loopback; a plain C relay tree runs in between")
    try measure(1 << 20, name: "large.mib1", runs: 5, into: &report)
    try measure(64 << 20, name: "large.mib64", runs: 3, into: &report)
  }

  private static func measure(_ bytes: Int, name: String, runs: Int, into report: inout Report) throws {
    var ours: [Outcome] = []
    var floors: [(seconds: Double, cpu: Double)] = []
    for _ in 0..<runs {
      let outcome = try run(bytes)
      ours.append(outcome)
      floors.append(try floor(bytes, children: outcome.children))
    }
    report.add(
      Row("\(name).complete", ours.map(\.complete), "of processes", reach: .atLeast(1), everyRun: true))
    report.add(
      Row(
        "\(name).received", ours.map(\.received), "bytes/byte", reach: .atMost(1.15),
        note: "of datagrams, heads, membership and all, mean of the processes"))
    report.add(Row("\(name).mostReceived", ours.map(\.mostReceived), "bytes/byte", note: "the worst process"))
    report.add(
      Row("\(name).wasted", ours.map(\.wasted), "fragments/fragment", note: "that were there or not wanted"))
    report.add(
      Row("\(name).time", ours.map { $0.seconds * 1e3 }, "ms", note: "broadcast to the last delivery"))
    report.add(
      Row(
        "\(name).floor", floors.map { $0.seconds * 1e3 }, "ms",
        note:
          "C: each relay forwards as it receives, windows from child to parent, nothing checked or repaired, "
          + "no segment offload, which ours uses"
      ))
    report.add(
      Row(
        "\(name).ofFloor", zip(ours, floors).map { $0.seconds / $1.seconds }, "x the C relay",
        reach: .atMost(2), note: "a tree with as many children at each process, filled level by level"))
    report.add(Row("\(name).cpu", ours.map(\.cpuSeconds), "s", note: "of all processes"))
    report.add(Row("\(name).floorCPU", floors.map(\.cpu), "s", note: "of all processes"))
    report.add(Row("\(name).drops", ours.map(\.drops), "datagrams", note: "lost to full receive buffers"))
  }

  private static func floor(_ bytes: Int, children: [Int]) throws -> (seconds: Double, cpu: Double) {
    guard let folder = System.floorFolder else {
      throw BenchmarkError("the C programs are missing: build them with `make -C Benchmarks/floor`")
    }
    let parents = parents(children).map(String.init).joined(separator: ",")
    let line = try Child.lastLine(folder + "relay", ["--bytes", "\(bytes)", "--parents", parents])
    guard let seconds = Fields.number("seconds", in: line), let cpu = Fields.number("cpuSeconds", in: line)
    else { throw BenchmarkError("relay: \(line)") }
    return (seconds, cpu)
  }

  /// The parents of processes 1, 2, ... in a tree with these numbers of children, the greatest first behind the
  /// origin, so that it is as flat as it can be.
  private static func parents(_ children: [Int]) -> [Int] {
    let order = [max(1, children[0])] + children.dropFirst().sorted(by: >)
    var parents: [Int] = []
    for (process, count) in order.enumerated() {
      for _ in 0..<count where parents.count < children.count - 1 { parents.append(process) }
      // Rounding may have lost a child.
      if parents.count == process, parents.count < children.count - 1 { parents.append(process) }
    }
    while parents.count < children.count - 1 { parents.append(parents.count) }
    return parents
  }

  private static func run(_ bytes: Int) throws -> Outcome {
    let origin = try Child(System.executable, ["role-large"])
    guard let address = origin.line(after: "listening ", seconds: 10) else {
      throw BenchmarkError("the first process did not start")
    }
    var others: [Child] = []
    for _ in 1..<processes { others.append(try Child(System.executable, ["role-large", address])) }
    for child in others {
      guard child.line(after: "listening ", seconds: 30) != nil else {
        throw BenchmarkError("a process did not join")
      }
    }
    // The first message shapes the tree.
    try origin.say("shape")
    for child in others {
      guard child.line(after: "shaped", seconds: 30) != nil else {
        throw BenchmarkError("a process did not hear a small message")
      }
    }
    settle(seconds: 2)
    let all = [origin] + others
    let before = try all.map { try statistics($0) }
    try origin.say("send \(bytes)")
    guard let begin = origin.line(after: "started ", seconds: 30).flatMap({ UInt64($0) }) else {
      throw BenchmarkError("the message was not sent")
    }
    var last = begin
    var complete = 0
    for child in others {
      guard let line = child.line(after: "got ", seconds: 120),
        let at = line.split(separator: " ").first.flatMap({ UInt64($0) })
      else { continue }
      last = max(last, at)
      if Fields.number("bytes", in: line) == Double(bytes), Fields.number("intact", in: line) == 1 {
        complete += 1
      }
    }
    settle(seconds: 0.5)
    let after = try all.map { try statistics($0) }
    return outcome(bytes, seconds: Double(last - begin) / 1e9, complete: complete, before, after)
  }

  private static func outcome(
    _ bytes: Int, seconds: Double, complete: Int, _ before: [String], _ after: [String]
  ) -> Outcome {
    func differences(_ name: String) -> [Double] {
      zip(before, after).map {
        (Fields.number(name, in: $1) ?? .nan) - (Fields.number(name, in: $0) ?? .nan)
      }
    }
    let received = differences("bytes").dropFirst().map { $0 / Double(bytes) }
    let fragments = (Double(bytes) / 1_136).rounded(.up)
    let children = zip(differences("pushed"), differences("repaired")).map {
      Int((($0 - $1) / fragments).rounded())
    }
    return Outcome(
      seconds: seconds, complete: Double(complete) / Double(processes - 1),
      received: received.reduce(0, +) / Double(received.count), mostReceived: received.max() ?? .nan,
      wasted: differences("wasted").reduce(0, +) / fragments / Double(processes - 1),
      cpuSeconds: differences("cpu").reduce(0, +) / 1e9, drops: differences("drops").reduce(0, +),
      children: children)
  }

  private static func statistics(_ child: Child) throws -> String {
    try child.say("statistics")
    guard let line = child.line(after: "statistics ", seconds: 30) else {
      throw BenchmarkError("a process ended")
    }
    return line
  }

  /// Lets what is under way come to an end.
  private static func settle(seconds: Double) {
    poll(nil, 0, Int32(seconds * 1_000))
  }
}
