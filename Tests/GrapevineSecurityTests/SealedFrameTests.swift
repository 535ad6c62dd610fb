import GrapevineCore
import Testing

@testable import GrapevineSecurity

@Suite("Sealed frames arrive whole, once, and only as they were sealed", .timeLimit(.minutes(5)))
struct SealedFrameTests {
  let alice: Member
  let bob: Member

  init() throws {
    alice = try Member(keys: keyring(0), sender: 0xa11ce)
    bob = try Member(keys: keyring(0), sender: 0xb0b)
  }

  @Test("payloads of all lengths come back, with who sealed them and how")
  func roundTrips() throws {
    for length in [0, 1, 15, 16, 17, 63, 64, 65, 1_200, 65_535] {
      let payload = (0..<length).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      let frame = try alice.seal(payload)
      let opened = bob.open(frame)
      #expect(opened.payload == payload)
      let range = (frame.count - 16 - length)..<(frame.count - 16)
      #expect(opened.result == .sealed(range, sender: MemberID(0xa11ce), key: try keyID(0)))
    }
    #expect(bob.protection.counters.opened == 10)
    #expect(bob.protection.counters.refused == 0)
    #expect(alice.protection.counters.sealed == 10)
  }

  @Test(
    "a frame is 27 to 30 bytes longer than its payload",
    arguments: [
      (0, 27), (0xff, 27), (0x100, 28), (0xffff, 28), (0x1_0000, 29), (0xff_ffff, 29), (0x100_0000, 30),
      (0xffff_ffff, 30),
    ] as [(UInt64, Int)])
  func overhead(counter: UInt64, bytes: Int) throws {
    let sender = try Member(keys: keyring(0), sender: 7, counter: counter)
    let frame = try sender.seal([1, 2, 3])
    #expect(frame.count == bytes + 3)
    #expect(bytes <= SealedFrame.overhead)
    #expect(bob.payload(frame) == [1, 2, 3])
  }

  @Test("the ciphertext is not the payload, and the same payload never looks the same")
  func hidden() throws {
    let payload = [UInt8](repeating: 0, count: 64)
    let frames = try (0..<100).map { _ in Array(try alice.seal(payload).dropFirst(11).prefix(64)) }
    #expect(Set(frames).count == 100)
    #expect(!frames.contains(payload))
  }

  @Test("a frame with any bit flipped is refused, and the frame itself still opens")
  func bits() throws {
    let frame = try alice.seal(Array("a short message".utf8))
    var plain = 0
    for bit in 0..<(frame.count * 8) {
      var changed = frame
      changed[bit / 8] ^= 1 << UInt8(bit % 8)
      let refusal = bob.refusal(changed)
      #expect(refusal != nil, "bit \(bit)")
      if refusal == .plain { plain += 1 }
    }
    // Six bits of the first byte make it another kind of frame.
    #expect(plain == 6)
    #expect(bob.protection.senders == 0)
    #expect(bob.payload(frame) == Array("a short message".utf8))
  }

  @Test("a frame that is cut short or continued is refused")
  func lengths() throws {
    let frame = try alice.seal([1, 2, 3, 4, 5])
    for length in 0..<frame.count { #expect(bob.refusal(Array(frame.prefix(length))) != nil) }
    #expect(bob.refusal(frame + [0]) == .forged)
    #expect(bob.refusal([]) == .malformed)
    #expect(bob.payload(frame) == [1, 2, 3, 4, 5])
  }

  @Test("headers of a second form are refused: a long counter, a sender of zeros")
  func forms() {
    let rest = [UInt8](repeating: 0, count: 40)
    let id: [UInt8] = [0xff, 1, 2, 3, 4, 5, 6, 7, 8]
    #expect(bob.refusal([0xb1] + id + [0, 5] + rest) == .malformed)
    #expect(bob.refusal([0xb3] + id + [0, 1, 2, 3] + rest) == .malformed)
    #expect(bob.refusal([0xb0, 0xff] + [UInt8](repeating: 0, count: 8) + [1] + rest) == .malformed)
    #expect(bob.refusal([0xb0] + id + [5] + rest) == .forged)
  }

  @Test("a frame opens for its context alone")
  func contexts() throws {
    let frame = try alice.seal([9], context: 0xb0b)
    #expect(bob.refusal(frame) == .forged)
    #expect(bob.refusal(frame, context: 0xa11ce) == .forged)
    #expect(bob.payload(frame, context: 0xb0b) == [9])
  }

  @Test("a frame sealed with another key is refused, with and without its hint")
  func wrongKey() throws {
    let mallory = try Member(keys: keyring(77), sender: 0xbad)
    var frame = try mallory.seal([1])
    #expect(bob.refusal(frame) == .unknownKey)
    frame[1] = try keyID(0).hint
    #expect(bob.refusal(frame) == .forged)
  }

  @Test("a member does not take its own frames from others")
  func reflection() throws {
    let frame = try alice.seal([1])
    #expect(alice.refusal(frame) == .reflected)
  }

  @Test("after 2^32 frames a run takes another identity, and knows the former as its own")
  func exhaustion() throws {
    let sender = try Member(keys: keyring(0), sender: 5, counter: 0xffff_ffff)
    let last = try sender.seal([1])
    let first = try sender.seal([2])
    #expect(last[2..<10].elementsEqual([0, 0, 0, 0, 0, 0, 0, 5]))
    #expect(!first[2..<10].elementsEqual([0, 0, 0, 0, 0, 0, 0, 5]))
    #expect(first.count == 28)
    #expect(bob.payload(last) == [1])
    #expect(bob.payload(first) == [2])
    #expect(sender.refusal(last) == .reflected)
    #expect(sender.refusal(first) == .reflected)
  }

  @Test("a run ends after its last identity")
  func ends() throws {
    let sender = try Member(keys: keyring(0), sender: 5, counter: 1 << 32)
    for _ in 1..<FrameProtection.identitiesMax {
      _ = try sender.seal([])
      sender.protection.skipCounters()
    }
    #expect(securityError { _ = try sender.seal([]) }?.reason == .exhausted)
  }

  @Test("runs draw identities of their own")
  func identities() throws {
    let senders = try (0..<100).map { _ in Member(try FrameProtection(keyring: try keyring(0), senders: 1)) }
    #expect(Set(senders.map { $0.protection.sender }).count == 100)
  }

  @Test("sealing says what it lacks: a key, room, memory of its own")
  func misuse() throws {
    let empty = try Member(keys: try Keyring(), sender: 1)
    #expect(securityError { _ = try empty.seal([1]) }?.reason == .noSealingKey)
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 64, alignment: 1)
    defer { buffer.deallocate() }
    let payload = UnsafeRawBufferPointer(rebasing: buffer[..<10])
    let tooShort = UnsafeMutableRawBufferPointer(rebasing: buffer[10..<46])
    let enough = UnsafeMutableRawBufferPointer(rebasing: buffer[10..<47])
    let overlapping = UnsafeMutableRawBufferPointer(rebasing: buffer[9..<60])
    #expect(securityError { _ = try alice.protection.seal(payload, into: tooShort) }?.reason == .buffer)
    #expect(securityError { _ = try alice.protection.seal(payload, into: overlapping) }?.reason == .buffer)
    #expect(try alice.protection.seal(payload, into: enough) == 37)
    #expect(alice.protection.counters.sealed == 1)
  }

  @Test("among keys with the same hint the right one is found")
  func hints() throws {
    let wanted = try keyID(0).hint
    var other: [UInt8]?
    for number in 1..<10_000 where other == nil {
      var bytes = [UInt8](repeating: 3, count: 32)
      bytes[0] = UInt8(number & 255)
      bytes[1] = UInt8(number >> 8)
      if try hint(bytes) == wanted { other = bytes }
    }
    let twin = try #require(other)
    for twinFirst in [true, false] {
      var keys = try Keyring()
      if twinFirst { try keys.install(ClusterKey(bytes: twin.span.bytes)) }
      try keys.install(clusterKey(0))
      if !twinFirst { try keys.install(ClusterKey(bytes: twin.span.bytes)) }
      let receiver = try Member(keys: keys, sender: 3)
      #expect(receiver.payload(try alice.seal([7, 8])) == [7, 8])
      var twins = try Keyring()
      try twins.install(ClusterKey(bytes: twin.span.bytes))
      let sender = try Member(keys: twins, sender: 4)
      #expect(receiver.payload(try sender.seal([9])) == [9])
      var broken = try sender.seal([9])
      broken[broken.count - 1] ^= 1
      #expect(receiver.refusal(broken) == .forged)
    }
  }

  private func hint(_ bytes: [UInt8]) throws -> UInt8 {
    let key = try ClusterKey(bytes: bytes.span.bytes)
    return key.id.hint
  }
}

@Suite("Plain frames pass as the policy says", .timeLimit(.minutes(5)))
struct PlaintextPolicyTests {
  @Test("members at neighbouring steps understand each other, and the ends do not")
  func steps() throws {
    for sending in PlaintextPolicy.allCases {
      for receiving in PlaintextPolicy.allCases {
        let sender = try Member(keys: keyring(0), policy: sending, sender: 1)
        let receiver = try Member(keys: keyring(0), policy: receiving, sender: 2)
        let frame = sending.seals ? try sender.seal([0x67, 1, 2]) : [0x67, 1, 2]
        let expected = sending.seals ? receiving.acceptsSealed : receiving.acceptsPlain
        #expect((receiver.payload(frame) == [0x67, 1, 2]) == expected, "\(sending) to \(receiving)")
        if abs(sending.rawValue - receiving.rawValue) <= 1 { #expect(expected) }
        #expect(receiver.protection.counters.refused == (expected ? 0 : 1))
      }
    }
  }

  @Test("refusals say which")
  func refusals() throws {
    let strict = try Member(keys: keyring(0), sender: 1)
    #expect(strict.refusal([0x67]) == .plain)
    let plain = try Member(keys: keyring(0), policy: .plainOnly, sender: 2)
    #expect(plain.refusal(try strict.seal([1])) == .sealed)
    #expect(plain.open([0x47, 9]).result == .plain)
    #expect(plain.protection.counters.plain == 1)
  }
}
