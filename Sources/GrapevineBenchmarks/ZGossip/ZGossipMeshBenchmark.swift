// How many messages it takes to tell ten nodes of ZGossip that are all linked.

import ZGossipNode

enum ZGossipMeshBenchmark {
  private static let nodes = 10
  private static let tuples = 1_000
  /// What a message for each tuple to each other node comes to.
  private static var least: Double { Double(tuples * (nodes - 1)) }

  static func report(into report: inout Report) throws {
    report.title("\(nodes) nodes of ZGossip, each connected with each over tcp, \(tuples) tuples published")
    for (name, who) in [
      ("byOne", "by one node"), ("byAll", "\(tuples / nodes) by each node at once"),
      ("byOneAtFirst", "by one, and nothing before"), ("byAllAtFirst", "by all, and nothing before"),
    ] {
      var runs: [Double] = []
      for _ in 0..<5 {
        let line = try Child.lastLine(System.executable, ["role-zgossip-mesh", name])
        runs.append(try Fields.needed("messages", in: line) / least)
      }
      report.add(
        Row(
          "zgossip.mesh.\(name)", runs, "of the least", reach: .atMost(1.2),
          note: "tuples sent by all, as news or repaired, of \(Int(least)) that are needed; \(who)"))
    }
  }

  /// Plays all nodes and prints how many tuples were sent in all.
  static func play(_ name: String) async throws {
    let isFirst = name.hasSuffix("AtFirst")
    let writers = name.hasPrefix("byOne") ? 1 : nodes
    var members: [ZGossipTally] = []
    var endpoints: [String] = []
    for _ in 0..<nodes {
      let member = try ZGossipTally()
      for endpoint in endpoints { try await member.node.connect(endpoint) }
      endpoints.append(try await member.bind())
      members.append(member)
    }
    for member in members {
      while await links(of: member) < nodes - 1 { try await Task.sleep(for: .milliseconds(1)) }
    }
    if !isFirst {
      try await members[0].burst(1, "first")
      for member in members { _ = try await member.wait(for: 1) }
    }
    let before = await messages(of: members)
    let bursts = members
    try await withThrowingTaskGroup(of: Void.self) { group in
      for (index, member) in bursts.prefix(writers).enumerated() {
        group.addTask { try await member.burst(tuples / writers, "k\(index)") }
      }
      try await group.waitForAll()
    }
    for member in members {
      guard try await member.wait(for: tuples + (isFirst ? 0 : 1)) >= tuples else {
        throw BenchmarkError("a node did not get all tuples")
      }
    }
    // What is under way, and comparisons, count too.
    try await Task.sleep(for: .seconds(1))
    System.print("messages \(await messages(of: members) - before)")
  }

  private static func links(of member: ZGossipTally) async -> Int {
    let counters = await member.node.counters
    return counters.clients + counters.servers
  }

  private static func messages(of members: [ZGossipTally]) async -> UInt64 {
    var sum: UInt64 = 0
    for member in members {
      let counters = await member.node.replicaCounters
      sum += counters.tupleNewsSent + counters.tuplesRepaired
    }
    return sum
  }
}
