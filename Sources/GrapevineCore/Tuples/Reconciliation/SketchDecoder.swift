// From a neighbour's symbols to what the two sets differ in.

/// Subtracts our symbols from theirs and takes the items out one by one.
///
/// A symbol with a single item gives that item away; without it, other symbols come down to a single item.
/// Peeling of Yang, Gilad, Alizadeh, SIGCOMM 2024, section 4. About 1.35 symbols are needed for each
/// difference when there are many, 1.76 at most on average when there are few.
///
/// Symbols may come in any order, and some never. The symbols of a liar end like all others: no more items
/// are taken out than there may be symbols, and each costs a walk along its indexes.
package struct SketchDecoder: ~Copyable {
  /// Symbols taken at most, and differences found at most.
  package let limit: Int
  /// Symbols from this index on are not taken; see `extend`.
  package private(set) var bound = 0
  /// The symbols of theirs that were taken.
  package private(set) var received = 0
  /// The first index whose symbol has not come.
  package private(set) var firstMissing = 0
  /// The differences found.
  package private(set) var count = 0
  /// Whether more items came out than there can be: the symbols are not those of any two sets.
  package private(set) var isStuck = false

  private var key: UInt64 = 0
  private let cells: FixedTable<SketchSymbol>
  private let flags: FixedTable<SketchFlags>
  private let found: FixedTable<SketchDifference>
  /// Cells that had a single item when they were last touched; each is here once at most.
  private let work: FixedTable<UInt32>
  private var workCount = 0

  /// Creates a decoder for `limit` symbols; at most 2^22, the rest is not used.
  package init(limit: Int) {
    self.limit = min(max(1, limit), Sketch.limits.upperBound)
    cells = FixedTable(count: self.limit)
    flags = FixedTable(count: self.limit)
    found = FixedTable(count: self.limit)
    work = FixedTable(count: self.limit)
  }

  /// The bytes that a decoder takes when all of it is in use.
  package static func bytes(limit: Int) -> Int {
    limit
      * (MemoryLayout<SketchSymbol>.stride + MemoryLayout<SketchFlags>.stride
        + MemoryLayout<SketchDifference>.stride + MemoryLayout<UInt32>.stride)
  }

  /// Forgets everything and starts with symbols of `key`.
  package mutating func begin(key: UInt64) {
    cells.clear(0..<bound)
    flags.clear(0..<bound)
    self.key = key
    bound = 0
    received = 0
    firstMissing = 0
    count = 0
    workCount = 0
    isStuck = false
  }

  /// Lets symbols up to `wanted` come, as far as there are own ones and as `limit` allows.
  ///
  /// It costs a step for each difference found so far: go far, such as to twice as many. `own` must be the
  /// sketch of the same set at each call, which is what freezing is for.
  package mutating func extend(to wanted: Int, own: borrowing Sketch) {
    let end = min(wanted, limit, own.size)
    guard end > bound else { return }
    for index in bound..<end { cells[index].subtract(own[index]) }
    bound = end
    for index in 0..<count {
      var difference = found[index]
      // Nothing of the new part was received, so nothing of it can be taken out yet.
      let check = SketchSymbol.check(of: difference.item, key: key)
      while difference.mapping.index < end {
        cells[difference.mapping.index].add(difference.item, check: check, sign: 0 &- difference.sign)
        difference.mapping.advance()
      }
      found[index] = difference
    }
  }

  /// Takes a symbol of theirs and what follows from it.
  ///
  /// - Parameter budget: Cells looked at in this call; what is left is done by the next `add` or `peel`.
  /// - Returns: False when it is out of bounds, was here before, or comes too late because we are stuck.
  @discardableResult
  package mutating func add(_ theirs: SketchSymbol, at index: Int, budget: Int = .max) -> Bool {
    guard index >= 0, index < bound, !isStuck, !flags[index].contains(.received) else { return false }
    flags[index].insert(.received)
    cells[index].add(theirs)
    received += 1
    while firstMissing < bound, flags[firstMissing].contains(.received) { firstMissing += 1 }
    consider(index)
    peel(budget: budget)
    return true
  }

  /// Goes on taking items out.
  ///
  /// - Returns: Whether nothing is left to do until further symbols come.
  @discardableResult
  package mutating func peel(budget: Int = .max) -> Bool {
    var left = budget
    while workCount > 0, left > 0, !isStuck {
      left -= 1
      workCount -= 1
      let index = Int(work[workCount])
      flags[index].remove(.queued)
      let cell = cells[index]
      // The item may have been taken out by another cell meanwhile.
      if cell.isPure(key: key) { take(cell.sum, sign: cell.count, from: index) }
    }
    return workCount == 0 || isStuck
  }

  /// Whether all differences were found: every item is part of symbol 0, and nothing is left of it.
  package var isDecoded: Bool {
    !isStuck && bound > 0 && flags[0].contains(.received) && cells[0].isEmpty
  }

  /// The item of the difference `index`, below `count`.
  package func item(_ index: Int) -> UInt64 { index >= 0 && index < count ? found[index].item : 0 }

  /// Whether they have that item and we have not; otherwise it is the other way round.
  package func isTheirs(_ index: Int) -> Bool {
    index >= 0 && index < count && found[index].sign > 0
  }

  /// Takes an item out of all its cells and writes it down.
  private mutating func take(_ item: UInt64, sign: Int32, from index: Int) {
    guard count < limit else {
      isStuck = true
      return
    }
    var isPartOfIt = false
    let mapping = walk(item, sign: 0 &- sign) { isPartOfIt = isPartOfIt || $0 == index }
    guard isPartOfIt else {
      // The item has no business in that cell: chance, once in 2^32, or a lie. It is not asked a second time,
      // or two such cells could go on for ever.
      flags[index].insert(.refused)
      _ = walk(item, sign: sign) { _ in }
      return
    }
    found[count] = SketchDifference(item: item, mapping: mapping, sign: sign)
    count += 1
  }

  /// Adds an item to all its cells, notes those with a single item, and returns where the way goes on.
  @inline(__always)
  private mutating func walk(_ item: UInt64, sign: Int32, visit: (Int) -> Void) -> SketchMapping {
    let check = SketchSymbol.check(of: item, key: key)
    var mapping = SketchMapping(item: item, key: key)
    while mapping.index < bound {
      let place = mapping.index
      cells[place].add(item, check: check, sign: sign)
      visit(place)
      consider(place)
      mapping.advance()
    }
    return mapping
  }

  /// Puts a cell on the work list if it has a single item.
  @inline(__always)
  private mutating func consider(_ index: Int) {
    guard cells[index].isPure(key: key), flags[index] == .received else { return }
    flags[index].insert(.queued)
    work[workCount] = UInt32(truncatingIfNeeded: index)
    workCount += 1
  }
}

/// What is known of a cell.
struct SketchFlags: OptionSet, BitwiseCopyable {
  var rawValue: UInt8

  /// Their symbol is in it.
  static let received = SketchFlags(rawValue: 1)
  /// It is on the work list.
  static let queued = SketchFlags(rawValue: 2)
  /// It showed an item that is not mapped to it.
  static let refused = SketchFlags(rawValue: 4)
}

/// An item that only one of the two sets has.
struct SketchDifference: BitwiseCopyable {
  var item: UInt64
  /// The first of its indexes that is not yet a cell.
  var mapping: SketchMapping
  /// 1 when they have it, -1 when we have it.
  var sign: Int32
}
