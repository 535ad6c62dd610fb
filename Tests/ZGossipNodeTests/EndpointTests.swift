import GrapevineCore
import Testing
import ZGossip
import ZeroMQ

@testable import ZGossipNode

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where nodes listen, who gets in, and what settings say about that.
@Suite(.ownThread, .timeLimit(.minutes(5))) struct EndpointTests {
  @Test func portsAreTold() async throws {
    let node = try makeNode()
    #expect(await node.port == 0)
    let place = try await node.bind("tcp://127.0.0.1:*")
    #expect(await node.port >= 49_152)
    let port = await node.port
    #expect(place == "tcp://127.0.0.1:\(port)")
    try await node.bind(endpoint("inproc"))
    #expect(await node.port == 0)
    let other = try makeNode()
    await #expect(throws: ZeroMQError.addressInUse(place)) { try await other.bind(place) }
    #expect(await other.port == -1)
    await #expect(throws: ZeroMQError.badEndpoint("nonsense")) { try await other.bind("nonsense") }
    await #expect(throws: ZeroMQError.badEndpoint("nonsense")) { try await other.connect("nonsense") }
    try await node.unbind(place)
    await #expect(throws: ZeroMQError.noSuchEndpoint(place)) { try await node.unbind(place) }
    #expect(await eventually { (try? await other.bind(place)) != nil })
  }

  @Test func theRightKeysGetIn() async throws {
    let keys = try CurveKeys.generate()
    let (server, client) = (try makeNode(), try makeNode())
    let place = try await server.bind(endpoint("tcp"), security: .curveServer(keys))
    try await server.publish("a", "1")
    try await client.connect(place, serverKey: keys.publicKey)
    #expect(await has(client, "a", "1"))
    // They knew each other for ours.
    #expect(await client.counters.engine.tuplesReceived == 0)
  }

  @Test func wrongAndMissingKeysDoNot() async throws {
    let keys = try CurveKeys.generate()
    let server = try makeNode()
    let place = try await server.bind(endpoint("tcp"), security: .curveServer(keys))
    let (wrong, missing) = (try makeNode(), try makeNode())
    try await wrong.connect(place, serverKey: try CurveKeys.generate().publicKey)
    try await missing.connect(place)
    try await wrong.publish("a", "1")
    try await missing.publish("a", "1")
    #expect(await eventually { await missing.counters.handshakesFailed > 0 })
    #expect(await eventually { await server.counters.handshakesFailed > 1 })
    #expect(await server.status == 0)
    #expect(await server.counters.received == 0)
    let plain = try await server.bind(endpoint("tcp"))
    try await missing.connect(plain)
    #expect(await has(server, "a", "1"))
    for node in [server, wrong, missing] { await node.close(within: .zero) }
  }

  @Test func onlyThoseOnTheListGetIn() async throws {
    let (keys, friend, stranger) = (
      try CurveKeys.generate(), try CurveKeys.generate(), try CurveKeys.generate()
    )
    let server = try makeNode()
    let place = try await server.bind(
      endpoint("tcp"), security: .curveServer(keys, allowed: [friend.publicKey]))
    let (first, second) = (try makeNode(), try makeNode())
    try await first.connect(place, security: .curveClient(friend, server: keys.publicKey))
    try await second.connect(place, security: .curveClient(stranger, server: keys.publicKey))
    try await first.publish("friend", "1")
    try await second.publish("stranger", "1")
    #expect(await has(server, "friend", "1"))
    #expect(await eventually { await second.counters.handshakesFailed > 0 })
    #expect(await server.status == 1)
    for node in [server, first, second] { await node.close(within: .zero) }
  }

  @Test func curveDoesNotGoOverInproc() async throws {
    let keys = try CurveKeys.generate()
    let node = try makeNode()
    await #expect(throws: ZGossipNodeError.curveOverInproc) {
      try await node.bind("inproc://x", security: .curveServer(keys))
    }
    await #expect(throws: ZGossipNodeError.curveOverInproc) {
      try await node.connect("inproc://x", serverKey: keys.publicKey)
    }
  }

  @Test func settingsAreDoneSetAndSaved() async throws {
    let base = "/tmp/grapevine-\(UInt64.random(in: 0 ... .max))"
    defer { for name in [".zpl", ".cert", ".saved"] { forget("ipc://" + base + name) } }
    let keys = try CurveKeys.generate()
    var certificate = ZPLDocument()
    try certificate.set("metadata/name", to: "test")
    try certificate.set("curve/public-key", to: keys.publicKey.text)
    try certificate.set("curve/secret-key", to: keys.secret.text)
    try TextFile(name: base + ".cert").write(Array(certificate.text.utf8))
    #expect(try CurveCertificate(file: base + ".cert").keys == keys)

    let (server, client) = (try makeNode(), try makeNode())
    let text = """
      zgossip
          security
              mechanism = curve
              secret-key = \(base).cert
          bind
              endpoint = tcp://127.0.0.1:!
      """
    try TextFile(name: base + ".zpl").write(Array(text.utf8))
    try await server.configure(file: base + ".zpl")
    let port = await server.port
    #expect(port >= 49_152)
    try await server.publish("a", "1")
    try await client.load(
      """
      zgossip
          connect
              endpoint = tcp://127.0.0.1:\(port)
              public-key = "\(keys.publicKey)"
      """)
    #expect(await has(client, "a", "1"))

    try await client.set("server/timeout", "500")
    try await client.save(to: base + ".saved")
    // A link stays one, and what is no file is left alone.
    symlink(base + ".saved", base + ".link")
    try await client.save(to: base + ".link")
    var status = stat()
    #expect(lstat(base + ".link", &status) == 0 && status.st_mode & S_IFMT == S_IFLNK)
    mkfifo(base + ".pipe", 0o600)
    for name in [base + ".pipe", "/dev/null", "/tmp"] {
      await #expect(throws: ZGossipNodeError.fileIrregular(name)) { try await client.save(to: name) }
      await #expect(throws: ZGossipNodeError.fileIrregular(name)) { try await client.configure(file: name) }
    }
    unlink(base + ".link")
    unlink(base + ".pipe")
    let saved = try ZPLDocument(parsing: TextFile(name: base + ".saved").read())
    #expect(saved["server/timeout"] == "500")
    #expect(saved["zgossip/connect/endpoint"] == "tcp://127.0.0.1:\(port)")
  }

  @Test func wrongSettingsAreTold() async throws {
    let node = try makeNode()
    try await node.set("a", "b")
    await #expect(throws: ZPLError.self) { try await node.load("  crooked\n") }
    #expect(await node.settings["a"] == "b")
    await #expect(throws: ZGossipNodeError.setting(line: 3, "\(ZeroMQError.badEndpoint("nowhere"))")) {
      try await node.load("zgossip\n    bind\n        endpoint = nowhere\n")
    }
    await #expect(throws: ZGossipNodeError.file("/nowhere/at/all", error: 2)) {
      try await node.configure(file: "/nowhere/at/all")
    }
    await #expect(throws: ZGossipNodeError.file("/nowhere/at/all", error: 2)) {
      try await node.save(to: "/nowhere/at/all")
    }
    #expect(throws: ZGossipNodeError.self) { try CurveCertificate(ZPLDocument()) }
  }
}
