// Bytes as text that survives everything that text does.
//
// Source: RFC 4648, §4: the usual alphabet, with padding and without line breaks.

/// Base64.
package enum Base64 {
  private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

  /// The text of the bytes, in ASCII.
  package static func encode(_ bytes: [UInt8]) -> [UInt8] {
    var text: [UInt8] = []
    text.reserveCapacity((bytes.count + 2) / 3 * 4)
    var start = 0
    while start < bytes.count {
      let count = min(3, bytes.count - start)
      var group: UInt32 = 0
      for index in 0..<3 { group = group << 8 | (index < count ? UInt32(bytes[start + index]) : 0) }
      for index in 0..<4 {
        text.append(
          index <= count ? alphabet[Int(group >> UInt32(18 - 6 * index) & 63)] : UInt8(ascii: "="))
      }
      start += 3
    }
    return text
  }

  /// The bytes of a text; nil when it is not what `encode` makes of any bytes.
  @inlinable
  package static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
    guard text.count % 4 == 0 else { return nil }
    let padding = text.suffix(2).count { $0 == UInt8(ascii: "=") }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(text.count / 4 * 3)
    var (group, count): (UInt32, Int) = (0, 0)
    for character in text.dropLast(padding) {
      guard let digit = value(of: character) else { return nil }
      group = group << 6 | UInt32(digit)
      count += 1
      guard count == 4 else { continue }
      for shift: UInt32 in [16, 8, 0] { bytes.append(UInt8(truncatingIfNeeded: group >> shift)) }
      (group, count) = (0, 0)
    }
    // What is left has two or three digits, whose last bits belong to no byte and must be zero.
    switch count {
    case 2 where padding == 2 && group & 15 == 0:
      bytes.append(UInt8(truncatingIfNeeded: group >> 4))
    case 3 where padding == 1 && group & 3 == 0:
      bytes += [UInt8(truncatingIfNeeded: group >> 10), UInt8(truncatingIfNeeded: group >> 2)]
    case 0 where padding == 0: break
    default: return nil
    }
    return bytes
  }

  @usableFromInline
  static func value(of character: UInt8) -> UInt8? {
    switch character {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): character - UInt8(ascii: "A")
    case UInt8(ascii: "a")...UInt8(ascii: "z"): character - UInt8(ascii: "a") + 26
    case UInt8(ascii: "0")...UInt8(ascii: "9"): character - UInt8(ascii: "0") + 52
    case UInt8(ascii: "+"): 62
    case UInt8(ascii: "/"): 63
    default: nil
    }
  }
}
