// Text that holds secrets: read and written in locked memory, never in a string.

import CSodium

/// A short text in secret memory, which grows at its end and is read word by word from its start.
struct SecretText: ~Copyable {
  /// The longest file of keys or of an identity, in bytes: eight keys with their names take 900.
  static let limit = 8_192

  private let memory: SecretMemory
  private(set) var count = 0
  private var position = 0
  /// The number of the line that was begun last, from 1.
  private(set) var line = 0
  private var lineEnd = 0

  init() throws(SecurityError) { memory = try SecretMemory(count: Self.limit) }

  // MARK: Writing

  /// The bytes behind the text, into which more may be read.
  var room: UnsafeMutableRawBufferPointer { UnsafeMutableRawBufferPointer(rebasing: memory.bytes[count...]) }

  /// What was written.
  var written: UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: memory.bytes[..<count]) }

  /// Takes bytes that were written to `room` into the text.
  mutating func extend(by bytes: Int) { count = min(count + max(0, bytes), memory.count) }

  /// Adds text that is no secret; what does not fit is left out.
  mutating func append(_ text: String) {
    for byte in text.utf8 { append(byte) }
  }

  /// Adds the hexadecimal digits of bytes.
  mutating func append(digitsOf bytes: UnsafeRawBufferPointer) {
    for byte in bytes {
      append(Hexadecimal.digit(byte >> 4))
      append(Hexadecimal.digit(byte))
    }
  }

  private mutating func append(_ byte: UInt8) {
    guard count < memory.count else { return }
    memory.bytes[count] = byte
    count += 1
  }

  // MARK: Reading

  /// Goes to the next line that has a word and is no comment; false at the end.
  mutating func nextLine() -> Bool {
    while lineEnd < count || line == 0 {
      position = line == 0 ? 0 : lineEnd + 1
      guard position < count else { return false }
      lineEnd = position
      while lineEnd < count, memory.bytes[lineEnd] != UInt8(ascii: "\n") { lineEnd += 1 }
      line += 1
      skipSpaces()
      if position < lineEnd, memory.bytes[position] != UInt8(ascii: "#") { return true }
    }
    return false
  }

  /// Whether the line has no further word.
  var isLineOver: Bool { position >= lineEnd }

  /// The next word of the line, which is no secret, or may be none: at most 32 characters are taken.
  mutating func word() -> String {
    let range = wordRange()
    return String(decoding: memory.bytes[range].prefix(32), as: UTF8.self)
  }

  /// Reads the next word, which must be 64 hexadecimal digits, into 32 secret bytes; nil when it is not.
  mutating func secret() throws(SecurityError) -> SecretMemory? {
    let range = wordRange()
    let secret = try SecretMemory(count: 32)
    guard range.count == 64 else { return nil }
    for index in 0..<32 {
      guard let high = Hexadecimal.value(memory.bytes[range.lowerBound + 2 * index]),
        let low = Hexadecimal.value(memory.bytes[range.lowerBound + 2 * index + 1])
      else { return nil }
      secret.bytes[index] = high << 4 | low
    }
    return secret
  }

  private mutating func wordRange() -> Range<Int> {
    let start = position
    while position < lineEnd, !isSpace(memory.bytes[position]) { position += 1 }
    let range = start..<position
    skipSpaces()
    return range
  }

  private mutating func skipSpaces() {
    while position < lineEnd, isSpace(memory.bytes[position]) { position += 1 }
  }

  private func isSpace(_ byte: UInt8) -> Bool {
    byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") || byte == UInt8(ascii: "\r")
  }
}
