// Numbers, in any width that holds the value exactly.
//
// The writer chooses the shortest form of an integer and the reader checks that it fits the type asked for;
// what does not fit is a failure, never a truncation. Source: RFC 8949 §3.1, §3.3, §3.4.3 and appendix D.

extension CBORDecoder {
  func integer<I: FixedWidthInteger>(_ type: I.Type) throws -> I {
    let view = input.view
    guard var head = view.head(at: Int(offset)) else { throw mismatch(type, expected: "integer") }
    while head.major == .tag {
      guard let inner = view.head(at: head.next) else { throw mismatch(type, expected: "integer") }
      if inner.major == .bytes, head.argument == 2 || head.argument == 3 {
        return try bignum(type, inner, negative: head.argument == 3)
      }
      head = inner
    }
    switch head.major {
    case .unsigned:
      guard let value = I(exactly: head.argument) else { throw outOfRange("\(head.argument)", type) }
      return value
    case .negative:
      // -1 - n is the complement of n.
      guard I.isSigned, let value = I(exactly: head.argument) else {
        throw outOfRange("\(~Int128(head.argument))", type)
      }
      return ~value
    case .bytes, .text, .array, .map, .tag, .simple:
      throw mismatch(type, expected: "integer")
    }
  }

  /// An integer of more than 64 bits: tag 2 or 3 around its magnitude, big-endian.
  private func bignum<I: FixedWidthInteger>(_ type: I.Type, _ head: CBORHead, negative: Bool) throws -> I {
    let digits = input.view.slice(at: head.next, count: head.count).drop { $0 == 0 }
    guard digits.count <= 16 else { throw outOfRange("a bignum of \(digits.count) bytes", type) }
    let magnitude = digits.reduce(UInt128(0)) { $0 << 8 | UInt128($1) }
    guard let value = I(exactly: magnitude), !negative || I.isSigned else {
      throw outOfRange(negative ? "-1 - \(magnitude)" : "\(magnitude)", type)
    }
    return negative ? ~value : value
  }

  func float<F: BinaryFloatingPoint>(_ type: F.Type) throws -> F {
    guard let head = input.view.content(at: Int(offset)) else { throw mismatch(type, expected: "number") }
    switch (head.major, head.info) {
    case (.simple, 25): return F(Self.half(UInt16(truncatingIfNeeded: head.argument)))
    case (.simple, 26): return F(Float(bitPattern: UInt32(truncatingIfNeeded: head.argument)))
    case (.simple, 27):
      let wide = Double(bitPattern: head.argument)
      guard !wide.isNaN else { return .nan }
      guard let value = F(exactly: wide) else { throw outOfRange("\(wide)", type) }
      return value
    case (.unsigned, _):
      guard let value = F(exactly: head.argument) else { throw outOfRange("\(head.argument)", type) }
      return value
    case (.negative, _):
      let whole = ~Int128(head.argument)
      guard let value = F(exactly: whole) else { throw outOfRange("\(whole)", type) }
      return value
    default: throw mismatch(type, expected: "number")
    }
  }

  /// The value of a half-precision number; `Float16` is not on every platform.
  private static func half(_ bits: UInt16) -> Float {
    let sign: Float = bits & 0x8000 == 0 ? 1 : -1
    let (exponent, fraction) = (Int(bits >> 10 & 31), Float(bits & 1023))
    return switch exponent {
    case 0: sign * fraction * 0x1p-24
    case 31: fraction == 0 ? sign * .infinity : .nan
    default: sign * Float(sign: .plus, exponent: exponent - 25, significand: 1024 + fraction)
    }
  }
}
