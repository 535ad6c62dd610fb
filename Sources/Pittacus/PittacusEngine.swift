// A peer of Pittacus: what it is, and what its user asks of it.
//
// It speaks the original's wire and keeps to its rules of answering; what it knows beside that (windows of numbers, a
// log, limits for each address) only decides what it sends, never how that looks.

import GrapevineCore
import GrapevineDialect

/// A peer that exchanges messages with nodes of Pittacus and with its like.
///
/// Messages are spread to everybody at most 486 bytes long; each is delivered at most once. Those that got lost are
/// asked for and supplied out of a bounded log, between peers of this kind also when newer ones have arrived, so all
/// of them deliver everything that stays in the log for long enough. Nodes of the original deliver what reaches them
/// in ascending order. `DialectDeliveries.Record.sequence` is the originator's number, and the eight bytes of
/// `PittacusID` are its name.
public struct PittacusEngine: ~Copyable, DialectEngine {
  let configuration: PittacusConfiguration
  /// What others know this peer as.
  public let identity: PittacusMember
  var roster: MemberTable
  var originators: OriginatorTable
  var log: MessageLog
  var queue: OutputQueue
  var limits: SourceLimits
  var announcements: AnnouncementLimit
  /// Whether a member is to be told of that the limit did not let through yet.
  var hasUnannounced = false
  var repairs = RepairMemory()
  var answers = AnswerPool()
  var generator: Generator
  /// The place of this peer among the originators, the first that is entered, and its last number.
  let ownPlace = 0
  var ownNumber: UInt32
  /// What its numbers began above: no message of this peer is known anywhere while `ownNumber` is that.
  let ownStart: UInt32
  var contacts: [Endpoint] = []
  /// Counts comparisons and lists of records, so that originators can be marked without clearing marks.
  var stamp: UInt32 = 0
  /// Where the next STATUS goes on naming originators, and the next answer to a HELLO naming members.
  var statusCursor = 0
  var listCursor = 0
  var contactCursor = 0
  /// Where the next search for what a STATUS did not name begins.
  var offerCursor = 0
  /// The sequence numbers of the HELLOs so far: the first and the last; none while nil.
  var hellos: (first: UInt32, last: UInt32)?
  var helloPause: Nanoseconds
  var nextHello = Instant.never
  var nextStatus = Instant.never
  var nextCheck = Instant.never
  let times: PittacusTimes
  /// Scratch for drawing members.
  let drawn = FixedTable<UInt16>(count: 64)

  /// Where the peer is in its life.
  public internal(set) var lifecycle = Lifecycle.initialized
  /// What happened so far.
  public internal(set) var counters = DialectCounters()

  /// The highest number of a message.
  static let numberLimit = UInt32.max - (1 << 24)
  /// The highest number that a peer may be driven to by others: 2^28 messages of its own remain.
  static let adoptionLimit = numberLimit - (1 << 28)
  /// How much further a stranger may drive a peer with one datagram: what a predecessor may have sent that counted
  /// from 1 and was restarted soon.
  static let adoptionStep: UInt32 = 4_096
  /// Contacts that are kept.
  static let contactLimit = 64

  /// Creates a peer.
  ///
  /// - Parameters:
  ///   - address: Where it receives, as others reach it. It talks to peers of this family only; on the loopback to
  ///     those there, elsewhere to none of them.
  ///   - uid: Seconds of the wall clock; a restarted peer must have a later one.
  ///   - seed: Of its random choices.
  /// - Throws: `DialectError.addressUnusable` when nothing can be sent to `address`.
  public init(
    configuration: PittacusConfiguration = .init(), address: Endpoint, uid: UInt32, seed: UInt64
  ) throws(DialectError) {
    guard PittacusReach.isOrdinary(address) else { throw .addressUnusable(address) }
    self.init(configuration.bounded, address, uid, seed)
  }

  private init(_ bounded: PittacusConfiguration, _ address: Endpoint, _ uid: UInt32, _ seed: UInt64) {
    configuration = bounded
    identity = PittacusMember(endpoint: address, uid: uid)
    generator = Generator(seed: seed)
    let key = SecretKey(using: &generator)
    roster = MemberTable(capacity: bounded.members, key: key)
    originators = OriginatorTable(capacity: bounded.originators, window: bounded.window, key: key)
    log = MessageLog(messages: bounded.logMessages, bytes: bounded.logBytes, key: key)
    queue = OutputQueue(slots: bounded.outputSlots)
    limits = SourceLimits(dataRate: bounded.repairRate, statusRate: bounded.statusRate, key: key)
    announcements = AnnouncementLimit(slots: bounded.outputSlots)
    times = PittacusTimes(bounded)
    helloPause = times.helloRetry
    ownStart = bounded.numbersFromUID ? Self.firstNumber(uid: uid) : 0
    ownNumber = ownStart
    _ = originators.add(identity.id, number: ownNumber, now: Instant(), idle: 0, kept: nil)
  }

  /// What the numbers of a peer with this uid begin above: 2^15 for each second, so that one that is restarted later
  /// with the same id, which has the upper half of the uid, begins above what its predecessor reached with up to
  /// 32,768 messages a second; and nearly 2^31 messages remain for the last of them.
  static func firstNumber(uid: UInt32) -> UInt32 { (uid & 0xffff) << 15 }

  /// The longest payload that `broadcast` takes, in bytes.
  public var payloadLimit: Int { configuration.datagramLimit - PittacusWire.dataHeader }

  /// The members it knows, without itself, in the order in which it met them; a new array each time.
  public var members: [Endpoint] {
    (0..<roster.count).map { roster[roster.place($0)].member.endpoint }
  }

  /// The number of members it knows, without itself.
  public var memberCount: Int { roster.count }

  /// When `advance` must be called next: at once while something waits to be sent.
  public var nextDeadline: Instant { queue.hasUnsent ? Instant() : nextTimer }

  /// When something is due by itself, whatever waits to be sent.
  public var nextTimer: Instant { min(min(queue.nextRepeat, nextStatus), min(nextHello, nextCheck)) }

  /// Asks contacts to take it in, again and again until one does; with none, founds a cluster.
  ///
  /// - Throws: `alreadyJoined`; `addressUnusable` for a contact of the other address family, for this peer itself and
  ///   for what nothing can be sent to from its address.
  public mutating func join(_ contacts: [Endpoint], now: Instant) throws(DialectError) {
    guard lifecycle == .initialized else { throw .alreadyJoined }
    for contact in contacts {
      guard isReachable(contact), contact != identity.endpoint else {
        throw .addressUnusable(contact)
      }
    }
    self.contacts = Array(contacts.prefix(Self.contactLimit))
    if contacts.isEmpty {
      connect(now: now)
    } else {
      lifecycle = .joining
      nextHello = now
      greetContacts(now: now)
    }
  }

  /// Takes a message to spread. With nobody to send it to yet it is kept, and offered to whoever comes.
  ///
  /// - Returns: The number that others deliver it with: by default these do not begin at 1, see
  ///   `PittacusConfiguration.numbersFromUID`.
  /// - Throws: `notConnected`, `payloadTooLong`, `wouldBlock`; `payloadUnfit` after 2^31 - 2^24 messages or more,
  ///   or 2^28 when others have driven it as far as they can.
  @discardableResult
  public mutating func broadcast(
    _ payload: UnsafeRawBufferPointer, now: Instant
  ) throws(DialectError) -> UInt64 {
    guard lifecycle == .connected else { throw .notConnected }
    guard payload.count <= payloadLimit else {
      throw .payloadTooLong(length: payload.count, limit: payloadLimit)
    }
    guard ownNumber < Self.numberLimit else {
      throw .payloadUnfit("all numbers of this peer are used: restart it")
    }
    guard queue.room >= configuration.fanout else { throw .wouldBlock }
    ownNumber += 1
    let version = PittacusVersion(number: ownNumber, id: identity.id)
    _ = originators.note(ownNumber, at: ownPlace, now: now)
    let reference = log.append(version, payload, now: now)
    counters.broadcasts += 1
    spread(reference, version.id, except: identity.endpoint)
    return UInt64(ownNumber)
  }

  /// Ends: what is queued is still sent, and nothing said, because the wire has no word for it; peers forget this one
  /// when it does not answer.
  public mutating func leave(now: Instant) {
    switch lifecycle {
    case .joining, .connected: lifecycle = queue.hasUnsent ? .leaving : .disconnected
    case .initialized: lifecycle = .disconnected
    case .leaving, .disconnected, .destroyed: return
    }
    roster.removeAll()
    queue.stopRepeating()
    (nextStatus, nextHello, nextCheck) = (.never, .never, .never)
  }

  func isReachable(_ endpoint: Endpoint) -> Bool {
    PittacusReach.isReachable(endpoint, from: identity.endpoint)
  }

  mutating func connect(now: Instant) {
    lifecycle = .connected
    nextStatus = now
    nextCheck = now + times.tick
    nextHello = now + times.helloInterval
  }

  /// Sends a message to up to `fanout` random members, but not back to whom it came from or began with.
  mutating func spread(_ reference: UInt64, _ originator: PittacusID, except source: Endpoint) {
    let count = roster.count
    guard count > 0 else { return }
    // With few members a draw would mostly hit those that were drawn already.
    let isSmall = count <= configuration.fanout * 2
    let start = generator.below(count)
    var chosen = 0
    var tries = 0
    while chosen < configuration.fanout, tries < (isSmall ? count : configuration.fanout * 16) {
      let place = roster.place(isSmall ? (start + tries) % count : generator.below(count))
      tries += 1
      let member = roster[place].member
      guard member.endpoint != source, member.id != originator,
        !(0..<chosen).contains(where: { Int(drawn[$0]) == place })
      else { continue }
      drawn[chosen] = UInt16(truncatingIfNeeded: place)
      chosen += 1
      enqueue(.data, to: member.endpoint, subject: reference, limit: configuration.attempts)
    }
  }

  mutating func enqueue(_ kind: Output, to destination: Endpoint, subject: UInt64, limit: Int = 1) {
    guard queue.append(kind, to: destination, subject: subject, limit: UInt8(clamping: limit)) else {
      counters.droppedExcess += 1
      return
    }
  }
}

/// The durations of a configuration as the engine computes with them.
struct PittacusTimes {
  let retry: Nanoseconds
  let tick: Nanoseconds
  let repairDelay: Nanoseconds
  let originatorIdle: Nanoseconds
  let helloRetry: Nanoseconds
  let helloInterval: Nanoseconds
  /// Silence after which a member that owes an answer is forgotten.
  let patience: Nanoseconds

  /// Time in which nobody is asked for the same again.
  static let askPause: Nanoseconds = 100_000_000

  init(_ configuration: PittacusConfiguration) {
    retry = configuration.retryInterval.asNanoseconds
    tick = configuration.tickInterval.asNanoseconds
    repairDelay = configuration.repairDelay.asNanoseconds
    originatorIdle = configuration.originatorIdle.asNanoseconds
    helloRetry = configuration.helloRetry.asNanoseconds
    helloInterval = configuration.helloInterval.asNanoseconds
    patience = retry.multipliedReportingOverflow(by: UInt64(configuration.attempts)).partialValue
  }
}
