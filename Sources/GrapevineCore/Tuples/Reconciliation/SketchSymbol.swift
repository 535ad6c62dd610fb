// What a set says of itself in sixteen bytes.

/// A coded symbol: the sum of those items of a set that are mapped to one index.
///
/// Rateless invertible Bloom lookup table of Yang, Gilad and Alizadeh, "Practical Rateless Set
/// Reconciliation", SIGCOMM 2024, section 4. The difference of two sets' symbols is the symbol of the sets'
/// difference, because what both have cancels; a symbol of a single item shows that item.
///
/// Nothing here traps: symbols come from peers, and sums wrap.
package struct SketchSymbol: BitwiseCopyable, Equatable, Sendable {
  /// The exclusive or of the items.
  package var sum: UInt64 = 0
  /// The exclusive or of the items' checks.
  package var check: UInt32 = 0
  /// The number of the items; in a difference, theirs less ours.
  package var count: Int32 = 0

  /// A symbol of no item.
  package init() {}

  /// A symbol as it was read.
  package init(sum: UInt64, check: UInt32, count: Int32) {
    self.sum = sum
    self.check = check
    self.count = count
  }

  /// Whether no item is in it.
  package var isEmpty: Bool { sum == 0 && check == 0 && count == 0 }

  /// Whether it is a single item, of either side; wrong once in 2^32 symbols of several items.
  @inline(__always)
  func isPure(key: UInt64) -> Bool {
    (count == 1 || count == -1) && sum != 0 && check == Self.check(of: sum, key: key)
  }

  /// Adds an item with `sign` 1 and takes it away with -1.
  @inline(__always)
  mutating func add(_ item: UInt64, check: UInt32, sign: Int32) {
    sum ^= item
    self.check ^= check
    count &+= sign
  }

  /// Adds all items of another symbol.
  @inline(__always)
  mutating func add(_ other: SketchSymbol) {
    sum ^= other.sum
    check ^= other.check
    count &+= other.count
  }

  /// Takes all items of another symbol away.
  @inline(__always)
  mutating func subtract(_ other: SketchSymbol) {
    sum ^= other.sum
    check ^= other.check
    count &-= other.count
  }

  /// The check of an item: the finaliser of MurmurHash3 (Appleby), keyed, 32 bits of it.
  ///
  /// It tells a single item from a sum of several. Who knows the key can find items whose checks cancel, and
  /// so stop a comparison, which has to end nevertheless; who does not know it cannot.
  @inline(__always)
  static func check(of item: UInt64, key: UInt64) -> UInt32 {
    var mixed = item ^ key
    mixed = (mixed ^ mixed >> 33) &* 0xff51_afd7_ed55_8ccd
    mixed = (mixed ^ mixed >> 33) &* 0xc4ce_b9fe_1a85_ec53
    return UInt32(truncatingIfNeeded: mixed >> 32)
  }
}
