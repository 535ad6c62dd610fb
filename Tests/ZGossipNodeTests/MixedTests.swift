// Nodes of ours among real ones: all come to hold the same, also those that were away.

import Foundation
import GrapevineTransport
import Testing
import ZGossipNode

/// One after the other: they wait for processes, and each other's load is no part of them.
@Suite(
  "zgossip: ours among real nodes", .ownThread, .serialized,
  .enabled(if: RealPeer.isBuilt, "make zgossip-peers"))
struct MixedTests {
  /// Three real nodes and three of ours.
  struct Six {
    let real: [RealPeer]
    let own: [OwnNode]
    /// Where each listens; the real ones first.
    var endpoints: [String] = []

    init() async throws {
      real = [try RealPeer(), try RealPeer(), try RealPeer()]
      own = [try OwnNode(), try OwnNode(), try OwnNode()]
      for node in real { endpoints.append(try node.bind()) }
      for node in own { endpoints.append(try await node.bind()) }
    }

    func connect(_ index: Int, to other: Int) async throws {
      if index < 3 {
        try real[index].connect(endpoints[other])
      } else {
        try await own[index - 3].node.connect(endpoints[other])
      }
    }

    /// Has each publish `count` tuples; false when not all get all in time.
    func spread(_ count: Int) async throws -> Bool {
      for (index, node) in own.enumerated() { try await node.burst(count, "own\(index)") }
      for (index, node) in real.enumerated() { try node.burst(count, "real\(index)") }
      for node in own { guard await node.wait(for: 6 * count) else { return false } }
      for node in real { guard try node.wait(for: 6 * count) == 6 * count else { return false } }
      return true
    }
  }

  /// In the ring there are a pair of real nodes, a pair of ours, and two mixed pairs; in the line all are mixed, with
  /// either kind as either side.
  @Test(
    "a line and a ring of three each come to hold the same, and each tuple is told once",
    arguments: [false, true])
  func shapes(isRing: Bool) async throws {
    let nodes = try await Six()
    let order = isRing ? [0, 1, 2, 3, 4, 5] : [0, 3, 1, 4, 2, 5]
    for (index, other) in zip(order, order.dropFirst()) { try await nodes.connect(index, to: other) }
    if isRing { try await nodes.connect(order[5], to: order[0]) }
    try #require(try await nodes.spread(200))
    let expected = try nodes.real[0].dump()
    #expect(expected.hasPrefix("1200 "))
    for node in nodes.real { #expect(try node.dump() == expected) }
    for node in nodes.own {
      #expect(await node.dump() == expected)
      #expect(node.log.count == 1_200 && node.log.flips == 0 && node.log.lost == 0)
      #expect(await node.node.counters.malformed == 0)
    }
  }

  @Test("over ipc, with the real one as either side")
  func ipc() async throws {
    let folder = FileManager.default.temporaryDirectory.path
    for isRealServer in [true, false] {
      let endpoint = "ipc://\(folder)/zgossip-\(UUID().uuidString)"
      let (real, own) = (try RealPeer(), try OwnNode())
      if isRealServer {
        try real.ask("bind \(endpoint)")
        try await own.node.connect(endpoint)
      } else {
        try await own.node.bind(endpoint)
        try real.connect(endpoint)
      }
      try await own.burst(100, "own")
      try real.burst(100, "real")
      #expect(await own.wait(for: 200))
      #expect(try real.wait(for: 200) == 200)
      #expect(await own.dump() == (try real.dump()))
      await own.node.close()
    }
  }

  @Test("a real node that starts anew gets everything, whichever side it is")
  func realRestarts() async throws {
    let (own, other) = (try OwnNode(), try OwnNode())
    let endpoint = try await own.bind()
    try await other.node.connect(endpoint)
    var client = try RealPeer()
    var server = try RealPeer()
    let place = try server.bind()
    try client.connect(endpoint)
    try await own.node.connect(place)
    try client.burst(50, "client")
    try server.burst(50, "server")
    try await other.burst(50, "other")
    #expect(await own.wait(for: 150))
    #expect(await other.wait(for: 150))
    #expect(try client.wait(for: 150) == 150)
    #expect(try server.wait(for: 150) == 150)
    client.end()
    server.end()
    try await own.node.publish("meanwhile", "1")
    client = try RealPeer()
    server = try RealPeer()
    #expect(await eventually { (try? server.ask("bind \(place)")) != nil })
    try client.connect(endpoint)
    try server.publish("anew", "2")
    #expect(await other.wait(for: 152))
    #expect(try client.wait(for: 152) == 152)
    #expect(try server.wait(for: 152) == 152)
    let dumps = [try client.dump(), try server.dump(), await own.dump(), await other.dump()]
    #expect(Set(dumps).count == 1)
    // Nobody was told anything twice.
    #expect(other.log.count == 152)
  }

  @Test("a node of ours that starts anew gets everything, whichever side it is")
  func ownRestarts() async throws {
    let (server, client) = (try RealPeer(), try RealPeer())
    var own = try OwnNode()
    let endpoint = try server.bind()
    let place = try await own.bind()
    try await own.node.connect(endpoint)
    try client.connect(place)
    try server.burst(50, "server")
    try client.burst(50, "client")
    try await own.burst(50, "own")
    #expect(await own.wait(for: 150))
    #expect(try server.wait(for: 150) == 150)
    #expect(try client.wait(for: 150) == 150)
    await own.node.close()
    try server.publish("meanwhile", "1")
    try client.publish("too", "2")
    own = try OwnNode()
    try await own.node.bind(place)
    try await own.node.connect(endpoint)
    #expect(await own.wait(for: 152))
    #expect(try server.wait(for: 152) == 152)
    #expect(try client.wait(for: 152) == 152)
    #expect(await own.dump() == (try server.dump()))
    #expect(try client.dump() == (try server.dump()))
    #expect(own.log.count == 152)
  }

  /// What zgossip's own test does: a base with a short timeout, two that connect to it, two tuples of each.
  @Test("zgossip's own example, with each of the three of either kind", arguments: 0..<8)
  func example(kinds: Int) async throws {
    let real = try (0..<3).map { kinds & 1 << $0 == 0 ? nil : try RealPeer() }
    let own = try real.map { peer in
      peer == nil ? try OwnNode { $0.engine.timeout = .milliseconds(100) } : nil
    }
    var endpoint = ""
    if let base = real[0] {
      try base.ask("set server/timeout 100")
      endpoint = try base.bind()
    } else if let base = own[0] {
      endpoint = try await base.bind()
      #expect(await base.node.port > 0)
    }
    for (index, name) in [(1, "alpha"), (2, "beta")] {
      try real[index]?.connect(endpoint)
      try await own[index]?.node.connect(endpoint)
      for number in 1...2 {
        let (key, value) = ("inproc://\(name)-\(number)", "service\(number)")
        try real[index]?.publish(key, value)
        try await own[index]?.node.publish(key, value)
      }
    }
    for index in 0..<3 {
      if let peer = real[index] {
        #expect(try peer.wait(for: 4) == 4)
        #expect(try peer.status() == 4)
        #expect(try peer.deliveries() == 4)
        #expect(try peer.value("inproc://beta-2") == "service2")
      }
      if let own = own[index] {
        #expect(await own.wait(for: 4))
        #expect(await own.node.status == 4)
        #expect(own.log.count == 4)
        #expect(own.log.values["inproc://alpha-1"] == "service1")
      }
    }
  }
}
