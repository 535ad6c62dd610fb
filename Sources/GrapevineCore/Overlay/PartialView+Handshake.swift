// Answering and carrying on handshakes.

extension PartialView {
  /// The lifetime of a cookie: it is honoured for one to two of these.
  private static var cookiePeriod: Nanoseconds { 16_000_000_000 }

  /// The time between two neighbours given up for newcomers: who comes with many addresses displaces few.
  /// Others are told of members with room. Chosen here.
  private static var displacementPause: Nanoseconds { 250_000_000 }

  private func cookie(for endpoint: Endpoint, peer: UInt64, nonce: UInt64, period: UInt64) -> UInt64 {
    var hash = SipHash(key: secret)
    hash.add(endpoint)
    hash.add(peer)
    hash.add(nonce)
    hash.add(period)
    return hash.finish()
  }

  /// Appends one open frame.
  ///
  /// - Returns: False when the driver's buffer is full; nothing was written.
  func sendOpen(
    to endpoint: Endpoint, counters: inout Counters, into effects: inout Effects,
    _ body: (inout Writer) -> Void
  ) -> Bool {
    guard effects.datagrams.hasRoom else {
      counters.droppedAnswers &+= 1
      return false
    }
    var writer = Writer(effects.datagrams.nextDatagram())
    Frame.begin(Frame.open, in: &writer)
    body(&writer)
    Frame.finish(&writer, key: openKey)
    effects.datagrams.commit(length: writer.count, to: endpoint)
    counters.datagramsSent &+= 1
    counters.bytesSent &+= UInt64(writer.count)
    return true
  }

  /// HELLO: answers with a challenge and keeps nothing.
  func onHello(
    _ hello: Hello, from source: Endpoint, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard isOpen else { return }
    guard hello.version == Frame.version else {
      let answer = Answer(
        nonce: hello.nonce, sender: identity, detail: UInt64(RefusalReason.version.rawValue))
      _ = sendOpen(to: source, counters: &counters, into: &effects) { writer in
        answer.write(MessageKind.refuse, to: &writer)
        writer.write(UInt8(0))
      }
      return
    }
    let period = now.nanoseconds / Self.cookiePeriod
    let challenge = Challenge(
      nonce: hello.nonce, sender: identity,
      cookie: cookie(for: source, peer: hello.sender, nonce: hello.nonce, period: period))
    _ = sendOpen(to: source, counters: &counters, into: &effects) { challenge.write(to: &$0) }
  }

  /// Our own HELLO came back: one of the addresses we know is ours. Forgets it.
  mutating func onOwnHello(_ hello: Hello) {
    for slot in 0..<links.count where links[slot].phase == .greeting && links[slot].nonce == hello.nonce {
      let endpoint = links[slot].endpoint
      links.free(slot)
      contacts.removeAll { $0 == endpoint }
      passive.remove(endpoint)
      lost.remove(endpoint)
    }
  }

  /// CHALLENGE: the greeted member is there; asks it to become a neighbour.
  mutating func onChallenge(
    _ challenge: Challenge, from source: Endpoint, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard let slot = slot(of: source), links[slot].phase == .greeting, links[slot].nonce == challenge.nonce
    else {
      counters.droppedUnproven &+= 1
      return
    }
    links[slot].phase = .connecting
    links[slot].cookie = challenge.cookie
    links[slot].peer = challenge.sender
    links[slot].attempts = 0
    links[slot].nextAttempt = now
    attempt(slot, now: now, counters: &counters, into: &effects)
  }

  /// CONNECT: the asker has proven its address; becomes its neighbour or names others.
  mutating func onConnect(
    _ connect: Connect, from source: Endpoint, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    let period = now.nanoseconds / Self.cookiePeriod
    guard connect.version == Frame.version,
      proves(connect, source, period) || period > 0 && proves(connect, source, period - 1)
    else {
      counters.droppedUnproven &+= 1
      return
    }
    if let slot = slot(of: source) {
      let link = links[slot]
      if link.phase == .up, link.nonce == connect.nonce, link.cookie == connect.cookie {
        accept(slot, counters: &counters, into: &effects)  // Our first ACCEPT was lost.
        return
      }
      // Both ends began at once: the handshake of the greater id goes on, the other is let go.
      if link.phase != .up && link.phase != .free {
        guard connect.sender > identity else { return }
        links.free(slot)
      } else {
        drop(slot, because: .replaced, now: now, counters: &counters, into: &effects)
      }
    }
    guard isOpen else {
      refuse(connect, .leaving, to: source, counters: &counters, into: &effects)
      return
    }
    if neighbourCount >= configuration.viewCapacity {
      guard connect.isUrgent, now >= nextDisplacement, let victim = youngestNeighbour() else {
        refuse(connect, .full, to: source, counters: &counters, into: &effects)
        return
      }
      nextDisplacement = now + Self.displacementPause
      close(victim, now: now, counters: &counters, into: &effects)
    }
    establish(connect, from: source, now: now, counters: &counters, into: &effects)
  }

  private func proves(_ connect: Connect, _ source: Endpoint, _ period: UInt64) -> Bool {
    cookie(for: source, peer: connect.sender, nonce: connect.nonce, period: period) == connect.cookie
  }

  private mutating func establish(
    _ connect: Connect, from source: Endpoint, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard let slot = links.freeSlot ?? dropHandshake() else {
      refuse(connect, .full, to: source, counters: &counters, into: &effects)
      return
    }
    let keys = Self.linkKeys(
      nonce: connect.nonce, cookie: connect.cookie, initiator: connect.sender, responder: identity)
    var link = Link()
    link.endpoint = source
    link.peer = connect.sender
    link.nonce = connect.nonce
    link.cookie = connect.cookie
    link.sendKey = keys.fromResponder
    link.receiveKey = keys.fromInitiator
    link.establish(peerWindow: connect.window, now: now)
    links.occupy(slot, with: link)
    didComeUp(slot, counters: &counters, into: &effects)
    accept(slot, counters: &counters, into: &effects)
  }

  /// Frees the slot of a handshake of our own: one that asks us is worth more than one we only hope for.
  private mutating func dropHandshake() -> Int? {
    let pending = links.pending
    guard pending != 0 else { return nil }
    links.free(pending.trailingZeroBitCount)
    return pending.trailingZeroBitCount
  }

  private mutating func accept(_ slot: Int, counters: inout Counters, into effects: inout Effects) {
    let link = links[slot]
    guard effects.datagrams.hasRoom else {
      counters.droppedAnswers &+= 1
      return
    }
    let answer = Answer(nonce: link.nonce, sender: identity, detail: windowShare)
    sendAnswer(answer, MessageKind.accept, to: link.endpoint, counters: &counters, into: &effects)
  }

  private mutating func refuse(
    _ connect: Connect, _ reason: RefusalReason, to source: Endpoint, counters: inout Counters,
    into effects: inout Effects
  ) {
    let answer = Answer(nonce: connect.nonce, sender: identity, detail: UInt64(reason.rawValue))
    sendAnswer(answer, MessageKind.refuse, to: source, counters: &counters, into: &effects)
  }

  private mutating func sendAnswer(
    _ answer: Answer, _ kind: UInt8, to endpoint: Endpoint, counters: inout Counters,
    into effects: inout Effects
  ) {
    guard effects.datagrams.hasRoom else {
      counters.droppedAnswers &+= 1
      return
    }
    var writer = Writer(effects.datagrams.nextDatagram())
    Frame.begin(Frame.open, in: &writer)
    answer.write(kind, to: &writer)
    writeSample(excluding: endpoint, to: &writer)
    Frame.finish(&writer, key: openKey)
    effects.datagrams.commit(length: writer.count, to: endpoint)
    counters.datagramsSent &+= 1
    counters.bytesSent &+= UInt64(writer.count)
  }

  /// ACCEPT: the link is up on this side too.
  mutating func onAccept(
    _ answer: Answer, from source: Endpoint, now: Instant, sample cursor: inout Cursor,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    guard let slot = slot(of: source), links[slot].nonce == answer.nonce, links[slot].peer == answer.sender,
      links[slot].phase == .connecting
    else {
      counters.droppedUnproven &+= 1
      return
    }
    let keys = Self.linkKeys(
      nonce: answer.nonce, cookie: links[slot].cookie, initiator: identity, responder: answer.sender)
    links[slot].sendKey = keys.fromInitiator
    links[slot].receiveKey = keys.fromResponder
    links[slot].establish(peerWindow: answer.detail, now: now)
    didComeUp(slot, counters: &counters, into: &effects)
    try readSample(from: &cursor, now: now)
  }

  /// REFUSE: remembers whom the other end named and lets go.
  mutating func onRefuse(
    _ answer: Answer, from source: Endpoint, now: Instant, sample cursor: inout Cursor,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    guard let slot = slot(of: source), links[slot].nonce == answer.nonce,
      links[slot].phase == .connecting || links[slot].phase == .greeting
    else {
      counters.droppedUnproven &+= 1
      return
    }
    let isProven = links[slot].phase == .connecting
    links.free(slot)
    if answer.detail == UInt64(RefusalReason.version.rawValue) {
      effects.events.append(.versionMismatch(source))
    }
    guard isProven else { return }
    try readSample(from: &cursor, now: now)
    learn(PeerRecord(id: answer.sender, endpoint: source), now: now)
    passive.delay(source, until: now + 2_000_000_000)
  }
}
