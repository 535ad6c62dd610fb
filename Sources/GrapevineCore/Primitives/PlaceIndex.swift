// Finding a place in a table by a hash of what lies there.

/// An open-addressed index over the places of a table, which stay where they are.
///
/// The hash is the table's, with a seed of its own where peers choose the keys. Linear probing, and a removal
/// closes the gap it leaves (Knuth, TAOCP vol. 3, §6.4, algorithm R), so nothing marks what was once there.
package struct PlaceIndex: ~Copyable {
  @usableFromInline let slots: FixedTable<UInt32>
  @usableFromInline let mask: Int

  /// An empty index for a table of `capacity` places.
  package init(capacity: Int) {
    let size = Self.size(capacity: capacity)
    slots = FixedTable(count: size)
    mask = size - 1
  }

  /// Bytes of an index for a table of `capacity` places.
  package static func bytes(capacity: Int) -> Int { size(capacity: capacity) * MemoryLayout<UInt32>.stride }

  /// A power of two, at least twice as many as places.
  static func size(capacity: Int) -> Int {
    1 << (Int.bitWidth - (max(1, capacity) * 2 - 1).leadingZeroBitCount)
  }

  /// The place of the given hash for which `isIt` says so; nil when there is none.
  @inlinable @inline(__always)
  package func find(_ hash: UInt64, _ isIt: (Int) -> Bool) -> Int? {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 {
      let place = Int(slots[slot]) - 1
      if isIt(place) { return place }
      slot = (slot + 1) & mask
    }
    return nil
  }

  /// Enters a place that is not there yet.
  package func enter(_ place: Int, _ hash: UInt64) {
    var slot = Int(truncatingIfNeeded: hash) & mask
    while slots[slot] != 0 { slot = (slot + 1) & mask }
    slots[slot] = UInt32(truncatingIfNeeded: place + 1)
  }

  /// Takes a place out; `hashOf` gives the hash of every place that is in the index.
  package func leave(_ place: Int, hashOf: (Int) -> UInt64) {
    var slot = Int(truncatingIfNeeded: hashOf(place)) & mask
    while Int(slots[slot]) - 1 != place {
      guard slots[slot] != 0 else { return }
      slot = (slot + 1) & mask
    }
    slots[slot] = 0
    var next = (slot + 1) & mask
    while slots[next] != 0 {
      let home = Int(truncatingIfNeeded: hashOf(Int(slots[next]) - 1)) & mask
      if (next &- home) & mask >= (next &- slot) & mask {
        slots[slot] = slots[next]
        slots[next] = 0
        slot = next
      }
      next = (next + 1) & mask
    }
  }

  /// Takes every place out.
  package func removeAll() { slots.clear(0..<slots.count) }
}
