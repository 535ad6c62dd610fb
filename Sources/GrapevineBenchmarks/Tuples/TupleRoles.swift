// The members of the clusters that tuples are measured in, each a process of its own.

import Grapevine
import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum TupleRoles {
  /// How long a member stays at most when nobody ends it.
  private static let patience = Duration.seconds(120)

  /// Plays a role; false when there is none of that name.
  static func play(_ role: String, _ words: ArraySlice<String>) async throws -> Bool {
    let words = Array(words)
    switch (role, words.count) {
    case ("role-tuples-hold", 2):
      try await hold(Int(words[0]) ?? 0, early: words[1] == "early")
    case ("role-tuples-take", 2): try await take(from: words[0], Int(words[1]) ?? 0)
    case ("role-tuples-publish", 2): try await publish(to: words[0], Int(words[1]) ?? 0)
    case ("role-tuples-weigh", 2): try await weigh(Int(words[0]) ?? 0, words[1])
    case ("role-tuples-mesh", 2):
      try await TupleMeshBenchmark.play(writers: max(1, Int(words[0]) ?? 1), isShaped: words[1] == "shaped")
    case ("role-tuples-store", 0): try await TupleStoreBenchmark.play()
    default: return false
    }
    return true
  }

  /// A node with the default settings that links with the one it joins through and with those that join through it,
  /// and with nobody else.
  private static func node() async throws -> GossipNode {
    var core = Configuration()
    core.ablations = [.walks, .replacement]
    return try await GossipNode(.init(bind: "127.0.0.1:0", core: core))
  }

  private static func publish(_ numbers: Range<Int>, on node: GossipNode) async throws {
    try await withTaskExecutorPreference(node.executor) {
      for number in numbers {
        try await node.tuples.publish(TupleKey(TupleSample.key(number)), TupleSample.value(number))
      }
    }
  }

  /// Founds a cluster and publishes, as a member or before it is one; then prints its address.
  private static func hold(_ count: Int, early: Bool) async throws {
    let node = try await node()
    if early { try await publish(0..<count, on: node) }
    try await node.join()
    if !early { try await publish(0..<count, on: node) }
    System.print("listening \(node.localEndpoint.text)")
    try await Task.sleep(for: patience)
  }

  /// Joins, or founds a cluster, prints its address, and what there is to say when it has so many tuples.
  private static func take(from contact: String, _ count: Int) async throws {
    let node = try await node()
    let start = MonotonicClock.now()
    try await node.join(contact == "-" ? [] : [contact])
    System.print("listening \(node.localEndpoint.text)")
    while await node.tuples.count < count { try await Task.sleep(for: .milliseconds(1)) }
    let end = MonotonicClock.now()
    let counters = await node.statistics.core
    System.print(
      "has \(count) elapsed \(end.since(start)) at \(end.nanoseconds) neighbours \(await node.neighbours.count) "
        + "copies \(counters.copiesReceived) stale \(counters.tuplesStale) cpu \(System.cpuNanoseconds)")
    try await Task.sleep(for: patience)
  }

  /// Joins and publishes so many tuples one by one.
  private static func publish(to contact: String, _ count: Int) async throws {
    let node = try await node()
    try await node.join([contact])
    // Until those whom the newcomer has made news are done with it.
    try await Task.sleep(for: .milliseconds(300))
    let cpu = System.cpuNanoseconds
    let start = MonotonicClock.now()
    try await publish(0..<count, on: node)
    let end = MonotonicClock.now()
    let counters = await node.statistics.core
    System.print(
      "published \(count) began \(start.nanoseconds) elapsed \(end.since(start)) "
        + "neighbours \(await node.neighbours.count) datagrams \(counters.datagramsSent) "
        + "repairs \(counters.repairs) cpu \(System.cpuNanoseconds - cpu)")
    try await Task.sleep(for: patience)
  }

  /// Prints what so many tuples add to the resident memory of a node that has none.
  private static func weigh(_ count: Int, _ contact: String) async throws {
    let node = try await GossipNode(.init(bind: "127.0.0.1:0"))
    // One tuple, so that what it needs besides the tuples is there.
    try await publish(0..<1, on: node)
    if contact == "-" { try await node.join() }
    try await Task.sleep(for: .milliseconds(200))
    let before = System.residentKiB(of: getpid())
    if contact == "-" || contact == "alone" {
      try await publish(1..<count + 1, on: node)
    } else {
      try await node.join([contact])
      while await node.tuples.count < count { try await Task.sleep(for: .milliseconds(10)) }
    }
    try await Task.sleep(for: .milliseconds(500))
    let after = System.residentKiB(of: getpid())
    guard let before, let after else { throw BenchmarkError("the system does not say what is resident") }
    System.print(
      "weighs \((after.all - before.all) * 1_024 / Double(count)) "
        + "anonymous \((after.anonymous - before.anonymous) * 1_024 / Double(count)) empty \(before.all)")
  }
}
