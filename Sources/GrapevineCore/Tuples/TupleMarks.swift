// When the memory of a removal has done its work: once all members have it.
//
// Now and then each member that remembers removals says, in a broadcast, how many up to which date, as one number.
// All say it for the same dates. Who hears the same number from every member that is remembered, the failed ones too,
// knows that all have the same memories, and gives up those up to that date. Who has become a member after one of the
// removals says nothing: somebody may have gone before, with the tuple, and been forgotten by all who have started anew.

/// What a member said of its tombstones.
struct TupleMark {
  /// The date up to which it is meant.
  var through: TupleClock
  /// The sum of the hashes of tombstones up to then.
  var sum: UInt64

  init(through: TupleClock, sum: UInt64) {
    self.through = through
    self.sum = sum
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    through = TupleClock(bits: try cursor.read(UInt64.self))
    sum = try cursor.read(UInt64.self)
  }

  func write(to writer: inout Writer) {
    writer.write(through.bits)
    writer.write(sum)
  }
}

/// The last mark of one run; all zero when the place is free.
struct TupleMarkEntry: BitwiseCopyable {
  var run: UInt64 = 0
  var through: UInt64 = 0
  var sum: UInt64 = 0

  init() {}
}

/// The last mark of every member.
struct TupleMarks: ~Copyable {
  fileprivate let entries: FixedTable<TupleMarkEntry>
  private var next = 0
  /// Whether marks came since all were looked at.
  var isDirty = false
  /// All removals up to this date are known to all members.
  var stableThrough: UInt64 = 0
  /// Since when this node is a member, in milliseconds since 1970; nil while it is none.
  var memberSince: UInt64?

  init(capacity: Int) { entries = FixedTable(count: capacity) }

  static func bytes(capacity: Int) -> Int { capacity * MemoryLayout<TupleMarkEntry>.stride }

  /// The clock was set back: what was said by it is void.
  mutating func restart(own run: UInt64) {
    stableThrough = 0
    for place in 0..<entries.count where entries[place].run == run && run != 0 { entries[place].through = 0 }
  }

  /// Notes a member's mark; that of one that is not there takes the place of the one noted longest ago.
  mutating func note(_ mark: TupleMark, of run: UInt64) {
    guard entries.count > 0 else { return }
    var place = 0
    while place < entries.count, entries[place].run != run, entries[place].run != 0 { place += 1 }
    if place == entries.count {
      place = next
      next = (next + 1) % entries.count
      // Nothing of whoever was here is the newcomer's.
      entries[place] = TupleMarkEntry()
    }
    entries[place].run = run
    guard mark.through.bits >= entries[place].through else { return }
    entries[place].through = mark.through.bits
    entries[place].sum = mark.sum
    isDirty = true
  }

  /// Whether a run has said the same.
  func has(_ mark: TupleMark, of run: UInt64) -> Bool {
    for place in 0..<entries.count where entries[place].run != 0 {
      guard entries[place].run == run else { continue }
      return entries[place].through == mark.through.bits && entries[place].sum == mark.sum
    }
    return false
  }
}

extension TupleMap {
  /// Time between marks: a minute for each 64 members, since everybody hears everybody's. Chosen here.
  private static var markMilliseconds: UInt64 { 60_000 }
  private static var membersPerInterval: Int { 64 }
  /// Time for which a broadcast may be under way. Chosen here: several attempts of repair.
  static var settleMilliseconds: UInt64 { 10_000 }
  /// Time between looks at all marks, which take a step for each two members. Chosen here.
  private static var settleTime: Nanoseconds { 1_000_000_000 }

  /// Notes whether this node is a member.
  mutating func noteMember(_ isMember: Bool, now: Instant) {
    let present = clock.milliseconds(now)
    // Later than now only by a clock that has been set back since.
    marks.memberSince = isMember ? min(marks.memberSince ?? present, present) : nil
  }

  /// The mark to be broadcast now; nil when there is none.
  mutating func takeMark(_ members: borrowing MemberTable, now: Instant) -> TupleMark? {
    guard now >= markAt else { return nil }
    guard table.tombstoneCount > 0, writers.isListed else {
      markAt = .never
      return nil
    }
    let interval = Self.markMilliseconds * UInt64(max(1, members.livingCount) / Self.membersPerInterval + 1)
    let present = clock.milliseconds(now)
    markAt = clock.instant(of: (present / interval + 1) * interval)
    // What is dated earlier than this has come, unless a clock is wrong by more than is allowed.
    // Twice: broadcasts count for news for `skew` and that time, by clocks that differ by `skew`.
    let settled = present - min(present, 2 * clock.skew + Self.settleMilliseconds)
    let through = TupleClock(milliseconds: settled / interval * interval)
    guard through.bits > marks.stableThrough else { return nil }
    // Who knows of somebody that is gone says nothing: newcomers are not told of it, and would not wait for it.
    for place in 0..<members.placesUsed where !members[place].isFree && !members[place].isLiving {
      return nil
    }
    guard let mark = mark(through: through), mark.sum != 0 else { return nil }
    marks.note(mark, of: identity)
    return mark
  }

  /// The mark for a date; nil when a removal before that is older than this node's membership.
  private func mark(through: TupleClock) -> TupleMark? {
    let since = TupleClock(milliseconds: marks.memberSince ?? .max).bits
    var sum: UInt64 = 0
    for place in 0..<table.placesUsed where !table[place].isFree && table[place].clock < through.bits {
      guard table.traits(place).contains(.tombstone) else { continue }
      guard table[place].clock >= since else { return nil }
      sum &+= table[place].hash
    }
    return TupleMark(through: through, sum: sum)
  }

  /// A mark as a broadcast; valid until the next one.
  func message(_ mark: TupleMark) -> UnsafeRawBufferPointer {
    var writer = Writer(UnsafeMutableRawBufferPointer(start: scratch.pointer(at: 0), count: scratch.count))
    writer.write(UInt8(0))
    writer.write(SystemMessage.mark)
    mark.write(to: &writer)
    return writer.written(from: 0)
  }

  /// Sees whether all members said what this node said last.
  mutating func settleMarks(_ members: borrowing MemberTable, now: Instant) {
    guard marks.isDirty, now >= settleAt else { return }
    marks.isDirty = false
    settleAt = now + Self.settleTime
    guard table.tombstoneCount > 0, let own = marks.last(of: identity), own.through.bits > marks.stableThrough
    else { return }
    for place in 0..<members.placesUsed {
      let member = members[place]
      // Who has said goodbye may come back with what it had.
      guard !member.isFree, member.run != identity else { continue }
      guard marks.has(own, of: member.run) else { return }
    }
    marks.stableThrough = own.through.bits - 1
  }
}

extension TupleMarks {
  /// What a run said last.
  func last(of run: UInt64) -> TupleMark? {
    for place in 0..<entries.count where entries[place].run == run && run != 0 {
      return TupleMark(through: TupleClock(bits: entries[place].through), sum: entries[place].sum)
    }
    return nil
  }
}
