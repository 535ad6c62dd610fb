// The node as an application meets it.

import GrapevineCore
import GrapevineTransport

/// A member of a gossip cluster.
///
/// The node runs on a thread of its own, which is also the executor of this actor. It ends with `leave`,
/// which hands over what neighbours lack, or when the last reference goes; neither leaves a thread or a
/// descriptor behind.
public actor GossipNode {
  /// What a node has done.
  public struct Statistics: Sendable, Equatable {
    /// The counts of the protocol.
    public var core: Counters
    /// The counts of the transport.
    public var transport: TransportCounters
    /// Messages dropped because nobody had ever asked for messages.
    public var unread: UInt64
    /// Typed messages whose value could not be decoded.
    public var undecodable: UInt64
    /// Events that a reader of `events()` or `members` lost by falling behind.
    public var eventsLost: UInt64
    /// Times the members were written to the data directory.
    public var snapshotsWritten: UInt64
    /// Times that failed; each is tried again.
    public var snapshotFailures: UInt64
    /// Why it failed the last time; nil when it did not.
    public var snapshotFailure: String?
    /// What the store of tuples has done; nil without one.
    public var tupleStore: TupleStoreStatistics?
  }

  /// A neighbour: a member with which the node has a link.
  public struct Neighbour: Sendable, Equatable {
    /// Who it is.
    public var member: MemberID
    /// Where it is, as `host:port`.
    public var address: String
    /// The smoothed round-trip time; zero before the first measurement.
    public var roundTrip: Duration
  }

  /// The identity of this run of the node.
  public nonisolated let identity: MemberID
  /// Where the node is bound; the port is the real one.
  public nonisolated let localEndpoint: Endpoint
  /// The longest payload of a message that travels in a datagram, in bytes; longer ones travel as fragments.
  public nonisolated let payloadLimit: Int
  /// The longest payload of a message, in bytes.
  public nonisolated let largeLimit: Int
  /// The longest payload of a message with a topic or an order, and the topic together, that travels in a datagram, in
  /// bytes; longer ones travel as fragments.
  public nonisolated let orderedPayloadLimit: Int
  /// The longest payload of a message to one member, of an answer, and of a question to members that are named, in bytes.
  public nonisolated let directLimit: Int
  /// The longest payload of a question to all members, or to those with a tag, in bytes.
  public nonisolated let questionLimit: Int
  /// What became of the members that the node kept in its data directory in an earlier run.
  public nonisolated let snapshotRecovery: SnapshotRecovery
  /// What became of the tuples that the node kept in its store in an earlier run.
  public nonisolated let tupleRecovery: TupleRecovery

  nonisolated let loop: EventLoop
  nonisolated let client: NodeClient
  nonisolated let outbox: Outbox
  nonisolated let tupleWriter: TupleWriter?
  /// The node's place among Unix sockets; nil for a node of a network.
  nonisolated let seat: UnixSeat?

  /// The node's thread as executor: tasks that prefer it run there, without a change of thread for each
  /// message.
  ///
  /// What runs there must not block or compute for long: the node does nothing else meanwhile.
  public nonisolated var executor: any TaskExecutor { loop }

  /// Whether the caller is on the node's thread and may call the client as the actor does.
  nonisolated var isDirect: Bool { loop.isCurrent && !client.isStepping }

  /// The node's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  /// Creates a node bound to an address; it is not a member yet.
  ///
  /// - Throws: `TransportError` when the address cannot be used, `AddressError` when others cannot reach the node at
  ///   the one to advertise, `ConfigurationError` when a limit is invalid, `SnapshotError` when the data directory
  ///   cannot be used, `TupleStoreError` when the store of tuples cannot, and what `layer` throws.
  public init(_ configuration: Configuration = .init()) async throws {
    let transport = try configuration.openTransport()
    let lossy: any DatagramTransport =
      configuration.injectedLoss > 0
      ? LossyTransport(transport, loss: configuration.injectedLoss) : transport
    let carrier = try configuration.layer?.wrap(lossy) ?? lossy
    let advertised = try configuration.advertise.map {
      try Endpoint.advertised($0, bound: transport.localEndpoint)
    }
    try self.init(
      configuration.core, transport: carrier, advertised: advertised,
      dataDirectory: configuration.dataDirectory, tupleKeeper: try await .open(configuration.tupleStorage),
      signer: configuration.signer, seat: (transport as? StreamTransport)?.seat)
  }

  /// Creates a node on an in-memory network, with a layer around its datagrams and a signer if they are given.
  ///
  /// - Throws: `TransportError` when the network has no free port, `ConfigurationError` when a limit is
  ///   invalid, `SnapshotError` when the data directory cannot be used, `TupleStoreError` when the store of tuples
  ///   cannot.
  public init(
    on network: MemoryNetwork, port: UInt16 = 0, core: GrapevineCore.Configuration = .init(),
    dataDirectory: String? = nil, tupleStorage: (any TupleStorage)? = nil,
    layer: (any DatagramLayer)? = nil, signer: (any FactAuthority)? = nil
  ) async throws {
    let transport = try network.bind(port: port)
    try self.init(
      core, transport: layer?.wrap(transport) ?? transport, advertised: nil, dataDirectory: dataDirectory,
      tupleKeeper: try await .open(tupleStorage), signer: signer)
  }

  private init(
    _ core: GrapevineCore.Configuration, transport: any DatagramTransport, advertised: Endpoint?,
    dataDirectory: String?, tupleKeeper: TupleKeeper?, signer: (any FactAuthority)?, seat: UnixSeat? = nil
  ) throws {
    self.seat = seat
    loop = try EventLoop()
    let keeper = try SnapshotKeeper(directory: dataDirectory, for: core)
    snapshotRecovery = keeper?.recovery ?? .none
    client = try NodeClient(
      configuration: core, transport: transport, advertised: advertised, keeper: keeper,
      tupleKeeper: tupleKeeper, signer: signer)
    tupleWriter = tupleKeeper?.writer
    tupleRecovery = tupleKeeper?.recovery ?? .none
    outbox = client.outbox
    identity = client.driver.node.identity
    localEndpoint = transport.localEndpoint
    payloadLimit = client.driver.node.configuration.payloadLimit
    largeLimit = core.transfers?.limit ?? payloadLimit
    directLimit = client.driver.node.configuration.directLimit
    questionLimit = client.driver.node.configuration.questionLimit
    orderedPayloadLimit = client.driver.node.configuration.orderedPayloadLimit(topicLength: 0)
    let loop = loop
    client.inbox.setOnRoom { [weak loop] in loop?.wake() }
    client.desk.messages.setOnRoom { [weak loop] in loop?.wake() }
    client.desk.questions.setOnRoom { [weak loop] in loop?.wake() }
    client.desk.node = WeakNode(node: self)
    tupleWriter?.setOnFailure { [weak loop] in loop?.wake() }
    try loop.watch(transport.fileDescriptor)
    loop.attach(client)
  }

  deinit {
    loop.stop()
    client.finish()
  }
}

// Membership.
extension GossipNode {
  /// Where the node is in its life.
  public var lifecycle: Lifecycle { client.driver.node.lifecycle }

  /// Joins a cluster through whichever member answers first; with no address, founds one.
  ///
  /// With no address and members in the data directory, joins through those of them that answer; when none does
  /// within `joinTimeout`, founds the cluster anew, and goes on looking for them.
  ///
  /// - Parameter addresses: `host:port` or multiaddresses; host names are looked up, which may take a while. For a
  ///   node on Unix sockets `unix:DIRECTORY/NUMBER` or, in its own directory, `unix:NUMBER`. One that cannot be looked
  ///   up, or reached by this node's transport, is passed over as long as there is another.
  /// - Throws: `AddressError` when there is no address left, or `JoinError` when no contact answers within
  ///   `joinTimeout` or another member has the node's name.
  public nonisolated func join(_ addresses: [String] = []) async throws {
    // Off the node's thread: a name server may take its time.
    var contacts: [Endpoint] = []
    var failure: AddressError?
    for address in addresses {
      do throws(AddressError) {
        contacts += try self.contacts(at: address)
      } catch {
        failure = error
      }
    }
    if contacts.isEmpty, let failure { throw failure }
    try await join(endpoints: contacts)
  }

  /// Joins a cluster through whichever member answers first; with no endpoint, does as `join` with no address.
  ///
  /// - Throws: `JoinError` when no contact answers within `joinTimeout` or another member has the node's name;
  ///   `CancellationError` when the task is cancelled before a contact answers.
  public func join(endpoints contacts: [Endpoint]) async throws {
    guard !client.hasLeft else { throw JoinError.hasLeft }
    guard lifecycle == .initialized || lifecycle == .disconnected else { throw JoinError.alreadyJoined }
    let outcome = await withTaskCancellationHandler {
      await withCheckedContinuation { client.join(contacts, $0) }
    } onCancel: {
      Task { await self.giveUpJoining() }
    }
    guard !outcome.isConnected else { return }
    if let holder = outcome.nameHolder {
      throw JoinError.nameTaken(name: client.name ?? localEndpoint.text, by: holder.text)
    }
    try Task.checkCancellation()
    throw JoinError.noContactAnswered(contacts.map(\.text))
  }

  private func giveUpJoining() { client.giveUpJoining() }

  /// Leaves the cluster after sending what was broadcast and handing over what neighbours lack, each within
  /// `leaveTimeout`; ends `messages`, `events()` and what `members` and `tuples` tell. What is
  /// kept in the data directory and in the store of tuples is on the disk then, and both are free for another node.
  public func leave() async {
    await withCheckedContinuation { client.leave($0) }
    await client.driver.keeper?.writer.finish(client.driver.lastSnapshot())
    await tupleWriter?.finish()
    seat?.release()
  }

  /// The present neighbours.
  public var neighbours: [Neighbour] {
    client.driver.node.neighbours.map { neighbour in
      Neighbour(
        member: neighbour.member, address: neighbour.endpoint.text,
        roundTrip: .nanoseconds(Int64(clamping: neighbour.roundTrip)))
    }
  }

  /// What the node has done so far.
  public var statistics: Statistics {
    let snapshots = client.driver.keeper?.writer.record ?? .init()
    return Statistics(
      core: client.driver.node.counters, transport: client.driver.transport.counters,
      unread: client.inbox.unreadCount &+ client.desk.unread, undecodable: client.inbox.undecodableCount,
      eventsLost: client.eventsLost &+ client.members.lostCount &+ client.transfers.lostCount,
      snapshotsWritten: snapshots.written,
      snapshotFailures: snapshots.failures, snapshotFailure: snapshots.lastFailure,
      tupleStore: client.driver.tupleKeeper?.record)
  }

  /// Events from now on: the lifecycle (which is `initialized` until the first of them), neighbours, members, gaps.
  /// Ends when the node has left, with `.lifecycle(.destroyed)`.
  ///
  /// A reader that falls 1,024 behind loses the oldest, which `Statistics.eventsLost` counts.
  public func events() -> AsyncStream<Event> {
    let (stream, continuation) = AsyncStream.makeStream(
      of: Event.self, bufferingPolicy: .bufferingNewest(1_024))
    let id = client.addEventReader(continuation)
    continuation.onTermination = { [weak self] _ in
      Task { [weak self] in await self?.removeEventReader(id) }
    }
    return stream
  }

  private func removeEventReader(_ id: Int) { client.removeEventReader(id) }
}

// Messages.
extension GossipNode {
  /// The messages that other members broadcast. Ends when the node leaves.
  public nonisolated var messages: Messages { Messages(inbox: client.inbox) }

  /// The typed messages of one kind that other members broadcast.
  public nonisolated func messages<Value: GossipMessage>(of _: Value.Type) -> TypedMessages<Value> {
    TypedMessages(inbox: client.inbox)
  }

  /// Broadcasts bytes to all other members; waits while neighbours do not keep up.
  ///
  /// Bytes beyond `payloadLimit` travel as fragments, always at the reliable level, and are delivered as one message;
  /// see `transfer(_:)` to watch and to cancel them.
  ///
  /// Returns when the node has taken the message, not when others have it.
  ///
  /// - Throws: `BroadcastError.tooLarge`, `.notConnected`, or `CancellationError`; then it was not sent.
  @inlinable
  public nonisolated(nonsending) func broadcast(_ payload: [UInt8], level: DeliveryLevel = .reliable)
    async throws
  {
    if payload.count > payloadLimit {
      _ = try await broadcastLarge(payload, isTagged: false)
    } else if try !stage(payload, level: level, isTagged: false) {
      try await stageWaiting(payload, level: level, isTagged: false)
    }
  }

  /// Broadcasts text, as UTF-8; see `broadcast(_:level:)` for bytes.
  public nonisolated(nonsending) func broadcast(_ text: String, level: DeliveryLevel = .reliable) async throws
  {
    try await broadcast(Array(text.utf8), level: level)
  }

  /// Broadcasts a typed message; see `broadcast(_:level:)` for bytes.
  ///
  /// - Throws: also `CodingFailure` when the value cannot be encoded.
  public nonisolated(nonsending) func broadcast<Value: GossipMessage>(
    _ value: Value, level: DeliveryLevel = .reliable
  ) async throws {
    let payload = try MessageEnvelope.encode(value)
    if payload.count > payloadLimit {
      _ = try await broadcastLarge(payload, isTagged: true)
    } else {
      try await stageWaiting(payload, level: level, isTagged: true)
    }
  }

  /// Broadcasts bytes, up to `payloadLimit`, if the node can take them now.
  ///
  /// - Throws: `BroadcastError`; with `wouldBlock`, try again later.
  public nonisolated func tryBroadcast(_ payload: [UInt8], level: DeliveryLevel = .reliable)
    throws(BroadcastError)
  {
    guard try stage(payload, level: level, isTagged: false) else { throw .wouldBlock }
  }

  @usableFromInline
  nonisolated(nonsending) func stageWaiting(_ payload: [UInt8], level: DeliveryLevel, isTagged: Bool)
    async throws
  {
    while try !stage(payload, level: level, isTagged: isTagged) {
      await outbox.waitForRoom()
      try Task.checkCancellation()
    }
  }

  /// Stages a message for the node's thread.
  ///
  /// - Returns: False when there is no room.
  @usableFromInline
  nonisolated func stage(
    _ payload: [UInt8], level: DeliveryLevel, isTagged: Bool
  ) throws(BroadcastError) -> Bool {
    let outcome = try payload.withUnsafeBufferPointer { bytes throws(BroadcastError) -> Outbox.Outcome in
      try outbox.push(
        UnsafeRawBufferPointer(bytes), Outbox.Handling(level: level, isTagged: isTagged))
    }
    if outcome == .first { loop.wake() }
    return outcome != .full
  }
}
