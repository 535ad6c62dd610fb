// Large messages on the wire.
//
//   announcement   0 0x20 [tag and all that broadcasts of nodes begin with] flags(1) unit(1) length(4) checksum(8);
//                  with a topic or an order it is the body of a message that has these, see `OrderedMessage`
//   withdrawal     0 0x21 number(8)
//   head           origin(8) number(4) length(4) unit(1)
//   FRAGMENT       0x60 head index(4) bytes
//   PARITY         0x61 head block(4) row(1) bytes
//   WANT           0x62 head ranges(1) and so many times skip(v) length(v)
//   STOP           0x63 head
//   HAVE           0x64 head held(4) flags(1), see `TransferHave`
//
// The origin announces a message in a broadcast of the reliable level, whose number is the message's. Fragments have
// `unit` x 16 bytes, but the last one the rest; the number in a head is the lower 32 bits of the whole.

extension MessageKind {
  /// All that neighbours say about large messages.
  static let transfers: ClosedRange<UInt8> = 0x60...0x6f
  static let fragment: UInt8 = 0x60
  static let parity: UInt8 = 0x61
  /// A question for fragments.
  static let want: UInt8 = 0x62
  /// Bring no more of it on this link.
  static let stop: UInt8 = 0x63
  /// How much of it is here.
  static let have: UInt8 = 0x64
}

extension SystemMessage {
  /// All broadcasts that are about large messages.
  static let transfers: ClosedRange<UInt8> = 0x20...0x2f
  static let announcement: UInt8 = 0x20
  static let withdrawal: UInt8 = 0x21
}

/// Which message a fragment is of, and how that is cut.
struct TransferHead: BitwiseCopyable, Equatable {
  var origin: UInt64
  var number: UInt32
  var length: UInt32
  var unit: UInt8

  static let byteCount = 8 + 4 + 4 + 1
  /// Fragments are cut in steps of so many bytes.
  static let step = 16
  /// Units that are taken: 256 bytes at least, or the tables and the work for a message would be out of proportion.
  static let units: ClosedRange<UInt8> = 16...128

  init(origin: UInt64, number: UInt32, length: UInt32, unit: UInt8) {
    self.origin = origin
    self.number = number
    self.length = length
    self.unit = unit
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    origin = try cursor.read(UInt64.self)
    number = try cursor.read(UInt32.self)
    length = try cursor.read(UInt32.self)
    unit = try cursor.read(UInt8.self)
    guard length > 0, Self.units ~= unit else { throw .outOfRange }
  }

  func write(_ kind: UInt8, to writer: inout Writer) {
    writer.write(kind)
    writer.write(origin)
    writer.write(number)
    writer.write(length)
    writer.write(unit)
  }

  /// The bytes of every fragment but the last.
  @inline(__always) var size: Int { Int(unit) &* Self.step }
  /// The number of fragments.
  @inline(__always) var count: Int { (Int(length) &+ size &- 1) / size }

  /// The bytes of one fragment.
  @inline(__always)
  func size(of index: Int) -> Int { min(size, Int(length) &- index &* size) }

  /// The unit of fragments that fit into a datagram with an acknowledgement beside them, and that still fit where
  /// datagrams are sealed, which takes 30 bytes.
  static func unit(datagramLimit: Int) -> UInt8 {
    UInt8(max(16, min(128, (datagramLimit - Frame.linkHeader - 1 - byteCount - 4 - 5 - 30) / step)))
  }
}

/// What the origin says of a message when it begins.
struct Announcement {
  var origin: UInt64
  var sequence: UInt64
  var length: UInt32
  var unit: UInt8
  var isTagged: Bool
  var hops: UInt8
  var checksum: UInt64
  /// Whether the message is withdrawn; then nothing else counts but the number.
  var isWithdrawal = false
  /// What it has of the message around it; empty and unordered when it came alone.
  var topic: [UInt8] = []
  var order = MessageOrder.unordered
  /// Whether it waits for a place; not on the wire.
  var hasWaited = false
  /// Whether its place in the order was passed already, since its topic was not heard; not on the wire.
  var isPassedOver = false

  static let byteCount = SystemMessage.header + 1 + 1 + 4 + 8

  /// Whether it has neither a topic nor an order.
  var isPlain: Bool { topic.isEmpty && order == .unordered }

  var head: TransferHead {
    TransferHead(
      origin: origin, number: UInt32(truncatingIfNeeded: sequence), length: length, unit: unit)
  }

  init(head: TransferHead, isTagged: Bool, checksum: UInt64) {
    origin = head.origin
    sequence = 0
    length = head.length
    unit = head.unit
    self.isTagged = isTagged
    hops = 0
    self.checksum = checksum
  }

  /// Reads the payload of a broadcast; nil when it makes no sense.
  init?(_ payload: UnsafeRawBufferPointer, origin: UInt64, sequence: UInt64, hops: UInt8) {
    guard payload.count > SystemMessage.header else { return nil }
    self.origin = origin
    self.sequence = sequence
    self.hops = hops
    (length, unit, isTagged, checksum) = (0, 0, false, 0)
    switch payload[1] {
    case SystemMessage.announcement where payload.count >= Self.byteCount:
      isTagged = payload[2] & 1 != 0
      unit = payload[3]
      length = UInt32(bigEndian: payload.loadUnaligned(fromByteOffset: 4, as: UInt32.self))
      checksum = UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
      guard length > 0, TransferHead.units ~= unit else { return nil }
    case SystemMessage.withdrawal where payload.count >= SystemMessage.header + 8:
      self.sequence = UInt64(bigEndian: payload.loadUnaligned(fromByteOffset: 2, as: UInt64.self))
      isWithdrawal = true
    default: return nil
    }
  }

  /// Calls `body` with the payload of the broadcast.
  func withPayload<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    var bytes: [UInt8] = [0, isWithdrawal ? SystemMessage.withdrawal : SystemMessage.announcement]
    if isWithdrawal {
      append(sequence, 8, to: &bytes)
    } else {
      bytes += [isTagged ? 1 : 0, unit]
      append(UInt64(length), 4, to: &bytes)
      append(checksum, 8, to: &bytes)
    }
    return try bytes.withUnsafeBufferPointer { bytes throws(Failure) in
      try body(UnsafeRawBufferPointer(bytes))
    }
  }

  private func append(_ value: UInt64, _ count: Int, to bytes: inout [UInt8]) {
    for byte in 0..<count {
      bytes.append(UInt8(truncatingIfNeeded: value >> UInt64(8 * (count - 1 - byte))))
    }
  }
}
