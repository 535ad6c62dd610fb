// The bytes of a large message: one block for the whole way, from the sockets to the application.

/// The bytes of a message that is longer than a datagram, owned by all who hold a reference.
///
/// Whoever reads it reads what no longer changes: it is handed out when it is complete.
public final class LargeContent: @unchecked Sendable {
  let base: UnsafeMutableRawPointer
  /// The number of bytes.
  public let count: Int
  /// Bytes before the first one: a topic lies there, at their end, as topics lie before the payloads of other messages.
  static let margin = 256

  /// Copies bytes.
  ///
  /// - Returns: nil when the system has no memory for them, or there are none.
  public init?(copying bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0,
      let memory = ZeroedMemory.tryAllocate(bytes: Self.margin + bytes.count)
    else { return nil }
    base = memory + Self.margin
    count = bytes.count
    base.copyMemory(from: source, byteCount: bytes.count)
  }

  /// Room for `count` bytes, which become resident as they are written; nil when there is none.
  init?(count: Int) {
    guard count > 0, let memory = ZeroedMemory.tryAllocate(bytes: Self.margin + count) else { return nil }
    base = memory + Self.margin
    self.count = count
  }

  deinit { ZeroedMemory.free(base - Self.margin, bytes: Self.margin + count) }

  /// Writes the topic before the bytes; only before anybody else reads them.
  func setTopic(_ topic: UnsafeRawBufferPointer) {
    guard let source = topic.baseAddress, topic.count <= Self.margin else { return }
    (base - topic.count).copyMemory(from: source, byteCount: topic.count)
  }

  /// The bytes; valid as long as somebody holds the content.
  public var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base, count: count) }

  /// A 64-bit checksum of the bytes: finds damage, and is no authentication.
  ///
  /// Folded 64 x 64 bit multiplications in four lanes, as the checksum of frames.
  public var checksum: UInt64 {
    var lanes = SIMD4<UInt64>(
      0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db, 0x8ebc_6af0_9c88_c6e3, 0x5899_65cc_7537_4cc3)
    var offset = 0
    while count &- offset >= 64 {
      lanes[0] = fold(lanes[0] ^ load(offset), load(offset &+ 8) ^ 0x8ebc_6af0_9c88_c6e3)
      lanes[1] = fold(lanes[1] ^ load(offset &+ 16), load(offset &+ 24) ^ 0x5899_65cc_7537_4cc3)
      lanes[2] = fold(lanes[2] ^ load(offset &+ 32), load(offset &+ 40) ^ 0x1d8e_4e27_c47d_124f)
      lanes[3] = fold(lanes[3] ^ load(offset &+ 48), load(offset &+ 56) ^ 0x9e37_79b9_7f4a_7c15)
      offset &+= 64
    }
    var tail = UInt64(count)
    while count &- offset >= 8 {
      tail = fold(tail ^ load(offset), 0x1d8e_4e27_c47d_124f)
      offset &+= 8
    }
    var rest: UInt64 = 0
    while offset < count {
      rest = rest << 8 | UInt64(base.load(fromByteOffset: offset, as: UInt8.self))
      offset &+= 1
    }
    return fold(
      fold(lanes[0] ^ rest, lanes[1] ^ 0x9e37_79b9_7f4a_7c15) ^ tail,
      fold(lanes[2] ^ 0xa076_1d64_78bd_642f, lanes[3]))
  }

  @inline(__always)
  private func load(_ offset: Int) -> UInt64 {
    UInt64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
  }

  @inline(__always)
  private func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
    let product = left.multipliedFullWidth(by: right)
    return product.high ^ product.low
  }
}
