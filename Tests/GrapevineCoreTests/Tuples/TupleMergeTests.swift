// Two clusters that exchange what they have, as bridges do.

import Testing

@testable import GrapevineCore

@Suite("Tuples: versions from other clusters")
struct TupleMergeTests {
  private static func stored(
    _ key: String, _ value: [UInt8], at milliseconds: UInt64, by writer: UInt64 = 77,
    until end: UInt64? = nil,
    isTombstone: Bool = false
  ) -> StoredTuple {
    let version = TupleVersion(clock: TupleClock(milliseconds: milliseconds), writer: MemberID(writer))
    return StoredTuple(
      Tuple(key: Array(key.utf8), value: value, version: version, expiresAt: end), isTombstone: isTombstone)
  }

  @Test("A version that is merged reaches all members as it is", arguments: [0, 3_600_000])
  func merged(age: UInt64) throws {
    let world = World()
    let members = try world.cluster(4, configuration: World.tuples)
    let now = world.timeOfDay(members[0])
    let version = Self.stored("k", [1], at: now - age, until: now + 7_200_000)
    let isNews = try members[0].node.merge(version, now: world.now, into: &members[0].effects)
    #expect(isNews)
    // An old one is found by comparing.
    world.run(age == 0 ? 1_000 : 5_000)
    for member in members {
      let tuple = Array("k".utf8).withUnsafeBytes { member.node.tuple(at: $0) }
      #expect(tuple == version.tuple)
    }
    let isNewsAgain = try members[1].node.merge(version, now: world.now, into: &members[1].effects)
    #expect(!isNewsAgain)
  }

  @Test("Of two versions the greater counts, whichever is merged later, and a removal too")
  func order() throws {
    let world = World()
    let members = try world.cluster(3, configuration: World.tuples)
    let now = world.timeOfDay(members[0])
    for (index, version) in [
      Self.stored("k", [2], at: now - 10), Self.stored("k", [1], at: now - 20),
      Self.stored("gone", [], at: now - 5, isTombstone: true), Self.stored("gone", [3], at: now - 6),
    ].enumerated() {
      let member = members[index % 3]
      _ = try member.node.merge(version, now: world.now, into: &member.effects)
      world.run(500)
    }
    for member in members {
      #expect(member.node.tuples().map(\.value) == [[2]])
      #expect(member.node.tombstoneCount == 1)
    }
  }

  @Test("What cannot be is refused")
  func refused() throws {
    let world = World()
    let members = try world.cluster(1, configuration: World.tuples)
    let now = world.timeOfDay(members[0])
    func merge(_ version: StoredTuple) throws(TupleError) -> Bool {
      try members[0].node.merge(version, now: world.now, into: &members[0].effects)
    }
    #expect(throws: TupleError.keyTooLong(limit: 255)) {
      try merge(Self.stored(String(repeating: "k", count: 256), [1], at: now))
    }
    #expect(throws: TupleError.lifetimeOutOfRange) { try merge(Self.stored("k", [1], at: now, until: now)) }
    let isFuture = try merge(Self.stored("k", [1], at: now + 3_600_000))
    #expect(!isFuture)
    #expect(members[0].node.tupleCount == 0)
  }
}
