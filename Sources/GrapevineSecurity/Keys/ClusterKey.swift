// The secret that members of a cluster share, and what is derived from it.

import CSodium

/// A cluster's secret: 32 bytes that only members have.
///
/// It owns its memory alone, which is locked where the system allows it and zeroed when the key goes. It cannot be
/// copied, and therefore not be printed, logged or put into a string: the compiler refuses.
public struct ClusterKey: ~Copyable, Sendable {
  /// The bytes of a key.
  public static let length = 32

  let secret: SecretMemory
  /// What it is called.
  public let id: KeyID

  /// Copies 32 bytes; what they are copied from the caller zeroes.
  ///
  /// - Throws: `badKey` for another number of bytes, or when all are zero.
  public init(bytes: RawSpan) throws(SecurityError) {
    guard bytes.byteCount == Self.length else {
      throw SecurityError(.badKey, "a cluster key has \(Self.length) bytes, not \(bytes.byteCount)")
    }
    let secret = try SecretMemory(count: Self.length)
    let memory = secret.bytes
    bytes.withUnsafeBytes { memory.copyMemory(from: $0) }
    guard sodium_is_zero(secret.pointer(), Self.length) == 0 else {
      throw SecurityError(.badKey, "a cluster key of zeros is no secret: draw one")
    }
    self.init(secret: secret)
  }

  /// Draws a key from the system's random source.
  public static func generate() throws(SecurityError) -> ClusterKey {
    let secret = try SecretMemory(count: length)
    randombytes_buf(secret.base, length)
    return ClusterKey(secret: secret)
  }

  private init(secret: consuming SecretMemory) {
    id = Self.id(of: secret.pointer())
    self.secret = secret
  }

  /// "GrapeKey", the context in which everything is derived: libsodium's `crypto_kdf`, which is BLAKE2b with the key,
  /// the number of what is derived as salt and the context as personalisation.
  private static let context = "GrapeKey"

  /// Number 0: 16 bytes, of which the first four are the key's name.
  private static func id(of key: UnsafePointer<UInt8>) -> KeyID {
    var hash = [UInt8](repeating: 0, count: 16)
    crypto_kdf_derive_from_key(&hash, hash.count, 0, context, key)
    return KeyID(hash.prefix(4).reduce(0) { $0 << 8 | UInt32($1) })
  }

  /// The bytes of the key that frames are sealed with.
  static let frameKeyLength = 16

  /// Number 1: the 16 bytes that frames are sealed with, apart so that the key itself can serve other purposes.
  func deriveFrameKey(into memory: UnsafeMutablePointer<UInt8>) {
    crypto_kdf_derive_from_key(memory, Self.frameKeyLength, 1, Self.context, secret.pointer())
  }
}
