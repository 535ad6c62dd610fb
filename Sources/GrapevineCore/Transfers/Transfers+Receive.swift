// What neighbours say about large messages.

extension Transfers {
  /// Reads the rest of a message about a transfer.
  ///
  /// - Parameter isSettled: Whether the transfer is not known because it came and went already.
  /// - Returns: Whether it calls for an acknowledgement.
  mutating func onLinkMessage(
    _ kind: UInt8, _ head: TransferHead, from slot: Int, _ cursor: inout Cursor, isSettled: Bool,
    now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) -> Bool {
    switch kind {
    case MessageKind.fragment:
      let index = Int(try cursor.read(UInt32.self))
      guard index < head.count else { throw .outOfRange }
      let bytes = try cursor.readBytes(UInt64(head.size(of: index)))
      counters.fragmentsReceived &+= 1
      guard
        let transfer = try admit(
          head, from: slot, isSettled: isSettled, now: now, counters: &counters, into: &effects)
      else { return true }
      onFragment(transfer, index, bytes, from: slot, now: now, counters: &counters, into: &effects)
    case MessageKind.parity:
      let block = Int(try cursor.read(UInt32.self))
      let row = Int(try cursor.read(UInt8.self))
      guard block * ErasureCode.blockLength < head.count, row < ErasureCode.rowLimit else {
        throw .outOfRange
      }
      let bytes = try cursor.readBytes(UInt64(head.size))
      counters.parityReceived &+= 1
      guard
        let transfer = try admit(
          head, from: slot, isSettled: isSettled, now: now, counters: &counters, into: &effects)
      else { return true }
      onParity(transfer, block, row, bytes, from: slot, now: now, counters: &counters, into: &effects)
    case MessageKind.want:
      try onWant(head, from: slot, &cursor, now: now)
    case MessageKind.stop:
      guard let transfer = try known(head) else { return true }
      transfer.stopped |= 1 << SlotMask(slot)
      transfer.wanting &= ~(1 << SlotMask(slot))
      if let place = place(of: transfer) { forgetWants(slot, of: place) }
    case MessageKind.have:
      let held = try cursor.read(UInt32.self)
      let flags = try cursor.read(UInt8.self)
      guard Int(held) <= head.count else { throw .outOfRange }
      if flags & TransferHave.asks != 0, place(of: head.origin, head.number) == nil,
        isRefused(head) || isSettled
      {
        // Whoever waits for this node hears that there is nothing to wait for.
        refuse(head, slot, forGood: true)
      }
      try onHave(head, held: held, flags: flags, from: slot, now: now, counters: &counters, into: &effects)
    default: throw .unknownKind
    }
    return true
  }

  /// The transfer of a head; nil when it is not known.
  private mutating func known(_ head: TransferHead) throws(DecodeError) -> Transfer? {
    guard let place = place(of: head.origin, head.number), let transfer = places[place] else { return nil }
    guard transfer.head == head else { throw .outOfRange }
    return transfer
  }

  /// The transfer that a fragment belongs to, which may be the first of it; nil when it is not taken.
  private mutating func admit(
    _ head: TransferHead, from slot: Int, isSettled: Bool, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) -> Transfer? {
    if let transfer = try known(head) {
      guard transfer.phase == .waiting else { return transfer }
      guard allocate(transfer) else {
        oweStop(transfer, slot, now: now)
        return nil
      }
      begin(transfer, now: now)
      return transfer
    }
    let isRefused = isRefused(head) || isSettled
    guard !isRefused, head.origin != identity,
      let place = add(head, isOwn: false, isAnnounced: false, now: now),
      let transfer = places[place]
    else {
      counters.fragmentsUnwanted &+= 1
      refuse(head, slot, forGood: isRefused && head.origin != identity)
      return nil
    }
    guard allocate(transfer) else {
      remove(place)
      counters.fragmentsUnwanted &+= 1
      refuse(head, slot, forGood: false)
      return nil
    }
    begin(transfer, now: now)
    return transfer
  }

  /// Whether no message like it is ever taken here.
  private func isRefused(_ head: TransferHead) -> Bool { !isEnabled || Int(head.length) > limit }

  private func refuse(_ head: TransferHead, _ slot: Int, forGood: Bool) {
    peers[slot].refusal = head
    peers[slot].owesRefusal = true
    peers[slot].refusesForGood = forGood
  }

  /// A transfer has memory now and takes fragments.
  mutating func begin(_ transfer: Transfer, now: Instant) {
    transfer.phase = .receiving
    transfer.lastNew = now
    transfer.tree |= eager
    // Neighbours off the tree hear that it can be had here too.
    oweHave(transfer, up & ~eager)
    schedule(transfer, at: now + stallTime(transfer))
  }

  private mutating func onFragment(
    _ transfer: Transfer, _ index: Int, _ bytes: UnsafeRawBufferPointer, from slot: Int, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    guard transfer.phase == .receiving, let store = transfer.store else {
      counters.fragmentsUnwanted &+= 1
      return oweStop(transfer, slot, now: now)
    }
    guard !store.has(index) else {
      counters.fragmentsDuplicate &+= 1
      // The parent sends twice what it was asked for twice.
      if transfer.parent != slot { oweStop(transfer, slot, now: now) }
      return
    }
    if let source = bytes.baseAddress {
      store.pointer(transfer.head, index).copyMemory(from: source, byteCount: bytes.count)
    }
    if transfer.parent == nil { transfer.parent = slot }
    take(transfer, store, index, source: UInt8(truncatingIfNeeded: slot))
    if index > transfer.highest { transfer.highest = index }
    transfer.lastNew = now
    if transfer.fruitless > 0 { (transfer.fruitless, transfer.tried) = (0, 0) }
    let block = index / ErasureCode.blockLength
    if store.rowCount > 0, store.missing[block] > 0 {
      recover(transfer, store, block, counters: &counters)
    }
    didTake(transfer, now: now, counters: &counters, into: &effects)
  }

  /// Notes a fragment whose bytes are there: it goes on to others.
  private func take(_ transfer: Transfer, _ store: TransferStore, _ index: Int, source: UInt8) {
    if store.note(index, source: source), store.rowCount > 0 {
      let rows = store.rows.removeValue(forKey: UInt32(index / ErasureCode.blockLength))
      store.rowCount -= rows?.count ?? 0
    }
    guard let place = place(of: transfer) else { return }
    mark(place, ready: transfer.targets(eager: eager))
  }

  /// Looks whether it is complete, whether something is missing, and whom to tell.
  private mutating func didTake(
    _ transfer: Transfer, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    transfer.raiseFloor()
    if transfer.received == transfer.count {
      return complete(transfer, now: now, counters: &counters, into: &effects)
    }
    tellProgress(transfer, into: &effects)
    let sixteenths = transfer.received * 16 / transfer.count
    if sixteenths > transfer.toldParent, let parent = transfer.parent {
      transfer.toldParent = sixteenths
      oweHave(transfer, 1 << SlotMask(parent))
    }
    guard transfer.floor < transfer.highest else { return }
    let grace = transfer.parent.map { peers[$0].patience / 4 } ?? 0
    let at = max(now + max(Self.holeGrace, min(grace, 25_000_000)), transfer.askAt)
    if transfer.checkAt > at { schedule(transfer, at: at) }
  }

  /// The least time that a hole may be a fragment that is late. Chosen here: as `Configuration.reorderGrace`.
  private static var holeGrace: Nanoseconds { 5_000_000 }

  private mutating func onParity(
    _ transfer: Transfer, _ block: Int, _ row: Int, _ bytes: UnsafeRawBufferPointer, from slot: Int,
    now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard transfer.phase == .receiving, let store = transfer.store else {
      counters.fragmentsUnwanted &+= 1
      return oweStop(transfer, slot, now: now)
    }
    transfer.hasParity = true
    let key = UInt32(truncatingIfNeeded: block)
    let rows = store.rows[key]
    guard store.missing[block] > 0, !(rows ?? []).contains(where: { $0.number == row }),
      store.rowCount < Self.rowsLimit(transfer)
    else { return }
    guard (rows?.count ?? 0) < ErasureCode.usedLimit else {
      counters.fragmentsUnwanted &+= 1
      return
    }
    store.rows[key, default: []].append(
      TransferStore.Row(number: UInt8(truncatingIfNeeded: row), bytes: Array(bytes)))
    store.rowCount += 1
    guard recover(transfer, store, block, counters: &counters) else { return }
    if transfer.parent == nil { transfer.parent = slot }
    transfer.lastNew = now
    didTake(transfer, now: now, counters: &counters, into: &effects)
  }

  /// Rows held at most: an eighth of the fragments, and enough for one block.
  private static func rowsLimit(_ transfer: Transfer) -> Int {
    max(ErasureCode.rowLimit, transfer.count / 8)
  }

  /// Computes what is missing of a block from its rows, if they suffice.
  @discardableResult
  private func recover(
    _ transfer: Transfer, _ store: TransferStore, _ block: Int, counters: inout Counters
  ) -> Bool {
    let key = UInt32(truncatingIfNeeded: block)
    let order = Int(store.missing[block])
    guard order > 0, let rows = store.rows[key], rows.count >= order else { return false }
    for index in ErasureCode.recover(rows.prefix(order), block: block, of: transfer.head, in: store) {
      take(transfer, store, index, source: TransferStore.ownSource)
      counters.fragmentsRecovered &+= 1
    }
    return true
  }
}

// Words of neighbours.
extension Transfers {
  private mutating func onWant(
    _ head: TransferHead, from slot: Int, _ cursor: inout Cursor, now: Instant
  ) throws(DecodeError) {
    let count = try cursor.read(UInt8.self)
    guard count <= 32 else { throw .outOfRange }
    let bit: SlotMask = 1 << SlotMask(slot)
    let transfer = try known(head)
    let isPaid = peers[slot].questions.pay(interval: 2_000_000, burst: 64, now: now)
    if let transfer, isPaid {
      if transfer.targets(eager: eager) & bit == 0 {
        transfer.links[slot].cursor = UInt32(truncatingIfNeeded: transfer.received)
        transfer.links[slot].blocks = UInt32(truncatingIfNeeded: transfer.store?.finishedCount ?? 0)
      }
      transfer.wanting |= bit
      transfer.stopped &= ~bit
      transfer.satisfied &= ~bit
      transfer.gone &= ~bit
      // Whoever asks here may not know how little there is.
      oweHave(transfer, bit)
    }
    let place = place(of: head.origin, head.number)
    if isPaid, let place { forgetWants(slot, of: place) }
    let wants = self.wants ?? WantTable(slots: slots)
    if place != nil { self.wants = wants }
    var position: UInt64 = 0
    for _ in 0..<count {
      let first = position + (try cursor.readVariable(in: 0...UInt64(UInt32.max)))
      let length = try cursor.readVariable(in: 1...UInt64(UInt32.max))
      guard first + length <= UInt64(head.count) else { throw .outOfRange }
      position = first + length
      guard isPaid, let place, Int(peers[slot].wantCount) < Self.wantsPerLink else { continue }
      let at = (Int(peers[slot].wantFirst) + Int(peers[slot].wantCount)) % Self.wantsPerLink
      wants.ranges[slot * Self.wantsPerLink + at] = WantedRange(
        place: UInt32(place), next: UInt32(truncatingIfNeeded: first),
        end: UInt32(truncatingIfNeeded: position))
      peers[slot].wantCount += 1
    }
    if let place, isPaid { mark(place, ready: bit) }
  }

  private mutating func onHave(
    _ head: TransferHead, held: UInt32, flags: UInt8, from slot: Int, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) throws(DecodeError) {
    guard let transfer = try known(head) else { return }
    let bit: SlotMask = 1 << SlotMask(slot)
    if flags & TransferHave.asks != 0, peers[slot].questions.pay(interval: 2_000_000, burst: 64, now: now) {
      oweHave(transfer, bit)
    }
    if flags & TransferHave.isGone != 0 {
      transfer.gone |= bit
      if transfer.parent == slot, transfer.phase == .receiving {
        transfer.parent = nil
        transfer.askAt = now
        schedule(transfer, at: now)
      }
    } else {
      transfer.gone &= ~bit
      if held > transfer.links[slot].held {
        transfer.links[slot].held = held
        if transfer.isOwn, transfer.phase == .complete { keep(transfer, now: now) }
      }
      if flags & TransferHave.isPushed != 0, transfer.phase == .receiving, transfer.parent == slot {
        transfer.isPushed = true
        schedule(transfer, at: max(now + Self.holeGrace, transfer.askAt))
      }
      if Int(held) == head.count {
        transfer.satisfied |= bit
        if let place = place(of: transfer) { forgetWants(slot, of: place) }
      }
    }
    noteHandover(transfer, counters: &counters, into: &effects)
  }
}
