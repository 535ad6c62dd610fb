// What arrives.

extension Node {
  /// Takes one datagram. Whatever is wrong with it is counted, and nothing else happens.
  ///
  /// - Parameters:
  ///   - datagram: Its bytes, as received.
  ///   - source: Where it came from.
  public mutating func receive(
    _ datagram: RawSpan, from source: Endpoint, now: Instant, into effects: inout Effects
  ) {
    counters.datagramsReceived &+= 1
    counters.bytesReceived &+= UInt64(datagram.byteCount)
    guard lifecycle != .destroyed, lifecycle != .initialized, lifecycle != .disconnected else { return }
    guard datagram.byteCount > Frame.openHeader else {
      counters.droppedMalformed &+= 1
      return
    }
    switch datagram.unsafeLoadUnaligned(fromUncheckedByteOffset: 0, as: UInt8.self) {
    case Frame.link: receiveLinkFrame(datagram, from: source, now: now, into: &effects)
    case Frame.open: receiveOpenFrame(datagram, from: source, now: now, into: &effects)
    case Frame.member: receiveMemberFrame(datagram, from: source, now: now, into: &effects)
    case Frame.direct: receiveDirectFrame(datagram, from: source, now: now, into: &effects)
    default: counters.droppedMalformed &+= 1
    }
  }

  /// Counts a datagram that the driver received only in part, because it was longer than any of ours.
  public mutating func receiveTruncated() {
    counters.datagramsReceived &+= 1
    counters.droppedOversized &+= 1
  }

  private mutating func receiveLinkFrame(
    _ datagram: RawSpan, from source: Endpoint, now: Instant, into effects: inout Effects
  ) {
    guard let slot = view.slot(of: source), view.links[slot].phase == .up else {
      counters.droppedUnlinked &+= 1
      return
    }
    guard datagram.byteCount >= Frame.linkHeader,
      Frame.isIntact(datagram, key: view.links[slot].receiveKey)
    else {
      counters.droppedChecksum &+= 1
      return
    }
    membership.didHear(now: now)
    var cursor = Cursor(datagram)
    var elicits = false
    do throws(DecodeError) {
      _ = try cursor.readBytes(UInt64(Frame.openHeader))
      let number = try cursor.read(UInt16.self)
      view.links[slot].didReceive(number: number, now: now)
      dissemination.states[slot].patience = view.links[slot].retryTime
      dissemination.states[slot].lateness = view.links[slot].lateness
      while cursor.remaining > 0, view.links[slot].phase == .up {
        if try onMessage(slot, from: &cursor, now: now, into: &effects) { elicits = true }
      }
    } catch {
      counters.droppedInvalid &+= 1
    }
    takeSystemBroadcasts(now: now, into: &effects)
    takeAnnouncements(now: now, into: &effects)
    settleLarge(into: &effects, now: now)
    if elicits { view.links[slot].owe(delay: view.acknowledgeDelay, now: now) }
    // A digest that is due anyway travels with an acknowledgement that is.
    if view.links[slot].acknowledgeAt <= now, dissemination.states[slot].digestAt != .never {
      dissemination.states[slot].digestAt = now
    }
    applyViewChanges(now: now, into: &effects)
  }

  /// Reads and handles one message of a link frame.
  ///
  /// - Returns: Whether it calls for an acknowledgement.
  @inline(__always)
  private mutating func onMessage(
    _ slot: Int, from cursor: inout Cursor, now: Instant, into effects: inout Effects
  ) throws(DecodeError) -> Bool {
    let kind = try cursor.read(UInt8.self)
    guard kind & MessageKind.gossip != 0 else {
      return try onControl(kind, slot, from: &cursor, now: now, into: &effects)
    }
    let header = try GossipHeader(kind: kind, sender: view.links[slot].peer, from: &cursor)
    try dissemination.onGossip(
      header, from: slot, payloads: &cursor, tuples: &tuples, now: now, counters: &counters, into: &effects)
    return true
  }

  private mutating func onControl(
    _ kind: UInt8, _ slot: Int, from cursor: inout Cursor, now: Instant, into effects: inout Effects
  ) throws(DecodeError) -> Bool {
    switch kind {
    case MessageKind.acknowledge:
      let highest = try cursor.read(UInt16.self)
      let count = try cursor.read(UInt16.self)
      view.links[slot].onAcknowledge(highest: highest, count: count, now: now)
    case MessageKind.digest, MessageKind.digestAsking:
      try dissemination.onDigest(
        asking: kind == MessageKind.digestAsking, from: slot, entries: &cursor, now: now, counters: &counters)
    case MessageKind.request:
      try dissemination.onRequest(from: slot, cursor: &cursor, now: now)
      return true
    case MessageKind.probe:
      // Once, however many of them a frame holds.
      view.links[slot].framesOwed = max(1, view.links[slot].framesOwed)
      view.links[slot].acknowledgeAt = now
    case MessageKind.prune:
      dissemination.tree.onPrune(slot)
    case MessageKind.graft:
      dissemination.tree.onGraft(slot)
    case MessageKind.rumourFeedback, MessageKind.rumourPull:
      try dissemination.onRumourWord(kind, from: slot, &cursor)
    case MessageKind.overlay:
      try overlay.onMessage(
        kind, from: slot, &cursor, &view, now: now, counters: &counters, into: &effects)
    case MessageKind.membership:
      try membership.onLinkMessage(
        kind, from: slot, &cursor, &view, now: now, counters: &counters, into: &effects)
    case MessageKind.tuples:
      return try tuples.onLinkMessage(
        kind, from: slot, &cursor, now: now, counters: &counters, into: &effects.changes)
    case MessageKind.count, MessageKind.counted:
      direct.receipts.onReport(kind, try CountReport(kind, from: &cursor), from: slot, now: now)
    case MessageKind.transfers:
      return try onTransferMessage(kind, slot, from: &cursor, now: now, into: &effects)
    case MessageKind.disconnect:
      try view.readSample(from: &cursor, now: now)
      view.drop(slot, because: .closedByPeer, now: now, counters: &counters, into: &effects)
    default:
      throw .unknownKind
    }
    return false
  }

  private mutating func receiveMemberFrame(
    _ datagram: RawSpan, from source: Endpoint, now: Instant, into effects: inout Effects
  ) {
    guard source.isUsable, membership.isIntact(datagram) else {
      counters.droppedChecksum &+= 1
      return
    }
    var cursor = Cursor(datagram)
    do throws(DecodeError) {
      try membership.onFrame(&cursor, from: source, now: now, counters: &counters, into: &effects)
    } catch {
      counters.droppedInvalid &+= 1
    }
  }

  private mutating func receiveOpenFrame(
    _ datagram: RawSpan, from source: Endpoint, now: Instant, into effects: inout Effects
  ) {
    guard source.isUsable, Frame.isIntact(datagram, key: view.openKey) else {
      counters.droppedChecksum &+= 1
      return
    }
    var cursor = Cursor(datagram)
    do throws(DecodeError) {
      _ = try cursor.readBytes(UInt64(Frame.openHeader))
      try onHandshake(try cursor.read(UInt8.self), from: source, &cursor, now: now, into: &effects)
    } catch {
      counters.droppedInvalid &+= 1
    }
    applyViewChanges(now: now, into: &effects)
  }

  private mutating func onHandshake(
    _ kind: UInt8, from source: Endpoint, _ cursor: inout Cursor, now: Instant, into effects: inout Effects
  ) throws(DecodeError) {
    switch kind {
    case MessageKind.hello:
      let hello = try Hello(from: &cursor)
      if hello.sender == identity.value {
        counters.droppedOwn &+= 1
        view.onOwnHello(hello)
      } else {
        view.onHello(hello, from: source, now: now, counters: &counters, into: &effects)
      }
    case MessageKind.challenge:
      let challenge = try Challenge(from: &cursor)
      view.onChallenge(challenge, from: source, now: now, counters: &counters, into: &effects)
    case MessageKind.connect:
      let connect = try Connect(from: &cursor)
      guard connect.sender != identity.value else {
        counters.droppedOwn &+= 1
        return
      }
      if view.onConnect(connect, from: source, now: now, counters: &counters, into: &effects) {
        overlay.onConnect(connect, from: source, &view, now: now, counters: &counters, into: &effects)
      }
    case MessageKind.accept, MessageKind.refuse:
      let answer = try Answer(from: &cursor)
      if kind == MessageKind.accept {
        _ = try view.onAccept(
          answer, from: source, now: now, sample: &cursor, counters: &counters, into: &effects)
      } else {
        let isOurs = try view.onRefuse(
          answer, from: source, now: now, sample: &cursor, counters: &counters, into: &effects)
        if isOurs { overlay.linkLost(&view, now: now) }
      }
    case MessageKind.shuffleReply:
      try overlay.onShuffleReply(&cursor, &view, now: now, counters: &counters)
    default:
      throw .unknownKind
    }
  }
}
