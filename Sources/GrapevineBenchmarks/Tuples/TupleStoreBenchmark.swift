// How fast tuples get to the disk.

import Grapevine
import GrapevineCore
import GrapevineStore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum TupleStoreBenchmark {
  static func report(into report: inout Report) throws {
    report.title("A node that keeps its tuples in SQLite, each publish waiting for the disk")
    var outcomes: [(single: Double, many: Double, batched: Double)] = []
    for _ in 0..<3 {
      let line = try Child.lastLine(System.executable, ["role-tuples-store"])
      guard let single = Fields.number("single", in: line), let many = Fields.number("many", in: line),
        let batched = Fields.number("batched", in: line)
      else { throw BenchmarkError("the store said \(line)") }
      outcomes.append((single, many, batched))
    }
    report.add(
      Row("core.tuples.store.single", outcomes.map(\.single), "tuples/s", note: "one after the other"))
    report.add(
      Row("core.tuples.store.many", outcomes.map(\.many), "tuples/s", note: "by 64 tasks at once"))
    report.add(
      Row(
        "core.tuples.store.batched", outcomes.map(\.batched), "tuples/s",
        note: "1,000 at a time with publish(contentsOf:)"))
  }

  /// Publishes on a node with a store and prints the rates.
  static func play() async throws {
    let path = "/tmp/grapevine-bench-\(getpid()).tuples"
    defer { for suffix in ["", "-wal", "-shm", ".lock"] { unlink(path + suffix) } }
    var configuration = GossipNode.Configuration(bind: "127.0.0.1:0")
    configuration.tupleStorage = SQLiteTupleStorage(path: path)
    let node = try await GossipNode(configuration)
    try await node.join()
    let single = try await rate(1_000) {
      for number in 0..<1_000 { try await publish(number, on: node) }
    }
    let many = try await rate(6_400) {
      try await withThrowingTaskGroup(of: Void.self) { group in
        for task in 0..<64 {
          group.addTask {
            for number in 0..<100 { try await publish(task * 1_000 + number, on: node) }
          }
        }
        try await group.waitForAll()
      }
    }
    let batched = try await rate(100_000) {
      for batch in 0..<100 {
        let samples = (batch * 1_000..<(batch + 1) * 1_000).map {
          (key: TupleKey(TupleSample.key($0)), value: TupleSample.value($0))
        }
        try await node.tuples.publish(contentsOf: samples)
      }
    }
    await node.leave()
    System.print("single \(single) many \(many) batched \(batched)")
  }

  private static func publish(_ number: Int, on node: GossipNode) async throws {
    try await node.tuples.publish(TupleKey(TupleSample.key(number)), TupleSample.value(number))
  }

  private static func rate(_ count: Int, _ work: () async throws -> Void) async throws -> Double {
    let start = MonotonicClock.now()
    try await work()
    return Double(count) / Double(MonotonicClock.now().since(start)) * 1e9
  }
}
