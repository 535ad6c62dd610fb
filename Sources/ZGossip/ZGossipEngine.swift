// A node of zgossip: its connections, and the map of tuples that all of them share.
//
// To nodes of CZMQ it speaks their protocol; to its own kind, over the same connections, that of `TupleReplica`. No
// sockets: whoever drives it says which connections there are, hands over what comes and asks what is to be sent.

import GrapevineCore

/// What became of a message.
public enum ZGossipVerdict: Sendable {
  /// It was taken, or means nothing.
  case fine
  /// It is none, and was counted; the connection goes on.
  case malformed
  /// The other end has sent too many of those: close the connection where that can be done; nothing is read from it
  /// any more.
  case hostile
  /// The other end is this node: close the connection, and do not connect there again.
  case isSelf
}

/// A node of zgossip, without I/O.
///
/// What became of tuples is written to a `ChangeBuffer`: a `published` change is zgossip's DELIVER. The driver carries
/// changes out before it hands over more when the buffer is more than half full.
public struct ZGossipEngine: ~Copyable {
  let configuration: ZGossipConfiguration
  let identity: MemberID
  var replica: TupleReplica
  let links: FixedTable<ZGossipLink>
  var formerValues: FormerValues
  var removedValues: RemovedValues
  let hashKey: SecretKey

  /// What happened so far.
  public internal(set) var counters = ZGossipCounters()
  /// The bytes that a buffer for `write` must have.
  public let messageLimit: Int

  /// Where present values came from, beside links. Chosen here: beyond the slots of links.
  static var own: UInt8 { 255 }
  static var elsewhere: UInt8 { 254 }

  /// Creates a node without connections.
  ///
  /// - Parameters:
  ///   - configuration: Its limits; call `validate` on it before.
  ///   - identity: Random, another one for each run.
  public init(configuration: ZGossipConfiguration, identity: MemberID, seed: UInt64) {
    self.configuration = configuration
    self.identity = identity
    var generator = Generator(seed: seed)
    hashKey = SecretKey(using: &generator)
    let longest = configuration.tuples.valueLimit + ZGossipMessage.keyLimit + ZGossipMessage.publishOverhead
    messageLimit = max(Self.batchBytes, longest)
    replica = TupleReplica(
      identity: identity, rules: configuration.tuples, links: configuration.links,
      messageLimit: messageLimit - ZGossipMessage.headSize, seed: generator.next())
    links = FixedTable(count: configuration.links)
    formerValues = FormerValues(configuration)
    removedValues = RemovedValues()
  }

  /// The longest message between ours. Chosen here: what a socket takes at once.
  private static var batchBytes: Int { 64 << 10 }

  /// Says what time of day it is, in milliseconds since 1970 (UTC): to be said at every step or so.
  public mutating func setTimeOfDay(milliseconds: UInt64, now: Instant) {
    replica.setTimeOfDay(milliseconds: milliseconds, now: now)
  }

  /// Makes a buffer fit for this node's changes; to be done once for each buffer.
  public func prepare(_ changes: inout ChangeBuffer) { changes.valueKey = hashKey }

  // MARK: Connections

  /// Notes a new connection.
  ///
  /// - Parameter isLocal: It is inside of this process, where only nodes of ours are.
  /// - Returns: Its number; nil when there are as many as there may be, which is counted.
  public mutating func open(_ role: ZGossipRole, isLocal: Bool = false, now: Instant) -> Int? {
    for slot in 0..<links.count where links[slot].peer == .none {
      var link = ZGossipLink()
      link.peer = .unknown
      link.isClient = role == .client
      link.saysIdentity = isLocal && link.isClient
      link.owesHello = link.isClient
      link.owesPing = link.isClient
      link.nextAt = now + interval(link)
      links[slot] = link
      return slot
    }
    counters.linksRefused &+= 1
    return nil
  }

  /// Notes that a connection is no more.
  public mutating func close(_ slot: Int, now: Instant) {
    guard slot >= 0, slot < links.count else { return }
    if links[slot].isReading || links[slot].peer == .replica { replica.linkDown(slot, now: now) }
    links[slot] = ZGossipLink()
  }

  /// Whether the other end of a connection is one of ours; nil while that is not known.
  public func isOurs(_ slot: Int) -> Bool? {
    switch links[slot].peer {
    case .replica: true
    case .original: false
    case .none, .unknown, .ignored: nil
    }
  }

  /// How long this node is silent towards a server, and lets a client be silent.
  func interval(_ link: ZGossipLink) -> Nanoseconds {
    link.isClient ? configuration.timeout.asNanoseconds / 10 * 3 : configuration.silence.asNanoseconds
  }

  // MARK: Time

  /// Does what is due.
  public mutating func advance(now: Instant, into changes: inout ChangeBuffer) {
    let before = changes.count
    replica.advance(now: now, into: &changes)
    note(changes, from: before, now: now)
    for slot in 0..<links.count where links[slot].peer != .none {
      if now >= links[slot].passAt { beginPass(slot, now: now) }
      guard now >= links[slot].nextAt else { continue }
      links[slot].nextAt = now + interval(links[slot])
      switch (links[slot].isClient, links[slot].peer) {
      case (true, .original), (true, .unknown): links[slot].owesPing = true
      // Clients of the original pay no heed to a PONG; sending it shows whether there is one.
      case (false, _): links[slot].pongsOwed = max(1, links[slot].pongsOwed)
      default: links[slot].nextAt = .never
      }
    }
  }

  /// When `advance` must be called; `write` is to be asked after every call, too.
  public var nextDeadline: Instant {
    var deadline = replica.nextDeadline
    for slot in 0..<links.count where links[slot].peer != .none {
      deadline = min(deadline, min(links[slot].nextAt, links[slot].passAt))
    }
    return deadline
  }
}
