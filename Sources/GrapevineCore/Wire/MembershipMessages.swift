// What members say about members.
//
// A member frame goes from any member to any other, without a link. Its checksum key follows from the run of
// the receiver, which whoever has not heard of it through a link cannot know:
//
//   member frame  'm'  checksum(4)  id(8)  run(8)  messages, until the datagram ends
//
//   PING       number(4)
//   PINGREQ    number(4)  id(8)                    ask this member for me
//   ACK        number(4)
//   NACK       number(4)                           whom you asked me to ask does not answer me either
//
// News, in member frames and on links:
//
//   ALIVE      incarnation(v)  run(8)  address  version(1)  length(1)  name  length(v)  tags
//   SUSPECT    id(8)  incarnation(v)  by(8)
//   FAILED     id(8)  incarnation(v)  by(8)
//   LEFT       id(8)  incarnation(v)
//
// Where members sign, other messages stand for ALIVE and LEFT: see SignedMessages.swift.
//
// On links only:
//
//   CLAIM      id(8)                               0: whoever is at my address
//   CLAIMED    id(8)  address  status(1)  incarnation(v)  [run(8)  address]   in brackets: when it lives
//   COMPARE    bits(1)  first(v)  count(v)  hashes(4 each)
//   CONTENTS                                       what follows in this frame is of the table, and no news
//   COMPARED   bits(1)  next(v)  members(v)
//
// An address is a family, 4 or 6, its bytes and a port, as in a peer record. Tags are pairs, ordered by key,
// of length(1) key length(1) value.

extension Frame {
  /// The first byte of a frame between any two members.
  static let member: UInt8 = 0x6d
  /// The bytes before the messages of a member frame.
  static let memberHeader = 21

  /// The checksum key of frames to a run of a member.
  static func memberKey(_ openKey: UInt64, run: UInt64) -> UInt64 {
    openKey ^ run &* 0x9e37_79b9_7f4a_7c15
  }
}

extension MessageKind {
  static let membership: ClosedRange<UInt8> = 0x40...0x4f
  static let ping: UInt8 = 0x40
  static let pingRequest: UInt8 = 0x41
  static let pingAnswer: UInt8 = 0x42
  static let pingInVain: UInt8 = 0x43
  static let alive: UInt8 = 0x44
  static let suspect: UInt8 = 0x45
  static let failed: UInt8 = 0x46
  static let left: UInt8 = 0x47
  static let claim: UInt8 = 0x48
  static let claimed: UInt8 = 0x49
  static let compare: UInt8 = 0x4a
  static let contents: UInt8 = 0x4b
  static let compared: UInt8 = 0x4c
}

/// ALIVE: a member says what it is. Name and tags lie in the datagram.
struct AliveNews {
  var incarnation: UInt32
  var run: UInt64
  var endpoint: Endpoint
  var version: UInt8
  var name: UnsafeRawBufferPointer
  var tags: UnsafeRawBufferPointer

  /// The greatest number of bytes it takes.
  static let lengthLimit = 1 + 5 + 8 + 19 + 1 + 1 + Member.nameLimit + 2 + Member.tagLimit

  /// Which member it speaks of.
  var id: UInt64 {
    (name.isEmpty ? StableID(address: endpoint) : StableID(name: name)).value
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    incarnation = try cursor.readIncarnation()
    run = try cursor.read(UInt64.self)
    endpoint = try cursor.readEndpoint()
    version = try cursor.read(UInt8.self)
    name = try cursor.readBytes(try cursor.readVariable(in: 0...UInt64(Member.nameLimit)))
    tags = try cursor.readBytes(try cursor.readVariable(in: 0...UInt64(Member.tagLimit)))
    guard run != 0, MemberData.isName(name), MemberData.areTags(tags) else { throw .outOfRange }
  }
}

/// SUSPECT, FAILED and LEFT: somebody says something of a member.
struct Verdict: Equatable {
  var status: MemberStatus
  var id: UInt64
  var incarnation: UInt32
  /// Who says so; the member itself when it left.
  var accuser: UInt64

  /// The greatest number of bytes it takes.
  static let lengthLimit = 1 + 8 + 5 + 8

  init(status: MemberStatus, id: UInt64, incarnation: UInt32, accuser: UInt64) {
    self.status = status
    self.id = id
    self.incarnation = incarnation
    self.accuser = accuser
  }

  init(_ kind: UInt8, from cursor: inout Cursor) throws(DecodeError) {
    switch kind {
    case MessageKind.suspect: status = .suspect
    case MessageKind.failed: status = .failed
    case MessageKind.left: status = .left
    default: throw .unknownKind
    }
    id = try cursor.read(UInt64.self)
    incarnation = try cursor.readIncarnation()
    accuser = status == .left ? id : try cursor.read(UInt64.self)
    guard id != 0, accuser != 0 else { throw .outOfRange }
  }

  func write(to writer: inout Writer) {
    switch status {
    case .suspect: writer.write(MessageKind.suspect)
    case .failed: writer.write(MessageKind.failed)
    case .left, .alive: writer.write(MessageKind.left)
    }
    writer.write(id)
    writer.writeVariable(UInt64(incarnation))
    if status != .left { writer.write(accuser) }
  }
}

/// CLAIMED: who has a name, and where the asker is seen.
struct Claimed: Equatable {
  var id: UInt64
  var observed: Endpoint
  /// What is known of the member of this id; nil when nothing is.
  var status: MemberStatus?
  var incarnation: UInt32 = 0
  var run: UInt64 = 0
  var endpoint = Endpoint.zero

  init(id: UInt64, observed: Endpoint) {
    self.id = id
    self.observed = observed
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    id = try cursor.read(UInt64.self)
    observed = try cursor.readEndpoint()
    let raw = try cursor.read(UInt8.self)
    incarnation = try cursor.readIncarnation()
    guard raw != 0 else { return }
    guard let status = MemberStatus(rawValue: raw) else { throw .outOfRange }
    self.status = status
    guard isHeld else { return }
    run = try cursor.read(UInt64.self)
    endpoint = try cursor.readEndpoint()
  }

  /// Whether somebody who may live has the name.
  var isHeld: Bool { status == .alive || status == .suspect }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.claimed)
    writer.write(id)
    writer.write(endpoint: observed)
    writer.write(status?.rawValue ?? 0)
    writer.writeVariable(UInt64(incarnation))
    guard isHeld else { return }
    writer.write(run)
    writer.write(endpoint: endpoint)
  }
}

extension Cursor {
  @_lifetime(self: copy self)
  mutating func readIncarnation() throws(DecodeError) -> UInt32 {
    UInt32(truncatingIfNeeded: try readVariable(in: 0...UInt64(UInt32.max)))
  }

  /// Reads an address, its family first.
  @_lifetime(self: copy self)
  mutating func readEndpoint() throws(DecodeError) -> Endpoint {
    switch try read(UInt8.self) {
    case 4:
      return Endpoint(ipv4: try read(UInt32.self), port: try read(UInt16.self))
    case 6:
      let high = try read(UInt64.self)
      let low = try read(UInt64.self)
      return Endpoint(high: high, low: low, port: try read(UInt16.self))
    default:
      throw .outOfRange
    }
  }
}

extension Writer {
  /// Writes an address, its family first.
  mutating func write(endpoint: Endpoint) {
    if let ipv4 = endpoint.ipv4 {
      write(UInt8(4))
      write(ipv4)
    } else {
      write(UInt8(6))
      write(endpoint.high)
      write(endpoint.low)
    }
    write(endpoint.port)
  }
}
