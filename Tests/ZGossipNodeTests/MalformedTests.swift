// What is no message of zgossip: it is counted, nobody ends of it, and others do not notice.

import Testing
import ZGossipNode

@testable import ZeroMQ

@Suite("zgossip: malformed messages", .ownThread)
struct MalformedTests {
  /// What ends a node of CZMQ: another signature, an unknown kind, another version, half of a head, half of a tuple,
  /// nothing at all, and two parts.
  static let messages: [[[UInt8]]] = [
    [[0xaa, 0xa1, 1, 1]], [[0xaa, 0xa0, 9, 1]], [[0xaa, 0xa0, 3, 2]], [[0xaa, 0xa0]],
    [[0xaa, 0xa0, 2, 1, 3, 0x6b, 0x65, 0x79, 0, 0, 0, 9, 0x78]], [[]], [[0xaa, 0xa0, 3, 1], [0]],
  ]

  static let hello: [UInt8] = [0xaa, 0xa0, 1, 1]
  static let ping: [UInt8] = [0xaa, 0xa0, 3, 1]
  static let pong: [UInt8] = [0xaa, 0xa0, 4, 1]
  /// `x = 1`.
  static let tuple: [UInt8] = [0xaa, 0xa0, 2, 1, 1, 0x78, 0, 0, 0, 1, 0x31, 0, 0, 0, 0]

  /// The next message that is wanted; others are passed over.
  private func next(_ socket: ZeroMQSocket, where isWanted: ([UInt8]) -> Bool = { _ in true }) async throws
    -> Bool
  {
    try await eventually {
      while try socket.receive() != nil { if isWanted(Array(socket.message)) { return true } }
      return false
    }
  }

  private func socket(_ kind: ZeroMQSocket.Kind) throws -> ZeroMQSocket {
    let socket = try ZeroMQSocket(kind, in: .shared)
    try socket.setLinger(milliseconds: 0)
    return socket
  }

  /// That the node still does all it is for, with a good neighbour.
  private func check(_ own: OwnNode, _ neighbour: OwnNode, malformed: UInt64) async throws {
    #expect(await eventually { await own.node.counters.malformed == malformed })
    #expect(await own.node.status == neighbour.node.status)
    let before = own.log.values.count
    try await neighbour.node.publish("neighbour", "1")
    try await own.node.publish("own", "1")
    #expect(await own.wait(for: before + 2))
    #expect(await neighbour.wait(for: before + 2))
    #expect(await own.dump() == (await neighbour.dump()))
  }

  @Test("from a client")
  func client() async throws {
    let (own, neighbour) = (try OwnNode(), try OwnNode())
    let endpoint = try await own.bind()
    try await neighbour.node.connect(endpoint)
    let dealer = try socket(.dealer)
    try dealer.connect(endpoint)
    _ = try dealer.send(parts: [Self.hello])
    for message in Self.messages { #expect(try dealer.send(parts: message) == .sent) }
    // A faultless message between them and after them counts.
    _ = try dealer.send(parts: [Self.tuple])
    _ = try dealer.send(parts: [Self.ping])
    #expect(try await next(dealer) { $0 == Self.pong })
    #expect(await neighbour.wait(for: 1))
    try await check(own, neighbour, malformed: 7)
    // One too many: it is not heard any more.
    _ = try dealer.send(parts: Self.messages[0])
    _ = try dealer.send(parts: [Self.ping])
    #expect(await eventually { await own.node.counters.ignored == 1 })
    #expect(await own.node.counters.malformed == 8)
    #expect(await own.node.counters.clients == 1)
  }

  @Test("from a client that never said HELLO")
  func stranger() async throws {
    let (own, neighbour) = (try OwnNode(), try OwnNode())
    let endpoint = try await own.bind()
    try await neighbour.node.connect(endpoint)
    for message in Self.messages {
      let dealer = try socket(.dealer)
      try dealer.connect(endpoint)
      _ = try dealer.send(parts: message)
      _ = try dealer.send(parts: [Self.ping])
      #expect(try await next(dealer) { $0 == Self.pong })
    }
    try await check(own, neighbour, malformed: 7)
  }

  @Test("from a server")
  func server() async throws {
    let (own, neighbour) = (try OwnNode { $0.faultPause = .milliseconds(100) }, try OwnNode())
    try await own.node.connect(try await neighbour.bind())
    let router = try socket(.router)
    try await own.node.connect(try router.bind("tcp://127.0.0.1:!"))
    #expect(try await next(router) { $0 == Self.hello })
    let peer = Array(router.peer)
    for message in Self.messages { #expect(try router.send(parts: [peer] + message) == .sent) }
    _ = try router.send(parts: [peer, Self.tuple])
    #expect(await neighbour.wait(for: 1))
    try await check(own, neighbour, malformed: 7)
    #expect(await own.node.counters.servers == 2)
    // One too many: the connection ends, and is tried again.
    _ = try router.send(parts: [peer] + Self.messages[1])
    #expect(try await next(router) { $0 == Self.hello })
    #expect(Array(router.peer) != peer)
    #expect(await eventually { await own.node.counters.malformed == 8 })
    #expect(await eventually { await own.node.counters.connectionsDropped == 1 })
  }
}
