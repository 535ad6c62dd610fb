// Large messages: fragments that travel the tree as they come.
//
// The origin announces a message in a small broadcast and pushes its fragments on the links of the broadcast tree.
// Whoever gets a fragment pushes it on at once, before it has the rest (pipelining), so a message takes about one
// transmission and a delay for each hop, and not a transmission for each hop. Who sees a hole asks its parent; who
// hears nothing for a while turns to another neighbour. Where a link loses frames, rows of parity follow each block,
// as many as the loss makes necessary, so that few holes need a round trip.

/// What a link knows of all transfers.
struct TransferPeer: BitwiseCopyable {
  /// Transfers that may have something for it; those that have a word for it.
  var ready: UInt64 = 0
  var wordy: UInt64 = 0
  /// Ranges asked for: a ring.
  var wantFirst: UInt8 = 0
  var wantCount: UInt8 = 0
  /// The transfer to look at first.
  var turn: UInt8 = 0
  /// The unknown transfer that its other end is told to stop.
  var owesRefusal = false
  /// Whether it is told, too, that there is nothing to wait for.
  var refusesForGood = false
  var refusal = TransferHead(origin: 0, number: 0, length: 0, unit: 0)
  /// The round trip with its deviation.
  var patience: Nanoseconds = 0
  /// The share of frames that are lost on it, of 65,536.
  var lossShare: UInt32 = 0
  /// Questions that the other end may ask.
  var questions = Allowance()
}

/// Consecutive fragments that a neighbour asked for.
struct WantedRange: BitwiseCopyable {
  var place: UInt32
  var next: UInt32
  var end: UInt32
}

/// The ranges that all links asked for: a ring for each.
final class WantTable {
  let ranges: FixedTable<WantedRange>

  init(slots: Int) { ranges = FixedTable(count: slots * Transfers.wantsPerLink) }
}

/// All large messages of a node.
struct Transfers: ~Copyable {
  let identity: UInt64
  let isEnabled: Bool
  let limit: Int
  let memory: Int
  let linger: Nanoseconds
  let patience: Nanoseconds
  let unit: UInt8
  let ablations: Ablations
  let slots: Int
  /// By place; the bit of a place in masks of transfers is its number. Empty until there is one.
  var places: [Transfer?]
  var occupied: UInt64 = 0
  let peers: FixedTable<TransferPeer>
  /// What links asked for; there once any did.
  var wants: WantTable?
  /// Bytes that stores take.
  private(set) var used = 0
  var nextCheck = Instant.never
  var up: SlotMask = 0
  /// Links that belong to the broadcast tree.
  var eager: SlotMask = 0
  /// The place that was looked for last.
  private var lastFound = 0

  /// Transfers known at a time, those kept for late neighbours and those remembered among them.
  static let capacity = 64
  /// Ranges that one link can ask for.
  static let wantsPerLink = 64
  /// The share of the memory that messages may take which nobody has announced. Chosen here: a neighbour that makes
  /// messages up cannot keep out others.
  static let unannouncedShare = 4
  /// Places that messages which nobody has announced may take, and those of one other member under way.
  static let unannouncedLimit = capacity / 4
  static let originLimit = capacity / 2

  init(identity: MemberID, configuration: Configuration) {
    self.identity = identity.value
    let rules = configuration.transfers ?? TransferRules()
    isEnabled = configuration.transfers != nil
    limit = rules.limit
    memory = rules.memory
    linger = rules.linger.asNanoseconds
    patience = rules.patience.asNanoseconds
    unit = TransferHead.unit(datagramLimit: configuration.datagramLimit)
    ablations = configuration.ablations
    slots = configuration.linkSlots
    places = []
    peers = FixedTable(count: slots)
  }

  /// Bytes that the tables and the messages of a configuration take at most.
  static func bytes(_ configuration: Configuration) -> Int {
    let peers = configuration.linkSlots * MemoryLayout<TransferPeer>.stride
    guard let rules = configuration.transfers else { return peers }
    let link =
      wantsPerLink * MemoryLayout<WantedRange>.stride + capacity * MemoryLayout<TransferLink>.stride
    return peers + rules.memory + capacity * LargeContent.margin + configuration.linkSlots * link
  }

  /// The last messages of others that ended without being delivered, so that they do not count as had.
  var lost: [TransferID] = []
  /// How many of these are remembered, and of one origin, so that nobody has those of others forgotten soon. Chosen
  /// here: of each as many as messages at a time.
  private static var lostLimit: Int { 16 * capacity }
  private static var lostOfOne: Int { capacity }

  /// Remembers one.
  mutating func noteLost(_ id: TransferID?) {
    guard let id else { return }
    if lost.count(where: { $0.origin == id.origin }) >= Self.lostOfOne {
      lost.remove(at: lost.firstIndex { $0.origin == id.origin } ?? 0)
    } else if lost.count >= Self.lostLimit {
      lost.removeFirst()
    }
    lost.append(id)
  }

  /// Messages with a topic or an order that are here as a whole, or that will not come; taken by the node.
  var settled: [(announcement: Announcement, content: LargeContent?)] = []

  /// When announcements that wait for a place are looked at.
  var admitAt = Instant.never

  /// When something is due; not what waits for a link.
  var nextDeadline: Instant { min(nextCheck, admitAt) }

  /// Whether this node's messages have gone to all neighbours.
  var isHandedOver: Bool {
    !places.contains { transfer in
      guard let transfer, transfer.isOwn, transfer.phase == .complete else { return false }
      return up & ~transfer.satisfied & ~transfer.gone != 0
    }
  }
}

// Places.
extension Transfers {
  /// The place of a transfer.
  @inline(__always)
  mutating func place(of origin: UInt64, _ number: UInt32) -> Int? {
    guard occupied != 0 else { return nil }
    if let hint = places[lastFound], hint.head.number == number, hint.head.origin == origin {
      return lastFound
    }
    var rest = occupied
    while rest != 0 {
      let place = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard let transfer = places[place], transfer.head.number == number, transfer.head.origin == origin
      else { continue }
      lastFound = place
      return place
    }
    return nil
  }

  /// Puts a new transfer into a place: that of one that is only remembered if need be, or, for one that is announced,
  /// of one that is not.
  mutating func add(_ head: TransferHead, isOwn: Bool, isAnnounced: Bool, now: Instant) -> Int? {
    guard isOwn || hasPlaces(head, isAnnounced: isAnnounced) else { return nil }
    if occupied == .max {
      guard
        let oldest = oldest(where: { $0.phase == .ended }) ?? oldest(where: Self.isOnlyKept)
          ?? (isAnnounced ? quietestUnannounced : nil)
      else { return nil }
      remove(oldest)
    }
    if places.isEmpty { places = Array(repeating: nil, count: Self.capacity) }
    let place = (~occupied).trailingZeroBitCount
    let transfer = Transfer(head, isOwn: isOwn, slots: slots)
    transfer.startedAt = now
    transfer.lastNew = now
    places[place] = transfer
    occupied |= 1 << UInt64(place)
    return place
  }

  /// Forgets a transfer.
  mutating func remove(_ place: Int) {
    if let transfer = places[place] { release(transfer) }
    places[place] = nil
    occupied &= ~(1 << UInt64(place))
    for slot in 0..<slots {
      peers[slot].ready &= occupied
      peers[slot].wordy &= occupied
      forgetWants(slot, of: place)
    }
  }

  /// Takes its memory from a transfer.
  mutating func release(_ transfer: Transfer) {
    guard transfer.store != nil else { return }
    transfer.store = nil
    used -= TransferStore.bytes(transfer.head)
  }

  /// Whether nobody but late neighbours would miss it.
  static func isOnlyKept(_ transfer: Transfer) -> Bool {
    transfer.phase == .complete && !transfer.isUndelivered && (!transfer.isOwn || transfer.isHandedOver)
  }

  /// Whether neither its origin nor those who announce nothing take too many places with it.
  private func hasPlaces(_ head: TransferHead, isAnnounced: Bool) -> Bool {
    var count = 0
    for case let other? in places where other.phase != .ended && !Self.isOnlyKept(other) {
      // Whoever makes up fragments in the name of another does not count against that.
      let isAlike =
        isAnnounced
        ? other.announcement != nil && other.head.origin == head.origin : Self.isUnannounced(other)
      if isAlike { count += 1 }
    }
    return count < (isAnnounced ? Self.originLimit : Self.unannouncedLimit) || isWaitedFor(head)
  }

  /// Whether all that an origin has here is complete and held back, behind this message for all that is known: one that
  /// found no place because of these would never come, and they would wait for it.
  private func isWaitedFor(_ head: TransferHead) -> Bool {
    var isAwaited = false
    for case let other? in places where other.head.origin == head.origin && other.head != head {
      if other.phase == .ended || Self.isOnlyKept(other) { continue }
      guard other.isHeldBack, Int32(bitPattern: head.number &- other.head.number) < 0 else { return false }
      isAwaited = true
    }
    return isAwaited
  }

  /// Whether it may have been made up.
  static func isUnannounced(_ transfer: Transfer) -> Bool {
    transfer.announcement == nil && !transfer.isOwn && transfer.phase != .ended
  }

  /// The place of that unannounced one which has been without news for the longest time.
  private var quietestUnannounced: Int? {
    var best: Int?
    var lastNew = Instant.never
    for place in 0..<Self.capacity {
      guard let transfer = places[place], Self.isUnannounced(transfer), transfer.lastNew < lastNew else {
        continue
      }
      (best, lastNew) = (place, transfer.lastNew)
    }
    return best
  }

  private func oldest(where holds: (Transfer) -> Bool) -> Int? {
    var best: Int?
    for place in 0..<Self.capacity {
      guard let transfer = places[place], holds(transfer) else { continue }
      if let now = best, let other = places[now], other.endsAt <= transfer.endsAt { continue }
      best = place
    }
    return best
  }

  /// Gives memory to a transfer; forgets for that what is only kept.
  ///
  /// - Returns: Whether there was enough.
  mutating func allocate(_ transfer: Transfer, content: LargeContent? = nil) -> Bool {
    guard transfer.store == nil else { return true }
    let bytes = TransferStore.bytes(transfer.head)
    guard Int(transfer.head.length) <= limit, hasShare(transfer, bytes) else { return false }
    while used + bytes > max(memory, TransferStore.bytes(transfer.head)) {
      guard
        let victim = oldest(where: { $0.store != nil && Self.isOnlyKept($0) })
          ?? (transfer.isOwn || transfer.announcement != nil ? quietestUnannounced : nil)
      else { return false }
      remove(victim)
    }
    guard let store = TransferStore(transfer.head, content: content) else { return false }
    transfer.store = store
    used += bytes
    return true
  }

  /// Whether neither its origin nor those who announce nothing take too much with it.
  private func hasShare(_ transfer: Transfer, _ bytes: Int) -> Bool {
    if transfer.isOwn { return true }
    var ofOrigin = 0
    var unannounced = 0
    for case let other? in places where other !== transfer && other.store != nil {
      if Self.isOnlyKept(other) { continue }
      let size = TransferStore.bytes(other.head)
      if other.head.origin == transfer.head.origin { ofOrigin += size }
      if other.announcement == nil { unannounced += size }
    }
    guard ofOrigin == 0 || ofOrigin + bytes <= memory / 2 || isWaitedFor(transfer.head) else { return false }
    return transfer.announcement != nil || unannounced == 0
      || unannounced + bytes <= memory / Self.unannouncedShare
  }
}

// Links.
extension Transfers {
  /// A link came up: its other end is told what is here.
  mutating func linkUp(_ slot: Int) {
    peers[slot] = TransferPeer()
    up |= 1 << SlotMask(slot)
    for case let transfer? in places {
      transfer.forget(slot)
      if transfer.received > 0 { oweHave(transfer, 1 << SlotMask(slot)) }
      transfer.links[slot].cursor = UInt32(truncatingIfNeeded: transfer.received)
      transfer.links[slot].blocks = UInt32(truncatingIfNeeded: transfer.store?.finishedCount ?? 0)
    }
  }

  /// A link went down: what came on it is asked of another.
  mutating func linkDown(_ slot: Int, now: Instant) {
    up &= ~(1 << SlotMask(slot))
    eager &= up
    peers[slot] = TransferPeer()
    for case let transfer? in places {
      let wasParent = transfer.parent == slot
      transfer.forget(slot)
      if wasParent, transfer.phase == .receiving {
        transfer.askAt = now
        schedule(transfer, at: now)
      }
    }
  }

  mutating func schedule(_ transfer: Transfer, at instant: Instant) {
    transfer.checkAt = min(transfer.checkAt, instant)
    nextCheck = min(nextCheck, instant)
  }

  /// The place of a transfer that is known to be there.
  func place(of transfer: Transfer) -> Int? { places.firstIndex { $0 === transfer } }

  func mark(_ transfer: Transfer, wordy slots: SlotMask) {
    guard let place = place(of: transfer) else { return }
    var rest = slots & up
    while rest != 0 {
      peers[rest.trailingZeroBitCount].wordy |= 1 << UInt64(place)
      rest &= rest &- 1
    }
  }

  func mark(_ place: Int, ready slots: SlotMask) {
    var rest = slots & up
    while rest != 0 {
      peers[rest.trailingZeroBitCount].ready |= 1 << UInt64(place)
      rest &= rest &- 1
    }
  }

  func oweHave(_ transfer: Transfer, _ slots: SlotMask) {
    transfer.owesHave |= slots & up
    mark(transfer, wordy: slots)
  }

  /// Has a neighbour told to stop, but not again and again while what it sent before is still on its way.
  func oweStop(_ transfer: Transfer, _ slot: Int, now: Instant) {
    let settles = max(Self.stopSettles, peers[slot].patience)
    guard transfer.links[slot].stoppedAt == Instant() || now >= transfer.links[slot].stoppedAt + settles
    else { return }
    transfer.links[slot].stoppedAt = max(now, Instant(nanoseconds: 1))
    transfer.owesStop |= 1 << SlotMask(slot)
    mark(transfer, wordy: 1 << SlotMask(slot))
  }

  /// How long fragments may come after a STOP. Chosen here: above most round trips.
  private static var stopSettles: Nanoseconds { 100_000_000 }

  /// Forgets what a link asked of a transfer.
  func forgetWants(_ slot: Int, of place: Int) {
    let count = Int(peers[slot].wantCount)
    guard count > 0, let wants else { return }
    let first = Int(peers[slot].wantFirst)
    let base = slot * Self.wantsPerLink
    var kept = 0
    for step in 0..<count {
      let range = wants.ranges[base + (first + step) % Self.wantsPerLink]
      guard Int(range.place) != place else { continue }
      wants.ranges[base + (first + kept) % Self.wantsPerLink] = range
      kept += 1
    }
    peers[slot].wantCount = UInt8(kept)
  }
}
