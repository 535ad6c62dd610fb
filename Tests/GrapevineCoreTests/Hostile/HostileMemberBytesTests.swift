import Testing

@testable import GrapevineCore

@Suite("Hostile bytes: about members")
struct HostileMemberBytesTests {
  /// A message about members, of a random kind, about members that are known as often as not.
  private static func message(_ generator: inout Generator, of stage: MemberStage) -> WireMessage {
    func number() -> UInt32 { UInt32(truncatingIfNeeded: generator.next()) }
    let ids = stage.played.map(\.id) + [stage.own, generator.next() | 1]
    let id = ids[generator.below(ids.count)]
    let incarnation = generator.chance(0.7) ? UInt32(generator.below(6)) : number()
    switch generator.below(12) {
    case 0: return .ping(number())
    case 1: return .pingRequest(number(), id: id)
    case 2: return .pingAnswer(number())
    case 3: return .pingInVain(number())
    case 4, 5:
      var record = AliveRecord(99 + generator.below(40), run: generator.next() | 1, incarnation: incarnation)
      if generator.chance(0.3) { record.name = Array("n\(generator.below(9))".utf8) }
      if generator.chance(0.1) { record.endpoint = .zero }
      return .alive(record)
    case 6: return .suspect(id, incarnation, by: generator.next() | 1)
    case 7: return .failed(id, incarnation, by: generator.next() | 1)
    case 8: return .left(id, incarnation)
    case 9: return generator.chance(0.5) ? .claim(id) : .claimed(Claimed(id: id, observed: World.endpoint(9)))
    case 10:
      let bits = UInt8(generator.below(18))
      let hashes = (0..<1 + generator.below(64)).map { _ in number() }
      return .compare(bits: bits, first: UInt64(generator.below(1 << Int(bits))), hashes)
    default:
      return generator.chance(0.3)
        ? .contents
        : .compared(bits: UInt8(generator.below(18)), next: generator.next() >> 50, members: generator.next())
    }
  }

  /// Messages, often with a few bits flipped or an end cut off.
  private static func body(_ generator: inout Generator, of stage: MemberStage) -> [UInt8] {
    if generator.chance(0.1) {
      return (0..<generator.below(200)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
    }
    var body = bytes(of: (0...generator.below(4)).map { _ in message(&generator, of: stage) })
    if generator.chance(0.3) { body.removeLast(generator.below(body.count)) }
    for _ in 0..<generator.below(4) where !body.isEmpty && generator.chance(0.5) {
      body[generator.below(body.count)] ^= 1 << UInt8(generator.below(8))
    }
    return body
  }

  @Test(
    "thousands of random and damaged frames stop no node and fill no table", arguments: [1, 2, 3] as [UInt64])
  func frames(seed: UInt64) throws {
    let stage = try MemberStage(5) { $0.capacity = 16 }
    var intruder = try Intruder(90, id: 90, linksWith: stage.member, in: stage.world)
    var generator = Generator(seed: seed)
    for step in 0..<4_000 {
      let body = Self.body(&generator, of: stage)
      let mark = stage.mark
      switch generator.below(3) {
      case 0: intruder.send(body, in: stage.world)
      case 1: stage.say(generator.below(5), body: body)
      default:
        let frame = memberFrame(body, id: generator.next(), run: generator.next(), to: stage.member.id.value)
        let stranger = World.endpoint(7_000)
        stage.world.inject(frame, into: stage.member, from: stranger)
        let answers = stage.world.sent[mark...].filter { $0.destination == stranger }
        #expect(answers.map(\.bytes.count).reduce(0, +) <= 3 * frame.count)
      }
      // A comparison is the longest answer.
      #expect(stage.mark - mark <= 24)
      #expect(stage.member.node.members.count <= 16)
      if step % 50 == 0 { stage.pass(500) }
    }
    let counts = stage.counts
    #expect(counts.alive + counts.suspect + counts.failed + counts.left == stage.member.node.members.count)
    #expect(stage.member.node.lifecycle == .connected)
    let own = stage.member.node.ownMember
    #expect(own?.status == .alive && own?.run == stage.member.id)
    // It works as before.
    stage.say(0, .ping(77))
    stage.pass(10)
    #expect(stage.heard(0).contains(.pingAnswer(77)))
  }

  @Test("what members of a cluster tell each other, damaged under a right checksum, stops none of them")
  func mutated() throws {
    let world = World()
    let members = try world.cluster(3, configuration: World.listing())
    try members[1].node.setTags(["zone": "a"], now: world.now)
    world.run(3_000)
    let captured = world.sent.filter { $0.bytes.first == Frame.member }
    #expect(captured.count > 10)
    var generator = Generator(seed: 5)
    for packet in captured {
      guard let victim = members.first(where: { $0.endpoint == packet.destination }) else { continue }
      for _ in 0..<100 {
        var body = Array(packet.bytes[Frame.memberHeader...])
        for _ in 0...generator.below(4) { body[generator.below(body.count)] = UInt8(generator.below(256)) }
        let sender = members.first { $0.endpoint == packet.source }
        let frame = memberFrame(
          body, id: StableID(address: packet.source).value, run: sender?.id.value ?? 1, to: victim.id.value)
        world.inject(frame, into: victim, from: packet.source)
      }
    }
    world.run(60_000)
    for member in members {
      #expect(member.node.lifecycle == .connected)
      #expect(member.node.members.count <= 64)
      for other in members { #expect(member.member(StableID(address: other.endpoint))?.run == other.id) }
    }
  }
}
