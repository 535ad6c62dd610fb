// Which bytes mean what in ZPL; the reader and the writer must agree on it.

enum ZPLSyntax {
  /// Spaces of one level.
  static let indent = 4
  static let hash = UInt8(ascii: "#")
  /// What a name may hold beside letters and digits.
  static let nameSigns = "$ - _ @ . & + /"

  /// What C calls space.
  static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

  static func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }

  static func isNameByte(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
    case UInt8(ascii: "0")...UInt8(ascii: "9"): true
    case UInt8(ascii: "$"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "@"), UInt8(ascii: "."): true
    case UInt8(ascii: "&"), UInt8(ascii: "+"), UInt8(ascii: "/"): true
    default: false
    }
  }

  static func isName(_ bytes: Substring.UTF8View) -> Bool {
    !bytes.isEmpty && bytes.allSatisfy(isNameByte) && bytes.first != UInt8(ascii: "/")
      && bytes.last != UInt8(ascii: "/")
  }

  /// The value as it is to stand behind `= `, or nil when nothing that stands there is read as this value.
  ///
  /// There are no escapes: a value goes between quotes that it does not hold. One that holds both kinds can still
  /// stand without, if it would be read to its end then.
  static func written(_ value: String) -> String? {
    let bytes = value.utf8
    if !bytes.contains(UInt8(ascii: "\"")) { return "\"\(value)\"" }
    if !bytes.contains(UInt8(ascii: "'")) { return "'\(value)'" }
    guard let first = bytes.first, let last = bytes.last, !isQuote(first), !isSpace(first), !isSpace(last),
      first == hash || !bytes.contains(hash)
    else { return nil }
    return value
  }
}
