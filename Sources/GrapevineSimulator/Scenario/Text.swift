// Text files that somebody wrote by hand: their lines, numbers and errors.

/// Something in a scenario, or in a file that it names, that cannot be understood.
public struct ScenarioError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The file, as it was named.
  public var file: String
  /// The line, from 1.
  public var line: Int
  /// What was found and what is allowed.
  public var message: String

  /// File, line and message, as compilers print them.
  public var description: String { "\(printable(file)):\(line): \(message)" }
}

/// The lines of a file that say something, without comments.
struct TextLines {
  /// A line, which is not empty.
  struct Line {
    var file: String
    /// Its number in the file, from 1.
    var number: Int
    var text: String

    func error(_ message: String) -> ScenarioError {
      ScenarioError(file: file, line: number, message: message)
    }

    /// The words between blanks.
    var words: [String] { text.split { $0 == " " || $0 == "\t" }.map(String.init) }
  }

  static let bytesLimit = 1 << 20
  static let lineBytesLimit = 4_096

  private(set) var lines: [Line] = []
  /// The number of the last line, said or not.
  private(set) var lastNumber = 1

  /// Splits a file into lines.
  init(_ bytes: [UInt8], file: String) throws(ScenarioError) {
    guard bytes.count <= Self.bytesLimit else {
      throw ScenarioError(
        file: file, line: 1, message: "found \(bytes.count) bytes; allowed are at most \(Self.bytesLimit)")
    }
    // Some editors begin a text with a byte order mark.
    let bytes = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? bytes.dropFirst(3) : bytes[...]
    let parts = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
    for (index, part) in parts.enumerated() {
      if !part.isEmpty { lastNumber = index + 1 }
      var line = Line(file: file, number: index + 1, text: "")
      guard part.count <= Self.lineBytesLimit else {
        throw line.error("found a line of \(part.count) bytes; allowed are at most \(Self.lineBytesLimit)")
      }
      guard let text = String(validating: part, as: UTF8.self) else {
        throw line.error("found bytes that are not UTF-8; allowed is text")
      }
      let said = text.unicodeScalars.prefix { $0 != "#" }
      if let control = text.unicodeScalars.first(where: { $0.value < 0x20 && $0 != "\t" && $0 != "\r" }) {
        throw line.error("found the control character \(control.value); allowed is text")
      }
      line.text = String(String.UnicodeScalarView(said.filter { $0 != "\r" }))
      if !line.words.isEmpty { lines.append(line) }
    }
  }
}

/// A number that is not negative, exact to nine decimals.
struct Number {
  /// The number times 10^9.
  var billionths: UInt64

  /// The greatest number.
  static let limit: UInt64 = 9_000_000_000

  /// Reads digits, with or without a point and up to nine more; nil for anything else and beyond `limit`.
  init?(_ text: some StringProtocol) {
    let parts = text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    guard parts.count <= 2, let whole = Self.digits(parts[0]), whole <= Self.limit else { return nil }
    billionths = whole * 1_000_000_000
    guard parts.count == 2 else { return }
    guard parts[1].count <= 9, var fraction = Self.digits(parts[1]) else { return nil }
    for _ in parts[1].count..<9 { fraction *= 10 }
    billionths += fraction
  }

  /// The whole number, or nil when there are decimals.
  var integer: Int? { billionths % 1_000_000_000 == 0 ? Int(billionths / 1_000_000_000) : nil }

  /// The number times a unit, cut to a whole number; nil when it does not fit.
  func times(_ unit: UInt64) -> UInt64? {
    UInt64(exactly: UInt128(billionths) * UInt128(unit) / 1_000_000_000)
  }

  private static func digits(_ bytes: some Collection<UInt8>) -> UInt64? {
    guard (1...18).contains(bytes.count) else { return nil }
    var value: UInt64 = 0
    for byte in bytes {
      guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
      value = value * 10 + UInt64(byte - UInt8(ascii: "0"))
    }
    return value
  }
}

/// The text in quotes, at most 40 characters of it, with what a terminal may take for a command replaced.
func quoted(_ text: some StringProtocol) -> String {
  let start = String(String.UnicodeScalarView(text.unicodeScalars.prefix(40)))
  return "\"\(printable(start))" + (text.unicodeScalars.count > 40 ? "…\"" : "\"")
}

/// The text with what a terminal may take for a command replaced.
private func printable(_ text: String) -> String {
  var shown = String.UnicodeScalarView()
  for scalar in text.unicodeScalars {
    let isControl = scalar.value < 0x20 || (0x7f...0x9f).contains(scalar.value)
    shown.append(isControl ? "?" : scalar)
  }
  return String(shown)
}
