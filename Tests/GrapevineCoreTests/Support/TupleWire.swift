// What neighbours say about tuples, as values.

@testable import GrapevineCore

/// A record as it travels.
struct WireRecord: Equatable {
  /// Without its value when that is fetched apart.
  var tuple: ModelTuple
  /// The hash of the version when the value is fetched apart.
  var apart: UInt64?
  /// The length of such a value.
  var apartLength = 0

  init(_ tuple: ModelTuple) { self.tuple = tuple }

  init(apart hash: UInt64, length: Int, of tuple: ModelTuple) {
    (self.tuple, apart, apartLength) = (tuple, hash, length)
    self.tuple.value = []
  }

  init(from cursor: inout Cursor, origin: UInt64 = 0) throws(DecodeError) {
    let (record, apart) = try TupleRecord.read(from: &cursor, origin: origin)
    tuple = ModelTuple(record)
    if let apart { (self.apart, apartLength) = apart }
  }

  func write(to writer: inout Writer, origin: UInt64 = 0) {
    var whole = tuple
    // Only the length of a value that is fetched apart is written.
    if apart != nil { whole.value = [UInt8](repeating: 0, count: apartLength) }
    whole.withRecord { $0.write(to: &writer, origin: origin, apart: apart) }
  }

  /// As a broadcast, with the empty tag and the kind.
  func broadcast(origin: UInt64) -> [UInt8] {
    [0, SystemMessage.tuple] + written { write(to: &$0, origin: origin) }
  }
}

/// One message about tuples.
enum TupleWire: Equatable {
  case summary(flags: UInt8, count: UInt64, fingerprint: UInt64, sharedAt: UInt64)
  case symbolsWanted(session: UInt32, first: UInt64, count: UInt64)
  case symbols(session: UInt32, state: UInt32, versions: UInt64, first: UInt64, [SketchSymbol])
  case tuplesWanted([UInt64])
  case records([WireRecord])
  case streamWanted
  case streamEnd
  case partsWanted(UInt64, first: UInt64, [UInt64])
  case part(UInt64, UInt64, [UInt8])

  func write(to writer: inout Writer) {
    switch self {
    case .summary(let flags, let count, let fingerprint, let sharedAt):
      TupleSummary(
        flags: flags, count: count, fingerprint: fingerprint, sharedAt: TupleClock(bits: sharedAt),
        sharedSince: TupleClock(bits: sharedAt)
      ).write(to: &writer)
    case .symbolsWanted(let session, let first, let count):
      writer.write(MessageKind.symbolsWanted)
      writer.write(session)
      writer.writeVariable(first)
      writer.writeVariable(count)
    case .symbols(let session, let state, let versions, let first, let symbols):
      writer.write(MessageKind.symbols)
      writer.write(session)
      writer.write(state)
      writer.writeVariable(versions)
      writer.writeVariable(first)
      writer.write(UInt8(symbols.count))
      let coding = SketchCoding(items: versions)
      for (offset, symbol) in symbols.enumerated() {
        coding.write(symbol, at: Int(truncatingIfNeeded: first) &+ offset, to: &writer)
      }
    case .tuplesWanted(let hashes):
      writer.write(MessageKind.tuplesWanted)
      writer.write(UInt8(hashes.count))
      for hash in hashes { writer.write(hash) }
    case .records(let records):
      writer.write(MessageKind.tupleRecords)
      writer.write(UInt8(records.count))
      for record in records { record.write(to: &writer) }
    case .streamWanted: writer.write(MessageKind.streamWanted)
    case .streamEnd: writer.write(MessageKind.streamEnd)
    case .partsWanted(let hash, let first, let mask):
      writer.write(MessageKind.partsWanted)
      writer.write(hash)
      writer.writeVariable(first)
      for word in mask { writer.write(word) }
    case .part(let hash, let part, let bytes):
      writer.write(MessageKind.part)
      writer.write(hash)
      writer.writeVariable(part)
      writer.writeVariable(UInt64(bytes.count))
      bytes.withUnsafeBytes { writer.write($0) }
    }
  }

  init(_ kind: UInt8, from cursor: inout Cursor) throws(DecodeError) {
    switch kind {
    case MessageKind.summary:
      let summary = try TupleSummary(from: &cursor)
      self = .summary(
        flags: summary.flags, count: summary.count, fingerprint: summary.fingerprint,
        sharedAt: summary.sharedAt.bits)
    case MessageKind.symbolsWanted:
      self = .symbolsWanted(
        session: try cursor.read(UInt32.self), first: try cursor.readVariable(),
        count: try cursor.readVariable())
    case MessageKind.symbols: self = try Self.symbols(from: &cursor)
    case MessageKind.tuplesWanted:
      var hashes: [UInt64] = []
      for _ in 0..<(try cursor.read(UInt8.self)) { hashes.append(try cursor.read(UInt64.self)) }
      self = .tuplesWanted(hashes)
    case MessageKind.tupleRecords:
      var records: [WireRecord] = []
      for _ in 0..<(try cursor.read(UInt8.self)) { records.append(try WireRecord(from: &cursor)) }
      self = .records(records)
    case MessageKind.streamWanted: self = .streamWanted
    case MessageKind.streamEnd: self = .streamEnd
    case MessageKind.partsWanted:
      let (hash, first) = (try cursor.read(UInt64.self), try cursor.readVariable())
      var mask: [UInt64] = []
      for _ in 0..<4 { mask.append(try cursor.read(UInt64.self)) }
      self = .partsWanted(hash, first: first, mask)
    case MessageKind.part:
      let (hash, part) = (try cursor.read(UInt64.self), try cursor.readVariable())
      self = .part(hash, part, Array(try cursor.readBytes(try cursor.readVariable())))
    default: throw .unknownKind
    }
  }

  private static func symbols(from cursor: inout Cursor) throws(DecodeError) -> TupleWire {
    let (session, state) = (try cursor.read(UInt32.self), try cursor.read(UInt32.self))
    let (versions, first) = (try cursor.readVariable(), try cursor.readVariable())
    var symbols: [SketchSymbol] = []
    for offset in 0..<Int(try cursor.read(UInt8.self)) {
      let index = Int(truncatingIfNeeded: first) &+ offset
      symbols.append(try SketchCoding(items: versions).read(at: index, from: &cursor))
    }
    return .symbols(session: session, state: state, versions: versions, first: first, symbols)
  }
}

extension Intruder {
  mutating func send(_ messages: TupleWire..., in world: World) {
    send(GrapevineCoreTests.bytes(of: messages.map { .tuple($0) }), in: world)
  }

  /// What the victim said about tuples since the wire held `mark` datagrams.
  func heard(since mark: Int = 0, in world: World) -> [TupleWire] {
    world.sent[mark...].filter { $0.destination == endpoint && $0.handshake == nil }
      .flatMap { messages(in: $0.bytes, sender: victim.id.value) ?? [] }
      .compactMap { if case .tuple(let message) = $0 { message } else { nil } }
  }
}
