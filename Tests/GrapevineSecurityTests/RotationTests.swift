import GrapevineCore
import Testing

@testable import GrapevineSecurity

@Suite("Keys come, are used and go without a frame lost", .timeLimit(.minutes(5)))
struct RotationTests {
  /// Members that send to all others, with frames that take a few turns to arrive.
  private struct Cluster {
    let members: [Member]
    var flight: [(to: Int, frame: [UInt8])] = []
    var sent = 0
    var arrived = 0

    init(count: Int) throws {
      members = try (0..<count).map { try Member(keys: keyring(0), sender: UInt64($0 + 1)) }
    }

    /// Everybody sends to everybody, and all but the latest frames arrive.
    mutating func turn() throws {
      for sender in members.indices {
        for receiver in members.indices where receiver != sender {
          flight.append((receiver, try members[sender].seal([UInt8(sender)], context: UInt64(receiver))))
          sent += 1
        }
      }
      deliver(leaving: 40)
    }

    mutating func deliver(leaving count: Int) {
      while flight.count > count {
        let (receiver, frame) = flight.removeFirst()
        if members[receiver].payload(frame, context: UInt64(receiver)) != nil { arrived += 1 }
      }
    }
  }

  @Test("install everywhere, use everywhere, retire everywhere, member by member, with frames under way")
  func rotation() throws {
    var cluster = try Cluster(count: 6)
    for key: UInt8 in 1...12 {
      for member in cluster.members {
        try member.protection.install(clusterKey(key))
        try cluster.turn()
      }
      for member in cluster.members {
        try member.protection.use(keyID(key))
        try cluster.turn()
      }
      // What is under way was sealed with the old key in part: it arrives before that is retired.
      cluster.deliver(leaving: 0)
      for member in cluster.members {
        try member.protection.retire(keyID(key - 1))
        try cluster.turn()
      }
    }
    cluster.deliver(leaving: 0)
    #expect(cluster.sent == cluster.arrived)
    #expect(cluster.sent == 6 * 5 * 6 * 3 * 12)
    for member in cluster.members {
      #expect(member.protection.keys == [try keyID(12)])
      #expect(member.protection.senders == 5)
      #expect(member.protection.counters.refused == 0)
    }
  }

  @Test("a retired key opens nothing, and does not come back")
  func retired() throws {
    let alice = try Member(keys: keyring(0), sender: 1)
    let bob = try Member(keys: keyring(0, 1), sender: 2)
    let frame = try alice.seal([1])
    try bob.protection.use(keyID(1))
    try bob.protection.retire(keyID(0))
    #expect(bob.refusal(frame) == .unknownKey)
    #expect(securityError { try bob.protection.install(clusterKey(0)) }?.reason == .keyRetired)
  }

  @Test("of a retired key nothing is left in memory")
  func zeroed() throws {
    var keys = try keyring(0, 1)
    let old = UnsafeRawBufferPointer(start: keys.clusterKey(at: 0).baseAddress, count: 48)
    let next = keys.clusterKey(at: 1)
    #expect(Array(old.prefix(32)) == Array(0..<32))
    try keys.use(keyID(1))
    try keys.retire(keyID(0))
    #expect(old.allSatisfy { $0 == 0 })
    #expect(Array(next) == Array(1..<33))
    // So that the memory is there until here.
    let count = keys.ids.count
    #expect(count == 1)
  }

  @Test("a keyring says what it cannot do")
  func misuse() throws {
    var keys = try keyring(0)
    let again = try keys.install(clusterKey(0))
    #expect(!again)
    let first = try keyID(0)
    let sealing = keys.sealing
    #expect(sealing == first)
    #expect(throws: SecurityError.self) { try useUnknown() }
    for number in 1..<UInt8(Keyring.capacity) { try keys.install(clusterKey(number)) }
    let count = keys.ids.count
    #expect(count == Keyring.capacity)
    let member = try Member(keys: keys, sender: 1)
    #expect(securityError { try member.protection.install(clusterKey(50)) }?.reason == .keyringFull)
    #expect(securityError { try member.protection.retire(keyID(0)) }?.reason == .keyInUse)
    #expect(securityError { try member.protection.retire(keyID(50)) }?.reason == .unknownKey)
    #expect(securityError { try member.protection.use(keyID(50)) }?.reason == .unknownKey)
    try member.protection.use(keyID(3))
    try member.protection.retire(keyID(0))
    #expect(try member.protection.install(clusterKey(50)))
  }

  private func useUnknown() throws {
    var keys = try keyring(0)
    try keys.use(KeyID(1))
  }

  @Test("keys of another length and of zeros are refused; drawn ones differ")
  func keys() throws {
    for count in [0, 31, 32, 33] {
      let bytes = [UInt8](repeating: 0, count: count)
      #expect(securityError { _ = try ClusterKey(bytes: bytes.span.bytes) }?.reason == .badKey)
    }
    let ids = try (0..<50).map { _ in
      let key = try ClusterKey.generate()
      return key.id
    }
    #expect(Set(ids).count == 50)
  }

  @Test("names are read as they are written")
  func names() {
    #expect(KeyID("0000000a") == KeyID(10))
    #expect(KeyID(10).description == "0000000a")
    #expect(KeyID("FF78C930")?.description == "ff78c930")
    for text in ["", "123", "123456789", "1234567g", "+1234567"] { #expect(KeyID(text) == nil) }
  }
}
