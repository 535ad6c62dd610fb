// How many members have a message: counted along the tree on which the question for it travelled.
//
// Each member tells the neighbour from which it first heard the question how many there are behind it, itself
// among them once it has the message, and again whenever that changes; what it hears of a neighbour replaces what
// it heard before. Who loses the neighbour it reports to reports to the origin itself, since another neighbour might
// be one of those that report to it. A neighbour that is lost counts no more here. So when nothing changes any
// more, each living member is counted once: aggregation as in Astrolabe's and SDIMS' trees, with repair by the root.

/// A message whose spread is counted, or a free place with `call` 0.
struct Receipt: BitwiseCopyable {
  static let own: UInt8 = .max
  /// The parent is lost: reports go to the origin.
  static let orphan: UInt8 = .max - 1

  var origin: UInt64 = 0
  var call: UInt64 = 0
  var sequence: UInt64 = 0
  /// The slot of the neighbour that is told.
  var parent = Self.own
  var hasMessage = false
  var attempts: UInt8 = 0
  var until = Instant.never
  /// When the count is to be told, again or for the first time.
  var reportAt = Instant.never
  /// The last count that was told, which is the `version`-th.
  var count: UInt32 = 0
  var version: UInt64 = 0
  /// The last version that the parent has confirmed.
  var confirmed: UInt64 = 0
  /// The report is to be written on the parent's link.
  var isDue = false
  /// A report to the origin that is under way, and its version; 0 when there is none.
  var token: UInt64 = 0
  var said: UInt64 = 0

  init() {}
}

/// What a neighbour reported; all zero when nothing.
struct BranchCount: BitwiseCopyable {
  var version: UInt64 = 0
  var count: UInt32 = 0

  init() {}
}

/// The messages whose spread is counted.
struct Receipts: ~Copyable {
  private struct Orphan {
    var call: UInt64
    var run: UInt64
    var version: UInt64
    var count: UInt32
    /// Whether the member is there; one that is not may come back.
    var isLiving = true
  }

  private let entries: FixedTable<Receipt>
  private let branches: FixedTable<BranchCount>
  private let links: Int
  private let delay: Nanoseconds
  private var used = 0
  /// Links on which a report is due, and confirmations to be written.
  private var dueLinks: SlotMask = 0
  private var confirmations: [(slot: Int, report: CountReport)] = []
  /// What members report to this node that have lost their neighbour.
  private var orphans: [Orphan] = []
  /// When something is due, and when orphans are looked at.
  private(set) var nextDeadline = Instant.never
  private var orphansAt = Instant.never

  /// Time between attempts to report. Chosen here: above most round trips; doubles up to two seconds.
  private static var retryTime: Nanoseconds { 200_000_000 }
  private static var orphanLimit: Int { 1_024 }
  private static var confirmationLimit: Int { 256 }

  init(capacity: Int, links: Int, delay: Nanoseconds) {
    entries = FixedTable(count: capacity)
    branches = FixedTable(count: capacity * links)
    self.links = links
    self.delay = delay
  }

  static func bytes(capacity: Int, links: Int) -> Int {
    capacity * (MemoryLayout<Receipt>.stride + links * MemoryLayout<BranchCount>.stride)
      + orphanLimit * MemoryLayout<Orphan>.stride
  }

  private func find(_ origin: UInt64, _ call: UInt64) -> Int? {
    (0..<used).first { entries[$0].call == call && entries[$0].origin == origin }
  }

  private mutating func schedule(_ place: Int, at time: Instant) {
    entries[place].reportAt = min(entries[place].reportAt, time)
    nextDeadline = min(nextDeadline, time)
  }

  /// Whether there is room for another message of this node's: no more than others keep for it.
  func hasRoom(now: Instant) -> Bool {
    let own = (0..<used).count { !isFree($0, now: now) && entries[$0].parent == Receipt.own }
    return own < max(1, entries.count / 4)
  }

  private func isFree(_ place: Int, now: Instant) -> Bool {
    entries[place].call == 0 || entries[place].until <= now
  }

  /// Whether another member may have one more counted: a quarter of the places each, and three quarters all together.
  private func hasShare(_ origin: UInt64, now: Instant) -> Bool {
    var (own, all) = (0, 0)
    for place in 0..<used where !isFree(place, now: now) && entries[place].parent != Receipt.own {
      all += 1
      if entries[place].origin == origin { own += 1 }
    }
    return own < max(1, entries.count / 4) && all < max(1, entries.count * 3 / 4)
  }

  /// Begins to count.
  ///
  /// - Parameter slot: The neighbour from which the question for it came; `Receipt.own` for this node's own.
  mutating func open(
    origin: UInt64, call: UInt64, sequence: UInt64, until: Instant, from slot: UInt8, now: Instant
  ) {
    guard find(origin, call) == nil, slot == Receipt.own || hasShare(origin, now: now) else { return }
    var place = used
    if let free = (0..<used).first(where: { isFree($0, now: now) }) {
      place = free
    } else {
      guard used < entries.count else { return }
      used += 1
    }
    for link in 0..<links { branches[place * links + link] = BranchCount() }
    var entry = Receipt()
    entry.origin = origin
    entry.call = call
    entry.sequence = sequence
    entry.parent = slot
    entry.until = until
    entries[place] = entry
    schedule(place, at: now + delay)
  }

  /// The neighbour is gone, and what is behind it counts no more here.
  mutating func linkDown(_ slot: Int, now: Instant) {
    dueLinks &= ~(1 << SlotMask(slot))
    confirmations.removeAll { $0.slot == slot }
    for place in 0..<used where entries[place].call != 0 {
      branches[place * links + slot] = BranchCount()
      if Int(entries[place].parent) == slot { becomeOrphan(place) }
      schedule(place, at: now + delay)
    }
  }

  private func becomeOrphan(_ place: Int) {
    entries[place].parent = Receipt.orphan
    entries[place].confirmed = 0
    entries[place].attempts = 0
    entries[place].isDue = false
  }

  /// Stops counting everything.
  mutating func removeAll() {
    entries.clear(0..<used)
    used = 0
    dueLinks = 0
    confirmations = []
    orphans = []
    nextDeadline = .never
    orphansAt = .never
  }

  /// Stops counting one message of this node's.
  mutating func close(_ call: UInt64, origin: UInt64) {
    if let place = find(origin, call) { forget(place) }
  }

  /// Forgets a message, and of one of this node's who reported about it.
  private mutating func forget(_ place: Int) {
    if entries[place].parent == Receipt.own {
      let call = entries[place].call
      orphans.removeAll { $0.call == call }
    }
    entries[place] = Receipt()
  }
}

// Counting.
extension Receipts {
  /// What is to be said directly to an origin.
  struct DirectReport {
    var place: Int
    var origin: UInt64
    var call: UInt64
    var version: UInt64
    var count: UInt32
  }

  /// Looks which reports are due.
  ///
  /// - Parameter holds: Whether this node has a message, given its origin and number.
  /// - Returns: A report to an origin, if one is due: call again until there is none.
  mutating func advance(
    now: Instant, up: SlotMask, members: borrowing MemberTable, holds: (UInt64, UInt64) -> Bool,
    into effects: inout Effects
  ) -> DirectReport? {
    guard used > 0 else {
      nextDeadline = .never
      return nil
    }
    judgeOrphans(members, now: now)
    for place in 0..<used where entries[place].call != 0 && !entries[place].hasMessage {
      guard entries[place].parent != Receipt.own, holds(entries[place].origin, entries[place].sequence) else {
        continue
      }
      entries[place].hasMessage = true
      schedule(place, at: now + delay)
    }
    guard now >= nextDeadline else { return nil }
    nextDeadline = orphansAt
    var report: DirectReport?
    for place in 0..<used where entries[place].call != 0 {
      if now >= entries[place].until {
        forget(place)
        continue
      }
      if now >= entries[place].reportAt {
        if report != nil {
          nextDeadline = now
          break
        }
        report = self.report(place, up: up, now: now, into: &effects)
      }
      nextDeadline = min(nextDeadline, min(entries[place].reportAt, entries[place].until))
    }
    while used > 0, entries[used - 1].call == 0 { used -= 1 }
    return report
  }

  private mutating func report(_ place: Int, up: SlotMask, now: Instant, into effects: inout Effects)
    -> DirectReport?
  {
    let total = total(place)
    if total != entries[place].count {
      entries[place].count = total
      entries[place].version &+= 1
      entries[place].attempts = 0
      if entries[place].parent == Receipt.own {
        effects.outcomes.append(.receipts(entries[place].call, count: Int(total)))
      }
    }
    let entry = entries[place]
    guard entry.parent != Receipt.own, entry.confirmed < entry.version else {
      entries[place].reportAt = .never
      return nil
    }
    entries[place].attempts = min(entry.attempts + 1, 4)
    entries[place].reportAt = now + Self.retryTime << UInt64(min(entry.attempts, 3))
    if entry.parent == Receipt.orphan {
      // What is said directly is said until it is confirmed, or for some time: then again.
      guard entry.token == 0 || entry.said < entry.version else { return nil }
      return DirectReport(
        place: place, origin: entry.origin, call: entry.call, version: entry.version, count: entry.count)
    }
    entries[place].isDue = true
    dueLinks |= 1 << SlotMask(entry.parent) & up
    return nil
  }

  /// The members that are known to have a message: behind each neighbour, and this node.
  private func total(_ place: Int) -> UInt32 {
    var total: UInt32 = entries[place].hasMessage ? 1 : 0
    for link in 0..<links { total &+= branches[place * links + link].count }
    guard entries[place].parent == Receipt.own else { return total }
    for orphan in orphans where orphan.call == entries[place].call && orphan.isLiving {
      total &+= orphan.count
    }
    return total
  }

  /// Members that are gone count no more, until they are back.
  private mutating func judgeOrphans(_ members: borrowing MemberTable, now: Instant) {
    guard now >= orphansAt else { return }
    orphansAt = orphans.isEmpty ? .never : now + 1_000_000_000
    nextDeadline = min(nextDeadline, orphansAt)
    guard !orphans.isEmpty else { return }
    var living: Set<UInt64> = []
    for place in 0..<members.placesUsed where members[place].isLiving { living.insert(members[place].run) }
    var hasChanged = false
    for index in orphans.indices where orphans[index].isLiving != living.contains(orphans[index].run) {
      orphans[index].isLiving.toggle()
      hasChanged = true
    }
    guard hasChanged else { return }
    for place in 0..<used where entries[place].parent == Receipt.own && entries[place].call != 0 {
      schedule(place, at: now)
    }
  }
}

// What neighbours and members say.
extension Receipts {
  /// Whether something is to be written on a link.
  func hasWord(_ slot: Int) -> Bool {
    dueLinks & 1 << SlotMask(slot) != 0 || confirmations.contains { $0.slot == slot }
  }

  /// Writes what is due on a link, as far as it fits.
  mutating func write(_ slot: Int, to writer: inout Writer) {
    confirmations.removeAll { confirmation in
      guard confirmation.slot == slot, writer.remaining >= CountReport.lengthLimit else { return false }
      confirmation.report.write(MessageKind.counted, to: &writer)
      return true
    }
    guard dueLinks & 1 << SlotMask(slot) != 0 else { return }
    for place in 0..<used where entries[place].isDue && Int(entries[place].parent) == slot {
      let entry = entries[place]
      guard writer.remaining >= CountReport.lengthLimit else { return }
      // Once, until it is due again: the link would never come to its end with them otherwise.
      entries[place].isDue = false
      guard entry.call != 0, entry.confirmed < entry.version else { continue }
      CountReport(origin: entry.origin, call: entry.call, version: entry.version, count: UInt64(entry.count))
        .write(MessageKind.count, to: &writer)
    }
    dueLinks &= ~(1 << SlotMask(slot))
  }

  /// Takes a report of a neighbour, or its confirmation of ours.
  mutating func onReport(_ kind: UInt8, _ report: CountReport, from slot: Int, now: Instant) {
    guard let place = find(report.origin, report.call) else { return }
    if kind == MessageKind.counted {
      guard Int(entries[place].parent) == slot else { return }
      entries[place].confirmed = max(entries[place].confirmed, min(report.version, entries[place].version))
      return
    }
    // Who reports here and is reported to would count itself.
    guard Int(entries[place].parent) != slot else { return }
    let branch = place * links + slot
    if report.version > branches[branch].version {
      branches[branch].version = report.version
      branches[branch].count = UInt32(clamping: report.count)
      schedule(place, at: now + delay)
    }
    guard confirmations.count < Self.confirmationLimit else { return }
    confirmations.append((slot, report))
  }

  /// Notes that a report to an origin is under way.
  mutating func didSay(_ report: DirectReport, token: UInt64) {
    entries[report.place].token = token
    entries[report.place].said = report.version
  }

  /// Notes what became of a report to an origin.
  mutating func settle(_ token: UInt64, isHeard: Bool) {
    for place in 0..<used where entries[place].token == token {
      if isHeard { entries[place].confirmed = max(entries[place].confirmed, entries[place].said) }
      entries[place].token = 0
      return
    }
  }

  /// Takes the report of a member that has lost its neighbour.
  mutating func onOrphans(
    _ call: UInt64, from run: UInt64, count payload: UnsafeRawBufferPointer, now: Instant
  ) {
    guard payload.count == Self.orphanLength,
      let place = (0..<used).first(where: {
        entries[$0].call == call && entries[$0].parent == Receipt.own
      })
    else { return }
    let version = UInt64(bigEndian: payload.loadUnaligned(as: UInt64.self))
    let count = UInt32(bigEndian: payload.loadUnaligned(fromByteOffset: 8, as: UInt32.self))
    if let index = orphans.firstIndex(where: { $0.call == call && $0.run == run }) {
      guard version > orphans[index].version else { return }
      orphans[index].version = version
      orphans[index].count = count
    } else {
      guard orphans.count < Self.orphanLimit else { return }
      orphans.append(Orphan(call: call, run: run, version: version, count: count))
    }
    orphansAt = min(orphansAt, now + 1_000_000_000)
    schedule(place, at: now + delay)
  }

  /// The bytes of a report to an origin: version(8) count(4).
  static let orphanLength = 12
}
