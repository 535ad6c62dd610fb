// The node for programs that own their loop.

import GrapevineCore
import GrapevineTransport

/// A member of a gossip cluster without a thread: the caller receives, sends and ticks.
///
/// The loop of a caller: wait until `fileDescriptor` is readable or the time that `tick` returned has
/// passed; then `receive`, `tick`, `send`. Not for use by two threads at once. Nothing happens between calls.
///
/// Freeing it closes the socket without a word to the neighbours; call `leave` and go on until `lifecycle` is
/// `disconnected` to part properly.
public final class DrivenNode {
  let driver: NodeDriver
  private var isReporting = false
  /// Called by `receive` for every delivered message; its bytes are valid during the call.
  public var onMessage: ((MemberID, UInt64, DeliveryLevel, UnsafeRawBufferPointer) -> Void)?
  /// Called by `receive` and `tick` for every delivered message that has a topic, which comes first; while nil,
  /// `onMessage` is.
  public var onTopicMessage: ((String, MemberID, UInt64, UnsafeRawBufferPointer) -> Void)?
  /// Called by `receive` and `tick` for every event.
  public var onEvent: ((Event) -> Void)?
  /// Called by `receive` and `tick`, after `onEvent`, for everything that becomes of a member.
  public var onMember: ((MemberEvent) -> Void)?
  /// Called for everything that becomes of a tuple, by `receive` and `tick`, and by `publish` and `removeTuple` for
  /// what they do; what a callback writes is told with the next of these calls.
  public var onTupleChange: ((TupleChange) -> Void)? {
    didSet { driver.wantChanges(onTupleChange != nil) }
  }

  /// Called by `receive` and `tick` for every message, question and answer that a member says to this one; the bytes
  /// are valid during the call.
  public var onDirect: ((DirectBuffer.Record, UnsafeRawBufferPointer) -> Void)?
  /// Called by `receive` and `tick` for what became of what this node said and asked.
  public var onOutcome: ((DirectOutcome) -> Void)?
  /// Called by `receive`, `tick` and `broadcast` for everything that becomes of a large message.
  public var onTransfer: ((TransferUpdate) -> Void)?

  /// Creates a node bound to a UDP address; it is not a member yet.
  ///
  /// - Parameters:
  ///   - bind: `host:port` or a multiaddress; port 0 takes a free port.
  ///   - advertise: The address others reach this node at, where it differs from the bound one; port 0 stands for
  ///     the bound port.
  ///   - configuration: The limits and times of the protocol.
  ///   - dataDirectory: Where the node keeps its members over a restart; see `GossipNode.Configuration`.
  ///   - layer: What is done to every datagram on its way; see `GossipNode.Configuration`.
  ///   - signer: Who signs what the node says of itself; see `GossipNode.Configuration`.
  /// - Throws: `TransportError` when the address cannot be used, `AddressError` when others cannot reach the node at
  ///   the one to advertise, `ConfigurationError` when a limit is invalid, `SnapshotError` when the data directory
  ///   cannot be used.
  public convenience init(
    bind: String, advertise: String? = nil, configuration: Configuration = .init(),
    dataDirectory: String? = nil, layer: (any DatagramLayer)? = nil, signer: (any FactAuthority)? = nil
  ) throws {
    let socket = try UDPTransport(bind: bind)
    let transport = try layer?.wrap(socket) ?? socket
    let advertised = try advertise.map { try Endpoint.advertised($0, bound: transport.localEndpoint) }
    try self.init(
      transport: transport, advertised: advertised, configuration: configuration,
      dataDirectory: dataDirectory, signer: signer)
  }

  /// Creates a node on any transport.
  ///
  /// - Parameters:
  ///   - transport: What carries its datagrams.
  ///   - advertised: Where others reach this node, where that differs from `transport.localEndpoint`.
  ///   - configuration: The limits and times of the protocol.
  ///   - dataDirectory: Where the node keeps its members over a restart; see `GossipNode.Configuration`.
  ///   - signer: Who signs what the node says of itself; see `GossipNode.Configuration`.
  /// - Throws: `ConfigurationError` when a limit is invalid, `SnapshotError` when the data directory cannot be used.
  public init(
    transport: any DatagramTransport, advertised: Endpoint? = nil, configuration: Configuration = .init(),
    dataDirectory: String? = nil, signer: (any FactAuthority)? = nil
  ) throws {
    let keeper = try SnapshotKeeper(directory: dataDirectory, for: configuration)
    driver = try NodeDriver(
      configuration: configuration, transport: transport, advertised: advertised, keeper: keeper,
      authority: signer)
  }

  /// The identity of this run of the node.
  public var identity: MemberID { driver.node.identity }
  /// Where the node is bound; the port is the real one.
  public var localEndpoint: Endpoint { driver.transport.localEndpoint }
  /// The descriptor to wait on for reading.
  public var fileDescriptor: Int32 { driver.transport.fileDescriptor }
  /// Where the node is in its life.
  public var lifecycle: Lifecycle { driver.node.lifecycle }
  /// What happened so far.
  public var counters: Counters { driver.node.counters }
  /// What the transport has done so far.
  public var transportCounters: TransportCounters { driver.transport.counters }
  /// The number of neighbours.
  public var neighbourCount: Int { driver.node.neighbourCount }
  /// The longest payload of a message that travels in a datagram, in bytes; longer ones travel as fragments.
  public var payloadLimit: Int { driver.node.configuration.payloadLimit }
  /// The longest payload of a message, in bytes.
  public var largeLimit: Int { driver.node.configuration.transfers?.limit ?? payloadLimit }
  /// The longest payload of a message with a topic or an order, and the topic together, that travels in a datagram, in
  /// bytes.
  public var orderedPayloadLimit: Int {
    driver.node.configuration.orderedPayloadLimit(topicLength: 0)
  }

  /// What became of the members that the node kept in its data directory in an earlier run.
  public var snapshotRecovery: SnapshotRecovery { driver.keeper?.recovery ?? .none }
  /// Times that the members could not be written to the data directory; each is tried again.
  public var snapshotFailures: UInt64 { driver.keeper?.writer.record.failures ?? 0 }
  /// Why that failed the last time; nil when it did not.
  public var snapshotFailure: String? { driver.keeper?.writer.record.lastFailure }

  /// Every member that is known, this node and those that are gone but remembered included, by name or address
  /// text.
  public var members: [Member] { Member.sorted(driver.node.members) }
  /// How many members there are, by what is thought of them; cheaper than `members`.
  public var memberCounts: MemberCounts { driver.node.memberCounts }
  /// This node as a member; nil while it does not know its own address.
  public var ownMember: Member? { driver.ownMember }
  /// Lifeguard's local health multiplier, which is how much this node doubts itself: 0, well, to 8.
  public var localHealth: Int { driver.node.localHealth }

  /// The member of the given id; nil when it is not known.
  public func member(_ id: StableID) -> Member? { driver.node.member(id) }

  /// The member of the given name or at the given address, written as `host:port` with a numeric host; of several
  /// at one address the one that lives. Nil when none is known.
  public func member(named text: String) -> Member? { driver.member(named: text) }

  /// Says something else of this node from now on: replaces all tags.
  ///
  /// - Throws: `MemberDataError` when they take more than `Member.tagLimit` bytes; then nothing changed.
  public func setTags(_ tags: [String: String]) throws(MemberDataError) {
    try driver.setTags(tags)
    report()
  }

  /// Joins through whichever of `contacts` answers first; with none, founds a cluster, or returns to the members in
  /// the data directory as `GossipNode.join` does. The outcome is an event.
  public func join(_ contacts: [Endpoint]) {
    driver.join(contacts)
    report()
  }

  /// Leaves after handing over what neighbours lack; `lifecycle` becomes `disconnected` within
  /// `leaveTimeout`. With a data directory, the call that makes it so waits until the members are on the disk.
  public func leave() {
    driver.leave()
    report()
  }

  /// Ends the node without a word to others; `leave` first, and wait until it is disconnected, to part properly.
  /// Nothing is sent or delivered any more.
  public func destroy() {
    driver.destroy()
    report()
  }

  /// Takes one batch of datagrams and delivers their messages. Does nothing when called from a callback.
  ///
  /// - Returns: The number of datagrams taken; 0 when none waited.
  @discardableResult
  public func receive() -> Int {
    guard !isReporting else { return 0 }
    let count = driver.receive()
    report()
    return count
  }

  /// Takes a message to broadcast; it leaves with the next `send`. One that is longer than `payloadLimit` leaves as
  /// fragments with this and later calls of `send`, always at the reliable level.
  ///
  /// - Returns: Its sequence number.
  /// - Throws: `BroadcastError`; with `wouldBlock`, receive and send before trying again.
  @discardableResult
  public func broadcast(
    _ payload: UnsafeRawBufferPointer, level: DeliveryLevel = .reliable
  ) throws(BroadcastError) -> UInt64 {
    guard payload.count <= max(payloadLimit, largeLimit) else { throw .tooLarge(limit: largeLimit) }
    guard payload.count > payloadLimit else {
      return try driver.broadcast(payload, Outbox.Handling(level: level), now: MonotonicClock.now())
    }
    guard let content = LargeContent(copying: payload) else { throw .wouldBlock }
    return try driver.broadcast(large: content, LargeHandling()).sequence
  }

  /// Cancels a large message: one of this node everywhere where it is not complete yet, one of another member here.
  ///
  /// - Returns: False when it is complete, or not known.
  @discardableResult
  public func cancelTransfer(_ id: TransferID) -> Bool {
    defer { report() }
    return driver.cancelTransfer(id)
  }

  /// Sends what is to be sent.
  ///
  /// - Returns: False when the socket takes no more for now: wait until it is writable and send again.
  @discardableResult
  public func send() -> Bool { driver.send(now: MonotonicClock.now()) }

  /// Does what is due: retries, keepalives, repair.
  ///
  /// - Returns: The time until it must be called again; nil when only input can change anything.
  @discardableResult
  public func tick() -> Duration? {
    _ = driver.advance()
    report()
    let deadline = driver.nextDeadline
    guard deadline != .never else { return nil }
    return .nanoseconds(Int64(clamping: deadline.since(MonotonicClock.now())))
  }

  /// Tells what happened. Calls made from within a callback report nothing themselves: the outer one goes on.
  private func report() {
    guard !isReporting else { return }
    isReporting = true
    defer { isReporting = false }
    let count = driver.effects.deliveries.count
    for index in 0..<count {
      let record = driver.effects.deliveries.record(index)
      if record.topicLength > 0, let onTopicMessage {
        let topic = String(decoding: driver.effects.deliveries.topic(index), as: UTF8.self)
        onTopicMessage(topic, record.origin, record.sequence, driver.effects.deliveries.payload(index))
      } else {
        onMessage?(record.origin, record.sequence, record.level, driver.effects.deliveries.payload(index))
      }
    }
    if count > 0 { driver.removeDeliveries() }
    let events = driver.takeEvents()
    if driver.node.lifecycle == .disconnected, events.contains(.lifecycle(.disconnected)),
      let last = driver.lastSnapshot()
    {
      driver.keeper?.writer.writeNow(last)
    }
    for event in events {
      let memberEvent = onMember == nil ? nil : driver.memberEvent(of: event)
      onEvent?(event)
      if let memberEvent { onMember?(memberEvent) }
    }
    for update in driver.takeTransferUpdates() { onTransfer?(update) }
    reportTuples()
    reportDirect()
  }

  private func reportDirect() {
    for index in 0..<driver.effects.direct.count {
      onDirect?(driver.effects.direct.record(index), driver.effects.direct.payload(index))
    }
    driver.effects.removeDirect()
    let outcomes = driver.effects.outcomes
    driver.effects.removeOutcomes()
    for outcome in outcomes { onOutcome?(outcome) }
  }

  /// Has the node carry out a command, and reports what follows from it.
  func command<Result>(
    _ body: (inout Node, Instant) throws(DirectError) -> Result
  ) throws(DirectError) -> Result {
    let result = try body(&driver.node, MonotonicClock.now())
    report()
    return result
  }

  private func reportTuples() {
    guard driver.effects.changes.count > 0 else { return }
    // Collected first: a callback may write, which changes the buffer.
    var changes: [TupleChange] = []
    driver.takeChanges { _, make in changes.append(make()) }
    guard let onTupleChange else { return }
    for change in changes { onTupleChange(change) }
  }
}

// Tuples.
extension DrivenNode {
  /// Writes a tuple: it counts here at once, and leaves with the next `send`; see `Tuples.publish` for what it
  /// means.
  ///
  /// - Returns: Which write it is.
  /// - Throws: `TupleError`, and nothing changed; with `wouldBlock`, receive and send before trying again.
  @discardableResult
  public func publish(
    _ key: TupleKey, _ value: [UInt8], lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil
  ) throws(TupleError) -> TupleVersion {
    let version = try driver.publish(value, at: key, lifetime: lifetime, if: condition)
    report()
    return version
  }

  /// Removes a tuple.
  ///
  /// - Returns: Which write the removal is; nil when this node knows no such tuple, and nothing was removed.
  /// - Throws: `TupleError`, and nothing changed; with `wouldBlock`, receive and send before trying again.
  @discardableResult
  public func removeTuple(
    _ key: TupleKey, if condition: TupleCondition? = nil
  ) throws(TupleError) -> TupleVersion? {
    let version = try driver.removeTuple(key, if: condition)
    report()
    return version
  }

  /// The tuple of a key, as far as this node knows; nil when there is none.
  public func tuple(_ key: TupleKey) -> Tuple? { driver.tuple(at: key) }

  /// The tuples whose keys begin with `prefix`, in order of their keys; all of them by default.
  public func tuples(prefix: TupleKey = "") -> [Tuple] { driver.node.tuples(prefix: prefix.bytes) }

  /// The number of tuples that this node knows.
  public var tupleCount: Int { driver.node.tupleCount }
}
