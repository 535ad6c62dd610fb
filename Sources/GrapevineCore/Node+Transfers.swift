// Large messages, and their place among the node's other parts.

extension Node {
  /// Broadcasts a message that is longer than a datagram: as fragments, which travel on as they come.
  ///
  /// Its number is one among this node's reliable messages. What becomes of it is told in `Effects.transfers`.
  ///
  /// - Parameters:
  ///   - content: Its bytes, up to `TransferRules.limit`; held, not copied.
  ///   - topic: Up to 255 bytes; none for a message to all members.
  ///   - order: How it stands to other ordered messages. Its place among them is that of its announcement: what comes
  ///     after it is delivered after it, so it waits until the whole is there.
  ///   - isTagged: Marks payloads that begin with a tag, for the receivers' sake; the core does not look.
  /// - Returns: Which message it is.
  /// - Throws: `BroadcastError`; nothing changed. `wouldBlock` also when there is no memory for it yet.
  public mutating func broadcast(
    large content: LargeContent, topic: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0),
    order: MessageOrder = .unordered, isTagged: Bool = false, now: Instant, into effects: inout Effects
  ) throws(BroadcastError) -> TransferID {
    guard lifecycle == .connected else { throw .notConnected }
    guard topic.count <= OrderedMessage.topicLimit else { throw .topicTooLong }
    guard transfers.isEnabled else { throw .tooLarge(limit: configuration.payloadLimit) }
    guard content.count <= transfers.limit else { throw .tooLarge(limit: transfers.limit) }
    syncTransfers()
    var announcement = Announcement(
      head: TransferHead(
        origin: identity.value, number: 0, length: UInt32(truncatingIfNeeded: content.count),
        unit: transfers.unit),
      isTagged: isTagged && content.bytes.first != 0, checksum: content.checksum)
    guard transfers.hasRoom(for: announcement.head) else { throw .wouldBlock }
    announcement.sequence = try announcement.withPayload { payload throws(BroadcastError) in
      guard !topic.isEmpty || order != .unordered else {
        return try dissemination.broadcast(
          payload, level: .reliable, isTagged: true, now: now, counters: &counters)
      }
      return try dissemination.broadcast(
        payload, topic: topic, order: order, level: .reliable, isTagged: true, now: now, counters: &counters)
    }
    _ = transfers.start(content, announcement, now: now, counters: &counters, into: &effects)
    return TransferID(origin: identity, sequence: announcement.sequence)
  }

  /// Cancels a large message. One of this node is withdrawn everywhere where it is not complete yet; of one of another
  /// member no more is taken here, and neighbours get it from each other.
  ///
  /// - Returns: False when it is complete (for one of this node: when all neighbours have it) or not known.
  public mutating func cancelTransfer(_ id: TransferID, now: Instant, into effects: inout Effects) -> Bool {
    syncTransfers()
    guard
      transfers.cancel(id, now: now, counters: &counters, into: &effects)
        || dropWaiting(id, into: &effects)
    else { return false }
    settleLarge(into: &effects, now: now)
    guard id.origin == identity else { return true }
    var withdrawal = Announcement(
      head: TransferHead(origin: identity.value, number: 0, length: 0, unit: 0), isTagged: false, checksum: 0)
    withdrawal.isWithdrawal = true
    withdrawal.sequence = id.sequence
    // When there is no room for it, the others give up in the end.
    withdrawal.withPayload { payload in
      _ = try? dissemination.broadcast(
        payload, level: .reliable, isTagged: true, now: now, counters: &counters)
    }
    return true
  }

  /// Bytes of large messages that are held now.
  public var transferBytes: Int { transfers.used }

  /// Tells the transfers which links there are, and which of them belong to the tree.
  @inline(__always)
  mutating func syncTransfers() {
    transfers.up = view.up
    transfers.eager = dissemination.strategy == .plumtree ? dissemination.tree.eager & view.up : view.up
  }

  /// Takes a message about a transfer.
  ///
  /// - Returns: Whether it calls for an acknowledgement.
  mutating func onTransferMessage(
    _ kind: UInt8, _ slot: Int, from cursor: inout Cursor, now: Instant, into effects: inout Effects
  ) throws(DecodeError) -> Bool {
    // A message may be announced in the frame that brings its first fragment.
    takeAnnouncements(now: now, into: &effects)
    syncTransfers()
    transfers.peers[slot].patience = view.links[slot].questionTime
    transfers.peers[slot].lossShare = view.links[slot].lossShare
    let head = try TransferHead(from: &cursor)
    let isSettled =
      transfers.place(of: head.origin, head.number) == nil
      && dissemination.isSettled(head.origin, head.number)
      && !dissemination.announcements.contains {
        $0.origin == head.origin && UInt32(truncatingIfNeeded: $0.sequence) == head.number
      }
    return try transfers.onLinkMessage(
      kind, head, from: slot, &cursor, isSettled: isSettled, now: now, counters: &counters, into: &effects)
  }

  /// Takes the announcements of large messages that came with this frame.
  mutating func takeAnnouncements(now: Instant, into effects: inout Effects) {
    guard dissemination.announcements.count > dissemination.waitingAnnouncements else { return }
    takeAnnouncements(from: dissemination.waitingAnnouncements, now: now, into: &effects)
  }

  /// Lets messages with a topic or an order know what became of the contents of large ones, and the other way round.
  @inline(__always)
  mutating func settleLarge(into effects: inout Effects, now: Instant) {
    guard !transfers.settled.isEmpty || !dissemination.order.released.isEmpty else { return }
    settleLargeContents(into: &effects, now: now)
  }

  private mutating func settleLargeContents(into effects: inout Effects, now: Instant) {
    let settled = transfers.settled
    transfers.settled.removeAll(keepingCapacity: true)
    for (announcement, content) in settled {
      let fate = dissemination.didSettle(announcement, content, counters: &counters, into: &effects)
      guard content != nil, fate != .full else { continue }
      transfers.didHandOver(announcement, isHeld: fate == .held, now: now)
    }
    for name in dissemination.order.released { transfers.didRelease(name.origin, name.sequence, now: now) }
    dissemination.order.released.removeAll(keepingCapacity: true)
  }

  /// Does what is due with large messages.
  mutating func advanceTransfers(now: Instant, into effects: inout Effects) {
    syncTransfers()
    transfers.advance(now: now, counters: &counters, into: &effects)
    guard now >= transfers.admitAt else { return }
    takeAnnouncements(from: 0, now: now, into: &effects)
  }

  /// Takes announcements; those that there is no place for stay.
  private mutating func takeAnnouncements(from first: Int, now: Instant, into effects: inout Effects) {
    syncTransfers()
    let candidates = dissemination.announcements[first...]
    dissemination.announcements.removeSubrange(first...)
    for announcement in candidates {
      if announcement.isWithdrawal {
        let id = TransferID(origin: MemberID(announcement.origin), sequence: announcement.sequence)
        if dropWaiting(id, into: &effects) { continue }
      }
      if transfers.onAnnouncement(announcement, now: now, counters: &counters, into: &effects) { continue }
      var kept = announcement
      if !kept.hasWaited { counters.transfersRefused &+= 1 }
      kept.hasWaited = true
      dissemination.announcements.append(kept)
    }
    dissemination.waitingAnnouncements = dissemination.announcements.count
    transfers.admitAt = dissemination.announcements.isEmpty ? .never : now + 250_000_000
  }

  /// Cancels a large message that waits for a place.
  ///
  /// - Returns: Whether it was one of those.
  private mutating func dropWaiting(_ id: TransferID, into effects: inout Effects) -> Bool {
    let place = dissemination.announcements.firstIndex {
      $0.hasWaited && $0.origin == id.origin.value && $0.sequence == id.sequence
    }
    guard let place else { return false }
    transfers.lose(dissemination.announcements.remove(at: place))
    transfers.noteLost(id)
    dissemination.waitingAnnouncements = dissemination.announcements.count
    counters.transfersCancelled &+= 1
    effects.transfers.append(.cancelled(id))
    return true
  }
}
