// Replicas whose neighbours send nonsense.

import Testing

@testable import GrapevineCore

@Suite("Replicas and malformed messages")
struct ReplicaHostileTests {
  /// A replica with a link to one that is the test.
  private func party() -> ReplicaParty {
    let net = ReplicaNet(1)
    let party = net.parties[0]
    party.replica.linkUp(0, peer: MemberID(77), now: net.now)
    party.replica.linkUp(1, peer: MemberID(78), now: net.now)
    return party
  }

  private let now = Instant(nanoseconds: 2_000_000_000)

  private func receive(_ bytes: [UInt8], _ party: ReplicaParty, from slot: Int = 0) -> DecodeError? {
    bytes.withUnsafeBytes {
      do throws(DecodeError) {
        try party.replica.receive($0, from: slot, now: now, into: &party.changes)
        return nil
      } catch {
        return error
      }
    }
  }

  private func write(_ party: ReplicaParty, _ slot: Int) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: 65_536)
    let length = bytes.withUnsafeMutableBytes { party.replica.write(slot, into: $0, now: now) }
    return Array(bytes.prefix(length))
  }

  private func news(_ peers: [UInt64], _ key: String, count: UInt8 = 1) -> [UInt8] {
    var bytes = [MessageKind.news, UInt8(truncatingIfNeeded: peers.count)]
    for peer in peers { withUnsafeBytes(of: peer.bigEndian) { bytes += $0 } }
    bytes.append(count)
    bytes += [0, UInt8(key.utf8.count)]
    withUnsafeBytes(of: (ReplicaNet.origin << 16).bigEndian) { bytes += $0 }
    withUnsafeBytes(of: UInt64(77).bigEndian) { bytes += $0 }
    bytes.append(3)
    bytes += Array(key.utf8) + Array("abc".utf8)
    return bytes
  }

  @Test("Peers named may be anybody: nobody is left out but who was named and is a neighbour")
  func peers() {
    let party = party()
    let own = party.replica.identity.value
    #expect(receive(news([0, 0, own, own, 5, 77, 5], "key"), party) == nil)
    #expect(write(party, 0).isEmpty, "it came from there")
    let sent = write(party, 1)
    #expect(sent.prefix(10) == news([77], "key").prefix(10))
    #expect(receive(news([78, 78], "other"), party) == nil)
    #expect(write(party, 1).isEmpty)
    #expect(party.replica.tupleCount == 2)
    #expect(receive(news(Array(1...63), "more"), party) == nil)
    #expect(receive(news(Array(1...64), "most"), party) == .outOfRange)
    #expect(receive(news([], "none", count: 0), party) == .outOfRange)
    // A link to itself gets no news.
    party.replica.linkUp(2, peer: party.replica.identity, now: now)
    #expect(receive(news([], "self"), party) == nil)
    #expect(write(party, 2).isEmpty)
  }

  @Test("A message cut short anywhere is refused, and what came before its end counts")
  func truncated() {
    let whole = news([1, 2], "key")
    for length in 1..<whole.count {
      let party = party()
      #expect(receive(Array(whole.prefix(length)), party) == .truncated)
      #expect(party.replica.tupleCount == 0)
    }
    let party = party()
    #expect(receive(whole + [0x5f], party) == .unknownKind)
    #expect(party.replica.tupleCount == 1)
    #expect(receive([0x11], party) == .unknownKind)
    #expect(receive(whole, party, from: 9) == .unknownKind, "no replica is there")
    #expect(receive([], party) == nil)
  }

  @Test("Random and damaged bytes harm nobody")
  func random() {
    var generator = Generator(seed: 5)
    let party = party()
    party.replica.readerUp(3)
    for round in 0..<20_000 {
      var bytes: [UInt8]
      if round % 2 == 0 {
        bytes = (0..<generator.below(80)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
        if !bytes.isEmpty { bytes[0] = 0x50 | bytes[0] & 0x0f }
      } else {
        bytes = news([UInt64(generator.below(90))], "key/\(generator.below(50))")
        for _ in 0..<generator.below(4) {
          bytes[generator.below(bytes.count)] ^= UInt8(truncatingIfNeeded: 1 << generator.below(8))
        }
      }
      _ = receive(bytes, party, from: generator.below(2))
      party.carryOut()
      if round % 16 == 0 {
        _ = write(party, generator.below(2))
        _ = party.replica.nextTuple(3)
        let later = now + UInt64(round) * 1_000_000
        party.replica.advance(now: later, into: &party.changes)
        party.carryOut()
      }
    }
    #expect(party.replica.tupleCount <= 30_000)
    #expect(party.replica.counters.tupleNewsReceived > 5_000)
  }
}
