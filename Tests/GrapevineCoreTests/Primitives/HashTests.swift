import Testing

@testable import GrapevineCore

@Suite("SipHash-2-4")
struct SipHashTests {
  static let key = SecretKey(first: 0x0706_0504_0302_0100, second: 0x0f0e_0d0c_0b0a_0908)

  @Test(
    "whole words hash as the authors' test vectors say",
    arguments: [
      (1, 0x93f5_f579_9a93_2462), (2, 0x3f2a_cc7f_57c2_9bdb),
      (7, 0xb78d_bfaf_3a8d_83bd),
    ] as [(Int, UInt64)])
  func vectors(words: Int, expected: UInt64) {
    var hash = SipHash(key: Self.key)
    for word in 0..<words {
      hash.add((0..<8).reduce(0) { $0 | UInt64(word * 8 + $1) << UInt64($1 * 8) })
    }
    #expect(hash.finish() == expected)
  }

  @Test("every part of an endpoint matters")
  func endpoints() {
    func hash(_ endpoint: Endpoint) -> UInt64 {
      var hash = SipHash(key: Self.key)
      hash.add(endpoint)
      return hash.finish()
    }
    let base = Endpoint(high: 1, low: 2, scope: 3, port: 4)
    let others = [
      Endpoint(high: 2, low: 2, scope: 3, port: 4), Endpoint(high: 1, low: 3, scope: 3, port: 4),
      Endpoint(high: 1, low: 2, scope: 4, port: 4), Endpoint(high: 1, low: 2, scope: 3, port: 5),
    ]
    #expect(Set((others + [base]).map(hash)).count == 5)
  }

  @Test("both directions of a link have keys of their own, which every input changes")
  func linkKeys() {
    let keys = Neighbourhood.linkKeys(nonce: 1, cookie: 2, initiator: 3, responder: 4)
    let others = [
      Neighbourhood.linkKeys(nonce: 9, cookie: 2, initiator: 3, responder: 4),
      Neighbourhood.linkKeys(nonce: 1, cookie: 9, initiator: 3, responder: 4),
      Neighbourhood.linkKeys(nonce: 1, cookie: 2, initiator: 9, responder: 4),
      Neighbourhood.linkKeys(nonce: 1, cookie: 2, initiator: 3, responder: 9),
      Neighbourhood.linkKeys(nonce: 1, cookie: 2, initiator: 4, responder: 3),
    ]
    let all = (others + [keys]).flatMap { [$0.fromInitiator, $0.fromResponder] }
    #expect(Set(all).count == 12)
  }

  @Test("the cluster's name decides the key of open frames")
  func clusterNames() {
    let names = ["", "a", "b", "ab", "ba", "a\0", "\0"]
    #expect(Set(names.map(Neighbourhood.openKey)).count == names.count)
  }
}

@Suite("The checksum of frames")
struct ChecksumTests {
  /// Bytes that follow from their number alone.
  static func sample(_ count: Int) -> [UInt8] {
    var generator = Generator(seed: UInt64(count))
    return (0..<count).map { _ in UInt8(truncatingIfNeeded: generator.next()) }
  }

  static func checksum(_ bytes: [UInt8], key: UInt64 = 0x0123_4567_89ab_cdef) -> UInt32 {
    bytes.withUnsafeBytes { GrapevineCore.checksum($0, key: key) }
  }

  /// Pinned, so that no change of the function changes the wire unnoticed.
  @Test(
    "the checksum is what it always was",
    arguments: [
      (1, 0xf8f8_f432), (7, 0xbe3c_a5a4), (8, 0x0c55_d8fb), (9, 0x7b10_e4d7),
      (31, 0x6879_5ce7), (32, 0x3a73_6fe2), (33, 0x9a01_be21), (64, 0x3bfc_c199), (1193, 0x3d88_edc1),
    ] as [(Int, UInt32)])
  func pinned(count: Int, expected: UInt32) {
    #expect(Self.checksum(Self.sample(count)) == expected)
  }

  @Test("every flipped bit changes it, in frames of 1 to 200 bytes")
  func flips() {
    var missed = 0
    for count in 1...200 {
      var bytes = Self.sample(count)
      let whole = Self.checksum(bytes)
      for bit in 0..<count * 8 {
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
        if Self.checksum(bytes) == whole { missed += 1 }
        bytes[bit / 8] ^= 1 << UInt8(bit % 8)
      }
    }
    #expect(missed == 0)
  }

  @Test("the key matters, for every length", arguments: [0, 1, 8, 32, 100])
  func keys(count: Int) {
    let bytes = Self.sample(count)
    let values = (0..<64).map { Self.checksum(bytes, key: 1 << UInt64($0)) }
    #expect(Set(values).count == 64)
  }

  @Test("zero bytes at the end are seen")
  func length() {
    let values = (0...100).map { Self.checksum([UInt8](repeating: 0, count: $0)) }
    #expect(Set(values).count == 101)
  }

  @Test("a frame that is cut short is not intact")
  func cut() {
    let frame = linkFrame(Self.sample(60), number: 3, key: 9)
    func isIntact(_ frame: [UInt8], key: UInt64) -> Bool { Frame.isIntact(frame.span.bytes, key: key) }
    #expect(isIntact(frame, key: 9))
    for length in Frame.openHeader..<frame.count {
      #expect(!isIntact(Array(frame[..<length]), key: 9), "cut to \(length)")
    }
    #expect(!isIntact(frame, key: 8))
  }
}
