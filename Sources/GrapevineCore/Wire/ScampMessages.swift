// What SCAMP says on a link.
//
//   SUBSCRIBE     number(2)  purpose(1)  lease(v)                               the subscriber to its contact
//   INDIRECT      number(2)  purpose(1)  lease(v)  record  steps(1)  degree(1)  isBack(1)
//   SUBSCRIPTION  number(2)  lease(v)  record  hops(1)
//   ARC           number(2)  isHeld(1)                    whether the sender has the receiver in its view
//   ADOPT         number(2)                               the sender is the receiver's contact
//   REPLACE       lease(v)  record                        the sender leaves; hold this member in its place
//   TAKEN         number(2)                               the message of this number arrived
//
// Leases are in seconds, 0 for none. Numbers count the messages of one direction of a link, so that what was
// lost can be sent again and what came twice is noticed. REPLACE has none: a DISCONNECT follows it in the same
// datagram.

extension MessageKind {
  static let subscribe: UInt8 = 0x38
  static let indirect: UInt8 = 0x39
  static let subscription: UInt8 = 0x3a
  static let arc: UInt8 = 0x3b
  static let adopt: UInt8 = 0x3c
  static let replace: UInt8 = 0x3d
  static let taken: UInt8 = 0x3e
}

/// A member that wants to be held in others' partial views.
struct Subscription: BitwiseCopyable, Equatable {
  /// Why it subscribes.
  enum Purpose: UInt8 {
    /// It is new: its contact shows itself, to be its first neighbour.
    case newcomer = 0
    /// Nobody holds it any more.
    case isolated = 1
    /// Its lease runs out.
    case renewal = 2
  }

  /// The longest lease, in seconds: more than a year is nobody's configuration.
  static let leaseLimit: UInt64 = 1 << 25

  var purpose: Purpose
  /// Seconds for which it may be held; 0 for any time.
  var lease: UInt64
  var subscriber: PeerRecord

  init(purpose: Purpose, lease: UInt64, subscriber: PeerRecord) {
    self.purpose = purpose
    self.lease = lease
    self.subscriber = subscriber
  }

  static func readPurpose(from cursor: inout Cursor) throws(DecodeError) -> Purpose {
    guard let purpose = Purpose(rawValue: try cursor.read(UInt8.self)) else { throw .outOfRange }
    return purpose
  }

  static func readLease(from cursor: inout Cursor) throws(DecodeError) -> UInt64 {
    try cursor.readVariable(in: 0...leaseLimit)
  }
}

/// A subscription on its random walk to a contact.
struct IndirectWalk: BitwiseCopyable, Equatable {
  /// More steps than these are nobody's configuration.
  static let stepsLimit: UInt8 = 64
  /// More arcs than these has nobody: 64 links, both ways.
  static let degreeLimit: UInt8 = 128

  var subscription: Subscription
  /// Steps it is still to try.
  var steps: UInt8
  /// The arcs of whoever had it last.
  var degree: UInt8
  /// Whether it was not let in and goes back to where it was.
  var isBack: Bool
}

/// A message of SCAMP that has a number.
enum ScampMessage: BitwiseCopyable, Equatable {
  case subscribe(Subscription.Purpose, lease: UInt64)
  case indirect(IndirectWalk)
  case subscription(Subscription, hops: UInt8)
  case arc(isHeld: Bool)
  case adopt
}

extension ScampMessage {
  /// Reads what follows the number of a message.
  init(_ kind: UInt8, from cursor: inout Cursor) throws(DecodeError) {
    switch kind {
    case MessageKind.subscribe:
      let purpose = try Subscription.readPurpose(from: &cursor)
      self = .subscribe(purpose, lease: try Subscription.readLease(from: &cursor))
    case MessageKind.indirect:
      self = .indirect(try IndirectWalk(from: &cursor))
    case MessageKind.subscription:
      let lease = try Subscription.readLease(from: &cursor)
      let subscriber = try PeerRecord(from: &cursor)
      self = .subscription(
        Subscription(purpose: .renewal, lease: lease, subscriber: subscriber),
        hops: try cursor.read(UInt8.self))
    case MessageKind.arc:
      self = .arc(isHeld: try cursor.readFlag())
    case MessageKind.adopt:
      self = .adopt
    default:
      throw .unknownKind
    }
  }

  func write(number: UInt16, to writer: inout Writer) {
    switch self {
    case .subscribe(let purpose, let lease):
      writer.write(MessageKind.subscribe)
      writer.write(number)
      writer.write(purpose.rawValue)
      writer.writeVariable(lease)
    case .indirect(let walk):
      writer.write(MessageKind.indirect)
      writer.write(number)
      writer.write(walk.subscription.purpose.rawValue)
      writer.writeVariable(walk.subscription.lease)
      walk.subscription.subscriber.write(to: &writer)
      writer.write(walk.steps)
      writer.write(walk.degree)
      writer.write(UInt8(walk.isBack ? 1 : 0))
    case .subscription(let subscription, let hops):
      writer.write(MessageKind.subscription)
      writer.write(number)
      writer.writeVariable(subscription.lease)
      subscription.subscriber.write(to: &writer)
      writer.write(hops)
    case .arc(let isHeld):
      writer.write(MessageKind.arc)
      writer.write(number)
      writer.write(UInt8(isHeld ? 1 : 0))
    case .adopt:
      writer.write(MessageKind.adopt)
      writer.write(number)
    }
  }
}

extension IndirectWalk {
  init(from cursor: inout Cursor) throws(DecodeError) {
    let purpose = try Subscription.readPurpose(from: &cursor)
    let lease = try Subscription.readLease(from: &cursor)
    subscription = Subscription(purpose: purpose, lease: lease, subscriber: try PeerRecord(from: &cursor))
    steps = try cursor.read(UInt8.self)
    degree = try cursor.read(UInt8.self)
    isBack = try cursor.readFlag()
    guard steps <= Self.stepsLimit, degree >= 1, degree <= Self.degreeLimit else { throw .outOfRange }
  }
}

/// REPLACE: the sender leaves; another member is to be held in its place.
struct Replace: Equatable {
  /// Seconds that are left of the other member's subscription; 0 when it does not expire.
  var lease: UInt64
  var substitute: PeerRecord

  init(lease: UInt64, substitute: PeerRecord) {
    self.lease = lease
    self.substitute = substitute
  }

  init(from cursor: inout Cursor) throws(DecodeError) {
    lease = try Subscription.readLease(from: &cursor)
    substitute = try PeerRecord(from: &cursor)
  }

  func write(to writer: inout Writer) {
    writer.write(MessageKind.replace)
    writer.writeVariable(lease)
    substitute.write(to: &writer)
  }
}

extension Cursor {
  /// Reads a byte that is 0 or 1.
  @_lifetime(self: copy self)
  fileprivate mutating func readFlag() throws(DecodeError) -> Bool {
    switch try read(UInt8.self) {
    case 0: false
    case 1: true
    default: throw .outOfRange
    }
  }
}
