import Grapevine
import GrapevineCore
import GrapevineTransport
import Synchronization
import Testing

@testable import GrapevineSecurity

/// A layer beneath sealing that looks at what goes out.
private final class Recorder: DatagramLayer, Sendable {
  let overhead = 0
  let inner: ClusterKeys
  let counts = Mutex((sealed: 0, plain: 0, longest: 0))

  init(_ keys: ClusterKeys) { inner = keys }

  func wrap(_ transport: any DatagramTransport) throws -> any DatagramTransport {
    try inner.wrap(RecordingTransport(transport, self))
  }
}

private final class RecordingTransport: DatagramTransport {
  let inner: any DatagramTransport
  let recorder: Recorder
  init(_ inner: any DatagramTransport, _ recorder: Recorder) {
    (self.inner, self.recorder) = (inner, recorder)
  }
  var localEndpoint: Endpoint { inner.localEndpoint }
  var fileDescriptor: Int32 { inner.fileDescriptor }
  var receiveWindow: Int { inner.receiveWindow }
  var counters: TransportCounters { inner.counters }
  func receive() -> Int { inner.receive() }
  func datagram(_ index: Int) -> UnsafeRawBufferPointer { inner.datagram(index) }
  func isTruncated(_ index: Int) -> Bool { inner.isTruncated(index) }
  func source(_ index: Int) -> Endpoint { inner.source(index) }
  func send(_ buffer: borrowing DatagramBuffer, from first: Int) -> Int {
    for index in first..<buffer.count {
      let bytes = buffer.bytes(index)
      recorder.counts.withLock {
        if let kind = bytes.first, SealedFrame.isSealed(firstByte: kind) {
          $0.sealed += 1
        } else {
          $0.plain += 1
        }
        $0.longest = max($0.longest, bytes.count)
      }
    }
    return inner.send(buffer, from: first)
  }
}

@Suite("Nodes that seal", .timeLimit(.minutes(5)))
struct SealedNodeTests {
  private func keys(_ first: UInt8) throws -> ClusterKeys { try ClusterKeys(keyring: keyring(first)) }

  private func node(
    _ layer: (any DatagramLayer)?, joinTimeout: Duration = .seconds(15),
    over transport: GossipNode.Configuration.Transport = .udp
  ) async throws -> GossipNode {
    var configuration = GossipNode.Configuration(bind: "127.0.0.1:0")
    configuration.transport = transport
    configuration.layer = layer
    configuration.core.joinTimeout = joinTimeout
    return try await GossipNode(configuration)
  }

  @Test(
    "messages arrive, the wire's limit stays, and nothing on it is plain",
    arguments: [GossipNode.Configuration.Transport.udp, .tcp, .udpOrTCP])
  func exchange(transport: GossipNode.Configuration.Transport) async throws {
    let recorder = Recorder(try keys(0))
    let founder = try await node(recorder, over: transport)
    let member = try await node(recorder, over: transport)
    try await founder.join()
    try await member.join([founder.localEndpoint.text])
    #expect(member.payloadLimit == Configuration().payloadLimit - SealedFrame.overhead)
    try await member.broadcast([UInt8](repeating: 1, count: member.payloadLimit))
    // In fragments, which leave room for the seal too.
    try await member.broadcast([UInt8](repeating: 1, count: 100_000))
    for number in 0..<1_000 { try await member.broadcast("message \(number)") }
    var count = 0
    for await _ in founder.messages {
      count += 1
      if count == 1_002 { break }
    }
    let statistics = await founder.statistics
    #expect((statistics.transport.layer?.opened ?? 0) > 0 && statistics.transport.layer?.refused == 0)
    await member.leave()
    await founder.leave()
    let counts = recorder.counts.withLock { $0 }
    #expect(counts.sealed > 0 && counts.plain == 0)
    #expect(counts.longest > 1_100 && counts.longest <= Configuration().datagramLimit)
  }

  @Test("neither a plain node nor one with another key gets in")
  func strangers() async throws {
    let founder = try await node(keys(0))
    try await founder.join()
    for layer in [nil, try keys(32)] {
      let stranger = try await node(layer, joinTimeout: .milliseconds(300))
      await #expect(throws: JoinError.noContactAnswered([founder.localEndpoint.text])) {
        try await stranger.join([founder.localEndpoint.text])
      }
    }
    let counters = await founder.statistics.transport.layer
    #expect((counters?.refusedPlain ?? 0) > 0 && (counters?.refusedUnknownKey ?? 0) > 0)
    #expect(await founder.neighbours.isEmpty)
  }

  @Test("the key changes under messages: none is lost, nothing is plain, and whoever was away comes back")
  func rotation() async throws {
    let recorders = try (0..<4).map { _ in Recorder(try keys(0)) }
    var nodes: [GossipNode] = []
    for recorder in recorders {
      nodes.append(try await node(recorder))
      try await nodes[nodes.count - 1].join(nodes.count == 1 ? [] : [nodes[0].localEndpoint.text])
    }
    let total = 4_000
    let sending = Task { [sender = nodes[0]] in
      for number in 0..<total {
        try await sender.broadcast("\(number)")
        if number % 40 == 0 { try await Task.sleep(for: .milliseconds(2)) }
      }
    }
    let readers = nodes[1...].map { node in
      Task {
        var seen = Set<String>()
        for await message in node.messages {
          seen.insert(message.payload.text)
          if seen.count == total { break }
        }
        return seen.count
      }
    }
    // What is before a step must have arrived before the next begins: each waits until all have heard of it.
    for recorder in recorders { try recorder.inner.install(clusterKey(32)) }
    for recorder in recorders { try recorder.inner.use(keyID(32)) }
    try await Task.sleep(for: .milliseconds(50))
    for recorder in recorders { try recorder.inner.retire(keyID(0)) }
    try await sending.value
    for reader in readers { #expect(await reader.value == total) }
    #expect(recorders.allSatisfy { $0.counts.withLock { $0.plain } == 0 })
    // One that was away has the old key, which opens nothing any more, until it is given the new one.
    let away = try keys(0)
    let late = try await node(away, joinTimeout: .milliseconds(300))
    await #expect(throws: JoinError.self) { try await late.join([nodes[0].localEndpoint.text]) }
    try away.install(clusterKey(32))
    try away.use(keyID(32))
    try await late.join([nodes[0].localEndpoint.text])
    for node in nodes { await node.leave() }
  }

  @Test("a member that still seals with a key that others open comes back without being given anything")
  func stillOpened() async throws {
    let here = try keys(0)
    let founder = try await node(here)
    try await founder.join()
    try here.install(clusterKey(32))
    let away = try ClusterKeys(keyring: keyring(0, 32))
    try here.use(keyID(32))
    let member = try await node(away)
    try await member.join([founder.localEndpoint.text])
    #expect(await member.neighbours.count == 1)
  }

  @Test("a node of the program's own loop seals on any transport")
  func driven() throws {
    let network = MemoryNetwork()
    let keys = try keys(0)
    let nodes = try (0..<2).map { _ in try DrivenNode(transport: keys.wrap(network.bind())) }
    var received: [[UInt8]] = []
    nodes[0].onMessage = { _, _, _, bytes in received.append(Array(bytes)) }
    nodes[0].join([])
    nodes[1].join([nodes[0].localEndpoint])
    var isSent = false
    for _ in 0..<100_000 where received.isEmpty {
      for node in nodes {
        node.receive()
        node.tick()
        node.send()
      }
      if nodes[1].lifecycle == .connected, nodes[0].neighbourCount == 1, !isSent {
        isSent = true
        _ = try [9 as UInt8].withUnsafeBytes { try nodes[1].broadcast($0) }
      }
    }
    #expect(received == [[9]])
    #expect(nodes[0].payloadLimit == Configuration().payloadLimit - SealedFrame.overhead)
    #expect((nodes[0].transportCounters.layer?.opened ?? 0) > 0)
  }

  @Test("the shortest datagrams can be sealed too, and limits are those of the wire")
  func limits() throws {
    let network = MemoryNetwork()
    let keys = try keys(0)
    var configuration = Configuration()
    configuration.datagramLimit = 512
    _ = try DrivenNode(transport: keys.wrap(network.bind()), configuration: configuration)
    configuration.datagramLimit = 511
    #expect(throws: ConfigurationError.self) {
      try DrivenNode(transport: keys.wrap(network.bind()), configuration: configuration)
    }
  }
}
