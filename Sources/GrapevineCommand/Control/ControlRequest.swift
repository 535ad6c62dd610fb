// What an agent can be asked: a name, what it does, and who answers. Later requests find their place here.

/// A request of the control protocol.
struct ControlRequest: Sendable {
  /// The first word of the line.
  var name: String
  /// The whole line, for the error that lists what is allowed.
  var usage: String
  /// Writes the answer; what it throws becomes the error that the client reads.
  var answer: @Sendable (_ words: [String], _ answer: ControlAnswer) async throws -> Void

  /// The longest line, in bytes without its end. Chosen here: the most that tags can take, each byte as `%XX`,
  /// and room for the request's name.
  static let lineLimit = 1_024

  /// The words of a line: separated by spaces, `%XX` in them stands for a byte; nil when it is no such line.
  static func words(of line: some Sequence<UInt8>) -> [String]? {
    var words: [String] = []
    for part in Array(line).split(separator: UInt8(ascii: " ")) {
      var bytes: [UInt8] = []
      var rest = part[...]
      while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
          guard byte >= 0x20, byte != 0x7f else { return nil }
          bytes.append(byte)
          continue
        }
        let digits = rest.prefix(2).compactMap { Character(Unicode.Scalar($0)).hexDigitValue }
        guard digits.count == 2 else { return nil }
        bytes.append(UInt8(digits[0] * 16 + digits[1]))
        rest = rest.dropFirst(2)
      }
      guard let word = String(validating: bytes, as: UTF8.self) else { return nil }
      words.append(word)
    }
    return words
  }

  /// The word as it stands in a line.
  static func escaped(_ word: String) -> String {
    var line: [UInt8] = []
    for byte in word.utf8 {
      if byte <= 0x20 || byte == 0x7f || byte == UInt8(ascii: "%") {
        line += "%\(byte < 16 ? "0" : "")\(String(byte, radix: 16))".utf8
      } else {
        line.append(byte)
      }
    }
    return String(decoding: line, as: UTF8.self)
  }
}

/// The way back to the client that asked. All of it returns at once: no client holds up who answers.
struct ControlAnswer: Sendable {
  let server: ControlServer
  let client: Int

  /// Lines of one page of a list. Chosen here: some 16 KiB of members.
  private static let pageLines = 64

  /// Sends a line for each of the items, made when the client is ready to take it; once, before anything else.
  ///
  /// - Throws: `CancellationError` when the client is gone.
  func list<Item: Sendable>(
    _ items: [Item], _ line: @escaping @Sendable (Item, inout JSONWriter) -> Void
  ) async throws {
    try await server.list(for: client) { page in
      let start = page * Self.pageLines
      guard start < items.count else { return nil }
      var writer = JSONWriter()
      for item in items[start..<min(start + Self.pageLines, items.count)] { line(item, &writer) }
      return writer.bytes
    }
  }

  /// Sends lines.
  ///
  /// - Throws: `CancellationError` when the client is gone or too far behind; then it is dropped.
  func post(_ body: (inout JSONWriter) -> Void) async throws {
    var writer = JSONWriter()
    body(&writer)
    try await server.post(writer.bytes, to: client)
  }
}
