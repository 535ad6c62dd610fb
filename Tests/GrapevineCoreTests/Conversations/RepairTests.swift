import Testing

@testable import GrapevineCore

@Suite("Repair: what is lost is asked for")
struct RepairTests {
  @Test("one lost datagram is repaired within a few round trips")
  func oneLost() throws {
    let world = World()
    let members = try world.cluster(2)
    var losses = 0
    world.isLost = { packet in
      guard packet.carriesGossip, losses == 0 else { return false }
      losses += 1
      return true
    }
    try world.broadcast("lost", from: members[0])
    #expect(world.run(200) { members[1].texts == ["lost"] })
    #expect(losses == 1)
    #expect(members[1].counters.requestsSent == 1 && members[0].counters.repairs == 1)
    #expect(members[1].counters.duplicates == 0)
  }

  @Test("a hole between messages that arrived is repaired, and nothing else is sent again")
  func hole() throws {
    let world = World()
    let members = try world.cluster(2)
    for number in 1...9 {
      world.isLost = { $0.carriesGossip && number == 5 }
      try world.broadcast("\(number)", from: members[0])
      world.run(1)
    }
    #expect(members[1].texts.sorted() == ["1", "2", "3", "4", "6", "7", "8"] || members[1].texts.count < 9)
    world.isLost = { _ in false }
    #expect(world.run(500) { members[1].deliveries.count == 9 })
    #expect(Set(members[1].texts) == Set((1...9).map(String.init)))
    #expect(members[0].counters.repairs == 1 && members[1].counters.duplicates == 0)
  }

  @Test("half of all datagrams lost delays messages and loses none", arguments: 1...5 as ClosedRange<UInt64>)
  func heavyLoss(seed: UInt64) throws {
    let world = World()
    let members = try world.cluster(4)
    var generator = Generator(seed: seed)
    world.isLost = { _ in generator.chance(0.5) }
    for number in 0..<40 {
      try world.broadcast("\(number)", from: members[number % 4])
      world.run(10)
    }
    #expect(world.run(60_000) { members.allSatisfy { $0.deliveries.count == 30 } })
    for member in members {
      #expect(Set(member.deliveries).count == member.deliveries.count)
      #expect(member.gaps.isEmpty)
    }
  }

  @Test("a late joiner gets the log")
  func lateJoiner() throws {
    let world = World()
    let members = try world.cluster(2)
    for number in 1...100 {
      try world.broadcast("\(number)", from: members[number % 2])
      world.run(5)
    }
    let late = try world.add(3)
    world.join(late, [members[0].endpoint])
    #expect(world.run(3_000) { late.deliveries.count == 100 })
    #expect(Set(late.texts).count == 100)
    #expect(late.gaps.isEmpty)
  }

  /// A log that holds 64 messages, and neighbours that are waited for one second.
  private static var forgetful: Configuration {
    var configuration = World.small
    configuration.logMessages = 64
    configuration.sequenceWindow = 1_024
    configuration.stallLimit = .seconds(1)
    configuration.gapPatience = .seconds(2)
    return configuration
  }

  /// Broadcasts `count` messages while datagrams from `sender` to `deaf` are lost, with time to forget the
  /// first.
  private func broadcastUnheard(_ count: Int, from sender: Member, by deaf: Member, in world: World) throws {
    world.isLost = { $0.source == sender.endpoint && $0.destination == deaf.endpoint && $0.carriesGossip }
    for number in 1...count {
      if (try? world.broadcast("\(number)", from: sender)) == nil {
        world.run(1_100)
        try world.broadcast("\(number)", from: sender)
      }
      world.run(1)
    }
    world.isLost = { _ in false }
  }

  @Test("what the log no longer has is a gap, with its origin, range and number")
  func gap() throws {
    let world = World()
    let members = try world.cluster(2, configuration: Self.forgetful)
    world.run(6_000)
    try broadcastUnheard(100, from: members[0], by: members[1], in: world)
    world.run(10_000)
    #expect(members[1].gaps == [.gap(origin: members[0].id, first: 1, last: 36, missing: 36)])
    #expect(Set(members[1].texts) == Set((37...100).map(String.init)))
    #expect(members[1].counters.messagesLost == 36)
    try world.broadcast("after", from: members[0])
    world.run(500)
    #expect(members[1].texts.last == "after")
  }

  @Test("to a newcomer, what was forgotten before it came is no gap")
  func newcomer() throws {
    let world = World()
    let members = try world.cluster(1, configuration: Self.forgetful)
    for number in 1...100 { try world.broadcast("\(number)", from: members[0]) }
    let late = try world.add(2, configuration: Self.forgetful)
    world.join(late, [members[0].endpoint])
    world.run(10_000)
    #expect(late.gaps.isEmpty)
    #expect(Set(late.texts) == Set((37...100).map(String.init)))
    try world.broadcast("after", from: members[0])
    world.run(500)
    #expect(late.texts.last == "after")
  }

  @Test("two newcomers that know each other both get what there is")
  func newcomers() throws {
    let world = World()
    let members = try world.cluster(1, configuration: Self.forgetful)
    for number in 1...100 { try world.broadcast("\(number)", from: members[0]) }
    for number in 2...3 {
      let late = try world.add(number, configuration: Self.forgetful)
      world.join(late, [members[0].endpoint])
    }
    world.run(20_000)
    for late in world.members[1...] {
      #expect(late.node.neighbourCount == 2)
      #expect(late.gaps.isEmpty)
      #expect(Set(late.texts) == Set((37...100).map(String.init)))
    }
  }

  @Test("what nobody has any more is a gap to each of several, and only that")
  func gapOfSeveral() throws {
    let world = World()
    let members = try world.cluster(3, configuration: Self.forgetful)
    world.run(6_000)
    world.isLost = { $0.source == World.endpoint(1) && $0.carriesGossip }
    for number in 1...100 {
      if (try? world.broadcast("\(number)", from: members[0])) == nil {
        world.run(1_100)
        try world.broadcast("\(number)", from: members[0])
      }
    }
    world.isLost = { _ in false }
    world.run(30_000)
    for member in members[1...] {
      #expect(member.gaps == [.gap(origin: members[0].id, first: 1, last: 36, missing: 36)])
      #expect(Set(member.texts) == Set((37...100).map(String.init)))
    }
  }

  @Test("best effort is delivered once where it arrives, and never repaired")
  func bestEffort() throws {
    let world = World()
    let members = try world.cluster(3)
    try world.broadcast("arrives", from: members[0], level: .bestEffort, isTagged: true)
    world.run(500)
    world.isLost = { $0.carriesGossip }
    try world.broadcast("lost", from: members[0], level: .bestEffort)
    world.run(500)
    world.isLost = { _ in false }
    world.run(20_000)
    for member in members[1...] {
      #expect(
        member.deliveries == [
          Delivery(origin: 1, sequence: 1, level: .bestEffort, isTagged: true, payload: Array("arrives".utf8))
        ])
      #expect(member.counters.requestsSent == 0 && member.gaps.isEmpty)
    }
  }

  @Test("tags and levels arrive as they were sent, and levels are numbered apart")
  func tags() throws {
    let world = World()
    let members = try world.cluster(2)
    for (level, isTagged) in [(DeliveryLevel.reliable, true), (.bestEffort, false), (.reliable, false)] {
      try world.broadcast("x", from: members[0], level: level, isTagged: isTagged)
    }
    world.run(500)
    let seen = members[1].deliveries.map { "\($0.level) \($0.sequence) \($0.isTagged)" }
    #expect(seen.sorted() == ["bestEffort 1 false", "reliable 1 true", "reliable 2 false"])
  }
}
