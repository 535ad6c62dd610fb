// Messages that carry their type's name.
//
// One node broadcasts values of many types on one stream; the receiver must know which is which before it
// decodes. So a typed message is a tag and a body:
//
//   offset 0     length of the tag in bytes, 1 to 255
//   offset 1     the tag, UTF-8
//   then         the value as one CBOR document, to the end
//
// The tag is compared bytewise. It is part of the protocol between programs: a type that is renamed keeps its
// messages readable by stating its old tag.

import Synchronization

/// A value that can be broadcast and received by its type.
///
/// ```swift
/// struct Commit: GossipMessage { var key: String; var value: [UInt8] }
/// ```
public protocol GossipMessage: Codable, Sendable {
  /// The name under which messages of this type travel: 1 to 255 bytes of UTF-8, the same on every member.
  ///
  /// Default: the type's unqualified name. State it to rename the type, or to keep two types of one name
  /// apart.
  static var tag: String { get }
}

extension GossipMessage {
  /// The type's unqualified name.
  public static var tag: String { DefaultTags.tag(of: Self.self) }
}

/// The names of the types that have been asked for theirs: the runtime takes half a microsecond to spell one,
/// which is as long as to encode a small message. Bounded by the number of message types in the program.
private enum DefaultTags {
  static let known = Mutex<[ObjectIdentifier: String]>([:])

  static func tag(of type: any GossipMessage.Type) -> String {
    known.withLock { known in
      if let tag = known[ObjectIdentifier(type)] { return tag }
      let tag = String(describing: type)
      known[ObjectIdentifier(type)] = tag
      return tag
    }
  }
}

/// The bytes of a typed message: a tag and a body.
public enum MessageEnvelope {
  /// Bytes that a tag may have.
  public static let tagBytes = 1...255

  /// Encodes a message: its type's tag, then the value as CBOR.
  ///
  /// - Throws: `CodingFailure` when the tag's length is not allowed or the value cannot be encoded.
  public static func encode<Message: GossipMessage>(_ message: Message) throws(CodingFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(128)
    let tag = Message.tag.utf8
    guard let length = UInt8(exactly: tag.count), length > 0 else {
      throw CodingFailure(.tagLength(found: tag.count))
    }
    bytes.append(length)
    bytes.append(contentsOf: tag)
    try BinaryCoding.encode(message, appendingTo: &bytes)
    return bytes
  }

  /// Decodes a message if it is of this type.
  ///
  /// - Returns: nil when `bytes` carry another tag or are no typed message.
  /// - Throws: `CodingFailure` when the tag is this type's and the body does not fit it. Offsets count from
  /// the
  ///   start of the body.
  public static func decode<Message: GossipMessage>(
    _ type: Message.Type, from bytes: [UInt8]
  ) throws(CodingFailure) -> Message? {
    guard let body = body(of: bytes, tagged: Message.tag) else { return nil }
    return try BinaryCoding.decode(type, from: body)
  }

  /// Splits a message into its tag and its body, without decoding the body.
  ///
  /// - Returns: nil when `bytes` are no typed message: no tag, a tag cut short, or one that is not UTF-8.
  public static func split(_ bytes: [UInt8]) -> (tag: String, body: ArraySlice<UInt8>)? {
    guard let start = bodyStart(of: bytes),
      let tag = String(validating: bytes[1..<start], as: UTF8.self)
    else { return nil }
    return (tag, bytes[start...])
  }

  /// The body of a message that carries exactly `tag`; nil when `bytes` are anything else.
  public static func body(of bytes: [UInt8], tagged tag: String) -> ArraySlice<UInt8>? {
    guard let start = bodyStart(of: bytes), bytes[1..<start].elementsEqual(tag.utf8) else { return nil }
    return bytes[start...]
  }

  private static func bodyStart(of bytes: [UInt8]) -> Int? {
    guard let length = bytes.first, length > 0, bytes.count > Int(length) else { return nil }
    return 1 + Int(length)
  }
}
