// What is due with large messages: what is missing is asked for, what nobody brings is sought elsewhere, what was
// kept long enough is forgotten.

extension Transfers {
  /// Silence after which another neighbour is turned to: four times what a question takes, more after each
  /// turn that brought nothing. The floor is chosen here: above the pauses of a busy machine.
  func stallTime(_ transfer: Transfer) -> Nanoseconds {
    let patience = transfer.parent.map { peers[$0].patience } ?? longestPatience
    // A node that only passes on what it has whole keeps its children waiting for long.
    let base: Nanoseconds =
      ablations.contains(.pipelining) && transfer.received == 0 ? 120_000_000_000 : 250_000_000
    return min(max(base, 4 * patience) << UInt64(min(transfer.fruitless, 3)), max(base, 2_000_000_000))
  }

  private var longestPatience: Nanoseconds {
    var longest: Nanoseconds = 0
    var rest = up
    while rest != 0 {
      longest = max(longest, peers[rest.trailingZeroBitCount].patience)
      rest &= rest &- 1
    }
    return longest
  }

  /// Time that a question for holes has before it is asked again. The floor is chosen here.
  private func questionTime(_ transfer: Transfer) -> Nanoseconds {
    max(20_000_000, transfer.parent.map { peers[$0].patience } ?? 0)
  }

  /// Does what is due.
  mutating func advance(now: Instant, counters: inout Counters, into effects: inout Effects) {
    guard now >= nextCheck else { return }
    nextCheck = .never
    var rest = occupied
    while rest != 0 {
      let place = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard let transfer = places[place] else { continue }
      if now >= transfer.checkAt {
        transfer.checkAt = .never
        check(transfer, place, now: now, counters: &counters, into: &effects)
      }
      if places[place] === transfer { nextCheck = min(nextCheck, transfer.checkAt) }
    }
  }

  private mutating func check(
    _ transfer: Transfer, _ place: Int, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    switch transfer.phase {
    case .waiting:
      if allocate(transfer) {
        begin(transfer, now: now)
        seek(transfer, now: now)
      } else if now >= transfer.lastNew + patience {
        fail(transfer, .noMemory, now: now, counters: &counters, into: &effects)
      } else {
        schedule(transfer, at: now + 250_000_000)
      }
    case .receiving:
      checkHoles(transfer, place, now: now, counters: &counters, into: &effects)
    case .complete, .ended:
      if transfer.isUndelivered, !transfer.isHeldBack {
        deliver(transfer, counters: &counters, into: &effects)
      }
      // The last that did not have it may have gone.
      noteHandover(transfer, counters: &counters, into: &effects)
      let isWaitedFor = transfer.isOwn && transfer.phase == .complete && !transfer.isHandedOver
      if isWaitedFor { askHandover(transfer, now: now) }
      // When it goes on, that is said.
      guard !transfer.isHeldBack else { return }
      if transfer.isUndelivered {
        schedule(transfer, at: now + 100_000_000)
      } else if now < transfer.endsAt {
        schedule(transfer, at: isWaitedFor ? min(transfer.endsAt, now + 500_000_000) : transfer.endsAt)
      } else {
        // What was not handed over in all this time is not waited for.
        if isWaitedFor, let id = transfer.id {
          counters.transfersFailed &+= 1
          effects.transfers.append(.failed(id, .unavailable))
        }
        remove(place)
      }
    }
  }

  private mutating func checkHoles(
    _ transfer: Transfer, _ place: Int, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    let isComplete = transfer.received == transfer.count
    // A message that nobody announces is not held for long.
    let limit = transfer.announcement == nil ? min(patience, 10_000_000_000) : patience
    guard now < transfer.lastNew + limit else {
      transfer.wasUnannounced = transfer.announcement == nil
      return fail(transfer, .unavailable, now: now, counters: &counters, into: &effects)
    }
    let giveUpAt = transfer.lastNew + limit
    guard !isComplete else { return schedule(transfer, at: giveUpAt) }
    let stallAt = transfer.lastNew + stallTime(transfer)
    if now >= stallAt || transfer.parent == nil && transfer.received > 0 && now >= transfer.askAt {
      seek(transfer, now: now)
      return schedule(transfer, at: max(now + stallTime(transfer), transfer.askAt))
    }
    var next = min(stallAt, giveUpAt)
    // In a block whose parity may still come nothing is missed yet.
    let highest = transfer.highest
    let passed =
      transfer.isPushed
      ? transfer.count
      : transfer.hasParity ? highest / ErasureCode.blockLength * ErasureCode.blockLength : highest
    // What nothing came behind may still be on its way.
    let quietAt = transfer.lastNew + 2 * questionTime(transfer)
    let isQuiet = transfer.received > 0 && now >= quietAt
    if transfer.floor < passed || isQuiet, let parent = transfer.parent {
      if now >= transfer.askAt {
        ask(transfer, parent, end: isQuiet ? transfer.count : passed, now: now)
      }
      next = min(next, transfer.askAt)
    } else if transfer.received > 0 {
      next = min(next, quietAt)
    }
    schedule(transfer, at: max(next, now + 1_000_000))
  }

  /// Asks a neighbour for all that is missing up to `end`.
  private mutating func ask(_ transfer: Transfer, _ slot: Int, end: Int, now: Instant) {
    transfer.wantEnd = end
    transfer.askAt = now + questionTime(transfer)
    transfer.owesWant |= 1 << SlotMask(slot)
    mark(transfer, wordy: 1 << SlotMask(slot))
  }

  /// Turns to another neighbour: one that has all of it, or else the most; of those that say nothing, any in turn.
  mutating func seek(_ transfer: Transfer, now: Instant) {
    var choices = up & ~transfer.gone & ~transfer.tried
    if let parent = transfer.parent, choices & ~(1 << SlotMask(parent)) != 0 {
      choices &= ~(1 << SlotMask(parent))
    }
    if choices == 0 {
      transfer.tried = 0
      choices = up & ~transfer.gone
    }
    var best: Int?
    var most: UInt32 = 0
    var rest = choices
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      let held = transfer.links[slot].held
      if best == nil || held > most { (best, most) = (slot, held) }
    }
    transfer.fruitless += 1
    guard let best else {
      transfer.askAt = now + 250_000_000
      return
    }
    transfer.parent = best
    transfer.tried |= 1 << SlotMask(best)
    transfer.toldParent = 0
    transfer.isPushed = false
    ask(transfer, best, end: transfer.count, now: now)
  }

  /// Asks neighbours how far they are with a message of this node.
  private func askHandover(_ transfer: Transfer, now: Instant) {
    let others = up & ~transfer.satisfied & ~transfer.gone
    guard transfer.phase == .complete, others != 0 else { return }
    transfer.asksHave |= others
    mark(transfer, wordy: others)
  }
}

// Beginnings and ends.
extension Transfers {
  /// Takes the announcement of a message.
  ///
  /// - Returns: False when it must wait until there is a place.
  mutating func onAnnouncement(
    _ announcement: Announcement, now: Instant, counters: inout Counters, into effects: inout Effects
  ) -> Bool {
    let id = TransferID(origin: MemberID(announcement.origin), sequence: announcement.sequence)
    guard isEnabled, announcement.origin != identity else {
      if !announcement.isWithdrawal { noteLost(id) }
      lose(announcement)
      return true
    }
    let number = UInt32(truncatingIfNeeded: announcement.sequence)
    if announcement.isWithdrawal {
      guard let place = place(of: announcement.origin, number), let transfer = places[place],
        transfer.phase != .ended, transfer.phase != .complete || transfer.isUndelivered
      else { return true }
      end(
        transfer,
        .cancelled(
          transfer.id ?? id), now: now, counters: &counters, into: &effects)
      return true
    }
    guard Int(announcement.length) <= limit else {
      counters.transfersRefused &+= 1
      effects.transfers.append(.failed(id, .noMemory))
      noteLost(id)
      lose(announcement)
      return true
    }
    var found = place(of: announcement.origin, number)
    if let place = found, let transfer = places[place],
      transfer.head != announcement.head || transfer.wasUnannounced && transfer.phase == .ended
    {
      // Whoever made up fragments of it was wrong, or they came much too early: it begins anew.
      remove(place)
      found = nil
    }
    guard
      let place = found ?? add(announcement.head, isOwn: false, isAnnounced: true, now: now),
      let transfer = places[place]
    else { return false }
    guard transfer.announcement == nil, transfer.phase != .ended else {
      if transfer.phase == .ended { lose(announcement) }
      return true
    }
    transfer.announcement = announcement
    transfer.lastNew = now
    if transfer.phase == .waiting {
      if allocate(transfer) {
        begin(transfer, now: now)
      } else {
        counters.transfersRefused &+= 1
        schedule(transfer, at: now + 250_000_000)
      }
    }
    if transfer.received == transfer.count {
      complete(transfer, now: now, counters: &counters, into: &effects)
    }
    return true
  }

  /// Begins a message of this node.
  ///
  /// - Returns: False when there is no memory or no place for it.
  mutating func start(
    _ content: LargeContent, _ announcement: Announcement, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) -> Bool {
    guard let place = add(announcement.head, isOwn: true, isAnnounced: true, now: now),
      let transfer = places[place]
    else {
      return false
    }
    guard allocate(transfer, content: content) else {
      remove(place)
      return false
    }
    transfer.announcement = announcement
    transfer.phase = .complete
    transfer.floor = transfer.count
    transfer.tree = eager
    keep(transfer, now: now)
    counters.transfersSent &+= 1
    mark(place, ready: transfer.targets(eager: eager))
    oweHave(transfer, up & ~eager)
    schedule(transfer, at: now + 500_000_000)
    guard up != 0 else {
      // There is nobody to hand it to.
      transfer.isHandedOver = true
      effects.transfers.append(
        .completed(
          TransferID(origin: MemberID(identity), sequence: announcement.sequence),
          bytes: Int(transfer.head.length)))
      return true
    }
    noteHandover(transfer, counters: &counters, into: &effects)
    return true
  }

  /// Keeps a message of this node for neighbours that do not have it yet.
  func keep(_ transfer: Transfer, now: Instant) { transfer.endsAt = now + max(linger, patience) }

  /// Whether a message of this length could begin now, after forgetting what is only kept.
  func hasRoom(for head: TransferHead) -> Bool {
    var needed = used + TransferStore.bytes(head) - memory
    var places = Self.capacity - occupied.nonzeroBitCount
    for case let other? in self.places {
      guard other.phase == .ended || Self.isOnlyKept(other) || Self.isUnannounced(other) else { continue }
      if other.store != nil { needed -= TransferStore.bytes(other.head) }
      places += 1
    }
    return places > 0 && (needed <= 0 || used == 0)
  }

  /// All fragments are here.
  mutating func complete(
    _ transfer: Transfer, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard let announcement = transfer.announcement, let store = transfer.store else {
      // It is not known yet what it ought to be.
      return schedule(transfer, at: now + 1_000_000_000)
    }
    guard store.content.checksum == announcement.checksum else {
      transfer.damage += 1
      guard transfer.damage < 2 else {
        return fail(transfer, .damaged, now: now, counters: &counters, into: &effects)
      }
      counters.transfersDamaged &+= 1
      store.reset(transfer.head)
      (transfer.floor, transfer.highest) = (0, -1)
      for slot in 0..<transfer.links.count {
        transfer.links[slot].cursor = 0
        transfer.links[slot].blocks = 0
        transfer.links[slot].parityLeft = 0
      }
      transfer.askAt = now
      return schedule(transfer, at: now + stallTime(transfer))
    }
    transfer.phase = .complete
    transfer.endsAt = now + linger
    store.rows = [:]
    counters.transfersReceived &+= 1
    oweHave(transfer, up)
    if let place = place(of: transfer) { mark(place, ready: transfer.targets(eager: eager)) }
    effects.transfers.append(
      .completed(
        TransferID(origin: MemberID(transfer.head.origin), sequence: announcement.sequence),
        bytes: Int(transfer.head.length)))
    transfer.isUndelivered = true
    deliver(transfer, counters: &counters, into: &effects)
    schedule(transfer, at: transfer.isUndelivered ? now + 100_000_000 : transfer.endsAt)
  }

  /// Hands what is complete to the application, if it has room.
  private mutating func deliver(
    _ transfer: Transfer, counters: inout Counters, into effects: inout Effects
  ) {
    guard let announcement = transfer.announcement, let store = transfer.store else { return }
    guard announcement.isPlain else { return settled.append((announcement, store.content)) }
    guard effects.deliveries.hasRoom(forLarge: store.content) else { return }
    effects.deliveries.append(
      store.content, origin: announcement.origin, sequence: announcement.sequence,
      isTagged: announcement.isTagged, hops: announcement.hops)
    transfer.isUndelivered = false
    counters.deliveries &+= 1
  }

  /// Has what the application had no room for delivered soon.
  mutating func resumeDelivery(now: Instant) {
    for case let transfer? in places where transfer.isUndelivered && !transfer.isHeldBack {
      schedule(transfer, at: now)
    }
  }

  mutating func fail(
    _ transfer: Transfer, _ failure: TransferFailure, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    counters.transfersFailed &+= 1
    end(
      transfer, transfer.id.map { .failed($0, failure) }, now: now, counters: &counters, into: &effects)
  }

  /// Ends a transfer, and remembers it for a while.
  mutating func end(
    _ transfer: Transfer, _ update: TransferUpdate?, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    if !transfer.isOwn, transfer.phase != .complete || transfer.isUndelivered,
      let announcement = transfer.announcement
    {
      noteLost(transfer.id)
      lose(announcement)
    }
    release(transfer)
    transfer.phase = .ended
    transfer.isUndelivered = false
    transfer.isHeldBack = false
    transfer.endsAt = now + linger
    transfer.parent = nil
    // Whoever brings it need not, and whoever hoped to get it from here hears that it will not.
    if !transfer.isOwn {
      oweHave(transfer, up)
      var rest = transfer.tree & eager & up
      while rest != 0 {
        oweStop(transfer, rest.trailingZeroBitCount, now: now)
        rest &= rest &- 1
      }
    }
    schedule(transfer, at: transfer.endsAt)
    if let update { effects.transfers.append(update) }
  }

  /// Cancels a transfer here.
  ///
  /// - Returns: Whether there was anything to cancel.
  mutating func cancel(
    _ id: TransferID, now: Instant, counters: inout Counters, into effects: inout Effects
  ) -> Bool {
    guard let place = place(of: id.origin.value, UInt32(truncatingIfNeeded: id.sequence)),
      let transfer = places[place], transfer.phase != .ended,
      transfer.isOwn ? !transfer.isHandedOver : transfer.phase != .complete || transfer.isHeldBack
    else { return false }
    counters.transfersCancelled &+= 1
    end(transfer, .cancelled(id), now: now, counters: &counters, into: &effects)
    return true
  }

  /// Tells the application of progress, in steps of a hundredth.
  func tellProgress(_ transfer: Transfer, into effects: inout Effects) {
    let share = transfer.received * 100 / transfer.count
    guard share > transfer.toldShare, let id = transfer.id else { return }
    transfer.toldShare = share
    let total = Int(transfer.head.length)
    effects.transfers.append(
      .progress(id, held: min(total, transfer.received * transfer.head.size), total: total))
  }

  /// Tells how far all neighbours are with a message of this node.
  func noteHandover(_ transfer: Transfer, counters: inout Counters, into effects: inout Effects) {
    guard transfer.isOwn, transfer.phase == .complete, !transfer.isHandedOver, let id = transfer.id else {
      return
    }
    var least = UInt32(truncatingIfNeeded: transfer.count)
    var rest = up & ~transfer.satisfied & ~transfer.gone
    guard rest != 0 else {
      guard up != 0 else { return }
      transfer.isHandedOver = true
      return effects.transfers.append(.completed(id, bytes: Int(transfer.head.length)))
    }
    while rest != 0 {
      least = min(least, transfer.links[rest.trailingZeroBitCount].held)
      rest &= rest &- 1
    }
    let share = Int(least) * 100 / transfer.count
    guard share > transfer.toldShare else { return }
    transfer.toldShare = share
    effects.transfers.append(
      .progress(
        id, held: min(Int(transfer.head.length), Int(least) * transfer.head.size),
        total: Int(transfer.head.length)))
  }
}
