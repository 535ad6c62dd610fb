// What keys are called.

/// The name of a cluster key: 32 bits that follow from the key, so that one name cannot mean two keys by mistake.
///
/// The first four bytes of a keyed BLAKE2b hash, which say nothing about the key to whoever does not have it.
public struct KeyID: Hashable, Sendable, BitwiseCopyable, CustomStringConvertible {
  /// The 32 bits.
  public let value: UInt32

  /// Creates a name.
  public init(_ value: UInt32) { self.value = value }

  /// Reads eight hexadecimal digits; nil for anything else.
  public init?(_ text: String) {
    let digits = Array(text.utf8)
    guard digits.count == 8 else { return nil }
    var value: UInt32 = 0
    for digit in digits {
      guard let nibble = Hexadecimal.value(digit) else { return nil }
      value = value << 4 | UInt32(nibble)
    }
    self.value = value
  }

  /// Eight hexadecimal digits.
  public var description: String {
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 8 - digits.count) + digits
  }

  /// The part of the name that frames carry: its first byte.
  var hint: UInt8 { UInt8(truncatingIfNeeded: value >> 24) }
}

/// Hexadecimal digits.
enum Hexadecimal {
  /// The value of a digit; nil for any other character.
  static func value(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  /// The digit of the low four bits, by arithmetic: a table would show in the cache which digits a key has.
  static func digit(_ value: UInt8) -> UInt8 {
    let nibble = value & 15
    let letter: UInt8 = (9 &- nibble) >> 7
    return UInt8(ascii: "0") &+ nibble &+ letter &* 39
  }

  /// The digits of bytes that are no secret.
  static func text(_ bytes: [UInt8]) -> String {
    String(decoding: bytes.flatMap { [digit($0 >> 4), digit($0)] }, as: UTF8.self)
  }

  /// The bytes of a text that is no secret; nil unless it is `count` pairs of digits.
  static func bytes(_ text: String, count: Int) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count == count * 2 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    for index in 0..<count {
      guard let high = value(digits[index * 2]), let low = value(digits[index * 2 + 1]) else { return nil }
      bytes.append(high << 4 | low)
    }
    return bytes
  }
}
