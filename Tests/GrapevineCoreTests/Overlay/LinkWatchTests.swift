import Testing

@testable import GrapevineCore

@Suite("Link: watching whether the other end lives")
struct LinkWatchTests {
  private static let start = Instant(nanoseconds: 1_000_000_000)
  private static let millisecond: Nanoseconds = 1_000_000

  private static func established() -> Link {
    var link = Link()
    link.establish(peerWindow: 1_000, now: start)
    return link
  }

  /// A link over which every `every`-th of our frames was lost for a while; 0 for none.
  private static func worn(every: Int) -> Link {
    var link = established()
    var now = start
    var received: UInt16 = 0
    for frame in 1...2_000 {
      link.didSend(eliciting: true, now: now)
      now = now + millisecond
      if every == 0 || frame % every != 0 { received &+= 1 }
      guard frame % 10 == 0 else { continue }
      link.onAcknowledge(highest: link.nextNumber &- 1, count: received, now: now)
    }
    return link
  }

  @Test("the worse the loss, the more probes: enough for one false alarm in 10,000, up to 50 %")
  func probeLimit() {
    #expect(Self.established().probeLimit == 5)
    #expect(Self.worn(every: 0).probeLimit == 5)
    let limits = [10, 5, 3, 2].map { Self.worn(every: $0).probeLimit }
    #expect(limits == limits.sorted() && limits[0] >= 5 && limits[3] > limits[0])
    for (every, limit) in zip([10, 5, 3, 2], limits) {
      // A probe and its answer, both of which must arrive.
      let silence = 1 - (1 - 1 / Double(every)) * (1 - 1 / Double(every))
      var chance = 1.0
      for _ in 0..<limit { chance *= silence }
      #expect(chance < 3e-4, "1/\(every) lost: \(limit) probes, all lost with \(chance)")
    }
  }

  @Test("whatever share is said to be lost, the limit is bounded")
  func extremeLoss() {
    var link = Self.established()
    link.lossShare = .max
    #expect(link.probeLimit >= 5)
    link.lossShare = 65_536
    #expect(link.probeLimit == 105)
  }

  @Test("the wait for an answer follows the measured round trip and its deviation, with a floor")
  func retryTime() {
    var link = Self.established()
    #expect(link.retryTime == 100 * Self.millisecond)
    var now = Self.start
    var count: UInt16 = 0
    func roundTrip(_ milliseconds: UInt64) {
      link.didSend(eliciting: true, now: now)
      now = now + milliseconds * Self.millisecond
      count &+= 1
      link.onAcknowledge(highest: link.nextNumber &- 1, count: count, now: now)
    }
    roundTrip(200)
    #expect(link.roundTrip == 200 * Self.millisecond && link.deviation == 100 * Self.millisecond)
    #expect(link.retryTime == 600 * Self.millisecond, "RFC 6298 §2.2: R + 4 R/2")
    for _ in 0..<100 { roundTrip(200) }
    #expect((200 * Self.millisecond...210 * Self.millisecond).contains(link.retryTime), "no deviation left")
    for number in 0..<100 { roundTrip(number % 2 == 0 ? 100 : 300) }
    #expect(link.retryTime > 500 * Self.millisecond, "a round trip that varies is waited for longer")
    for _ in 0..<200 { roundTrip(1) }
    #expect(link.retryTime == 100 * Self.millisecond)
  }

  @Test("a frame from the other end ends the probing")
  func answered() {
    var link = Self.established()
    var now = Self.start
    for _ in 0..<4 {
      link.suspect(now: now)
      link.didProbe(now: now)
      now = link.nextProbe
      #expect(!link.isGone(now: now))
    }
    link.didReceive(number: 1, now: now)
    #expect(link.probes == 0 && !link.owesProbe && link.nextProbe == .never)
    for _ in 0..<5 {
      link.didProbe(now: now)
      #expect(!link.isGone(now: now), "the last probe has its time too")
      now = link.nextProbe
    }
    #expect(link.isGone(now: now))
  }

  @Test("a neighbour that dies in silence is found dead after five probes, in about two seconds")
  func idle() throws {
    let world = World()
    let members = try world.cluster(2)
    world.run(10_000)
    world.crash(members[1])
    let (mark, start) = (world.sent.count, world.now)
    let isFound = world.run(5_000) { members[0].node.neighbourCount == 0 }
    #expect(isFound)
    let milliseconds = world.now.since(start) / Self.millisecond
    #expect((1_000...2_200).contains(milliseconds), "\(milliseconds) ms")
    let words = world.sent[mark...].flatMap { messages(in: $0.bytes, sender: 1) ?? [] }
    let probes = words.count { $0 == .probe }
    #expect(probes == 5)
    #expect(members[0].events.last == .neighbourDown(members[1].id, members[1].endpoint, .timedOut))
  }

  @Test("with traffic it is found within a second")
  func busy() throws {
    let world = World()
    let members = try world.cluster(2)
    world.run(10_000)
    world.crash(members[1])
    let start = world.now
    try world.broadcast("anybody?", from: members[0])
    let isFound = world.run(5_000) { members[0].node.neighbourCount == 0 }
    let milliseconds = world.now.since(start) / Self.millisecond
    #expect(isFound && (500...1_000).contains(milliseconds), "\(milliseconds) ms")
  }

  @Test("on idle links too, little of such loss is taken for death")
  func lossyAndIdle() throws {
    var drops: UInt64 = 0
    for seed in UInt64(1)...15 {
      let world = World()
      let members = try world.cluster(2)
      var generator = Generator(seed: seed)
      world.isLost = { _ in generator.chance(0.3) }
      world.run(600_000)
      drops += members[0].counters.linksDown
      let slot = members[0].node.view.slot(of: members[1].endpoint)
      let link = members[0].node.view.links[try #require(slot)]
      #expect(link.phase == .up && (0.1...0.55).contains(Double(link.lossShare) / 65_536))
    }
    #expect(drops <= 4, "\(drops) in 150 minutes")
  }

  @Test(
    "ten minutes at 30 % loss: the link lives", arguments: 1...4 as ClosedRange<UInt64>)
  func lossy(seed: UInt64) throws {
    let world = World()
    let members = try world.cluster(2)
    var generator = Generator(seed: seed)
    world.isLost = { _ in generator.chance(0.3) }
    for number in 0..<600 {
      try world.broadcast("\(number)", from: members[number % 2])
      world.run(1_000)
    }
    #expect(members.map(\.counters.linksDown) == [0, 0])
    #expect(members.allSatisfy { $0.node.neighbourCount == 1 && $0.deliveries.count >= 299 })
  }
}
