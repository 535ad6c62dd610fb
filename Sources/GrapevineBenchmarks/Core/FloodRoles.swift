// The two ends of a flood: one process broadcasts as fast as it is let, the other counts what it is
// delivered.

import CAllocations
import Grapevine
import GrapevineCore
import GrapevineSecurity
import GrapevineTransport

/// How a flood is run; the same words start both ends.
struct FloodSetup {
  var count: Int
  var size: Int
  /// Whether messages share datagrams.
  var packing: Bool
  /// Whether trains leave in one piece.
  var segments: Bool
  /// Whether the application's task prefers the node's thread.
  var onLoop: Bool
  /// The file of the keys that datagrams are sealed with; nil when they are plain.
  var keys: String?
  /// What carries datagrams: `udp`, `tcp`, or a place among Unix sockets.
  var carrier: String

  var words: [String] {
    [
      "\(count)", "\(size)", packing ? "packed" : "single", segments ? "trains" : "plain",
      onLoop ? "loop" : "pool", keys ?? "none", carrier,
    ]
  }

  init(
    count: Int, size: Int, packing: Bool = true, segments: Bool = true, onLoop: Bool = true,
    keys: String? = nil, carrier: String = "udp"
  ) {
    self.count = count
    self.size = size
    self.packing = packing
    self.segments = segments
    self.onLoop = onLoop
    self.keys = keys
    self.carrier = carrier
  }

  init?(_ words: ArraySlice<String>) {
    let words = Array(words)
    guard words.count == 7, let count = Int(words[0]), let size = Int(words[1]), size >= 8 else { return nil }
    self.init(
      count: count, size: size, packing: words[2] == "packed", segments: words[3] == "trains",
      onLoop: words[4] == "loop", keys: words[5] == "none" ? nil : words[5], carrier: words[6])
  }

  func node() async throws -> GossipNode {
    var core = Configuration()
    // What is measured is what messages cost.
    core.membership = nil
    core.tuples = nil
    if !packing { core.messagesPerDatagram = 1 }
    // A message of 1,200 bytes needs a datagram with room for its head.
    let overhead = keys == nil ? 0 : SealedFrame.overhead
    if size > core.payloadLimit - overhead { core.datagramLimit = size + 40 + overhead }
    let isUnix = UnixAddress.isWritten(carrier)
    var configuration = GossipNode.Configuration(bind: isUnix ? carrier : "127.0.0.1:0", core: core)
    configuration.transport = isUnix ? .unix : carrier == "tcp" ? .tcp : .udp
    configuration.segmentOffload = segments
    if let keys { configuration.layer = try ClusterKeys(file: keys) }
    return try await GossipNode(configuration)
  }
}

enum FloodRoles {
  /// Founds a cluster, prints its address, takes all messages through the public sequence, prints what it
  /// saw.
  static func receive(_ setup: FloodSetup) async throws {
    let node = try await setup.node()
    try await node.join()
    System.print("listening \(node.localEndpoint.text)")
    try await withTaskExecutorPreference(setup.onLoop ? node.executor : nil) {
      try await take(node, setup)
    }
    await node.leave()
  }

  private static func take(_ node: GossipNode, _ setup: FloodSetup) async throws {
    var received = 0
    var sum: UInt64 = 0
    var started = Instant.never
    var steady = (datagrams: UInt64(0), allocations: UInt64(0))
    for await message in node.messages {
      if received == 0 { started = MonotonicClock.now() }
      sum &+= message.payload.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
      received += 1
      if received == setup.count / 4 {
        steady = (await node.statistics.core.datagramsReceived, ca_allocations())
      }
      if received == setup.count { break }
    }
    let elapsed = MonotonicClock.now().since(started)
    let allocations = ca_allocations() &- steady.allocations
    let statistics = await node.statistics
    let expected = UInt64(setup.count) &* UInt64(setup.count - 1) / 2
    System.print(
      "received \(received) elapsed \(elapsed) intact \(sum == expected ? 1 : 0) "
        + "datagrams \(statistics.core.datagramsReceived) duplicates \(statistics.core.duplicates) "
        + "steadyDatagrams \(statistics.core.datagramsReceived - steady.datagrams) allocations \(allocations) "
        + "drops \(statistics.transport.receiveDrops) cpu \(System.cpuNanoseconds)")
  }

  /// Joins and broadcasts messages, each with its number.
  static func send(to address: String, _ setup: FloodSetup) async throws {
    let node = try await setup.node()
    try await node.join([address])
    let before = ca_allocations()
    try await withTaskExecutorPreference(setup.onLoop ? node.executor : nil) {
      var payload = [UInt8](repeating: 0x61, count: setup.size)
      for number in 0..<setup.count {
        payload.withUnsafeMutableBytes { $0.storeBytes(of: UInt64(number), as: UInt64.self) }
        try await node.broadcast(payload)
      }
    }
    let allocations = ca_allocations() &- before
    await node.leave()
    let statistics = await node.statistics
    System.print(
      "sent \(setup.count) datagrams \(statistics.core.datagramsSent) repairs \(statistics.core.repairs) "
        + "allocations \(allocations) cpu \(System.cpuNanoseconds) bytes \(statistics.transport.bytesSent)")
  }
}
