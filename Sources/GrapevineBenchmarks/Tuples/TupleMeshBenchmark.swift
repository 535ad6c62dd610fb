// How many messages it takes to tell ten nodes that are all linked.

import Grapevine
import GrapevineCore
import GrapevineTransport

enum TupleMeshBenchmark {
  private static let nodes = 10
  private static let tuples = 1_000
  /// What a message for each tuple to each other node comes to.
  private static var least: Double { Double(tuples * (nodes - 1)) }

  static func report(into report: inout Report) throws {
    report.title("\(nodes) nodes on loopback, each linked with each, \(tuples) tuples published")
    try add("byOne", writers: 1, isShaped: false, reach: .atMost(1.2), into: &report)
    try add("byAll", writers: nodes, isShaped: true, reach: .atMost(1.2), into: &report)
    // The first messages that many send at once go out before anybody can say that they are duplicates.
    try add("byAllAtFirst", writers: nodes, isShaped: false, reach: .atMost(1.2), into: &report)
  }

  private static func add(
    _ name: String, writers: Int, isShaped: Bool, reach: Row.Reach, into report: inout Report
  ) throws {
    var runs: [Double] = []
    for _ in 0..<5 {
      let line = try Child.lastLine(
        System.executable, ["role-tuples-mesh", "\(writers)", isShaped ? "shaped" : "new"])
      guard let messages = Fields.number("messages", in: line) else {
        throw BenchmarkError("the nodes said \(line)")
      }
      runs.append(messages / least)
    }
    let who = writers == 1 ? "by one node" : "\(tuples / nodes) by each node at once"
    let before = isShaped ? "after one tuple before" : "nothing was ever sent before"
    report.add(
      Row(
        "core.tuples.mesh.\(name)", runs, "of the least", reach: reach,
        note: "tuples sent by all, pushed or repaired, of \(Int(least)) that are needed; \(who), \(before)"))
  }

  /// Plays all nodes and prints how many tuples were sent in all, after a first one if the tree is to have its shape.
  static func play(writers: Int, isShaped: Bool) async throws {
    var core = Configuration()
    core.overlay = .full
    core.viewCapacity = 16
    var members: [GossipNode] = []
    for index in 0..<nodes {
      let node = try await GossipNode(.init(bind: "127.0.0.1:0", core: core))
      try await node.join(index == 0 ? [] : [members[0].localEndpoint.text])
      members.append(node)
    }
    for node in members {
      while await node.neighbours.count < nodes - 1 { try await Task.sleep(for: .milliseconds(10)) }
    }
    try await Task.sleep(for: .milliseconds(500))
    if isShaped {
      try await members[0].tuples.publish("first", "shapes the tree")
      try await Task.sleep(for: .milliseconds(500))
    }
    let before = try await messages(of: members)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, node) in members.prefix(writers).enumerated() {
        group.addTask {
          for number in 0..<tuples / writers {
            let number = index * tuples + number
            try await node.tuples.publish(TupleKey(TupleSample.key(number)), TupleSample.value(number))
          }
        }
      }
      try await group.waitForAll()
    }
    for node in members {
      while await node.tuples.count < tuples + (isShaped ? 1 : 0) {
        try await Task.sleep(for: .milliseconds(1))
      }
    }
    // What is under way, and comparisons, count too.
    try await Task.sleep(for: .seconds(1))
    System.print("messages \(try await messages(of: members) - before)")
  }

  private static func messages(of members: [GossipNode]) async throws -> UInt64 {
    var sum: UInt64 = 0
    for node in members {
      let counters = await node.statistics.core
      sum += counters.copiesSent + counters.tuplesRepaired
    }
    return sum
  }
}
