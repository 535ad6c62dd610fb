// Symbols in a datagram.
//
//   SYMBOL   count(v)  sum(8)  check(4)
//
// The count is said as its distance from what is to be expected of a set of so many items at that index,
// which the message says once: one or two bytes instead of four. Distances are zigzag numbers, 0 -1 1 -2 2 as
// 0 1 2 3 4.

/// Writes and reads the symbols of a set of `items` items.
package struct SketchCoding {
  private let items: UInt64

  /// The bytes of a symbol at most: the distance of two 32-bit numbers takes five.
  package static let symbolLimit = 5 + 8 + 4

  /// - Parameter items: The size of the set whose symbols they are; a peer may claim anything.
  package init(items: UInt64) {
    // No symbol counts more.
    self.items = min(items, UInt64(Int32.max))
  }

  /// The count expected at an index: items / (1 + index / 2), rounded to the nearest.
  private func expected(at index: Int) -> Int64 {
    let divisor = UInt64(max(0, min(index, Sketch.limits.upperBound))) &+ 2
    return Int64((items &* 2 &+ divisor / 2) / divisor)
  }

  private func distance(_ count: Int32, at index: Int) -> UInt64 {
    let distance = Int64(count) &- expected(at: index)
    return UInt64(bitPattern: distance << 1 ^ distance >> 63)
  }

  /// The bytes that `write` writes.
  package func length(of symbol: SketchSymbol, at index: Int) -> Int {
    variableLength(distance(symbol.count, at: index)) + 8 + 4
  }

  /// Writes a symbol, for which `symbolLimit` bytes are room enough.
  func write(_ symbol: SketchSymbol, at index: Int, to writer: inout Writer) {
    writer.writeVariable(distance(symbol.count, at: index))
    writer.write(symbol.sum)
    writer.write(symbol.check)
  }

  /// Reads the symbol of an index. A count that is no 32-bit number becomes the nearest that is.
  func read(at index: Int, from cursor: inout Cursor) throws(DecodeError) -> SketchSymbol {
    let zigzag = try cursor.readVariable(in: 0...(1 << 34))
    let distance = Int64(bitPattern: zigzag >> 1) ^ (0 &- Int64(bitPattern: zigzag & 1))
    let count = Int32(clamping: expected(at: index) &+ distance)
    let sum = try cursor.read(UInt64.self)
    return SketchSymbol(sum: sum, check: try cursor.read(UInt32.self), count: count)
  }
}
