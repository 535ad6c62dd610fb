// What a peer of Pittacus costs: its codec, its engine, and libpittacus over the loopback.
//
// The original's figures are recorded ones, of its build with -O2 on the machine that the wire was recorded on; it is
// not built here. PittacusProcesses.swift measures a library file of it, if it is given one.

import CAllocations
import CPittacus
import GrapevineCore
import GrapevineDialect
import GrapevineTransport
import Pittacus
import PittacusC

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum PittacusBenchmark {
  static func codec(into report: inout Report) throws {
    report.title("Pittacus' wire, one process, no system calls")
    report.add(
      Row(
        "pittacus.codec.data64", (0..<9).map { _ in codecRun() }, "ns", reach: .atMost(19),
        note: "DATA with 64 bytes, written and read"))
  }

  static func spread(into report: inout Report) throws {
    report.title("Messages among peers of Pittacus, in virtual time")
    let one = try PittacusCluster.oneSender(loss: 0)
    report.add(
      Row(
        "pittacus.spread.coverage", [one.coverage], "of all", reach: .atLeast(1),
        note: "64 peers, 100 messages"))
    report.add(
      Row(
        "pittacus.spread.copies", [one.copies], "per delivery", reach: .atMost(3.2),
        note: "DATA datagrams, the same"))
    let lossy = try PittacusCluster.oneSender(loss: 0.1)
    report.add(
      Row(
        "pittacus.spread.lossy", [lossy.coverage], "of all", reach: .atLeast(1),
        note: "the same with a tenth lost, \(lossy.milliseconds) ms after the last message"))
    let many = try PittacusCluster.manySenders()
    report.add(
      Row(
        "pittacus.storm.coverage", [many.coverage], "of all", reach: .atLeast(1),
        note: "200 that all send at once"))
    report.add(
      Row(
        "pittacus.storm.copies", [many.copies], "per delivery", reach: .atMost(4),
        note: "DATA datagrams, the same"))
    report.add(
      Row(
        "pittacus.allocations", [many.allocations], "per datagram", reach: .atMost(0), everyRun: true,
        note: "two peers, after the first thousand messages"))
  }

  static func rate(into report: inout Report) throws {
    report.title("libpittacus over the loopback, two nodes of one program, 64 bytes, 32 messages under way")
    let runs = try (0..<5).map { _ in try Loopback().run(messages: 100_000) }
    report.add(
      Row(
        "pittacus.rate.messages", runs.map(\.rate), "messages/s", reach: .atLeast(67_000),
        note: "the original on another run of such a machine: 67,000 to 102,000"))
    report.add(
      Row(
        "pittacus.rate.allocations", runs.map(\.allocations), "per datagram", reach: .atMost(0),
        everyRun: true,
        note: "library and engine"))
    guard let folder = libraryFolder, let size = System.sizeOfFile(folder + "libpittacus.so") else {
      throw BenchmarkError("libpittacus.so is missing: build it with `make lib`")
    }
    report.add(Row("pittacus.library.size", [size / 1_024], "KiB", note: "stripped; the original's: 35"))
    let program = folder + "../../.build/pittacus/api"
    guard access(program, X_OK) == 0 else { return }
    let line = try Child.lastLine(program, ["memory"])
    report.add(
      Row(
        "pittacus.library.resident", [Fields.number("resident", in: line) ?? .nan], "KiB",
        reach: .atMost(1_802),
        note: "a C program with a seed node; the original's: 1,802"))
  }

  static var libraryFolder: String? {
    ["out/lib/", System.executableFolder + "../../out/lib/", System.executableFolder + "../../../out/lib/"]
      .first {
        access($0 + "libpittacus.so", R_OK) == 0
      }
  }

  /// One message written into a datagram and read from it, in nanoseconds.
  private static func codecRun() -> Double {
    let rounds = 2_000_000
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 16)
    let payload = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 16)
    payload.initializeMemory(as: UInt8.self, repeating: 7)
    defer {
      memory.deallocate()
      payload.deallocate()
    }
    var sum: UInt64 = 0
    let start = MonotonicClock.now()
    for round in 0..<rounds {
      let version = PittacusVersion(number: UInt32(round), id: PittacusID(bytes: 0x7f00_0001_9c41_5f00))
      let length = PittacusEncoder.data(
        UInt32(round), version, payload: UnsafeRawBufferPointer(payload), into: memory)
      guard
        let message = try? PittacusMessage(decoding: UnsafeRawBufferPointer(rebasing: memory[0..<length])),
        case .data(_, let read, let bytes) = message
      else { return .nan }
      sum &+= UInt64(read.number) &+ UInt64(bytes.count)
    }
    let elapsed = MonotonicClock.now().since(start)
    return sum > 0 ? Double(elapsed) / Double(rounds) : .nan
  }
}

/// Two handles of the C API in one thread.
private final class Loopback {
  private var received = 0
  private var nodes: [OpaquePointer] = []

  init() throws {
    for _ in 0..<2 {
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      let context = Unmanaged.passUnretained(self).toOpaque()
      let node = withUnsafePointer(to: &address) { pointer in
        pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
          var own = pittacus_addr_t(addr: raw, addr_len: socklen_t(MemoryLayout<sockaddr_in>.size))
          return gossipCreate(
            &own,
            { context, _, _, _ in
              guard let context else { return }
              Unmanaged<Loopback>.fromOpaque(context).takeUnretainedValue().received += 1
            }, context)
        }
      }
      guard let node else { throw BenchmarkError("no socket on the loopback") }
      nodes.append(node)
    }
    guard gossipJoin(nodes[0], nil, 0) == 0 else { throw BenchmarkError("the seed did not start") }
    var address = sockaddr_storage()
    var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
    _ = pt_get_sock_name(gossipSocket(nodes[0]), &address, &length)
    let joined = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { raw in
        var seed = pittacus_addr_t(addr: raw, addr_len: length)
        return gossipJoin(nodes[1], &seed, 1)
      }
    }
    for _ in 0..<100 where joined == 0 && gossipState(nodes[1]) != STATE_CONNECTED { turn() }
    guard gossipState(nodes[1]) == STATE_CONNECTED else { throw BenchmarkError("the node was not taken in") }
  }

  deinit { for node in nodes { _ = gossipDestroy(node) } }

  func run(messages: Int) throws -> (rate: Double, allocations: Double) {
    let payload = [UInt8](repeating: 7, count: 64)
    try send(1_000, payload)
    let before = ca_allocations()
    let start = MonotonicClock.now()
    try send(messages, payload)
    let elapsed = MonotonicClock.now().since(start)
    // A message and its acknowledgement.
    let allocations = Double(ca_allocations() - before) / Double(2 * messages)
    return (Double(messages) / Double(elapsed) * 1e9, allocations)
  }

  private func send(_ messages: Int, _ payload: [UInt8]) throws {
    received = 0
    var sent = 0
    var idle = 0
    while received < messages, idle < 10_000_000 {
      while sent < messages, sent - received < 32 {
        guard gossipSendData(nodes[0], payload, 64) == 0 else { break }
        sent += 1
      }
      let before = received
      turn()
      idle = received == before ? idle + 1 : 0
    }
    guard received == messages else { throw BenchmarkError("received \(received) of \(messages)") }
  }

  private func turn() {
    for index in 0..<2 {
      _ = gossipTick(nodes[index])
      _ = gossipProcessSend(nodes[index])
    }
    for index in 0..<2 { while gossipProcessReceive(nodes[index]) == 0 {} }
  }
}
