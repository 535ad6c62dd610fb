// Nodes of other systems over real sockets of this machine.

import ClojureGossip
import GossipPython
import GrapevineCore
import GrapevineDialect
import GrapevineDialectNode
import Testing

@Suite("Nodes of other systems")
struct DialectNodeTests {
  private func python() async throws -> DialectNode<GossipPythonEngine> {
    try await DialectNode(bind: "127.0.0.1:0") { address, seed in
      var configuration = GossipPythonConfiguration()
      configuration.introductionDelay = .milliseconds(50)
      return try GossipPythonEngine(configuration: configuration, address: address, seed: seed)
    }
  }

  private func clojure() async throws -> DialectNode<ClojureGossipEngine> {
    try await DialectNode(bind: "127.0.0.1:0") { address, seed in
      try ClojureGossipEngine(address: address, seed: seed)
    }
  }

  /// The texts of the next messages, or fewer after ten seconds.
  private func texts(
    _ count: Int, of messages: AsyncStream<DialectMessage>
  ) async -> [String] {
    await withTaskGroup(of: [String]?.self) { group in
      group.addTask {
        var texts: [String] = []
        for await message in messages {
          texts.append(message.text)
          if texts.count == count { break }
        }
        return texts
      }
      group.addTask {
        try? await Task.sleep(for: .seconds(10))
        return nil
      }
      let first = await group.next()
      group.cancelAll()
      return (first ?? nil) ?? []
    }
  }

  @Test("gossip_python: three nodes deliver each other's messages, and leave", .timeLimit(.minutes(5)))
  func pythonNodes() async throws {
    let nodes = [try await python(), try await python(), try await python()]
    try await nodes[0].join()
    for node in nodes.dropFirst() { try await node.join([nodes[0].localEndpoint]) }
    for node in nodes { #expect(await node.lifecycle == .connected) }
    for (index, node) in nodes.enumerated() {
      for number in 1...20 { try await node.broadcast("\(index):\(number)") }
    }
    for (index, node) in nodes.enumerated() {
      let expected = (0..<3).filter { $0 != index }.flatMap { peer in (1...20).map { "\(peer):\($0)" } }
      #expect(Set(await texts(40, of: node.messages)) == Set(expected))
    }
    for node in nodes {
      await node.leave()
      #expect(await node.lifecycle == .disconnected)
      await #expect(throws: DialectError.notConnected) { try await node.broadcast("late") }
    }
    // The sequence has ended.
    for await message in nodes[0].messages { Issue.record("\(message) after leaving") }
  }

  @Test("Clojure gossip: two nodes hear each other, and the one that stays knows that the other left")
  func clojureNodes() async throws {
    let (first, second) = (try await clojure(), try await clojure())
    try await first.join()
    await #expect(throws: DialectError.nobodyKnown) { try await first.broadcast("nobody") }
    try await second.join([first.localEndpoint])
    try await second.broadcast("héllo")
    #expect(await texts(1, of: first.messages) == ["héllo"])
    try await first.broadcast("back")
    #expect(await texts(1, of: second.messages) == ["back"])
    await second.leave()
    for _ in 0..<200 where await !first.members.isEmpty { try await Task.sleep(for: .milliseconds(10)) }
    #expect(await first.members.isEmpty)
    await first.leave()
  }

  @Test("an address that the wire cannot name is refused, and so is a contact")
  func addresses() async throws {
    await #expect(throws: DialectError.self) {
      _ = try await DialectNode(bind: "0.0.0.0:0") { try GossipPythonEngine(address: $0, seed: $1) }
    }
    let node = try await python()
    let contact = Endpoint(high: 1, low: 1, port: 1)
    await #expect(throws: DialectError.addressUnusable(contact)) { try await node.join([contact]) }
  }

  @Test("a node that is leaving ends those who wait for it")
  func leavingWhileJoining() async throws {
    let node = try await python()
    let joining = Task { try await node.join([Endpoint(ipv4: 0x7f00_0001, port: 9)]) }
    for _ in 0..<6_000 where await node.lifecycle != .joining { try await Task.sleep(for: .milliseconds(5)) }
    await node.leave()
    // Which of the two ends came first is another matter when others hold the processor.
    await #expect(throws: DialectNodeError.self) { try await joining.value }
    await #expect(throws: DialectNodeError.hasLeft) { try await node.join() }
    await node.leave()
  }

  @Test("a broadcast waits for room")
  func backPressure() async throws {
    let node = try await DialectNode(bind: "127.0.0.1:0") { address, seed in
      var configuration = GossipPythonConfiguration()
      (configuration.outboundLimit, configuration.spread) = (16, .broadcast)
      return try GossipPythonEngine(configuration: configuration, address: address, seed: seed)
    }
    let reader = try await python()
    try await node.join()
    try await reader.join([node.localEndpoint])
    for number in 1...200 { try await node.broadcast("\(number)") }
    #expect(Set(await texts(200, of: reader.messages)) == Set((1...200).map(String.init)))
    await node.leave()
    await reader.leave()
  }
}
