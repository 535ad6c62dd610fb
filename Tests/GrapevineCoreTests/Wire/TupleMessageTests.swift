import Testing

@testable import GrapevineCore

@Suite("Tuples on the wire")
struct TupleMessageTests {
  static let last = TupleClock.lastMillisecond

  private static func tuple(
    _ key: [UInt8], _ value: [UInt8], clock: UInt64, writer: UInt64 = 9, _ traits: TupleTraits = [],
    ttl: UInt64 = 0
  ) -> ModelTuple {
    var tuple = ModelTuple(key, value, clock: clock)
    (tuple.writer, tuple.traits) = (writer, traits)
    if traits.contains(.timed) { tuple.expiresAt = clock >> 16 + ttl }
    return tuple
  }

  static let records: [WireRecord] = [
    WireRecord(tuple([], [], clock: 0, writer: 1)),
    WireRecord(tuple([1], [2, 3], clock: .max, writer: .max)),
    WireRecord(tuple([UInt8](repeating: 7, count: 255), [UInt8](repeating: 8, count: 5_000), clock: 1 << 40)),
    WireRecord(tuple([5], [], clock: 77, .tombstone)),
    WireRecord(tuple([5], [6], clock: 5 << 16 | 3, .timed, ttl: 1)),
    WireRecord(tuple([5], [6], clock: 5 << 16, [.timed, .ephemeral], ttl: last - 5)),
    WireRecord(tuple([5], [6], clock: (last - 1) << 16, .timed, ttl: 1)),
    WireRecord(tuple([5], [6], clock: 5 << 16, .ephemeral)),
    WireRecord(apart: 1, length: 1, of: tuple([5], [], clock: 5 << 16)),
    WireRecord(apart: .max, length: 0xff_ffff, of: tuple([], [], clock: 5 << 16, .timed, ttl: 300)),
  ]

  static let samples: [WireMessage] = [
    .summary(flags: 0, count: 0, fingerprint: 0, sharedAt: 0),
    .summary(flags: 255, count: UInt64(UInt32.max), fingerprint: .max, sharedAt: .max),
    .symbolsWanted(session: .max, first: 0, count: 1 << 22),
    .symbols(session: 1, state: .max, versions: 0, first: 0, []),
    .symbols(
      session: 1, state: 2, versions: UInt64(UInt32.max), first: 1 << 22,
      [
        SketchSymbol(sum: .max, check: .max, count: .max), SketchSymbol(sum: 0, check: 0, count: .min),
        SketchSymbol(),
      ]),
    .tuplesWanted([]), .tuplesWanted((0..<255).map { $0 }), .records([]), .records(records), .streamWanted,
    .streamEnd, .partsWanted(1, first: 0xff_ffff, [.max, 0, 1, 1 << 63]), .part(1, 0xff_ffff, []),
    .part(.max, 0, [UInt8](repeating: 5, count: 256)),
  ].map { (message: TupleWire) in .tuple(message) }

  @Test("every message comes back as it was", arguments: samples)
  func roundTrip(message: WireMessage) throws {
    let back = try read(bytes(of: [message])) { cursor in
      (try WireMessage(from: &cursor, sender: 5), cursor.remaining)
    }
    #expect(back == (message, 0))
  }

  @Test("every message that is cut short is refused, at every length", arguments: samples)
  func cut(message: WireMessage) {
    let bytes = bytes(of: [message])
    for kept in 0..<min(bytes.count, 2_000) {
      #expect(throws: DecodeError.truncated) {
        try read(Array(bytes[..<kept])) { try WireMessage(from: &$0, sender: 5) }
      }
    }
  }

  @Test("a record in a broadcast leaves out the writer that is its origin", arguments: records)
  func origin(record: WireRecord) throws {
    for origin in [record.tuple.writer, 1_234] {
      let bytes = written { record.write(to: &$0, origin: origin) }
      let isOwn = origin == record.tuple.writer
      #expect((bytes[0] & 0x80 != 0) == isOwn)
      #expect(bytes.count == written { record.write(to: &$0) }.count - (isOwn ? 8 : 0))
      let back = try read(bytes) { try WireRecord(from: &$0, origin: origin) }
      #expect(back == record)
      // Between neighbours nobody is the origin.
      guard isOwn else { continue }
      #expect(throws: DecodeError.outOfRange) { try read(bytes) { try WireRecord(from: &$0) } }
    }
  }

  @Test("a record is no longer than was said, and what is said to nobody is not said", arguments: records)
  func length(record: WireRecord) {
    var tuple = record.tuple
    if record.apart != nil { tuple.value = [UInt8](repeating: 0, count: record.apartLength) }
    let length = tuple.withRecord { $0.length(isApart: record.apart != nil) }
    let bytes = written { record.write(to: &$0) }
    #expect(bytes.count <= length && bytes.count + 17 >= length)
    tuple.traits.formUnion([.renewed, .hidden])
    let again = written { writer in
      tuple.withRecord { $0.write(to: &writer, origin: 0, apart: record.apart) }
    }
    #expect(again == bytes)
  }

  @Test("traits that nobody has are refused", arguments: 0...255 as ClosedRange<UInt8>)
  func traits(flags: UInt8) {
    let traits = flags & 0x3f
    // Key, clock, writer, time to live, length of the value, value.
    var bytes = [flags, 1] + [UInt8](repeating: 1, count: 8)
    if flags & 0x80 == 0 { bytes += [UInt8](repeating: 1, count: 8) }
    if traits & 2 != 0 { bytes += [9] }
    if traits & 1 == 0 { bytes += [4] }
    bytes += [0x6b] + [UInt8](repeating: 1, count: 8)
    let isValid = traits == 1 ? flags & 0x40 == 0 : traits & 1 == 0 && traits <= 6
    let record = try? read(bytes) { try WireRecord(from: &$0, origin: 5) }
    #expect((record != nil) == isValid)
    #expect(record.map { $0.tuple.traits.rawValue } ?? traits == traits)
  }

  @Test("a writer of zero, and a value of no hash or no length that is fetched apart, are refused")
  func zeros() {
    let clock = [UInt8](repeating: 1, count: 8)
    let zero = [UInt8](repeating: 0, count: 8)
    let refused: [[UInt8]] = [
      [0, 0] + clock + zero + [0],  // no writer
      [0x80, 0] + clock + [0],  // no origin
      [0x40, 0] + clock + clock + [5] + zero,  // no hash
      [0x40, 0] + clock + clock + [0] + clock,  // no length
      [2, 0] + clock + clock + [0, 0],  // no time to live
      [0, 0] + clock + clock + [0x80, 0x80, 0x80, 0x08],  // 2^24 bytes
    ]
    for bytes in refused {
      #expect(throws: DecodeError.outOfRange) { try read(bytes) { try WireRecord(from: &$0) } }
    }
  }

  @Test("a time to live leads no further than time can be told")
  func timeToLive() {
    func record(_ milliseconds: UInt64, _ ttl: UInt64) -> [UInt8] {
      written { writer in
        writer.write(UInt8(2))
        writer.write(UInt8(0))
        writer.write(milliseconds << 16)
        writer.write(UInt64(9))
        writer.writeVariable(ttl)
        writer.writeVariable(0)
      }
    }
    for (milliseconds, ttl) in [(0, Self.last), (5, Self.last - 5), (Self.last - 1, 1)] {
      let back = try? read(record(milliseconds, ttl)) { try WireRecord(from: &$0) }
      #expect(back?.tuple.expiresAt == Self.last)
    }
    for (milliseconds, ttl) in [
      (0, Self.last + 1), (5, Self.last - 4), (Self.last - 1, 2), (Self.last, 1), (Self.last, 0), (5, .max),
    ] {
      #expect(throws: DecodeError.outOfRange) {
        try read(record(milliseconds, ttl)) { try WireRecord(from: &$0) }
      }
    }
  }

  @Test("a summary of more versions than there can be is refused")
  func summaryLimit() {
    let message = TupleWire.summary(flags: 0, count: 1 << 32, fingerprint: 1, sharedAt: 1)
    #expect(throws: DecodeError.outOfRange) {
      try read(bytes(of: [.tuple(message)])) { try WireMessage(from: &$0, sender: 5) }
    }
    let widest = TupleWire.summary(flags: 255, count: .max, fingerprint: .max, sharedAt: .max)
    #expect(bytes(of: [.tuple(widest)]).count <= TupleSummary.lengthLimit)
  }

  @Test("random bytes are a record or an error, and a record that is read is written as it was read")
  func random() {
    var generator = Generator(seed: 4)
    var records = 0
    for _ in 0..<20_000 {
      var bytes = (0..<generator.below(80)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      if !bytes.isEmpty { bytes[0] &= 0xc7 }
      if bytes.count > 1 { bytes[1] &= 7 }
      if bytes.count > 19, bytes[0] & 0x82 == 2 { bytes[18] &= 0x7f }
      guard
        let (record, rest) = try? read(bytes, { (try WireRecord(from: &$0, origin: 9), $0.remaining) })
      else { continue }
      records += 1
      let isOwn = bytes[0] & 0x80 != 0
      #expect(written { record.write(to: &$0, origin: isOwn ? 9 : 0) } == Array(bytes.dropLast(rest)))
    }
    #expect(records > 500)
  }
}
