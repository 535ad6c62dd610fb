// How two members come to share a link, and how an address is proven on the way.
//
//   HELLO      version(1)  nonce(8)  sender(8)
//   CHALLENGE  nonce(8)  sender(8)  cookie(8)
//   CONNECT    version(1)  nonce(8)  cookie(8)  sender(8)  need(1)  window(v)
//   ACCEPT     nonce(8)  sender(8)  window(v)  records
//   REFUSE     nonce(8)  sender(8)  reason(v)  records
//
// A HELLO leaves no state behind and its answer is hardly larger than it is, so a forged source gains
// nothing. The cookie is a keyed hash over the asker's address, id and nonce: who returns it receives at
// that address. Both ends derive the link's keys from nonce and cookie.

/// HELLO: who is there?
struct Hello: Equatable {
  var version: UInt8
  var nonce: UInt64
  var sender: UInt64

  init(version: UInt8 = Frame.version, nonce: UInt64, sender: UInt64) {
    self.version = version
    self.nonce = nonce
    self.sender = sender
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    version = try cursor.read(UInt8.self)
    nonce = try cursor.read(UInt64.self)
    sender = try cursor.read(UInt64.self)
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.hello)
    writer.write(version)
    writer.write(nonce)
    writer.write(sender)
  }
}

/// CHALLENGE: prove that you receive at this address.
struct Challenge: Equatable {
  var nonce: UInt64
  var sender: UInt64
  var cookie: UInt64

  init(nonce: UInt64, sender: UInt64, cookie: UInt64) {
    self.nonce = nonce
    self.sender = sender
    self.cookie = cookie
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    nonce = try cursor.read(UInt64.self)
    sender = try cursor.read(UInt64.self)
    cookie = try cursor.read(UInt64.self)
    guard sender != 0 else { throw .outOfRange }
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.challenge)
    writer.write(nonce)
    writer.write(sender)
    writer.write(cookie)
  }
}

/// How much whoever asks for a link needs it.
enum LinkNeed: UInt8 {
  /// HyParView's NEIGHBOR of low priority: it may be refused for lack of room.
  case low = 0
  /// HyParView's NEIGHBOR of high priority: the sender has no other neighbour, so a full view makes room.
  case high = 1
  /// HyParView's JOIN: as high, and others are told of the sender.
  case join = 2
  /// An arc of SCAMP, or a link of a full view: no view decides, only whether a slot is free.
  case arc = 3
  /// SCAMP: the sender offers itself as contact, to be held by the receiver, whose subscription it has.
  case contact = 4
  /// HyParView: the sender wants no link here, but one with whomever a random walk ends at: it fears to be cut
  /// off with the few members it can reach.
  case rescue = 5
}

/// CONNECT: here is your cookie; be my neighbour.
struct Connect: Equatable {
  var version: UInt8
  var nonce: UInt64
  var cookie: UInt64
  var sender: UInt64
  /// How much the sender needs the link.
  var need: LinkNeed
  /// Datagrams that the sender's receive buffer holds.
  var window: UInt64

  init(nonce: UInt64, cookie: UInt64, sender: UInt64, need: LinkNeed, window: UInt64) {
    version = Frame.version
    self.nonce = nonce
    self.cookie = cookie
    self.sender = sender
    self.need = need
    self.window = window
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    version = try cursor.read(UInt8.self)
    nonce = try cursor.read(UInt64.self)
    cookie = try cursor.read(UInt64.self)
    sender = try cursor.read(UInt64.self)
    guard let need = LinkNeed(rawValue: try cursor.read(UInt8.self)) else { throw .outOfRange }
    self.need = need
    window = try cursor.readVariable()
    guard sender != 0 else { throw .outOfRange }
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.connect)
    writer.write(version)
    writer.write(nonce)
    writer.write(cookie)
    writer.write(sender)
    writer.write(need.rawValue)
    writer.writeVariable(window)
  }
}

/// Why a member does not become a neighbour.
public enum RefusalReason: UInt8, Sendable {
  /// Its view is full; it names others.
  case full = 1
  /// It is leaving.
  case leaving = 2
  /// It speaks another version of the protocol.
  case version = 3
  /// Its view is full, of neighbours it has not heard of for a while: it checks whether they live. Worth
  /// asking again soon.
  case checking = 4
}

/// The head of ACCEPT and REFUSE; a list of peer records follows in the same message.
struct Answer: Equatable {
  var nonce: UInt64
  var sender: UInt64
  /// ACCEPT: datagrams that the sender's receive buffer holds. REFUSE: the raw value of a `RefusalReason`.
  var detail: UInt64

  init(nonce: UInt64, sender: UInt64, detail: UInt64) {
    self.nonce = nonce
    self.sender = sender
    self.detail = detail
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    nonce = try cursor.read(UInt64.self)
    sender = try cursor.read(UInt64.self)
    detail = try cursor.readVariable()
    guard sender != 0 else { throw .outOfRange }
  }

  func write(_ kind: UInt8, to writer: inout Writer) {
    writer.write(kind)
    writer.write(nonce)
    writer.write(sender)
    writer.writeVariable(detail)
  }
}
