import Testing

@testable import GrapevineCore

@Suite("Hostile members: names, and who holds them")
struct HostileNameTests {
  private func conflicts(_ member: Member) -> [Endpoint] {
    member.events.compactMap { if case .nameConflict(let holder) = $0 { holder } else { nil } }
  }

  private func named(_ name: String) -> Configuration { World.listing { $0.name = name } }

  /// Two clusters that meet, a member of each with the same name.
  @Test(
    "of two living members with one name the greater run keeps it",
    arguments: [(50, 60), (60, 50)] as [(UInt64, UInt64)])
  func twoLiving(left: UInt64, right: UInt64) throws {
    let world = World()
    let first = try world.add(1, configuration: World.listing())
    world.join(first, [])
    let one = try world.add(2, id: left, configuration: named("twin"))
    world.join(one, [World.endpoint(1)])
    let second = try world.add(11, configuration: World.listing())
    world.join(second, [])
    let other = try world.add(12, id: right, configuration: named("twin"))
    world.join(other, [World.endpoint(11)])
    world.run(3_000)
    #expect(conflicts(one).isEmpty && conflicts(other).isEmpty)
    // Somebody who knows both sides.
    let bridge = try world.add(20, configuration: World.listing())
    world.join(bridge, [World.endpoint(1), World.endpoint(11)])
    world.run(1_000)
    for number in [1, 11] { bridge.node.introduce(number, now: world.now) }
    world.run(20_000)
    let (keeper, loser) = left > right ? (one, other) : (other, one)
    #expect(conflicts(loser) == [keeper.endpoint])
    #expect(loser.node.lifecycle == .disconnected)
    #expect(conflicts(keeper).isEmpty)
    #expect(keeper.node.lifecycle == .connected)
    for member in [first, second, bridge, keeper] {
      let twin = try #require(member.member(StableID(name: "twin")))
      #expect(twin.run == keeper.id && twin.status == .alive)
      #expect(member.node.memberCounts.alive == 4)
    }
    // It is over: nobody refutes any more.
    let incarnation = keeper.node.ownMember?.incarnation
    world.run(20_000)
    #expect(keeper.node.ownMember?.incarnation == incarnation)
  }

  @Test("a newcomer does not get the name of a living member, and does get that of a dead one")
  func newcomer() throws {
    let world = World()
    let founder = try world.add(1, configuration: World.listing())
    world.join(founder, [])
    let holder = try world.add(2, configuration: named("held"))
    world.join(holder, [World.endpoint(1)])
    world.run(1_000)
    let late = try world.add(3, id: 900, configuration: named("held"))
    world.join(late, [World.endpoint(1)])
    world.run(3_000)
    #expect(conflicts(late) == [holder.endpoint])
    #expect(late.node.lifecycle == .disconnected)
    #expect(holder.node.lifecycle == .connected && conflicts(holder).isEmpty)
    world.crash(holder)
    world.join(late, [World.endpoint(1)])
    world.run(3_000)
    #expect(late.node.lifecycle == .connected)
    #expect(founder.member(StableID(name: "held"))?.run == late.id)
  }

  /// What a neighbour played by hand says of the holder of a name.
  enum Lie: CaseIterable { case itself, unusable, nobody, victim, liar }

  @Test("lies about who holds a name keep nobody out", arguments: Lie.allCases)
  func claimed(lie: Lie) throws {
    let world = World()
    let victim = try world.add(5, configuration: World.listing())
    world.join(victim, [])
    let member = try world.add(1, configuration: named("mine"))
    world.join(member, [World.endpoint(100)])
    let stage = try #require(try? LyingNeighbour(member, world))
    var liar = stage.intruder
    var answer = Claimed(id: StableID(name: "mine").value, observed: member.endpoint)
    (answer.status, answer.incarnation) = (.alive, 3)
    switch lie {
    case .itself: (answer.run, answer.endpoint) = (1, member.endpoint)
    case .unusable: (answer.run, answer.endpoint) = (9, Endpoint(ipv4: .max, port: 1))
    case .nobody: (answer.run, answer.endpoint) = (9, World.endpoint(77))
    case .victim: (answer.run, answer.endpoint) = (victim.id.value, victim.endpoint)
    case .liar: (answer.run, answer.endpoint) = (100, liar.endpoint)
    }
    let mark = world.sent.count
    liar.send(.claimed(answer), in: world)
    for _ in 0..<20 {
      liar.send(.acknowledge(highest: 0, count: 0), in: world)
      world.run(100)
    }
    #expect(member.node.lifecycle == .connected)
    #expect(conflicts(member).isEmpty)
    #expect(member.node.ownMember?.incarnation == 4)
    // Whoever was named was asked a few times.
    #expect(world.sent[mark...].filter { $0.bytes.first == Frame.member }.count <= 10)
  }

  @Test("answers about other names, or that nobody asked for, are dropped")
  func unasked() throws {
    let world = World()
    let member = try world.add(1, configuration: named("mine"))
    world.join(member, [World.endpoint(100)])
    var liar = try LyingNeighbour(member, world).intruder
    liar.send(.claimed(Claimed(id: 99, observed: member.endpoint)), in: world)
    liar.send(.claimed(Claimed(id: StableID(name: "mine").value, observed: .zero)), in: world)
    #expect(member.counters.droppedUnproven == 2)
    #expect(member.node.ownMember == nil)
    liar.send(.claimed(Claimed(id: StableID(name: "mine").value, observed: member.endpoint)), in: world)
    #expect(member.node.ownMember?.endpoint == member.endpoint)
    liar.send(.claimed(Claimed(id: StableID(name: "mine").value, observed: World.endpoint(70))), in: world)
    #expect(member.node.ownMember?.endpoint == member.endpoint)
    #expect(member.counters.droppedUnproven == 3)
  }

  @Test("what is said of this node before it knows where it is, is said of itself")
  func earlierRun() throws {
    let world = World()
    let member = try world.add(1, configuration: World.listing())
    world.join(member, [World.endpoint(100)])
    var neighbour = try LyingNeighbour(member, world).intruder
    let own = StableID(address: member.endpoint)
    neighbour.send(.alive(AliveRecord(1, run: 44, incarnation: 7)), in: world)
    neighbour.send(.claimed(Claimed(id: own.value, observed: member.endpoint)), in: world)
    #expect(member.node.members.filter { $0.id == own }.map(\.run) == [member.id])
    #expect(member.member(own)?.run == member.id)
    #expect(member.node.memberCounts.alive == 1)
    let incarnation = member.node.ownMember?.incarnation ?? 0
    #expect(incarnation > 7)
    neighbour.send(.suspect(own.value, incarnation, by: 9), in: world)
    #expect(member.node.ownMember?.incarnation == incarnation + 1)
  }
}

extension Node {
  /// Has the overlay hear of a member at an address.
  fileprivate mutating func introduce(_ number: Int, now: Instant) {
    let record = PeerRecord(id: UInt64(number), endpoint: World.endpoint(number))
    overlay.introduce(record, &view, now: now)
  }
}

/// A neighbour by hand that a newcomer turned to first.
private struct LyingNeighbour {
  var intruder: Intruder

  init(_ member: Member, _ world: World) throws {
    intruder = try Intruder(100, id: 100, linksWith: member, in: world)
  }
}
