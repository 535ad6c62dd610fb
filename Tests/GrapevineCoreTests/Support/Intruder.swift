// A neighbour that speaks the protocol well enough to be let in, and then says whatever a test wants.

import Testing

@testable import GrapevineCore

/// The other end of an established link, by hand.
struct Intruder {
  let id: UInt64
  let endpoint: Endpoint
  let victim: Member
  /// What it proved its address with.
  let cookie: UInt64
  /// The keys of the link's two directions.
  private(set) var sendKey: UInt64 = 0
  private(set) var receiveKey: UInt64 = 0
  private var number: UInt16 = 0

  /// Links with `victim`, which must have room.
  init(_ number: Int, id: UInt64, linksWith victim: Member, need: LinkNeed = .high, in world: World) throws {
    self.id = id
    self.victim = victim
    endpoint = World.endpoint(number)
    cookie = try Self.cookie(for: endpoint, id: id, nonce: 77, of: victim, in: world)
    let connect = Connect(nonce: 77, cookie: cookie, sender: id, need: need, window: 64)
    let reply = try #require(Self.ask(.connect(connect), victim, from: endpoint, in: world).first)
    guard case .accept(let answer, _) = reply else { throw IntruderError.notAccepted }
    let keys = Neighbourhood.linkKeys(nonce: 77, cookie: cookie, initiator: id, responder: answer.sender)
    sendKey = keys.fromInitiator
    receiveKey = keys.fromResponder
  }

  /// Sends a link frame around any bytes.
  mutating func send(_ body: [UInt8], in world: World) {
    number &+= 1
    world.inject(linkFrame(body, number: number, key: sendKey), into: victim, from: endpoint)
  }

  mutating func send(_ messages: WireMessage..., in world: World) {
    send(bytes(of: messages), in: world)
  }

  /// Lets time pass, showing a sign of life every second.
  mutating func linger(seconds: Int, in world: World) {
    for _ in 0..<seconds {
      send(.acknowledge(highest: 0, count: 0), in: world)
      world.run(1_000)
    }
  }

  /// What a member answers to an open frame, at once.
  static func ask(
    _ message: WireMessage, _ member: Member, from source: Endpoint, in world: World
  ) -> [WireMessage] {
    let before = world.sent.count
    world.inject(openFrame(bytes(of: [message])), into: member, from: source)
    return world.sent[before...].filter { $0.destination == source && $0.handshake != nil }
      .flatMap { messages(in: $0.bytes, sender: member.id.value) ?? [] }
  }

  /// The cookie that a member asks back from `endpoint`.
  static func cookie(
    for endpoint: Endpoint, id: UInt64, nonce: UInt64, of member: Member, in world: World
  ) throws -> UInt64 {
    let reply = try #require(
      ask(.hello(Hello(nonce: nonce, sender: id)), member, from: endpoint, in: world).first)
    guard case .challenge(let challenge) = reply else { throw IntruderError.notChallenged }
    return challenge.cookie
  }
}

enum IntruderError: Error {
  case notChallenged
  case notAccepted
}
