import GrapevineCore
import Testing
import ZGossip

/// What a server of CZMQ is told after it has forgotten a client, message by message.
@Suite struct RecoveryTests {
  private let node = OurNode(.small, identity: 7)
  private let slot: Int
  private var now = Instant(nanoseconds: 1_000_000_000)

  init() throws {
    let opened = node.engine.open(.client, now: now)
    slot = try #require(opened)
    for key in ["one", "two", "three"] { try node.publish(key, "value", now: now) }
  }

  /// What is written now, as the letters of HELLO, PUBLISH, PING and PONG.
  private func written() -> String {
    var text = ""
    while let message = node.next(slot, now: now) { text += ["", "H", "T", "p", "P"][Int(message[2])] }
    return text
  }

  private func hear(_ kinds: OriginalNode.ZKind...) {
    for kind in kinds { _ = node.receive(OriginalNode.message(kind), peer: nil, from: slot, now: now) }
  }

  private mutating func pass(_ time: Nanoseconds) {
    now = now + time
    node.engine.advance(now: now, into: &node.changes)
    node.drain()
  }

  @Test mutating func tuplesWaitUntilTheServerIsKnown() throws {
    #expect(written() == "Hp")
    hear(.pong)
    #expect(written() == "TTTp")
    hear(.pong)
    #expect(written() == "")
    pass(300_000_000)
    #expect(written() == "p")
  }

  @Test mutating func oneInvalidMakesOnePass() throws {
    _ = written()
    hear(.pong)
    _ = written()
    hear(.pong)
    // A burst into a link that was forgotten: each message draws an INVALID.
    hear(.invalid, .invalid)
    #expect(written() == "HTTTp")
    hear(.pong)
    pass(200_000_000)
    #expect(written().filter { $0 != "p" } == "")
    #expect(node.engine.counters.resyncs == 1)
  }

  @Test mutating func aPassThatFailedIsFollowedByAnother() throws {
    _ = written()
    hear(.pong)
    _ = written()
    hear(.pong, .invalid)
    #expect(written() == "HTTTp")
    // Forgotten again on the way, perhaps: HELLO would be one too many if not.
    hear(.invalid, .pong)
    pass(100_000_000)
    #expect(written() == "TTTp")
    // And it does not know us.
    hear(.invalid, .invalid, .invalid, .pong)
    pass(200_000_000)
    #expect(written() == "HTTTp")
    hear(.pong)
    pass(300_000_000)
    #expect(written() == "p")
    #expect(node.engine.counters.resyncs == 3)
    // Silent for longer than the server waits: it is seen whether it still knows us.
    pass(10_000_000_000)
    #expect(written() == "pT")
  }

  /// A server that says INVALID to everything is not told everything all the time.
  @Test mutating func passesBecomeRare() throws {
    _ = written()
    hear(.pong)
    var tuples = 0
    for _ in 0..<600 {
      pass(100_000_000)
      let text = written()
      tuples += text.filter { $0 == "T" }.count
      for letter in text { if letter == "p" { hear(.pong) } else { hear(.invalid) } }
    }
    #expect((9...60).contains(tuples), "\(tuples) tuples in a minute")
  }
}
