// Typed messages: a tag, then the value.

import Grapevine
import Testing

private struct Commit: GossipMessage, Equatable {
  var key: String
  var value: [UInt8]
}

private struct Renamed: GossipMessage, Equatable {
  static let tag = "Commit"
  var key: String
}

private struct LongTag: GossipMessage { static let tag = String(repeating: "é", count: 128) }
private struct NoTag: GossipMessage { static let tag = "" }

@Suite("Coding: typed messages")
struct CodingEnvelopeTests {
  @Test("a message is its tag's length, its tag and its value")
  func layout() throws {
    let message = try MessageEnvelope.encode(Commit(key: "a", value: [1]))
    #expect(message == unhex("06 436f6d6d6974 a2 63 6b6579 6161 65 76616c7565 4101"))
    #expect(try MessageEnvelope.decode(Commit.self, from: message) == Commit(key: "a", value: [1]))
    let parts = try #require(MessageEnvelope.split(message))
    #expect(parts.tag == "Commit" && parts.body == message[7...])
  }

  @Test("the tag is the type's name, or what the type states")
  func tags() throws {
    #expect(Commit.tag == "Commit" && Commit.tag == Commit.tag)
    let message = try MessageEnvelope.encode(Commit(key: "a", value: [1]))
    #expect(try MessageEnvelope.decode(Renamed.self, from: message) == Renamed(key: "a"))
    struct Other: GossipMessage {}
    #expect(Other.tag == "Other")
    #expect(try MessageEnvelope.decode(Other.self, from: message) == nil)
  }

  @Test("tags of no bytes, or of more than 255, are refused")
  func tagLengths() {
    #expect(throws: CodingFailure(.tagLength(found: 256))) { try MessageEnvelope.encode(LongTag()) }
    #expect(throws: CodingFailure(.tagLength(found: 0))) { try MessageEnvelope.encode(NoTag()) }
  }

  @Test("what is no typed message is nil", arguments: ["", "00", "00a0", "01", "0241", "02c328", "ff41"])
  func malformed(_ hex: String) throws {
    #expect(MessageEnvelope.split(unhex(hex)) == nil)
    #expect(try MessageEnvelope.decode(Commit.self, from: unhex(hex)) == nil)
  }

  @Test("a body that does not fit its tag's type is an error")
  func wrongBody() {
    #expect(throws: CodingFailure(.keyAbsent("key"))) {
      try MessageEnvelope.decode(Commit.self, from: unhex("06 436f6d6d6974 a0"))
    }
    #expect(throws: CodingFailure(.truncated(needed: 1, available: 0), offset: 0)) {
      try MessageEnvelope.decode(Commit.self, from: unhex("06 436f6d6d6974"))
    }
  }
}
