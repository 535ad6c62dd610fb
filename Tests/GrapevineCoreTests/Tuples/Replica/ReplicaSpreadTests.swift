// Replicas with whole links: how far tuples come, and how many copies that takes.

import Testing

@testable import GrapevineCore

@Suite("Replicas over reliable links")
struct ReplicaSpreadTests {
  @Test("A mesh of ten: 1,000 tuples of one or of all cost 9,000 copies, also as the first traffic")
  func mesh() throws {
    for isOfAll in [false, true] {
      let net = ReplicaNet(10)
      net.mesh()
      for index in 0..<1_000 {
        try net.publish("key/\(index)", "value of \(index)", by: isOfAll ? index % 10 : 3)
        if index % 50 == 49 { net.run(1) }
      }
      net.run(100)
      #expect(net.areEqual())
      #expect(net.parties.allSatisfy { $0.replica.tupleCount == 1_000 })
      #expect(net.copies == 9_000)
      let received = net.parties.reduce(0) { $0 + $1.replica.counters.tupleNewsReceived }
      #expect(received == 9_000)
      // Comparisons find nothing.
      net.run(30_000)
      #expect(net.copies == 9_000)
    }
  }

  @Test("A mesh that is slow: tuples of all cross each other and cost no more")
  func slowMesh() throws {
    let net = ReplicaNet(10)
    net.delay = 80_000_000
    net.mesh()
    for index in 0..<1_000 {
      try net.publish("key/\(index)", "value of \(index)", by: index % 10)
      net.run(1)
    }
    net.run(1_000)
    #expect(net.areEqual())
    #expect(net.copies <= 9_000 * 12 / 10)
  }

  @Test("A line: each tuple crosses each link once")
  func line() throws {
    let net = ReplicaNet(6)
    for index in 1..<6 { net.link(index - 1, index) }
    for index in 0..<100 { try net.publish("key/\(index)", "x", by: index % 6) }
    net.run(20)
    #expect(net.areEqual())
    #expect(net.parties[5].replica.tupleCount == 100)
    #expect(net.copies == 500)
  }

  @Test("A ring of six: each tuple goes both ways round until the ways meet")
  func ring() throws {
    let net = ReplicaNet(6)
    for index in 0..<6 { net.link(index, (index + 1) % 6) }
    for index in 0..<120 {
      try net.publish("key/\(index)", "x", by: index % 6)
      net.run(7)
    }
    #expect(net.areEqual())
    #expect(net.parties[5].replica.tupleCount == 120)
    #expect(net.copies == 120 * 6)
  }

  @Test("Writes of one key at once end with the greatest version everywhere")
  func conflict() throws {
    let net = ReplicaNet(5)
    net.mesh()
    for round in 0..<20 {
      let versions = try (0..<5).map { try net.publish("key", "\(round) of \($0)", by: $0) }
      net.run(10)
      let best = versions.indices.max { versions[$0] < versions[$1] }
      #expect(net.areEqual())
      #expect(net.text("key", at: 0) == "\(round) of \(best ?? 9)")
    }
  }

  @Test("Removals travel, and conditions hold")
  func removal() throws {
    let net = ReplicaNet(3)
    net.link(0, 1)
    net.link(1, 2)
    for party in net.parties { party.keepsKinds = true }
    let version = try net.publish("a", "1", by: 0)
    net.run(10)
    #expect(throws: TupleError.conditionFailed(present: version)) {
      try net.publish("a", "2", by: 2, if: .ifAbsent)
    }
    try net.publish("a", "2", by: 2, if: .ifVersion(version))
    net.run(10)
    #expect(try net.remove("a", by: 1) != nil)
    #expect(try net.remove("a", by: 1) == nil)
    net.run(10)
    #expect(net.parties.allSatisfy { $0.replica.tupleCount == 0 && $0.replica.tombstoneCount == 1 })
    #expect(net.parties.allSatisfy { $0.kinds == [.published, .published, .removed] })
    #expect(throws: TupleError.membershipNeeded) { try net.publish("b", "", by: 0, lifetime: .ephemeral) }
  }

  @Test("Tuples expire everywhere without a word, and renewed ones stay while their replica runs")
  func lifetimes() throws {
    let net = ReplicaNet(3)
    net.mesh()
    for party in net.parties { party.keepsKinds = true }
    try net.publish("short", "x", by: 0, lifetime: .expires(after: .seconds(3)))
    try net.publish("kept", "y", by: 1, lifetime: .renewed(every: .seconds(3)))
    net.run(500)
    net.parties[2].replica.readerUp(60)
    #expect(net.read(60, at: 2).sorted() == ["kept=y", "short=x"])
    let before = net.copies
    net.run(9_500)
    #expect(net.parties.allSatisfy { $0.replica.tupleCount == 1 && $0.kinds.contains(.expired) })
    #expect(net.text("kept", at: 2) == "y")
    // Renewals alone: one a second, to two.
    #expect(net.copies - before <= 22)
    #expect(net.read(60, at: 2).isEmpty, "a renewal is no news to a reader")
    net.crash(1)
    net.run(4_000)
    #expect(net.text("kept", at: 0) == nil)
    #expect(net.areEqual([0, 2]))
  }

  @Test("A lone replica gives up old removals")
  func alone() throws {
    var rules = ReplicaNet.rules
    rules.horizon = .seconds(60)
    let net = ReplicaNet(1, rules: rules)
    for index in 0..<50 {
      try net.publish("key/\(index)", "x", by: 0, lifetime: .expires(after: .seconds(1)))
    }
    net.run(5_000)
    #expect(net.parties[0].replica.tombstoneCount == 50)
    net.run(80_000)
    #expect(net.parties[0].replica.tombstoneCount == 0)
  }

  @Test("Values longer than a message travel apart")
  func long() throws {
    let net = ReplicaNet(4, messageLimit: 4_096)
    for index in 1..<4 { net.link(index - 1, index) }
    let value = (0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
    for index in 0..<10 { try net.publish("long/\(index)", value, by: 0) }
    net.run(2_000)
    #expect(net.areEqual())
    #expect(net.parties[3].replica.tupleCount == 10)
    let whole = ReplicaNet(2)
    whole.mesh()
    let most = [UInt8](repeating: 7, count: 64_000)
    for index in 0..<10 { try whole.publish("long/\(index)", most, by: 0) }
    whole.run(20)
    #expect(whole.areEqual() && whole.parties[1].replica.counters.datagramsSent == 0)
  }

  @Test("Two links to one replica: one is used, and the other when that breaks")
  func twins() throws {
    let net = ReplicaNet(3)
    let first = net.link(0, 1)
    net.link(0, 1)
    net.link(1, 2)
    for index in 0..<100 { try net.publish("key/\(index)", "x", by: index % 3) }
    net.run(20)
    #expect(net.areEqual() && net.copies == 200)
    for index in 100..<200 { try net.publish("key/\(index)", "x", by: 0) }
    net.flush()
    net.cut(first)
    for index in 200..<300 { try net.publish("key/\(index)", "x", by: 0) }
    net.run(1_000)
    #expect(net.areEqual())
    #expect(net.parties[2].replica.tupleCount == 300)
  }
}
