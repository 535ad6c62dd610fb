// What leaves on a link: words, fragments that were asked for, fragments that are pushed, parity.

/// The flags of HAVE.
enum TransferHave {
  /// The sender wants to hear the same of the receiver.
  static let asks: UInt8 = 1
  /// The sender has given the message up.
  static let isGone: UInt8 = 2
  /// The sender has pushed all of it on this link.
  static let isPushed: UInt8 = 4
  /// The bytes of a HAVE.
  static let byteCount = 1 + TransferHead.byteCount + 4 + 1
}

extension Transfers {
  /// Whether words are owed on a link.
  @inline(__always)
  func hasWord(_ slot: Int) -> Bool { peers[slot].wordy != 0 || peers[slot].owesRefusal }

  /// Whether fragments may be owed on a link.
  @inline(__always)
  func hasFragments(_ slot: Int) -> Bool { peers[slot].ready != 0 || peers[slot].wantCount > 0 }

  /// Writes the words that are owed on a link, as many as fit.
  ///
  /// - Returns: Whether any was written: they are to be acknowledged.
  mutating func writeWords(_ slot: Int, to writer: inout Writer, counters: inout Counters) -> Bool {
    let start = writer.count
    let bit: SlotMask = 1 << SlotMask(slot)
    if peers[slot].owesRefusal, writer.remaining >= 1 + TransferHead.byteCount + TransferHave.byteCount {
      peers[slot].owesRefusal = false
      peers[slot].refusal.write(MessageKind.stop, to: &writer)
      if peers[slot].refusesForGood {
        peers[slot].refusal.write(MessageKind.have, to: &writer)
        writer.write(UInt32(0))
        writer.write(TransferHave.isGone)
      }
    }
    var rest = peers[slot].wordy
    while rest != 0 {
      let place = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard let transfer = places[place] else { continue }
      if transfer.owesStop & bit != 0 {
        guard writer.remaining >= 1 + TransferHead.byteCount else { break }
        transfer.owesStop &= ~bit
        transfer.head.write(MessageKind.stop, to: &writer)
      }
      if (transfer.owesHave | transfer.asksHave) & bit != 0 {
        guard writer.remaining >= TransferHave.byteCount else { break }
        let asks = transfer.asksHave & bit != 0
        transfer.owesHave &= ~bit
        transfer.asksHave &= ~bit
        transfer.head.write(MessageKind.have, to: &writer)
        // What was not announced here cannot be delivered: it counts as not whole and, when it was ended, not as
        // given up.
        let isAnnounced = transfer.announcement != nil
        let most = isAnnounced ? transfer.count : transfer.count - 1
        writer.write(UInt32(truncatingIfNeeded: min(transfer.received, most)))
        let isPushed = Int(transfer.links[slot].cursor) == transfer.count && transfer.phase == .complete
        writer.write(
          (asks ? TransferHave.asks : 0)
            | (transfer.phase == .ended && !transfer.wasUnannounced ? TransferHave.isGone : 0)
            | (isPushed ? TransferHave.isPushed : 0))
      }
      if transfer.owesWant & bit != 0 {
        guard writer.remaining >= 1 + TransferHead.byteCount + 1 + 10 else { break }
        transfer.owesWant &= ~bit
        writeWant(transfer, to: &writer)
        counters.transferRequests &+= 1
      }
      peers[slot].wordy &= ~(1 << UInt64(place))
    }
    return writer.count > start
  }

  /// Asks for what is missing, as far as it fits.
  private func writeWant(_ transfer: Transfer, to writer: inout Writer) {
    transfer.head.write(MessageKind.want, to: &writer)
    let countAt = writer.count
    writer.write(UInt8(0))
    guard let store = transfer.store else { return }
    var count: UInt8 = 0
    var position = 0
    var index = transfer.floor
    let end = min(transfer.wantEnd, transfer.count)
    while index < end, count < 32, writer.remaining >= 10 {
      guard !store.has(index) else {
        index += 1
        continue
      }
      let first = index
      while index < end, !store.has(index) { index += 1 }
      writer.writeVariable(UInt64(first - position))
      writer.writeVariable(UInt64(index - first))
      position = index
      count += 1
    }
    writer.overwrite(at: countAt, with: count)
  }

  /// Writes one fragment, or one row of parity, if there is any and it fits.
  ///
  /// - Returns: Whether one was written.
  mutating func writeFragment(
    _ slot: Int, to writer: inout Writer, now: Instant, counters: inout Counters
  ) -> Bool {
    // Nothing that is not longer than a head fits beside much else.
    guard writer.remaining >= 1 + TransferHead.byteCount + 5 else { return false }
    let isEmpty = writer.count <= Frame.linkHeader
    switch writeWanted(slot, to: &writer, now: now, counters: &counters) {
    case .written: return true
    case .full:
      if isEmpty { peers[slot].wantCount = 0 }
      return false
    case .none: break
    }
    // Transfers take turns.
    let turn = UInt64(peers[slot].turn)
    var rest = peers[slot].ready
    while rest != 0 {
      let later = rest & ~((1 << turn) &- 1)
      let place = (later != 0 ? later : rest).trailingZeroBitCount
      rest &= ~(1 << UInt64(place))
      switch push(place, slot, to: &writer, now: now, counters: &counters) {
      case .written:
        peers[slot].turn = UInt8((place + 1) % Self.capacity)
        return true
      case .full where !isEmpty: return false
      case .full:
        // It is longer than any datagram of ours: somebody else must pass it on.
        places[place]?.stopped |= 1 << SlotMask(slot)
        peers[slot].ready &= ~(1 << UInt64(place))
      case .none: peers[slot].ready &= ~(1 << UInt64(place))
      }
    }
    return false
  }

  private enum Outcome { case written, full, none }

  private func writeWanted(
    _ slot: Int, to writer: inout Writer, now: Instant, counters: inout Counters
  ) -> Outcome {
    guard peers[slot].wantCount > 0, let wants else { return .none }
    var looked = 0
    while peers[slot].wantCount > 0, looked < Self.lookupsPerDatagram {
      let at = slot * Self.wantsPerLink + Int(peers[slot].wantFirst)
      let range = wants.ranges[at]
      looked += 1
      if range.next < range.end, let transfer = places[Int(range.place)], let store = transfer.store {
        let index = Int(range.next)
        let position = index < transfer.count ? store.positions[index] : 0
        // What is not here, or not pushed yet, is pushed when its turn comes.
        if position != 0, position <= transfer.links[slot].cursor {
          guard write(transfer, store, index, to: &writer) else { return .full }
          wants.ranges[at].next += 1
          noteServed(transfer, now: now)
          counters.fragmentsSent &+= 1
          counters.fragmentsRepaired &+= 1
          return .written
        }
        wants.ranges[at].next += 1
      } else {
        peers[slot].wantFirst = UInt8((Int(peers[slot].wantFirst) + 1) % Self.wantsPerLink)
        peers[slot].wantCount -= 1
      }
    }
    return .none
  }

  /// Fragments looked up for one datagram at most: what an asker can make us do at a time.
  private static var lookupsPerDatagram: Int { 1_024 }

  private func write(_ transfer: Transfer, _ store: TransferStore, _ index: Int, to writer: inout Writer)
    -> Bool
  {
    let length = transfer.head.size(of: index)
    guard writer.remaining >= 1 + TransferHead.byteCount + 4 + length else { return false }
    transfer.head.write(MessageKind.fragment, to: &writer)
    writer.write(UInt32(truncatingIfNeeded: index))
    writer.write(UnsafeRawBufferPointer(start: store.pointer(transfer.head, index), count: length))
    return true
  }

  private func push(
    _ place: Int, _ slot: Int, to writer: inout Writer, now: Instant, counters: inout Counters
  ) -> Outcome {
    guard let transfer = places[place], let store = transfer.store,
      transfer.targets(eager: eager) & 1 << SlotMask(slot) != 0
    else { return .none }
    if ablations.contains(.pipelining), transfer.phase != .complete { return .none }
    while true {
      if transfer.links[slot].parityLeft == 0 { considerParity(transfer, store, slot) }
      if transfer.links[slot].parityLeft > 0 {
        guard writeParity(transfer, store, slot, to: &writer, counters: &counters) else { return .full }
        return .written
      }
      let cursor = Int(transfer.links[slot].cursor)
      guard cursor < store.count else { return .none }
      let (index, source) = store.arrival(cursor)
      if Int(source) != slot {
        guard write(transfer, store, index, to: &writer) else { return .full }
        transfer.links[slot].cursor += 1
        // The end is told, so that what got lost is asked for at once.
        if cursor + 1 == transfer.count { oweHave(transfer, 1 << SlotMask(slot)) }
        noteServed(transfer, now: now)
        counters.fragmentsSent &+= 1
        return .written
      }
      transfer.links[slot].cursor += 1
    }
  }

  /// Owes parity for a block once all of it has gone out on a link that loses frames.
  private func considerParity(_ transfer: Transfer, _ store: TransferStore, _ slot: Int) {
    while Int(transfer.links[slot].blocks) < store.finishedCount {
      let finished = store.finishedBlock(Int(transfer.links[slot].blocks))
      guard finished.position <= transfer.links[slot].cursor else { return }
      transfer.links[slot].blocks += 1
      let rows = ablations.contains(.parity) ? 0 : Self.parityRows(lossShare: peers[slot].lossShare)
      guard rows > 0 else { continue }
      transfer.links[slot].parityBlock = finished.block
      transfer.links[slot].parityLeft = UInt8(rows)
      // Different senders begin with different rows, so that those of two add up.
      transfer.links[slot].parityRow = UInt8(truncatingIfNeeded: identity & 63)
      return
    }
  }

  /// Rows of parity for a block: the losses to expect of its fragments, and one and a half times their deviation.
  /// None below one frame in 500, where asking costs less.
  static func parityRows(lossShare: UInt32) -> Int {
    guard lossShare >= 131 else { return 0 }
    let expected = Double(lossShare) / 65_536 * Double(ErasureCode.blockLength)
    return min(ErasureCode.usedLimit, Int((expected + 1.5 * expected.squareRoot()).rounded(.up)))
  }

  private func writeParity(
    _ transfer: Transfer, _ store: TransferStore, _ slot: Int, to writer: inout Writer,
    counters: inout Counters
  ) -> Bool {
    let width = transfer.head.size
    guard writer.remaining >= 1 + TransferHead.byteCount + 5 + width else { return false }
    let link = transfer.links[slot]
    let row = Int(link.parityRow) % ErasureCode.rowLimit
    transfer.head.write(MessageKind.parity, to: &writer)
    writer.write(link.parityBlock)
    writer.write(UInt8(truncatingIfNeeded: row))
    ErasureCode.writeRow(
      row, block: Int(link.parityBlock), of: transfer.head, in: store, to: writer.skip(width))
    transfer.links[slot].parityRow = UInt8((row + 1) % ErasureCode.rowLimit)
    transfer.links[slot].parityLeft -= 1
    counters.paritySent &+= 1
    return true
  }

  /// Whoever is served keeps a transfer from being forgotten; one of this node only when it says that it has more.
  private func noteServed(_ transfer: Transfer, now: Instant) {
    if transfer.phase == .complete, !transfer.isOwn { transfer.endsAt = now + linger }
  }
}
