// What an agent can be asked: a name, what it does, and who answers. Later requests find their place here.

import GrapevineConsole

/// What a client asked.
struct ControlCall: Sendable {
  /// The words behind the request's name, as bytes: those of tuples need not be text.
  var words: [[UInt8]]
  /// The bytes behind the line, as many as the line announced.
  var value: [UInt8] = []
}

/// A request of the control protocol.
struct ControlRequest: Sendable {
  /// The first word of the line.
  var name: String
  /// The whole line, for the error that lists what is allowed.
  var usage: String
  /// How many bytes stand behind a line of these words; nil for a request without any.
  ///
  /// What it throws becomes the error that the client reads, before it has sent these bytes.
  var valueLength: (@Sendable (_ words: [[UInt8]]) throws -> Int)?
  /// Writes the answer; what it throws becomes the error that the client reads.
  var answer: @Sendable (_ call: ControlCall, _ answer: ControlAnswer) async throws -> Void

  /// A request whose words and value are any bytes.
  static func ofBytes(
    _ name: String, usage: String, valueLength: (@Sendable (_ words: [[UInt8]]) throws -> Int)? = nil,
    answer: @escaping @Sendable (_ call: ControlCall, _ answer: ControlAnswer) async throws -> Void
  ) -> ControlRequest {
    var request = ControlRequest(name: name, usage: usage) { _, _ in }
    (request.valueLength, request.answer) = (valueLength, answer)
    return request
  }

  /// A request whose words are text.
  init(
    name: String, usage: String,
    answer: @escaping @Sendable (_ words: [String], _ answer: ControlAnswer) async throws -> Void
  ) {
    self.name = name
    self.usage = usage
    self.answer = { call, way in
      let words = call.words.compactMap { String(validating: $0, as: UTF8.self) }
      guard words.count == call.words.count else { throw ControlFailure(Self.malformed) }
      try await answer(words, way)
    }
  }

  /// The longest line, in bytes without its end. Chosen here: the most that tags can take, each byte as `%XX`,
  /// and room for the request's name. A tuple's key of 255 such bytes fits as well, with all options.
  static let lineLimit = 1_024

  /// What is wrong with a line that has no words.
  static let malformed =
    "a request is UTF-8 without control characters, and % stands before two hexadecimal digits"

  /// The words of a line: separated by spaces, `%XX` in them stands for a byte, and `%` alone for a word without
  /// any; nil when it is no such line.
  static func words(of line: some Sequence<UInt8>) -> [[UInt8]]? {
    var words: [[UInt8]] = []
    for part in Array(line).split(separator: UInt8(ascii: " ")) {
      var bytes: [UInt8] = []
      var rest = part.elementsEqual([UInt8(ascii: "%")]) ? [] : part[...]
      while let byte = rest.popFirst() {
        guard byte == UInt8(ascii: "%") else {
          guard byte >= 0x20, byte != 0x7f else { return nil }
          bytes.append(byte)
          continue
        }
        let digits = rest.prefix(2).compactMap { Hexadecimal.value(of: $0) }
        guard digits.count == 2 else { return nil }
        bytes.append(digits[0] << 4 | digits[1])
        rest = rest.dropFirst(2)
      }
      words.append(bytes)
    }
    return words
  }

  /// The word as it stands in a line.
  static func escaped(_ word: String) -> String { escaped(Array(word.utf8)) }

  /// The word of these bytes as it stands in a line: every line is UTF-8, whatever the bytes are.
  static func escaped(_ word: [UInt8]) -> String {
    guard !word.isEmpty else { return "%" }
    let isText = String(validating: word, as: UTF8.self) != nil
    var line: [UInt8] = []
    for byte in word {
      if byte <= 0x20 || byte == 0x7f || byte == UInt8(ascii: "%") || (byte >= 0x80 && !isText) {
        line += [UInt8(ascii: "%"), Hexadecimal.digit(byte >> 4), Hexadecimal.digit(byte & 15)]
      } else {
        line.append(byte)
      }
    }
    return String(decoding: line, as: UTF8.self)
  }
}

/// The way back to the client that asked. All of it but `send` returns at once: no client holds up who answers.
struct ControlAnswer: Sendable {
  let server: ControlServer
  let client: Int

  /// Lines of one page of a list. Chosen here: some 16 KiB of members.
  static let pageLines = 64

  /// Sends a line for each of the items, made when the client is ready to take it; once, before anything else.
  ///
  /// - Parameter pageLines: Lines that are made at once.
  /// - Throws: `CancellationError` when the client is gone.
  func list<Item: Sendable>(
    _ items: [Item], pageLines: Int = Self.pageLines,
    _ line: @escaping @Sendable (Item, inout JSONWriter) -> Void
  ) async throws {
    try await server.list(for: client) { page in
      let start = page * pageLines
      guard start < items.count else { return nil }
      var writer = JSONWriter()
      for item in items[start..<min(start + pageLines, items.count)] { line(item, &writer) }
      return writer.bytes
    }
  }

  /// Waits until the client has taken nearly all that was sent.
  ///
  /// Who reads the next event only then leaves what waits where it came from, and needs no limit for it here.
  ///
  /// - Throws: `CancellationError` when the client is gone.
  func room() async throws { try await server.room(for: client) }

  /// Sends lines of any length once there is room for them; see `room`.
  ///
  /// - Throws: `CancellationError` when the client is gone.
  func send(_ body: (inout JSONWriter) -> Void) async throws {
    try await room()
    var writer = JSONWriter()
    body(&writer)
    try await server.post(writer.bytes, to: client, limit: nil)
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
