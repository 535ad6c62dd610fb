// That real nodes can be driven, and that files go between them and us.

import Foundation
import Testing
import ZGossip

@Suite("zgossip: real nodes", .ownThread, .enabled(if: RealPeer.isBuilt, "make zgossip-peers"))
struct RealPeerTests {
  @Test("two real nodes come to hold the same, and their tables can be compared with ours")
  func pair() throws {
    let first = try RealPeer()
    let second = try RealPeer()
    let endpoint = try first.bind()
    try first.ask("loud")
    try first.publish("a", "one two")
    try second.connect(endpoint)
    try second.burst(100, "k", value: "x")
    #expect(try first.wait(for: 101) == 101)
    #expect(try second.wait(for: 101) == 101)
    #expect(try first.status() == 101)
    #expect(try second.value("a") == "one two")
    #expect(try second.value("b") == nil)
    let expected = [("a", "one two")] + (0..<100).map { ("k-\($0)", "x") }
    #expect(try first.dump() == RealPeer.dump(of: expected.map { (key: $0.0, value: $0.1) }))
    #expect(try second.dump() == first.dump())
    #expect(RealPeer.dump(of: try second.tuples()) == (try second.dump()))
    #expect(first.wait { $0.count == 101 })
    #expect(first.printed.contains("a one two"))
    try second.publish("a", "three")
    #expect(first.wait { $0.last == "a three" })
    #expect(try first.flips(of: "a") == 1)
    #expect(try first.flips() == 1)
    #expect(try first.deliveries() == 102)
  }

  @Test("a peer that ended, or does not understand, is an error and no hang")
  func faults() throws {
    let peer = try RealPeer()
    #expect(throws: RealPeer.Fault.self) { try peer.ask("nonsense") }
    #expect(try peer.wait(for: 1, seconds: 0.01) == 0)
    try peer.ask("stop")
    #expect(throws: RealPeer.Fault.self) { try peer.status() }
    try peer.ask("use 1")
    #expect(try peer.status() == 0)
    peer.end()
    #expect(throws: (any Error).self) { try peer.status() }
  }

  @Test("the original loads what we save, and we load what it saves")
  func files() throws {
    let file = FileManager.default.temporaryDirectory.appending(path: "zgossip-\(UUID().uuidString).zpl")
    defer { try? FileManager.default.removeItem(at: file) }
    var document = try ZPLDocument(
      parsing: "# settings\nserver\n    timeout = 0\nother\n    x = 1\n    x = 2\n")
    try document.set("zgossip/bind/endpoint", to: "inproc://\(UUID().uuidString)")
    try document.set("other/quoted", to: "say \"hi\" # there")
    try document.set("other/bare", to: "both \"'s")
    try Data(document.text.utf8).write(to: file)
    let peer = try RealPeer()
    try peer.ask("load \(file.path)")
    try peer.ask("set other/x 3")
    // Those can be loaded again only as we save them.
    try peer.ask("set other/quoted plain")
    try peer.ask("set other/bare plain")
    try peer.ask("save \(file.path)")
    try document.set("other/x", to: "3")
    try document.set("other/quoted", to: "plain")
    try document.set("other/bare", to: "plain")
    let saved = try ZPLDocument(parsing: Array(Data(contentsOf: file)))
    #expect(saved.text == document.text)
    #expect(try ZGossipSettings(saved).timeout == .zero)
  }
}
