// Plays the networks of real nodes and ours that `ZGossipMixedBenchmark` asks for, each in a process of its own.

import GrapevineCore
import GrapevineTransport
import ZGossipNode

enum ZGossipMixed {
  /// Either kind of node.
  enum AnyNode {
    case real(RealPeers)
    case own(ZGossipTally)

    func bind() async throws -> String {
      switch self {
      case .real(let node): try node.bind()
      case .own(let node): try await node.bind()
      }
    }

    func connect(_ endpoint: String) async throws {
      switch self {
      case .real(let node): try node.ask("connect \(endpoint)")
      case .own(let node): try await node.node.connect(endpoint)
      }
    }

    func publish(_ key: String, _ value: String) async throws {
      switch self {
      case .real(let node): try node.ask("publish \(key) \(value)")
      case .own(let node): try await node.node.publish(key, value)
      }
    }

    func burst(_ count: Int, _ prefix: String) async throws {
      switch self {
      case .real(let node): try node.ask("burst \(count) \(prefix)")
      case .own(let node): try await node.burst(count, prefix)
      }
    }

    func wait(for count: Int, seconds: Int = 30) async throws -> Int {
      switch self {
      case .real(let node): try node.wait(for: count, seconds: seconds)
      case .own(let node): try await node.wait(for: count, seconds: seconds)
      }
    }

    func dump() async throws -> String {
      switch self {
      case .real(let node): try node.dump()
      case .own(let node): await node.dump()
      }
    }

    func deliveries() throws -> Int {
      switch self {
      case .real(let node): try node.deliveries()
      case .own(let node): node.deliveries
      }
    }
  }

  private static func seconds(since start: Instant) -> Double {
    Double(MonotonicClock.now().since(start)) / 1e9
  }

  /// A line in which each link is a mixed one, or a ring that has all kinds of links.
  static func shape(_ shape: String, _ count: Int) async throws {
    let isRing = shape == "ring"
    var nodes: [AnyNode] = []
    var endpoints: [String] = []
    for index in 0..<6 {
      let isReal = isRing ? index < 3 : index % 2 == 0
      nodes.append(isReal ? .real(try RealPeers()) : .own(try ZGossipTally()))
      endpoints.append(try await nodes[index].bind())
      if index > 0 { try await nodes[index].connect(endpoints[index - 1]) }
    }
    if isRing { try await nodes[5].connect(endpoints[0]) }
    let start = MonotonicClock.now()
    for (index, node) in nodes.enumerated() {
      if case .own(let own) = node { Task { try await own.burst(count, "n\(index)") } }
    }
    for (index, node) in nodes.enumerated() {
      if case .real(let real) = node { try real.ask("burst \(count) n\(index)") }
    }
    for node in nodes { _ = try await node.wait(for: 6 * count) }
    let span = seconds(since: start)
    let expected = try await nodes[0].dump()
    var equal = 0
    var told = 0
    for node in nodes {
      if expected.hasPrefix("\(6 * count) "), try await node.dump() == expected { equal += 1 }
      if case .own(let own) = node { told += own.deliveries }
    }
    System.print("equal \(equal) told \(Double(told) / Double(18 * count)) seconds \(span)")
  }

  /// Two nodes, of which one ends and starts anew.
  static func restart(_ role: String) async throws {
    let endsReal = role.hasPrefix("real")
    let endsServer = role.hasSuffix("Server")
    let stays: AnyNode = endsReal ? .own(try ZGossipTally()) : .real(try RealPeers())
    var ends: AnyNode = endsReal ? .real(try RealPeers()) : .own(try ZGossipTally())
    let endpoint = try await (endsServer ? ends : stays).bind()
    try await (endsServer ? stays : ends).connect(endpoint)
    try await stays.burst(1_000, "stays")
    try await ends.burst(1_000, "ends")
    guard try await stays.wait(for: 2_000) == 2_000, try await ends.wait(for: 2_000) == 2_000 else {
      throw BenchmarkError("the nodes did not get all tuples in the first place")
    }
    switch ends {
    case .real(let node): node.end()
    case .own(let node): await node.node.close()
    }
    ends = endsReal ? .real(try RealPeers()) : .own(try ZGossipTally())
    let start = MonotonicClock.now()
    if endsServer {
      switch ends {
      case .real(let node): try node.ask("bind \(endpoint)")
      case .own(let node): try await node.node.bind(endpoint)
      }
    } else {
      try await ends.connect(endpoint)
    }
    try await ends.publish("anew", "1")
    guard try await ends.wait(for: 2_001) == 2_001, try await stays.wait(for: 2_001) == 2_001,
      try await ends.dump() == stays.dump()
    else { throw BenchmarkError("the nodes do not hold the same") }
    System.print("seconds \(seconds(since: start))")
  }

  /// Two linked nodes; the first is the one that is meant by `role`.
  private static func pair(_ role: String) async throws -> (AnyNode, AnyNode) {
    let first: AnyNode = role == "real" ? .real(try RealPeers()) : .own(try ZGossipTally())
    let second: AnyNode = role == "own" ? .own(try ZGossipTally()) : .real(try RealPeers())
    if role == "server" {
      try await second.connect(first.bind())
    } else {
      try await first.connect(second.bind())
    }
    try await first.publish("first", "1")
    try await second.publish("second", "1")
    guard try await first.wait(for: 2) == 2, try await second.wait(for: 2) == 2 else {
      throw BenchmarkError("the nodes do not meet")
    }
    return (first, second)
  }

  /// A burst after five seconds of quiet, all settings at their defaults.
  static func idle(_ role: String) async throws {
    let (first, second) = try await pair(role)
    try await Task.sleep(for: .seconds(5))
    try await first.burst(1_000, "late")
    System.print("lost \(1_002 - (try await second.wait(for: 1_002, seconds: 5)))")
  }

  /// Two values of one key at once, twenty times.
  static func conflict(_ role: String) async throws {
    let (first, second) = try await pair(role)
    for trial in 0..<20 {
      if case .own(let own) = first {
        async let other: Void = own.node.publish("key-\(trial)", "first")
        try await second.publish("key-\(trial)", "second")
        try await other
      } else {
        try await first.publish("key-\(trial)", "first")
        try await second.publish("key-\(trial)", "second")
      }
    }
    try await Task.sleep(for: .seconds(2))
    let before = (try first.deliveries(), try second.deliveries())
    try await Task.sleep(for: .seconds(2))
    let flaps = try first.deliveries() - before.0 + second.deliveries() - before.1
    let values = (try await tuples(of: first), try await tuples(of: second))
    let agree = (0..<20).count { values.0["key-\($0)"] == values.1["key-\($0)"] }
    System.print("agree \(agree) flaps \(flaps)")
  }

  private static func tuples(of node: AnyNode) async throws -> [String: String] {
    var tuples: [String: String] = [:]
    switch node {
    case .own(let own):
      for tuple in await own.node.snapshot() {
        tuples[String(decoding: tuple.key, as: UTF8.self)] = String(decoding: tuple.value, as: UTF8.self)
      }
    case .real(let real):
      for trial in 0..<20 { tuples["key-\(trial)"] = String(try real.ask("get key-\(trial)").dropFirst(6)) }
    }
    return tuples
  }
}
