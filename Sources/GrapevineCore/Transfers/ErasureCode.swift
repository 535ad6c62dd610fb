// Forward error correction: rows that stand in for any fragments of a block that were lost.
//
// A systematic maximum distance separable code over GF(2^8): fragments travel as they are, and row r is the sum of
// all fragments of the block, each times 1 / (x_r + y_c), a Cauchy matrix (Blömer et al., TR-95-048, ICSI 1995),
// every square part of which can be inverted. So any m rows bring back any m fragments, whoever sent which row. The
// field's polynomial is x^8 + x^4 + x^3 + x^2 + 1.
//
// A sum of many products is not computed product by product. With the coefficients taken bit by bit, from the
// highest, it is eight times a doubling and the exclusive or of those fragments whose coefficient has the bit
// (Horner's rule): no tables, and work that vector units do.

/// The arithmetic of the code.
enum ErasureCode {
  /// Fragments in a block; the last block of a message may have fewer. Chosen here: 64 fragments of a datagram are
  /// 70 KB, which is soon over, and a block's losses are near their mean.
  static let blockLength = 64
  /// Rows that there can be for a block.
  static let rowLimit = 64
  /// Rows of a block that are sent, and kept, at most: what one datagram can make a receiver compute.
  static let usedLimit = 24

  /// The coefficient of a fragment, by its place in the block, in a row.
  static func coefficient(row: Int, column: Int) -> UInt8 {
    inverses[128 | (row ^ column) & 63]
  }

  /// The inverses of all numbers.
  private static let inverses = (0...255).map { inverse(UInt8($0)) }

  /// The powers of x, twice over, and which power each number is: x generates all of them.
  private static let powers = [UInt8](unsafeUninitializedCapacity: 510) { powers, count in
    var power: UInt8 = 1
    for exponent in 0..<510 {
      powers.initializeElement(at: exponent, to: power)
      power = power << 1 ^ (power & 0x80 != 0 ? 0x1d : 0)
    }
    count = 510
  }
  private static let logarithms: [UInt8] = {
    var logarithms = [UInt8](repeating: 0, count: 256)
    for exponent in 0..<255 { logarithms[Int(powers[exponent])] = UInt8(exponent) }
    return logarithms
  }()

  static func multiply(_ left: UInt8, _ right: UInt8) -> UInt8 {
    guard left != 0, right != 0 else { return 0 }
    return powers[Int(logarithms[Int(left)]) + Int(logarithms[Int(right)])]
  }

  /// The inverse of a number that is not zero: its 254th power.
  static func inverse(_ number: UInt8) -> UInt8 {
    var result: UInt8 = 1
    var power = number
    // 254 is 0b11111110.
    for _ in 0..<7 {
      power = multiply(power, power)
      result = multiply(result, power)
    }
    return result
  }

  /// Writes the sum of fragments, each times its coefficient.
  ///
  /// - Parameters:
  ///   - target: `width` bytes, a multiple of 16.
  ///   - coefficients: One for each fragment; 0 for one that is left out.
  ///   - source: Gives the bytes and the length of the fragment at a place; what it lacks to `width` stands for zeros.
  static func writeSum(
    to target: UnsafeMutableRawPointer, width: Int, coefficients: [UInt8],
    source: (Int) -> (UnsafeRawPointer, Int)
  ) {
    target.initializeMemory(as: UInt8.self, repeating: 0, count: width)
    var bit: UInt8 = 0x80
    while bit != 0 {
      double(target, width)
      for place in coefficients.indices where coefficients[place] & bit != 0 {
        let (bytes, length) = source(place)
        exclusiveOr(target, bytes, length)
      }
      bit >>= 1
    }
  }

  /// Multiplies each byte by x.
  private static func double(_ bytes: UnsafeMutableRawPointer, _ width: Int) {
    var offset = 0
    while offset < width {
      let vector = bytes.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
      // All ones where the highest bit is set.
      let carry = SIMD16<UInt8>(truncatingIfNeeded: SIMD16<Int8>(truncatingIfNeeded: vector) &>> 7)
      bytes.storeBytes(
        of: (vector &+ vector) ^ (carry & 0x1d), toByteOffset: offset, as: SIMD16<UInt8>.self)
      offset &+= 16
    }
  }

  private static func exclusiveOr(
    _ target: UnsafeMutableRawPointer, _ source: UnsafeRawPointer, _ length: Int
  ) {
    var offset = 0
    while length &- offset >= 16 {
      let sum =
        target.loadUnaligned(fromByteOffset: offset, as: SIMD2<UInt64>.self)
        ^ source.loadUnaligned(fromByteOffset: offset, as: SIMD2<UInt64>.self)
      target.storeBytes(of: sum, toByteOffset: offset, as: SIMD2<UInt64>.self)
      offset &+= 16
    }
    while offset < length {
      let byte =
        target.load(fromByteOffset: offset, as: UInt8.self)
        ^ source.load(fromByteOffset: offset, as: UInt8.self)
      target.storeBytes(of: byte, toByteOffset: offset, as: UInt8.self)
      offset &+= 1
    }
  }

  /// Inverts a square matrix of `order` rows in place, by Gauss and Jordan's elimination; a Cauchy matrix always can be.
  ///
  /// - Returns: The inverse, row by row; nil when there is none.
  static func invert(_ matrix: [UInt8], order: Int) -> [UInt8]? {
    var left = matrix
    var right = [UInt8](repeating: 0, count: order * order)
    for row in 0..<order { right[row * order + row] = 1 }
    for column in 0..<order {
      guard let pivot = (column..<order).first(where: { left[$0 * order + column] != 0 }) else { return nil }
      if pivot != column {
        for place in 0..<order {
          left.swapAt(pivot * order + place, column * order + place)
          right.swapAt(pivot * order + place, column * order + place)
        }
      }
      let scale = inverse(left[column * order + column])
      for place in 0..<order {
        left[column * order + place] = multiply(left[column * order + place], scale)
        right[column * order + place] = multiply(right[column * order + place], scale)
      }
      for row in 0..<order where row != column && left[row * order + column] != 0 {
        let factor = left[row * order + column]
        for place in 0..<order {
          left[row * order + place] ^= multiply(left[column * order + place], factor)
          right[row * order + place] ^= multiply(right[column * order + place], factor)
        }
      }
    }
    return right
  }
}

// The blocks of a transfer.
extension ErasureCode {
  /// Fragments of a block.
  private static func length(of block: Int, _ head: TransferHead) -> Int {
    min(blockLength, head.count - block * blockLength)
  }

  /// Writes a row of a block: the sum of those fragments that are here.
  static func writeRow(
    _ row: Int, block: Int, of head: TransferHead, in store: TransferStore, to target: UnsafeMutableRawPointer
  ) {
    let first = block * blockLength
    let coefficients = (0..<length(of: block, head)).map { place in
      store.has(first + place) ? coefficient(row: row, column: place) : 0
    }
    writeSum(to: target, width: head.size, coefficients: coefficients) { place in
      (UnsafeRawPointer(store.pointer(head, first + place)), head.size(of: first + place))
    }
  }

  /// Computes the missing fragments of a block from as many rows, and writes them where they belong.
  ///
  /// - Returns: Their indices.
  static func recover(
    _ rows: ArraySlice<TransferStore.Row>, block: Int, of head: TransferHead, in store: TransferStore
  ) -> [Int] {
    let first = block * blockLength
    let lost = (0..<length(of: block, head)).filter { !store.has(first + $0) }
    guard lost.count == rows.count else { return [] }
    let matrix = rows.flatMap { row in lost.map { coefficient(row: Int(row.number), column: $0) } }
    guard let inverse = invert(matrix, order: lost.count) else { return [] }
    let width = head.size
    // What the rows say without the fragments that are here, sums of those that are lost; and room for one of these.
    let sums = UnsafeMutableRawPointer.allocate(byteCount: (rows.count + 1) * width, alignment: 16)
    defer { sums.deallocate() }
    let target = sums + rows.count * width
    for (number, row) in rows.enumerated() {
      writeRow(Int(row.number), block: block, of: head, in: store, to: sums + number * width)
      row.bytes.withUnsafeBytes { bytes in
        if let base = bytes.baseAddress { exclusiveOr(sums + number * width, base, min(width, bytes.count)) }
      }
    }
    for (place, column) in lost.enumerated() {
      let coefficients = Array(inverse[place * lost.count..<(place + 1) * lost.count])
      writeSum(to: target, width: width, coefficients: coefficients) {
        (UnsafeRawPointer(sums + $0 * width), width)
      }
      let index = first + column
      store.pointer(head, index).copyMemory(from: target, byteCount: head.size(of: index))
    }
    return lost.map { first + $0 }
  }
}
