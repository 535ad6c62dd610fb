import GrapevineCore
import Testing
import ZGossip
import ZeroMQ

@testable import ZGossipNode

/// Our nodes and real ones, over TCP.
@Suite(
  "zgossip: real nodes and ours", .ownThread, .enabled(if: RealPeer.isBuilt, "make zgossip-peers"),
  .timeLimit(.minutes(5)))
struct RealNodeTests {
  private func dump(_ node: ZGossipNode) async -> String {
    let text = { (bytes: [UInt8]) in String(decoding: bytes, as: UTF8.self) }
    return RealPeer.dump(of: await node.snapshot().map { (key: text($0.key), value: text($0.value)) })
  }

  private func agrees(_ peer: RealPeer, _ node: ZGossipNode, _ count: Int) async throws {
    #expect(await eventually { await node.status == count })
    #expect(try peer.wait(for: count) == count)
    #expect(try await peer.dump() == dump(node))
  }

  @Test func aRealNodeConnects() async throws {
    let (node, peer) = (try makeNode(), try RealPeer())
    for number in 0..<2_000 { try await node.post("ours/\(number)", "\(number)") }
    try peer.burst(2_000, "theirs", value: "x")
    try peer.connect(try await node.bind(endpoint("tcp")))
    try await agrees(peer, node, 4_000)
    try await node.publish("later", "1")
    try peer.publish("later-too", "2")
    try await agrees(peer, node, 4_002)
    #expect(await node.counters.malformed == 0)
  }

  @Test func weConnectAndTheyComeBack() async throws {
    let node = try makeNode()
    let first = try RealPeer()
    let place = try first.bind()
    try await node.connect(place)
    try first.burst(2_000, "theirs", value: "x")
    for number in 0..<2_000 { try await node.post("ours/\(number)", "\(number)") }
    try await agrees(first, node, 4_000)
    first.end()
    #expect(await eventually { await node.counters.servers == 0 })
    try await node.publish("meanwhile", "1")
    let second = try RealPeer()
    let isBound = await eventually {
      (try? second.ask("bind \(place)").hasPrefix("port \(place.split(separator: ":")[2])")) == true
    }
    #expect(isBound)
    try await agrees(second, node, 4_001)
  }

  @Test func twoOfTheirsMeetThroughOurs() async throws {
    let node = try makeNode()
    let (first, second) = (try RealPeer(), try RealPeer())
    let place = try await node.bind(endpoint("tcp"))
    try first.connect(place)
    try await node.connect(try second.bind())
    try first.burst(500, "a", value: "x")
    try second.burst(500, "b", value: "y")
    try await agrees(first, node, 1_000)
    try await agrees(second, node, 1_000)
    await node.close()
    // The end of ours is not theirs.
    #expect(try first.status() == 1_000)
    #expect(try second.status() == 1_000)
  }
}
