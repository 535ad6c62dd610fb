import Testing

@testable import ZeroMQ

/// Encrypted connections: who gets in, and what those are told who do not.
@Suite struct CurveTests {
  let context: ZeroMQContext
  let server: CurveKeys
  let router: ZeroMQSocket

  init() throws {
    context = try ZeroMQContext()
    server = try .generate()
    router = try ZeroMQSocket(.router, in: context)
    try router.setLinger(milliseconds: 0)
  }

  func dealer(_ keys: CurveKeys?, server: CurvePublicKey) throws -> ZeroMQSocket {
    let dealer = try ZeroMQSocket(.dealer, in: context)
    try dealer.setLinger(milliseconds: 0)
    if let keys { try dealer.setCurveClient(keys, server: server) }
    return dealer
  }

  func outcome(_ dealer: ZeroMQSocket, _ place: String) throws -> ZeroMQMonitorEvent? {
    let monitor = try ZeroMQMonitor(dealer)
    try dealer.connect(place)
    return try event(monitor) {
      if case .handshakeFailed = $0 { return true }
      return $0 == .handshakeSucceeded
    }
  }

  @Test func theRightKeyGetsIn() throws {
    try router.setCurveServer(server)
    let place = try router.bind("tcp://127.0.0.1:!")
    let client = try dealer(try .generate(), server: server.publicKey)
    #expect(try outcome(client, place) == .handshakeSucceeded)
    try send("secret", client)
    #expect(try next(router).bytes == Array("secret".utf8))
  }

  @Test func aWrongServerKeyDoesNot() throws {
    try router.setCurveServer(server)
    let monitor = try ZeroMQMonitor(router)
    let place = try router.bind("tcp://127.0.0.1:!")
    let client = try dealer(try .generate(), server: try CurveKeys.generate().publicKey)
    try client.connect(place)
    let failed = try event(monitor) { $0 == .handshakeFailed(.cryptography) }
    #expect(failed != nil)
    #expect(try router.receive() == nil)
  }

  @Test func noKeyDoesNot() throws {
    try router.setCurveServer(server)
    let place = try router.bind("tcp://127.0.0.1:!")
    #expect(try outcome(try dealer(nil, server: server.publicKey), place) == .handshakeFailed(.mechanism))
  }

  @Test func onlyThoseOnTheListGetIn() throws {
    let (friend, stranger) = (try CurveKeys.generate(), try CurveKeys.generate())
    try router.setCurveServer(server)
    try router.setAuthenticationDomain(try context.admit(only: [friend.publicKey]))
    let place = try router.bind("tcp://127.0.0.1:!")
    #expect(try outcome(try dealer(friend, server: server.publicKey), place) == .handshakeSucceeded)
    #expect(
      try outcome(try dealer(stranger, server: server.publicKey), place) == .handshakeFailed(.refused(400)))
    // A binding without a list lets everybody in who knows its key.
    try router.setAuthenticationDomain(nil)
    let open = try router.bind("tcp://127.0.0.1:!")
    #expect(try outcome(try dealer(stranger, server: server.publicKey), open) == .handshakeSucceeded)
  }

  @Test func oneSocketBindsWithAndWithout() throws {
    try router.setCurveServer(server)
    let sealed = try router.bind("tcp://127.0.0.1:!")
    try router.setCurveServer(nil)
    let plain = try router.bind("tcp://127.0.0.1:!")
    #expect(try outcome(try dealer(nil, server: server.publicKey), plain) == .handshakeSucceeded)
    #expect(try outcome(try dealer(try .generate(), server: server.publicKey), sealed) == .handshakeSucceeded)
    #expect(try outcome(try dealer(nil, server: server.publicKey), sealed) == .handshakeFailed(.mechanism))
  }

  @Test func keysAreText() throws {
    #expect(Z85.encode([0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b]) == "HelloWorld")
    #expect(Z85.decode("HelloWorld") == [0x86, 0x4f, 0xd2, 0x6f, 0xb5, 0x59, 0xf7, 0x5b])
    #expect(Z85.decode("Hello Worl") == nil)
    #expect(Z85.decode("#####") == nil)
    #expect(Z85.decode("Hell") == nil)
    let keys = try CurveKeys.generate()
    #expect(try CurveKeys(secret: CurveSecretKey(keys.secret.text)) == keys)
    #expect(try CurvePublicKey(keys.publicKey.text) == keys.publicKey)
    #expect(throws: ZeroMQError.badKey) { try CurvePublicKey("short") }
    #expect(throws: ZeroMQError.badKey) {
      try CurveKeys(publicKey: try CurveKeys.generate().publicKey, secret: keys.secret)
    }
    var shown = ""
    dump(keys.secret, to: &shown)
    #expect(!shown.contains(keys.secret.text) && !"\(keys)".contains(keys.secret.text))
  }
}
