// The nodes of ZGossip that are measured between processes, each with an application that reads what is delivered.

import CAllocations
import GrapevineCore
import GrapevineTransport
import ZGossipNode

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum ZGossipRoles {
  /// How long a node stays at most when nobody ends it.
  private static let patience = Duration.seconds(120)
  /// Tuples that were published and not yet delivered to their own publisher, at most: as the real pair has it.
  private static let window = 1_000

  /// Plays a role; false when there is none of that name.
  static func play(_ role: String, _ words: ArraySlice<String>) async throws -> Bool {
    let words = Array(words)
    switch (role, words.count) {
    case ("role-zgossip-take", 1): try await take(Int(words[0]) ?? 0)
    case ("role-zgossip-publish", 2): try await publish(to: words[0], Int(words[1]) ?? 0)
    case ("role-zgossip-hold", 1): try await hold(Int(words[0]) ?? 0)
    case ("role-zgossip-join", 2): try await join(words[0], Int(words[1]) ?? 0)
    case ("role-zgossip-mesh", 1): try await ZGossipMeshBenchmark.play(words[0])
    case ("role-zgossip-shape", 2): try await ZGossipMixed.shape(words[0], Int(words[1]) ?? 0)
    case ("role-zgossip-restart", 1): try await ZGossipMixed.restart(words[0])
    case ("role-zgossip-idle", 1): try await ZGossipMixed.idle(words[0])
    case ("role-zgossip-conflict", 1): try await ZGossipMixed.conflict(words[0])
    case ("role-zgossip-malformed", 1): try await ZGossipMalformed.play(words[0])
    default: return false
    }
    return true
  }

  /// The bytes of a small number, which are copied as they are.
  private struct Text {
    var bytes: (UInt64, UInt64, UInt64) = (0, 0, 0)
    var count = 0

    init(_ prefix: StaticString, _ number: Int) {
      withUnsafeMutableBytes(of: &bytes) { bytes in
        var place = bytes.count
        var rest = number
        repeat {
          place -= 1
          bytes[place] = UInt8(truncatingIfNeeded: 48 + rest % 10)
          rest /= 10
        } while rest > 0 && place > 12
        for index in (0..<min(12, prefix.utf8CodeUnitCount)).reversed() {
          place -= 1
          bytes[place] = prefix.utf8Start[index]
        }
        count = bytes.count - place
      }
    }

    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws -> Result) rethrows -> Result {
      try withUnsafeBytes(of: bytes) { bytes in
        try body(UnsafeRawBufferPointer(rebasing: bytes.suffix(count)))
      }
    }
  }

  /// Publishes `rate-0` and so on, each with its number, as the real peers' program does: with a window.
  private static func publish(
    _ count: Int, on node: ZGossipNode, _ deliveries: inout ZGossipDeliveries.AsyncIterator
  ) async throws {
    var delivered = 0
    var number = 0
    while number < count {
      while number < count, number - delivered < window {
        let (key, value) = (Text("rate-", number), Text("", number))
        let isTaken = try key.withBytes { key in try value.withBytes { try node.tryPost(key, $0) } }
        if !isTaken { break }
        number += 1
      }
      guard let batch = await deliveries.next() else { throw BenchmarkError("the node has ended") }
      delivered += batch.count
    }
    while delivered < count {
      guard let batch = await deliveries.next() else { throw BenchmarkError("the node has ended") }
      delivered += batch.count
    }
  }

  /// Reads deliveries until there were so many; looks at every one.
  private static func read(_ count: Int, _ deliveries: inout ZGossipDeliveries.AsyncIterator) async throws {
    var delivered = 0
    while delivered < count {
      guard let batch = await deliveries.next() else { throw BenchmarkError("the node has ended") }
      for index in batch.indices {
        batch.withBytes(of: index) { kind, key, value in
          if kind == .published, !key.isEmpty, !value.isEmpty { delivered += 1 }
        }
      }
    }
  }

  /// Listens, prints where, and says when so many tuples of others have been delivered.
  private static func take(_ count: Int) async throws {
    let node = try ZGossipNode()
    var deliveries = node.deliveries.makeAsyncIterator()
    System.print("listening \(try await node.bind("tcp://127.0.0.1:!"))")
    try await node.publish("own-0", "0")
    try await read(1, &deliveries)
    let cpu = System.cpuNanoseconds
    try await read(count, &deliveries)
    System.print("has \(count) at \(MonotonicClock.now().nanoseconds) cpu \(System.cpuNanoseconds - cpu)")
    try await Task.sleep(for: patience)
  }

  /// Connects, waits for a first tuple from there, and publishes so many.
  private static func publish(to endpoint: String, _ count: Int) async throws {
    let node = try ZGossipNode()
    var deliveries = node.deliveries.makeAsyncIterator()
    try await node.connect(endpoint)
    try await read(1, &deliveries)
    let (cpu, allocations) = (System.cpuNanoseconds, ca_allocations())
    let start = MonotonicClock.now()
    try await publish(count, on: node, &deliveries)
    System.print(
      "published \(count) began \(start.nanoseconds) elapsed \(MonotonicClock.now().since(start)) "
        + "cpu \(System.cpuNanoseconds - cpu) allocations \(ca_allocations() - allocations)")
    try await Task.sleep(for: patience)
  }

  /// Publishes so many tuples, then listens and prints where.
  private static func hold(_ count: Int) async throws {
    let node = try ZGossipNode()
    var deliveries = node.deliveries.makeAsyncIterator()
    try await publish(count, on: node, &deliveries)
    System.print("listening \(try await node.bind("tcp://127.0.0.1:!"))")
    try await Task.sleep(for: patience)
  }

  /// Connects and prints how long it took until so many tuples were delivered.
  private static func join(_ endpoint: String, _ count: Int) async throws {
    let node = try ZGossipNode()
    var deliveries = node.deliveries.makeAsyncIterator()
    let start = MonotonicClock.now()
    try await node.connect(endpoint)
    try await read(count, &deliveries)
    let elapsed = MonotonicClock.now().since(start)
    System.print("has \(count) elapsed \(elapsed) cpu \(System.cpuNanoseconds)")
    try await Task.sleep(for: patience)
  }
}
