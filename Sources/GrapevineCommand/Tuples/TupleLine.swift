// A line of an agent's answer, as far as `grapevine tuples` needs it.

import GrapevineConsole

/// What a line of the control protocol says about tuples.
enum TupleLine {
  case tuple(TupleRecord)
  /// The end of the answer, or in a watch of what was there.
  case end(TuplesEnd)
  /// Something became of a tuple.
  case change(String, TupleRecord)
  /// A condition that does not hold.
  case condition(String)
  case error(String)

  /// Reads a line; nil for one that says something else.
  init?(_ value: JSONValue) {
    if let error = value["error"]?.text {
      self = value["reason"]?.text == "condition" ? .condition(error) : .error(error)
    } else if value["end"] == .bool(true) {
      self = .end(
        TuplesEnd(
          isFound: value["found"] != .bool(false), version: value["version"]?.text,
          count: value["count"]?.count ?? 0))
    } else if let tuple = TupleRecord(value) {
      guard value["event"] != nil else {
        self = .tuple(tuple)
        return
      }
      guard value["event"]?.text == "tuple", let change = value["change"]?.text else { return nil }
      self = .change(change, tuple)
    } else {
      return nil
    }
  }
}

/// What the last line says.
struct TuplesEnd: Equatable {
  /// Whether there was such a tuple.
  var isFound: Bool
  /// Which write it was.
  var version: String?
  /// How many there are.
  var count: UInt64
}

/// A tuple as an agent tells of it.
struct TupleRecord: Equatable {
  var key: [UInt8]
  /// Nil where only the key was asked for, or the tuple is gone.
  var value: [UInt8]?

  /// What a value has at most that is shown in text. Chosen here: three lines of a terminal.
  static let shownLimit = 256

  init?(_ line: JSONValue) {
    if let text = line["key"]?.text {
      key = Array(text.utf8)
    } else if let bytes = line["keyHex"]?.text.flatMap({ Hexadecimal.bytes($0) }) {
      key = bytes
    } else {
      return nil
    }
    value =
      line["value"]?.text.map { Array($0.utf8) }
      ?? line["valueBase64"]?.text.flatMap { Base64.decode($0.utf8) }
  }

  /// Key and value for people.
  func text(isHex: Bool) -> String {
    let shownKey = Self.shown(key: key, isHex: isHex)
    guard let value else { return shownKey }
    return shownKey + "\t" + Self.shown(value: value)
  }

  /// A key in one word, unless it has spaces.
  static func shown(key: [UInt8], isHex: Bool) -> String {
    guard !isHex, let text = String(validating: key, as: UTF8.self) else { return Hexadecimal.text(key) }
    return printable(text)
  }

  static func shown(value: [UInt8]) -> String {
    guard let text = String(validating: value, as: UTF8.self) else {
      return "(\(value.count) bytes, not UTF-8)"
    }
    guard value.count > shownLimit else { return printable(text) }
    var (start, length) = ("", 0)
    for scalar in text.unicodeScalars {
      length += UTF8.width(scalar)
      guard length <= shownLimit else { break }
      start.unicodeScalars.append(scalar)
    }
    return printable(start) + "… (\(value.count) bytes)"
  }

  /// As of messages, but with tabs, which stand between key and value.
  private static func printable(_ text: String) -> String {
    text.split(separator: "\t", omittingEmptySubsequences: false).map { Terminal.printable(String($0)) }
      .joined(separator: "\\x09")
  }
}
