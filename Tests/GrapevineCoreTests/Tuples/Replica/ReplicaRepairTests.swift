// Replicas whose links break, fall behind, or come late.

import Testing

@testable import GrapevineCore

@Suite("Replicas that miss something")
struct ReplicaRepairTests {
  @Test("A link that breaks in mid-batch: its ends have everything within a second")
  func midBatch() throws {
    let net = ReplicaNet(5)
    net.mesh()
    net.window = 1
    for index in 0..<3_000 { try net.publish("key/\(index)", "value \(index)", by: 0) }
    net.run(1)
    // Two messages of several under way, and everybody else was told that the third gets them from the first.
    let doomed = net.pipes.first { $0.value.from.party == 0 && $0.value.to.party == 3 }?.key
    net.cut(try #require(doomed) / 2)
    net.run(1_000)
    #expect(net.areEqual())
    #expect(net.parties[3].replica.tupleCount == 3_000)
  }

  @Test("A replica that dies after it has sent to one: all others have it within a second")
  func dying() throws {
    let net = ReplicaNet(6)
    net.mesh()
    net.run(100)
    // Only the link to the first of them works.
    for key in net.pipes.keys.sorted() where net.pipes[key]?.from.party == 5 && net.pipes[key]?.to.party != 2
    {
      net.pipes[key]?.isStalled = true
    }
    for index in 0..<500 { try net.publish("key/\(index)", "value \(index)", by: 5) }
    net.run(5)
    #expect(net.parties.map { $0.replica.tupleCount } == [0, 0, 500, 0, 0, 500])
    net.crash(5)
    net.run(1_000)
    #expect(net.parties[0...4].allSatisfy { $0.replica.tupleCount == 500 })
    #expect(net.areEqual([0, 1, 2, 3, 4]))
  }

  @Test("A latecomer to a mesh takes 10,000 from one replica, and nothing twice")
  func latecomer() throws {
    let net = ReplicaNet(4)
    net.mesh()
    for index in 0..<10_000 {
      try net.publish("key/\(index)", "v", by: 0)
      if index % 1_000 == 999 { net.run(2) }
    }
    net.run(10)
    let before = net.copies
    let late = net.add()
    for other in 0..<4 { net.link(other, late) }
    net.run(400)
    #expect(net.parties[late].replica.tupleCount == 10_000)
    net.run(1_000)
    #expect(net.areEqual())
    #expect(net.copies - before == 10_000)
  }

  @Test("Two sides that were apart exchange what the other lacks, along whatever line")
  func heal() throws {
    let net = ReplicaNet(6)
    for index in [1, 2, 4, 5] { net.link(index - 1, index) }
    for index in 0..<600 { try net.publish("key/\(index)", "of \(index % 2)", by: index % 2 == 0 ? 0 : 5) }
    net.run(50)
    for index in 0..<50 { try net.remove("key/\(index)", by: index % 2 == 0 ? 1 : 4) }
    net.run(50)
    let before = net.copies
    net.link(2, 3)
    net.run(2_500)
    #expect(net.areEqual())
    #expect(net.parties[0].replica.tupleCount == 550 && net.parties[0].replica.tombstoneCount == 50)
    #expect(net.copies - before == 600 * 3)
  }

  @Test("A link that is more than a ring behind is compared with; writes wait as long as it takes some")
  func overrun() throws {
    let net = ReplicaNet(3, newsSize: 256)
    net.mesh()
    net.run(10)
    net.window = 1
    var refused = 0
    var index = 0
    // A link that is slow and alive holds writes up.
    while index < 1_000 {
      do {
        try net.publish("key/\(index)", [UInt8](repeating: 1, count: 3_000), by: 0)
        index += 1
      } catch TupleError.wouldBlock {
        refused += 1
        net.run(1)
      }
    }
    net.run(100)
    #expect(refused > 10)
    #expect(net.areEqual() && net.parties[0].replica.counters.tupleLinksOverrun == 0)
    // One that takes nothing does for a second at most.
    let stalled = try #require(net.pipes.first { $0.value.from.party == 0 && $0.value.to.party == 1 }?.key)
    net.pipes[stalled]?.isStalled = true
    let start = net.now
    while index < 2_000 {
      do {
        try net.publish("key/\(index)", "x", by: 0)
        index += 1
      } catch TupleError.wouldBlock {
        net.run(10)
      }
    }
    #expect(net.now.since(start) <= 1_100_000_000)
    #expect(net.parties[0].replica.counters.tupleLinksOverrun > 0)
    #expect(net.parties[1].replica.tupleCount < 2_000)
    net.pipes[stalled]?.isStalled = false
    net.run(1_500)
    #expect(net.areEqual())
    #expect(net.parties[1].replica.tupleCount == 2_000)
  }

  @Test("A stalled link costs no steps")
  func stalled() throws {
    let net = ReplicaNet(2)
    let link = net.link(0, 1)
    try net.publish("a", "b", by: 0)
    net.run(100)
    net.pipes[2 * link]?.isStalled = true
    net.pipes[2 * link + 1]?.isStalled = true
    try net.publish("a", "c", by: 0)
    net.parties[0].replica.askAll(now: net.now)
    #expect(net.run(60_000) < 200)
    net.pipes[2 * link]?.isStalled = false
    net.pipes[2 * link + 1]?.isStalled = false
    net.run(100)
    #expect(net.text("a", at: 1) == "c")
  }

  @Test("Changes that find no room come a moment later")
  func deferred() throws {
    let net = ReplicaNet(2)
    net.link(0, 1)
    net.parties[1].changes = ChangeBuffer(changes: 100, bytes: 1 << 16)
    for index in 0..<1_000 { try net.publish("key/\(index)", "x", by: 0) }
    net.run(2)
    #expect(net.parties[1].replica.tupleCount == 100)
    net.run(8_000)
    #expect(net.areEqual())
  }

  @Test("Who was away for longer than the horizon drops what was removed, and keeps what it wrote")
  func yielding() throws {
    var rules = ReplicaNet.rules
    (rules.horizon, rules.syncInterval) = (.seconds(400), .seconds(5))
    let net = ReplicaNet(3, rules: rules)
    net.link(0, 1)
    let link = net.link(1, 2)
    for index in 0..<20 { try net.publish("key/\(index)", "x", by: 0) }
    net.run(120_000)
    net.cut(link)
    try net.remove("key/3", by: 0)
    net.run(1_000_000)
    #expect(net.parties[0].replica.tombstoneCount == 0)
    try net.publish("mine", "y", by: 2)
    net.link(1, 2)
    net.run(40_000)
    #expect(net.areEqual())
    #expect(net.text("key/3", at: 0) == nil && net.text("mine", at: 0) == "y")
    #expect(net.parties[0].replica.tupleCount == 20)
  }
}
