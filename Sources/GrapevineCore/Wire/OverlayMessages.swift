// What overlays say on a link about members that are not at its ends.
//
//   FORWARDJOIN   ttl(1)  record                                   the ttl's high bit: at the end, NEIGHBOR is urgent
//   SHUFFLE       hops(1)  ttl(1)  nonce(8)  [record]  records
//   SHUFFLEREPLY  nonce(8)  sender(8)  records                      in an open frame, to the shuffle's origin
//
// A node need not know its own address: with 0 hops the shuffle's origin is the sender, and the record is not
// written; its first receiver writes where it sees it.

/// The limits of random walks.
enum Walk {
  /// More hops to live than this are nobody's configuration.
  static let hopsLimit: UInt8 = 16

  static func readHops(from cursor: inout Cursor) throws(DecodeError) -> UInt8 {
    let hops = try cursor.read(UInt8.self)
    guard hops <= hopsLimit else { throw .outOfRange }
    return hops
  }
}

/// FORWARDJOIN: somebody has joined, or fears to be cut off.
struct ForwardJoin: Equatable {
  var ttl: UInt8
  var newcomer: PeerRecord
  /// Whether the newcomer makes room for whoever the walk ends at.
  var isRescue: Bool

  private static let rescueBit: UInt8 = 0x80

  init(ttl: UInt8, newcomer: PeerRecord, isRescue: Bool = false) {
    self.ttl = ttl
    self.newcomer = newcomer
    self.isRescue = isRescue
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    let byte = try cursor.read(UInt8.self)
    ttl = byte & ~Self.rescueBit
    isRescue = byte & Self.rescueBit != 0
    guard ttl <= Walk.hopsLimit else { throw .outOfRange }
    newcomer = try PeerRecord(from: &cursor)
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.forwardJoin)
    writer.write(isRescue ? ttl | Self.rescueBit : ttl)
    newcomer.write(to: &writer)
  }
}

/// The head of SHUFFLE; a list of peer records follows.
struct Shuffle: Equatable {
  var hops: UInt8
  var ttl: UInt8
  var nonce: UInt64
  var origin: PeerRecord

  init(hops: UInt8, ttl: UInt8, nonce: UInt64, origin: PeerRecord) {
    self.hops = hops
    self.ttl = ttl
    self.nonce = nonce
    self.origin = origin
  }

  /// - Parameter sender: The other end of the link, which is the origin when hops is 0.
  init(sender: PeerRecord, from cursor: inout Cursor) throws(DecodeError) {
    hops = try Walk.readHops(from: &cursor)
    ttl = try Walk.readHops(from: &cursor)
    nonce = try cursor.read(UInt64.self)
    origin = hops == 0 ? sender : try PeerRecord(from: &cursor)
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.shuffle)
    writer.write(hops)
    writer.write(ttl)
    writer.write(nonce)
    if hops > 0 { origin.write(to: &writer) }
  }
}

/// The head of SHUFFLEREPLY; a list of peer records follows.
struct ShuffleReply: Equatable {
  var nonce: UInt64
  var sender: UInt64

  init(nonce: UInt64, sender: UInt64) {
    self.nonce = nonce
    self.sender = sender
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    nonce = try cursor.read(UInt64.self)
    sender = try cursor.read(UInt64.self)
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.shuffleReply)
    writer.write(nonce)
    writer.write(sender)
  }
}
