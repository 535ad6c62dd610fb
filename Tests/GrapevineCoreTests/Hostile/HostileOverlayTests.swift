import Testing

@testable import GrapevineCore

@Suite("HyParView: what a hostile neighbour cannot do")
struct HostileOverlayTests {
  private static let stranger = Stage.stranger(50)

  private func staged(_ count: Int = 5) throws -> Stage {
    var stage = try Stage()
    try stage.add(count)
    stage.pass(300)
    return stage
  }

  /// Sends a body, which must be dropped as a whole, counted, and answered by nobody.
  private func expectDropped(
    _ body: [UInt8], _ stage: inout Stage, _ comment: Comment? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) {
    let (mark, before) = (stage.mark, stage.member.counters.droppedInvalid)
    stage.send(0, body: body)
    #expect(stage.member.counters.droppedInvalid == before + 1, comment, sourceLocation: sourceLocation)
    #expect(stage.mark == mark, comment, sourceLocation: sourceLocation)
    #expect(stage.linked.count == stage.neighbours.count, comment, sourceLocation: sourceLocation)
  }

  @Test("messages cut short anywhere are dropped whole")
  func truncated() throws {
    var stage = try staged(3)
    let records = (60..<64).map(Stage.stranger)
    let whole: [WireMessage] = [
      .forwardJoin(ForwardJoin(ttl: 3, newcomer: Self.stranger)),
      .shuffle(Shuffle(hops: 0, ttl: 0, nonce: 9, origin: Self.stranger), records),
      .shuffle(Shuffle(hops: 2, ttl: 4, nonce: 9, origin: Self.stranger), records),
      .shuffle(Shuffle(hops: 16, ttl: 0, nonce: 9, origin: Self.stranger), []),
    ]
    for message in whole {
      let body = bytes(of: [message])
      for length in 1..<body.count { expectDropped(Array(body[..<length]), &stage, "\(message) \(length)") }
    }
    #expect(stage.member.node.knownCount == 0)
    let goodbye = bytes(of: [.disconnect(records)])
    let before = stage.member.counters.droppedInvalid
    for length in 1..<goodbye.count { stage.send(0, body: Array(goodbye[..<length])) }
    #expect(stage.member.counters.droppedInvalid == before + UInt64(goodbye.count - 1))
    let reply = bytes(of: [.shuffleReply(ShuffleReply(nonce: 0, sender: 5), records)])
    for length in 1..<reply.count {
      stage.world.inject(openFrame(Array(reply[..<length])), into: stage.member, from: World.endpoint(80))
    }
    #expect(stage.linked == [0, 1, 2])
  }

  @Test("kinds of another overlay, and of none, are dropped", arguments: [false, true])
  func unknown(isFull: Bool) throws {
    var configuration = World.small
    if isFull { configuration.overlay = .full }
    var stage = try Stage(configuration)
    try stage.add(3, need: .arc)
    stage.pass(300)
    for kind in UInt8(0x32)...0x3f {
      for length in 0..<40 { expectDropped([kind] + [UInt8](repeating: 1, count: length), &stage, "\(kind)") }
    }
  }

  @Test("hops that no configuration has are refused: nothing goes on, nothing is remembered")
  func hops() throws {
    var stage = try staged(3)
    let record = written { Self.stranger.write(to: &$0) }
    let nonce = [UInt8](repeating: 7, count: 8)
    for hops in UInt8(17)...255 {
      // The high bit of a FORWARDJOIN says what it is for, and is not part of its hops.
      if hops & 0x7f > 16 {
        expectDropped([MessageKind.forwardJoin, hops] + record, &stage, "ttl \(hops)")
      }
      expectDropped([MessageKind.shuffle, 0, hops] + nonce + [0], &stage, "ttl \(hops)")
      expectDropped([MessageKind.shuffle, hops, 0] + nonce + record + [0], &stage, "hops \(hops)")
    }
    for count in UInt8(9)...255 {
      let records = (0..<count).flatMap { _ in record }
      expectDropped([MessageKind.shuffle, 1, 0] + nonce + record + [count] + records, &stage, "\(count)")
    }
    #expect(stage.member.node.knownCount == 0)
  }

  @Test("a walk goes no further than our own walks, whatever it claims", arguments: [7, 15, 16] as [UInt8])
  func longWalk(ttl: UInt8) throws {
    var stage = try staged(3)
    let mark = stage.mark
    stage.send(0, .forwardJoin(ForwardJoin(ttl: ttl, newcomer: Self.stranger)))
    stage.send(0, .shuffle(Shuffle(hops: 16, ttl: ttl, nonce: 9, origin: Self.stranger), []))
    #expect(stage.walks(since: mark).map(\.1.ttl) == [5])
    #expect(stage.shuffles(since: mark).map(\.1.ttl) == [5] && stage.shuffles(since: mark)[0].1.hops == 16)
  }

  @Test("nobody is known twice, and never the node itself, a neighbour, or an address that is none")
  func names() throws {
    var stage = try staged(3)
    let own = PeerRecord(id: stage.member.id.value, endpoint: World.endpoint(70))
    let nowhere = PeerRecord(id: 5, endpoint: .zero)
    let neighbour = PeerRecord(id: 6, endpoint: stage.neighbours[1].endpoint)
    let records = [own, nowhere, neighbour, Self.stranger, Self.stranger, own, nowhere, Self.stranger]
    let mark = stage.mark
    for _ in 0..<10 {
      stage.send(0, .sample(records))
      for origin in [own, nowhere] {
        stage.send(0, .shuffle(Shuffle(hops: 3, ttl: 0, nonce: 9, origin: origin), records))
      }
      for newcomer in [own, nowhere, neighbour] {
        stage.send(0, .forwardJoin(ForwardJoin(ttl: 0, newcomer: newcomer)))
      }
    }
    #expect(stage.member.node.knownCount == 1 && stage.knows(Self.stranger))
    #expect(stage.greetings(since: mark).allSatisfy { $0 == Self.stranger.endpoint })
    #expect(stage.heard(at: own.endpoint, since: mark).isEmpty)
    #expect(stage.linked == [0, 1, 2])
  }

  @Test(
    "newcomers by the thousand that do not exist: few handshakes, few datagrams, no neighbour lost",
    arguments: [3, 5])
  func walkFlood(neighbours: Int) throws {
    var stage = try staged(neighbours)
    let mark = stage.mark
    var number = 1_000
    var pending = 0
    for _ in 0..<200 {
      for _ in 0..<10 {
        number += 1
        stage.send(0, .forwardJoin(ForwardJoin(ttl: 0, newcomer: Stage.stranger(number))))
      }
      stage.pass(50)
      pending = max(pending, stage.member.node.view.pendingCount)
    }
    #expect(pending <= 4 + 5 - neighbours, "\(pending)")
    let greetings = stage.greetings(since: mark).count
    #expect(greetings <= 10 * 40, "\(greetings) in 10 s")
    #expect(stage.linked.count == neighbours)
    #expect(stage.member.node.knownCount <= World.small.passiveCapacity)
  }

  @Test("accomplices that a neighbour names displace no more than one neighbour a pause")
  func accomplices() throws {
    var stage = try staged()
    let mark = stage.mark
    for step in 0..<100 {
      let number = 1_000 + step
      guard let sender = stage.linked.first else { break }
      let walkMark = stage.mark
      stage.send(sender, .forwardJoin(ForwardJoin(ttl: 0, newcomer: Stage.stranger(number))))
      if stage.greetings(since: walkMark).contains(World.endpoint(number)) {
        _ = try? stage.accept(number, since: walkMark)
      }
      stage.pass(20)
    }
    let displaced = stage.member.events.count { event in
      if case .neighbourDown(_, _, .closedHere) = event { true } else { false }
    }
    #expect(stage.mark > mark)
    #expect(displaced > 0 && displaced <= 2_000 / 250 + 1, "\(displaced) in 2 s")
  }

  @Test("goodbye is for who can say it: a forged one costs nobody a link")
  func forgedGoodbye() throws {
    let stage = try staged()
    let body = bytes(of: [.disconnect([Self.stranger])])
    let before = stage.member.counters
    for number in 0..<50 {
      let frame = linkFrame(body, number: UInt16(number + 10), key: UInt64(number))
      stage.world.inject(frame, into: stage.member, from: stage.neighbours[number % 5].endpoint)
      stage.world.inject(frame, into: stage.member, from: World.endpoint(200 + number))
      // The key of another neighbour's link.
      let other = linkFrame(body, number: 500, key: stage.neighbours[(number + 1) % 5].sendKey)
      stage.world.inject(other, into: stage.member, from: stage.neighbours[number % 5].endpoint)
      stage.world.inject(openFrame(body), into: stage.member, from: stage.neighbours[number % 5].endpoint)
    }
    let after = stage.member.counters
    #expect(stage.linked == [0, 1, 2, 3, 4] && !stage.knows(Self.stranger))
    #expect(after.droppedChecksum == before.droppedChecksum + 100)
    #expect(after.droppedUnlinked == before.droppedUnlinked + 50)
    #expect(after.droppedInvalid == before.droppedInvalid + 50)
  }

  @Test("the answer to a shuffle is no longer than the shuffle, whomever it is to", arguments: [false, true])
  func amplification(knowsLongAddresses: Bool) throws {
    var stage = try staged(3)
    let known = (0..<24).map { number in
      let long = Endpoint(high: 1 << 60, low: UInt64(number), port: 9)
      return PeerRecord(
        id: UInt64(900 + number), endpoint: knowsLongAddresses ? long : World.endpoint(900 + number))
    }
    for start in stride(from: 0, to: 24, by: 8) { stage.send(1, .sample(Array(known[start..<start + 8]))) }
    var answers = 0
    for count in 0...8 {
      for hops in [1, 4, 16] as [UInt8] {
        let target = World.endpoint(200 + count)
        let shuffle = Shuffle(hops: hops, ttl: 0, nonce: 9, origin: PeerRecord(id: 200, endpoint: target))
        let records = (0..<count).map { Stage.stranger(300 + $0) }
        stage.pass(30)
        let mark = stage.mark
        stage.send(0, .shuffle(shuffle, records))
        let replies = stage.world.sent[mark...].filter { $0.destination == target }
        #expect(replies.count == 1)
        let asked = bytes(of: [.shuffle(shuffle, records)]).count
        #expect(replies.allSatisfy { $0.bytes.count <= asked }, "\(replies.map(\.bytes.count)) for \(asked)")
        answers += replies.count
      }
    }
    #expect(answers == 27)
  }

  @Test("shuffles by the thousand: an answer each at most, and nothing grows")
  func shuffleFlood() throws {
    var stage = try staged()
    let mark = stage.mark
    let pending = stage.member.node.view.pendingCount
    for number in 0..<2_000 {
      let origin = Stage.stranger(1_000 + number)
      stage.send(
        0, .shuffle(Shuffle(hops: 3, ttl: UInt8(number % 2), nonce: 9, origin: origin), [Self.stranger]))
      if number % 100 == 0 { stage.pass(20) }
    }
    let answers = stage.world.sent[mark...].count { $0.handshake == MessageKind.shuffleReply }
    #expect(answers <= 1_000 && stage.shuffles(since: mark).count <= 1_001)
    #expect(answers <= 100, "a bucket for each link, and a pause between answers to the unproven")
    #expect(stage.member.node.knownCount <= World.small.passiveCapacity)
    #expect(stage.linked == [0, 1, 2, 3, 4] && stage.member.node.view.pendingCount == pending)
    #expect(stage.greetings(since: mark).isEmpty)
  }

  @Test("replies to shuffles that never were teach nothing and are answered by nothing")
  func replies() throws {
    let stage = try staged()
    let (mark, before) = (stage.mark, stage.member.counters.droppedUnproven)
    var generator = Generator(seed: 3)
    for number in 0..<1_000 {
      let reply = ShuffleReply(nonce: number == 0 ? 0 : generator.next(), sender: 5)
      let frame = openFrame(bytes(of: [.shuffleReply(reply, [Self.stranger])]))
      stage.world.inject(frame, into: stage.member, from: World.endpoint(200 + number))
    }
    #expect(stage.member.counters.droppedUnproven == before + 1_000)
    #expect(stage.mark == mark && stage.member.node.knownCount == 0)
  }

  @Test("over a full view as well, addresses that are none cost few handshakes and no link")
  func fullView() throws {
    var configuration = World.small
    configuration.overlay = .full
    configuration.viewCapacity = 12
    var stage = try Stage(configuration)
    try stage.add(4, need: .arc)
    let mark = stage.mark
    for step in 0..<100 {
      for number in 0..<10 {
        let record = Stage.stranger(1_000 + step * 10 + number)
        stage.send(0, .forwardJoin(ForwardJoin(ttl: 0, newcomer: record)))
      }
      stage.pass(50)
    }
    #expect(stage.member.node.view.pendingCount <= 4 && stage.linked == [0, 1, 2, 3])
    let greetings = stage.greetings(since: mark).count
    #expect(greetings <= 5 * 40, "\(greetings) in 5 s")
  }
}

@Suite("Plumtree: what a hostile neighbour cannot do")
struct HostilePlumtreeTests {
  @Test("messages that nobody has: few requests and grafts for each origin, and it gets no more by growing")
  func announcements() throws {
    var stage = try Stage()
    try stage.add(3)
    stage.pass(300)
    let mark = stage.mark
    for step in 1...500 {
      stage.send(
        0, .digest(asking: false, [.init(9, floor: UInt64(step), available: UInt64(step), hops: 1)]))
      if step % 5 == 0 { stage.pass(100) } else { stage.world.run(1) }
    }
    let requests = stage.heard(0, since: mark).count { if case .request = $0 { true } else { false } }
    let grafts = stage.neighbours.indices.map { neighbour in
      stage.heard(neighbour, since: mark).count { $0 == .graft }
    }
    #expect((5...25).contains(requests), "\(requests) in 10 s")
    #expect(grafts[0] <= requests && grafts[1] == 0 && grafts[2] == 0, "\(grafts)")
    #expect(stage.linked == [0, 1, 2])
  }

  @Test("announcements of many origins fill the table and no more; honest messages still come")
  func manyOrigins() throws {
    let pair = try HonestPair(count: 3)
    var intruder = try Intruder(66, id: 66, linksWith: pair.members[0], in: pair.world)
    let mark = pair.world.sent.count
    let start = pair.world.now
    for step in 0..<200 {
      let states = (0..<10).map { number in
        WireMessage.StreamState(
          0x1000 + UInt64((step * 10 + number) % 40), floor: UInt64(step + 1), available: 1, hops: 1)
      }
      intruder.send(.digest(asking: true, states), in: pair.world)
      pair.world.run(10)
    }
    try pair.expectHonestTraffic("while it goes on")
    let milliseconds = pair.world.now.since(start) / World.millisecond
    let words = pair.world.sent[mark...].filter { $0.destination == intruder.endpoint }
    #expect(UInt64(words.count) <= milliseconds / 4, "\(words.count) datagrams in \(milliseconds) ms")
    #expect(intruder.victim.node.dissemination.streams.count <= World.small.streamCapacity)
    let requests = words.flatMap { messages(in: $0.bytes, sender: 1) ?? [] }
      .count { if case .request = $0 { true } else { false } }
    #expect(requests <= 40 * 12, "\(requests) requests")
  }

  @Test("PRUNE and GRAFT by turns are answered by nothing and change nobody else's links")
  func flapping() throws {
    var stage = try Stage()
    try stage.add(3)
    stage.pass(300)
    let mark = stage.mark
    for _ in 0..<1_000 { stage.send(0, .prune, .graft, .prune) }
    #expect(stage.mark - mark <= 1_000 * 3 / 256 + 1, "acknowledgements, now and then")
    let grafted = stage.mark
    try stage.world.broadcast("one", from: stage.member)
    let isPushed = (0..<3).map { neighbour in
      stage.heard(neighbour, since: grafted).contains { if case .gossip = $0 { true } else { false } }
    }
    #expect(isPushed == [false, true, true])
    #expect(stage.member.counters.prunesSent == 0 && stage.member.counters.graftsSent == 0)
  }

  @Test("a neighbour that prunes whoever pushes to it, and grafts at once, costs the others nothing")
  func pruner() throws {
    let pair = try HonestPair(count: 3)
    var intruder = try Intruder(66, id: 66, linksWith: pair.members[0], in: pair.world)
    for step in 0..<200 {
      intruder.send(step % 2 == 0 ? .prune : .graft, in: pair.world)
      if step % 20 == 0 { try pair.world.broadcast("\(step)", from: pair.members[step / 20 % 3]) }
      pair.world.run(5)
    }
    try pair.expectHonestTraffic()
    #expect(pair.members.allSatisfy { $0.counters.messagesLost == 0 })
  }

  @Test("a neighbour that repeats everything is told to stop at most once per settling time")
  func repeater() throws {
    var stage = try Stage()
    try stage.add(2)
    stage.send(0, .forwarded(9, 1, "x", hops: 1))
    let mark = stage.mark
    for _ in 0..<100 {
      for _ in 0..<20 { stage.send(1, .forwarded(9, 1, "x", hops: 1)) }
      stage.pass(10)
    }
    let prunes = stage.heard(1, since: mark).count { $0 == .prune }
    #expect((2...11).contains(prunes), "\(prunes) in 1 s")
    #expect(stage.member.texts == ["x"])
  }

  @Test("announcing shorter ways over and over does not make the tree flap")
  func shorterWays() throws {
    var stage = try Stage()
    try stage.add(3)
    stage.send(0, .forwarded(9, 1, "x", hops: 12))
    stage.send(1, .forwarded(9, 1, "x", hops: 12))
    stage.send(2, .forwarded(9, 1, "x", hops: 12))
    let mark = stage.mark
    for _ in 0..<200 {
      for neighbour in 1...2 {
        stage.send(neighbour, .digest(asking: false, [.init(9, floor: 1, available: 1, hops: 1)]))
      }
      stage.pass(50)
    }
    let changes = stage.neighbours.indices.map { neighbour in
      stage.heard(neighbour, since: mark).count { $0 == .graft || $0 == .prune }
    }
    #expect(changes.reduce(0, +) <= 2 * 10 * 3, "\(changes) in 10 s")
  }
}
