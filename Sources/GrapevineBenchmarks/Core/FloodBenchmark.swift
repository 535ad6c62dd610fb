// How many messages a second two processes exchange with nothing lost, beside a plain C loop in the same run.

import GrapevineCore

enum FloodBenchmark {
  struct Outcome {
    var messagesPerSecond: Double
    var datagramsPerSecond: Double
    var lost: Double
    var duplicates: Double
    var allocationsPerDatagram: Double
    var senderNanoseconds: Double
    var receiverNanoseconds: Double
    /// What the sender handed to its transport for a message, and datagrams for it.
    var bytesPerMessage: Double
    var datagramsPerMessage: Double
  }

  static func run(_ setup: FloodSetup) throws -> Outcome {
    let receiver = try Child(System.executable, ["role-flood-receive"] + setup.words)
    guard let address = receiver.line(after: "listening ", seconds: 10) else {
      throw BenchmarkError("the receiving process did not start")
    }
    let sender = try Child(System.executable, ["role-flood-send", address] + setup.words)
    guard let got = receiver.line(after: "received ", seconds: 120),
      let gave = sender.line(after: "sent ", seconds: 30)
    else { throw BenchmarkError("a flood did not end") }
    receiver.wait()
    sender.wait()
    let received = "received " + got
    guard let count = Fields.number("received", in: received),
      let elapsed = Fields.number("elapsed", in: received),
      let datagrams = Fields.number("datagrams", in: received),
      let intact = Fields.number("intact", in: received),
      let duplicates = Fields.number("duplicates", in: received),
      let steady = Fields.number("steadyDatagrams", in: received),
      let allocations = Fields.number("allocations", in: received),
      let senderAllocations = Fields.number("allocations", in: gave),
      let receiverCPU = Fields.number("cpu", in: received), let senderCPU = Fields.number("cpu", in: gave),
      let bytes = Fields.number("bytes", in: gave), let sent = Fields.number("datagrams", in: gave)
    else { throw BenchmarkError("a flood printed \(received)") }
    return Outcome(
      messagesPerSecond: count / elapsed * 1e9, datagramsPerSecond: datagrams / elapsed * 1e9,
      lost: Double(setup.count) - count + (intact == 1 ? 0 : 1), duplicates: duplicates,
      allocationsPerDatagram: allocations / max(1, steady) + senderAllocations / datagrams,
      senderNanoseconds: senderCPU / count,
      receiverNanoseconds: receiverCPU / count, bytesPerMessage: bytes / count,
      datagramsPerMessage: sent / count)
  }

  /// The plain C loop: datagrams a second, and processor time of both its ends for one of them.
  static func floor(size: Int, segments: Bool) throws -> (rate: Double, nanoseconds: Double) {
    guard let folder = System.floorFolder else {
      throw BenchmarkError("the C programs are missing: build them with `make -C Benchmarks/floor`")
    }
    let line = try Child.lastLine(
      folder + "flood", ["--size", "\(size)", "--seconds", "1"] + (segments ? ["--segment"] : []))
    guard let rate = Fields.number("datagramsPerSecond", in: line),
      let seconds = Fields.number("seconds", in: line),
      let sender = Fields.number("cpuSecondsSender", in: line),
      let receiver = Fields.number("cpuSecondsReceiver", in: line)
    else { throw BenchmarkError("flood: \(line)") }
    return (rate, (sender + receiver) / seconds / rate * 1e9)
  }

  static func report(into report: inout Report) throws {
    report.title("Two processes, flood with back-pressure, nothing lost; the C loop runs in between")
    try packed(size: 64, count: 5_000_000, into: &report)
    try packed(size: 480, count: 1_000_000, into: &report)
    try packed(size: 1_200, count: 400_000, into: &report)
    try single(into: &report)
  }

  private static func packed(size: Int, count: Int, into report: inout Report) throws {
    var ours: [Outcome] = []
    var pool: [Double] = []
    var floors: [(rate: Double, nanoseconds: Double)] = []
    for _ in 0..<5 {
      ours.append(try run(FloodSetup(count: count, size: size)))
      floors.append(try floor(size: 1_200, segments: true))
      if size == 64 {
        pool.append(try run(FloodSetup(count: count, size: size, onLoop: false)).messagesPerSecond)
      }
    }
    let name = "core.flood\(size)"
    report.add(
      Row(
        "\(name).messages", ours.map(\.messagesPerSecond), "messages/s",
        reach: size == 64 ? .atLeast(5_000_000) : .none,
        note: "through the public sequence, on the node's executor"))
    if size == 64 {
      report.add(
        Row("\(name).messagesOnPool", pool, "messages/s", note: "the same, tasks on the global pool"))
      breakdown(name, ours, floors, into: &report)
    }
    report.add(
      Row(
        "\(name).allocations", ours.map(\.allocationsPerDatagram), "per datagram",
        note: "both processes whole, with the tasks that broadcast and read; core and transport alone: below")
    )
    report.add(Row("\(name).datagrams", ours.map(\.datagramsPerSecond), "datagrams/s"))
    report.add(
      Row(
        "\(name).floor", floors.map(\.rate), "datagrams/s",
        note: "C loop, 1,200 bytes, the same segment offload"))
    report.add(
      Row(
        "\(name).ofFloor", zip(ours, floors).map { $0.datagramsPerSecond / $1.rate }, "of the C loop",
        note: "datagrams against datagrams; ours decode, deduplicate, log and deliver"))
    report.add(Row("\(name).lost", ours.map(\.lost), "messages", reach: .atMost(0), everyRun: true))
    report.add(Row("\(name).duplicates", ours.map(\.duplicates), "copies received twice"))
  }

  /// Where the time of a message goes, in processor time of both processes.
  private static func breakdown(
    _ name: String, _ ours: [Outcome], _ floors: [(rate: Double, nanoseconds: Double)],
    into report: inout Report
  ) {
    let both = ours.map { $0.senderNanoseconds + $0.receiverNanoseconds }
    let perDatagram = ours.map { $0.messagesPerSecond / $0.datagramsPerSecond }
    let kernel = zip(floors, perDatagram).map { $0.nanoseconds / $1 }
    report.add(
      Row("\(name).senderTime", ours.map(\.senderNanoseconds), "ns/message", note: "CPU, kernel included"))
    report.add(
      Row("\(name).receiverTime", ours.map(\.receiverNanoseconds), "ns/message", note: "CPU, kernel included")
    )
    report.add(Row("\(name).perDatagram", perDatagram, "messages", note: "in one datagram"))
    report.add(
      Row(
        "\(name).kernelTime", kernel, "ns/message",
        note: "of both, what the C loop takes for a datagram, shared by its messages"))
    report.add(
      Row(
        "\(name).ownTime", zip(both, kernel).map { $0 - $1 }, "ns/message",
        note: "of both, the rest: staging, core (core.path.message64), hand-over, the application's loops"))
  }

  private static func single(into report: inout Report) throws {
    var ours: [Outcome] = []
    var floors: [(rate: Double, nanoseconds: Double)] = []
    for _ in 0..<5 {
      ours.append(try run(FloodSetup(count: 400_000, size: 64, packing: false, segments: false)))
      floors.append(try floor(size: 64, segments: false))
    }
    report.add(
      Row(
        "core.single.ofFloor", zip(ours, floors).map { $0.datagramsPerSecond / $1.rate }, "of the C loop",
        reach: .atLeast(0.8), note: "one 64-byte message a datagram, the same system calls"))
    report.add(Row("core.single.datagrams", ours.map(\.datagramsPerSecond), "datagrams/s"))
    report.add(Row("core.single.floor", floors.map(\.rate), "datagrams/s"))
    report.add(Row("core.single.lost", ours.map(\.lost), "messages", reach: .atMost(0), everyRun: true))
  }
}
