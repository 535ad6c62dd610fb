// Clusters: views that connect everybody, messages that reach everybody, storms that end.

import ClojureGossip
import GrapevineCore
import GrapevineDialect
import Testing

@Suite("Clojure gossip: clusters")
struct ClojureClusterTests {
  /// Peers that joined one after the other, each through a random one before it.
  private func cluster(
    _ count: Int, seed: UInt64, _ configuration: ClojureGossipConfiguration
  ) throws -> Cluster {
    let cluster = Cluster(seed: seed)
    var generator = Generator(seed: seed)
    for index in 0..<count {
      let host = try cluster.add(7_000 + index, configuration)
      let contacts = index == 0 ? [] : [local(7_000 + generator.below(index))]
      try host.engine.join(contacts, now: cluster.now)
      cluster.run(for: .milliseconds(50))
    }
    cluster.run(for: .seconds(1))
    return cluster
  }

  /// The hosts that a message of the first one reaches along the views.
  private func reach(_ cluster: Cluster, from start: Int) -> Int {
    var reached: Set<Endpoint> = [cluster.hosts[start].endpoint]
    var next = [cluster.hosts[start]]
    while let host = next.popLast() {
      for peer in host.engine.partialView where reached.insert(peer).inserted {
        if let found = cluster.hosts.first(where: { $0.endpoint == peer }) { next.append(found) }
      }
    }
    return reached.count
  }

  @Test("50 peers: the views connect everybody, and a message is one copy for each arc", arguments: [1, 10])
  func connected(copies: Int) throws {
    var configuration = ClojureGossipConfiguration()
    configuration.copies = copies
    let cluster = try cluster(50, seed: 17, configuration)
    for start in [0, 7, 49] { #expect(reach(cluster, from: start) == 50) }
    let views = cluster.hosts.map { $0.engine.partialView }
    for (host, view) in zip(cluster.hosts, views) {
      #expect(Set(view).count == view.count)
      #expect(!view.contains(host.endpoint))
    }
    let arcs = views.reduce(0) { $0 + $1.count }
    // (c+1) ln n is 7.8 with c = 1. With c = 10 it is nearly everybody, and the limit of ten sightings decides.
    #expect((copies == 1 ? 4.0...12.0 : 7.0...15.0).contains(Double(arcs) / 50))
    let before = cluster.sent.count
    try cluster.broadcast("to all", from: cluster.hosts[3])
    cluster.run(for: .seconds(1))
    for (index, host) in cluster.hosts.enumerated() { #expect(host.texts == (index == 3 ? [] : ["to all"])) }
    let sent = cluster.sent.count - before
    // Nobody sends it back to where it came from.
    #expect(sent <= arcs && sent > arcs - 50)
  }

  @Test("two peers hear each other")
  func pair() throws {
    let cluster = try cluster(2, seed: 1, .init())
    #expect(cluster.hosts[0].engine.partialView == [local(7_001)])
    #expect(cluster.hosts[1].engine.partialView == [local(7_000)])
    #expect(cluster.hosts[1].engine.inView(now: cluster.now) == [local(7_000)])
    try cluster.broadcast("a", from: cluster.hosts[0])
    try cluster.broadcast("b", from: cluster.hosts[1])
    cluster.run(for: .seconds(1))
    #expect(cluster.hosts.map(\.texts) == [["b"], ["a"]])
  }

  @Test("a storm between two originals is heard, and not joined")
  func storm() throws {
    let cluster = Cluster()
    let host = try cluster.add(7_000)
    let listener = try cluster.add(7_001)
    try host.engine.join([], now: cluster.now)
    try listener.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(1))
    // Two originals that hold each other and us: one message goes round among them for ever.
    cluster.storms = [
      Storm(endpoint: local(1), view: [local(2), local(7_000)]),
      Storm(endpoint: local(2), view: [local(1), local(7_000)]),
    ]
    cluster.inject("forward--127.0.0.1:1", from: local(2), to: host)
    cluster.inject("forward--127.0.0.1:2", from: local(1), to: host)
    let before = cluster.sent.count { $0.text.hasPrefix("gossip") }
    cluster.inject("gossip--storm", from: local(1), to: host)
    cluster.inject("gossip--storm", from: local(2), to: host)
    cluster.run(for: .seconds(5))
    #expect(host.texts == ["storm"])
    #expect(listener.texts == ["storm"])
    let copies = cluster.sent.count { $0.text.hasPrefix("gossip") } - before
    #expect(copies <= 3)
    if host.engine.partialView.count > 1 { #expect(host.engine.counters.duplicates > 1_000) }
    // The storm keeps the text known for longer than its lifetime.
    cluster.storms = []
    for _ in 0..<40 {
      cluster.inject("gossip--storm", from: local(1), to: host)
      cluster.run(for: .seconds(60))
    }
    #expect(host.texts == ["storm"])
  }

  @Test("those who leave are replaced in the views, and the others stay connected")
  func leaving() throws {
    var configuration = ClojureGossipConfiguration()
    configuration.copies = 2
    let cluster = try cluster(30, seed: 23, configuration)
    for index in 0..<10 {
      let host = cluster.hosts[index]
      host.engine.leave(now: cluster.now)
      #expect(host.engine.lifecycle == .leaving)
      cluster.run(for: .milliseconds(100))
      #expect(host.engine.lifecycle == .disconnected)
      #expect(host.engine.nextDeadline == .never)
      host.isRunning = false
    }
    let gone = Set(cluster.hosts.prefix(10).map(\.endpoint))
    let stale = cluster.hosts.dropFirst(10).reduce(0) {
      $0 + $1.engine.partialView.count { gone.contains($0) }
    }
    // Every holder has shown itself with a heartbeat, so all of them were told.
    #expect(stale == 0)
    for start in [10, 20, 29] { #expect(reach(cluster, from: start) == 20) }
  }

  @Test("the same seed gives the same run")
  func determinism() throws {
    func trace() throws -> [[Endpoint]] {
      try cluster(20, seed: 31, .init()).hosts.map { $0.engine.partialView }
    }
    #expect(try trace() == trace())
  }

  @Test("a lease among peers of ours: who is gone leaves the views, who is there stays in them")
  func lease() throws {
    var configuration = ClojureGossipConfiguration()
    (configuration.copies, configuration.lease) = (2, .seconds(60))
    configuration.walkLength = 4
    configuration.ours = Set((0..<20).map { local(7_000 + $0) })
    let cluster = try cluster(20, seed: 37, configuration)
    cluster.run(for: .seconds(200))
    for index in 0..<3 { cluster.hosts[index].isRunning = false }
    cluster.run(for: .seconds(150))
    let gone = Set(cluster.hosts.prefix(3).map(\.endpoint))
    var stale = 0
    for host in cluster.hosts.dropFirst(3) {
      #expect(host.engine.partialView.count < 20)
      stale += host.engine.partialView.count { gone.contains($0) }
    }
    // Contacts are held without a lease, as the newcomer's own choice.
    #expect(stale <= 17)
    #expect(reach(cluster, from: 10) >= 17)
  }
}
