// What is known of another peer, and all peers that are known.

import GrapevineCore

/// Another peer.
struct PythonPeer {
  /// What it is, as far as it has shown.
  enum Kind {
    /// It has not introduced itself: it is treated as an original.
    case unknown
    /// Its uid has a fraction: the original, with all its faults.
    case original
    /// Its uid has four digits: one of ours, or another that keeps to the wire.
    case sound
  }

  let endpoint: Endpoint
  var kind = Kind.unknown
  var uid: PythonMember.Uid?
  /// Whether it has shown itself; otherwise only a list names it.
  var isMember = false
  /// Whether it has shown that it is a member and takes everything.
  var isConnected = false
  /// Whether it has shown that what goes to its address arrives there: it knows a number that went nowhere else.
  var isProven = false
  /// The number of the last Status that asks it to show that; 0 before the first.
  var probe = 0
  /// When it may be asked for that again.
  var probeAllowedAt = Instant()
  /// Numbers that it got wrong since it was last told one.
  var wrongNumbers = 0
  /// Its last Status, to be answered when its address is proven.
  var owed: PythonClock?
  /// When it was first heard of.
  let metAt: Instant
  /// Whether it came with a Hello and is to be told who is there, and others of it.
  var isNewcomer = false
  var heardAt: Instant
  /// When its last Hello came.
  var greetedAt: Instant?
  /// When to greet it next.
  var helloAt = Instant.never
  /// The number of our last Hello.
  var helloSequence = 0
  /// Hellos that it left without an answer.
  var vainHellos = 0
  /// When its Status may be answered with a Status again.
  var statusAllowedAt = Instant()
  /// When its Status may be answered with messages again.
  var replayAllowedAt = Instant()
  /// Of an original: the originators that are in its clock, as far as is known. A clock that has too many makes it
  /// end.
  var clock: Set<[UInt8]> = []

  init(_ endpoint: Endpoint, now: Instant) {
    self.endpoint = endpoint
    (metAt, heardAt) = (now, now)
  }

  /// Whether it gets what members get.
  var isReady: Bool { isMember && isConnected && isProven }

  /// Whether a number is the one that it was told, which it may get wrong a few times: so nobody finds it by trying.
  mutating func knows(_ number: Int, told: Int) -> Bool {
    guard told > 0, wrongNumbers < Self.wrongLimit else { return false }
    if number != told { wrongNumbers += 1 }
    return number == told
  }

  /// Chosen here: answers to earlier ones may still come.
  private static let wrongLimit = 8

  /// Notes what its clock has. Whoever names more than any original can hold is believed its last word only.
  mutating func learn(_ ids: some Collection<[UInt8]>) {
    clock.formUnion(ids)
    if clock.count > Self.clockLimit { clock = Set(ids.prefix(Self.clockLimit)) }
  }

  /// The originators remembered of its clock. Chosen here: it holds 18 without names, and 9 with usual ones.
  private static var clockLimit: Int { 64 }

  /// Forgets what was known of an earlier run at the same address.
  mutating func restart() {
    (isConnected, clock, vainHellos) = (false, [], 0)
    owed = nil
  }
}

/// The clock of an original: what it holds in 512 bytes, by its own way of counting.
enum PythonClockBudget {
  /// The bytes that its clock may have before another originator pushes one out.
  static let bytes = 512
  /// What each record counts beside its name: a Python integer.
  static let record = 28
  /// What is left free: its own record, that of messages without a number, and one that another peer sends it at
  /// the same time. Chosen here.
  static let reserve = record + 48 + record + record + 40

  /// The originators that peers agree on to tell originals of. Chosen here: 9 have room in a clock, less the
  /// original's own record, that of messages without a number, and two for who comes later.
  static let originators = 5

  /// Whether one more originator has room beside those known.
  static func hasRoom(in clock: Set<[UInt8]>) -> Bool {
    var used = reserve
    for id in clock { used += id.count + record }
    return used < bytes
  }
}
