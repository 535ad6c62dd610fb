// What tells one member from another among those who share the cluster's key.

import CSodium

/// What a member proves with that a fact about it is its own: an Ed25519 key pair (RFC 8032).
///
/// It lasts over restarts, kept in an `IdentityFile`. Its secret half is held as a `ClusterKey` is.
public struct MemberIdentity: ~Copyable, Sendable {
  /// The bytes of the seed that a key pair follows from.
  public static let seedLength = 32
  /// The longest fact, in bytes.
  public static let factLimit = 4_096
  /// Stands before what is signed, so that a signature of a fact is one of nothing else.
  static let purpose = Array("grapevine membership fact 1\0".utf8)

  /// The library's form of the secret: the seed, then the public key.
  private let secret: SecretMemory
  /// What others know the member by.
  public let publicKey: MemberPublicKey

  /// Draws a key pair from the system's random source.
  public static func generate() throws(SecurityError) -> MemberIdentity {
    let seed = try SecretMemory(count: seedLength)
    randombytes_buf(seed.base, seedLength)
    return try MemberIdentity(seed: UnsafeRawBufferPointer(seed.bytes).bytes)
  }

  /// The key pair of a seed; what that is copied from the caller zeroes.
  ///
  /// - Throws: `badKey` unless it is 32 bytes.
  public init(seed: RawSpan) throws(SecurityError) {
    guard seed.byteCount == Self.seedLength else {
      throw SecurityError(
        .badKey, "the seed of an identity has \(Self.seedLength) bytes, not \(seed.byteCount)")
    }
    let secret = try SecretMemory(count: 64)
    var key = [UInt8](repeating: 0, count: MemberPublicKey.length)
    let memory = secret.pointer()
    let isMade = seed.withUnsafeBytes { seed in
      seed.baseAddress.map {
        crypto_sign_seed_keypair(&key, memory, $0.assumingMemoryBound(to: UInt8.self))
      } == 0
    }
    guard isMade, let publicKey = MemberPublicKey(bytes: key) else {
      throw SecurityError(.badKey, "the seed of an identity gives no key pair: draw another one")
    }
    self.secret = secret
    self.publicKey = publicKey
  }

  /// Signs a fact.
  ///
  /// - Throws: `factTooLong` beyond `factLimit`.
  public func sign(_ fact: [UInt8]) throws(SecurityError) -> FactSignature {
    guard fact.count <= Self.factLimit else {
      throw SecurityError(.factTooLong, "a fact has at most \(Self.factLimit) bytes, not \(fact.count)")
    }
    let message = Self.purpose + fact
    var bytes = [UInt8](repeating: 0, count: FactSignature.length)
    crypto_sign_detached(&bytes, nil, message, UInt64(message.count), secret.pointer())
    return FactSignature(checked: bytes)
  }

  /// What the key pair follows from, to write it to a file.
  var seed: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: secret.base, count: Self.seedLength) }
}

/// What a member is known by: 32 bytes that are no secret.
public struct MemberPublicKey: Hashable, Sendable, CustomStringConvertible {
  /// The number of bytes.
  public static let length = 32
  /// The bytes.
  public let bytes: [UInt8]

  /// The key of 32 bytes; nil for another number.
  public init?(bytes: [UInt8]) {
    guard bytes.count == Self.length else { return nil }
    self.bytes = bytes
  }

  /// Reads 64 hexadecimal digits; nil for anything else.
  public init?(_ text: String) {
    guard let bytes = Hexadecimal.bytes(text, count: Self.length) else { return nil }
    self.bytes = bytes
  }

  /// 64 hexadecimal digits.
  public var description: String { Hexadecimal.text(bytes) }

  /// Whether the holder of the secret half signed exactly this fact. Any bytes are an input.
  public func verifies(_ signature: FactSignature, of fact: [UInt8]) -> Bool {
    guard fact.count <= MemberIdentity.factLimit, sodium_init() >= 0 else { return false }
    let message = MemberIdentity.purpose + fact
    return crypto_sign_verify_detached(signature.bytes, message, UInt64(message.count), bytes) == 0
  }
}

/// A signature of a fact: 64 bytes.
public struct FactSignature: Hashable, Sendable, CustomStringConvertible {
  /// The number of bytes.
  public static let length = 64
  /// The bytes.
  public let bytes: [UInt8]

  /// The signature of 64 bytes; nil for another number.
  public init?(bytes: [UInt8]) {
    guard bytes.count == Self.length else { return nil }
    self.bytes = bytes
  }

  init(checked bytes: [UInt8]) { self.bytes = bytes }

  /// 128 hexadecimal digits.
  public var description: String { Hexadecimal.text(bytes) }
}
