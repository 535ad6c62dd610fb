// Which symbols an item is part of.

/// The indexes to which an item is mapped, in rising order without end: 0 always, any `i` with about the
/// probability 1 / (1 + i / 2).
///
/// Yang, Gilad, Alizadeh, SIGCOMM 2024, section 4.2: the gap behind index `i` is drawn by the inverse of its
/// distribution, (i + 3/2) (1 / sqrt(u) - 1) rounded up, so an item costs a step for each of its indexes, about
/// 2 ln(n / 2) + 1 of the first `n`, and none for the others. The closed form takes (i + 1) (i + 2) for (i + 3/2)^2:
/// index 1 is hit with 0.64 instead of 0.67, index 2 with 0.49 instead of 0.50, those behind as they should be.
///
/// All members must draw alike. The draws are those of wyrand (Wang Yi), begun with item and key; the arithmetic is
/// IEEE's addition, multiplication, division and square root, each exactly rounded everywhere.
package struct SketchMapping: BitwiseCopyable, Sendable {
  private var state: UInt64
  private var position: UInt32 = 0

  /// The index that stands for all from it on; beyond every sketch.
  package static let end = 1 << 30

  /// Begins at index 0.
  @inline(__always)
  package init(item: UInt64, key: UInt64) {
    state = item &+ key
  }

  /// Where we are; at most `end`.
  @inline(__always)
  package var index: Int { Int(truncatingIfNeeded: position) }

  /// Goes on to the next index, which is at least one further, until `end` is reached.
  @inline(__always)
  package mutating func advance() {
    state &+= 0xa076_1d64_78bd_642f
    let product = state.multipliedFullWidth(by: state ^ 0xe703_7ed1_a0b4_28db)
    // 53 bits are exact in a Double; from 2^-53 to 1, never 0.
    let drawn = Double((product.high ^ product.low) >> 11 &+ 1) * 0x1p-53
    let gap = (Double(position) + 1.5) * (1 / drawn.squareRoot() - 1)
    // Rounding down and one more is rounding up, but for gaps that are whole numbers, of which 0 must not stay.
    let end = UInt32(truncatingIfNeeded: Self.end)
    position = gap < Double(Self.end) ? min(position &+ UInt32(gap) &+ 1, end) : end
  }
}
