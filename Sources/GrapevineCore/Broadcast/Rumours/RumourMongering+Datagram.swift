// Whole datagrams of rumours, for members that do nothing else: experiments on the engine alone.

extension RumourMongering {
  /// Writes what is to be said to a partner: verdicts, the question, and rumours as far as they fit.
  ///
  /// - Parameters:
  ///   - buffer: Where to write; not empty.
  ///   - payload: The payload of a rumour, or nil when it is not kept any more.
  /// - Returns: The bytes written; 0 when nothing is to be said or fits.
  package mutating func write(
    for partner: Int, into buffer: UnsafeMutableRawBufferPointer,
    payload: (_ origin: UInt64, _ sequence: UInt64) -> UnsafeRawBufferPointer?
  ) -> Int {
    var writer = Writer(buffer)
    writeFeedback(for: partner, to: &writer)
    writePull(for: partner, to: &writer)
    while let rumour = nextOwed(to: partner) {
      guard let bytes = payload(rumour.origin, rumour.sequence) else {
        cannotSend(rumour, to: partner)
        continue
      }
      guard writer.remaining >= GossipHeader.lengthLimit + 3 + bytes.count else { break }
      GossipHeader(
        origin: rumour.origin, level: .reliable, isTagged: false, hops: rumour.hops, first: rumour.sequence,
        count: 1
      ).write(to: &writer)
      writer.writeVariable(UInt64(bytes.count))
      writer.write(bytes)
      didSend(rumour, to: partner)
    }
    return writer.count
  }

  /// Takes a datagram that a partner wrote.
  ///
  /// - Parameters:
  ///   - sender: The partner, which is the origin of a rumour of age 0.
  ///   - takeIfNew: Takes a message; returns whether it had never come before.
  /// - Throws: `DecodeError` where it cannot be read on; what stood before that was taken.
  package mutating func read(
    _ datagram: RawSpan, from partner: Int, sender: UInt64,
    takeIfNew: (_ origin: UInt64, _ sequence: UInt64, _ payload: UnsafeRawBufferPointer) -> Bool
  ) throws(DecodeError) {
    var cursor = Cursor(datagram)
    while cursor.remaining > 0 {
      let kind = try cursor.read(UInt8.self)
      switch kind {
      case MessageKind.rumourFeedback: try onFeedback(from: partner, &cursor)
      case MessageKind.rumourPull: try onPull(from: partner, &cursor)
      case MessageKind.gossip...:
        let header = try GossipHeader(kind: kind, sender: sender, from: &cursor)
        for step in 0..<header.count {
          let sequence = header.first &+ step
          let payload = try cursor.readBytes(try cursor.readVariable())
          let isNew = takeIfNew(header.origin, sequence, payload)
          heard(
            origin: header.origin, sequence: sequence, hops: header.hops, isNew: isNew, from: partner)
        }
      default: throw .unknownKind
      }
    }
  }
}
