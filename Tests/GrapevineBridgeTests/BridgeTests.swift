// Bridges between clusters on this machine's own network.

import ClojureGossip
import GossipPython
import Grapevine
import GrapevineBridge
import GrapevineCore
import GrapevineDialectNode
import GrapevineTransport
import Synchronization
import Testing

@Suite("Bridges carry each message once", .timeLimit(.minutes(5)))
struct BridgeTests {
  @Test("a message of any of three clusters reaches the other two, once")
  func three() async throws {
    let (native, python, clojure) = (try await nativeNode(), try await pythonNode(), try await clojureNode())
    try await native.join([])
    try await python.join()
    try await clojure.join()
    let logs = (Log(native), Log(python), Log(clojure))
    let bridge = try await start(native: [native], python: [python], clojure: [clojure])
    try await native.broadcast("from native")
    try await python.broadcast("from python")
    try await clojure.broadcast("from clojure")
    #expect(await logs.0.wait(for: 2) == ["from clojure", "from python"])
    #expect(await logs.1.wait(for: 2) == ["from clojure", "from native"])
    #expect(await logs.2.wait(for: 2) == ["from native", "from python"])

    // What one of them cannot say reaches the other all the same, and the reason is told.
    let long = String(repeating: "x", count: 480)
    try await native.broadcast(long)
    #expect(await logs.2.wait(for: 3).contains(long))
    try await native.broadcast([0xff, 0xfe])
    try await native.broadcast("last")
    #expect(await logs.1.wait(for: 3) == ["from clojure", "from native", "last"])
    #expect(await logs.2.wait(for: 4) == ["from native", "from python", "last", long].sorted())
    let reasons = bridge.events.withLock { $0.compactMap(\.reason) }
    #expect(reasons.contains("it has 480 bytes, and at most 459 are carried there"))
    #expect(reasons.count == 3)
    await bridge.bridge.leave()
    try await bridge.task.value
    await native.leave()
    await python.leave()
    await clojure.leave()
  }

  @Test("of two bridges between the same clusters one carries, and the other when that is gone")
  func twins() async throws {
    let (native, python) = (try await nativeNode(), try await pythonNode())
    try await native.join([])
    try await python.join()
    let logs = (Log(native), Log(python))
    var bridges = [
      try await start(native: [native], python: [python]),
      try await start(native: [native], python: [python]),
    ]
    // Both know of each other, as members of both clusters.
    try await until { await native.members.with(tag: "bridge.gossip-python").count == 2 }
    try await until { await python.members.count == 2 }
    for bridge in bridges {
      try await until { await bridge.native.members.with(tag: "bridge.gossip-python").count == 2 }
      try await until { await bridge.python.members.count == 2 }
    }
    for number in 1...20 {
      try await native.broadcast("n\(number)")
      try await python.broadcast("p\(number)")
    }
    let (fromPython, fromNative) = ((1...20).map { "p\($0)" }.sorted(), (1...20).map { "n\($0)" }.sorted())
    #expect(await logs.0.wait(for: 20) == fromPython)
    #expect(await logs.1.wait(for: 20) == fromNative)
    // A message that both carried, or that goes round, would have come by now: this one comes behind all of them.
    try await native.broadcast("end")
    try await python.broadcast("end")
    #expect(await logs.0.wait(for: 21) == ["end"] + fromPython)
    #expect(await logs.1.wait(for: 21) == ["end"] + fromNative)
    // One that stands by, and has not yet looked at all that came, would carry it when the other is gone. It hears what
    // the other brings to each side, too.
    try await until {
      var taken: [UInt64] = []
      for bridge in bridges { taken.append(await bridge.bridge.takenCount) }
      return taken.sorted() == [42, 84]
    }
    let carriers = bridges.indices.filter { bridges[$0].carriedCount > 0 }
    #expect(carriers.count == 1)

    let first = bridges.remove(at: carriers.first ?? 0)
    await first.bridge.leave()
    try await first.task.value
    try await until {
      await native.members.with(tag: "bridge.gossip-python").filter { $0.status == .alive }.count == 1
    }
    try await until {
      await bridges[0].native.members.with(tag: "bridge.gossip-python").filter { $0.status == .alive }.count
        == 1
    }
    // It knows that it is alone a moment after its membership does.
    for _ in 0..<6_000 where await !bridges[0].bridge.carries(for: "gossip-python") {
      try await Task.sleep(for: .milliseconds(10))
    }
    try await native.broadcast("after")
    #expect(await logs.1.wait(for: 22).contains("after"))
    await bridges[0].bridge.leave()
    try await bridges[0].task.value
    await native.leave()
    await python.leave()
  }
}

// Clusters and what they heard.
extension BridgeTests {
  private func nativeNode() async throws -> GossipNode { try await GossipNode(.init(bind: "127.0.0.1:0")) }

  private func pythonNode() async throws -> DialectNode<GossipPythonEngine> {
    try await DialectNode(bind: "127.0.0.1:0") { address, seed in
      var configuration = GossipPythonConfiguration()
      configuration.introductionDelay = .milliseconds(50)
      return try GossipPythonEngine(configuration: configuration, address: address, seed: seed)
    }
  }

  private func clojureNode() async throws -> DialectNode<ClojureGossipEngine> {
    try await DialectNode(bind: "127.0.0.1:0") { try ClojureGossipEngine(address: $0, seed: $1) }
  }

  /// A bridge that runs, and its two ends.
  private struct Running {
    var bridge: Bridge
    var task: Task<Void, any Error>
    var native: GossipNode
    var python: DialectNode<GossipPythonEngine>
    var events: Events

    var carriedCount: Int { events.withLock { $0.count { $0.isCarried } } }
  }

  private func start(
    native contacts: [GossipNode], python: [DialectNode<GossipPythonEngine>],
    clojure: [DialectNode<ClojureGossipEngine>] = []
  ) async throws -> Running {
    let (native, pythonEnd) = (try await nativeNode(), try await pythonNode())
    let port = NativePort(node: native)
    try await native.join(contacts.map(\.localEndpoint.text))
    try await pythonEnd.join(python.map(\.localEndpoint))
    var ports: [any BridgePort] = [
      port,
      DialectPort(
        name: "gossip-python", node: pythonEnd,
        addressOf: { origin in
          let parts = String(decoding: origin, as: UTF8.self).split(separator: "/")
          return parts.count < 4 ? nil : try? Endpoint("\(parts[1]):\(parts[3])")
        }),
    ]
    if !clojure.isEmpty {
      let end = try await clojureNode()
      try await end.join(clojure.map(\.localEndpoint))
      ports.append(DialectPort(name: "clojure-gossip", node: end, hasPartialView: true))
    }
    let events = Events()
    let bridge = Bridge(ports, settling: .zero) { event in events.withLock { $0.append(event) } }
    let task = Task { try await bridge.run() }
    try await until { await native.members.own?.tags.isEmpty == false }
    return Running(bridge: bridge, task: task, native: native, python: pythonEnd, events: events)
  }

  /// Waits until a condition holds, for a minute at most.
  private func until(_ condition: () async throws -> Bool) async throws {
    for _ in 0..<6_000 {
      if try await condition() { return }
      try await Task.sleep(for: .milliseconds(10))
    }
    Issue.record("it did not come to that")
  }
}

private final class Events: Sendable {
  private let events = Mutex<[Bridge.Event]>([])
  func withLock<Result: Sendable>(_ body: @Sendable (inout [Bridge.Event]) -> Result) -> Result {
    events.withLock { body(&$0) }
  }
}

extension Bridge {
  fileprivate var takenCount: UInt64 { traffic.map(\.taken).reduce(0, +) }
}

extension Bridge.Event {
  fileprivate var reason: String? { if case .refused(_, _, _, let reason) = self { reason } else { nil } }
  fileprivate var isCarried: Bool { if case .carried = self { true } else { false } }
}

/// The texts that a node has delivered.
private final class Log: Sendable {
  private let texts = Mutex<[String]>([])

  init(_ node: GossipNode) {
    let messages = node.messages
    Task { for await message in messages { self.note(message.payload.withUnsafeBytes { Array($0) }) } }
  }

  init<Engine: ~Copyable>(_ node: DialectNode<Engine>) {
    let messages = node.messages
    Task { for await message in messages { self.note(message.payload) } }
  }

  private func note(_ payload: [UInt8]) {
    texts.withLock { $0.append(String(decoding: payload, as: UTF8.self)) }
  }

  /// The texts, sorted, once there are so many, or after ten seconds.
  func wait(for count: Int) async -> [String] {
    for _ in 0..<6_000 where texts.withLock({ $0.count }) < count {
      try? await Task.sleep(for: .milliseconds(10))
    }
    return texts.withLock { $0.sorted() }
  }
}
