// Which symbols an item is part of.

/// The indexes to which an item is mapped, in rising order without end: 0 always, any `i` with about the
/// probability 1 / (1 + i / 2).
///
/// Yang, Gilad, Alizadeh, SIGCOMM 2024, section 4: the gap behind index `i` is drawn by the inverse of its
/// distribution, (i + 3/2) (1 / sqrt(u) - 1) rounded up, so an item costs a step for each of its indexes,
/// about 2 ln n - 1 of the first `n`, and none for the others. The closed form takes a square, (i + 3/2)^2,
/// for (i + 1) (i + 2): index 1 is hit with 0.64 instead of 0.67, index 2 with 0.49 instead of 0.50, those
/// behind as they should be.
///
/// All members must draw alike. The draws are those of wyrand (Wang Yi), begun with item and key; the
/// arithmetic is IEEE's addition, multiplication, division and square root, each exactly rounded everywhere.
package struct SketchMapping: BitwiseCopyable, Sendable {
  private var state: UInt64
  /// The index and 3/2. From it the next one is this times 1 / sqrt(u), rounded, and 1/2: rounding to the
  /// nearest takes the place of rounding up, and the long chain from index to index is three short
  /// operations.
  private var position = 1.5

  /// The index at which `advance` stops; beyond every sketch.
  private static let end = 0x1p30
  /// What is added to a number below 2^51 to round it, as a Double has no bits below 1 there.
  private static let rounder = 0x1p52

  /// Begins at index 0.
  @inline(__always)
  package init(item: UInt64, key: UInt64) {
    state = item &+ key
  }

  /// Where we are; below 2^51.
  @inline(__always)
  package var index: Int { Int(position) &- 1 }

  /// Goes on to the next index, which is at least one further; stays when that is beyond every sketch.
  @inline(__always)
  package mutating func advance() {
    guard position < Self.end else { return }
    state &+= 0xa076_1d64_78bd_642f
    let product = state.multipliedFullWidth(by: state ^ 0xe703_7ed1_a0b4_28db)
    // 40 bits and a half: between 2^-41 and 1 - 2^-41, so the root's inverse is above 1 and never beyond
    // 2^20.5.
    let drawn = (Double((product.high ^ product.low) >> 24) + 0.5) * 0x1p-40
    position = (position * (1 / drawn.squareRoot()) + Self.rounder) - (Self.rounder - 0.5)
  }
}
