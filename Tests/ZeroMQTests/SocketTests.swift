import Testing

@testable import ZeroMQ

/// Sockets over all transports, without and with many parts.
@Suite struct SocketTests {
  let context: ZeroMQContext

  init() throws { context = try ZeroMQContext() }

  func socket(_ kind: ZeroMQSocket.Kind) throws -> ZeroMQSocket {
    let socket = try ZeroMQSocket(kind, in: context)
    try socket.setLinger(milliseconds: 0)
    if kind == .router { try socket.setRouterMandatory(true) }
    return socket
  }

  @Test(arguments: ["tcp", "ipc", "inproc"])
  func messagesTravelBothWays(_ transport: String) throws {
    let (router, dealer) = (try socket(.router), try socket(.dealer))
    try dealer.setMetadata("X-Grapevine", "00c0ffee00c0ffee")
    let place = try router.bind(endpoint(transport))
    defer { forget(place) }
    try dealer.connect(place)
    try send("one", dealer)
    let first = try next(router)
    #expect(first.parts == 1)
    #expect(first.bytes == Array("one".utf8))
    let isTold = transport != "inproc"
    #expect(router.metadata("X-Grapevine") == (isTold ? "00c0ffee00c0ffee" : nil))
    #expect(router.metadata("X-Nothing") == nil)
    try send("two", router, to: Array(router.peer))
    #expect(try next(dealer).bytes == Array("two".utf8))
  }

  @Test(arguments: ["tcp", "ipc", "inproc"])
  func partsAreCountedAndTheNextMessageIsWhole(_ transport: String) throws {
    let (router, dealer) = (try socket(.router), try socket(.dealer))
    let place = try router.bind(endpoint(transport))
    defer { forget(place) }
    try dealer.connect(place)
    #expect(try dealer.send(parts: [[1], [2, 2], [], [4]]) == .sent)
    #expect(try dealer.send(parts: [[]]) == .sent)
    let many = try next(router)
    #expect(many.parts == 4)
    #expect(many.bytes == [1])
    let empty = try next(router)
    #expect(empty.parts == 1)
    #expect(empty.bytes == [])
    #expect(try router.receive() == nil)
  }

  @Test func aRouterSaysWhoIsUnknownFullAndGone() throws {
    let (router, dealer) = (try socket(.router), try socket(.dealer))
    try router.setHighWaterMark(sending: 4, receiving: 4)
    try dealer.setHighWaterMark(sending: 4, receiving: 4)
    let place = try router.bind(endpoint("inproc"))
    try dealer.connect(place)
    try send("hello", dealer)
    _ = try next(router)
    let peer = Array(router.peer)
    let message: [UInt8] = [1, 2, 3]
    func sending(to peer: [UInt8]) throws -> ZeroMQSending {
      try message.withUnsafeBytes { message in try peer.withUnsafeBytes { try router.send(message, to: $0) } }
    }
    #expect(try sending(to: [9, 9, 9]) == .unreachable)
    var count = 0
    while try sending(to: peer) == .sent, count < 100 { count += 1 }
    #expect(count > 0 && count < 100)
    #expect(try sending(to: peer) == .full)
    // What is read makes room again, and nothing was cut in two.
    for _ in 0..<count { #expect(try next(dealer).bytes == message) }
    #expect(try eventually([router]) { try sending(to: peer) == .sent })
    dealer.close()
    // That it is gone is read behind what it sent.
    let isNoticed = try eventually([router]) {
      _ = try router.receive()
      return try sending(to: peer) == .unreachable
    }
    #expect(isNoticed)
  }

  @Test func badEndpointsAreToldApart() throws {
    let router = try socket(.router)
    for text in [
      "", "nonsense", "tcp://", "tcp://127.0.0.1", "tcp://127.0.0.1:99999", "ipc://", "tcp://127.0.0.1:1\0",
    ] {
      let error = #expect(throws: ZeroMQError.self) { try router.bind(text) }
      #expect(error == .badEndpoint(text), "\(text)")
    }
    #expect(throws: ZeroMQError.unsupportedTransport("smoke://signal")) { try router.bind("smoke://signal") }
    #expect(throws: ZeroMQError.addressNotAvailable("tcp://192.0.2.1:5000")) {
      try router.bind("tcp://192.0.2.1:5000")
    }
    let long = "ipc:///tmp/" + String(repeating: "x", count: 200)
    #expect(throws: ZeroMQError.pathTooLong(long)) { try router.bind(long) }
    #expect(throws: ZeroMQError.notPermitted("ipc:///nowhere/at/all")) {
      try router.bind("ipc:///nowhere/at/all")
    }
    #expect(throws: ZeroMQError.noSuchEndpoint("tcp://127.0.0.1:5000")) {
      try router.unbind("tcp://127.0.0.1:5000")
    }
  }

  @Test(arguments: ["tcp", "inproc"])
  func whatIsBoundIsInUse(_ transport: String) throws {
    let (first, second) = (try socket(.router), try socket(.router))
    let place = try first.bind(endpoint(transport))
    #expect(throws: ZeroMQError.addressInUse(place)) { try second.bind(place) }
    try first.unbind(place)
    #expect(try eventually([first]) { (try? second.bind(place)) != nil })
  }

  @Test func endpointsReadTheSameWithAndWithoutIPv6() throws {
    let router = try socket(.router)
    try router.setIPv6(true)
    let place = try router.bind("tcp://127.0.0.1:!")
    #expect(place.hasPrefix("tcp://127.0.0.1:"))
    try router.unbind(place)
    #expect(throws: ZeroMQError.noSuchEndpoint(place)) { try router.unbind(place) }
  }

  @Test func portsAreFoundInTheirRange() throws {
    let (first, second, third) = (try socket(.router), try socket(.router), try socket(.router))
    let place = try first.bind("tcp://127.0.0.1:*")
    let port = try #require(Int(place.split(separator: ":").last ?? ""))
    #expect(port >= 49_152)
    #expect(throws: ZeroMQError.noFreePort("tcp://127.0.0.1:*[\(port)-\(port)]")) {
      try second.bind("tcp://127.0.0.1:*[\(port)-\(port)]")
    }
    #expect(try second.bind("tcp://127.0.0.1:*[\(port)-]") != place)
    #expect(try third.bind("tcp://*:!").hasPrefix("tcp://0.0.0.0:"))
  }

  @Test func formsOfPortsAreRead() throws {
    let plain = try #require(ZeroMQPortRange("tcp://*:*"))
    #expect(plain.prefix == "tcp://*:" && plain.range == 49_152...65_535 && !plain.isRandom)
    let drawn = try #require(ZeroMQPortRange("tcp://[::1]:![10-12]"))
    #expect(drawn.prefix == "tcp://[::1]:" && drawn.range == 10...12 && drawn.isRandom)
    #expect(Array(drawn.ports(startingAt: 65_535)) == [10, 11, 12])
    #expect(Array(drawn.ports(startingAt: 1)) == [11, 12, 10])
    #expect(ZeroMQPortRange("tcp://*:*[-60000]")?.range == 49_152...60_000)
    for text in [
      "tcp://*:5", "tcp://*:*[5-4]", "tcp://*:*[0-4]", "tcp://*:*[a-b]", "ipc://*:*", "tcp://*:*[4]",
      "tcp://*",
    ] {
      #expect(ZeroMQPortRange(text) == nil, "\(text)")
    }
  }

  @Test func endsAreTold() throws {
    let (router, dealer) = (try socket(.router), try socket(.dealer))
    try dealer.setImmediate(true)
    try dealer.setReconnect(milliseconds: 10)
    let monitor = try ZeroMQMonitor(dealer)
    let place = try router.bind(endpoint("tcp"))
    try dealer.connect(place)
    #expect(try event(monitor) { $0 == .handshakeSucceeded } != nil)
    router.close()
    #expect(try event(monitor) { if case .disconnected = $0 { true } else { false } } != nil)
    let again = try socket(.router)
    #expect(try eventually([again]) { (try? again.bind(place)) != nil })
    #expect(try event(monitor) { $0 == .handshakeSucceeded } != nil)
    dealer.close()
    #expect(try event(monitor) { $0 == .stopped } != nil)
  }

  @Test func aSocketIsStoppedWhenWhatItHadToSendIsGone() throws {
    let (router, dealer) = (try socket(.router), try socket(.dealer))
    let monitor = try ZeroMQMonitor(dealer)
    try dealer.setLinger(milliseconds: 20_000)
    try dealer.connect(try router.bind("tcp://127.0.0.1:!"))
    for number in 0..<900 { try send("message \(number)", dealer) }
    dealer.close()
    for number in 0..<900 { #expect(try next(router).bytes == Array("message \(number)".utf8)) }
    #expect(try event(monitor) { $0 == .stopped } != nil)
  }

  @Test func errorsAreSentences() {
    let errors: [ZeroMQError] = [
      .badEndpoint("x"), .unsupportedTransport("x"), .addressInUse("x"), .noFreePort("x"),
      .addressNotAvailable("x"),
      .notPermitted("x"), .noSuchEndpoint("x"), .pathTooLong("x"), .badKey, .curveMissing, .terminated,
      .tooManySockets, .system(call: "x", error: 2),
    ]
    #expect(Set(errors.map(\.description)).count == errors.count)
    #expect(errors.last?.description == "x failed: No such file or directory (error 2)")
  }
}
