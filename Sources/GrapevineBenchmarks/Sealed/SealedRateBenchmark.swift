// What sealing leaves of the throughput between two processes, and what it adds to a message.

import Grapevine
import GrapevineCore
import GrapevineSecurity
import GrapevineTransport

enum SealedRateBenchmark {
  static func report(into report: inout Report) throws {
    report.title("Sealed against plain: two processes, flood with back-pressure, in turn")
    let keys = try BenchmarkKeys()
    let file = try keys.draw("keys").file
    try rate(size: 64, count: 2_000_000, file, into: &report)
    try rate(size: 1_200, count: 250_000, file, into: &report)
    try overhead(file, into: &report)
  }

  private static func rate(size: Int, count: Int, _ file: String, into report: inout Report) throws {
    var plain: [FloodBenchmark.Outcome] = []
    var sealed: [FloodBenchmark.Outcome] = []
    for round in 0..<11 {
      // Each of both goes first as often, in case others take more and more of the machine, or less and less.
      for isSealed in round % 2 == 0 ? [false, true] : [true, false] {
        let outcome = try FloodBenchmark.run(
          FloodSetup(count: count, size: size, keys: isSealed ? file : nil))
        if isSealed { sealed.append(outcome) } else { plain.append(outcome) }
      }
    }
    let name = "sealed.rate\(size)"
    report.add(Row("\(name).plain", plain.map(\.messagesPerSecond), "messages/s"))
    report.add(Row("\(name).sealed", sealed.map(\.messagesPerSecond), "messages/s"))
    report.add(
      Row(
        "\(name).ofPlain", zip(sealed, plain).map { $0.messagesPerSecond / $1.messagesPerSecond }, "of plain",
        reach: .atLeast(0.7), note: "each run beside a plain one"))
    let processor = zip(plain, sealed).map {
      ($0.senderNanoseconds + $0.receiverNanoseconds) / ($1.senderNanoseconds + $1.receiverNanoseconds)
    }
    report.add(
      Row(
        "\(name).processor", processor, "of sealed",
        note: "what both plain processes take of a processor for a message, of what both sealed ones take"))
    report.add(
      Row(
        "\(name).allocations", sealed.map(\.allocationsPerDatagram), "per datagram", reach: .atMost(0.02),
        note: "both sealed processes whole; sealing and opening allocate nothing"))
    report.add(
      Row("\(name).lost", sealed.map(\.lost), "messages", reach: .atMost(0), everyRun: true))
  }

  /// The bytes around one small message in a datagram of its own, on the wire.
  private static func overhead(_ file: String, into report: inout Report) throws {
    let plain = try alone(nil)
    let sealed = try alone(ClusterKeys(file: file))
    report.add(
      Row(
        "sealed.overhead.plain", [plain + 8], "bytes", reach: .atMost(20),
        note: "passed on; from its origin 8 less: frame 7, head of messages and of this one \(Int(plain) - 7)"
      ))
    report.add(
      Row(
        "sealed.overhead.sealed", [sealed + 8], "bytes", reach: .atMost(50),
        note: "the same, sealed: kind 1, key 1, sender 8, counter \(Int(sealed - plain) - 26), tag 16 more"))
    report.add(
      Row(
        "sealed.overhead.longest", [plain + 8 + Double(SealedFrame.overhead)], "bytes", reach: .atMost(50),
        note: "with a counter of 4 bytes, from the sender's datagram 16,777,216 on"))
  }

  private static func alone(_ keys: ClusterKeys?) throws -> Double {
    let network = MemoryNetwork()
    let transports = try (0..<2).map { _ -> any DatagramTransport in
      let transport = try network.bind()
      return try keys?.wrap(transport) ?? transport
    }
    var configuration = Configuration()
    configuration.membership = nil
    configuration.tuples = nil
    let nodes = try transports.map { try DrivenNode(transport: $0, configuration: configuration) }
    nodes[0].join([])
    nodes[1].join([nodes[0].localEndpoint])
    let payload = [UInt8](repeating: 7, count: 64)
    var shortest = Int.max
    for _ in 0..<400_000 where shortest > 1_000 || nodes[1].counters.deliveries < 900 {
      for node in nodes {
        node.receive()
        node.tick()
        node.send()
      }
      guard nodes[0].lifecycle == .connected, nodes[0].neighbourCount == 1, nodes[1].neighbourCount == 1
      else {
        continue
      }
      let before = nodes[0].transportCounters
      try payload.withUnsafeBytes { _ = try nodes[0].broadcast($0) }
      nodes[0].send()
      let after = nodes[0].transportCounters
      guard after.datagramsSent - before.datagramsSent == 1 else { continue }
      if nodes[1].counters.deliveries > 300 { shortest = min(shortest, after.bytesSent - before.bytesSent) }
    }
    guard shortest < 1_000 else { throw BenchmarkError("no message travelled alone") }
    return Double(shortest - payload.count)
  }
}
