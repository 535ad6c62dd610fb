// Members as the wire names them: the record with an address, and the eight bytes that messages are known by.
//
// A record holds the sender's socket address as it lies in memory, so its layout is that of an operating system.
// What is written is Linux' little-endian layout, which all deployed peers compare byte by byte; BSD's is read too.

import GrapevineCore

/// What an originator of messages is known by: four bytes of its address, its port and the upper half of its uid.
///
/// A node that restarts at the same address within 65,536 seconds keeps it; so do nodes of one IPv6 /32 with one
/// port share it.
public struct PittacusID: Hashable, Sendable, BitwiseCopyable {
  /// The eight bytes, the first of them most significant.
  public var bytes: UInt64

  /// Creates an id of eight bytes, the first of them most significant.
  public init(bytes: UInt64) { self.bytes = bytes }
}

/// A member record.
public struct PittacusMember: Hashable, Sendable, BitwiseCopyable {
  /// The protocol version that it says; nobody checks it, but peers tell members with different versions apart.
  public var version: UInt16
  /// Seconds of the wall clock when the member was created.
  public var uid: UInt32
  /// Where it receives; not usable when the record named an address that no datagram can be sent to.
  public var endpoint: Endpoint

  /// Creates a record.
  public init(endpoint: Endpoint, uid: UInt32, version: UInt16 = PittacusWire.version) {
    self.version = version
    self.uid = uid
    self.endpoint = endpoint
  }

  /// What its messages are known by.
  public var id: PittacusID {
    let address = endpoint.ipv4.map(UInt64.init) ?? endpoint.high >> 32
    return PittacusID(bytes: address << 32 | UInt64(endpoint.port) << 16 | UInt64(uid >> 16))
  }

  /// Bytes of its record: 26 for IPv4, 38 for IPv6.
  public var encodedLength: Int { PittacusWire.memberHeader + addressLength }

  private var addressLength: Int { endpoint.ipv4 == nil ? Self.ipv6Length : Self.ipv4Length }

  private static let ipv4Length = 16
  private static let ipv6Length = 28
  private static let linuxIPv6: UInt8 = 10
  /// The second byte of an IPv6 address of macOS and of FreeBSD.
  private static let bsdIPv6: (UInt8, UInt8) = (30, 28)

  /// Reads the record at `offset`.
  ///
  /// - Returns: The record and its length. An address of the right form that nothing can be sent to is not an
  ///   error here, because the members after it in a list are good: its endpoint is not usable.
  /// - Throws: `truncated`; `outOfRange` for a length or a family that is neither IPv4's nor IPv6's.
  static func read(
    _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(DecodeError) -> (member: PittacusMember, length: Int) {
    guard bytes.count &- offset >= PittacusWire.memberHeader else { throw .truncated }
    let length = Int(bytes.big(UInt32.self, at: offset &+ 6))
    guard length == ipv4Length || length == ipv6Length else { throw .outOfRange }
    let total = PittacusWire.memberHeader &+ length
    guard bytes.count &- offset >= total else { throw .truncated }
    let start = offset &+ PittacusWire.memberHeader
    guard let endpoint = length == ipv4Length ? ipv4(bytes, at: start) : ipv6(bytes, at: start) else {
      throw .outOfRange
    }
    let member = PittacusMember(
      endpoint: endpoint, uid: bytes.big(UInt32.self, at: offset &+ 2),
      version: bytes.big(UInt16.self, at: offset))
    return (member, total)
  }

  private static func ipv4(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Endpoint? {
    let family = (bytes[start], bytes[start &+ 1])
    guard family == (2, 0) || family == (UInt8(ipv4Length), 2) else { return nil }
    return Endpoint(
      ipv4: bytes.big(UInt32.self, at: start &+ 4), port: bytes.big(UInt16.self, at: start &+ 2))
  }

  private static func ipv6(_ bytes: UnsafeRawBufferPointer, at start: Int) -> Endpoint? {
    let family = (bytes[start], bytes[start &+ 1])
    let isBSD = family.0 == UInt8(ipv6Length) && (family.1 == bsdIPv6.0 || family.1 == bsdIPv6.1)
    guard family == (linuxIPv6, 0) || isBSD else { return nil }
    var endpoint = Endpoint(
      high: bytes.big(UInt64.self, at: start &+ 8), low: bytes.big(UInt64.self, at: start &+ 16),
      scope: UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: start &+ 24, as: UInt32.self)),
      port: bytes.big(UInt16.self, at: start &+ 2))
    // A socket of one family cannot send to an address of the other, and a peer that is told of one stops at it
    // for ever: an IPv4 address in an IPv6 record is not passed on as either.
    if endpoint.ipv4 != nil { endpoint.port = 0 }
    return endpoint
  }

  /// Writes the record at `offset`, where `encodedLength` bytes are free.
  func write(_ bytes: UnsafeMutableRawBufferPointer, at offset: Int) {
    bytes.put(version, at: offset)
    bytes.put(uid, at: offset &+ 2)
    bytes.put(UInt32(truncatingIfNeeded: addressLength), at: offset &+ 6)
    let start = offset &+ PittacusWire.memberHeader
    bytes.put(endpoint.port, at: start &+ 2)
    if let ipv4 = endpoint.ipv4 {
      bytes.put(UInt16(0x0200), at: start)
      bytes.put(ipv4, at: start &+ 4)
      bytes.put(UInt64(0), at: start &+ 8)
    } else {
      bytes.put(UInt16(Self.linuxIPv6) << 8, at: start)
      bytes.put(UInt32(0), at: start &+ 4)
      bytes.put(endpoint.high, at: start &+ 8)
      bytes.put(endpoint.low, at: start &+ 16)
      bytes.put(endpoint.scope.byteSwapped, at: start &+ 24)
    }
  }
}

extension UnsafeRawBufferPointer {
  /// The big-endian integer at `offset`; the caller has checked that it is there.
  @inline(__always)
  func big<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type, at offset: Int) -> T {
    precondition(offset >= 0 && offset &+ MemoryLayout<T>.size <= count, "read past the datagram")
    return T(bigEndian: loadUnaligned(fromByteOffset: offset, as: T.self))
  }
}

extension UnsafeMutableRawBufferPointer {
  /// Writes a big-endian integer at `offset`, where the caller has checked that there is room.
  @inline(__always)
  func put<T: FixedWidthInteger & BitwiseCopyable>(_ value: T, at offset: Int) {
    precondition(offset >= 0 && offset &+ MemoryLayout<T>.size <= count, "written past the datagram")
    storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
  }
}
