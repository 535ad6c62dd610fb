// What is no message of zgossip, from either side: a node of CZMQ ends of each of these.

import ZGossipNode
import ZeroMQ

enum ZGossipMalformed {
  /// Another signature, an unknown kind, another version, half of a head, half of a tuple, nothing, and two parts.
  private static let messages: [[[UInt8]]] = [
    [[0xaa, 0xa1, 1, 1]], [[0xaa, 0xa0, 9, 1]], [[0xaa, 0xa0, 3, 2]], [[0xaa, 0xa0]],
    [[0xaa, 0xa0, 2, 1, 3, 0x6b, 0x65, 0x79, 0, 0, 0, 9, 0x78]], [[]], [[0xaa, 0xa0, 3, 1], [0]],
  ]
  private static let hello: [UInt8] = [0xaa, 0xa0, 1, 1]

  static func report(into report: inout Report) throws {
    report.title("Malformed messages at a node of ZGossip that has a good neighbour")
    for (role, who) in [("client", "by a client"), ("server", "by a server")] {
      let line = try Child.lastLine(System.executable, ["role-zgossip-malformed", role])
      report.add(
        Row(
          "zgossip.malformed.\(role)", [try Fields.needed("counted", in: line)], "of 7", reach: .atLeast(7),
          note: "kinds that were counted, sent " + who))
      report.add(
        Row(
          "zgossip.malformed.\(role).alive", [try Fields.needed("alive", in: line)], "of 7",
          reach: .atLeast(7),
          note: "kinds after which the node and its neighbour went on"))
    }
  }

  /// Plays a node, its neighbour, and one that sends what is malformed.
  static func play(_ role: String) async throws {
    let (node, neighbour) = (try ZGossipTally(), try ZGossipTally())
    let endpoint = try await node.bind()
    try await neighbour.node.connect(endpoint)
    let socket = try ZeroMQSocket(role == "client" ? .dealer : .router, in: ZeroMQContext())
    try socket.setLinger(milliseconds: 0)
    var head: [[UInt8]] = []
    if role == "client" {
      try socket.connect(endpoint)
      _ = try socket.send(parts: [hello])
    } else {
      try await node.node.connect(try socket.bind("tcp://127.0.0.1:!"))
      while try socket.receive() == nil { try await Task.sleep(for: .milliseconds(1)) }
      head = [Array(socket.peer)]
    }
    var (counted, alive) = (0, 0)
    for (index, message) in messages.enumerated() {
      _ = try socket.send(parts: head + message)
      for _ in 0..<1_000 where await node.node.counters.malformed <= index {
        try await Task.sleep(for: .milliseconds(1))
      }
      if await node.node.counters.malformed == index + 1 { counted += 1 }
      try await neighbour.node.publish("neighbour-\(index)", "1")
      try await node.node.publish("node-\(index)", "1")
      let count = 2 * (index + 1)
      let isThere = try await node.wait(for: count, seconds: 5) == count
      let isToo = try await neighbour.wait(for: count, seconds: 5) == count
      if isThere, isToo, await node.node.status == count { alive += 1 }
    }
    System.print("counted \(counted) alive \(alive)")
  }
}
