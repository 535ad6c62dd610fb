// Keeping the view full, alive and mixed.

extension PartialView {
  /// Does all that is due at `now`.
  mutating func advance(now: Instant, counters: inout Counters, into effects: inout Effects) {
    var rest = links.occupied
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      switch links[slot].phase {
      case .free: continue
      case .greeting, .connecting:
        if links[slot].nextAttempt <= now { attempt(slot, now: now, counters: &counters, into: &effects) }
      case .up:
        if now >= links[slot].lastHeard + linkTimeout {
          drop(slot, because: .timedOut, now: now, counters: &counters, into: &effects)
        } else {
          links[slot].forgive(now: now)
        }
      }
    }
    guard isOpen else { return }
    if wantsNeighbour, now >= nextConnect { connectOne(now: now) }
    if now >= nextShuffle { shuffle(now: now) }
    if now >= nextExplore { explore(now: now, counters: &counters, into: &effects) }
  }

  /// The earliest time at which `advance` has work.
  var nextDeadline: Instant {
    var deadline = Instant.never
    var rest = links.occupied
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      switch links[slot].phase {
      case .free: continue
      case .greeting, .connecting: deadline = min(deadline, links[slot].nextAttempt)
      case .up:
        deadline = min(deadline, links[slot].lastHeard + linkTimeout)
        if links[slot].isWaiting {
          deadline = min(deadline, links[slot].lastProgress + links[slot].retryTime)
        }
      }
    }
    guard isOpen else { return deadline }
    if wantsNeighbour { deadline = min(deadline, nextConnect) }
    return min(deadline, min(nextShuffle, nextExplore))
  }

  /// When something must be sent on an established link to show that this end lives: after an interval
  /// without anything sent, and four times as often once the other end has fallen silent, to find out soon.
  @inline(__always)
  func keepaliveAt(_ slot: Int) -> Instant {
    let usual = links[slot].lastSent + keepalive
    let pressing = max(links[slot].lastSent + keepalive / 4, links[slot].lastHeard + keepalive * 3 / 2)
    return min(usual, pressing)
  }

  /// Starts to look for neighbours, at `contacts` first.
  mutating func open(contacts: [Endpoint], now: Instant) {
    self.contacts = contacts
    isOpen = true
    nextConnect = now
    nextShuffle = now + jittered(configuration.shuffleInterval.asNanoseconds / 4)
    nextExplore = now + jittered(configuration.exploreInterval.asNanoseconds)
  }

  /// Ends every handshake and, with a word to the other end, every link.
  mutating func shut(now: Instant, counters: inout Counters, into effects: inout Effects) {
    isOpen = false
    for slot in 0..<links.count {
      if links[slot].phase == .up {
        close(slot, now: now, counters: &counters, into: &effects)
      } else {
        links.free(slot)
      }
    }
  }

  /// Tells the other end that the link is over, with members it may turn to, and frees the slot.
  mutating func close(_ slot: Int, now: Instant, counters: inout Counters, into effects: inout Effects) {
    if effects.datagrams.hasRoom {
      var writer = Writer(effects.datagrams.nextDatagram())
      Frame.begin(Frame.link, in: &writer)
      writer.write(links[slot].nextNumber)
      writer.write(MessageKind.disconnect)
      writeSample(excluding: links[slot].endpoint, to: &writer)
      Frame.finish(&writer, key: links[slot].sendKey)
      effects.datagrams.commit(length: writer.count, to: links[slot].endpoint)
      counters.datagramsSent &+= 1
      counters.bytesSent &+= UInt64(writer.count)
    } else {
      counters.droppedAnswers &+= 1
    }
    drop(slot, because: .closedHere, now: now, counters: &counters, into: &effects)
  }

  /// The neighbour that came last: those who come in numbers displace each other, and not who was there
  /// before.
  func youngestNeighbour() -> Int? {
    var youngest: Int?
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if let best = youngest, links[best].upSince >= links[slot].upSince { continue }
      youngest = slot
    }
    return youngest
  }

  mutating func randomNeighbour() -> Int? {
    guard up != 0 else { return nil }
    var skip = generator.below(neighbourCount)
    for slot in 0..<links.count where links[slot].phase == .up {
      if skip == 0 { return slot }
      skip -= 1
    }
    return nil
  }

  /// Sends the next attempt of a handshake, or gives it up.
  mutating func attempt(_ slot: Int, now: Instant, counters: inout Counters, into effects: inout Effects) {
    let link = links[slot]
    guard Int(link.attempts) < configuration.handshakeAttempts else {
      links.free(slot)
      passive.remove(link.endpoint)
      if !link.isContact, link.peer != 0 {
        let record = PeerRecord(id: link.peer, endpoint: link.endpoint)
        lost.insert(record, notBefore: now, using: &generator)
        lost.delay(link.endpoint, until: now + 10_000_000_000)
      }
      return
    }
    let sent = sendOpen(to: link.endpoint, counters: &counters, into: &effects) { writer in
      if link.phase == .greeting {
        Hello(nonce: link.nonce, sender: identity).write(to: &writer)
      } else {
        Connect(
          nonce: link.nonce, cookie: link.cookie, sender: identity, isUrgent: link.isUrgent,
          window: windowShare
        ).write(to: &writer)
      }
    }
    let wait = configuration.handshakeTimeout.asNanoseconds << UInt64(min(link.attempts, 3))
    links[slot].nextAttempt = now + jittered(wait)
    if sent { links[slot].attempts += 1 }
  }

  private var wantsNeighbour: Bool {
    guard links.occupied.nonzeroBitCount < configuration.viewTarget,
      pendingCount < links.count - configuration.viewCapacity
    else {
      return false
    }
    return passive.count > 0 || lost.count > 0 && up == 0 || contacts.contains { slot(of: $0) == nil }
  }

  /// Begins one handshake: with a remembered member, else with a contact, without any neighbour also with a
  /// lost member. Contacts are asked even by those with some neighbours: these may all be as lost as they
  /// are.
  private mutating func connectOne(now: Instant) {
    nextConnect = now + jittered(Self.connectPause)
    // Without a neighbour, a contact has its turn as often as remembered addresses, which may all be dead.
    if up == 0, generator.chance(0.5), now >= nextContact, let contact = freeContact() {
      nextContact = now + jittered(contactBackoff)
      contactBackoff = min(contactBackoff * 2, 5_000_000_000)
      greet(contact, peer: 0, now: now)
      return
    }
    if let peer = passive.pick(now: now, using: &generator) {
      greet(peer.endpoint, peer: peer.id, now: now)
      return
    }
    nextConnect = now + jittered(contactBackoff)
    contactBackoff = min(contactBackoff * 2, up == 0 ? 5_000_000_000 : 30_000_000_000)
    if let contact = freeContact(), up != 0 || lost.count == 0 || generator.chance(0.5) {
      greet(contact, peer: 0, now: now)
    } else if up == 0, let peer = lost.pick(now: now, using: &generator) {
      greet(peer.endpoint, peer: peer.id, now: now)
    }
  }

  /// A random contact without a link or a handshake.
  private mutating func freeContact() -> Endpoint? {
    guard !contacts.isEmpty else { return nil }
    let start = generator.below(contacts.count)
    for step in 0..<contacts.count {
      let contact = contacts[(start + step) % contacts.count]
      if slot(of: contact) == nil { return contact }
    }
    return nil
  }

  /// Begins a handshake.
  ///
  /// - Parameter isUrgent: Whether a full view is to make room; always when this node has no neighbour.
  mutating func greet(_ endpoint: Endpoint, peer: UInt64, isUrgent: Bool = false, now: Instant) {
    guard slot(of: endpoint) == nil, let slot = links.freeSlot else { return }
    var link = Link()
    link.phase = .greeting
    link.endpoint = endpoint
    link.peer = peer
    link.nonce = nextNonce()
    link.isUrgent = isUrgent || up == 0
    link.isContact = contacts.contains(endpoint)
    link.nextAttempt = now
    links.occupy(slot, with: link)
    passive.delay(endpoint, until: now + 2_000_000_000)
    lost.delay(endpoint, until: now + 2_000_000_000)
  }

  private mutating func shuffle(now: Instant) {
    let interval = configuration.shuffleInterval.asNanoseconds
    nextShuffle = now + jittered(neighbourCount < configuration.viewTarget ? interval / 4 : interval)
    guard let slot = randomNeighbour() else { return }
    links[slot].owesSample = true
    links[slot].asksSample = true
  }

  /// Tries a lost member again, and now and then trades a neighbour, so that no clique closes itself off.
  private mutating func explore(now: Instant, counters: inout Counters, into effects: inout Effects) {
    nextExplore = now + jittered(configuration.exploreInterval.asNanoseconds)
    guard up != 0 else { return }
    if generator.chance(0.5), let peer = lost.pick(now: now, using: &generator) {
      greet(peer.endpoint, peer: peer.id, now: now)
    } else if generator.chance(1.0 / 12), lost.count > 0, let contact = freeContact() {
      greet(contact, peer: 0, now: now)
    } else if generator.chance(1.0 / 6), let peer = passive.pick(now: now, using: &generator) {
      // A full view gives one up, and so does the other end: members that are full of each other would else
      // never meet others.
      let isFull = neighbourCount == configuration.viewCapacity
      if neighbourCount > configuration.viewTarget || isFull, let slot = randomNeighbour() {
        close(slot, now: now, counters: &counters, into: &effects)
      }
      if isFull || neighbourCount <= configuration.viewTarget {
        greet(peer.endpoint, peer: peer.id, isUrgent: isFull, now: now)
      }
    }
  }

  /// A time around `interval`: 3/4 to 5/4 of it, so that nodes started together do not stay in step.
  mutating func jittered(_ interval: Nanoseconds) -> Nanoseconds {
    interval - interval / 4 + UInt64(generator.below(Int(truncatingIfNeeded: interval / 2 + 1)))
  }
}
