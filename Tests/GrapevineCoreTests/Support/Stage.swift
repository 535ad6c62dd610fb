// A member of a HyParView cluster among neighbours that are played by hand.

import Testing

@testable import GrapevineCore

/// One member, and neighbours by hand, at the addresses from 100 on.
struct Stage {
  let world = World()
  let member: Member
  private(set) var neighbours: [Intruder] = []

  init(_ configuration: Configuration = World.small, contacts: [Int] = []) throws {
    member = try world.add(1, configuration: configuration)
    world.join(member, contacts.map(World.endpoint))
  }

  /// Adds neighbours, which the member must accept.
  mutating func add(_ count: Int = 1, need: LinkNeed = .low) throws {
    for _ in 0..<count {
      let number = 100 + neighbours.count
      neighbours.append(
        try Intruder(number, id: UInt64(number), linksWith: member, need: need, in: world))
    }
  }

  /// What the member answers to a CONNECT from an address of the given number.
  func ask(_ number: Int, _ need: LinkNeed) throws -> WireMessage {
    let endpoint = World.endpoint(number)
    let id = UInt64(number)
    let cookie = try Intruder.cookie(for: endpoint, id: id, nonce: 5, of: member, in: world)
    let connect = Connect(nonce: 5, cookie: cookie, sender: id, need: need, window: 64)
    return try #require(Intruder.ask(.connect(connect), member, from: endpoint, in: world).first)
  }

  /// Why the member refuses a CONNECT; nil when it accepts.
  func refusal(_ number: Int, _ need: LinkNeed) throws -> RefusalReason? {
    guard case .refuse(let answer, _) = try ask(number, need) else { return nil }
    return RefusalReason(rawValue: UInt8(answer.detail))
  }

  /// Plays the other end of a handshake that the member began: challenges and accepts.
  ///
  /// - Returns: How much the member needs the link.
  func accept(_ number: Int, since mark: Int = 0) throws -> LinkNeed {
    let endpoint = World.endpoint(number)
    let id = UInt64(number)
    var last: Hello?
    for case .hello(let hello) in heard(at: endpoint, since: mark) { last = hello }
    let nonce = try #require(last).nonce
    let challenge = WireMessage.challenge(Challenge(nonce: nonce, sender: id, cookie: 8))
    let before = self.mark
    world.inject(openFrame(bytes(of: [challenge])), into: member, from: endpoint)
    guard case .connect(let connect)? = heard(at: endpoint, since: before).first else {
      throw IntruderError.notAccepted
    }
    let answer = Answer(nonce: nonce, sender: id, detail: 64)
    world.inject(openFrame(bytes(of: [.accept(answer, [])])), into: member, from: endpoint)
    return connect.need
  }

  mutating func send(_ neighbour: Int, _ messages: WireMessage...) {
    neighbours[neighbour].send(bytes(of: messages), in: world)
  }

  mutating func send(_ neighbour: Int, body: [UInt8]) { neighbours[neighbour].send(body, in: world) }

  /// Lets time pass, in which all neighbours but some show that they live.
  mutating func pass(_ milliseconds: Int, silent: Set<Int> = []) {
    var left = milliseconds
    while left > 0 {
      for neighbour in neighbours.indices where !silent.contains(neighbour) {
        send(neighbour, .acknowledge(highest: 0, count: 0))
      }
      world.run(UInt64(min(left, 50)))
      left -= 50
    }
  }

  /// What the member said to an address since the wire held `mark` datagrams.
  func heard(at endpoint: Endpoint, since mark: Int = 0) -> [WireMessage] {
    world.sent[mark...].filter { $0.destination == endpoint }
      .flatMap { messages(in: $0.bytes, sender: member.id.value) ?? [] }
  }

  func heard(_ neighbour: Int, since mark: Int = 0) -> [WireMessage] {
    heard(at: neighbours[neighbour].endpoint, since: mark)
  }

  /// The walks of newcomers sent to each neighbour.
  func walks(since mark: Int) -> [(neighbour: Int, ForwardJoin)] {
    neighbours.indices.flatMap { neighbour in
      heard(neighbour, since: mark).compactMap { message in
        if case .forwardJoin(let walk) = message { (neighbour, walk) } else { nil }
      }
    }
  }

  /// The shuffles sent to each neighbour.
  func shuffles(since mark: Int = 0) -> [(neighbour: Int, Shuffle, [PeerRecord])] {
    neighbours.indices.flatMap { neighbour in
      heard(neighbour, since: mark).compactMap { message in
        if case .shuffle(let shuffle, let records) = message { (neighbour, shuffle, records) } else { nil }
      }
    }
  }

  /// Those greeted since the wire held `mark` datagrams, as often as they were.
  func greetings(since mark: Int = 0) -> [Endpoint] {
    world.sent[mark...].filter { $0.handshake == MessageKind.hello }.map(\.destination)
  }

  /// The neighbours with a link, by their number.
  var linked: [Int] {
    neighbours.indices.filter { index in
      member.node.neighbours.contains { $0.endpoint == neighbours[index].endpoint }
    }
  }

  func record(_ neighbour: Int) -> PeerRecord {
    PeerRecord(id: neighbours[neighbour].id, endpoint: neighbours[neighbour].endpoint)
  }

  /// Somebody who is not there.
  static func stranger(_ number: Int) -> PeerRecord {
    PeerRecord(id: UInt64(number), endpoint: World.endpoint(number))
  }

  func knows(_ record: PeerRecord) -> Bool {
    let index = member.node.view.passive.index(of: record.endpoint)
    return index != nil
  }

  var mark: Int { world.sent.count }
}
