// What members say about members, as values; and frames from any member to any other.

@testable import GrapevineCore

/// ALIVE, with the bytes that the core leaves in the datagram.
struct AliveRecord: Equatable {
  var incarnation: UInt32
  var run: UInt64
  var endpoint: Endpoint
  var version = Frame.version
  var name: [UInt8] = []
  var tags: [UInt8] = []

  init(_ number: Int, run: UInt64? = nil, incarnation: UInt32 = 1, name: String = "") {
    self.incarnation = incarnation
    self.run = run ?? UInt64(number)
    endpoint = World.endpoint(number)
    self.name = Array(name.utf8)
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    let news = try AliveNews(from: &cursor)
    (incarnation, run, endpoint, version) = (news.incarnation, news.run, news.endpoint, news.version)
    (name, tags) = (Array(news.name), Array(news.tags))
  }

  /// Which member it speaks of.
  var id: UInt64 {
    (name.isEmpty ? StableID(address: endpoint) : name.withUnsafeBytes { StableID(name: $0) }).value
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.alive)
    writer.writeVariable(UInt64(incarnation))
    writer.write(run)
    writer.write(endpoint: endpoint)
    writer.write(version)
    writer.writeVariable(UInt64(name.count))
    name.withUnsafeBytes { writer.write($0) }
    writer.writeVariable(UInt64(tags.count))
    tags.withUnsafeBytes { writer.write($0) }
  }
}

extension WireMessage {
  static func suspect(_ id: UInt64, _ incarnation: UInt32, by accuser: UInt64) -> WireMessage {
    .verdict(Verdict(status: .suspect, id: id, incarnation: incarnation, accuser: accuser))
  }

  static func failed(_ id: UInt64, _ incarnation: UInt32, by accuser: UInt64) -> WireMessage {
    .verdict(Verdict(status: .failed, id: id, incarnation: incarnation, accuser: accuser))
  }

  static func left(_ id: UInt64, _ incarnation: UInt32) -> WireMessage {
    .verdict(Verdict(status: .left, id: id, incarnation: incarnation, accuser: id))
  }

  func writeMembership(to writer: inout Writer) {
    switch self {
    case .ping(let number): Self.write(MessageKind.ping, number, to: &writer)
    case .pingRequest(let number, let id):
      Self.write(MessageKind.pingRequest, number, to: &writer)
      writer.write(id)
    case .pingAnswer(let number): Self.write(MessageKind.pingAnswer, number, to: &writer)
    case .pingInVain(let number): Self.write(MessageKind.pingInVain, number, to: &writer)
    case .alive(let record): record.write(to: &writer)
    case .verdict(let verdict): verdict.write(to: &writer)
    case .claim(let id):
      writer.write(MessageKind.claim)
      writer.write(id)
    case .claimed(let claimed): claimed.write(to: &writer)
    case .compare(let bits, let first, let hashes):
      writer.write(MessageKind.compare)
      writer.write(bits)
      writer.writeVariable(first)
      writer.writeVariable(UInt64(hashes.count))
      for hash in hashes { writer.write(hash) }
    case .contents: writer.write(MessageKind.contents)
    case .compared(let bits, let next, let members):
      writer.write(MessageKind.compared)
      writer.write(bits)
      writer.writeVariable(next)
      writer.writeVariable(members)
    default: preconditionFailure("not about members")
    }
  }

  private static func write(_ kind: UInt8, _ number: UInt32, to writer: inout Writer) {
    writer.write(kind)
    writer.write(number)
  }

  static func membership(_ kind: UInt8, from cursor: inout Cursor) throws(DecodeError) -> WireMessage {
    switch kind {
    case MessageKind.ping: return .ping(try cursor.read(UInt32.self))
    case MessageKind.pingRequest:
      return .pingRequest(try cursor.read(UInt32.self), id: try cursor.read(UInt64.self))
    case MessageKind.pingAnswer: return .pingAnswer(try cursor.read(UInt32.self))
    case MessageKind.pingInVain: return .pingInVain(try cursor.read(UInt32.self))
    case MessageKind.alive: return .alive(try AliveRecord(from: &cursor))
    case MessageKind.suspect, MessageKind.failed, MessageKind.left:
      return .verdict(try Verdict(kind, from: &cursor))
    case MessageKind.claim: return .claim(try cursor.read(UInt64.self))
    case MessageKind.claimed: return .claimed(try Claimed(from: &cursor))
    case MessageKind.compare:
      let bits = try cursor.read(UInt8.self)
      let first = try cursor.readVariable()
      var hashes: [UInt32] = []
      for _ in 0..<(try cursor.readVariable(in: 1...64)) { hashes.append(try cursor.read(UInt32.self)) }
      return .compare(bits: bits, first: first, hashes)
    case MessageKind.contents: return .contents
    case MessageKind.compared:
      let bits = try cursor.read(UInt8.self)
      return .compared(bits: bits, next: try cursor.readVariable(), members: try cursor.readVariable())
    default: throw .unknownKind
    }
  }
}

/// A member frame with a right checksum around any bytes, for a receiver of the given run.
func memberFrame(
  _ body: [UInt8], id: UInt64, run: UInt64, to receiver: UInt64, cluster: String = ""
) -> [UInt8] {
  written { writer in
    Frame.begin(Frame.member, in: &writer)
    writer.write(id)
    writer.write(run)
    body.withUnsafeBytes { writer.write($0) }
    let openKey = Neighbourhood.openKey(clusterName: cluster)
    Frame.finish(&writer, key: Frame.memberKey(openKey, run: receiver))
  }
}
