// A node of ZGossip as an application meets it.

import GrapevineCore
import GrapevineTransport
import ZGossip
import ZeroMQ

/// A node that talks to nodes of CZMQ's zgossip and to its own kind over ZeroMQ, with a thread of its own.
///
/// All nodes that are connected, also by others, come to hold the same tuples. The methods are zgossip's commands, each
/// says which. A node ends with `close`, or without a last word to others when the last reference goes; neither leaves
/// a thread or a descriptor behind.
public actor ZGossipNode {
  /// This run of the node, by which nodes of Grapevine know each other.
  public nonisolated let identity: MemberID

  nonisolated let configuration: ZGossipNodeConfiguration
  private nonisolated let loop: EventLoop
  private nonisolated let driver: NodeDriver
  private nonisolated let stage: TupleStage
  private nonisolated let feed: DeliveryFeed
  /// The settings, as LOAD and SET left them.
  public internal(set) var settings = ZPLDocument()
  /// What the settings asked for as security, for what is bound and connected by them.
  var keysOfSettings: CurveKeys?
  /// zgossip's PORT: the TCP port bound last; 0 before any and for others than TCP, -1 when the last BIND failed.
  public private(set) var port = 0
  /// Where the node listens, with real ports, in the order in which it was bound.
  public private(set) var endpoints: [String] = []

  /// The node's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  /// Starts a node without connections.
  ///
  /// - Throws: `ConfigurationError` for values out of their limits, `TransportError` or `ZeroMQError` when there is no
  ///   room for its thread and sockets.
  public init(configuration: ZGossipNodeConfiguration = ZGossipNodeConfiguration()) throws {
    try configuration.engine.validate()
    var entropy = SystemRandomNumberGenerator()
    self.configuration = configuration
    identity = MemberID(entropy.next())
    let loop = try EventLoop(name: "zgossip")
    self.loop = loop
    feed = DeliveryFeed(limit: configuration.deliveryBytes) { [weak loop] in loop?.wake() }
    stage = TupleStage(bytes: configuration.stageBytes, valueLimit: configuration.engine.tuples.valueLimit)
    do {
      driver = try NodeDriver(
        configuration, identity: identity, seed: entropy.next(), stage: stage, feed: feed)
      try loop.watch(driver.poller.descriptor)
    } catch {
      loop.stop()
      throw error
    }
    loop.attach(driver)
  }

  deinit {
    loop.stop()
    stage.close()
    feed.finish()
  }

  // MARK: Connections

  /// zgossip's BIND: listens at an endpoint, in addition to those before.
  ///
  /// - Parameters:
  ///   - endpoint: `tcp://host:port`, `ipc://path` or `inproc://name`; `tcp://*:*` and the other forms of
  ///     `ZeroMQPortRange` take a free port. `tcp://[::]:port` is of IPv6; a name and `*` are of IPv4.
  ///   - security: What is asked of clients.
  /// - Returns: The endpoint with the real port.
  /// - Throws: `ZeroMQError` or `ZGossipNodeError`.
  @discardableResult
  public func bind(_ endpoint: String, security: ZGossipServerSecurity = .none) throws -> String {
    do {
      if security != .none, endpoint.hasPrefix("inproc:") { throw ZGossipNodeError.curveOverInproc }
      let bound = try driver.bind(endpoint, security)
      endpoints.append(bound)
      port = bound.hasPrefix("tcp://") ? bound.split(separator: ":").last.flatMap { Int($0) } ?? 0 : 0
      return bound
    } catch {
      port = -1
      throw error
    }
  }

  /// Ends what `bind` began, given the endpoint that it returned; connections made through it stay.
  ///
  /// - Throws: `ZeroMQError.noSuchEndpoint`, or another.
  public func unbind(_ endpoint: String) throws {
    try driver.unbind(endpoint)
    endpoints.removeAll { $0 == endpoint }
  }

  /// zgossip's CONNECT: connects to a node, and again whenever the connection is lost.
  ///
  /// An endpoint that it is connected to already stays as it is.
  ///
  /// - Parameters:
  ///   - endpoint: `tcp://host:port`, `ipc://path` or `inproc://name`.
  ///   - security: What is proven and asked.
  /// - Throws: `ZeroMQError.badEndpoint` and others that are known at once, `ZGossipNodeError`.
  public func connect(_ endpoint: String, security: ZGossipClientSecurity = .none) throws {
    if security != .none, endpoint.hasPrefix("inproc:") { throw ZGossipNodeError.curveOverInproc }
    try driver.connect(endpoint, security)
  }

  /// zgossip's CONNECT with a public key: connects to the node that has it, by CURVE.
  ///
  /// Our keys are those of the settings, or of the environment (`CurveCertificate.environmentKeys`), or new ones.
  public func connect(_ endpoint: String, serverKey: CurvePublicKey) throws {
    let keys = try keysOfSettings ?? CurveCertificate.environmentKeys() ?? CurveKeys.generate()
    try connect(endpoint, security: .curveClient(keys, server: serverKey))
  }

  /// Ends a connection, given the endpoint as it was to `connect`; false when there is none.
  @discardableResult
  public func disconnect(_ endpoint: String) -> Bool { driver.disconnect(endpoint) }

  // MARK: Tuples

  /// zgossip's PUBLISH: writes a tuple, which goes to all nodes; waits while others do not keep up.
  ///
  /// When it returns the tuple counts here. `post` is for many.
  ///
  /// - Parameters:
  ///   - key: 0 to 255 bytes, none of them zero.
  ///   - value: Bytes up to the configured limit, none of them zero.
  ///   - lifetime: How long nodes of Grapevine keep it; others keep it for ever.
  ///   - condition: What must hold here for the tuple to be written.
  /// - Throws: `ZGossipError`, `ZGossipNodeError.closed`, or `CancellationError`; then it was not written.
  public func publish(
    _ key: [UInt8], _ value: [UInt8], lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil
  ) async throws {
    while true {
      try Task.checkCancellation()
      if try driver.publish(key, value, lifetime: lifetime, if: condition) { return }
      await withCheckedContinuation { driver.waitForRoom($0) }
    }
  }

  /// zgossip's PUBLISH with text, as UTF-8; see `publish` for bytes.
  public func publish(
    _ key: String, _ value: String, lifetime: TupleLifetime = .permanent, if condition: TupleCondition? = nil
  ) async throws {
    try await publish(Array(key.utf8), Array(value.utf8), lifetime: lifetime, if: condition)
  }

  /// zgossip's PUBLISH, as fast as it goes: stages a tuple for the node's thread, from any thread.
  ///
  /// Tuples count in the order in which one task posts them, after a moment. What the map has no room for is counted
  /// as `postsRefused` and otherwise lost; `publish` tells.
  ///
  /// - Returns: False when the stage is full: the tuple was not taken.
  /// - Throws: `ZGossipNodeError`.
  public nonisolated func tryPost(
    _ key: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, lifetime: TupleLifetime = .permanent
  ) throws(ZGossipNodeError) -> Bool {
    switch try stage.push(key, value, lifetime: lifetime) {
    case .first:
      loop.wake()
      return true
    case .behind: return true
    case .full: return false
    }
  }

  /// zgossip's PUBLISH, as fast as it goes: as `tryPost`, but waits while the stage is full.
  ///
  /// - Throws: `ZGossipNodeError`, or `CancellationError`; then it was not taken.
  public nonisolated(nonsending) func post(
    _ key: [UInt8], _ value: [UInt8], lifetime: TupleLifetime = .permanent
  ) async throws {
    while !(try postBytes(key, value, lifetime)) {
      await stage.waitForRoom()
      try Task.checkCancellation()
    }
  }

  /// zgossip's PUBLISH with text, as fast as it goes; see `post` for bytes.
  public nonisolated(nonsending) func post(
    _ key: String, _ value: String, lifetime: TupleLifetime = .permanent
  ) async throws {
    try await post(Array(key.utf8), Array(value.utf8), lifetime: lifetime)
  }

  private nonisolated func postBytes(
    _ key: [UInt8], _ value: [UInt8], _ lifetime: TupleLifetime
  ) throws -> Bool {
    try key.withUnsafeBytes { key in
      try value.withUnsafeBytes { value in try tryPost(key, value, lifetime: lifetime) }
    }
  }

  /// zgossip's UNPUBLISH, but for all: removes a tuple here and at all nodes of Grapevine. Others keep theirs, which is
  /// not taken back from them.
  ///
  /// - Returns: Whether there was one.
  /// - Throws: as `publish`.
  @discardableResult
  public func unpublish(_ key: [UInt8]) async throws -> Bool {
    while true {
      try Task.checkCancellation()
      if let isRemoved = try driver.unpublish(key) { return isRemoved }
      await withCheckedContinuation { driver.waitForRoom($0) }
    }
  }

  /// zgossip's UNPUBLISH with text, as UTF-8; see `unpublish` for bytes.
  @discardableResult
  public func unpublish(_ key: String) async throws -> Bool { try await unpublish(Array(key.utf8)) }

  /// Takes a version of another cluster as it is, unless a later one is here: what bridges do.
  ///
  /// - Returns: Whether it was news.
  /// - Throws: as `publish`.
  @discardableResult
  public func merge(_ stored: StoredTuple) async throws -> Bool {
    while true {
      try Task.checkCancellation()
      if let isNews = try driver.merge(stored) { return isNews }
      await withCheckedContinuation { driver.waitForRoom($0) }
    }
  }

  /// zgossip's STATUS: the number of tuples.
  public var status: Int { driver.engine.status }

  /// The tuple of a key; nil when there is none.
  public func tuple(at key: [UInt8]) -> Tuple? { key.withUnsafeBytes { driver.engine.tuple(at: $0) } }

  /// The tuple of a key that is text; nil when there is none.
  public func tuple(at key: String) -> Tuple? { tuple(at: Array(key.utf8)) }

  /// The tuple of a key, or the memory of its removal; nil when there is neither.
  public func storedTuple(at key: [UInt8]) -> StoredTuple? {
    key.withUnsafeBytes { driver.engine.storedTuple(at: $0) }
  }

  /// All tuples and memories of removals, in no order.
  public func storedTuples() -> [StoredTuple] { driver.engine.storedTuples() }

  /// All tuples whose keys begin with `prefix`, in order of their keys.
  public func snapshot(prefix: [UInt8] = []) -> [Tuple] { driver.engine.tuples(prefix: prefix) }

  /// zgossip's DELIVER: what becomes of tuples from now on, the node's own among them, in batches.
  ///
  /// Each sequence is a reader of its own, from the moment it is made. A reader that has left
  /// `ZGossipNodeConfiguration.deliveryBytes` unread makes the node wait, for `readerPatience` at most; after that it
  /// loses the oldest batches beyond twice as much, and the next says how many changes that were (`ZGossipBatch.lost`).
  /// The sequence ends with the node.
  public nonisolated var deliveries: ZGossipDeliveries { ZGossipDeliveries(subscription: feed.subscribe()) }

  /// What the node has done.
  public var counters: ZGossipNodeCounters { driver.currentCounters }

  /// What nodes of Grapevine have told this one and were told.
  public var replicaCounters: Counters { driver.engine.replicaCounters }

  // MARK: The end

  /// zgossip's $TERM: ends the node, and gives back its thread.
  ///
  /// What was published before goes out first, as far as that can be done in the given time. Calls that follow throw
  /// `ZGossipNodeError.closed` where they can throw. It returns as soon as other nodes have everything, as they say.
  ///
  /// - Parameter limit: The time; zero ends the node at once.
  public func close(within limit: Duration = .seconds(1)) async {
    await withCheckedContinuation { driver.close(within: limit, $0) }
    loop.stop()
  }

  /// Whether the node was closed, or is being closed.
  public var isClosed: Bool { driver.isEnding }
}
