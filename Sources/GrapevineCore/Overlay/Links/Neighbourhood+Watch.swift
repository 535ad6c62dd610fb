// Keeping links alive, and finding out when one is dead.
//
// HyParView learns of a dead neighbour from a broken TCP connection (DSN 2007 §4.2); a datagram link has none.
// Each end says something at least once per keepalive interval. Whoever hears nothing for one and a half of
// these, or no answer to what it sent, probes: at intervals of the measured round trip with its deviation,
// and as often as the measured loss makes it necessary. A dead neighbour is so found within a second of
// traffic, or of two without, and a lossy one is not taken for dead.

extension Neighbourhood {
  /// Carries on handshakes, and drops links whose other end is gone.
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
        watch(slot, now: now, counters: &counters, into: &effects)
      }
    }
  }

  private mutating func watch(
    _ slot: Int, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    if links[slot].isGone(now: now) || now >= links[slot].lastHeard + linkTimeout {
      drop(slot, because: .timedOut, now: now, counters: &counters, into: &effects)
      return
    }
    if now >= links[slot].lastHeard + silence { links[slot].suspect(now: now) }
    if now >= links[slot].nextProbe { links[slot].owesProbe = true }
    links[slot].forgive(now: now)
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
        if links[slot].probes == 0 {
          deadline = min(deadline, links[slot].lastHeard + silence)
        } else {
          deadline = min(deadline, links[slot].nextProbe)
        }
        if links[slot].isWaiting {
          deadline = min(deadline, links[slot].lastProgress + links[slot].retryTime)
        }
      }
    }
    return deadline
  }

  /// The time between two checks of all neighbours. Chosen here: longer than the probes of one.
  private static var checkPause: Nanoseconds { 2_000_000_000 }

  /// The silence after which a neighbour is probed: a keepalive of its own is overdue.
  private var silence: Nanoseconds { keepalive + keepalive / 2 }

  /// When something must be sent on an established link to show that this end lives.
  @inline(__always)
  func keepaliveAt(_ slot: Int) -> Instant { links[slot].lastSent + keepalive }

  /// Probes every neighbour that was not heard of for a while: somebody needs the place of one that is dead.
  /// Once in a while only, or idle neighbours would be probed without end.
  ///
  /// - Returns: Whether any has yet to answer.
  mutating func checkNeighbours(now: Instant) -> Bool {
    var isAnySilent = false
    let isDue = now >= nextCheck
    if isDue { nextCheck = now + Self.checkPause }
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard links[slot].probes > 0 || isDue && now >= links[slot].lastHeard + keepalive / 4 else { continue }
      links[slot].suspect(now: now)
      isAnySilent = true
    }
    return isAnySilent
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
  ///
  /// - Parameter lastWord: Written before that into the same datagram, so that no other of ours arrives between
  ///   the two.
  mutating func close(
    _ slot: Int, now: Instant, counters: inout Counters, into effects: inout Effects,
    after lastWord: (inout Writer) -> Void = { _ in }
  ) {
    let endpoint = links[slot].endpoint
    send(on: slot, now: now, counters: &counters, into: &effects) { view, writer in
      lastWord(&writer)
      writer.write(MessageKind.disconnect)
      view.writeSample(excluding: endpoint, to: &writer)
    }
    drop(slot, because: .closedHere, now: now, counters: &counters, into: &effects)
  }

  /// Sends one message on a link at once, in a datagram of its own: what overlays say is rare and brief.
  ///
  /// It is not sent again when it is lost or when the driver's buffer is full.
  mutating func send(
    on slot: Int, now: Instant, counters: inout Counters, into effects: inout Effects,
    _ body: (inout Neighbourhood, inout Writer) -> Void
  ) {
    guard effects.datagrams.hasRoom else {
      counters.droppedAnswers &+= 1
      return
    }
    var writer = Writer(effects.datagrams.nextDatagram())
    Frame.begin(Frame.link, in: &writer)
    writer.write(links[slot].nextNumber)
    body(&self, &writer)
    Frame.finish(&writer, key: links[slot].sendKey)
    effects.datagrams.commit(length: writer.count, to: links[slot].endpoint)
    links[slot].didSend(eliciting: false, now: now)
    counters.datagramsSent &+= 1
    counters.bytesSent &+= UInt64(writer.count)
  }
}
