// Tags as people write and read them: KEY=VALUE.

import GrapevineConsole
import GrapevineCore

/// Tags that cannot be understood or that no member may have.
struct TagError: Error, Equatable, CustomStringConvertible {
  let description: String
}

/// Reading and showing tags.
enum Tags {
  /// Reads a list of `KEY=VALUE`; a value may be empty and may hold more equals signs.
  ///
  /// - Throws: `TagError` for the first that is not one, a key that is there twice, or too much of them.
  static func parse(_ list: [String]) throws(TagError) -> [String: String] {
    var tags: [String: String] = [:]
    for text in list {
      guard let sign = text.firstIndex(of: "="), sign != text.startIndex else {
        throw TagError(description: "found \(quoted(text)); a tag is KEY=VALUE")
      }
      let key = String(text[..<sign])
      guard tags.updateValue(String(text[text.index(after: sign)...]), forKey: key) == nil else {
        throw TagError(description: "found \(quoted(key)) twice; each key stands once")
      }
    }
    let size = tags.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 2 }
    guard size <= Member.tagLimit else {
      throw TagError(
        description:
          "the tags take \(size) bytes, two for each besides its own; a member has at most \(Member.tagLimit)"
      )
    }
    return tags
  }

  /// The tags in the order of their keys, with what a terminal may take for a command shown.
  static func text(_ tags: [String: String], separator: String) -> String {
    tags.sorted { $0.key < $1.key }.map { Terminal.printable("\($0.key)=\($0.value)") }
      .joined(separator: separator)
  }
}
