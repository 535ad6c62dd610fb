// Keys of CURVE, the library's encryption and authentication, and Z85, the text they are written in.
//
// Z85 is RFC 32 of ZeroMQ: four bytes as five of 85 printable characters.

import CZeroMQ

/// The public key of a CURVE peer: 32 bytes.
public struct CurvePublicKey: Hashable, Sendable, CustomStringConvertible {
  /// The bytes.
  public let bytes: [UInt8]

  /// The key of the given 32 bytes; nil for another number.
  public init?(bytes: [UInt8]) {
    guard bytes.count == 32 else { return nil }
    self.bytes = bytes
  }

  /// Reads 40 characters of Z85.
  ///
  /// - Throws: `badKey`.
  public init(_ text: String) throws(ZeroMQError) {
    guard let bytes = Z85.decode(text), bytes.count == 32 else { throw .badKey }
    self.bytes = bytes
  }

  /// 40 characters of Z85.
  public var text: String { Z85.encode(bytes) }
  /// The text.
  public var description: String { text }
}

/// The secret key of a CURVE peer: 32 bytes. It never shows itself in a description.
public struct CurveSecretKey: Hashable, Sendable, CustomStringConvertible, CustomReflectable {
  /// The bytes.
  public let bytes: [UInt8]

  /// Reads 40 characters of Z85.
  ///
  /// - Throws: `badKey`.
  public init(_ text: String) throws(ZeroMQError) {
    guard let bytes = Z85.decode(text), bytes.count == 32 else { throw .badKey }
    self.bytes = bytes
  }

  /// 40 characters of Z85: the secret itself.
  public var text: String { Z85.encode(bytes) }
  /// What may be shown.
  public var description: String { "(secret)" }
  /// What may be shown.
  public var customMirror: Mirror { Mirror(self, children: []) }
}

/// The keys of one CURVE peer.
public struct CurveKeys: Hashable, Sendable {
  /// What others know it by.
  public let publicKey: CurvePublicKey
  /// What it proves that with.
  public let secret: CurveSecretKey

  /// The keys that belong to a secret.
  ///
  /// - Throws: `curveMissing`.
  public init(secret: CurveSecretKey) throws(ZeroMQError) {
    var text = [CChar](repeating: 0, count: 41)
    guard zmq_curve_public(&text, secret.text) == 0 else { throw .curveMissing }
    publicKey = try CurvePublicKey(Self.string(text))
    self.secret = secret
  }

  /// Keys that are written down.
  ///
  /// - Throws: `badKey` when the public one is not that of the secret, or `curveMissing`.
  public init(publicKey: CurvePublicKey, secret: CurveSecretKey) throws(ZeroMQError) {
    try self.init(secret: secret)
    guard self.publicKey == publicKey else { throw .badKey }
  }

  /// Draws new keys.
  ///
  /// - Throws: `curveMissing`.
  public static func generate() throws(ZeroMQError) -> CurveKeys {
    var publicText = [CChar](repeating: 0, count: 41)
    var secretText = publicText
    guard zmq_curve_keypair(&publicText, &secretText) == 0 else { throw .curveMissing }
    return try CurveKeys(secret: CurveSecretKey(string(secretText)))
  }

  private static func string(_ text: [CChar]) -> String {
    String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

/// Bytes as printable text.
public enum Z85 {
  private static let digits = Array(
    "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-:+=^!/*?&<>()[]{}@%$#".utf8)

  /// The text of bytes, whose number is a multiple of four; a remainder is left out.
  public static func encode(_ bytes: [UInt8]) -> String {
    var text: [UInt8] = []
    text.reserveCapacity(bytes.count / 4 * 5)
    for start in stride(from: 0, to: bytes.count / 4 * 4, by: 4) {
      let word = bytes[start..<(start + 4)].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
      for power: UInt32 in [52_200_625, 614_125, 7_225, 85, 1] { text.append(digits[Int(word / power % 85)]) }
    }
    return String(decoding: text, as: UTF8.self)
  }

  /// The bytes of a text; nil when it is none of Z85.
  public static func decode(_ text: String) -> [UInt8]? {
    let characters = Array(text.utf8)
    guard characters.count % 5 == 0 else { return nil }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(characters.count / 5 * 4)
    for start in stride(from: 0, to: characters.count, by: 5) {
      var word: UInt64 = 0
      for character in characters[start..<(start + 5)] {
        guard let digit = digits.firstIndex(of: character) else { return nil }
        word = word * 85 + UInt64(digit)
      }
      guard word <= UInt64(UInt32.max) else { return nil }
      for shift in [24, 16, 8, 0] as [UInt64] { bytes.append(UInt8(truncatingIfNeeded: word >> shift)) }
    }
    return bytes
  }
}
