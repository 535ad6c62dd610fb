import Testing

@testable import GrapevineCore

@Suite("HyParView: the way out of an island")
struct RescueTests {
  /// A CONNECT of a stranger that wants a walk.
  private func plead(_ stage: borrowing Stage, as number: Int, nonce: UInt64) throws -> [WireMessage] {
    let source = World.endpoint(number)
    let cookie = try Intruder.cookie(
      for: source, id: UInt64(number), nonce: nonce, of: stage.member, in: stage.world)
    let connect = Connect(
      nonce: nonce, cookie: cookie, sender: UInt64(number), need: .rescue, window: 64)
    return Intruder.ask(.connect(connect), stage.member, from: source, in: stage.world)
  }

  @Test("a contact sends one walk for who fears to be cut off, and makes no link; so many walks and no more")
  func contact() throws {
    var stage = try Stage()
    try stage.add(5)
    let mark = stage.mark
    let reply = try plead(stage, as: 70, nonce: 1)
    guard case .refuse = try #require(reply.first) else {
      Issue.record("\(reply)")
      return
    }
    let walks = stage.world.sent[mark...].flatMap { packet -> [ForwardJoin] in
      (messages(in: packet.bytes, sender: 1) ?? []).compactMap {
        if case .forwardJoin(let walk) = $0 { walk } else { nil }
      }
    }
    #expect(walks.map(\.isRescue) == [true])
    #expect(walks.first?.ttl == 6 && walks.first?.newcomer.endpoint == World.endpoint(70))
    #expect(stage.linked == [0, 1, 2, 3, 4])
    for number in UInt64(0)..<50 { _ = try plead(stage, as: 71, nonce: 100 + number) }
    #expect(stage.walks(since: mark).count <= 2, "a pause lies between walks")
  }

  @Test("whoever such a walk ends at asks urgently; those whose walks end without need ask politely")
  func end() throws {
    for isRescue in [false, true] {
      var stage = try Stage()
      try stage.add(3)
      let newcomer = PeerRecord(id: 90, endpoint: World.endpoint(90))
      let mark = stage.mark
      stage.send(0, .forwardJoin(ForwardJoin(ttl: 0, newcomer: newcomer, isRescue: isRescue)))
      let hello = stage.world.sent[mark...].first { $0.destination == newcomer.endpoint }
      guard case .hello(let greeting)? = hello.flatMap({ messages(in: $0.bytes, sender: 1)?.first }) else {
        Issue.record("no HELLO")
        return
      }
      let challenge = Challenge(nonce: greeting.nonce, sender: 90, cookie: 5)
      let asked = stage.world.sent.count
      stage.world.inject(
        openFrame(bytes(of: [.challenge(challenge)])), into: stage.member, from: newcomer.endpoint)
      let connect = stage.world.sent[asked...].first { $0.destination == newcomer.endpoint }
      guard case .connect(let request)? = connect.flatMap({ messages(in: $0.bytes, sender: 1)?.first }) else {
        Issue.record("no CONNECT")
        return
      }
      #expect(request.need == (isRescue ? .high : .low))
    }
  }

  @Test(
    "a member that loses most neighbours at once asks its contact for a walk; one that loses one does not")
  func trigger() throws {
    for lost in [1, 4] {
      let world = World()
      let contact = try world.add(1)
      world.join(contact, [])
      var members: [Member] = []
      for number in 2...30 {
        let member = try world.add(number)
        world.join(member, [contact.endpoint])
        members.append(member)
        world.run(100)
      }
      world.run(5_000)
      let member = try #require(
        members.first { member in !member.node.neighbours.contains { $0.endpoint == contact.endpoint } })
      let neighbours = member.node.neighbours.prefix(lost).map(\.endpoint)
      // With the four goes nearly everybody who could take their place.
      let kept = member.node.neighbours.dropFirst(lost).map(\.endpoint) + [member.endpoint]
      for victim in members
      where lost == 4 ? !kept.contains(victim.endpoint) : neighbours.contains(victim.endpoint) {
        world.crash(victim)
      }
      let mark = world.sent.count
      world.run(8_000)
      let pleas = world.sent[mark...].count { packet in
        guard packet.source == member.endpoint, packet.destination == contact.endpoint,
          case .connect(let connect)? = messages(in: packet.bytes, sender: 1)?.first
        else { return false }
        return connect.need == .rescue
      }
      // A link with the contact itself is a way out too.
      let isOut = pleas > 0 || member.node.neighbours.contains { $0.endpoint == contact.endpoint }
      #expect(lost == 4 ? isOut : pleas == 0, "\(pleas) pleas after \(lost) losses")
    }
  }
}
