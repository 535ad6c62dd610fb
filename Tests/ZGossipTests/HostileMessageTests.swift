import GrapevineCore
import Testing
import ZGossip

/// What ends a node of CZMQ does nothing to ours.
@Suite struct HostileMessageTests {
  /// The malformed messages of the reference.
  static let malformed: [(name: String, bytes: [UInt8], parts: Int)] = [
    ("wrong signature", [0xaa, 0xa1, 1, 1], 1),
    ("unknown id", [0xaa, 0xa0, 9, 1], 1),
    ("other version", [0xaa, 0xa0, 1, 2], 1),
    ("truncated head", [0xaa, 0xa0, 2], 1),
    ("truncated tuple", [0xaa, 0xa0, 2, 1, 5, 0x61, 0x62], 1),
    ("empty", [], 1),
    ("two parts", [0xaa, 0xa0, 1, 1], 2),
  ]

  @Test(arguments: [true, false])
  func malformedMessagesAreCounted(isClient: Bool) throws {
    let node = OurNode(.small, identity: 7)
    let now = Instant(nanoseconds: 1)
    let opened = node.engine.open(isClient ? .client : .server, now: now)
    let slot = try #require(opened)
    while node.next(slot, now: now) != nil {}
    for (index, (name, bytes, parts)) in Self.malformed.enumerated() {
      let verdict = node.receive(bytes, parts: parts, peer: nil, from: slot, now: now)
      guard case .malformed = verdict else {
        Issue.record("\(name): \(verdict)")
        continue
      }
      #expect(node.engine.counters.malformed == UInt64(index + 1))
    }
    // It goes on, here and on the same connection.
    try node.publish("key", "value", now: now)
    #expect(node.engine.status == 1)
    let publish = OriginalNode.publish("theirs", "value")
    guard case .fine = node.receive(publish, peer: nil, from: slot, now: now) else {
      Issue.record("a proper message was refused")
      return
    }
    #expect(node.engine.status == 2)
    guard case .hostile = node.receive([0], peer: nil, from: slot, now: now) else {
      Issue.record("the eighth malformed message")
      return
    }
    _ = node.receive(OriginalNode.publish("more", "value"), peer: nil, from: slot, now: now)
    #expect(node.engine.status == 2)
    #expect(node.engine.counters.ignored == 1)
    #expect(node.next(slot, now: now) == nil)
  }

  @Test func nativeMessagesOfStrangersAreMalformed() throws {
    let node = OurNode(.small, identity: 7)
    let now = Instant(nanoseconds: 1)
    let opened = node.engine.open(.server, now: now)
    let slot = try #require(opened)
    guard case .malformed = node.receive([0xaa, 0xa0, 0x10, 1, 0x50], peer: nil, from: slot, now: now) else {
      Issue.record("a native message of an original was taken")
      return
    }
  }

  @Test func aNodeKnowsItself() throws {
    let node = OurNode(.small, identity: 7)
    let now = Instant(nanoseconds: 1)
    let opened = node.engine.open(.client, now: now)
    let slot = try #require(opened)
    guard case .isSelf = node.receive(OriginalNode.message(.pong), peer: node.identity, from: slot, now: now)
    else {
      Issue.record("it took itself for another")
      return
    }
  }

  /// Random bytes, random cuts and random roles: nothing traps, and what is written to originals is theirs.
  @Test(arguments: 0..<20 as Range<UInt64>)
  func anyBytesAreTaken(seed: UInt64) throws {
    var generator = Generator(seed: seed)
    let node = OurNode(.small, identity: 7)
    var now = Instant(nanoseconds: 1)
    var slots: [(slot: Int, peer: MemberID?)] = []
    for index in 0..<8 {
      let opened = node.engine.open(index % 2 == 0 ? .client : .server, now: now)
      let slot = try #require(opened)
      slots.append((slot, index < 4 ? nil : MemberID(UInt64(index))))
    }
    for step in 0..<3_000 {
      let (slot, peer) = slots[generator.below(slots.count)]
      var bytes: [UInt8] = [0xaa, 0xa0, UInt8(generator.below(6)), 1]
      if generator.below(3) == 0 { bytes[2] = 0x10 }
      if generator.below(8) == 0 { bytes[generator.below(4)] = UInt8(truncatingIfNeeded: generator.next()) }
      let length = generator.below(60)
      for _ in 0..<length {
        bytes.append(UInt8(generator.below(3) == 0 ? generator.below(256) : 0x50 + generator.below(12)))
      }
      if bytes[2] == 2, length > 20 { bytes[4] = UInt8(generator.below(12)) }
      if generator.below(20) == 0 { bytes.removeLast(generator.below(bytes.count + 1)) }
      _ = node.receive(bytes, peer: peer, from: slot, now: now)
      if step % 16 == 0 {
        now = now + UInt64(generator.below(100_000_000))
        node.engine.advance(now: now, into: &node.changes)
        node.drain()
      }
      while let message = node.next(slot, now: now) {
        guard peer == nil else { continue }
        #expect(message.starts(with: [0xaa, 0xa0]) && (1...5).contains(message[2]) && message[3] == 1)
      }
      if generator.below(100) == 0 {
        node.engine.close(slot, now: now)
        let opened = node.engine.open(slot % 2 == 0 ? .client : .server, now: now)
        #expect(opened == slot)
      }
    }
  }
}
