// Tuples on the wire.
//
//   record    traits(1)  key length(1)  clock(8)  [writer(8)]  [time to live(v)]  [value length(v)]
//             key  value, or the hash of the version(8) where the value is fetched apart
//   traits    bits 0 to 2: `TupleTraits.shared`; 0x40: the value is fetched apart; 0x80: no writer, it is who sent
//             the broadcast. A tombstone has no value, and only timed tuples have a time to live, in milliseconds
//             after the clock's.
//
// A record travels as a broadcast (a message of the reliable level, marked as tagged, that begins with an empty tag
// and the number of its kind) and between neighbours, any number behind each other.
//
//   news      kind(1)  peers(1)  so many ids of replicas(8)  records(1)  so many records
//
// News travel between replicas only (`TupleReplica`). The peers are those with which the sender has a link too and
// which hear of the same records from it, or have them: whoever gets the news need not pass them on to these.

extension MessageKind {
  /// All that neighbours say about tuples.
  static let tuples: ClosedRange<UInt8> = 0x50...0x5f
  /// How many tuples there are, and their fingerprint.
  static let summary: UInt8 = 0x50
  /// A question for coded symbols.
  static let symbolsWanted: UInt8 = 0x51
  static let symbols: UInt8 = 0x52
  /// A question for tuples by the hashes of their versions.
  static let tuplesWanted: UInt8 = 0x53
  static let tupleRecords: UInt8 = 0x54
  /// A question for all tuples.
  static let streamWanted: UInt8 = 0x55
  static let streamEnd: UInt8 = 0x56
  /// A question for parts of a long value.
  static let partsWanted: UInt8 = 0x57
  static let part: UInt8 = 0x58
  /// Records on links of replicas, and who gets them too.
  static let news: UInt8 = 0x59
}

/// What a broadcast that begins with an empty tag is about.
enum SystemMessage {
  /// A tuple.
  static let tuple: UInt8 = 1
  /// The tombstones that a member holds.
  static let mark: UInt8 = 2
  /// The bytes of the empty tag and the kind.
  static let header = 2
}

/// The state of a member's map.
struct TupleSummary {
  /// The sender wants to hear the receiver's state.
  static let asks: UInt8 = 1
  /// The sender is taking a whole map from somebody else.
  static let isBusy: UInt8 = 2

  var flags: UInt8
  var count: UInt64
  var fingerprint: UInt64
  var sharedAt: TupleClock
  var sharedSince: TupleClock

  /// The bytes of a summary, its kind among them.
  static let lengthLimit = 1 + 1 + 10 + 8 + 8 + 8

  init(flags: UInt8, count: UInt64, fingerprint: UInt64, sharedAt: TupleClock, sharedSince: TupleClock) {
    self.flags = flags
    self.count = count
    self.fingerprint = fingerprint
    self.sharedAt = sharedAt
    self.sharedSince = sharedSince
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    flags = try cursor.read(UInt8.self)
    count = try cursor.readVariable(in: 0...UInt64(UInt32.max))
    fingerprint = try cursor.read(UInt64.self)
    sharedAt = TupleClock(bits: try cursor.read(UInt64.self))
    sharedSince = TupleClock(bits: try cursor.read(UInt64.self))
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.summary)
    writer.write(flags)
    writer.writeVariable(count)
    writer.write(fingerprint)
    writer.write(sharedAt.bits)
    writer.write(sharedSince.bits)
  }
}

/// What stands before the records of news.
enum TupleNewsHeader {
  /// Peers named are fewer than this.
  static let peerLimit = 64
  /// Its bytes with as many peers as can be.
  static let lengthLimit = 1 + 1 + 8 * (peerLimit - 1) + 1
}

extension TupleRecord {
  private static var isApart: UInt8 { 0x40 }
  private static var isOwn: UInt8 { 0x80 }
  /// The bytes of a record besides key and value, at most.
  static let overhead = 1 + 1 + 8 + 8 + 8 + 4
  /// What stands in the place of a value that is fetched apart.
  static let apartLength = 8

  /// The bytes that `write` takes.
  func length(isApart: Bool) -> Int { Self.overhead + key.count + (isApart ? Self.apartLength : value.count) }

  /// Writes the record.
  ///
  /// - Parameters:
  ///   - origin: Whoever sends the broadcast; 0 when this is none.
  ///   - apart: The hash of the version when the value is to be fetched apart.
  func write(to writer: inout Writer, origin: UInt64, apart: UInt64?) {
    var flags = traits.intersection(.shared).rawValue
    if apart != nil { flags |= Self.isApart }
    if isWritten(by: origin) { flags |= Self.isOwn }
    writer.write(flags)
    writer.write(UInt8(truncatingIfNeeded: key.count))
    writer.write(clock.bits)
    if !isWritten(by: origin) { writer.write(self.writer) }
    if traits.contains(.timed) { writer.writeVariable(expiresAt &- min(expiresAt, clock.milliseconds)) }
    if !traits.contains(.tombstone) { writer.writeVariable(UInt64(value.count)) }
    writer.write(key)
    if let apart { writer.write(apart) } else { writer.write(value) }
  }

  private func isWritten(by origin: UInt64) -> Bool { writer == origin }

  /// Reads a record.
  ///
  /// - Parameter origin: Whoever sent the broadcast; 0 when this is none.
  /// - Returns: The record, its bytes those of the datagram; and, when its value is to be fetched apart, the hash of
  ///   the version and the length of the value.
  static func read(
    from cursor: inout Cursor, origin: UInt64
  ) throws(DecodeError) -> (record: TupleRecord, apart: (hash: UInt64, length: Int)?) {
    let flags = try cursor.read(UInt8.self)
    let traits = TupleTraits(rawValue: flags & ~(isApart | isOwn))
    guard traits.isSubset(of: .shared) else { throw .outOfRange }
    let isTombstone = traits.contains(.tombstone)
    guard !isTombstone || traits == .tombstone && flags & isApart == 0 else { throw .outOfRange }
    let keyLength = UInt64(try cursor.read(UInt8.self))
    let clock = TupleClock(bits: try cursor.read(UInt64.self))
    let writer = flags & isOwn != 0 ? origin : try cursor.read(UInt64.self)
    guard writer != 0 else { throw .outOfRange }
    var record = TupleRecord(
      key: UnsafeRawBufferPointer(start: nil, count: 0), value: UnsafeRawBufferPointer(start: nil, count: 0),
      clock: clock, writer: writer, traits: traits)
    if traits.contains(.timed) {
      let room = TupleClock.lastMillisecond &- clock.milliseconds
      guard room > 0 else { throw .outOfRange }
      record.expiresAt = clock.milliseconds &+ (try cursor.readVariable(in: 1...room))
    }
    let length = isTombstone ? 0 : try cursor.readVariable(in: 0...0xff_ffff)
    record.key = try cursor.readBytes(keyLength)
    guard flags & isApart != 0 else {
      record.value = try cursor.readBytes(length)
      return (record, nil)
    }
    let hash = try cursor.read(UInt64.self)
    guard hash != 0, length > 0 else { throw .outOfRange }
    return (record, (hash, Int(truncatingIfNeeded: length)))
  }
}
