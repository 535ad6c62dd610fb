// What the lines of standard input mean.

import GrapevineConsole

/// A line that cannot be understood: what was found and what is allowed.
struct InputFailure: Error, Equatable, CustomStringConvertible {
  var description: String
}

/// What a line asks for.
enum InputLine: Equatable {
  case publish(key: [UInt8], value: [UInt8])
  case unpublish([UInt8])
  case get([UInt8])
  case list(prefix: [UInt8])
  case status
  case port
  case connect(String)
  case bind(String)
  case set(path: String, value: String)
  case save(String)
  case quit

  private static let words = [
    "publish", "unpublish", "get", "list", "status", "port", "connect", "bind", "set", "save", "quit",
  ]

  /// Reads a line; nil for an empty one.
  static func read(_ line: [UInt8]) throws(InputFailure) -> InputLine? {
    guard !line.allSatisfy({ $0 == UInt8(ascii: " ") }) else { return nil }
    let parts = line.split(separator: UInt8(ascii: " "), maxSplits: 1, omittingEmptySubsequences: false)
    let rest = parts.count > 1 ? Array(parts[1]) : nil
    // What is no command is decided by the first word alone, so that any value can be published.
    guard let word = words.first(where: { parts[0].elementsEqual($0.utf8) }) else {
      return try assignment(line)
    }
    switch word {
    case "publish":
      let (key, value) = try pair(rest, "publish KEY VALUE")
      return .publish(key: key, value: value)
    case "unpublish": return .unpublish(try operand(rest, "unpublish KEY"))
    case "get": return .get(try operand(rest, "get KEY"))
    case "list": return .list(prefix: rest ?? [])
    case "connect": return .connect(text(try operand(rest, "connect ENDPOINT")))
    case "bind": return .bind(text(try operand(rest, "bind ENDPOINT")))
    case "save": return .save(text(try operand(rest, "save FILE")))
    case "set":
      let (path, value) = try pair(rest, "set PATH VALUE")
      return .set(path: text(path), value: text(value))
    default:
      if let rest, !rest.isEmpty {
        throw InputFailure(description: "found \(quoted(text(rest))) behind \(word), which stands alone")
      }
      return word == "status" ? .status : word == "port" ? .port : .quit
    }
  }

  /// `KEY=VALUE`.
  private static func assignment(_ line: [UInt8]) throws(InputFailure) -> InputLine {
    guard let sign = line.firstIndex(of: UInt8(ascii: "=")) else {
      throw InputFailure(
        description:
          "found \(quoted(text(line))); a line is KEY=VALUE, or begins with \(words.joined(separator: ", "))"
      )
    }
    guard sign > 0 else { throw InputFailure(description: "found no key before the equals sign") }
    return .publish(key: Array(line[..<sign]), value: Array(line[(sign + 1)...]))
  }

  private static func operand(_ rest: [UInt8]?, _ usage: String) throws(InputFailure) -> [UInt8] {
    guard let rest, !rest.isEmpty else {
      throw InputFailure(description: "words are missing; it is \(usage)")
    }
    return rest
  }

  private static func pair(
    _ rest: [UInt8]?, _ usage: String
  ) throws(InputFailure) -> (first: [UInt8], second: [UInt8]) {
    let words = try operand(rest, usage)
    guard let space = words.firstIndex(of: UInt8(ascii: " ")), space > 0 else {
      throw InputFailure(description: "words are missing; it is \(usage)")
    }
    return (Array(words[..<space]), Array(words[(space + 1)...]))
  }

  private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
}
