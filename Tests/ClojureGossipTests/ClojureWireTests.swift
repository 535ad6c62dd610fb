// The captured vectors and what is wrong with datagrams.

@testable import ClojureGossip
import GrapevineCore
import Testing

func bytes(hex: String) -> [UInt8] {
  let digits = hex.filter { $0 != " " }
  return stride(from: 0, to: digits.count, by: 2).map { offset in
    let start = digits.index(digits.startIndex, offsetBy: offset)
    return UInt8(digits[start..<digits.index(start, offsetBy: 2)], radix: 16) ?? 0
  }
}

func read(_ bytes: [UInt8]) throws -> ClojureDatagram {
  try bytes.withUnsafeBytes { try ClojureDatagram(reading: $0) }
}

func local(_ port: Int) -> Endpoint { Endpoint(ipv4: 0x7f00_0001, port: UInt16(port)) }

@Suite("Clojure gossip: the wire")
struct ClojureWireTests {
  private func failure(_ bytes: [UInt8]) -> ClojureWireError? {
    do {
      _ = try read(bytes)
      return nil
    } catch {
      return error as? ClojureWireError
    }
  }

  @Test(
    "C1 to C8",
    arguments: [
      ("696e6974 69616c", ClojureMessage.initial),
      ("666f7277 6172642d 2d313237 2e302e30 2e313a31 36373033", .forward(local(16_703))),
      ("68656172 74626561 74", .heartbeat),
      ("72656d6f 7665", .remove),
      ("7265706c 6163652d 2d322e32 2e322e32 3a32", .replace(Endpoint(ipv4: 0x0202_0202, port: 2))),
      ("676f7373 69702d2d 68c3a96c 6c6f", .gossip(Array("héllo".utf8))),
      ("676f7373 69702d2d 79", .gossip(Array("y".utf8))),
      ("676f7373 69702d2d 676f7373 6970", .gossip(Array("gossip".utf8))),
    ])
  func vectors(hex: String, message: ClojureMessage) throws {
    let bytes = bytes(hex: hex)
    #expect(try read(bytes) == ClojureDatagram(message))
    #expect(ClojureDatagram(message).bytes == bytes)
  }

  @Test(
    "texts are cut as the original cuts them",
    arguments: [
      ("gossip--x--y", "y"), ("gossip--abc--", "abc"), ("gossip--", "gossip"), ("gossip", "gossip"),
      ("gossip---x", "-x"), ("gossip--x-", "x-"), ("gossip----y", "y"), ("gossip------", "gossip"),
    ])
  func cuts(text: String, payload: String) throws {
    #expect(try read(Array(text.utf8)).message == .gossip(Array(payload.utf8)))
  }

  @Test("pieces that originals pass over are kept as notes, and written back")
  func notes() throws {
    for text in ["forward--w3--l60--127.0.0.1:9", "initial--l60--r", "heartbeat--x", "remove--y"] {
      let datagram = try read(Array(text.utf8))
      #expect(!datagram.notes.isEmpty)
      #expect(datagram.bytes == Array(text.utf8))
    }
    let terms = SubscriptionTerms(try read(Array("forward--w3--l60--r--q--w99999--127.0.0.1:9".utf8)).notes)
    #expect(terms == SubscriptionTerms(lease: 60, isRenewal: true, steps: 3))
    #expect(terms.notes == ["w3", "l60", "r"])
  }

  @Test(
    "unknown words are told, and none of them is taken for a known one",
    arguments: [
      "", "--", "----", "Initial", "initial\n", "kept", "gossip-", "heartbeat--x".uppercased(), " remove",
    ])
  func words(text: String) {
    #expect(failure(Array(text.utf8)) == .wordUnknown)
  }

  @Test(
    "addresses are four numbers and a port, and nothing else",
    arguments: [
      "", "localhost:1", "1.2.3:4", "1.2.3.4", "1.2.3.4:", "1.2.3.4:0", "1.2.3.4:65536", "1.2.3.256:1",
      "1.2.3.4:+1", " 1.2.3.4:1", "1.2.3.4:1 ", "1.2.3.4:1:2", "0.0.0.0:1", "224.0.0.1:1", "::1:1",
      "1..3.4:5",
    ])
  func addresses(text: String) {
    #expect(failure(Array(("forward--" + text).utf8)) == .addressInvalid)
    #expect(failure(Array(("replace--" + text).utf8)) == .addressInvalid)
  }

  @Test("a text that is cut within a character is told")
  func badText() {
    #expect(failure(Array("gossip--h".utf8) + [0xc3]) == .textInvalid)
  }

  @Test("random bytes are read or told, and what is read is written back to the same")
  func fuzz() {
    var generator = Generator(seed: 5)
    let samples = [
      "initial", "forward--w3--127.0.0.1:16703", "heartbeat", "remove", "replace--2.2.2.2:2",
      "gossip--x--y--",
    ].map { Array($0.utf8) }
    var readCount = 0
    for _ in 0..<20_000 {
      var bytes = samples[generator.below(samples.count)]
      for _ in 0..<generator.below(4) where !bytes.isEmpty {
        let place = generator.below(bytes.count)
        switch generator.below(4) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(0x2d, at: place)
        case 2: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        default: bytes = Array(bytes.prefix(place))
        }
      }
      guard let datagram = try? read(bytes) else { continue }
      readCount += 1
      if let again = try? read(datagram.bytes) {
        #expect(again.message == datagram.message)
      } else {
        Issue.record("\(datagram) cannot be read back")
      }
    }
    #expect(readCount > 5_000)
  }
}
