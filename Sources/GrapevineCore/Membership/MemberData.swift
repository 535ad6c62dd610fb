// Names and tags as bytes: what the wire carries and the table keeps.

/// The bytes of a member's name and tags.
enum MemberData {
  /// The bytes that one member's name and tags take at most.
  static let lengthLimit = Member.nameLimit + Member.tagLimit

  /// Whether bytes can be a name: UTF-8 without control characters. None at all are: no name.
  static func isName(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.allSatisfy({ $0 >= 0x20 && $0 != 0x7f }) else { return false }
    return isText(bytes)
  }

  private static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.isEmpty || String(validating: bytes, as: UTF8.self) != nil
  }

  /// Whether bytes are tags as `encode` writes them: pairs of UTF-8 that fill them to the end, keys in order.
  static func areTags(_ bytes: UnsafeRawBufferPointer) -> Bool {
    var offset = 0
    var last: UnsafeRawBufferPointer?
    while offset < bytes.count {
      guard let key = piece(of: bytes, at: &offset), let value = piece(of: bytes, at: &offset), !key.isEmpty,
        isText(key), isText(value)
      else { return false }
      if let last, !last.lexicographicallyPrecedes(key) { return false }
      last = key
    }
    return true
  }

  private static func piece(of bytes: UnsafeRawBufferPointer, at offset: inout Int) -> UnsafeRawBufferPointer?
  {
    guard offset < bytes.count else { return nil }
    let length = Int(bytes[offset])
    let start = offset + 1
    guard bytes.count - start >= length else { return nil }
    offset = start + length
    return UnsafeRawBufferPointer(rebasing: bytes[start..<start + length])
  }

  /// The bytes of tags.
  ///
  /// - Throws: `MemberDataError` when they are too long, or a key is empty.
  static func encode(_ tags: [String: String]) throws(MemberDataError) -> [UInt8] {
    var bytes: [UInt8] = []
    let pairs = tags.map { (key: Array($0.key.utf8), value: Array($0.value.utf8)) }
      .sorted { $0.key.lexicographicallyPrecedes($1.key) }
    for (key, value) in pairs {
      guard !key.isEmpty, key.count <= 255, value.count <= 255 else {
        throw MemberDataError(
          description:
            "the tag \(String(decoding: key, as: UTF8.self)) is \(key.count) and \(value.count) bytes long; "
            + "a key has 1 to 255 bytes, a value at most 255")
      }
      bytes.append(UInt8(key.count))
      bytes += key
      bytes.append(UInt8(value.count))
      bytes += value
    }
    guard bytes.count <= Member.tagLimit else {
      throw MemberDataError(
        description: "the tags take \(bytes.count) bytes; a member has at most \(Member.tagLimit)")
    }
    return bytes
  }

  /// The tags in bytes for which `areTags` said so.
  static func decode(tags bytes: UnsafeRawBufferPointer) -> [String: String] {
    var tags: [String: String] = [:]
    var offset = 0
    while let key = piece(of: bytes, at: &offset), let value = piece(of: bytes, at: &offset) {
      tags[String(decoding: key, as: UTF8.self)] = String(decoding: value, as: UTF8.self)
    }
    return tags
  }

  /// Whether tags in bytes for which `areTags` said so have the given value for a key.
  static func has(
    _ tags: UnsafeRawBufferPointer, key: some Sequence<UInt8>, value: some Sequence<UInt8>
  ) -> Bool {
    var offset = 0
    while let found = piece(of: tags, at: &offset), let held = piece(of: tags, at: &offset) {
      if found.elementsEqual(key) { return held.elementsEqual(value) }
    }
    return false
  }

  /// Checks a name that a user chose.
  ///
  /// - Throws: `MemberDataError` when no member can have it.
  static func check(name: String) throws(MemberDataError) {
    let bytes = Array(name.utf8)
    guard bytes.count <= Member.nameLimit else {
      throw MemberDataError(
        description: "the name takes \(bytes.count) bytes; a member's has at most \(Member.nameLimit)")
    }
    guard bytes.withUnsafeBytes(isName) else {
      throw MemberDataError(description: "the name has control characters; choose one without")
    }
  }
}
