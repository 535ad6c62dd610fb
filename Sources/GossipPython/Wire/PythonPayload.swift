// What applications of gossip_python put around their texts.

/// The conventions that a payload follows, beyond the wire.
public struct PythonPayloadRules: Sendable, Equatable {
  /// Whether payloads begin with their length in four digits, as the original's README and its demo have it:
  /// written when sent, taken off when delivered.
  public var hasLength = false
  /// Whether `b'…'` around a payload is taken off when delivered: originals write payloads given as bytes in the
  /// form of Python's literals.
  public var stripsBytesLiteral = false

  /// Creates rules that leave payloads as they are.
  public init() {}

  /// The payload as it is written.
  func wrapped(_ payload: UnsafeRawBufferPointer) -> [UInt8] {
    guard hasLength else { return Array(payload) }
    let digits = Array(String(payload.count).utf8)
    return Array(repeating: 0x30, count: max(0, 4 - digits.count)) + digits + payload
  }

  /// Bytes that are added to each payload.
  var overhead: Int { hasLength ? 4 : 0 }

  /// The payload as it is delivered; what does not follow the rules stays as it is.
  func unwrapped(_ payload: [UInt8]) -> [UInt8] {
    var payload = payload
    if stripsBytesLiteral, let bytes = Self.bytes(ofLiteral: payload) { payload = bytes }
    guard hasLength, payload.count >= 4, payload.prefix(4).allSatisfy({ (0x30...0x39).contains($0) }) else {
      return payload
    }
    let length = payload.prefix(4).reduce(0) { $0 * 10 + Int($1 - 0x30) }
    return length == payload.count - 4 ? Array(payload.dropFirst(4)) : payload
  }

  /// The bytes that a literal stands for; nil when the text is none.
  static func bytes(ofLiteral text: [UInt8]) -> [UInt8]? {
    guard text.count >= 3, text[0] == UInt8(ascii: "b"), let quote = text.last, text[1] == quote,
      quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"")
    else { return nil }
    var rest = text[2..<text.count - 1]
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      guard byte == UInt8(ascii: "\\") else {
        guard byte != quote else { return nil }
        bytes.append(byte)
        continue
      }
      guard let escaped = rest.popFirst() else { return nil }
      switch escaped {
      case UInt8(ascii: "\\"), UInt8(ascii: "'"), UInt8(ascii: "\""): bytes.append(escaped)
      case UInt8(ascii: "n"): bytes.append(0x0a)
      case UInt8(ascii: "r"): bytes.append(0x0d)
      case UInt8(ascii: "t"): bytes.append(0x09)
      case UInt8(ascii: "x"):
        guard let high = rest.popFirst().flatMap(hexadecimal), let low = rest.popFirst().flatMap(hexadecimal)
        else { return nil }
        bytes.append(high << 4 | low)
      default: return nil
      }
    }
    return bytes
  }

  private static func hexadecimal(_ digit: UInt8) -> UInt8? {
    switch digit {
    case 0x30...0x39: digit - 0x30
    case 0x61...0x66: digit - 0x61 + 10
    case 0x41...0x46: digit - 0x41 + 10
    default: nil
    }
  }
}
