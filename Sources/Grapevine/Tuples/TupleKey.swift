// The names of tuples: any bytes, though mostly text.

/// The key of a tuple: up to 255 bytes, mostly text such as `service/web`.
///
/// Keys are ordered and compared by their bytes; text by its UTF-8, without any normalisation.
public struct TupleKey: Hashable, Comparable, Sendable, ExpressibleByStringLiteral, CustomStringConvertible {
  /// The bytes.
  public var bytes: [UInt8]

  /// The key of the given bytes. What is too long is refused when it is used.
  public init(_ bytes: [UInt8]) { self.bytes = bytes }

  /// The key whose bytes are the UTF-8 of `text`.
  public init(_ text: some StringProtocol) { bytes = Array(text.utf8) }

  /// The key whose bytes are the UTF-8 of the literal.
  public init(stringLiteral text: String) { self.init(text) }

  /// The key as text; nil when it is not UTF-8 or has control characters.
  public var text: String? {
    // Control characters of two bytes (U+0080 to U+009F) are as unwelcome on a terminal as those of one.
    guard let text = String(validating: bytes, as: UTF8.self),
      !text.unicodeScalars.contains(where: { $0.properties.generalCategory == .control })
    else { return nil }
    return text
  }

  /// The text, or else `0x` and the bytes in hexadecimal.
  public var description: String {
    if let text { return text }
    let digits = Array("0123456789abcdef".utf8)
    var result = Array("0x".utf8)
    for byte in bytes { result += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
    return String(decoding: result, as: UTF8.self)
  }

  /// Whether the key begins with the bytes of `prefix`.
  public func hasPrefix(_ prefix: TupleKey) -> Bool { bytes.starts(with: prefix.bytes) }

  /// By bytes, the shorter first when one begins with the other.
  public static func < (left: TupleKey, right: TupleKey) -> Bool {
    left.bytes.lexicographicallyPrecedes(right.bytes)
  }
}
