// A peer of the Clojure gossip: what its parts are and what its user asks of it.
//
// The wire has no keep notice, no acknowledgement and no numbers. What can be known is inferred: whoever sends a
// heartbeat, a message or a subscription sends it to the members of its view, and so holds this peer. A heartbeat
// is the keep notice too: whoever takes a subscriber into the view sends it one at once.

import GrapevineCore
import GrapevineDialect

/// A peer of the Clojure gossip, by the rules of SCAMP.
public struct ClojureGossipEngine: ~Copyable, DialectEngine {
  /// How it is set up.
  public let configuration: ClojureGossipConfiguration
  /// Where others reach it: the address that they see its datagrams come from.
  public let address: Endpoint
  /// Where the peer is in its life. The wire has no answer to a subscription, so that joining takes no time.
  public internal(set) var lifecycle = Lifecycle.initialized
  /// What happened so far.
  public internal(set) var counters = DialectCounters()

  /// A member of the view.
  struct Arc {
    let endpoint: Endpoint
    /// When its lease ends.
    var until: Instant
    /// Who had us take it.
    let introducer: Endpoint
    /// Whether anything ever came from it.
    var hasShown: Bool
  }

  /// What waits to be sent.
  struct Outgoing {
    let destination: Endpoint
    let bytes: [UInt8]
    let isCopy: Bool
  }

  var generator: Generator
  var view: [Arc] = []
  var peers: ClojurePeers
  /// What may still be treated of subscriptions.
  var subscriptions: ClojureBudget
  var texts: RecentTexts
  var queue: [Outgoing] = []
  var contacts: [Endpoint] = []
  /// Subscriptions sent since joining, while nobody has shown that it holds this peer.
  var contactAttempts = 0
  /// Checks that are left until this peer takes itself for isolated.
  var beatsLeft = Self.firstBeats
  var contactAt = Instant.never
  var heartbeatAt = Instant.never
  var checkAt = Instant.never
  var renewAt = Instant.never
  /// When a renewal that nobody answered is tried again, and how often it was.
  var confirmAt = Instant.never
  var renewals = 0

  /// Checks without a heartbeat until a newcomer takes itself for isolated; the original's constant.
  static var firstBeats: Int { 5 }
  /// Checks until a peer does that got a heartbeat; the original's constant.
  static var beats: Int { 10 }

  /// Creates a peer.
  ///
  /// - Parameters:
  ///   - configuration: Its limits and times.
  ///   - address: Where others reach it: IPv4, and the very address that its datagrams come from.
  ///   - seed: The seed of its choices.
  /// - Throws: `DialectError.addressUnusable` when the wire cannot name `address`.
  public init(
    configuration: ClojureGossipConfiguration = .init(), address: Endpoint, seed: UInt64
  ) throws(DialectError) {
    guard address.isUsable, address.ipv4 != nil else { throw .addressUnusable(address) }
    (self.configuration, self.address) = (configuration, address)
    generator = Generator(seed: seed)
    peers = ClojurePeers(limit: configuration.peerLimit, rate: configuration.peerRate)
    subscriptions = ClojureBudget(rate: configuration.subscriptionRate, now: Instant())
    texts = RecentTexts(
      lifetime: configuration.textLifetime.asNanoseconds, limit: configuration.textLimit)
  }

  /// The longest payload that `broadcast` takes, in bytes: 504, what the original's buffer leaves.
  public var payloadLimit: Int { ClojureDatagram.payloadLimit }

  /// The members of its view, to which it sends.
  public var partialView: [Endpoint] { view.map(\.endpoint) }

  /// Those who hold it in their views, as far as they have shown of late.
  public func inView(now: Instant) -> [Endpoint] { peers.holders(since: holdersSince(now)) }

  /// The peers it knows: its view, and who holds it.
  public var members: [Endpoint] {
    let holders = peers.holders(since: Instant()).filter { !holds($0) }
    return partialView + holders
  }

  /// When `advance` must be called next.
  public var nextDeadline: Instant {
    if !queue.isEmpty || lifecycle == .leaving { return Instant() }
    guard lifecycle == .connected else { return .never }
    let ends = view.reduce(Instant.never) { min($0, $1.until) }
    return min(min(contactAt, heartbeatAt), min(min(checkAt, ends), min(renewAt, confirmAt)))
  }

  /// Subscribes at the first of `contacts`, and at the next ones while nobody shows that it holds this peer; with
  /// none, founds a cluster. It is a member at once, for the wire has no answer.
  ///
  /// - Throws: `DialectError.alreadyJoined`; `addressUnusable` for a contact that is not IPv4 or that it is itself.
  public mutating func join(_ contacts: [Endpoint], now: Instant) throws(DialectError) {
    guard lifecycle == .initialized || lifecycle == .disconnected else { throw .alreadyJoined }
    for contact in contacts where contact.ipv4 == nil || !contact.isUsable || contact == address {
      throw .addressUnusable(contact)
    }
    (self.contacts, lifecycle, beatsLeft) = (contacts, .connected, Self.firstBeats)
    heartbeatAt = now + max(1_000_000, configuration.heartbeatInterval.asNanoseconds)
    checkAt = now + max(1_000_000, configuration.checkInterval.asNanoseconds)
    guard !contacts.isEmpty else { return }
    contactAttempts = 0
    tryContact(now: now)
  }

  /// Takes a message to spread among all members. It is sent once to each member of the view, and nothing repairs
  /// what is lost.
  ///
  /// - Returns: Its number among this peer's messages, from 1; the wire does not carry it.
  /// - Throws: `notConnected`, `payloadTooLong`, `wouldBlock`, `nobodyKnown`, and `payloadUnfit` for what is empty,
  ///   not UTF-8, has two hyphens in a row, or was sent or heard of late, since the text is all that a message is
  ///   known by.
  @discardableResult
  public mutating func broadcast(
    _ payload: UnsafeRawBufferPointer, now: Instant
  ) throws(DialectError) -> UInt64 {
    guard lifecycle == .connected else { throw .notConnected }
    guard payload.count <= payloadLimit else {
      throw .payloadTooLong(length: payload.count, limit: payloadLimit)
    }
    let text = Array(payload)
    guard ClojureDatagram.carries(text) else {
      throw .payloadUnfit("it is empty, not UTF-8, or has two hyphens in a row")
    }
    guard !texts.contains(text, now: now) else {
      throw .payloadUnfit("the same text was sent or heard of late")
    }
    guard !view.isEmpty else { throw .nobodyKnown }
    guard configuration.outboundLimit - queue.count >= view.count else { throw .wouldBlock }
    texts.insert(text, now: now)
    for arc in view { send(.gossip(text), to: arc.endpoint) }
    counters.broadcasts += 1
    return counters.broadcasts
  }

  /// Parts from the cluster: of those who hold this peer all but c+1 are given a member of its view instead, the
  /// others and the view are told to drop it.
  public mutating func leave(now: Instant) {
    guard lifecycle == .connected else { return }
    unsubscribe(now: now)
    lifecycle = .leaving
  }

  /// Does what is due and writes the datagrams that wait.
  public mutating func advance(now: Instant, into effects: inout DialectEffects) {
    if lifecycle == .connected { keepUp(now: now) }
    var written = 0
    while written < queue.count, effects.datagrams.hasRoom {
      let outgoing = queue[written]
      written += 1
      let isTaken = outgoing.bytes.withUnsafeBytes { effects.datagrams.append($0, to: outgoing.destination) }
      // One that is too long for the sink can never leave.
      guard isTaken else { continue }
      counters.datagramsSent &+= 1
      if outgoing.isCopy { counters.copiesSent &+= 1 }
    }
    queue.removeFirst(written)
    guard lifecycle == .leaving, queue.isEmpty else { return }
    lifecycle = .disconnected
    (view, contacts) = ([], [])
    peers = ClojurePeers(limit: configuration.peerLimit, rate: configuration.peerRate)
    (contactAt, heartbeatAt, checkAt) = (.never, .never, .never)
    (renewAt, confirmAt) = (.never, .never)
  }

  /// Queues a message; one that has no room is counted and lost.
  mutating func send(_ message: ClojureMessage, notes: [String] = [], to destination: Endpoint) {
    guard queue.count < configuration.outboundLimit else {
      counters.droppedExcess &+= 1
      return
    }
    let isCopy = if case .gossip = message { true } else { false }
    // What originals do not know goes to those only of whom it is known that they are none.
    let notes = configuration.ours.contains(destination) ? notes.map { Array($0.utf8) } : []
    queue.append(
      Outgoing(
        destination: destination, bytes: ClojureDatagram(message, notes: notes).bytes, isCopy: isCopy))
  }

  func holds(_ endpoint: Endpoint) -> Bool { view.contains { $0.endpoint == endpoint } }

  /// Whether anything came from a peer of what members send, as far as is remembered.
  func hasShown(_ endpoint: Endpoint) -> Bool { peers[endpoint]?.holdsAt != nil }

  func isOurs(_ endpoint: Endpoint) -> Bool { configuration.ours.contains(endpoint) }

  /// Holders that were not heard for longer than this are not counted on: three heartbeats.
  func holdersSince(_ now: Instant) -> Instant {
    let span = configuration.heartbeatInterval.asNanoseconds.multipliedReportingOverflow(by: 3)
    guard !span.overflow, now.nanoseconds > span.partialValue else { return Instant() }
    return Instant(nanoseconds: now.nanoseconds - span.partialValue)
  }
}
