// Reading Swift source closely enough for the tidy rules.
//
// The rules look at code, so comments and the text of string literals are blanked out first, line by line and
// column by column: what is left stands where it stood. Code inside `\(…)` is code and stays. Literals of
// regular expressions in bare slashes are not recognised; write them as `#/…/#`.

/// Returns `source` with comments and literal text replaced by spaces; line breaks and columns stay.
func codeOnly(_ source: String) -> String {
  var scrubber = Scrubber(bytes: Array(source.utf8))
  scrubber.code(untilClosingParenthesis: false)
  return String(decoding: scrubber.bytes, as: UTF8.self)
}

/// Walks over the bytes of one file and blanks what is not code, in place.
private struct Scrubber {
  var bytes: [UInt8]
  var position = 0

  /// Whether `text` stands at the position.
  func sees(_ text: String) -> Bool { bytes[position...].starts(with: text.utf8) }

  /// Replaces `count` bytes by spaces and moves past them; line breaks stay.
  mutating func blank(_ count: Int) {
    let end = min(position + count, bytes.count)
    while position < end {
      if bytes[position] != UInt8(ascii: "\n") { bytes[position] = UInt8(ascii: " ") }
      position += 1
    }
  }

  /// Walks over code to the end, or past the parenthesis that closes an interpolation.
  mutating func code(untilClosingParenthesis: Bool) {
    var depth = 0
    while position < bytes.count {
      switch bytes[position] {
      case UInt8(ascii: "/") where sees("//"): lineComment()
      case UInt8(ascii: "/") where sees("/*"): blockComment()
      case UInt8(ascii: "\""): string(hashes: 0)
      case UInt8(ascii: "#"): hashes()
      case UInt8(ascii: "("):
        depth += 1
        position += 1
      case UInt8(ascii: ")"):
        position += 1
        if untilClosingParenthesis && depth == 0 { return }
        depth -= 1
      default: position += 1
      }
    }
  }

  /// A raw string or a regular expression in hashes, or the hash of a directive such as `#if`.
  mutating func hashes() {
    let count = bytes[position...].prefix { $0 == UInt8(ascii: "#") }.count
    let marks = String(repeating: "#", count: count)
    if sees(marks + "\"") {
      blank(count)
      string(hashes: count)
    } else if sees(marks + "/") {
      blank(count + 1)
      while position < bytes.count && !sees("/" + marks) { blank(1) }
      blank(count + 1)
    } else {
      position += count
    }
  }

  mutating func lineComment() {
    while position < bytes.count && bytes[position] != UInt8(ascii: "\n") { blank(1) }
  }

  mutating func blockComment() {
    var depth = 0
    repeat {
      if sees("/*") {
        depth += 1
        blank(2)
      } else if sees("*/") {
        depth -= 1
        blank(2)
      } else {
        blank(1)
      }
    } while depth > 0 && position < bytes.count
  }

  mutating func string(hashes: Int) {
    let marks = String(repeating: "#", count: hashes)
    let quote = sees("\"\"\"") ? "\"\"\"" : "\""
    blank(quote.utf8.count)
    while position < bytes.count && !sees(quote + marks) {
      if sees("\\" + marks + "(") {
        blank(1 + hashes)
        position += 1
        code(untilClosingParenthesis: true)
      } else if sees("\\" + marks) {
        blank(2 + hashes)
      } else if quote.utf8.count == 1 && bytes[position] == UInt8(ascii: "\n") {
        return  // An unterminated literal does not compile; do not let it swallow the rest.
      } else {
        blank(1)
      }
    }
    blank(quote.utf8.count + hashes)
  }
}

/// The lines of a text, without their line breaks; no empty last line for a closing line break.
func lines(of text: String) -> [Substring] {
  let all = text.split(separator: "\n", omittingEmptySubsequences: false)
  return all.last?.isEmpty == true ? all.dropLast() : all
}

/// One word (identifier, keyword or number) or one other character of code, and the line it stands on.
struct Token: Equatable {
  let text: Substring
  let line: Int

  var isWord: Bool { text.first.map(isWordCharacter) ?? false }
}

func isWordCharacter(_ character: Character) -> Bool {
  character.isLetter || character.isNumber || character == "_"
}

/// Splits code that `codeOnly` returned into tokens, without white space.
func tokens(of code: String) -> [Token] {
  var result: [Token] = []
  for (index, line) in lines(of: code).enumerated() {
    var rest = line[...]
    while let first = rest.first {
      let length = isWordCharacter(first) ? rest.prefix(while: isWordCharacter).count : 1
      if !first.isWhitespace { result.append(Token(text: rest.prefix(length), line: index + 1)) }
      rest = rest.dropFirst(length)
    }
  }
  return result
}
