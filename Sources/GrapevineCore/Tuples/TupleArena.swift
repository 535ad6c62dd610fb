// The bytes of keys and values, one block behind the other.

/// Memory for blocks of any size, from which the dead ones are squeezed out now and then.
///
/// A block begins with the place of the tuple it belongs to, its size in units and the tuple's traits; that is how
/// the living are found when the arena is compacted. Then come, of a tuple that expires, the time and its position
/// among those that do; then the key; then the value.
struct TupleArena: ~Copyable {
  private let memory: FixedTable<UInt8>
  /// The first unit that was never used since the last compaction. Unit 0 is nobody's.
  private var top = 1
  private(set) var liveUnits = 0

  /// Bytes of a unit.
  static var unit: Int { 8 }
  private static var header: Int { 8 }
  private static var timing: Int { 16 }
  /// Dead units that are put up with however few the living are. Chosen here: 1 MiB.
  private static var leastGarbage: Int { (1 << 20) / unit }

  /// An arena for `bytes` of living blocks.
  init(bytes: Int) {
    memory = FixedTable(count: Self.bytes(bytes))
  }

  /// The bytes that an arena takes when it is full: the living, as many dead, and the next block, of which two fit
  /// into `bytes`. An arena that may hold nothing takes next to nothing.
  static func bytes(_ bytes: Int) -> Int {
    bytes == 0 ? 2 * unit : 2 * bytes + bytes / 2 + 2 * leastGarbage * unit
  }

  /// The units that a block takes.
  static func units(key: Int, value: Int, isTimed: Bool) -> Int {
    (header + (isTimed ? timing : 0) + key + value + unit - 1) / unit
  }

  /// Whether so many dead units lie about that moving the living ones together is worth it.
  var isWorthCompacting: Bool { top - 1 - liveUnits > max(liveUnits, Self.leastGarbage) }

  /// Takes a block for the tuple at `place`; the caller keeps the living within the limit, and compacts when that is worth it.
  mutating func allocate(_ units: Int, for place: Int, traits: TupleTraits) -> UInt32 {
    let block = UInt32(truncatingIfNeeded: top)
    precondition(top + units <= memory.count / Self.unit, "the arena is full")
    top += units
    liveUnits += units
    let start = pointer(block)
    start.storeBytes(of: UInt32(truncatingIfNeeded: place), as: UInt32.self)
    start.storeBytes(
      of: UInt32(truncatingIfNeeded: units) << 8 | UInt32(traits.rawValue), toByteOffset: 4, as: UInt32.self)
    return block
  }

  /// Gives a block up.
  mutating func release(_ block: UInt32) { liveUnits -= units(of: block) }

  /// Moves the living blocks together; `isLiving` says whether a block is that of a place, `moved` learns where it
  /// is now.
  mutating func compact(isLiving: (UInt32, Int) -> Bool, moved: (Int, UInt32) -> Void) {
    var from = 1
    var to = 1
    while from < top {
      let block = UInt32(truncatingIfNeeded: from)
      let (place, units) = (place(of: block), units(of: block))
      if isLiving(block, place) {
        let target = UInt32(truncatingIfNeeded: to)
        if to != from { pointer(target).copyMemory(from: pointer(block), byteCount: units * Self.unit) }
        moved(place, target)
        to += units
      }
      from += units
    }
    top = to
  }

  /// Forgets all blocks.
  mutating func removeAll() {
    top = 1
    liveUnits = 0
  }

  @inline(__always)
  private func pointer(_ block: UInt32) -> UnsafeMutableRawPointer {
    UnsafeMutableRawPointer(memory.pointer(at: Int(block) * Self.unit))
  }

  private func place(of block: UInt32) -> Int { Int(pointer(block).load(as: UInt32.self)) }

  /// The units that a block takes.
  func units(of block: UInt32) -> Int {
    max(1, Int(pointer(block).load(fromByteOffset: 4, as: UInt32.self) >> 8))
  }

  func traits(of block: UInt32) -> TupleTraits {
    TupleTraits(rawValue: UInt8(truncatingIfNeeded: pointer(block).load(fromByteOffset: 4, as: UInt32.self)))
  }

  func setTraits(_ traits: TupleTraits, of block: UInt32) {
    let units = pointer(block).load(fromByteOffset: 4, as: UInt32.self) & ~0xff
    pointer(block).storeBytes(of: units | UInt32(traits.rawValue), toByteOffset: 4, as: UInt32.self)
  }

  /// When the tuple of a timed block expires, in milliseconds since 1970.
  func expiresAt(_ block: UInt32) -> UInt64 {
    pointer(block).load(fromByteOffset: Self.header, as: UInt64.self)
  }

  func setExpiresAt(_ milliseconds: UInt64, of block: UInt32) {
    pointer(block).storeBytes(of: milliseconds, toByteOffset: Self.header, as: UInt64.self)
  }

  /// Where the tuple of a timed block stands among those that expire.
  func position(_ block: UInt32) -> Int {
    Int(pointer(block).load(fromByteOffset: Self.header + 8, as: UInt32.self))
  }

  func setPosition(_ position: Int, of block: UInt32) {
    pointer(block).storeBytes(
      of: UInt32(truncatingIfNeeded: position), toByteOffset: Self.header + 8, as: UInt32.self)
  }

  /// The bytes of a block behind its header.
  func bytes(_ block: UInt32, count: Int, isTimed: Bool) -> UnsafeMutableRawBufferPointer {
    UnsafeMutableRawBufferPointer(
      start: pointer(block) + Self.header + (isTimed ? Self.timing : 0), count: count)
  }
}
