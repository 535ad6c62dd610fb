// The head of a run of messages that members spread.
//
//   kind(1)  [origin(8)]  first sequence(v)  [count(v)]  then per message: length(v) payload
//
//   kind   1 b t r hhhh   b: best effort   t: tagged payload   r: a run, count follows   h: hops so far
//
// With 0 hops the sender is the origin, which then is not written. v is a variable-length integer.

/// What stands before the payloads of a run.
struct GossipHeader: Equatable {
  var origin: UInt64
  var level: DeliveryLevel
  var isTagged: Bool
  var hops: UInt8
  var first: UInt64
  var count: UInt64

  /// The greatest number of hops that can be written.
  static let hopsLimit: UInt8 = 15
  /// More messages than this are not read from one run: a datagram of 64 KiB holds no more.
  static let countLimit: UInt64 = 65_536
  /// The greatest number of bytes a header takes.
  static let lengthLimit = 1 + 8 + 10 + 3

  /// Reads the header that follows `kind`.
  ///
  /// - Parameter sender: The member at the other end of the link, which is the origin when hops is 0.
  @inline(__always)
  init(kind: UInt8, sender: UInt64, from cursor: inout Cursor) throws(DecodeError) {
    level = kind & 0x40 == 0 ? .reliable : .bestEffort
    isTagged = kind & 0x20 != 0
    hops = kind & 0x0f
    origin = hops == 0 ? sender : try cursor.read(UInt64.self)
    guard origin != 0 else { throw .outOfRange }
    first = try cursor.readVariable(in: 1...UInt64.max / 2)
    count = kind & 0x10 == 0 ? 1 : try cursor.readVariable(in: 1...Self.countLimit)
    guard first &+ count &- 1 <= UInt64.max / 2 else { throw .outOfRange }
  }

  init(origin: UInt64, level: DeliveryLevel, isTagged: Bool, hops: UInt8, first: UInt64, count: UInt64) {
    self.origin = origin
    self.level = level
    self.isTagged = isTagged
    self.hops = hops
    self.first = first
    self.count = count
  }

  /// Writes the header; the count only when it is more than 1.
  func write(to writer: inout Writer) {
    var kind = MessageKind.gossip | (hops & 0x0f)
    if level == .bestEffort { kind |= 0x40 }
    if isTagged { kind |= 0x20 }
    if count > 1 { kind |= 0x10 }
    writer.write(kind)
    if hops > 0 { writer.write(origin) }
    writer.writeVariable(first)
    if count > 1 { writer.writeVariable(count) }
  }
}
