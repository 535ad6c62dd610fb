// What came lately, remembered once for all links of a replica.
//
// Nothing is copied for a link: each has a position in one ring of versions, and looks up in the table what it sends.
// A version that was written over before a link came to it is not sent there any more.

/// A version that came, and who need not hear of it.
struct TupleNewsEntry: BitwiseCopyable {
  /// The hash of the version; 0 for whatever is at the place when its turn comes.
  var hash: UInt64 = 0
  /// The links on which it is not to be sent, or was already.
  var unneeded: SlotMask = 0
  var place: UInt32 = 0

  init() {}
}

/// How far a link has come.
struct TupleNewsLink: BitwiseCopyable {
  /// The next entry for it.
  var next: UInt64 = 0
  /// Of the whole table, the next place to tell, plus 1; 0 when that is done. The news come behind it.
  var walk: UInt32 = 0
  /// Whether something was taken since the link was last found a whole ring behind, or it never was; and up to when
  /// that makes it worth waiting for.
  var hasMoved = true
  var movesUntil = Instant()

  init() {}
}

/// A ring of news, and the positions of links in it.
struct TupleNews: ~Copyable {
  private let ring: FixedTable<TupleNewsEntry>
  /// For each place of the table the number of its last entry plus 1, in 32 bits.
  private let last: FixedTable<UInt32>
  let links: FixedTable<TupleNewsLink>
  /// The number of the next entry.
  private(set) var end: UInt64 = 0
  /// No link is behind this entry.
  private var least: UInt64 = 0
  /// Links on which versions are told.
  private(set) var replicas: SlotMask = 0
  private(set) var readers: SlotMask = 0
  /// Who need not hear of what is put into the table now: everybody, but where that is said otherwise.
  var unneeded = SlotMask.max
  /// Links that were a whole ring behind and have lost news since that was looked at last.
  var overrun: SlotMask = 0
  /// Whether something that came could not be taken for want of room.
  var hasLost = false

  /// A ring of `size` entries, a power of two; 0 for none.
  init(size: Int, places: Int, links: Int) {
    ring = FixedTable(count: size)
    last = FixedTable(count: size > 0 ? places : 0)
    self.links = FixedTable(count: size > 0 ? links : 0)
  }

  var isKept: Bool { ring.count > 0 }

  /// The entries that the ring holds.
  private var size: UInt64 { UInt64(ring.count) }

  @inline(__always)
  private func index(_ number: UInt64) -> Int { Int(truncatingIfNeeded: number & (size &- 1)) }

  // MARK: Links

  /// Has a link told what comes from now on; and, when it is a reader's, first all that is there.
  mutating func join(_ slot: Int, isReader: Bool) {
    let bit: SlotMask = 1 << SlotMask(slot)
    links[slot] = TupleNewsLink()
    links[slot].next = end
    links[slot].walk = isReader ? 1 : 0
    if isReader { readers |= bit } else { replicas |= bit }
  }

  /// Tells a link nothing any more.
  mutating func leave(_ slot: Int) {
    let bit: SlotMask = 1 << SlotMask(slot)
    replicas &= ~bit
    readers &= ~bit
    overrun &= ~bit
  }

  // MARK: Entries

  /// Notes a version that was put into the table.
  mutating func note(_ hash: UInt64, at place: Int, unneeded told: SlotMask) {
    let unneeded = self.unneeded | told
    guard (replicas | readers) & ~unneeded != 0 else { return }
    append(hash, at: place, unneeded: unneeded)
    last[place] = UInt32(truncatingIfNeeded: end)
  }

  /// Has a link told of what is at a place.
  mutating func tell(_ slot: Int, _ place: Int) { append(0, at: place, unneeded: ~(1 << SlotMask(slot))) }

  private mutating func append(_ hash: UInt64, at place: Int, unneeded: SlotMask) {
    if !hasRoom { makeRoom() }
    var entry = TupleNewsEntry()
    (entry.hash, entry.unneeded, entry.place) = (hash, unneeded, UInt32(truncatingIfNeeded: place))
    ring[index(end)] = entry
    end &+= 1
  }

  /// Whether an entry fits without a link losing one.
  var hasRoom: Bool {
    mutating get {
      guard end &- least >= size else { return true }
      least = end
      var rest = replicas | readers
      while rest != 0 {
        least = min(least, links[rest.trailingZeroBitCount].next)
        rest &= rest &- 1
      }
      return end &- least < size
    }
  }

  /// Leaves behind the links that are a whole ring behind.
  private mutating func makeRoom() {
    var rest = replicas | readers
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard end &- links[slot].next >= size else { continue }
      links[slot].next = end
      links[slot].walk = readers & 1 << SlotMask(slot) != 0 ? 1 : 0
      overrun |= 1 << SlotMask(slot)
    }
  }

  /// Whether one of the links for which there is no room has taken something within the last `patience`.
  func isWorthWaiting(_ patience: Nanoseconds, now: Instant) -> Bool {
    var rest = replicas | readers
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard end &- links[slot].next >= size else { continue }
      if links[slot].hasMoved { links[slot].movesUntil = now + patience }
      links[slot].hasMoved = false
      if now < links[slot].movesUntil { return true }
    }
    return false
  }

  /// The number of the entry of the version at a place; nil when the ring has none.
  private func number(_ hash: UInt64, at place: Int) -> UInt64? {
    let age = UInt64(UInt32(truncatingIfNeeded: end) &- last[place])
    guard age < size, age < end else { return nil }
    let number = end &- 1 &- age
    return ring[index(number)].hash == hash ? number : nil
  }

  /// Notes that a version need not be sent on some links any more.
  func settle(_ hash: UInt64, at place: Int, unneeded: SlotMask) {
    guard let number = number(hash, at: place) else { return }
    ring[index(number)].unneeded |= unneeded
  }

  /// The readers that have been told the version at a place, or need not be.
  func readersTold(_ hash: UInt64, at place: Int) -> SlotMask {
    let number = number(hash, at: place)
    var told: SlotMask = 0
    var rest = readers
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      let bit: SlotMask = 1 << SlotMask(slot)
      let isTold: Bool
      if let number, number >= links[slot].next {
        isTold = ring[index(number)].unneeded & bit != 0
      } else {
        isTold = links[slot].walk == 0 || place &+ 1 < Int(links[slot].walk)
      }
      if isTold { told |= bit }
    }
    return told
  }

  // MARK: Telling

  /// The place of the next version for a link, which stays the next until `didTell`; nil when there is none.
  func next(_ slot: Int, of table: borrowing TupleTable) -> Int? {
    if links[slot].walk != 0, let place = nextOfWalk(slot, table) { return place }
    let bit: SlotMask = 1 << SlotMask(slot)
    while links[slot].next < end {
      let entry = ring[index(links[slot].next)]
      let place = Int(entry.place)
      if entry.unneeded & bit == 0, place < table.placesUsed, !table[place].isFree,
        entry.hash == 0 ? table.isVisible(place) : table[place].hash == entry.hash
      {
        return place
      }
      links[slot].next &+= 1
    }
    return nil
  }

  private func nextOfWalk(_ slot: Int, _ table: borrowing TupleTable) -> Int? {
    while true {
      let place = Int(links[slot].walk) - 1
      guard place < table.placesUsed else {
        links[slot].walk = 0
        return nil
      }
      if !table[place].isFree, table.isVisible(place), !isSettled(table[place].hash, at: place, slot) {
        return place
      }
      links[slot].walk += 1
    }
  }

  /// Whether a version that came since a link's walk began need not be told on it: it came from there.
  private func isSettled(_ hash: UInt64, at place: Int, _ slot: Int) -> Bool {
    guard let number = number(hash, at: place), number >= links[slot].next else { return false }
    return ring[index(number)].unneeded & 1 << SlotMask(slot) != 0
  }

  /// The version that `next` gave is on its way.
  func didTell(_ slot: Int, of table: borrowing TupleTable) {
    guard links[slot].walk != 0 else {
      links[slot].next &+= 1
      return
    }
    // What has come since the walk began is not to be told behind it again.
    let place = Int(links[slot].walk) - 1
    settle(table[place].hash, at: place, unneeded: 1 << SlotMask(slot))
    links[slot].walk += 1
  }

  /// Notes that a link took something.
  func didMove(_ slot: Int) { links[slot].hasMoved = true }
}

extension TupleMap {
  /// The readers that are not to be told of a version: all when there is nothing to see; else those that have been
  /// told the same value.
  func readersTold(_ record: TupleRecord, at old: Int?) -> SlotMask {
    guard news.readers != 0 else { return 0 }
    guard record.traits.isDisjoint(with: [.tombstone, .hidden]) else { return news.readers }
    guard let old, table.isVisible(old), table.value(old).hasBytes(of: record.value) else { return 0 }
    return news.readersTold(table[old].hash, at: old)
  }
}
