// What a node weighs.

import Grapevine
import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum MemoryBenchmark {
  static func report(into report: inout Report) throws {
    report.title("Memory and size")
    let command = System.executableFolder + "grapevine"
    var resident: [Double] = []
    for _ in 0..<3 {
      let founder = try Child(command, ["agent", "--json", "--bind", "127.0.0.1:0"])
      guard let listening = founder.line(after: "", seconds: 10),
        let address = listening.split(separator: "\"").first(where: { $0.hasPrefix("127.0.0.1:") })
      else { throw BenchmarkError("the agent did not start") }
      let agent = try Child(command, ["agent", "--json", "--bind", "127.0.0.1:0", "--join", String(address)])
      while let line = agent.line(seconds: 5), !line.contains("neighbourUp") {}
      _ = agent.line(seconds: 1)
      resident.append((System.residentKiB(of: agent.process)?.all ?? .nan) / 1_024)
      agent.end()
      founder.end()
    }
    report.add(
      Row(
        "core.memory.agent", resident, "MiB", reach: .atMost(8),
        note: "resident, idle agent with a neighbour, a second old"))
    report.add(
      Row(
        "core.size.command", [(strippedSize(command) ?? .nan) / 1_048_576], "MiB", note: "grapevine, stripped"
      ))
    let further = try Child.lastLine(System.executable, ["role-many"])
    report.add(
      Row(
        "core.memory.furtherNode", [Fields.number("furtherKiB", in: further) ?? .nan], "KiB",
        reach: .atMost(256),
        note: "resident, each of 64 more nodes in one process, all joined, after a message from each"))
    report.add(
      Row(
        "core.memory.bound", [Double(Configuration().memoryBound) / 1_048_576], "MiB",
        note: "what a node's tables take when all are full, computed from the default limits"))
  }

  private static func strippedSize(_ path: String) -> Double? {
    let copy = "/tmp/grapevine-stripped-\(getpid())"
    defer { unlink(copy) }
    guard let child = try? Child("/usr/bin/strip", ["-o", copy, path]) else { return nil }
    child.wait()
    return System.sizeOfFile(copy)
  }

  /// Grows a cluster in one process and prints what each further node costs.
  static func many() async throws {
    let founder = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await founder.join()
    var nodes: [GossipNode] = []
    func add(_ count: Int) async throws {
      for _ in 0..<count {
        let node = try await GossipNode(.init(bind: "127.0.0.1:0"))
        try await node.join([founder.localEndpoint.text])
        try await node.broadcast("one message of \(node.identity)")
        nodes.append(node)
      }
      try await Task.sleep(for: .seconds(1))
    }
    try await add(8)
    let before = System.residentKiB(of: getpid())?.anonymous ?? .nan
    try await add(64)
    let after = System.residentKiB(of: getpid())?.anonymous ?? .nan
    System.print("furtherKiB \((after - before) / 64)")
  }
}
