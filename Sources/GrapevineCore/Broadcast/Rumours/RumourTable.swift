// The rumours that a member knows, oldest first.

/// One rumour, as a member knows it; all zero is a free place.
struct Rumour: BitwiseCopyable {
  var origin: UInt64 = 0
  var sequence: UInt64 = 0
  /// The partners that it is to be sent to, one bit each.
  var owed: UInt64 = 0
  /// The partners that are known to have it.
  var holders: UInt64 = 0
  /// Cycles begun since it was learned: 0 while the one lasts in which it came.
  var held: UInt16 = 0
  /// Cycles that spoke for stopping.
  var counter: UInt8 = 0
  /// Cycles since its birth, up to `GossipHeader.hopsLimit`.
  var age: UInt8 = 0
  /// Whether it is known only, and not spread any more.
  var isCold = false
  // What the present cycle brought: it was offered to somebody, somebody needed it, somebody did not.
  var wasOffered = false
  var wasNeeded = false
  var wasNeedless = false

  init() {}
}

/// A bounded queue of rumours, found by origin and number.
///
/// A ring in the order of arrival, and an open-addressed index over it with a secret seed, since peers choose
/// what stands in it.
struct RumourTable: ~Copyable {
  private let entries: FixedTable<Rumour>
  private let index: FixedTable<UInt32>
  private let mask: Int
  private let indexMask: Int
  private let seed: UInt64
  private var first = 0
  private(set) var count = 0

  /// - Parameter capacity: Rumours it holds; a power of two.
  init(capacity: Int, seed: UInt64) {
    entries = FixedTable(count: capacity)
    index = FixedTable(count: capacity * 2)
    mask = capacity - 1
    indexMask = capacity * 2 - 1
    self.seed = seed | 1
  }

  /// Bytes of a table of `capacity`.
  static func bytes(capacity: Int) -> Int {
    capacity * (MemoryLayout<Rumour>.stride + 2 * MemoryLayout<UInt32>.stride)
  }

  var capacity: Int { entries.count }
  var isFull: Bool { count == entries.count }

  /// The rumour at `position`, counted from the oldest.
  subscript(position: Int) -> Rumour {
    @inline(__always) _read { yield entries[(first &+ position) & mask] }
    @inline(__always) nonmutating _modify { yield &entries[(first &+ position) & mask] }
  }

  private func home(_ origin: UInt64, _ sequence: UInt64) -> Int {
    let product = (origin ^ seed).multipliedFullWidth(by: sequence &* 0x9e37_79b9_7f4a_7c15 ^ seed << 1)
    return Int(truncatingIfNeeded: product.high ^ product.low) & indexMask
  }

  /// The position of a rumour, or nil.
  func find(_ origin: UInt64, _ sequence: UInt64) -> Int? {
    var bucket = home(origin, sequence)
    while index[bucket] != 0 {
      let place = Int(index[bucket]) - 1
      if entries[place].sequence == sequence, entries[place].origin == origin {
        return (place &- first) & mask
      }
      bucket = (bucket + 1) & indexMask
    }
    return nil
  }

  /// Appends a rumour that is not there yet; call only when not `isFull`.
  mutating func append(_ rumour: Rumour) {
    precondition(!isFull, "no room in the table of rumours")
    let place = (first &+ count) & mask
    entries[place] = rumour
    count &+= 1
    enter(place)
  }

  private func enter(_ place: Int) {
    var bucket = home(entries[place].origin, entries[place].sequence)
    while index[bucket] != 0 { bucket = (bucket + 1) & indexMask }
    index[bucket] = UInt32(truncatingIfNeeded: place + 1)
  }

  /// Removes and returns the oldest rumour; call only when there is one.
  mutating func removeFirst() -> Rumour {
    precondition(count > 0, "no rumour to remove")
    let rumour = entries[first]
    leave(first)
    first = (first &+ 1) & mask
    count &-= 1
    return rumour
  }

  /// Takes a place out of the index, closing the gap that it leaves.
  private func leave(_ place: Int) {
    var bucket = home(entries[place].origin, entries[place].sequence)
    while Int(index[bucket]) - 1 != place {
      guard index[bucket] != 0 else { return }
      bucket = (bucket + 1) & indexMask
    }
    index[bucket] = 0
    var next = (bucket + 1) & indexMask
    while index[next] != 0 {
      let other = entries[Int(index[next]) - 1]
      if (next &- home(other.origin, other.sequence)) & indexMask >= (next &- bucket) & indexMask {
        index[bucket] = index[next]
        index[next] = 0
        bucket = next
      }
      next = (next + 1) & indexMask
    }
  }

  /// Keeps the rumours for which `isKept` says so, in their order; it may change each.
  mutating func filter(_ isKept: (inout Rumour) -> Bool) {
    var kept = 0
    for position in 0..<count {
      var rumour = self[position]
      guard isKept(&rumour) else { continue }
      self[kept] = rumour
      kept &+= 1
    }
    guard kept < count else { return }
    count = kept
    index.clear(0..<index.count)
    for position in 0..<count { enter((first &+ position) & mask) }
  }
}
