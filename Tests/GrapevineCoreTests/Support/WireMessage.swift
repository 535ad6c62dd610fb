// Messages as values, so that tests can say what they expect on the wire and forge what no node would send.

@testable import GrapevineCore

/// One message of a frame, with everything in it.
enum WireMessage: Equatable {
  case hello(Hello)
  case challenge(Challenge)
  case connect(Connect)
  case accept(Answer, [PeerRecord])
  case refuse(Answer, [PeerRecord])
  case acknowledge(highest: UInt16, count: UInt16)
  case digest(asking: Bool, [StreamState])
  case request(origin: UInt64, floor: UInt64, [SequenceRange])
  case probe
  case prune
  case graft
  case forwardJoin(ForwardJoin)
  case shuffle(Shuffle, [PeerRecord])
  case shuffleReply(ShuffleReply, [PeerRecord])
  case disconnect([PeerRecord])
  case gossip(GossipHeader, [[UInt8]])
  case rumourFeedback([RumourVerdict])
  case rumourPull([RumourRun])
  case scamp(UInt16, ScampMessage)
  case replace(Replace)
  case taken(UInt16)
  case ping(UInt32)
  case pingRequest(UInt32, id: UInt64)
  case pingAnswer(UInt32)
  case pingInVain(UInt32)
  case alive(AliveRecord)
  case verdict(Verdict)
  case claim(UInt64)
  case claimed(Claimed)
  case compare(bits: UInt8, first: UInt64, [UInt32])
  case contents
  case compared(bits: UInt8, next: UInt64, members: UInt64)
  case tuple(TupleWire)

  /// A stream's entry in a digest.
  struct StreamState: Equatable {
    var entry: DigestEntry
    var ranges: [SequenceRange]

    init(
      _ origin: UInt64, floor: UInt64, available: UInt64 = 0, hops: UInt8 = 15, ranges: [SequenceRange] = []
    ) {
      entry = DigestEntry(
        origin: origin, floor: floor, available: available, hops: hops, ranges: UInt64(ranges.count))
      self.ranges = ranges
    }
  }
}

extension WireMessage {
  /// A message of the sender's own.
  static func own(_ origin: UInt64, _ sequence: UInt64, _ text: String) -> WireMessage {
    forwarded(origin, sequence, text, hops: 0)
  }

  /// A message that went `hops` hops before.
  static func forwarded(_ origin: UInt64, _ sequence: UInt64, _ text: String, hops: UInt8) -> WireMessage {
    let header = GossipHeader(
      origin: origin, level: .reliable, isTagged: false, hops: hops, first: sequence, count: 1)
    return .gossip(header, [Array(text.utf8)])
  }

  /// A shuffle that ends at its first receiver, who remembers whom it names.
  static func sample(_ records: [PeerRecord], from origin: UInt64 = Packet.senderMark) -> WireMessage {
    .shuffle(
      Shuffle(hops: 0, ttl: 0, nonce: 1, origin: PeerRecord(id: origin, endpoint: .zero)), records)
  }

  func write(to writer: inout Writer) {
    switch self {
    case .hello(let hello): hello.write(to: &writer)
    case .challenge(let challenge): challenge.write(to: &writer)
    case .connect(let connect): connect.write(to: &writer)
    case .accept(let answer, let records):
      answer.write(MessageKind.accept, to: &writer)
      Self.write(records, to: &writer)
    case .refuse(let answer, let records):
      answer.write(MessageKind.refuse, to: &writer)
      Self.write(records, to: &writer)
    case .acknowledge(let highest, let count):
      writer.write(MessageKind.acknowledge)
      writer.write(highest)
      writer.write(count)
    case .digest(let asking, let states):
      writer.write(asking ? MessageKind.digestAsking : MessageKind.digest)
      writer.write(UInt8(states.count))
      for state in states {
        state.entry.write(to: &writer)
        var position = state.entry.floor
        for range in state.ranges { range.write(after: &position, to: &writer) }
      }
    case .request(let origin, let floor, let ranges):
      writer.write(MessageKind.request)
      writer.write(origin)
      writer.writeVariable(floor)
      writer.write(UInt8(ranges.count))
      var position = floor
      for range in ranges { range.write(after: &position, to: &writer) }
    case .probe: writer.write(MessageKind.probe)
    case .prune: writer.write(MessageKind.prune)
    case .graft: writer.write(MessageKind.graft)
    case .forwardJoin(let walk): walk.write(to: &writer)
    case .shuffle(let shuffle, let records):
      shuffle.write(to: &writer)
      Self.write(records, to: &writer)
    case .shuffleReply(let reply, let records):
      reply.write(to: &writer)
      Self.write(records, to: &writer)
    case .disconnect(let records):
      writer.write(MessageKind.disconnect)
      Self.write(records, to: &writer)
    case .rumourFeedback(let verdicts):
      writer.write(MessageKind.rumourFeedback)
      writer.write(UInt8(verdicts.count))
      for verdict in verdicts { verdict.write(to: &writer) }
    case .rumourPull(let runs):
      writer.write(MessageKind.rumourPull)
      writer.write(UInt8(runs.count))
      for run in runs { run.write(to: &writer) }
    case .gossip(let header, let payloads):
      header.write(to: &writer)
      for payload in payloads {
        writer.writeVariable(UInt64(payload.count))
        payload.withUnsafeBytes { writer.write($0) }
      }
    case .scamp(let number, let message): message.write(number: number, to: &writer)
    case .replace(let replace): replace.write(to: &writer)
    case .taken(let number):
      writer.write(MessageKind.taken)
      writer.write(number)
    case .tuple(let message): message.write(to: &writer)
    case .ping, .pingRequest, .pingAnswer, .pingInVain, .alive, .verdict, .claim, .claimed, .compare,
      .contents, .compared:
      writeMembership(to: &writer)
    }
  }

  private static func write(_ records: [PeerRecord], to writer: inout Writer) {
    writer.write(UInt8(records.count))
    for record in records { record.write(to: &writer) }
  }
}

extension WireMessage {
  /// Reads one message; `sender` is the member at the other end of the link.
  init(from cursor: inout Cursor, sender: UInt64) throws(DecodeError) {
    let kind = try cursor.read(UInt8.self)
    switch kind {
    case MessageKind.hello: self = .hello(try Hello(from: &cursor))
    case MessageKind.challenge: self = .challenge(try Challenge(from: &cursor))
    case MessageKind.connect: self = .connect(try Connect(from: &cursor))
    case MessageKind.accept: self = .accept(try Answer(from: &cursor), try Self.records(from: &cursor))
    case MessageKind.refuse: self = .refuse(try Answer(from: &cursor), try Self.records(from: &cursor))
    case MessageKind.acknowledge:
      self = .acknowledge(highest: try cursor.read(UInt16.self), count: try cursor.read(UInt16.self))
    case MessageKind.digest, MessageKind.digestAsking:
      self = .digest(asking: kind == MessageKind.digestAsking, try Self.states(from: &cursor))
    case MessageKind.request:
      let origin = try cursor.read(UInt64.self)
      let floor = try cursor.readVariable()
      let count = try cursor.read(UInt8.self)
      self = .request(
        origin: origin, floor: floor, try Self.ranges(after: floor, UInt64(count), from: &cursor))
    case MessageKind.probe: self = .probe
    case MessageKind.prune: self = .prune
    case MessageKind.graft: self = .graft
    case MessageKind.forwardJoin: self = .forwardJoin(try ForwardJoin(from: &cursor))
    case MessageKind.shuffle:
      let origin = PeerRecord(id: sender, endpoint: .zero)
      self = .shuffle(try Shuffle(sender: origin, from: &cursor), try Self.records(from: &cursor))
    case MessageKind.shuffleReply:
      self = .shuffleReply(try ShuffleReply(from: &cursor), try Self.records(from: &cursor))
    case MessageKind.disconnect: self = .disconnect(try Self.records(from: &cursor))
    case MessageKind.rumourFeedback:
      var verdicts: [RumourVerdict] = []
      for _ in 0..<(try RumourCount.read(from: &cursor)) { verdicts.append(try RumourVerdict(from: &cursor)) }
      self = .rumourFeedback(verdicts)
    case MessageKind.rumourPull:
      var runs: [RumourRun] = []
      for _ in 0..<(try RumourCount.read(from: &cursor)) { runs.append(try RumourRun(from: &cursor)) }
      self = .rumourPull(runs)
    case MessageKind.gossip...:
      let header = try GossipHeader(kind: kind, sender: sender, from: &cursor)
      var payloads: [[UInt8]] = []
      for _ in 0..<header.count { payloads.append(Array(try cursor.readBytes(try cursor.readVariable()))) }
      self = .gossip(header, payloads)
    case MessageKind.replace: self = .replace(try Replace(from: &cursor))
    case MessageKind.taken: self = .taken(try cursor.read(UInt16.self))
    case MessageKind.membership: self = try Self.membership(kind, from: &cursor)
    case MessageKind.tuples: self = .tuple(try TupleWire(kind, from: &cursor))
    case MessageKind.subscribe...MessageKind.adopt:
      let number = try cursor.read(UInt16.self)
      self = .scamp(number, try ScampMessage(kind, from: &cursor))
    default: throw .unknownKind
    }
  }

  private static func records(from cursor: inout Cursor) throws(DecodeError) -> [PeerRecord] {
    var records: [PeerRecord] = []
    for _ in 0..<(try cursor.read(UInt8.self)) { records.append(try PeerRecord(from: &cursor)) }
    return records
  }

  private static func states(from cursor: inout Cursor) throws(DecodeError) -> [StreamState] {
    var states: [StreamState] = []
    for _ in 0..<(try cursor.read(UInt8.self)) {
      let entry = try DigestEntry(from: &cursor)
      let ranges = try ranges(after: entry.floor, entry.ranges, from: &cursor)
      states.append(
        StreamState(
          entry.origin, floor: entry.floor, available: entry.available, hops: entry.hops, ranges: ranges))
    }
    return states
  }

  private static func ranges(
    after floor: UInt64, _ count: UInt64, from cursor: inout Cursor
  ) throws(DecodeError) -> [SequenceRange] {
    var position = floor
    var ranges: [SequenceRange] = []
    for _ in 0..<count { ranges.append(try SequenceRange(after: &position, from: &cursor)) }
    return ranges
  }
}

/// The bytes of messages without a frame.
func bytes(of messages: [WireMessage]) -> [UInt8] {
  written { writer in for message in messages { message.write(to: &writer) } }
}

/// What `body` writes.
func written(_ body: (inout Writer) -> Void) -> [UInt8] {
  withUnsafeTemporaryAllocation(byteCount: 1 << 16, alignment: 8) { memory in
    var writer = Writer(memory)
    body(&writer)
    return Array(writer.written(from: 0))
  }
}

/// Runs `body` with a cursor over `bytes`.
func read<R>(_ bytes: [UInt8], _ body: (inout Cursor) throws -> R) throws -> R {
  var cursor = Cursor(bytes.span.bytes)
  return try body(&cursor)
}

/// The messages of a frame; nil when it is cut short or holds something unknown.
func messages(in frame: [UInt8], sender: UInt64) -> [WireMessage]? {
  let header =
    switch frame.first {
    case Frame.link: Frame.linkHeader
    case Frame.member: Frame.memberHeader
    default: Frame.openHeader
    }
  return try? read(frame) { cursor in
    _ = try cursor.readBytes(UInt64(header))
    var messages: [WireMessage] = []
    while cursor.remaining > 0 { messages.append(try WireMessage(from: &cursor, sender: sender)) }
    return messages
  }
}

/// An open frame with a right checksum around any bytes.
func openFrame(_ body: [UInt8], cluster: String = "") -> [UInt8] {
  written { writer in
    Frame.begin(Frame.open, in: &writer)
    body.withUnsafeBytes { writer.write($0) }
    Frame.finish(&writer, key: Neighbourhood.openKey(clusterName: cluster))
  }
}

/// A link frame with a right checksum around any bytes.
func linkFrame(_ body: [UInt8], number: UInt16, key: UInt64) -> [UInt8] {
  written { writer in
    Frame.begin(Frame.link, in: &writer)
    writer.write(number)
    body.withUnsafeBytes { writer.write($0) }
    Frame.finish(&writer, key: key)
  }
}
