// Comparing tables with a neighbour: whatever news did not reach a member, it finds out here.
//
// A newcomer gets its table so, and every member compares now and then. Each end hashes the living members of
// its table in parts, by the first bits of their ids; parts that differ are sent. The asker keeps the state and
// asks again when no answer comes; whoever answers keeps nothing, and may ask in its turn.

/// A comparison under way.
struct SyncState {
  /// When the next one begins.
  var at = Instant.never
  /// When the present question is asked again; never when there is none.
  var deadline = Instant.never
  var slot = 0
  var attempts = 0
  /// The bits of an id that say which part it is in; 0 while the whole tables are compared.
  var bits: UInt8 = 0
  /// The first part that was not compared.
  var next: UInt32 = 0

  init() {}

  mutating func stop() {
    deadline = .never
    attempts = 0
    bits = 0
    next = 0
  }
}

extension Membership {
  /// The time from a new link to the comparison. Chosen here: newcomers are told of by then.
  static var syncDelay: Nanoseconds { 1_000_000_000 }
  private static var attemptLimit: Int { 5 }
  private static var retryTime: Nanoseconds { 250_000_000 }
  /// Parts compared at once, members in each on average, and the bits of the greatest number of parts.
  private static var partsAtOnce: Int { 64 }
  private static var membersPerPart: Int { 8 }
  private static var bitsLimit: UInt8 { 16 }
  /// Datagrams in one answer. Chosen here: what the smallest receive buffer holds for one neighbour.
  private static var framesPerAnswer: Int { 12 }
  /// Comparisons that a neighbour may ask for. Chosen here: each takes some ten microseconds for 1,000 members.
  private static var comparisonInterval: Nanoseconds { 2_000_000 }
  private static var comparisonBurst: UInt64 { 256 }
  /// Time for which neighbours are told of who is gone. Chosen here: who has not heard by then has asked itself.
  private static var tombstoneTime: Nanoseconds { 600_000_000_000 }

  mutating func advanceSync(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    if sync.deadline == .never, now >= sync.at || isNewcomer {
      sync.at = now + jittered(rules.syncInterval.asNanoseconds)
      guard let slot = generator.slot(of: view.up) else { return }
      sync.stop()
      sync.slot = slot
      sync.deadline = now
    }
    guard now >= sync.deadline else { return }
    guard sync.attempts < Self.attemptLimit else { return sync.stop() }
    sync.attempts += 1
    sync.deadline = now + Self.retryTime << UInt64(sync.attempts - 1)
    compare(&view, now: now, counters: &counters, into: &effects)
  }

  /// COMPARE: asks whether parts of the table are the same there.
  private mutating func compare(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    let (bits, first) = (sync.bits, Int(sync.next))
    let count = min(1 << Int(bits) - first, Self.partsAtOnce)
    let hashes = hashes(bits: bits, first: first, count: count)
    view.send(on: sync.slot, now: now, counters: &counters, into: &effects) { _, writer in
      writer.write(MessageKind.compare)
      writer.write(bits)
      writer.writeVariable(UInt64(first))
      writer.writeVariable(UInt64(count))
      for part in 0..<count { writer.write(hashes[part]) }
    }
  }

  private static func part(of id: UInt64, bits: UInt8) -> Int {
    bits == 0 ? 0 : Int(truncatingIfNeeded: id >> (64 - UInt64(bits)))
  }

  /// The hashes of `count` parts of the table from `first` on, at most 64.
  private func hashes(bits: UInt8, first: Int, count: Int) -> InlineArray<64, UInt32> {
    var hashes = InlineArray<64, UInt32>(repeating: 0)
    for place in 0..<table.placesUsed where table[place].isLiving {
      let part = Self.part(of: table[place].id, bits: bits) - first
      guard part >= 0, part < count else { continue }
      hashes[part] ^= UInt32(truncatingIfNeeded: MemberTable.print(of: table[place]) >> 16)
    }
    return hashes
  }

  /// COMPARE of a neighbour: sends the parts that differ, and says how far that went.
  mutating func onCompare(
    _ cursor: inout Cursor, from slot: Int, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    let bits = try cursor.read(UInt8.self)
    guard bits <= Self.bitsLimit else { throw .outOfRange }
    let first = Int(truncatingIfNeeded: try cursor.readVariable(in: 0...(1 << UInt64(bits)) - 1))
    let count = Int(
      truncatingIfNeeded: try cursor.readVariable(
        in: 1...UInt64(min(Self.partsAtOnce, 1 << Int(bits) - first))))
    let theirs = try cursor.readBytes(UInt64(count) * 4)
    guard isOpen, isAnnounced else { return }
    guard
      view.links[slot].comparisons.pay(
        interval: Self.comparisonInterval, burst: Self.comparisonBurst, now: now)
    else {
      counters.droppedExcess &+= 1
      return
    }
    var differs: UInt64 = 0
    let ours = hashes(bits: bits, first: first, count: count)
    for part in 0..<count
    where UInt32(bigEndian: theirs.loadUnaligned(fromByteOffset: part * 4, as: UInt32.self)) != ours[part] {
      differs |= 1 << UInt64(part)
    }
    var next = first + count
    if bits == 0 {
      next = differs == 0 ? 0 : 1
      // What differs here may be news for us.
      if differs != 0, !isNewcomer { sync.at = min(sync.at, now + jittered(Self.syncDelay)) }
    } else {
      if differs != 0 { counters.syncs &+= 1 }
      next = sendParts(
        differs, bits: bits, first: first, count: count, on: slot, &view, now: now, counters: &counters,
        into: &effects)
    }
    let members = UInt64(table.livingCount)
    view.send(on: slot, now: now, counters: &counters, into: &effects) { _, writer in
      writer.write(MessageKind.compared)
      writer.write(bits)
      writer.writeVariable(UInt64(next))
      writer.writeVariable(members)
    }
  }

  /// Sends the members of some parts.
  ///
  /// - Returns: The first part that was not sent.
  private mutating func sendParts(
    _ differs: UInt64, bits: UInt8, first: Int, count: Int, on slot: Int, _ view: inout Neighbourhood,
    now: Instant, counters: inout Counters, into effects: inout Effects
  ) -> Int {
    var part = 0
    var place = 0
    for _ in 0..<Self.framesPerAnswer {
      while part < count, differs & 1 << UInt64(part) == 0 { part += 1 }
      guard part < count, effects.datagrams.hasRoom else { break }
      // Counters are the node's, and so is the table: both are lent to whoever writes.
      var sent = Counters()
      view.send(on: slot, now: now, counters: &counters, into: &effects) { _, writer in
        writer.write(MessageKind.contents)
        while part < count {
          if differs & 1 << UInt64(part) != 0 {
            while place < table.placesUsed {
              guard isTold(place, bits: bits, part: first + part, now: now) else {
                place += 1
                continue
              }
              guard table.writeNews(place, to: &writer, counters: &sent) else { return }
              place += 1
            }
          }
          place = 0
          part += 1
        }
      }
      counters.newsSent &+= sent.newsSent
      counters.newsBytesSent &+= sent.newsBytesSent
      if part >= count { break }
    }
    return first + part
  }

  /// Whether a neighbour whose part differs is sent a place.
  private func isTold(_ place: Int, bits: UInt8, part: Int, now: Instant) -> Bool {
    let entry = table[place]
    guard !entry.isFree, Self.part(of: entry.id, bits: bits) == part else { return false }
    return entry.isLiving || now.since(entry.since) < Self.tombstoneTime
  }

  /// COMPARED: what follows of the comparison.
  mutating func onCompared(
    _ cursor: inout Cursor, from slot: Int, now: Instant, counters: inout Counters
  ) throws(DecodeError) {
    let bits = try cursor.read(UInt8.self)
    let next = try cursor.readVariable()
    let members = try cursor.readVariable()
    guard sync.deadline != .never, sync.slot == slot, bits == sync.bits else { return }
    sync.attempts = 0
    if bits == 0 {
      guard next != 0 else { return endSync() }
      let most = max(table.livingCount, Int(clamping: members))
      let parts = UInt64(min(most, 1 << 20) / Self.membersPerPart + 1)
      sync.bits = min(Self.bitsLimit, max(1, UInt8(64 - parts.leadingZeroBitCount)))
      sync.next = 0
    } else {
      guard next > UInt64(sync.next), next < 1 << UInt64(bits) else { return endSync() }
      sync.next = UInt32(truncatingIfNeeded: next)
    }
    sync.deadline = now
  }

  private mutating func endSync() {
    sync.stop()
    isNewcomer = false
  }
}
