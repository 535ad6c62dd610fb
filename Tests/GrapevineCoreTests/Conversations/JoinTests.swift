import Testing

@testable import GrapevineCore

@Suite("Joining: how members become neighbours")
struct JoinTests {
  @Test("a newcomer greets, proves its address, and is in")
  func handshake() throws {
    let world = World()
    let first = try world.add(1)
    let second = try world.add(2)
    world.join(first, [])
    #expect(first.events == [.lifecycle(.joining), .lifecycle(.connected)])
    world.join(second, [first.endpoint])
    world.run(100)
    #expect(world.sent.prefix(4).map(\.handshake) == [1, 2, 3, 4])
    #expect(first.node.neighbourCount == 1 && second.node.neighbourCount == 1)
    #expect(
      second.events == [
        .lifecycle(.joining), .neighbourUp(first.id, first.endpoint), .lifecycle(.connected),
      ])
    #expect(first.events.last == .neighbourUp(second.id, second.endpoint))
  }

  @Test("both ends that begin at once end with one link, over which messages pass both ways")
  func simultaneous() throws {
    let world = World()
    let first = try world.add(1)
    let second = try world.add(2)
    world.join(first, [second.endpoint])
    world.join(second, [first.endpoint])
    world.run(3_000)
    #expect(first.node.lifecycle == .connected && second.node.lifecycle == .connected)
    #expect(first.node.neighbourCount == 1 && second.node.neighbourCount == 1)
    try world.broadcast("one", from: first)
    try world.broadcast("two", from: second)
    world.run(500)
    #expect(second.texts == ["one"] && first.texts == ["two"])
    #expect(first.counters.linksDown == 0 && second.counters.linksDown == 0)
  }

  @Test("any one lost datagram of the handshake only delays it", arguments: 1...4 as ClosedRange<UInt8>)
  func lostOnce(kind: UInt8) throws {
    let world = World()
    let first = try world.add(1)
    let second = try world.add(2)
    var losses = 0
    world.isLost = { packet in
      guard packet.handshake == kind, losses == 0 else { return false }
      losses += 1
      return true
    }
    world.join(first, [])
    world.join(second, [first.endpoint])
    #expect(world.run(2_000) { second.node.lifecycle == .connected })
    world.run(500)
    #expect(losses == 1)
    #expect(first.node.neighbourCount == 1 && second.node.neighbourCount == 1)
    #expect(first.counters.linksUp == 1, "a repeated CONNECT does not make a second link")
    try world.broadcast("after", from: first)
    world.run(500)
    #expect(second.texts == ["after"])
  }

  @Test(
    "of many contacts each has its turn in time, so that the one that lives is found",
    arguments: [OverlayKind.hyParView, .scamp(ScampRules()), .full])
  func oneOfMany(overlay: OverlayKind) throws {
    var configuration = World.small
    configuration.overlay = overlay
    configuration.viewCapacity = 12
    for living in [2, 33] {
      let world = World()
      let founder = try world.add(living, configuration: configuration)
      let newcomer = try world.add(1, configuration: configuration)
      world.join(founder, [])
      world.join(newcomer, (2...33).map { World.endpoint($0) })
      #expect(world.run(14_900) { newcomer.node.lifecycle == .connected })
      #expect(newcomer.node.neighbours.map(\.member) == [founder.id])
    }
  }

  private static var narrow: Configuration {
    var configuration = World.small
    configuration.viewTarget = 2
    configuration.viewCapacity = 2
    return configuration
  }

  @Test("a full view refuses those who have another choice, and names others")
  func full() throws {
    let world = World()
    let member = try world.add(1, configuration: Self.narrow)
    world.join(member, [])
    _ = try Intruder(2, id: 2, linksWith: member, in: world)
    _ = try Intruder(3, id: 3, linksWith: member, in: world)
    let cookie = try Intruder.cookie(for: World.endpoint(4), id: 4, nonce: 7, of: member, in: world)
    let polite = Connect(nonce: 7, cookie: cookie, sender: 4, need: .low, window: 64)
    let reply = Intruder.ask(.connect(polite), member, from: World.endpoint(4), in: world)
    guard case .refuse(let answer, let records) = try #require(reply.first) else {
      Issue.record("\(reply)")
      return
    }
    #expect(answer.detail == UInt64(RefusalReason.full.rawValue))
    #expect(Set(records.map(\.id)) == [2, 3])
    #expect(member.node.neighbourCount == 2)
    #expect(member.node.knownCount == 0, "whoever asks with many addresses does not fill the passive view")
  }

  @Test("an urgent request gets in, in the place of a neighbour")
  func urgent() throws {
    let world = World()
    let member = try world.add(1, configuration: Self.narrow)
    world.join(member, [])
    for number in 2...4 { _ = try Intruder(number, id: UInt64(number), linksWith: member, in: world) }
    #expect(member.node.neighbourCount == 2)
    #expect(member.node.neighbours.contains { $0.member == MemberID(4) })
    #expect(member.counters.linksDown == 1)
  }

  @Test("a newcomer that is refused turns to those that were named")
  func referred() throws {
    let world = World()
    for number in 1...8 {
      let member = try world.add(number, configuration: Self.narrow)
      world.join(member, number == 1 ? [] : [World.endpoint(1)])
      world.run(1_000)
    }
    world.run(10_000)
    #expect(world.members.allSatisfy { $0.node.lifecycle == .connected })
    #expect(world.members.allSatisfy { (1...2).contains($0.node.neighbourCount) })
  }

  @Test("a member that is its own only contact founds a cluster")
  func selfContact() throws {
    let world = World()
    let member = try world.add(1)
    world.join(member, [member.endpoint])
    #expect(world.run(1_000) { member.node.lifecycle == .connected })
    #expect(member.counters.droppedOwn == 1)
    #expect(member.node.neighbourCount == 0)
  }

  @Test("its own address among others is forgotten, and it joins through the others")
  func selfAmongContacts() throws {
    let world = World()
    let first = try world.add(1)
    let second = try world.add(2)
    world.join(first, [])
    world.join(second, [second.endpoint, first.endpoint])
    world.run(5_000)
    #expect(second.node.neighbours.map(\.member) == [first.id])
  }

  @Test("joining fails after the configured time, and can be tried again")
  func timeout() throws {
    var configuration = World.small
    configuration.joinTimeout = .seconds(3)
    let world = World()
    let member = try world.add(1, configuration: configuration)
    world.join(member, [World.endpoint(9)])
    world.run(2_990)
    #expect(member.events == [.lifecycle(.joining)])
    world.run(20)
    #expect(member.events == [.lifecycle(.joining), .joinFailed, .lifecycle(.disconnected)])
    let late = try world.add(9)
    world.join(late, [])
    world.join(member, [late.endpoint])
    #expect(world.run(1_000) { member.node.lifecycle == .connected })
  }

  @Test("members of another cluster's name are not heard")
  func otherCluster() throws {
    var configuration = World.small
    configuration.clusterName = "other"
    let world = World()
    let first = try world.add(1)
    let second = try world.add(2, configuration: configuration)
    world.join(first, [])
    world.join(second, [first.endpoint])
    world.run(3_000)
    #expect(second.node.lifecycle == .joining)
    #expect(first.counters.droppedChecksum > 0 && first.counters.datagramsSent == 0)
  }

  @Test("another version of the protocol is refused and reported")
  func version() throws {
    let world = World()
    let member = try world.add(1)
    world.join(member, [])
    let hello = Hello(version: 9, nonce: 5, sender: 6)
    let reply = Intruder.ask(.hello(hello), member, from: World.endpoint(2), in: world)
    let refusal = Answer(nonce: 5, sender: 1, detail: UInt64(RefusalReason.version.rawValue))
    #expect(reply == [.refuse(refusal, [])])
    let asker = try world.add(3)
    world.join(asker, [World.endpoint(4)])
    world.run(1)
    let greeting = try #require(world.sent.last { $0.source == asker.endpoint })
    guard case .hello(let sent) = messages(in: greeting.bytes, sender: 3)?.first else {
      Issue.record("no HELLO")
      return
    }
    let answer = WireMessage.refuse(Answer(nonce: sent.nonce, sender: 4, detail: 3), [])
    world.inject(openFrame(bytes(of: [answer])), into: asker, from: World.endpoint(4))
    #expect(asker.events.contains(.versionMismatch(World.endpoint(4))))
  }

  @Test("a restart at the same endpoint takes the old run's place, and its numbers begin afresh")
  func restart() throws {
    let world = World()
    let members = try world.cluster(2)
    try world.broadcast("old", from: members[1])
    world.run(200)
    world.crash(members[1])
    let reborn = try world.add(2, id: 22)
    world.join(reborn, [members[0].endpoint])
    world.run(1_000)
    #expect(members[0].events.contains(.neighbourDown(members[1].id, reborn.endpoint, .replaced)))
    #expect(members[0].node.neighbours.map(\.member) == [reborn.id])
    #expect(try world.broadcast("new", from: reborn) == 1)
    world.run(200)
    #expect(members[0].texts == ["old", "new"])
  }

  @Test("a neighbour that crashed is given up after some probes, and found again when it is back")
  func crash() throws {
    let world = World()
    let members = try world.cluster(3)
    world.crash(members[2])
    world.run(1_000)
    #expect(members[0].node.neighbourCount == 2)
    world.run(1_500)
    #expect(members[0].node.neighbours.map(\.member) == [members[1].id])
    #expect(members[0].events.last == .neighbourDown(members[2].id, members[2].endpoint, .timedOut))
  }

  @Test(
    "Two clusters that never met become one when a contact of one is reached, though all its places are taken"
  )
  func strangers() throws {
    let world = World()
    var configuration = World.small
    configuration.membership = MembershipRules()
    configuration.membership?.capacity = 64
    // Six that are each other's five neighbours.
    let members = try world.cluster(6, configuration: configuration)
    let strangers = Set([World.endpoint(8), World.endpoint(9)])
    world.isLost = { strangers.contains($0.source) != strangers.contains($0.destination) }
    let founder = try world.add(8, configuration: configuration)
    world.join(founder, [])
    let second = try world.add(9, configuration: configuration)
    world.join(second, [World.endpoint(1), World.endpoint(8)])
    world.run(30_000)
    #expect(members.allSatisfy { $0.node.memberCounts.alive == 6 && $0.node.neighbourCount == 5 })
    #expect(second.node.memberCounts.alive == 2)
    world.isLost = { _ in false }
    #expect(world.run(300_000) { world.members.allSatisfy { $0.node.memberCounts.alive == 8 } })
  }
}
