// A peer of another gossip system as an application meets it.

import GrapevineCore
import GrapevineDialect
import GrapevineTransport

/// A peer of another gossip system on a UDP socket, with a thread of its own.
///
/// What it speaks is up to its engine. It ends with `leave`, or without a word to others when the last reference
/// goes; neither leaves a thread or a descriptor behind.
public actor DialectNode<Engine: DialectEngine & ~Copyable> {
  /// Where the node is bound; the port is the real one.
  public nonisolated let localEndpoint: Endpoint
  /// The messages of other peers, for one reader, which loses the oldest when it falls `messageLimit` behind; they end
  /// when the node has left.
  public nonisolated let messages: AsyncStream<DialectMessage>

  private nonisolated let loop: EventLoop
  private nonisolated let client: DialectClient<Engine>
  private nonisolated let continuation: AsyncStream<DialectMessage>.Continuation

  /// The node's thread.
  public nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  /// Creates a node bound to a UDP address; it is not a member yet.
  ///
  /// - Parameters:
  ///   - bind: `host:port` or a multiaddress; port 0 takes a free port.
  ///   - advertised: Where others reach the node; by default where it is bound, which then must be one address.
  ///     Port 0 stands for the bound port.
  ///   - messageLimit: Messages that wait for the reader at most.
  ///   - makeEngine: Makes the engine, given the address that others reach and a random seed.
  /// - Throws: `TransportError` when the address cannot be used, and what `makeEngine` throws.
  public init(
    bind: String, advertised: Endpoint? = nil, messageLimit: Int = 4_096,
    makeEngine: (Endpoint, UInt64) throws -> Engine
  ) async throws {
    let transport = try UDPTransport(bind: bind)
    try self.init(
      transport: transport, advertised: advertised, messageLimit: messageLimit, makeEngine: makeEngine)
  }

  private init(
    transport: any DatagramTransport, advertised: Endpoint?, messageLimit: Int,
    makeEngine: (Endpoint, UInt64) throws -> Engine
  ) throws {
    var entropy = SystemRandomNumberGenerator()
    var address = advertised ?? transport.localEndpoint
    if address.port == 0 { address.port = transport.localEndpoint.port }
    let engine = try makeEngine(address, entropy.next())
    (messages, continuation) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(max(1, messageLimit)))
    localEndpoint = transport.localEndpoint
    loop = try EventLoop(name: "dialect")
    client = DialectClient(engine, transport: transport, messages: continuation)
    try loop.watch(transport.fileDescriptor)
    loop.attach(client)
  }

  deinit {
    loop.stop()
    continuation.finish()
  }

  /// Where the node is in its life.
  public var lifecycle: Lifecycle { client.engine.lifecycle }
  /// The peers it knows, without itself.
  public var members: [Endpoint] { client.engine.members }
  /// What its engine has done.
  public var counters: DialectCounters { client.engine.counters }
  /// What its transport has done.
  public var transportCounters: TransportCounters { client.transport.counters }
  /// Messages that the reader lost by falling behind.
  public var messagesLost: UInt64 { client.messagesLost }
  /// The longest payload, in bytes.
  public var payloadLimit: Int { client.engine.payloadLimit }

  /// Joins a cluster through `contacts`; with none, founds one. Returns when the node is a member.
  ///
  /// - Parameters:
  ///   - contacts: Peers to ask.
  ///   - limit: Time after which joining fails, for systems that would ask for ever; nil for none.
  /// - Throws: `DialectError` when the engine refuses, `DialectNodeError`, or `CancellationError`, after which the node
  ///   may still become a member.
  public func join(_ contacts: [Endpoint] = [], limit: Duration? = nil) async throws {
    guard !client.hasLeft else { throw DialectNodeError.hasLeft }
    try client.join(contacts)
    let deadline = limit.map { ContinuousClock.now + $0 }
    let alarm = deadline.map { deadline in
      Task {
        try? await Task.sleep(until: deadline, clock: .continuous)
        client.endJoinWaiting()
      }
    }
    defer { alarm?.cancel() }
    while lifecycle == .joining, deadline.map({ .now < $0 }) ?? true {
      await withCheckedContinuation { client.waitForJoin($0) }
    }
    guard lifecycle == .connected else {
      throw client.hasLeft ? DialectNodeError.hasLeft : DialectNodeError.noContactAnswered
    }
    try Task.checkCancellation()
  }

  /// Broadcasts bytes to all members; waits while too much is under way.
  ///
  /// - Returns: The message's number among those of this node.
  /// - Throws: `DialectError`, or `CancellationError`; then it was not sent.
  @discardableResult
  public func broadcast(_ payload: [UInt8]) async throws -> UInt64 {
    while true {
      try Task.checkCancellation()
      do throws(DialectError) {
        return try client.broadcast(payload)
      } catch .wouldBlock {
        await withCheckedContinuation { client.waitForRoom($0) }
      } catch {
        throw error
      }
    }
  }

  /// Broadcasts text, as UTF-8; see `broadcast` for bytes.
  @discardableResult
  public func broadcast(_ text: String) async throws -> UInt64 { try await broadcast(Array(text.utf8)) }

  /// Leaves the cluster as far as the wire has words for it, ends `messages`, and gives back the thread.
  public func leave() async {
    await withCheckedContinuation { client.leave($0) }
    loop.stop()
  }
}
