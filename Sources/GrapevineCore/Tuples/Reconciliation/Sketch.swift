// A set's symbols, ready to be sent at any moment.
//
// A member compares its map with a neighbour's every few seconds. Computing the symbols then would mean going
// through the whole map; so they are kept, and a change of the set costs a step for each symbol that it
// touches. Few differences need few symbols, so only a short prefix is kept, and made longer when a neighbour
// asks for more.

/// The first coded symbols of a set that changes.
///
/// Items are 64-bit keyed hashes, never 0, each in the set once at most; the caller keeps them in a table and
/// knows the place of each. The symbols [0, `size`) can be read; `size` starts at 256, where a change touches
/// 10.3 symbols on average, and is enough for 170 differences.
///
/// Growth goes through the caller's table in slices: `grow` begins it, `continueGrowth` is called until it is
/// done. While frozen, what can be read stays as it is, so that a neighbour who asks for symbols one batch
/// after another gets those of one set; changes wait in a list of bounded length.
package struct Sketch: ~Copyable {
  /// The key of checks and mapping; sketches with different keys cannot be compared.
  package let key: UInt64
  /// The symbols that there are at most.
  package let limit: Int
  /// The symbols that can be read; a power of two.
  package private(set) var size: Int
  /// Changes whenever a symbol that can be read changes, but not when there are more or fewer of them. It
  /// wraps.
  package private(set) var version: UInt32 = 0
  /// Whether changes wait.
  package private(set) var isFrozen = false

  private let symbols: FixedTable<SketchSymbol>
  private let pending: FixedTable<SketchToggle>
  private var pendingCount = 0
  /// What `size` will be when the growth is done; 0 while nothing grows.
  private var target = 0
  /// The first place of the caller's table whose item is not yet part of the new symbols.
  private var cursor = 0

  /// Symbols kept from the start, unless the limit is lower. Chosen here: 10.3 symbols touched for each
  /// change.
  package static let startSize = 256
  /// What `limit` may be.
  package static let limits = 64...(1 << 22)

  /// Creates the sketch of the empty set.
  ///
  /// - Parameters:
  ///   - key: The key of checks and mapping, the same on all members.
  ///   - limit: Symbols kept at most, a power of two in `limits`.
  ///   - pendingLimit: Changes that can wait while frozen; with one more the sketch thaws itself.
  package init(key: UInt64, limit: Int, pendingLimit: Int) {
    precondition(Self.limits.contains(limit) && limit & (limit - 1) == 0, "not a size of a sketch")
    self.key = key
    self.limit = limit
    size = min(limit, Self.startSize)
    symbols = FixedTable(count: limit)
    pending = FixedTable(count: max(0, pendingLimit))
  }

  /// The bytes that a sketch takes when all of it is in use.
  package static func bytes(limit: Int, pendingLimit: Int) -> Int {
    limit * MemoryLayout<SketchSymbol>.stride + pendingLimit * MemoryLayout<SketchToggle>.stride
  }

  /// The number of items in the symbols that can be read: while frozen, as it was then.
  package var count: Int { max(0, Int(symbols[0].count)) }

  /// The symbol at `index`, below `size`; an empty one elsewhere.
  package subscript(index: Int) -> SketchSymbol {
    @inline(__always) get { index >= 0 && index < size ? symbols[index] : SketchSymbol() }
  }

  // MARK: Changes

  /// Adds an item that the set does not have; 0 is no item.
  ///
  /// - Parameter place: Where the caller's table has it already.
  package mutating func insert(_ item: UInt64, at place: Int) {
    toggle(item, sign: 1, at: place)
  }

  /// Takes away an item that the set has.
  ///
  /// - Parameter place: Where the caller's table had it, and has it no more.
  package mutating func remove(_ item: UInt64, at place: Int) {
    toggle(item, sign: -1, at: place)
  }

  @inline(__always)
  private mutating func toggle(_ item: UInt64, sign: Int32, at place: Int) {
    guard item != 0 else { return }
    // Growth has passed the place, so the new symbols have to follow; places behind are still to be read.
    let isPassed = target > 0 && place < cursor
    if isFrozen {
      if pendingCount < pending.count {
        pending[pendingCount] = SketchToggle(item: item, sign: sign)
        pendingCount += 1
        if isPassed { apply(item, sign: sign, to: size..<target) }
        return
      }
      thaw()
    }
    version &+= 1
    apply(item, sign: sign, to: 0..<(isPassed ? target : size))
  }

  /// Adds or takes away an item in the symbols of `range`.
  @inline(__always)
  private func apply(_ item: UInt64, sign: Int32, to range: Range<Int>) {
    let check = SketchSymbol.check(of: item, key: key)
    var mapping = SketchMapping(item: item, key: key)
    while mapping.index < range.lowerBound { mapping.advance() }
    while mapping.index < range.upperBound {
      symbols[mapping.index].add(item, check: check, sign: sign)
      mapping.advance()
    }
  }

  // MARK: Freezing

  /// Keeps what can be read as it is until `thaw`, or until more changes come than can wait.
  package mutating func freeze() {
    isFrozen = true
  }

  /// Applies the changes that waited.
  package mutating func thaw() {
    isFrozen = false
    guard pendingCount > 0 else { return }
    version &+= 1
    // Symbols that are still growing have followed, or will when growth comes to the place.
    for index in 0..<pendingCount { apply(pending[index].item, sign: pending[index].sign, to: 0..<size) }
    pendingCount = 0
  }

  // MARK: Size

  /// Whether `continueGrowth` has something to do.
  package var isGrowing: Bool { target > 0 }

  /// Begins to double the symbols, or to make them `wanted`, rounded up to a power of two: one way through
  /// the table costs hardly more for many new symbols than for few.
  ///
  /// - Returns: False when it is growing already, has as many, or is at its limit.
  @discardableResult
  package mutating func grow(to wanted: Int = 0) -> Bool {
    guard target == 0, size < limit, wanted <= 0 || wanted > size else { return false }
    target = size * 2
    while target < wanted, target < limit { target *= 2 }
    cursor = 0
    return true
  }

  /// Goes on with the growth for some places of the caller's table; the new symbols can be read when it is
  /// done.
  ///
  /// - Parameters:
  ///   - places: The places of the table, from 0 on.
  ///   - budget: Places looked at in this call; 1 at least.
  ///   - item: The item at a place of the table as it is now, 0 for none.
  /// - Returns: Whether nothing is left to do.
  @discardableResult
  package mutating func continueGrowth(places: Int, budget: Int, item: (Int) -> UInt64) -> Bool {
    guard target > 0 else { return true }
    let end = places - cursor <= max(1, budget) ? places : cursor + max(1, budget)
    while cursor < end {
      let found = item(cursor)
      if found != 0 { apply(found, sign: 1, to: size..<target) }
      cursor += 1
    }
    guard cursor >= places else { return false }
    // The new symbols are those of the set as it is; the ones that can be read may be frozen.
    for index in 0..<pendingCount {
      apply(pending[index].item, sign: 0 &- pending[index].sign, to: size..<target)
    }
    size = target
    target = 0
    cursor = 0
    return true
  }

  /// Forgets all symbols but the first `wanted`, rounded up to a power of two, 64 at least; gives up a
  /// growth.
  package mutating func shrink(to wanted: Int) {
    let used = max(size, target)
    target = 0
    cursor = 0
    var kept = Self.limits.lowerBound
    while kept < wanted, kept < size { kept *= 2 }
    size = min(size, kept)
    symbols.clear(size..<used)
  }
}

/// A change that waits.
struct SketchToggle: BitwiseCopyable {
  var item: UInt64
  /// 1 for an item that came, -1 for one that went.
  var sign: Int32
}
