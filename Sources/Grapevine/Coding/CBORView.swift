// CBOR's items, read from bytes.
//
// An item starts with a head: three bits of major type and five that are, or announce, an argument of up to
// 64 bits. The argument is the number itself, or the length of a string, or how many items follow.
// `head(at:)` returns a head only when the argument is there and what it claims can fit in the bytes that
// are left (an element needs a byte, a pair two), so nobody downstream has to doubt a length. When it
// returns nil, `fault(at:)` looks again and says why.
//
// Source: RFC 8949 §3 and appendices C and D.

/// The eight major types of RFC 8949 §3.1.
enum CBORMajor: UInt8 {
  case unsigned, negative, bytes, text, array, map, tag, simple
}

/// The start of one item.
struct CBORHead {
  let major: CBORMajor
  /// The low five bits of the initial byte.
  let info: UInt8
  let argument: UInt64
  /// The offset after the head: of the string's content, the first element, or the next item.
  let next: Int

  static let infoFalse: UInt8 = 20
  static let infoTrue: UInt8 = 21
  static let infoNull: UInt8 = 22
  static let infoUndefined: UInt8 = 23

  var isNil: Bool { major == .simple && (info == Self.infoNull || info == Self.infoUndefined) }

  /// The length of a string or the number of elements or pairs; `head(at:)` has checked that it fits.
  var count: Int { Int(truncatingIfNeeded: argument) }

  /// The item's kind in words, for failures.
  var kind: String {
    switch (major, info) {
    case (.unsigned, _), (.negative, _): "integer"
    case (.bytes, _): "byte string"
    case (.text, _): "text"
    case (.array, _): "array"
    case (.map, _): "map"
    case (.tag, _): "tag \(argument)"
    case (.simple, Self.infoFalse), (.simple, Self.infoTrue): "boolean"
    case (.simple, Self.infoNull), (.simple, Self.infoUndefined): "null"
    case (.simple, 25...27): "floating-point number"
    case (.simple, _): "simple value \(argument)"
    }
  }
}

/// Bytes seen as CBOR. Every read is checked against the bytes that are there.
struct CBORView {
  let bytes: UnsafeRawBufferPointer

  /// The head of the item at `offset`; nil when it is malformed or claims more than can follow.
  func head(at offset: Int) -> CBORHead? {
    guard offset >= 0, offset < bytes.count else { return nil }
    let initial = bytes[offset]
    guard let major = CBORMajor(rawValue: initial >> 5) else { return nil }
    let info = initial & 31
    var next = offset + 1
    var argument = UInt64(info)
    if info >= 24 {
      guard info < 28 else { return nil }
      let width = 1 << Int(info - 24)
      guard bytes.count - next >= width else { return nil }
      argument = bigEndian(at: next, width: width)
      next += width
    }
    let room = UInt64(bytes.count - next)
    switch major {
    case .unsigned, .negative: break
    case .bytes, .text, .array: guard argument <= room else { return nil }
    case .map: guard argument <= room / 2 else { return nil }
    case .tag: guard room >= 1 else { return nil }
    case .simple: guard info != 24 || argument >= 32 else { return nil }
    }
    return CBORHead(major: major, info: info, argument: argument, next: next)
  }

  /// The head of the item at `offset`, or of what it contains when it is tagged.
  func content(at offset: Int) -> CBORHead? {
    var head = head(at: offset)
    while let tag = head, tag.major == .tag { head = self.head(at: tag.next) }
    return head
  }

  /// The offset after the item at `offset`; the end of the bytes when there is no item.
  func end(of offset: Int) -> Int {
    var offset = offset
    var pending = 1
    while pending > 0 {
      guard let head = head(at: offset) else { return bytes.count }
      offset = head.next
      pending -= 1
      switch head.major {
      case .bytes, .text: offset += head.count
      case .array: pending += head.count
      case .map: pending += 2 * head.count
      case .tag: pending += 1
      case .unsigned, .negative, .simple: break
      }
    }
    return offset
  }

  /// The content of a string; empty when it is not within the bytes.
  func slice(at offset: Int, count: Int) -> UnsafeRawBufferPointer {
    guard offset >= 0, count >= 0, offset <= bytes.count, count <= bytes.count - offset else {
      return UnsafeRawBufferPointer(start: nil, count: 0)
    }
    return UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + count])
  }

  /// The text of which `offset` and `count` are the content.
  func text(at offset: Int, count: Int) -> String {
    String(decoding: slice(at: offset, count: count), as: UTF8.self)
  }

  /// The integer of `width` bytes, 1 to 8, at `offset`; the caller has checked that they are there.
  private func bigEndian(at offset: Int, width: Int) -> UInt64 {
    switch width {
    case 1: UInt64(bytes[offset])
    case 2: UInt64(UInt16(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt16.self)))
    case 4: UInt64(UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self)))
    default: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }
  }

  /// How two keys sort, by RFC 8949 §4.2.1: negative when `first` comes before `second`, zero when equal.
  ///
  /// That rule compares encoded keys bytewise. The head of a text holds its length, so the shorter is first.
  static func order(_ first: UnsafeRawBufferPointer, _ second: UnsafeRawBufferPointer) -> Int {
    guard first.count == second.count else { return first.count - second.count }
    for index in 0..<first.count where first[index] != second[index] {
      return Int(first[index]) - Int(second[index])
    }
    return 0
  }
}
