// What the core itself costs, without a kernel.

import CAllocations
import Grapevine
import GrapevineCore
import GrapevineTransport

enum CodecBenchmark {
  static func report(into report: inout Report) throws {
    report.title("Encoding and decoding, one process, no system calls")
    report.add(
      Row(
        "core.codec.message64", (0..<9).map { _ in codec() }, "ns", reach: .atMost(20),
        note: "head and 64-byte payload of one message, written and read"))
    let paths = try (0..<5).map { _ in try path() }
    report.add(
      Row(
        "core.path.message64", paths.map(\.nanoseconds), "ns",
        note: "broadcast, log, frame, checksum; checksum, decode, deduplicate, log, deliver"))
    report.add(
      Row(
        "core.path.lone", try (0..<5).map { _ in try lone() }, "ns",
        note: "one message in a datagram of its own, both nodes stepped as by a driver"))
    report.add(
      Row(
        "core.path.allocations", paths.map(\.allocations), "per datagram", reach: .atMost(0), everyRun: true,
        note: "core alone"))
    report.add(
      Row(
        "core.members.allocations", try (0..<3).map { _ in try idle() }, "per probe", reach: .atMost(0),
        everyRun: true, note: "two idle members that probe each other"))
    let overhead = try overhead()
    report.add(
      Row(
        "core.overhead.own", [overhead.own], "bytes", reach: .atMost(20),
        note: "a datagram with one 64-byte message less the payload, from its origin, number 1,000"))
    report.add(
      Row(
        "core.overhead.forwarded", [overhead.own + 8], "bytes", reach: .atMost(20),
        note: "passed on: 8 bytes of origin more; 21 in all from number 2,097,152 on"))
    report.add(
      Row(
        "core.overhead.lone", [overhead.lone], "bytes",
        note:
          "all that one lone message costs on an idle link but its payload: digests and acknowledgements too")
    )
  }

  /// One message written into a datagram and read from it, in nanoseconds.
  private static func codec() -> Double {
    let rounds = 2_000_000
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 1_200, alignment: 16)
    let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
    payload.initializeMemory(as: UInt8.self, repeating: 7)
    defer {
      memory.deallocate()
      payload.deallocate()
    }
    var sum: UInt64 = 0
    let start = MonotonicClock.now()
    for round in 0..<rounds {
      let length = GossipCodec.encode(
        origin: 0x1234_5678_9abc_def0, sequence: UInt64(round & 0xffff) + 1, hops: 3,
        payload: UnsafeRawBufferPointer(payload), into: memory)
      let bytes = UnsafeRawBufferPointer(rebasing: memory[0..<length])
      guard let message = GossipCodec.decode(bytes.bytes) else { return .nan }
      sum &+= message.sequence &+ UInt64(message.payload.count)
    }
    let elapsed = MonotonicClock.now().since(start)
    return sum > 0 ? Double(elapsed) / Double(rounds) : .nan
  }

  /// The whole way of a message through two cores, and what was allocated on it.
  private static func path() throws -> (nanoseconds: Double, allocations: Double) {
    let pair = try CorePair()
    let payload = [UInt8](repeating: 7, count: 64)
    try pair.broadcast(payload, count: 200_000)
    let before = (ca_allocations(), pair.datagrams)
    let start = MonotonicClock.now()
    let count = 2_000_000
    try pair.broadcast(payload, count: count)
    let elapsed = MonotonicClock.now().since(start)
    let allocations = Double(ca_allocations() - before.0) / Double(pair.datagrams - before.1)
    guard pair.delivered == 200_000 + count else { throw BenchmarkError("the core lost messages") }
    return (Double(elapsed) / Double(count), allocations)
  }

  /// What two idle members allocate for each probe.
  private static func idle() throws -> Double {
    let pair = try CorePair(listsMembers: true)
    pair.idle(milliseconds: 30_000)
    let before = (ca_allocations(), pair.probes)
    pair.idle(milliseconds: 300_000)
    let allocations = Double(ca_allocations() - before.0)
    guard pair.probes > before.1 else { throw BenchmarkError("nobody was probed") }
    return allocations / Double(pair.probes - before.1)
  }

  /// One message alone, there and acknowledged in time: what the core adds to a message that is not part of
  /// a flood.
  private static func lone() throws -> Double {
    let pair = try CorePair()
    let payload = [UInt8](repeating: 7, count: 64)
    try pair.broadcast(payload, count: 1_000)
    let rounds = 200_000
    let start = MonotonicClock.now()
    for _ in 0..<rounds { try pair.broadcast(payload, count: 1) }
    return Double(MonotonicClock.now().since(start)) / Double(rounds)
  }

  /// The bytes besides the payload: of the datagram with the message, and of all datagrams that it causes.
  private static func overhead() throws -> (own: Double, lone: Double) {
    let pair = try CorePair()
    let payload = [UInt8](repeating: 7, count: 64)
    for _ in 0..<999 { try pair.broadcast(payload, count: 1) }
    pair.idle(milliseconds: 3_000)
    pair.forgetLengths()
    let before = pair.bytes
    try pair.broadcast(payload, count: 1)
    let own = pair.longest - payload.count
    // Long enough for what the message causes, too short for a keepalive, which any traffic puts off.
    pair.idle(milliseconds: 400)
    return (Double(own), Double(pair.bytes - before - payload.count))
  }
}
