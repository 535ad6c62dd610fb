// The slots in which links and handshakes live.

/// One bit for each slot of the link table.
typealias SlotMask = UInt64

extension SlotMask {
  /// The slot of the set bit at `position`, counted from 0; nil when there are not so many.
  func slot(at position: Int) -> Int? {
    guard position < nonzeroBitCount else { return nil }
    var rest = self
    for _ in 0..<position { rest &= rest &- 1 }
    return rest.trailingZeroBitCount
  }
}

extension Generator {
  /// A random one of some slots; nil when there is none.
  mutating func slot(of mask: SlotMask) -> Int? { mask.slot(at: below(mask.nonzeroBitCount)) }
}

/// A fixed number of link slots, and which of them are taken.
///
/// There are few, so a link is found by looking at each slot taken: no hash of an address that a peer chose.
struct LinkTable: ~Copyable {
  private let links: FixedTable<Link>
  /// The slots taken, one bit each.
  private(set) var occupied: SlotMask = 0

  init(count: Int) {
    links = FixedTable(count: count)
  }

  /// The number of slots.
  var count: Int { links.count }

  subscript(slot: Int) -> Link {
    @inline(__always) _read { yield links[slot] }
    @inline(__always) nonmutating _modify { yield &links[slot] }
  }

  /// The slot of the link or handshake with `endpoint`.
  @inline(__always)
  func slot(of endpoint: Endpoint) -> Int? {
    var rest = occupied
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if links[slot].endpoint == endpoint { return slot }
    }
    return nil
  }

  /// A slot that is not taken.
  var freeSlot: Int? {
    let slot = (~occupied).trailingZeroBitCount
    return slot < links.count ? slot : nil
  }

  /// Takes a slot.
  mutating func occupy(_ slot: Int, with link: Link) {
    links[slot] = link
    occupied |= 1 << SlotMask(slot)
  }

  /// Gives a slot back.
  mutating func free(_ slot: Int) {
    links[slot] = Link()
    occupied &= ~(1 << SlotMask(slot))
  }
}
