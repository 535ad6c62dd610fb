// Answering and carrying on handshakes.

extension Neighbourhood {
  /// The lifetime of a cookie: it is honoured for one to two of these.
  private static var cookiePeriod: Nanoseconds { 16_000_000_000 }

  /// Derives the keys of both directions from what both ends and nobody off the path know.
  static func linkKeys(nonce: UInt64, cookie: UInt64, initiator: UInt64, responder: UInt64) -> (
    fromInitiator: UInt64, fromResponder: UInt64
  ) {
    let key = SecretKey(first: nonce, second: cookie)
    var forward = SipHash(key: key)
    forward.add(initiator)
    forward.add(responder)
    var backward = SipHash(key: key)
    backward.add(~responder)
    backward.add(~initiator)
    return (forward.finish(), backward.finish())
  }

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

  /// CONNECT: checks that the asker has proven its address, and that nothing is under way with it already.
  ///
  /// - Returns: Whether the overlay is to decide; then it calls `establish` or `refuse`.
  mutating func onConnect(
    _ connect: Connect, from source: Endpoint, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) -> Bool {
    yielded = YieldedHandshake()
    let period = now.nanoseconds / Self.cookiePeriod
    guard connect.version == Frame.version,
      proves(connect, source, period) || period > 0 && proves(connect, source, period - 1)
    else {
      counters.droppedUnproven &+= 1
      return false
    }
    didReplace = false
    if let slot = slot(of: source) {
      let link = links[slot]
      if link.phase == .up, link.nonce == connect.nonce, link.cookie == connect.cookie {
        accept(slot, counters: &counters, into: &effects)  // Our first ACCEPT was lost.
        return false
      }
      // Both ends began at once: the handshake of the greater id goes on, the other is let go.
      if link.phase != .up && link.phase != .free {
        guard connect.sender > identity else { return false }
        yielded = YieldedHandshake(need: link.need, isOut: link.isOut, leaseUntil: link.leaseUntil)
        links.free(slot)
      } else {
        // The same run of the member begins anew: whether we hold it is for us to say.
        if link.peer == connect.sender {
          yielded = YieldedHandshake(isOut: link.isOut, leaseUntil: link.leaseUntil)
        }
        didReplace = true
        drop(slot, because: .replaced, now: now, counters: &counters, into: &effects)
      }
    }
    guard isOpen else {
      refuse(connect, .leaving, to: source, counters: &counters, into: &effects)
      return false
    }
    return true
  }

  private func proves(_ connect: Connect, _ source: Endpoint, _ period: UInt64) -> Bool {
    cookie(for: source, peer: connect.sender, nonce: connect.nonce, period: period) == connect.cookie
  }

  /// Takes the asker as a neighbour.
  ///
  /// - Returns: Its slot; nil when none was free and it was refused.
  mutating func establish(
    _ connect: Connect, from source: Endpoint, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) -> Int? {
    guard let slot = links.freeSlot ?? dropHandshake() else {
      refuse(connect, .full, to: source, counters: &counters, into: &effects)
      return nil
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
    return slot
  }

  /// Frees the slot of a handshake of our own: one that asks us is worth more than one we only hope for.
  private mutating func dropHandshake() -> Int? {
    let pending = pending
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

  /// Says no, and names others to turn to.
  mutating func refuse(
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
  ///
  /// - Returns: The slot that came up; nil when the answer is to nothing.
  mutating func onAccept(
    _ answer: Answer, from source: Endpoint, now: Instant, sample cursor: inout Cursor,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) -> Int? {
    guard let slot = slot(of: source), links[slot].nonce == answer.nonce, links[slot].peer == answer.sender,
      links[slot].phase == .connecting
    else {
      counters.droppedUnproven &+= 1
      return nil
    }
    let keys = Self.linkKeys(
      nonce: answer.nonce, cookie: links[slot].cookie, initiator: identity, responder: answer.sender)
    links[slot].sendKey = keys.fromInitiator
    links[slot].receiveKey = keys.fromResponder
    links[slot].establish(peerWindow: answer.detail, now: now)
    didComeUp(slot, counters: &counters, into: &effects)
    try readSample(from: &cursor, now: now)
    return slot
  }

  /// REFUSE: remembers whom the other end named and lets go.
  ///
  /// - Returns: Whether the answer was to something.
  mutating func onRefuse(
    _ answer: Answer, from source: Endpoint, now: Instant, sample cursor: inout Cursor,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) -> Bool {
    guard let slot = slot(of: source), links[slot].nonce == answer.nonce,
      links[slot].phase == .connecting || links[slot].phase == .greeting
    else {
      counters.droppedUnproven &+= 1
      return false
    }
    let isProven = links[slot].phase == .connecting
    links.free(slot)
    if answer.detail == UInt64(RefusalReason.version.rawValue) {
      effects.events.append(.versionMismatch(source))
    }
    guard isProven else { return true }
    // It lives, so it is lost no more; whether it is asked again soon depends on why it said no.
    lost.remove(source)
    learn(PeerRecord(id: answer.sender, endpoint: source), now: now)
    let isChecking = answer.detail == UInt64(RefusalReason.checking.rawValue)
    passive.delay(source, until: now + (isChecking ? Self.checkingPause : Self.refusalPause))
    try readSample(from: &cursor, now: now)
    return true
  }
}

// Beginning handshakes.
extension Neighbourhood {
  /// When to ask again whoever had no room. Chosen here.
  private static var refusalPause: Nanoseconds { 2_000_000_000 }

  /// When to ask again whoever is checking its own neighbours. Chosen here: a few probes of its.
  private static var checkingPause: Nanoseconds { 400_000_000 }

  /// Begins a handshake.
  ///
  /// - Returns: Its slot; nil when there is a link or a handshake with the endpoint already, or no slot.
  @discardableResult
  mutating func greet(_ endpoint: Endpoint, peer: UInt64, need: LinkNeed, now: Instant) -> Int? {
    guard slot(of: endpoint) == nil, endpoint.isUsable, let slot = links.freeSlot else { return nil }
    var link = Link()
    link.phase = .greeting
    link.endpoint = endpoint
    link.peer = peer
    link.nonce = nextNonce()
    link.need = need
    link.isContact = contacts.contains(endpoint)
    link.nextAttempt = now
    links.occupy(slot, with: link)
    passive.delay(endpoint, until: now + 2_000_000_000)
    lost.delay(endpoint, until: now + 2_000_000_000)
    return slot
  }

  /// Sends the next attempt of a handshake, or gives it up.
  mutating func attempt(_ slot: Int, now: Instant, counters: inout Counters, into effects: inout Effects) {
    let link = links[slot]
    // Where others can be asked instead, fewer attempts are made: after a disaster most candidates are dead.
    // An arc is with whom it is with.
    let hasOthers =
      link.isContact ? hasManyContacts : !link.isOut && passive.count > 1
    let limit = hasOthers ? (configuration.handshakeAttempts + 1) / 2 : configuration.handshakeAttempts
    guard Int(link.attempts) < limit else {
      links.free(slot)
      passive.remove(link.endpoint)
      if !link.isContact, link.peer != 0 {
        let record = PeerRecord(id: link.peer, endpoint: link.endpoint)
        lost.insert(record, notBefore: now, using: &generator)
        lost.fail(link.endpoint, now: now)
      }
      return
    }
    let sent = sendOpen(to: link.endpoint, counters: &counters, into: &effects) { writer in
      if link.phase == .greeting {
        Hello(nonce: link.nonce, sender: identity).write(to: &writer)
      } else {
        Connect(
          nonce: link.nonce, cookie: link.cookie, sender: identity, need: link.need, window: windowShare
        ).write(to: &writer)
      }
    }
    let wait = configuration.handshakeTimeout.asNanoseconds << UInt64(min(link.attempts, 3))
    links[slot].nextAttempt = now + jittered(wait)
    if sent { links[slot].attempts += 1 }
  }
}
