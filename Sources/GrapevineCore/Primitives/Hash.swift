// The two hash functions of the core: one that resists an attacker, one that is fast.

/// SipHash-2-4 (Aumasson, Bernstein, INDOCRYPT 2012) over 64-bit words.
///
/// For what a peer must not be able to guess or to collide: cookies, link keys, positions in hash tables.
package struct SipHash {
  private var v0: UInt64
  private var v1: UInt64
  private var v2: UInt64
  private var v3: UInt64
  private var words: UInt64 = 0

  package init(key: SecretKey) {
    v0 = key.first ^ 0x736f_6d65_7073_6575
    v1 = key.second ^ 0x646f_7261_6e64_6f6d
    v2 = key.first ^ 0x6c79_6765_6e65_7261
    v3 = key.second ^ 0x7465_6462_7974_6573
  }

  @inline(__always)
  package mutating func add(_ word: UInt64) {
    words &+= 1
    v3 ^= word
    round()
    round()
    v0 ^= word
  }

  package mutating func add(_ endpoint: Endpoint) {
    add(endpoint.high)
    add(endpoint.low)
    add(UInt64(endpoint.scope) << 16 | UInt64(endpoint.port))
  }

  /// Adds bytes and how many they are.
  package mutating func add(_ bytes: UnsafeRawBufferPointer) {
    var offset = 0
    while bytes.count &- offset >= 8 {
      add(UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
      offset &+= 8
    }
    var tail = UInt64(truncatingIfNeeded: bytes.count) << 56
    if offset > 0, offset < bytes.count {
      // The last 8 bytes, of which some were added already.
      let last = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self))
      tail ^= last >> UInt64(8 &* (8 &- (bytes.count &- offset)))
      offset = bytes.count
    }
    var shift: UInt64 = 0
    while offset < bytes.count {
      tail ^= UInt64(bytes[offset]) << shift
      shift &+= 8
      offset &+= 1
    }
    add(tail)
  }

  /// Ends the input, whose length in bytes is part of the hash, and returns it.
  package mutating func finish() -> UInt64 {
    add((words &* 8) << 56)
    v2 ^= 0xff
    for _ in 0..<4 { round() }
    return v0 ^ v1 ^ v2 ^ v3
  }

  @inline(__always)
  private mutating func round() {
    v0 &+= v1
    v1 = (v1 << 13 | v1 >> 51) ^ v0
    v0 = v0 << 32 | v0 >> 32
    v2 &+= v3
    v3 = (v3 << 16 | v3 >> 48) ^ v2
    v0 &+= v3
    v3 = (v3 << 21 | v3 >> 43) ^ v0
    v2 &+= v1
    v1 = (v1 << 17 | v1 >> 47) ^ v2
    v2 = v2 << 32 | v2 >> 32
  }
}

extension UnsafeRawBufferPointer {
  /// Whether these bytes are the same as others.
  @inline(__always)
  package func hasBytes(of other: UnsafeRawBufferPointer) -> Bool {
    guard count == other.count else { return false }
    var offset = 0
    while count &- offset >= 8 {
      guard
        loadUnaligned(fromByteOffset: offset, as: UInt64.self)
          == other.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
      else { return false }
      offset &+= 8
    }
    while offset < count {
      guard self[offset] == other[offset] else { return false }
      offset &+= 1
    }
    return true
  }
}

/// The 128-bit key of a `SipHash`.
package struct SecretKey: BitwiseCopyable, Sendable {
  package var first: UInt64
  package var second: UInt64

  package init(first: UInt64, second: UInt64) {
    self.first = first
    self.second = second
  }

  package init(using generator: inout Generator) {
    self.init(first: generator.next(), second: generator.next())
  }
}

/// The checksum of a frame: 32 bits that depend on a 64-bit key and every byte.
///
/// Folded 64 x 64 bit multiplications, 32 bytes a step in two lanes. It finds damage, and it keeps out those
/// who do not know the key of a link, which no observer off the path does. It is not authentication.
func checksum(_ bytes: UnsafeRawBufferPointer, key: UInt64) -> UInt32 {
  guard let base = bytes.baseAddress else {
    return UInt32(truncatingIfNeeded: fold(key, 0x9e37_79b9_7f4a_7c15))
  }
  var left = key ^ 0xa076_1d64_78bd_642f
  var right = key ^ 0xe703_7ed1_a0b4_28db
  var offset = 0
  while bytes.count - offset >= 32 {
    left = fold(left ^ load64(base, offset), load64(base, offset + 8) ^ 0x8ebc_6af0_9c88_c6e3)
    right = fold(right ^ load64(base, offset + 16), load64(base, offset + 24) ^ 0x5899_65cc_7537_4cc3)
    offset += 32
  }
  while bytes.count - offset >= 8 {
    left = fold(left ^ load64(base, offset), 0x1d8e_4e27_c47d_124f)
    offset += 8
  }
  var tail: UInt64 = 0
  while offset < bytes.count {
    tail = tail << 8 | UInt64(base.load(fromByteOffset: offset, as: UInt8.self))
    offset += 1
  }
  let length = UInt64(bytes.count)
  let mixed = fold(left ^ tail ^ 0x9e37_79b9_7f4a_7c15, right ^ length &* 0xa076_1d64_78bd_642f)
  return UInt32(truncatingIfNeeded: fold(mixed, key ^ 0xe703_7ed1_a0b4_28db ^ length))
}

@inline(__always)
private func load64(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
  UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
}

@inline(__always)
private func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
  let product = left.multipliedFullWidth(by: right)
  return product.high ^ product.low
}
