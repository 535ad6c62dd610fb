// What streams carry beside UDP: which way suits whom is a question of ratios, so all are measured in turn in one run.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum StreamBenchmark {
  /// What carries datagrams.
  private enum Carrier: String, CaseIterable {
    case udp, tcp, unix
  }

  private typealias Outcomes = [Carrier: [FloodBenchmark.Outcome]]

  /// Two processes flood each other over each of the ways.
  static func rate(into report: inout Report) throws {
    report.title("Streams beside UDP: two processes, flood with back-pressure, in turn")
    try rate(size: 64, count: 2_000_000, into: &report)
    try rate(size: 1_200, count: 250_000, into: &report)
  }

  private static func rate(size: Int, count: Int, into report: inout Report) throws {
    var outcomes: Outcomes = [:]
    let all = Carrier.allCases
    for round in 0..<9 {
      // Each goes first as often, in case others take more and more of the machine, or less and less.
      for carrier in all.indices.map({ all[(round + $0) % all.count] }) {
        outcomes[carrier, default: []].append(try flood(carrier, size: size, count: count))
      }
    }
    let name = "streams.rate\(size)"
    for carrier in all {
      report.add(
        Row("\(name).\(carrier)", outcomes[carrier, default: []].map(\.messagesPerSecond), "messages/s"))
    }
    for (carrier, other) in [(Carrier.tcp, Carrier.udp), (.unix, .udp), (.unix, .tcp)] {
      let ratios = zip(outcomes[carrier, default: []], outcomes[other, default: []]).map {
        $0.messagesPerSecond / $1.messagesPerSecond
      }
      report.add(
        Row(
          "\(name).\(carrier)Of\(other.rawValue.uppercased())", ratios, "of \(other)",
          note: "each run beside one of the other"))
    }
    for carrier in all {
      let processor = outcomes[carrier, default: []].map { $0.senderNanoseconds + $0.receiverNanoseconds }
      report.add(
        Row("\(name).\(carrier).time", processor, "ns/message", note: "CPU of both, kernel included"))
    }
    for carrier in all { overhead(carrier, size, outcomes[carrier, default: []], name, into: &report) }
    for carrier in all {
      report.add(
        Row(
          "\(name).\(carrier).lost", outcomes[carrier, default: []].map(\.lost), "messages",
          reach: .atMost(0),
          everyRun: true))
    }
  }

  /// The bytes around a message that shares its datagram with as many others as there is room for.
  private static func overhead(
    _ carrier: Carrier, _ size: Int, _ outcomes: [FloodBenchmark.Outcome], _ name: String,
    into report: inout Report
  ) {
    // UDP and IPv4 have 28 bytes a datagram; a stream has the length of each, and TCP's headers as it cuts segments.
    let perDatagram = carrier == .udp ? 28.0 : 2.0
    let note =
      switch carrier {
      case .udp: "with the headers of UDP and IPv4, 28 bytes a datagram"
      case .tcp:
        "with 2 bytes a datagram; 52 a segment of TCP come on top, of up to 64 KiB here and 1,448 bytes on Ethernet"
      case .unix: "with 2 bytes a datagram; nothing comes on top"
      }
    report.add(
      Row(
        "\(name).\(carrier).overhead",
        outcomes.map { $0.bytesPerMessage + perDatagram * $0.datagramsPerMessage - Double(size) },
        "bytes/message",
        note: note))
  }

  private static func flood(_ carrier: Carrier, size: Int, count: Int) throws -> FloodBenchmark.Outcome {
    guard carrier == .unix else {
      return try FloodBenchmark.run(FloodSetup(count: count, size: size, carrier: carrier.rawValue))
    }
    let place = try SocketPlace()
    return try FloodBenchmark.run(FloodSetup(count: count, size: size, carrier: "unix:\(place.path)"))
  }

  /// Sixteen processes over each of the ways.
  static func cluster(into report: inout Report) throws {
    report.title("Streams beside UDP: 16 processes, 100 messages 10 ms apart (`grapevine demo`), in turn")
    var lines: [Carrier: [String]] = [:]
    for _ in 0..<5 {
      for carrier in Carrier.allCases {
        lines[carrier, default: []].append(
          try Child.lastLine(
            System.executableFolder + "grapevine",
            ["demo", "--nodes", "16", "--messages", "100", "--transport", carrier.rawValue, "--json"],
            seconds: 180))
      }
    }
    for carrier in Carrier.allCases {
      func values(_ name: String) -> [Double] {
        lines[carrier, default: []].map { Fields.number(name, in: $0) ?? .nan }
      }
      let name = "streams.cluster16.\(carrier)"
      let coverage = zip(values("delivered"), values("expected")).map { $0 / $1 }
      report.add(Row("\(name).coverage", coverage, "of expected", reach: .atLeast(1), everyRun: true))
      report.add(
        Row("\(name).duplicates", values("duplicates"), "deliveries", reach: .atMost(0), everyRun: true))
      report.add(
        Row("\(name).timeToAll", values("timeToAllMilliseconds"), "ms", note: "median over the messages"))
    }
  }
}

/// A directory for the sockets of one run, which goes with the value.
private final class SocketPlace {
  let path: String

  init() throws {
    var template = Array("/tmp/grapevine-bench-XXXXXX".utf8CString)
    let made = template.withUnsafeMutableBufferPointer { buffer in
      buffer.baseAddress.flatMap { mkdtemp($0) } != nil
    }
    guard made else { throw BenchmarkError("no directory for sockets can be made below /tmp") }
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  deinit { rmdir(path) }
}
