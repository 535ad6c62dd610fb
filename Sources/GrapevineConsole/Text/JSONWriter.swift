// JSON objects, one a line, written into a buffer that is used again.

/// Appends JSON objects to a buffer.
package struct JSONWriter {
  /// What was written since the last `removeAll`.
  package private(set) var bytes: [UInt8] = []
  private var needsComma = false

  package init() {}

  /// Forgets what was written and keeps the memory.
  package mutating func removeAll() { bytes.removeAll(keepingCapacity: true) }

  /// Appends a line that is not JSON.
  package mutating func line(_ text: String) {
    bytes += text.utf8
    bytes.append(UInt8(ascii: "\n"))
  }

  /// Writes one object and ends its line.
  package mutating func object(_ body: (inout JSONWriter) -> Void) {
    braces(body)
    bytes.append(UInt8(ascii: "\n"))
    needsComma = false
  }

  /// A field that is an object itself.
  package mutating func field(_ name: String, _ body: (inout JSONWriter) -> Void) {
    key(name)
    braces(body)
    needsComma = true
  }

  package mutating func field(_ name: String, _ value: String) {
    key(name)
    quote(value)
  }

  /// A field that is an object of texts, in the order of their names, whatever these hold.
  package mutating func field(_ name: String, _ texts: [String: String]) {
    field(name) { object in
      for (key, value) in texts.sorted(by: { $0.key < $1.key }) {
        if object.needsComma { object.bytes.append(UInt8(ascii: ",")) }
        object.needsComma = true
        object.quote(key)
        object.bytes.append(UInt8(ascii: ":"))
        object.quote(value)
      }
    }
  }

  /// A field that is a list of texts.
  package mutating func field(_ name: String, list texts: [String]) {
    key(name)
    bytes.append(UInt8(ascii: "["))
    for (index, text) in texts.enumerated() {
      if index > 0 { bytes.append(UInt8(ascii: ",")) }
      quote(text)
    }
    bytes.append(UInt8(ascii: "]"))
  }

  @inlinable
  package mutating func field(_ name: String, _ value: some BinaryInteger) {
    field(name, digits: String(value))
  }

  @usableFromInline
  mutating func field(_ name: String, digits: String) {
    key(name)
    bytes += digits.utf8
  }

  /// A number, rounded to six decimals; null when it is not one.
  package mutating func field(_ name: String, _ value: Double?) {
    key(name)
    guard let value, value.isFinite else {
      bytes += "null".utf8
      return
    }
    let rounded = abs(value) < 1e9 ? (value * 1e6).rounded() / 1e6 : value
    bytes += Fixed.short(rounded).utf8
  }

  /// A number with all of its digits; null when it is not one.
  package mutating func field(_ name: String, exact value: Double?) {
    key(name)
    bytes += (value.flatMap { $0.isFinite ? Fixed.short($0) : nil } ?? "null").utf8
  }

  package mutating func field(_ name: String, _ value: Bool) {
    key(name)
    bytes += (value ? "true" : "false").utf8
  }

  /// A field of bytes: as text, and when they are not UTF-8 also in hexadecimal as the field `bytes`.
  package mutating func field(_ name: String, payload: UnsafeRawBufferPointer) {
    key(name)
    if payload.allSatisfy({ $0 >= 0x20 && $0 < 0x7f && $0 != UInt8(ascii: "\"") && $0 != UInt8(ascii: "\\") })
    {
      bytes.append(UInt8(ascii: "\""))
      bytes.append(contentsOf: payload)
      bytes.append(UInt8(ascii: "\""))
    } else if String(validating: payload, as: UTF8.self) != nil {
      quote(payload)
    } else {
      var text = String(decoding: payload, as: UTF8.self)
      text.withUTF8 { quote(UnsafeRawBufferPointer($0)) }
      key("bytes")
      bytes.append(UInt8(ascii: "\""))
      for byte in payload {
        bytes.append(Hexadecimal.digit(byte >> 4))
        bytes.append(Hexadecimal.digit(byte & 15))
      }
      bytes.append(UInt8(ascii: "\""))
    }
  }

  private mutating func braces(_ body: (inout JSONWriter) -> Void) {
    bytes.append(UInt8(ascii: "{"))
    needsComma = false
    body(&self)
    bytes.append(UInt8(ascii: "}"))
  }

  private mutating func key(_ name: String) {
    if needsComma { bytes.append(UInt8(ascii: ",")) }
    needsComma = true
    bytes.append(UInt8(ascii: "\""))
    bytes += name.utf8
    bytes += "\":".utf8
  }

  private mutating func quote(_ text: String) {
    var text = text
    text.withUTF8 { quote(UnsafeRawBufferPointer($0)) }
  }

  /// Writes UTF-8 in quotes, with everything escaped that JSON or a terminal would misread.
  private mutating func quote(_ text: UnsafeRawBufferPointer) {
    bytes.append(UInt8(ascii: "\""))
    var last: UInt8 = 0
    for byte in text {
      switch byte {
      case UInt8(ascii: "\""), UInt8(ascii: "\\"):
        bytes.append(UInt8(ascii: "\\"))
        bytes.append(byte)
      case UInt8(ascii: "\n"): bytes += "\\n".utf8
      case UInt8(ascii: "\t"): bytes += "\\t".utf8
      case 0..<0x20, 0x7f: escape(byte)
      case 0x80..<0xa0 where last == 0xc2:
        // U+0080 to U+009F, which some terminals obey as they do the controls of ASCII.
        bytes.removeLast()
        escape(byte)
      default: bytes.append(byte)
      }
      last = byte
    }
    bytes.append(UInt8(ascii: "\""))
  }

  private mutating func escape(_ byte: UInt8) {
    bytes += "\\u00".utf8
    bytes.append(Hexadecimal.digit(byte >> 4))
    bytes.append(Hexadecimal.digit(byte & 15))
  }
}
