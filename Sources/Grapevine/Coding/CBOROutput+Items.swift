// Writing items: heads in their shortest form, numbers, strings. Source: RFC 8949 §3, §4.2.1.

extension CBOROutput {
  func append(_ major: CBORMajor, _ argument: UInt64) {
    let top = major.rawValue << 5
    switch argument {
    case 0..<24: bytes.append(top | UInt8(argument))
    case 0...0xff:
      bytes.append(top | 24)
      bytes.append(UInt8(argument))
    case 0...0xffff: append(initial: top | 25, bigEndian: UInt16(argument))
    case 0...0xffff_ffff: append(initial: top | 26, bigEndian: UInt32(argument))
    default: append(initial: top | 27, bigEndian: argument)
    }
  }

  private func append<I: FixedWidthInteger>(initial: UInt8, bigEndian value: I) {
    bytes.append(initial)
    withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
  }

  func appendNil() { bytes.append(0xf6) }
  func append(_ value: Bool) { bytes.append(value ? 0xf5 : 0xf4) }
  func append(_ value: Float) { append(initial: 0xfa, bigEndian: value.bitPattern) }
  func append(_ value: Double) { append(initial: 0xfb, bigEndian: value.bitPattern) }

  func append<I: FixedWidthInteger>(_ value: I) {
    let isNegative = value < 0
    // -1 - n is written as n, and is the complement of n.
    let magnitude = isNegative ? ~value : value
    if let argument = UInt64(exactly: magnitude) {
      return append(isNegative ? .negative : .unsigned, argument)
    }
    append(.tag, isNegative ? 3 : 2)
    withUnsafeBytes(of: magnitude.bigEndian) { all in
      let digits = all.drop { $0 == 0 }
      append(.bytes, UInt64(digits.count))
      bytes.append(contentsOf: digits)
    }
  }

  func append(_ value: String) {
    var value = value
    value.withUTF8 { text in
      append(.text, UInt64(text.count))
      bytes.append(contentsOf: text)
    }
  }

  func append(byteString content: UnsafeBufferPointer<UInt8>) {
    append(.bytes, UInt64(content.count))
    bytes.append(contentsOf: content)
  }

  /// Writes a value of the types that CBOR has a form of its own for; returns whether it is of one.
  func write<T>(special value: T) -> Bool {
    // The casts are between a type and itself, which only the compiler does not know.
    if T.self == String.self {
      append(unsafeBitCast(value, to: String.self))
    } else if T.self == [UInt8].self {
      unsafeBitCast(value, to: [UInt8].self).withUnsafeBufferPointer { append(byteString: $0) }
    } else if T.self == ContiguousArray<UInt8>.self {
      unsafeBitCast(value, to: ContiguousArray<UInt8>.self).withUnsafeBufferPointer { append(byteString: $0) }
    } else {
      return false
    }
    return true
  }
}
