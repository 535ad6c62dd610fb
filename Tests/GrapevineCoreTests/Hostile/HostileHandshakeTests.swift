import Testing

@testable import GrapevineCore

@Suite("Hostile handshakes: from addresses that are not proven")
struct HostileHandshakeTests {
  private func founder() throws -> (world: World, member: Member) {
    let world = World()
    let member = try world.add(1)
    world.join(member, [])
    return (world, member)
  }

  @Test("10,000 greetings from forged sources leave nothing behind, and bring little")
  func helloFlood() throws {
    let pair = try HonestPair()
    let victim = pair.members[0]
    let known = victim.node.knownCount
    let mark = pair.world.sent.count
    var sentBytes = 0
    for number in 0..<10_000 {
      let hello = openFrame(bytes(of: [.hello(Hello(nonce: UInt64(number), sender: UInt64(number) + 100))]))
      sentBytes += hello.count
      pair.world.inject(hello, into: victim, from: Endpoint(ipv4: 0x0b00_0000 + UInt32(number), port: 9))
    }
    let replies = pair.world.sent[mark...].filter { $0.handshake == MessageKind.challenge }
    #expect(replies.count == 10_000)
    #expect(replies.map(\.bytes.count).reduce(0, +) <= 3 * sentBytes)
    #expect(victim.node.knownCount == known && victim.node.neighbourCount == 1)
    #expect(victim.node.view.pendingCount == 0)
    try pair.expectHonestTraffic()
  }

  @Test("when the driver's buffer is full, answers are dropped and counted")
  func fullBuffer() throws {
    let (world, member) = try founder()
    let hello = openFrame(bytes(of: [.hello(Hello(nonce: 1, sender: 2))]))
    for _ in 0..<100 {
      member.node.receive(hello.span.bytes, from: World.endpoint(2), now: world.now, into: &member.effects)
    }
    #expect(member.effects.datagrams.count == 64)
    #expect(member.counters.droppedAnswers == 36)
  }

  @Test("only the cookie that was given, to whom it was given, proves an address")
  func wrongCookie() throws {
    let (world, member) = try founder()
    let source = World.endpoint(2)
    let cookie = try Intruder.cookie(for: source, id: 2, nonce: 5, of: member, in: world)
    func connect(_ nonce: UInt64, _ cookie: UInt64, _ id: UInt64, _ from: Endpoint) -> [WireMessage] {
      let connect = Connect(nonce: nonce, cookie: cookie, sender: id, need: .high, window: 64)
      return Intruder.ask(.connect(connect), member, from: from, in: world)
    }
    for bit in 0..<64 { #expect(connect(5, cookie ^ 1 << UInt64(bit), 2, source).isEmpty) }
    #expect(connect(6, cookie, 2, source).isEmpty)
    #expect(connect(5, cookie, 3, source).isEmpty)
    #expect(connect(5, cookie, 2, World.endpoint(3)).isEmpty)
    var otherPort = source
    otherPort.port += 1
    #expect(connect(5, cookie, 2, otherPort).isEmpty)
    #expect(member.counters.droppedUnproven == 68 && member.node.neighbourCount == 0)
    #expect(connect(5, cookie, 2, source).count == 1)
  }

  @Test("a cookie expires")
  func expired() throws {
    let (world, member) = try founder()
    let source = World.endpoint(2)
    let cookie = try Intruder.cookie(for: source, id: 2, nonce: 5, of: member, in: world)
    let connect = WireMessage.connect(
      Connect(nonce: 5, cookie: cookie, sender: 2, need: .high, window: 64))
    world.run(32_001)
    #expect(Intruder.ask(connect, member, from: source, in: world).isEmpty)
    #expect(member.node.neighbourCount == 0)
  }

  @Test("a cookie that is still good is accepted in the next period")
  func nextPeriod() throws {
    let (world, member) = try founder()
    let source = World.endpoint(2)
    world.run(14_900)
    let cookie = try Intruder.cookie(for: source, id: 2, nonce: 5, of: member, in: world)
    let connect = WireMessage.connect(
      Connect(nonce: 5, cookie: cookie, sender: 2, need: .high, window: 64))
    world.run(15_000)
    #expect(Intruder.ask(connect, member, from: source, in: world).count == 1)
  }

  @Test("a replayed CONNECT is answered again, and makes no second link")
  func replayedConnect() throws {
    let (world, member) = try founder()
    var intruder = try Intruder(2, id: 2, linksWith: member, in: world)
    let connect = WireMessage.connect(
      Connect(nonce: 77, cookie: intruder.cookie, sender: 2, need: .high, window: 64))
    for _ in 0..<100 { #expect(Intruder.ask(connect, member, from: intruder.endpoint, in: world).count == 1) }
    #expect(member.counters.linksUp == 1 && member.node.neighbourCount == 1)
    intruder.send(.own(2, 1, "still the same link"), in: world)
    #expect(member.texts == ["still the same link"])
  }

  @Test("answers to nothing are dropped")
  func unasked() throws {
    let pair = try HonestPair()
    let victim = pair.members[0]
    let before = victim.counters
    let answers: [WireMessage] = [
      .challenge(Challenge(nonce: 1, sender: 9, cookie: 1)),
      .accept(Answer(nonce: 1, sender: 9, detail: 64), MessageTests.records),
      .refuse(Answer(nonce: 1, sender: 9, detail: 1), MessageTests.records),
      .refuse(Answer(nonce: 1, sender: 9, detail: 3), []),
    ]
    for answer in answers {
      for source in [World.endpoint(9), pair.members[1].endpoint] {
        #expect(Intruder.ask(answer, victim, from: source, in: pair.world).isEmpty)
      }
    }
    #expect(victim.counters.droppedUnproven - before.droppedUnproven == 8)
    #expect(victim.counters.linksUp == before.linksUp && victim.node.knownCount == 0)
    #expect(!victim.events.contains(.versionMismatch(World.endpoint(9))))
    try pair.expectHonestTraffic()
  }

  @Test("a refusal of a greeting teaches no addresses: its sender has proven nothing")
  func poisonedRefusal() throws {
    let world = World()
    let member = try world.add(1)
    world.join(member, [World.endpoint(9)])
    world.run(1)
    let greeting = try #require(world.sent.last)
    guard case .hello(let hello) = messages(in: greeting.bytes, sender: 1)?.first else {
      Issue.record("no HELLO")
      return
    }
    let records = (20..<28).map { PeerRecord(id: UInt64($0), endpoint: World.endpoint($0)) }
    let refusal = WireMessage.refuse(Answer(nonce: hello.nonce, sender: 9, detail: 1), records)
    world.inject(openFrame(bytes(of: [refusal])), into: member, from: World.endpoint(9))
    #expect(member.node.knownCount == 0)
  }

  @Test("our own identity in somebody's mouth is dropped")
  func ownIdentity() throws {
    let pair = try HonestPair()
    let victim = pair.members[0]
    let own = victim.id.value
    let messages: [WireMessage] = [
      .hello(Hello(nonce: 1, sender: own)),
      .connect(Connect(nonce: 1, cookie: 1, sender: own, need: .high, window: 64)),
    ]
    for message in messages {
      #expect(Intruder.ask(message, victim, from: World.endpoint(9), in: pair.world).isEmpty)
    }
    #expect(victim.counters.droppedOwn == 2)
    try pair.expectHonestTraffic()
  }

  @Test(
    "an address that no datagram can be sent to is not answered",
    arguments: [
      Endpoint(ipv4: 0x0a00_0001, port: 0), Endpoint(ipv4: 0xe000_0001, port: 5), Endpoint(ipv4: 0, port: 5),
      Endpoint(high: 0, low: 0, port: 5),
    ])
  func unusable(source: Endpoint) throws {
    let (world, member) = try founder()
    #expect(Intruder.ask(.hello(Hello(nonce: 1, sender: 2)), member, from: source, in: world).isEmpty)
  }
}

@Suite("Amplification: an unproven address gets at most three times what it sent")
struct AmplificationTests {
  /// A member whose views are full, so that its answers are as long as they can be.
  private func popular() throws -> (world: World, member: Member) {
    var configuration = World.small
    configuration.viewCapacity = 8
    configuration.passiveCapacity = 64
    let world = World()
    let member = try world.add(1, configuration: configuration)
    world.join(member, [])
    for number in 2...9 {
      var neighbour = try Intruder(number, id: UInt64(number), linksWith: member, in: world)
      let records = (0..<8).map {
        PeerRecord(
          id: UInt64(number * 100 + $0), endpoint: Endpoint(high: 1, low: UInt64(number * 100 + $0), port: 5))
      }
      neighbour.send(.sample(records), in: world)
    }
    return (world, member)
  }

  /// The bytes that go to `source` until a minute after `frame` came from there.
  private func reaction(to frame: [UInt8], from source: Endpoint, _ member: Member, _ world: World) -> Int {
    let mark = world.sent.count
    world.inject(frame, into: member, from: source)
    world.run(1)
    return world.sent[mark...].filter { $0.destination == source }.map(\.bytes.count).reduce(0, +)
  }

  @Test("every kind of message, in both kinds of frame")
  func everyKind() throws {
    let (world, member) = try popular()
    #expect(member.node.neighbourCount == 8 && member.node.knownCount >= 60)
    var number = 1_000
    for message in MessageTests.samples {
      for frame in [openFrame(bytes(of: [message])), linkFrame(bytes(of: [message]), number: 1, key: 1)] {
        number += 1
        #expect(reaction(to: frame, from: World.endpoint(number), member, world) <= 3 * frame.count)
      }
    }
  }

  @Test("random bodies of every kind and length")
  func random() throws {
    let (world, member) = try popular()
    var generator = Generator(seed: 2)
    for number in 0..<5_000 {
      let body =
        [UInt8(generator.below(24))] + (0..<generator.below(60)).map { _ in UInt8(generator.below(256)) }
      let frame = openFrame(body)
      #expect(reaction(to: frame, from: World.endpoint(1_000 + number), member, world) <= 3 * frame.count)
    }
  }

  @Test("a CONNECT whose cookie was guessed or belongs to another address")
  func connects() throws {
    let (world, member) = try popular()
    let cookie = try Intruder.cookie(for: World.endpoint(50), id: 50, nonce: 5, of: member, in: world)
    let connect = WireMessage.connect(
      Connect(nonce: 5, cookie: cookie, sender: 50, need: .low, window: 64))
    #expect(reaction(to: openFrame(bytes(of: [connect])), from: World.endpoint(51), member, world) == 0)
  }

  @Test("after its address is proven, a refusal is long: the test above can fail")
  func proven() throws {
    let (world, member) = try popular()
    let cookie = try Intruder.cookie(for: World.endpoint(50), id: 50, nonce: 5, of: member, in: world)
    let frame = openFrame(
      bytes(of: [.connect(Connect(nonce: 5, cookie: cookie, sender: 50, need: .low, window: 64))]))
    #expect(reaction(to: frame, from: World.endpoint(50), member, world) > 3 * frame.count)
  }
}
