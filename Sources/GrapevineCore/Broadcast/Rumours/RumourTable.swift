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
  private let index: PlaceIndex
  private let mask: Int
  private let seed: UInt64
  private var first = 0
  private(set) var count = 0

  /// - Parameter capacity: Rumours it holds; a power of two.
  init(capacity: Int, seed: UInt64) {
    entries = FixedTable(count: capacity)
    index = PlaceIndex(capacity: capacity)
    mask = capacity - 1
    self.seed = seed | 1
  }

  /// Bytes of a table of `capacity`.
  static func bytes(capacity: Int) -> Int {
    capacity * MemoryLayout<Rumour>.stride + PlaceIndex.bytes(capacity: capacity)
  }

  var capacity: Int { entries.count }
  var isFull: Bool { count == entries.count }

  /// The rumour at `position`, counted from the oldest.
  subscript(position: Int) -> Rumour {
    @inline(__always) _read { yield entries[(first &+ position) & mask] }
    @inline(__always) nonmutating _modify { yield &entries[(first &+ position) & mask] }
  }

  private func hash(_ origin: UInt64, _ sequence: UInt64) -> UInt64 {
    let product = (origin ^ seed).multipliedFullWidth(by: sequence &* 0x9e37_79b9_7f4a_7c15 ^ seed << 1)
    return product.high ^ product.low
  }

  private func hash(at place: Int) -> UInt64 { hash(entries[place].origin, entries[place].sequence) }

  /// The position of a rumour, or nil.
  func find(_ origin: UInt64, _ sequence: UInt64) -> Int? {
    let place = index.find(hash(origin, sequence)) { place in
      entries[place].sequence == sequence && entries[place].origin == origin
    }
    return place.map { ($0 &- first) & mask }
  }

  /// Appends a rumour that is not there yet; call only when not `isFull`.
  mutating func append(_ rumour: Rumour) {
    precondition(!isFull, "no room in the table of rumours")
    let place = (first &+ count) & mask
    entries[place] = rumour
    count &+= 1
    index.enter(place, hash(at: place))
  }

  /// Removes and returns the oldest rumour; call only when there is one.
  mutating func removeFirst() -> Rumour {
    precondition(count > 0, "no rumour to remove")
    let rumour = entries[first]
    index.leave(first, hashOf: { hash(at: $0) })
    first = (first &+ 1) & mask
    count &-= 1
    return rumour
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
    index.removeAll()
    for position in 0..<count {
      let place = (first &+ position) & mask
      index.enter(place, hash(at: place))
    }
  }
}
