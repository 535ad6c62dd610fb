// With what members have proven what they said of themselves.

/// The public key of each place of the member table, and the signature of what it said last.
struct MemberProofs: ~Copyable {
  /// Of each place a state, the key and the signature.
  private let bytes: FixedTable<UInt8>
  /// Whether there is any: a cluster that does not sign needs none.
  let isOn: Bool

  private static var stride: Int { 1 + SignedFact.keyLength + SignedFact.signatureLength }
  private static var unknown: UInt8 { 0 }
  private static var bound: UInt8 { 1 }
  private static var signed: UInt8 { 2 }

  init(capacity: Int, isOn: Bool) {
    self.isOn = isOn
    bytes = FixedTable(count: isOn ? capacity * Self.stride : 1)
  }

  /// Bytes of the proofs of `capacity` places.
  static func bytes(capacity: Int) -> Int { capacity * stride }

  /// Whether a place has a key.
  func isBound(_ place: Int) -> Bool { isOn && bytes[place * Self.stride] != Self.unknown }

  /// Whether what the place's member says of itself is signed.
  func isSigned(_ place: Int) -> Bool { isOn && bytes[place * Self.stride] == Self.signed }

  /// The key of a place, if it has one.
  func key(_ place: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: bytes.pointer(at: place * Self.stride + 1), count: isBound(place) ? SignedFact.keyLength : 0)
  }

  /// The signature of a place; meaningful when it is signed.
  func signature(_ place: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(
      start: bytes.pointer(at: place * Self.stride + 1 + SignedFact.keyLength),
      count: SignedFact.signatureLength)
  }

  /// Keeps with what a place's member has proven what it says of itself now.
  func set(_ place: Int, key: [UInt8], signature: [UInt8]) {
    guard isOn, key.count == SignedFact.keyLength, signature.count == SignedFact.signatureLength else {
      return
    }
    let start = place * Self.stride
    for index in 0..<SignedFact.keyLength { bytes[start + 1 + index] = key[index] }
    for index in 0..<SignedFact.signatureLength {
      bytes[start + 1 + SignedFact.keyLength + index] = signature[index]
    }
    bytes[start] = Self.signed
  }

  /// The place's member says something else now, which is not signed yet.
  func unsign(_ place: Int) {
    guard isSigned(place) else { return }
    bytes[place * Self.stride] = Self.bound
  }

  /// The place is another member's.
  func clear(_ place: Int) {
    guard isOn else { return }
    bytes[place * Self.stride] = Self.unknown
  }
}
