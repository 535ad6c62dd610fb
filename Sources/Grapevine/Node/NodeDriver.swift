// The core on a transport: the part that both forms of the API share.
//
// Receive what arrived, advance to the present, send until nothing is left: the driver does these steps when
// it is told to, and reads the clock once for each. It knows nothing about gossip.

import GrapevineCore
import GrapevineTransport

/// Steps a core over a transport.
///
/// One thread at a time uses it, and nothing it calls comes back to it, so runtime exclusivity checks, a
/// tenth of the way of a lone message, would find nothing.
final class NodeDriver {
  let transport: any DatagramTransport
  @exclusivity(unchecked) var node: Node
  @exclusivity(unchecked) var effects: Effects
  /// Datagrams at the head of `effects` that have left already.
  private var sentCount = 0
  /// Where others reach the node, when that is known.
  let advertised: Endpoint?
  /// What keeps the members over a restart, if anything does.
  let keeper: SnapshotKeeper?
  /// What keeps the tuples over a restart, if anything does.
  let tupleKeeper: TupleKeeper?
  /// Who signs for the node and checks for it, in a cluster whose members sign.
  let authority: (any FactAuthority)?
  /// Whether the node joins through members that it remembers, and not through contacts it was given.
  private var isReturning = false

  /// Creates a node that others reach at `advertised`, or else where the transport is bound when that is one place.
  init(
    configuration: Configuration, transport: any DatagramTransport, advertised: Endpoint? = nil,
    keeper: SnapshotKeeper? = nil, tupleKeeper: TupleKeeper? = nil, authority: (any FactAuthority)? = nil
  ) throws(ConfigurationError) {
    self.transport = transport
    self.advertised = advertised ?? transport.localEndpoint.ifConcrete
    self.keeper = keeper
    self.tupleKeeper = tupleKeeper
    self.authority = authority
    try configuration.validate()
    var configuration = configuration
    configuration.membership?.identityKey = authority?.publicKey ?? []
    configuration.leaveRoom(transport.overhead)
    var entropy = SystemRandomNumberGenerator()
    node = try Node(
      configuration: configuration, identity: MemberID(entropy.next()), seed: entropy.next(),
      receiveWindow: transport.receiveWindow, advertised: self.advertised)
    effects = Effects(for: configuration)
    if let keeper { node.recall(keeper.recalled) }
    recallTuples()
  }

  /// Takes one batch of datagrams from the transport.
  ///
  /// - Returns: The number of datagrams taken; 0 when none waited.
  func receive() -> Int {
    let count = transport.receive()
    guard count > 0 else { return 0 }
    let now = MonotonicClock.now()
    for index in 0..<count {
      if transport.isTruncated(index) {
        node.receiveTruncated()
      } else {
        node.receive(
          transport.datagram(index).bytes, from: transport.source(index), now: now, into: &effects)
        settleFacts(now: now)
      }
    }
    // Answers to strangers are not kept: what fills the buffer leaves before the next batch comes.
    if !effects.datagrams.hasRoom { _ = send(now: now) }
    return count
  }

  /// Does what is due and sends all there is to send.
  ///
  /// - Returns: False when the transport takes no more for now.
  func advance() -> Bool {
    let now = MonotonicClock.now()
    node.setTimeOfDay(milliseconds: WallClock.milliseconds(), now: now)
    node.advance(now: now, into: &effects)
    keeper?.advance(now: now) { node.memberSnapshot }
    return send(now: now)
  }

  /// Signs what is to be signed, and checks what is to be checked.
  private func settleFacts(now: Instant) {
    guard let authority else { return }
    node.settleFacts(with: authority, now: now, into: &effects)
  }

  /// Sends all there is to send.
  ///
  /// - Returns: False when the transport takes no more for now.
  func send(now: Instant) -> Bool {
    settleFacts(now: now)
    while true {
      let more = node.flush(now: now, into: &effects)
      guard effects.datagrams.count > 0 else { return true }
      sentCount += transport.send(effects.datagrams, from: sentCount)
      guard sentCount >= effects.datagrams.count else { return false }
      effects.removeDatagrams()
      sentCount = 0
      if !more { return true }
    }
  }

  /// Joins through whichever of `contacts` answers first; with none, through members that are remembered, and
  /// founds a cluster when there are none of these either.
  func join(_ contacts: [Endpoint]) {
    var chosen = contacts
    if let keeper, node.lifecycle == .initialized || node.lifecycle == .disconnected {
      keeper.rejoin()
      if contacts.isEmpty { chosen = keeper.contacts(without: advertised) }
      isReturning = contacts.isEmpty && !chosen.isEmpty
    }
    node.join(chosen, now: MonotonicClock.now(), into: &effects)
    settleFacts(now: MonotonicClock.now())
  }

  func leave() {
    if node.lifecycle == .connected { keeper?.part(node.memberSnapshot) }
    node.leave(now: MonotonicClock.now(), into: &effects)
    settleFacts(now: MonotonicClock.now())
  }

  func setTags(_ tags: [String: String]) throws(MemberDataError) {
    try node.setTags(tags, now: MonotonicClock.now())
    settleFacts(now: MonotonicClock.now())
    keeper?.noteChange()
  }

  /// Ends the node: nothing is sent or delivered any more.
  func destroy() {
    if node.lifecycle != .destroyed { tupleKeeper?.part(sharedAt: node.tuplesSharedAt) }
    node.destroy(into: &effects)
  }

  func resumeDelivery() {
    node.resumeDelivery(now: MonotonicClock.now())
  }

  func broadcast(
    _ payload: UnsafeRawBufferPointer, _ handling: Outbox.Handling, now: Instant
  ) throws(BroadcastError) -> UInt64 {
    guard !handling.isPlain else {
      return try node.broadcast(payload, level: handling.level, isTagged: handling.isTagged, now: now)
    }
    return try node.broadcast(
      payload, topic: handling.topic, order: handling.order, level: handling.level,
      isTagged: handling.isTagged, now: now)
  }

  /// When to advance at the latest.
  var nextDeadline: Instant {
    min(node.nextDeadline, keeper?.deadline ?? .never, tupleKeeper?.deadline ?? .never)
  }

  /// Takes the events that happened since the last call.
  func takeEvents() -> [Event] {
    guard !effects.events.isEmpty else { return [] }
    var events = effects.events
    effects.removeEvents()
    if isReturning { settleReturn(&events) }
    keeper?.note(events)
    return events
  }

  /// Founds the cluster anew when none of the members that are remembered answered: they may all be starting like
  /// this one, and are looked for from time to time.
  private func settleReturn(_ events: inout [Event]) {
    guard events.contains(.joinFailed) else {
      if node.lifecycle != .joining { isReturning = false }
      return
    }
    isReturning = false
    // To the application this is still one attempt to join.
    events.removeAll { $0 == .joinFailed || $0 == .lifecycle(.disconnected) }
    node.join([], now: MonotonicClock.now(), into: &effects)
    events += effects.events.filter { $0 != .lifecycle(.joining) }
    effects.removeEvents()
  }

  /// What to write of the members when the node has left; nil when there is nothing.
  func lastSnapshot() -> StoredSnapshot? { keeper?.last(node.memberSnapshot) }

  func removeDeliveries() { effects.removeDeliveries() }

  func exchangeDeliveries(_ other: inout DeliveryBuffer) { effects.exchangeDeliveries(&other) }
}
