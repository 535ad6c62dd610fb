// The envelope of every datagram.
//
//   open frame   'G'  checksum(4)             one handshake message
//   link frame   'g'  checksum(4)  number(2)  messages, until the datagram ends
//
// The checksum covers everything behind it. On an open frame its key follows from the cluster's name, so that
// clusters do not mix by accident; on a link frame its key was agreed in the handshake, per direction, so
// that whoever cannot receive at a member's address cannot speak for it. The number counts the frames of a
// link.

/// What a frame begins with, and the layout of its header.
enum Frame {
  /// The first byte of a frame that needs no link.
  static let open: UInt8 = 0x47
  /// The first byte of a frame on a link.
  static let link: UInt8 = 0x67
  /// The bytes before the message of an open frame.
  static let openHeader = 5
  /// The bytes before the messages of a link frame.
  static let linkHeader = 7
  /// The version of the protocol that a handshake announces.
  static let version: UInt8 = 1

  /// Starts a frame whose checksum `finish` will fill in.
  static func begin(_ form: UInt8, in writer: inout Writer) {
    writer.write(form)
    writer.write(UInt32(0))
  }

  /// Completes the frame with its checksum.
  static func finish(_ writer: inout Writer, key: UInt64) {
    writer.overwrite(at: 1, with: checksum(writer.written(from: openHeader), key: key))
  }

  /// Whether `datagram`, which must hold at least an open header, carries the checksum of `key`.
  static func isIntact(_ datagram: RawSpan, key: UInt64) -> Bool {
    datagram.withUnsafeBytes { bytes in
      let claimed = UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: 1, as: UInt32.self))
      return claimed == checksum(UnsafeRawBufferPointer(rebasing: bytes[openHeader...]), key: key)
    }
  }
}

/// The kinds of messages, by their first byte.
///
/// Handshake messages travel in open frames, all others in link frames. A byte with the high bit set is a
/// gossip message, and its other bits are flags: see `GossipHeader`.
enum MessageKind {
  static let hello: UInt8 = 0x01
  static let challenge: UInt8 = 0x02
  static let connect: UInt8 = 0x03
  static let accept: UInt8 = 0x04
  static let refuse: UInt8 = 0x05
  static let shuffleReply: UInt8 = 0x06

  static let acknowledge: UInt8 = 0x10
  static let digest: UInt8 = 0x11
  /// A digest whose sender wants to hear the receiver's state of the same streams.
  static let digestAsking: UInt8 = 0x12
  static let request: UInt8 = 0x13
  static let disconnect: UInt8 = 0x16
  /// Asks for an acknowledgement at once.
  static let probe: UInt8 = 0x17

  /// Plumtree: push no more on this link.
  static let prune: UInt8 = 0x18
  /// Plumtree: push on this link.
  static let graft: UInt8 = 0x19

  // Overlays; see `OverlayMessages.swift`.
  static let overlay: ClosedRange<UInt8> = 0x30...0x3f
  static let forwardJoin: UInt8 = 0x30
  static let shuffle: UInt8 = 0x31

  /// What the receiver of rumours needed of them.
  static let rumourFeedback: UInt8 = 0x20
  /// A question for rumours.
  static let rumourPull: UInt8 = 0x21

  static let gossip: UInt8 = 0x80
}
