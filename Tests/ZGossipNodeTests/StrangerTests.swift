import GrapevineCore
import Testing
import ZGossip
import ZeroMQ

@testable import ZGossipNode

/// Nodes of ours and others: those that speak zgossip, and those that speak nonsense.
@Suite(.timeLimit(.minutes(5))) struct StrangerTests {
  static let hello: [UInt8] = [0xaa, 0xa0, 1, 1]

  @Test(arguments: ["tcp", "ipc", "inproc"])
  func aClientOfAnotherSystemIsServed(_ transport: String) async throws {
    let node = try makeNode()
    try await node.publish("mine", "1")
    let place = try await node.bind(endpoint(transport))
    defer { forget(place) }
    let client = try Stranger(.dealer)
    try client.socket.connect(place)
    try client.say(.hello)
    #expect(try await client.hearTuple() == "mine=1")
    try client.publish("theirs", "2")
    #expect(await has(node, "theirs", "2"))
    try client.say(.ping)
    #expect(try await client.hears(.pong))
    try await node.publish("mine", "3")
    #expect(try await client.hearTuple() == "mine=3")
  }

  @Test func aServerOfAnotherSystemIsSpokenTo() async throws {
    let node = try makeNode()
    let server = try Stranger(.router)
    try await node.publish("mine", "1")
    try await node.connect(try server.socket.bind(endpoint("tcp")))
    #expect(try await server.hear() == Self.hello)
    #expect(try await server.hears(.ping))
    try server.say(.pong)
    #expect(try await server.hearTuple() == "mine=1")
    try server.publish("theirs", "2")
    #expect(await has(node, "theirs", "2"))
  }

  @Test func malformedMessagesOfAClientHarmNobody() async throws {
    let node = try makeNode { $0.engine.malformedLimit = 4 }
    let place = try await node.bind(endpoint("tcp"))
    let (bad, good) = (try Stranger(.dealer), try Stranger(.dealer))
    try bad.socket.connect(place)
    try good.socket.connect(place)
    try good.say(.hello)
    try bad.say(.hello)
    try bad.say(parts: [Self.hello, Self.hello])
    try bad.say([])
    try bad.say(parts: [[], Self.hello])
    #expect(await eventually { await node.counters.malformed == 3 })
    try bad.publish("still heard", "1")
    #expect(await has(node, "still heard", "1"))
    try bad.say([1, 2, 3, 4, 5])
    try bad.publish("not heard any more", "1")
    #expect(await eventually { await node.counters.ignored == 1 })
    try good.publish("good", "1")
    #expect(await has(node, "good", "1"))
    #expect(await node.tuple(at: "not heard any more") == nil)
    #expect(await eventually { await node.counters.clients == 1 })
    // Another connection begins anew.
    let again = try Stranger(.dealer)
    try again.socket.connect(place)
    try again.publish("again", "1")
    #expect(await has(node, "again", "1"))
  }

  @Test func aClientIsListenedToAgainLater() async throws {
    let node = try makeNode {
      $0.engine.malformedLimit = 1
      $0.faultPause = .zero
    }
    let client = try Stranger(.dealer)
    try client.socket.connect(try await node.bind(endpoint("tcp")))
    try client.say([1])
    try client.publish("a", "1")
    #expect(await has(node, "a", "1"))
    #expect(await node.counters.malformed == 1)
  }

  @Test func aServerThatSpeaksNonsenseIsLeftAndTriedAgain() async throws {
    let node = try makeNode {
      $0.engine.malformedLimit = 2
      $0.faultPause = .milliseconds(20)
    }
    let server = try Stranger(.router)
    try await node.connect(try server.socket.bind(endpoint("tcp")))
    for round in 1...2 {
      #expect(try await server.hears(.hello))
      try server.say([9])
      try server.say(parts: [Self.hello, Self.hello])
      #expect(await eventually { await node.counters.connectionsDropped == round })
    }
    #expect(try await server.hears(.hello))
    try server.publish("better now", "1")
    #expect(await has(node, "better now", "1"))
  }

  @Test func clientsBeyondTheLimitWait() async throws {
    let node = try makeNode {
      $0.engine.links = 1
      $0.engine.silence = .milliseconds(100)
    }
    let place = try await node.bind(endpoint("tcp"))
    let first = try Stranger(.dealer)
    try first.socket.connect(place)
    try first.publish("first", "1")
    #expect(await has(node, "first", "1"))
    let second = try Stranger(.dealer)
    try second.socket.connect(place)
    try second.publish("second", "1")
    #expect(await eventually { await node.counters.refused == 1 })
    #expect(await node.tuple(at: "second") == nil)
    // Nobody says that a client is gone; sending to it shows that.
    first.socket.close()
    #expect(await eventually { await node.counters.clients == 0 })
    try second.publish("second", "2")
    #expect(await has(node, "second", "2"))
  }

  @Test func aClientThatGoesMakesRoomAtOnce() async throws {
    let node = try makeNode { $0.engine.links = 1 }
    let place = try await node.bind(endpoint("tcp"))
    let first = try Stranger(.dealer)
    try first.socket.connect(place)
    try first.publish("first", "1")
    #expect(await has(node, "first", "1"))
    let second = try Stranger(.dealer)
    try second.socket.connect(place)
    try second.say(.hello)
    // It is told that it is not known, so that it says HELLO again.
    #expect(try await second.hears(.invalid))
    first.socket.close()
    #expect(await eventually { await node.counters.clients == 0 })
    try second.say(.ping)
    #expect(try await second.hears(.pong))
    try second.say(.hello)
    #expect(try await second.hearTuple() == "first=1")
  }

  @Test func aClientWhoseHelloWasLostIsAskedForIt() async throws {
    let node = try makeNode()
    try await node.publish("mine", "1")
    let client = try Stranger(.dealer)
    try client.socket.connect(try await node.bind(endpoint("tcp")))
    try client.say(.ping)
    #expect(try await client.hears(.invalid))
    try client.say(.hello)
    #expect(try await client.hearTuple() == "mine=1")
  }

  @Test func theEndWaitsForAServerThatHasNotAnswered() async throws {
    // No other signs of life are to be answered.
    let node = try makeNode { $0.engine.timeout = .seconds(600) }
    let server = try Stranger(.router)
    try await node.connect(try server.socket.bind(endpoint("tcp")))
    #expect(try await server.hears(.ping))
    try server.say(.pong)
    #expect(try await server.hears(.ping))
    try server.say(.pong)
    try await node.publish("last", "1")
    let end = Task { await node.close(within: .seconds(20)) }
    #expect(try await server.hearTuple() == "last=1")
    #expect(try await server.hears(.ping))
    // It has forgotten the node: everything is to be said again.
    try server.say(.invalid)
    try server.say(.pong)
    #expect(try await server.hears(.hello))
    #expect(try await server.hearTuple() == "last=1")
    #expect(try await server.hears(.ping))
    try server.say(.pong)
    await end.value
  }

  @Test func theEndWaitsForTheEchoOfAClient() async throws {
    // Silence is no answer: only the echo ends it.
    let node = try makeNode { $0.echoTime = .seconds(3_600) }
    let client = try Stranger(.dealer)
    try client.socket.connect(try await node.bind(endpoint("tcp")))
    try client.say(.hello)
    #expect(await eventually { await node.counters.clients == 1 })
    try await node.publish("last", "1")
    #expect(try await client.hearTuple() == "last=1")
    let end = Task { await node.close(within: .seconds(3_600)) }
    #expect(await eventually { await node.isClosed })
    try client.publish("last", "1")
    await end.value
  }

  @Test func longValuesOfOthersAreRefusedAndNotTheirConnection() async throws {
    let node = try makeNode()
    let server = try Stranger(.router)
    try await node.connect(try server.socket.bind(endpoint("tcp")))
    #expect(try await server.hears(.hello))
    var long: [UInt8] = [0xaa, 0xa0, 2, 1, 1, UInt8(ascii: "k"), 0, 0x20, 0, 0]
    long += [UInt8](repeating: UInt8(ascii: "x"), count: 2 << 20) + [0, 0, 0, 0]
    try server.say(long)
    try server.publish("behind", "1")
    #expect(await has(node, "behind", "1"))
    #expect(await node.counters.engine.refused == 1)
    #expect(await node.counters.malformed == 0)
  }

  @Test func theLongestValuesAreTold() async throws {
    let node = try makeNode { $0.engine.tuples.valueLimit = 2 << 20 }
    var deliveries = node.deliveries.makeAsyncIterator()
    let value = [UInt8](repeating: UInt8(ascii: "x"), count: 2 << 20)
    try await node.publish([1], value)
    #expect(await deliveries.next()?.count == 1)
  }

  @Test func aClientThatReadsNothingHoldsUpNobody() async throws {
    let node = try makeNode { $0.messagesPerConnection = 10 }
    let place = endpoint("inproc")
    try await node.bind(place)
    let (slow, quick) = (try Stranger(.dealer), try Stranger(.dealer))
    for client in [slow, quick] {
      try client.socket.setHighWaterMark(sending: 10, receiving: 10)
      try client.socket.connect(place)
      try client.say(.hello)
    }
    #expect(await eventually { await node.counters.clients == 2 })
    for number in 0..<1_000 {
      try await node.post("\(number)", "value")
      #expect(try await quick.hearTuple() == "\(number)=value")
    }
    // The slow one misses nothing either.
    for number in 0..<1_000 { #expect(try await slow.hearTuple() == "\(number)=value") }
  }
}
