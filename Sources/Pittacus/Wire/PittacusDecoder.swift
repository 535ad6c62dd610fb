// Reading a datagram. Total: whatever the bytes are, the answer is a message or an error.

import GrapevineCore

extension PittacusMessage {
  /// Reads one datagram, which must outlive the message.
  ///
  /// Bytes after the last field are ignored, as peers do, except in DATA, whose length must fit exactly; so are the
  /// two reserved bytes of the header.
  ///
  /// - Throws: `unknownKind` for what is not of this protocol; `truncated` for what ends too early; `outOfRange` for
  ///   more than 512 bytes, a STATUS of more than 20 records, an address that is neither IPv4 nor IPv6 or, in
  ///   HELLO and WELCOME, cannot be sent to, and DATA of another length than it says.
  @inlinable
  public init(decoding bytes: UnsafeRawBufferPointer) throws(DecodeError) {
    self = try Self.decode(bytes)
  }

  @usableFromInline
  static func decode(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) -> PittacusMessage {
    guard bytes.count >= PittacusWire.header else { throw .truncated }
    guard bytes.count <= PittacusWire.datagramLimit else { throw .outOfRange }
    let head = bytes.big(UInt64.self, at: 0) >> 16
    guard head & ~0xff == PittacusWire.magic,
      let kind = PittacusKind(rawValue: UInt8(truncatingIfNeeded: head))
    else { throw .unknownKind }
    let sequence = bytes.big(UInt32.self, at: 8)
    switch kind {
    case .data:
      guard bytes.count >= PittacusWire.dataHeader else { throw .truncated }
      guard Int(bytes.big(UInt16.self, at: 24)) == bytes.count &- PittacusWire.dataHeader else {
        throw .outOfRange
      }
      let version = PittacusVersion(
        number: bytes.big(UInt32.self, at: 12), id: PittacusID(bytes: bytes.big(UInt64.self, at: 16)))
      return .data(
        sequence: sequence, version,
        payload: UnsafeRawBufferPointer(rebasing: bytes[PittacusWire.dataHeader...]))
    case .acknowledgement: return .acknowledgement(sequence: sequence, of: try number(bytes))
    case .status: return .status(sequence: sequence, try clock(bytes))
    case .memberList:
      let (rest, count) = try list(bytes)
      return .memberList(sequence: sequence, try PittacusMembers(rest, count: count))
    case .hello: return .hello(sequence: sequence, try sender(bytes, at: PittacusWire.header))
    case .welcome:
      let answers = try number(bytes)
      return .welcome(
        sequence: sequence, answers: answers, try sender(bytes, at: PittacusWire.header &+ 4))
    }
  }

  private static func number(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) -> UInt32 {
    guard bytes.count >= PittacusWire.header &+ 4 else { throw .truncated }
    return bytes.big(UInt32.self, at: PittacusWire.header)
  }

  /// The member that says of itself that it can be reached.
  private static func sender(
    _ bytes: UnsafeRawBufferPointer, at offset: Int
  ) throws(DecodeError) -> PittacusMember {
    let member = try PittacusMember.read(bytes, at: offset).member
    guard member.endpoint.isUsable else { throw .outOfRange }
    return member
  }

  /// A number of records and the bytes behind it.
  private static func list(
    _ bytes: UnsafeRawBufferPointer
  ) throws(DecodeError) -> (rest: UnsafeRawBufferPointer, count: Int) {
    let start = PittacusWire.header &+ 2
    guard bytes.count >= start else { throw .truncated }
    return (
      UnsafeRawBufferPointer(rebasing: bytes[start...]),
      Int(bytes.big(UInt16.self, at: PittacusWire.header))
    )
  }

  private static func clock(_ bytes: UnsafeRawBufferPointer) throws(DecodeError) -> PittacusClock {
    let (rest, count) = try list(bytes)
    guard count <= PittacusWire.statusLimit else { throw .outOfRange }
    let length = count &* PittacusWire.clockRecord
    guard rest.count >= length else { throw .truncated }
    return PittacusClock(bytes: UnsafeRawBufferPointer(rebasing: rest[0..<length]))
  }
}
