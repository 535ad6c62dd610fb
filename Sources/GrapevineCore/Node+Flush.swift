// What leaves.

extension Node {
  /// Writes what is to be sent on every link.
  ///
  /// - Returns: Whether more waits because the buffer is full: send what is in it and call again.
  public mutating func flush(now: Instant, into effects: inout Effects) -> Bool {
    guard lifecycle != .destroyed else { return false }
    // Each link has its turn to be first: those from `first` on, then those below it.
    syncTransfers()
    let below: SlotMask = (1 << SlotMask(takeTurn())) &- 1
    let isMore =
      flush(view.up & ~below, now: now, into: &effects) || flush(view.up & below, now: now, into: &effects)
    guard !isMore else { return true }
    membership.didFlush(view.up, now: now)
    return direct.flush(ownID: membership.ownID, now: now, counters: &counters, into: &effects)
  }

  private mutating func flush(_ slots: SlotMask, now: Instant, into effects: inout Effects) -> Bool {
    var rest = slots
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      var inVain = 0
      while view.links[slot].phase == .up {
        let agenda = agenda(slot, now: now)
        guard !agenda.isEmpty else { break }
        guard effects.datagrams.hasRoom else { return true }
        let hasWritten = writeFrame(slot, agenda, now: now, into: &effects)
        // A frame without a word may have looked up in vain what was asked for: the rest of it may be there.
        guard hasWritten || agenda.payload && dissemination.states[slot].repairCount > 0 else { break }
        inVain = hasWritten ? 0 : inVain + 1
        if inVain == Self.lookupsInVain { dissemination.forgetRepairs(slot) }
      }
    }
    return false
  }

  /// Frames that may be begun in vain for one link in a row; what was asked for beyond that has to be asked for
  /// again. Chosen here.
  private static var lookupsInVain: Int { 4 }

  /// Bytes of a datagram that news about members take while messages wait, but for one piece that is longer: the
  /// rest, and all where there is no news, is for messages. A message that does not fit into the rest has the next
  /// datagram to itself. Chosen here: a quarter.
  private var newsShare: Int { configuration.datagramLimit / 4 }

  /// What is due on a link.
  private struct Agenda {
    var acknowledgement = false
    var digest = false
    var payload = false
    /// Fragments of large messages.
    var fragments = false
    /// News about members.
    var news = false
    /// A probe, a PRUNE or a GRAFT; verdicts or a question about rumours; a question about tuples.
    var word = false
    var keepalive = false

    var isEmpty: Bool { !(acknowledgement || digest || payload || fragments || news || word || keepalive) }
  }

  @inline(__always)
  private mutating func agenda(_ slot: Int, now: Instant) -> Agenda {
    var agenda = Agenda()
    agenda.acknowledgement = view.links[slot].acknowledgeAt <= now
    agenda.digest = dissemination.states[slot].digestAt <= now
    agenda.payload =
      view.links[slot].mayPush
      && (dissemination.states[slot].repairCount > 0 || dissemination.hasPush(slot)
        || dissemination.hasRumours(slot) || tuples.hasTuples(slot))
    agenda.fragments =
      transfers.hasFragments(slot) && view.links[slot].mayPushFragment(now: now)
    agenda.news = membership.hasNews(for: slot, now: now)
    agenda.word =
      view.links[slot].owesProbe || dissemination.tree.owes(slot) || dissemination.hasRumourWord(slot)
      || tuples.hasWord(slot, now: now) || direct.receipts.hasWord(slot) || transfers.hasWord(slot)
    agenda.keepalive = view.keepaliveAt(slot) <= now
    return agenda
  }

  /// Writes one frame with all that is due and fits.
  ///
  /// - Returns: Whether a frame was written.
  private mutating func writeFrame(
    _ slot: Int, _ agenda: Agenda, now: Instant, into effects: inout Effects
  ) -> Bool {
    var writer = Writer(effects.datagrams.nextDatagram())
    Frame.begin(Frame.link, in: &writer)
    writer.write(view.links[slot].nextNumber)
    if view.links[slot].owesAcknowledgement || agenda.keepalive { writeAcknowledgement(slot, to: &writer) }
    var elicits = view.links[slot].owesProbe
    // For the probe, which comes behind words that may fill the rest.
    writer.reserve(MemoryLayout<UInt8>.size)
    dissemination.tree.write(slot, to: &writer, counters: &counters)
    dissemination.writeRumourWord(slot, to: &writer, counters: &counters)
    if direct.receipts.hasWord(slot) { direct.receipts.write(slot, to: &writer) }
    if tuples.hasWord(slot, now: now) { tuples.writeWords(slot, to: &writer, now: now) }
    if transfers.hasWord(slot), transfers.writeWords(slot, to: &writer, counters: &counters) {
      elicits = true
    }
    writer.release(MemoryLayout<UInt8>.size)
    if elicits {
      writer.write(MessageKind.probe)
      view.links[slot].didProbe(now: now)
    }
    if agenda.digest {
      let before = writer.count
      dissemination.writeRequests(slot, to: &writer, counters: &counters)
      if writer.count > before { elicits = true }
      dissemination.writeDigest(slot, to: &writer, now: now)
    }
    let bit: SlotMask = 1 << SlotMask(slot)
    let tellsNews = agenda.news && (!agenda.payload || newsYields & bit == 0)
    newsYields &= ~bit
    if tellsNews {
      membership.writeLinkNews(
        slot, limit: agenda.payload ? newsShare : .max, to: &writer, counters: &counters)
    }
    if agenda.payload {
      let repaired = dissemination.writeRepairs(slot, to: &writer, now: now, counters: &counters)
      let spread = dissemination.writeRumours(
        slot, limit: configuration.messagesPerDatagram - repaired, to: &writer, counters: &counters)
      let limit = configuration.messagesPerDatagram - repaired - spread
      let pushed = limit > 0 ? dissemination.writePushes(slot, to: &writer, counters: &counters) : 0
      let hasTuples =
        tuples.hasTuples(slot) && tuples.writeTuples(slot, to: &writer, now: now, counters: &counters)
      if repaired + spread + pushed > 0 || hasTuples {
        elicits = true
      } else if tellsNews {
        newsYields |= bit
      }
    }
    // A digest that is half due rides along when there is room.
    if !agenda.digest, dissemination.states[slot].digestAt <= now + dissemination.digestDelay / 2 {
      dissemination.writeDigest(slot, to: &writer, now: now)
    }
    // Last: what is small goes before.
    if agenda.fragments {
      transfers.peers[slot].lossShare = view.links[slot].lossShare
      if transfers.writeFragment(slot, to: &writer, now: now, counters: &counters) {
        elicits = true
        view.links[slot].didPace(now: now)
      }
    }
    guard writer.count > Frame.linkHeader else { return false }
    Frame.finish(&writer, key: view.links[slot].sendKey)
    effects.datagrams.commit(length: writer.count, to: view.links[slot].endpoint)
    view.links[slot].didSend(eliciting: elicits, now: now)
    counters.datagramsSent &+= 1
    counters.bytesSent &+= UInt64(writer.count)
    return true
  }

  private func writeAcknowledgement(_ slot: Int, to writer: inout Writer) {
    writer.write(MessageKind.acknowledge)
    writer.write(view.links[slot].highestReceived)
    writer.write(view.links[slot].receivedCount)
    view.links[slot].framesOwed = 0
    view.links[slot].framesUnreported = 0
    view.links[slot].acknowledgeAt = .never
  }
}
