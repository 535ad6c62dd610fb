import GrapevineCore
import Testing

@testable import GrapevineSecurity

@Suite("Nothing that a stranger sends counts", .timeLimit(.minutes(5)))
struct HostileTests {
  @Test("of 10^5 hostile frames none opens, none is remembered, and each is counted")
  func hostile() throws {
    let alice = try Member(keys: keyring(0), sender: 0xa11ce)
    let bob = try Member(keys: keyring(0, 1), senders: 8, sender: 0xb0b)
    var generator = Generator(seed: 2)
    let recorded = try (0..<50).map { try alice.seal([UInt8](repeating: UInt8($0), count: $0)) }
    for frame in recorded { #expect(bob.payload(frame) != nil) }
    let hints = [try keyID(0).hint, try keyID(1).hint]
    var accepted = 0
    for round in 0..<100_000 {
      var frame: [UInt8]
      switch round % 5 {
      case 0:
        frame = (0..<Int(generator.next() % 90)).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
      case 1:
        // The right form, key and length: all but the tag.
        frame = (0..<(27 + Int(generator.next() % 60))).map { _ in UInt8(truncatingIfNeeded: generator.next())
        }
        frame[0] = 0xb0
        frame[1] = hints[round & 1]
      case 2:
        frame = recorded[Int(generator.next() % 50)]
        frame = Array(frame.prefix(Int(generator.next() % UInt64(frame.count))))
      case 3: frame = recorded[Int(generator.next() % 50)]
      default:
        // Another key's hint, sender or counter on a real frame.
        frame = recorded[Int(generator.next() % 50)]
        let place = 1 + Int(generator.next() % 10)
        frame[place] = place == 1 ? hints[1] : frame[place] &+ 1 &+ UInt8(generator.next() % 255)
      }
      if bob.payload(frame) != nil { accepted += 1 }
    }
    #expect(accepted == 0)
    #expect(bob.protection.counters.opened == 50)
    #expect(bob.protection.counters.refused == 100_000)
    #expect(bob.protection.senders == 1)
    for reason in [FrameRefusal.malformed, .plain, .unknownKey, .forged, .replayed] {
      #expect(bob.protection.counters.refused(reason) > 0, "\(reason)")
    }
  }

  @Test("the memory of others is bounded and known beforehand")
  func memory() {
    #expect(FrameProtection.memoryBound() == 16_384 * (16 + 128) + 32_768 * 4)
    #expect(FrameProtection.memoryBound(senders: 0) < 200)
    #expect(FrameProtection.memoryBound(senders: .max) == FrameProtection.memoryBound(senders: 1 << 24))
  }
}
