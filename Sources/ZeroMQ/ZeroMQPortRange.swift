// The forms of ports that CZMQ knows and ZeroMQ does not: "some free port of a range".

/// A range of TCP ports in an endpoint: `tcp://host:*` is the first free one from 49152 (RFC 6335, section 6) up, as
/// CZMQ takes it, `tcp://host:!` one by chance; `[a-b]` behind either gives another range, of which either end may be
/// left out.
public struct ZeroMQPortRange: Equatable, Sendable {
  /// The endpoint up to the port, with the colon.
  public var prefix: String
  /// The ports.
  public var range: ClosedRange<UInt16>
  /// Whether the first port to try is drawn.
  public var isRandom: Bool

  /// Reads an endpoint; nil when it names no range of ports, or not one of these forms.
  public init?(_ endpoint: String) {
    let bytes = Array(endpoint.utf8)
    guard endpoint.hasPrefix("tcp://") else { return nil }
    var end = bytes.count
    var text = Substring()
    if bytes.last == UInt8(ascii: "]"), let open = bytes.lastIndex(of: UInt8(ascii: "[")) {
      text = Substring(String(decoding: bytes[(open + 1)..<(end - 1)], as: UTF8.self))
      end = open
      guard let range = Self.range(text) else { return nil }
      self.range = range
    } else {
      range = Self.dynamic
    }
    guard end >= 2, bytes[end - 2] == UInt8(ascii: ":") else { return nil }
    switch bytes[end - 1] {
    case UInt8(ascii: "*"): isRandom = false
    case UInt8(ascii: "!"): isRandom = true
    default: return nil
    }
    prefix = String(decoding: bytes[..<(end - 1)], as: UTF8.self)
  }

  /// The ports that are nobody's by registration.
  private static let dynamic: ClosedRange<UInt16> = 0xc000...0xffff

  private static func range(_ text: Substring) -> ClosedRange<UInt16>? {
    let ends = text.split(separator: "-", omittingEmptySubsequences: false)
    guard ends.count == 2 else { return nil }
    let first = ends[0].isEmpty ? dynamic.lowerBound : UInt16(ends[0])
    let last = ends[1].isEmpty ? dynamic.upperBound : UInt16(ends[1])
    guard let first, let last, first > 0, first <= last else { return nil }
    return first...last
  }

  /// The ports in the order in which they are tried, each once.
  ///
  /// - Parameter draw: A random number, used when the order starts by chance.
  public func ports(startingAt draw: UInt16) -> some Sequence<UInt16> {
    let count = Int(range.upperBound) - Int(range.lowerBound) + 1
    let start = isRandom ? Int(draw) % count : 0
    let lower = Int(range.lowerBound)
    return (0..<count).lazy.map { UInt16(lower + (start + $0) % count) }
  }
}
