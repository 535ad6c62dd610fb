// Readers: those that take plain tuples from a replica.

import Testing

@testable import GrapevineCore

@Suite("Readers of a replica")
struct ReplicaReaderTests {
  private func net(_ tuples: Int, newsSize: Int = 1 << 16) throws -> ReplicaNet {
    let net = ReplicaNet(2, newsSize: newsSize)
    net.link(0, 1)
    for index in 0..<tuples { try net.publish("key/\(index)", "\(index)", by: index % 2) }
    net.run(20)
    return net
  }

  @Test("A reader gets each tuple once: what was there, and what comes while it reads")
  func once() throws {
    let net = try net(500)
    for index in 0..<50 { try net.remove("key/\(index)", by: 0) }
    net.parties[0].replica.readerUp(9)
    #expect(net.parties[0].hasMessage(9, net.now))
    var read = net.read(9, at: 0, limit: 200)
    // Before and behind where it reads, and new ones.
    for index in [60, 70, 400, 401, 600, 601] {
      try net.publish("key/\(index)", "new \(index)", by: index % 2)
    }
    try net.remove("key/402", by: 1)
    net.run(20)
    read += net.read(9, at: 0)
    for index in [80, 700] { try net.publish("key/\(index)", "newer \(index)", by: index % 2) }
    net.run(20)
    read += net.read(9, at: 0)
    #expect(Set(read).count == read.count)
    #expect(!net.parties[0].hasMessage(9, net.now))
    var last: [String: String] = [:]
    for pair in read {
      let parts = pair.split(separator: "=")
      last[String(parts[0])] = String(parts[1])
    }
    last["key/402"] = nil
    var there: [String: String] = [:]
    for tuple in net.parties[0].replica.tuples() {
      there[String(decoding: tuple.key, as: UTF8.self)] = String(decoding: tuple.value, as: UTF8.self)
    }
    #expect(last == there && there.count == 452)
    // What did not change was told once, and what changed behind where the reader was, or later, twice.
    #expect((452...458).contains(read.count))
    #expect(net.parties[0].replica.counters.tuplesRead == UInt64(read.count))
  }

  @Test("A reader is not told what it says, and hears what others say instead")
  func own() throws {
    let net = try net(0)
    net.parties[0].replica.readerUp(9)
    net.parties[0].replica.readerUp(10)
    // Before it has read what is there, and after.
    try net.publish("early", "1", by: 0, from: 9)
    #expect(net.read(9, at: 0) == [])
    try net.publish("late", "2", by: 0, from: 9)
    #expect(net.read(9, at: 0) == [])
    #expect(net.read(10, at: 0) == ["early=1", "late=2"])
    net.run(10)
    try net.publish("late", "3", by: 1)
    net.run(10)
    #expect(net.read(9, at: 0) == ["late=3"])
    try net.remove("late", by: 1)
    net.run(10)
    #expect(net.read(9, at: 0) == [])
    net.tell(9, "late", at: 0)
    net.tell(9, "early", at: 0)
    #expect(net.read(9, at: 0) == ["early=1"])
    #expect(net.read(10, at: 0) == [])
    net.parties[0].replica.rewindReader(9)
    #expect(net.read(9, at: 0) == ["early=1"])
  }

  @Test("The same value again is no news, unless the reader has not yet been told")
  func same() throws {
    let net = try net(0)
    net.parties[0].replica.readerUp(9)
    try net.publish("a", "1", by: 0)
    try net.publish("a", "1", by: 1)
    net.run(10)
    #expect(net.read(9, at: 0) == ["a=1"])
    try net.publish("a", "1", by: 1)
    net.run(10)
    #expect(net.read(9, at: 0) == [])
    try net.publish("a", "2", by: 0)
    try net.publish("a", "2", by: 0)
    net.tell(9, "a", at: 0)
    #expect(net.read(9, at: 0) == ["a=2", "a=2"])
    try net.publish("a", "3", by: 0, from: 9)
    try net.publish("a", "3", by: 0)
    #expect(net.read(9, at: 0) == [])
  }

  @Test("A reader that is a ring behind and takes nothing is told everything again")
  func overrun() throws {
    let net = try net(100, newsSize: 256)
    net.parties[0].replica.readerUp(9)
    #expect(net.read(9, at: 0).count == 100)
    var isRefused = false
    for index in 100..<1_000 {
      do { try net.publish("key/\(index)", "\(index)", by: 0) } catch TupleError.wouldBlock {
        isRefused = true
        net.run(1_100)
        try net.publish("key/\(index)", "\(index)", by: 0)
      }
      if index % 50 == 0 { net.run(5) }
    }
    net.run(20)
    #expect(isRefused)
    #expect(net.parties[0].replica.counters.tupleLinksOverrun >= 1)
    #expect(Set(net.read(9, at: 0)) == Set((0..<1_000).map { "key/\($0)=\($0)" }))
    #expect(net.read(9, at: 0) == [])
    #expect(net.areEqual())
  }

  @Test("What comes by comparison is told to readers too")
  func compared() throws {
    let net = ReplicaNet(2)
    net.parties[0].replica.readerUp(9)
    for index in 0..<100 { try net.publish("key/\(index)", "x", by: 1) }
    net.link(0, 1)
    net.run(100)
    #expect(net.read(9, at: 0).count == 100)
  }
}
