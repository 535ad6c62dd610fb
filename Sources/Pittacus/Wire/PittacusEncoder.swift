// Writing a datagram.

import GrapevineCore

/// Writes messages to the start of a buffer of at least `PittacusWire.datagramLimit` bytes and says how long they are.
///
/// What it is given is ours, not a peer's: more than a message may hold stops the program.
public enum PittacusEncoder {
  /// Writes HELLO; 38 bytes with an IPv4 address, 50 with an IPv6 one.
  public static func hello(
    _ sequence: UInt32, _ member: PittacusMember, into bytes: UnsafeMutableRawBufferPointer
  ) -> Int {
    header(.hello, sequence, into: bytes)
    member.write(bytes, at: PittacusWire.header)
    return PittacusWire.header &+ member.encodedLength
  }

  /// Writes WELCOME in answer to the HELLO that had the sequence number `answers`.
  public static func welcome(
    _ sequence: UInt32, answers: UInt32, _ member: PittacusMember,
    into bytes: UnsafeMutableRawBufferPointer
  ) -> Int {
    header(.welcome, sequence, into: bytes)
    bytes.put(answers, at: PittacusWire.header)
    member.write(bytes, at: PittacusWire.header &+ 4)
    return PittacusWire.header &+ 4 &+ member.encodedLength
  }

  /// Writes ACK; 16 bytes.
  public static func acknowledgement(
    _ sequence: UInt32, of answered: UInt32, into bytes: UnsafeMutableRawBufferPointer
  ) -> Int {
    header(.acknowledgement, sequence, into: bytes)
    bytes.put(answered, at: PittacusWire.header)
    return PittacusWire.header &+ 4
  }

  /// Writes DATA; `payload` has at most 486 bytes.
  @inlinable
  public static func data(
    _ sequence: UInt32, _ version: PittacusVersion, payload: UnsafeRawBufferPointer,
    into bytes: UnsafeMutableRawBufferPointer
  ) -> Int {
    writeData(sequence, version, payload, bytes)
  }

  @usableFromInline
  static func writeData(
    _ sequence: UInt32, _ version: PittacusVersion, _ payload: UnsafeRawBufferPointer,
    _ bytes: UnsafeMutableRawBufferPointer
  ) -> Int {
    let length = PittacusWire.dataHeader &+ payload.count
    precondition(length <= bytes.count && length <= PittacusWire.datagramLimit, "the payload is too long")
    header(.data, sequence, into: bytes)
    bytes.put(version.number, at: 12)
    bytes.put(version.id.bytes, at: 16)
    bytes.put(UInt16(truncatingIfNeeded: payload.count), at: 24)
    if let source = payload.baseAddress, let target = bytes.baseAddress {
      (target + PittacusWire.dataHeader).copyMemory(from: source, byteCount: payload.count)
    }
    return length
  }

  /// Writes what every message begins with.
  @inline(__always)
  private static func header(
    _ kind: PittacusKind, _ sequence: UInt32, into bytes: UnsafeMutableRawBufferPointer
  ) {
    bytes.put((PittacusWire.magic | UInt64(kind.rawValue)) << 16, at: 0)
    bytes.put(sequence, at: 8)
  }

  /// A STATUS or a MEMBER_LIST under way: a header and a number of records.
  public struct List {
    private let bytes: UnsafeMutableRawBufferPointer
    private let limit: Int
    /// Records so far.
    public private(set) var count = 0
    /// Bytes so far.
    public private(set) var length: Int

    /// Begins a STATUS without records.
    public static func status(_ sequence: UInt32, into bytes: UnsafeMutableRawBufferPointer) -> List {
      List(.status, sequence, limit: PittacusWire.statusLimit, bytes)
    }

    /// Begins a MEMBER_LIST without records.
    ///
    /// - Parameter limit: Records it takes: peers of the original send 3 at most.
    public static func members(
      _ sequence: UInt32, limit: Int = PittacusWire.memberListLimit,
      into bytes: UnsafeMutableRawBufferPointer
    ) -> List {
      List(.memberList, sequence, limit: limit, bytes)
    }

    private init(
      _ kind: PittacusKind, _ sequence: UInt32, limit: Int, _ bytes: UnsafeMutableRawBufferPointer
    ) {
      self.bytes = bytes
      self.limit = limit
      length = PittacusWire.header &+ 2
      header(kind, sequence, into: bytes)
      bytes.put(UInt16(0), at: PittacusWire.header)
    }

    /// Whether one more record of any kind fits.
    public var hasRoom: Bool { count < limit }

    /// Appends a record of a STATUS.
    public mutating func append(_ version: PittacusVersion) {
      precondition(hasRoom, "too many records")
      bytes.put(version.number, at: length)
      bytes.put(version.id.bytes, at: length &+ 4)
      length &+= PittacusWire.clockRecord
      finishRecord()
    }

    /// Appends a record of a MEMBER_LIST.
    public mutating func append(_ member: PittacusMember) {
      precondition(hasRoom, "too many records")
      member.write(bytes, at: length)
      length &+= member.encodedLength
      finishRecord()
    }

    private mutating func finishRecord() {
      count &+= 1
      bytes.put(UInt16(truncatingIfNeeded: count), at: PittacusWire.header)
    }
  }
}
