import Grapevine
import GrapevineTransport
import Synchronization
import Testing

@testable import GrapevineCore
@testable import GrapevineSecurity

/// A layer through which a member sends more than its node does.
private final class Liar: DatagramLayer, Sendable {
  let overhead = 0
  private let lies = Mutex<[(bytes: [UInt8], to: Endpoint)]>([])

  func say(_ frame: [UInt8], to endpoint: Endpoint) { lies.withLock { $0.append((frame, endpoint)) } }

  func take() -> [(bytes: [UInt8], to: Endpoint)] {
    lies.withLock { lies in
      defer { lies = [] }
      return lies
    }
  }

  func wrap(_ transport: any DatagramTransport) throws -> any DatagramTransport {
    LyingTransport(transport, self)
  }
}

private final class LyingTransport: DatagramTransport {
  let inner: any DatagramTransport
  let liar: Liar
  var buffer = DatagramBuffer(datagrams: 64, datagramLimit: 1_200)

  init(_ inner: any DatagramTransport, _ liar: Liar) { (self.inner, self.liar) = (inner, liar) }

  var localEndpoint: Endpoint { inner.localEndpoint }
  var fileDescriptor: Int32 { inner.fileDescriptor }
  var receiveWindow: Int { inner.receiveWindow }
  var counters: TransportCounters { inner.counters }
  func receive() -> Int { inner.receive() }
  func datagram(_ index: Int) -> UnsafeRawBufferPointer { inner.datagram(index) }
  func isTruncated(_ index: Int) -> Bool { inner.isTruncated(index) }
  func source(_ index: Int) -> Endpoint { inner.source(index) }

  func send(_ datagrams: borrowing DatagramBuffer, from first: Int) -> Int {
    for lie in liar.take() where buffer.hasRoom {
      var writer = Writer(buffer.nextDatagram())
      lie.bytes.withUnsafeBytes { writer.write($0) }
      buffer.commit(length: writer.count, to: lie.to)
    }
    _ = inner.send(buffer, from: 0)
    buffer.removeAll()
    return inner.send(datagrams, from: first)
  }
}

@Suite("Nodes whose members sign", .timeLimit(.minutes(5)))
struct SignedMemberTests {
  private func node(
    _ name: String, _ signer: (any FactAuthority)?, layer: (any DatagramLayer)? = nil
  ) async throws -> GossipNode {
    var configuration = GossipNode.Configuration(bind: "127.0.0.1:0")
    configuration.layer = layer
    configuration.signer = signer
    configuration.core.membership?.name = name
    configuration.core.membership?.probeInterval = .milliseconds(100)
    configuration.core.membership?.probeTimeout = .milliseconds(50)
    return try await GossipNode(configuration)
  }

  private func until(_ condition: () async -> Bool) async throws -> Bool {
    for _ in 0..<6_000 {
      if await condition() { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return false
  }

  private func seen(_ name: String, by node: GossipNode) async -> GrapevineCore.Member? {
    await node.members.member(StableID(name: name))
  }

  /// A message about a member in a frame of the liar's.
  private func frame(_ body: [UInt8], by liar: GossipNode, to receiver: GossipNode) -> [UInt8] {
    let bytes = [UInt8](unsafeUninitializedCapacity: 1_200) { buffer, count in
      var writer = Writer(UnsafeMutableRawBufferPointer(buffer))
      Frame.begin(Frame.member, in: &writer)
      writer.write(StableID(name: "liar").value)
      writer.write(liar.identity.value)
      body.withUnsafeBytes { writer.write($0) }
      let openKey = Neighbourhood.openKey(clusterName: "")
      Frame.finish(&writer, key: Frame.memberKey(openKey, run: receiver.identity.value))
      count = writer.count
    }
    return bytes
  }

  private func written(_ body: (inout Writer) -> Void) -> [UInt8] {
    [UInt8](unsafeUninitializedCapacity: 1_200) { buffer, count in
      var writer = Writer(UnsafeMutableRawBufferPointer(buffer))
      body(&writer)
      count = writer.count
    }
  }

  private func signature(_ kind: UInt8, _ id: UInt64, _ fields: [UInt8], by signer: MemberSigner) -> [UInt8] {
    let fact = fields.withUnsafeBytes {
      FactBytes.fact(kind, cluster: Neighbourhood.openKey(clusterName: ""), id: id, fields: $0)
    }
    return signer.sign(fact) ?? []
  }

  @Test("a member with the cluster's key cannot have another one taken for dead, gone or moved")
  func liar() async throws {
    let (victimSigner, liarSigner) = (
      MemberSigner(try MemberIdentity.generate()), MemberSigner(try MemberIdentity.generate())
    )
    let layer = Liar()
    let judge = try await node("judge", MemberSigner(try .generate()))
    let victim = try await node("victim", victimSigner)
    let liar = try await node("liar", liarSigner, layer: layer)
    try await judge.join()
    for node in [victim, liar] { try await node.join([judge.localEndpoint.text]) }
    #expect(
      try await until {
        for node in [judge, victim, liar] where await node.members.counts.alive != 3 { return false }
        return true
      })
    let id = StableID(name: "victim").value
    // Longer than a suspicion has.
    for _ in 0..<60 {
      let known = try #require(await seen("victim", by: judge))
      #expect(known.status == .alive || known.status == .suspect)
      #expect(known.run == victim.identity && known.endpoint == victim.localEndpoint)
      let fields = written { writer in
        writer.writeVariable(UInt64(known.incarnation &+ 1))
        writer.write(victim.identity.value)
        writer.write(endpoint: liar.localEndpoint)
        writer.write(Frame.version)
        writer.writeVariable(6)
        Array("victim".utf8).withUnsafeBytes { writer.write($0) }
        writer.writeVariable(0)
      }
      let left = written { writer in
        SignedLeft(incarnation: known.incarnation, run: victim.identity.value).write(to: &writer)
      }
      let moved = signature(MessageKind.signedAlive, id, fields, by: liarSigner)
      let claims = written { writer in
        for status in [MemberStatus.suspect, .failed, .left] {
          Verdict(status: status, id: id, incarnation: known.incarnation, accuser: .random(in: 1..<99))
            .write(to: &writer)
        }
      }
      for body in [
        claims, [MessageKind.signedAlive] + fields + victimSigner.publicKey + moved,
        [MessageKind.signedAlive] + fields + liarSigner.publicKey + moved,
        written {
          $0.write(MessageKind.signedLeft)
          $0.write(id)
        } + left + signature(MessageKind.signedLeft, id, left, by: liarSigner),
      ] {
        layer.say(frame(body, by: liar, to: judge), to: judge.localEndpoint)
      }
      try await Task.sleep(for: .milliseconds(50))
    }
    let counters = await judge.statistics.core
    #expect(counters.factsRefused > 60 && counters.factsVerified > 0)
    #expect(await victim.statistics.core.refutations > 0)
    // What the victim says itself counts: other tags, and its goodbye.
    try await victim.members.setTags(["role": "db"])
    #expect(try await until { await self.seen("victim", by: judge)?.tags == ["role": "db"] })
    await victim.leave()
    #expect(try await until { await self.seen("victim", by: judge)?.status == .left })
    // Nobody takes its name, as long as it is remembered; it itself does.
    let thief = try await node("victim", MemberSigner(try .generate()))
    try? await thief.join([judge.localEndpoint.text])
    let back = try await node("back", MemberSigner(try .generate()))
    try await back.join([judge.localEndpoint.text])
    #expect(try await until { await self.seen("back", by: judge)?.status == .alive })
    #expect(await seen("victim", by: judge)?.status == .left)
    for node in [thief, back, liar, judge] { await node.leave() }
  }
}
