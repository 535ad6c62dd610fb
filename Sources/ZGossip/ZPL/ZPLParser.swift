// Loading a tree. Total: whatever the bytes are, the answer is a tree or an error with its line.

extension ZPLDocument {
  /// Reads a text.
  ///
  /// An item a line: four spaces for each level, a name, and perhaps `=` and a value. A value stands between `"` or
  /// `'`, without escapes, and then only a comment may follow, or it ends at a `#` and at the end of the line,
  /// without the spaces around it. One that begins with `#` after a space is taken to the end of the line, as the
  /// original does. `#` begins a comment otherwise; its line must be indented by levels too. Space at the end of a line
  /// does not count.
  ///
  /// The original reads more in three ways: a line ends for it at a zero byte, values need not be UTF-8, and there are
  /// no limits.
  ///
  /// - Throws: at the first line that is wrong; also for more than `textLimit` bytes, `lineLimit` bytes in a line, or
  ///   `depthLimit` levels.
  public init(parsing text: String) throws(ZPLError) {
    // Counted first, so that no copy of a huge text is made.
    guard text.utf8.count <= Self.textLimit else { throw Self.tooLong }
    try self.init(parsing: Array(text.utf8))
  }

  /// Reads the bytes of a text.
  public init(parsing bytes: [UInt8]) throws(ZPLError) {
    guard bytes.count <= Self.textLimit else { throw Self.tooLong }
    self.init()
    var open = ZPLOpenItems()
    var start = 0
    var number = 0
    while start < bytes.count {
      let end = bytes[start...].firstIndex(of: 0x0a) ?? bytes.count
      number += 1
      var line = ZPLLine(number: number, bytes: bytes[start..<end])
      switch try line.read() {
      case .nothing: break
      case .comment(let comment): comments.append(comment)
      case .item(let depth, let item): try open.append(item, depth: depth, to: &children)
      }
      start = end + 1
    }
    open.close(downTo: 0, into: &children)
    try checkSize()
  }

  private static var tooLong: ZPLError {
    ZPLError(line: 0, "it is longer than \(textLimit) bytes; this is no file of settings")
  }
}

/// The items from the first level down to the one that was read last, whose children are still to come.
private struct ZPLOpenItems {
  private var items: [ZPLItem] = []

  mutating func append(_ item: ZPLItem, depth: Int, to roots: inout [ZPLItem]) throws(ZPLError) {
    guard depth <= items.count else {
      let spaces = items.count * ZPLSyntax.indent
      throw ZPLError(
        line: item.line,
        "it is indented by \(depth * ZPLSyntax.indent) spaces, but after the line before by at most \(spaces)"
      )
    }
    guard depth < ZPLDocument.depthLimit else {
      throw ZPLError(line: item.line, "there are more than \(ZPLDocument.depthLimit) levels; use fewer")
    }
    close(downTo: depth, into: &roots)
    items.append(item)
  }

  mutating func close(downTo depth: Int, into roots: inout [ZPLItem]) {
    while items.count > depth, let item = items.popLast() {
      if items.isEmpty { roots.append(item) } else { items[items.count - 1].children.append(item) }
    }
  }
}

/// One line, of which less and less is unread.
private struct ZPLLine {
  enum Content {
    case nothing
    case comment(String)
    case item(depth: Int, ZPLItem)
  }

  let number: Int
  private var rest: ArraySlice<UInt8>

  init(number: Int, bytes: ArraySlice<UInt8>) {
    self.number = number
    rest = bytes
  }

  mutating func read() throws(ZPLError) -> Content {
    guard rest.count <= ZPLDocument.lineLimit else {
      throw error("the line has more than \(ZPLDocument.lineLimit) bytes; shorten it")
    }
    guard !rest.contains(0) else { throw error("the line holds a zero byte; this is no file of text") }
    rest = trimmed(rest)
    guard !rest.isEmpty else { return .nothing }
    if rest.first == ZPLSyntax.hash { return .comment(String(decoding: rest.dropFirst(), as: UTF8.self)) }
    let spaces = rest.prefix { $0 == 0x20 }.count
    guard spaces % ZPLSyntax.indent == 0 else {
      throw error("it is indented by \(spaces) spaces; indent by \(ZPLSyntax.indent) for each level")
    }
    rest = rest.dropFirst(spaces)
    let name = rest.prefix(while: ZPLSyntax.isNameByte)
    guard !name.isEmpty else {
      try expectComment()
      return .nothing
    }
    guard name.first != UInt8(ascii: "/"), name.last != UInt8(ascii: "/") else {
      throw error("a slash cannot be the first or the last of a name")
    }
    rest = rest.dropFirst(name.count)
    let item = ZPLItem(
      name: String(decoding: name, as: UTF8.self), value: try value(afterSpace: startsWithSpace), line: number
    )
    return .item(depth: spaces / ZPLSyntax.indent, item)
  }

  /// Where a name should be there is none: only a comment is right then.
  private mutating func expectComment() throws(ZPLError) {
    let isIndentedByTab = rest.first == 0x09
    rest = withoutSpace(rest)
    guard let byte = rest.first, byte != ZPLSyntax.hash else { return }
    if isIndentedByTab { throw error("it is indented with a tab; indent by 4 spaces for each level") }
    if byte == UInt8(ascii: "=") { throw error("there is no name before the =") }
    throw error(
      "a name cannot begin with \(shown(byte)); a name has letters, digits and \(ZPLSyntax.nameSigns)")
  }

  private var startsWithSpace: Bool { rest.first.map(ZPLSyntax.isSpace) ?? false }

  /// What stands behind a name.
  private mutating func value(afterSpace isApart: Bool) throws(ZPLError) -> String {
    rest = withoutSpace(rest)
    guard let byte = rest.first, byte != ZPLSyntax.hash else { return "" }
    guard byte == UInt8(ascii: "=") else {
      throw error(
        isApart
          ? "\(shown(byte)) follows the name; a value needs an = before it"
          : "a name cannot hold \(shown(byte)); a name has letters, digits and \(ZPLSyntax.nameSigns)")
    }
    rest = rest.dropFirst()
    let isAtOnce = !startsWithSpace
    rest = withoutSpace(rest)
    guard let first = rest.first else { return "" }
    if ZPLSyntax.isQuote(first) { return try quoted(first) }
    if first == ZPLSyntax.hash { return isAtOnce ? "" : try text(rest) }
    return try text(trimmed(rest.prefix { $0 != ZPLSyntax.hash }))
  }

  private mutating func quoted(_ quote: UInt8) throws(ZPLError) -> String {
    let inside = rest.dropFirst().prefix { $0 != quote }
    guard inside.endIndex < rest.endIndex else {
      throw error("the value has no closing \(Character(UnicodeScalar(quote))); put one at its end")
    }
    rest = withoutSpace(rest[(inside.endIndex + 1)...])
    if let byte = rest.first, byte != ZPLSyntax.hash {
      throw error("\(shown(byte)) follows the closing quote; only a comment may stand there")
    }
    return try text(inside)
  }

  private func text(_ bytes: ArraySlice<UInt8>) throws(ZPLError) -> String {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw error("the value is not in UTF-8; save the file in that encoding")
    }
    return text
  }

  private func trimmed(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    bytes[..<((bytes.lastIndex { !ZPLSyntax.isSpace($0) }).map { $0 + 1 } ?? bytes.startIndex)]
  }

  private func withoutSpace(_ bytes: ArraySlice<UInt8>) -> ArraySlice<UInt8> {
    bytes.drop(while: ZPLSyntax.isSpace)
  }

  private func shown(_ byte: UInt8) -> String {
    (0x21...0x7e).contains(byte)
      ? "`\(Character(UnicodeScalar(byte)))`" : "the byte 0x" + String(byte, radix: 16)
  }

  private func error(_ text: String) -> ZPLError { ZPLError(line: number, text) }
}
