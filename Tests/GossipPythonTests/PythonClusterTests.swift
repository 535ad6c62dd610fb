// Clusters of peers, with and without loss, and what they promise: everything, once.

import GossipPython
import GrapevineCore
import GrapevineDialect
import Testing

@Suite("gossip_python: clusters")
struct PythonClusterTests {
  /// Peers that all joined through the first.
  private func cluster(_ count: Int, seed: UInt64, loss: Double = 0) throws -> Cluster {
    let cluster = Cluster(seed: seed)
    cluster.loss = loss
    for index in 0..<count {
      let host = try cluster.add(7_000 + index)
      try host.engine.join(index == 0 ? [] : [local(7_000)], now: cluster.now)
      cluster.run(for: .milliseconds(50))
    }
    cluster.run(for: .seconds(loss > 0 ? 60 : 5))
    return cluster
  }

  @Test("8 peers and 100 messages each: everybody delivers 700, each once", arguments: [0.0, 0.2])
  func everything(loss: Double) throws {
    let cluster = try cluster(8, seed: 3, loss: loss)
    for host in cluster.hosts {
      #expect(host.engine.lifecycle == .connected)
      #expect(host.engine.members.count == 7)
    }
    for number in 1...100 {
      for (index, host) in cluster.hosts.enumerated() {
        try cluster.broadcast("\(index):\(number)", from: host)
      }
      cluster.run(for: .milliseconds(20))
    }
    cluster.run(for: .seconds(loss > 0 ? 30 : 10))
    for (index, host) in cluster.hosts.enumerated() {
      let expected = (0..<8).filter { $0 != index }.flatMap { peer in (1...100).map { "\(peer):\($0)" } }
      #expect(host.texts.count == 700)
      #expect(Set(host.texts) == Set(expected))
      #expect(host.engine.counters.deliveries == 700)
      #expect(host.engine.counters.droppedMalformed == 0)
      #expect(host.engine.counters.membersLost == 0)
    }
  }

  @Test("peers that have the same are quiet but for the rounds: no Status answers an equal one")
  func quiet() throws {
    let cluster = try cluster(2, seed: 5)
    try cluster.broadcast("once", from: cluster.hosts[0])
    cluster.run(for: .seconds(5))
    let before = cluster.sent
    cluster.run(for: .seconds(10))
    // Each sends a Status to the other once a second, and the other acknowledges it.
    #expect(cluster.sent - before <= 42)
    #expect(cluster.sent - before >= 38)
  }

  @Test("a peer that was away gets what it lacks, however many messages, while they are in the logs")
  func late() throws {
    let cluster = try cluster(3, seed: 7)
    let absent = cluster.hosts[2]
    absent.isRunning = false
    for number in 1...100 { try cluster.broadcast("\(number)", from: cluster.hosts[0]) }
    cluster.run(for: .seconds(2))
    absent.isRunning = true
    cluster.run(for: .seconds(5))
    #expect(Set(absent.texts) == Set((1...100).map(String.init)))
    #expect(absent.texts.count == 100)
  }

  @Test("a newcomer gets what the logs still have, and takes what they do not for the time before it")
  func newcomer() throws {
    let cluster = try cluster(3, seed: 9)
    for number in 1...300 {
      try cluster.broadcast("\(number)", from: cluster.hosts[0])
      cluster.run(for: .milliseconds(5))
    }
    cluster.run(for: .seconds(3))
    let host = try cluster.add(7_100)
    try host.engine.join([local(7_001)], now: cluster.now)
    cluster.run(for: .seconds(8))
    #expect(Set(host.texts) == Set((173...300).map(String.init)))
    #expect(host.texts.count == 128)
    let before = cluster.sent
    cluster.run(for: .seconds(5))
    // Nothing is asked for any more: 4 peers, 3 Status and acknowledgements a second.
    #expect(cluster.sent - before <= 130)
  }

  @Test("two that join through each other become one cluster")
  func mutual() throws {
    let cluster = Cluster()
    let (first, second) = (try cluster.add(7_000), try cluster.add(7_001))
    try first.engine.join([local(7_001)], now: cluster.now)
    try second.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(3))
    #expect(first.engine.lifecycle == .connected)
    #expect(second.engine.members == [local(7_000)])
  }

  @Test("a member that is gone is dropped, and one that only falls silent for a while is not")
  func silence() throws {
    let cluster = try cluster(3, seed: 11)
    cluster.hosts[1].isRunning = false
    cluster.run(for: .seconds(20))
    cluster.hosts[1].isRunning = true
    cluster.run(for: .seconds(5))
    #expect(cluster.hosts[0].engine.members.count == 2)
    cluster.hosts[1].isRunning = false
    cluster.run(for: .seconds(100))
    #expect(cluster.hosts[0].engine.members == [local(7_002)])
    #expect(cluster.hosts[0].engine.counters.membersLost == 1)
  }

  @Test("a peer whose members are all gone greets its contacts until one is back")
  func comeback() throws {
    let cluster = try cluster(2, seed: 15)
    let (seed, host) = (cluster.hosts[0], cluster.hosts[1])
    seed.isRunning = false
    cluster.run(for: .seconds(300))
    #expect(host.engine.members.isEmpty)
    #expect(host.engine.lifecycle == .connected)
    seed.isRunning = true
    cluster.run(for: .seconds(60))
    #expect(host.engine.members == [local(7_000)])
    try cluster.broadcast("back", from: seed)
    cluster.run(for: .seconds(2))
    #expect(host.texts == ["back"])
  }

  @Test("a name is good for 9,999 messages; then another goes on")
  func renewal() throws {
    var configuration = GossipPythonConfiguration()
    configuration.spread = .broadcast
    let cluster = Cluster()
    let (first, second) = (try cluster.add(7_000, configuration), try cluster.add(7_001, configuration))
    try first.engine.join([], now: cluster.now)
    try second.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(2))
    let name = first.engine.memberID
    for number in 1...10_002 {
      try cluster.broadcast("\(number)", from: first)
      if number % 64 == 0 { cluster.run(for: .milliseconds(5)) }
    }
    cluster.run(for: .seconds(3))
    #expect(first.engine.memberID != name)
    #expect(second.delivered.count == 10_002)
    #expect(Set(second.texts).count == 10_002)
    #expect(second.delivered.last?.sequence == 3)
    #expect(Set(second.delivered.map(\.origin)).count == 2)
  }

  @Test("the same seed gives the same run")
  func determinism() throws {
    func trace() throws -> [[Delivered]] {
      let cluster = try cluster(5, seed: 13, loss: 0.1)
      for number in 1...20 { try cluster.broadcast("\(number)", from: cluster.hosts[number % 5]) }
      cluster.run(for: .seconds(10))
      return cluster.hosts.map(\.delivered)
    }
    #expect(try trace() == trace())
  }
}
