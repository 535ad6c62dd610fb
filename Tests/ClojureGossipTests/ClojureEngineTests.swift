// The rules of one peer among originals, and what its user asks for.

import ClojureGossip
import GrapevineCore
import GrapevineDialect
import Testing

@Suite("Clojure gossip: the engine")
struct ClojureEngineTests {
  private let first = local(1)
  private let second = local(2)
  private let third = local(3)

  private func founder(_ configuration: ClojureGossipConfiguration = .init()) throws -> (Cluster, Host) {
    let cluster = Cluster()
    let host = try cluster.add(7_000, configuration)
    try host.engine.join([], now: cluster.now)
    return (cluster, host)
  }

  private func error(_ body: () throws -> Void) -> DialectError? {
    do {
      try body()
      return nil
    } catch {
      return error as? DialectError
    }
  }

  @Test("a recorded conversation: the first newcomer is taken, the second is passed on c + v times")
  func conversation() throws {
    let (cluster, host) = try founder()
    cluster.inject("initial", from: first, to: host)
    // Taken, and told with a heartbeat.
    #expect(cluster.take(for: first) == ["heartbeat"])
    #expect(host.engine.partialView == [first])
    cluster.inject("initial", from: second, to: host)
    #expect(cluster.take(for: first) == Array(repeating: "forward--127.0.0.1:2", count: 11))
    #expect(host.engine.partialView == [first])
    #expect(cluster.take(for: second).isEmpty)
    // A repeated subscription is a refresh.
    cluster.inject("initial", from: second, to: host)
    #expect(cluster.take(for: first).isEmpty)
    cluster.run(for: .seconds(31))
    cluster.inject("initial", from: second, to: host)
    #expect(cluster.take(for: first).count == 11)
  }

  @Test("c is configurable")
  func copies() throws {
    var configuration = ClojureGossipConfiguration()
    configuration.copies = 2
    let (cluster, host) = try founder(configuration)
    for peer in [first, second] { cluster.inject("initial", from: peer, to: host) }
    #expect(cluster.take(for: first) == ["heartbeat"] + Array(repeating: "forward--127.0.0.1:2", count: 3))
  }

  @Test("a copy is kept with probability 1/(1+v), or passed on, and in the end dropped")
  func keeping() throws {
    var kept = 0
    for seed in 0..<200 as Range<UInt64> {
      let cluster = Cluster(seed: seed)
      let host = try cluster.add(7_000)
      try host.engine.join([], now: cluster.now)
      cluster.inject("initial", from: first, to: host)
      cluster.inject("forward--127.0.0.1:2", from: first, to: host)
      if host.engine.partialView.contains(second) {
        kept += 1
        #expect(cluster.take(for: second) == ["heartbeat"])
      } else {
        #expect(cluster.take(for: first) == ["heartbeat", "forward--127.0.0.1:2"])
      }
    }
    // v = 1: one half.
    #expect((75...125).contains(kept))
  }

  @Test("what is held, and what is our own, is passed on ten times and then dropped")
  func sightings() throws {
    let (cluster, host) = try founder()
    cluster.inject("initial", from: first, to: host)
    _ = cluster.take(for: first)
    cluster.inject("heartbeat", from: second, to: host)
    for subscriber in ["127.0.0.1:7000", "127.0.0.1:1"] {
      for _ in 0..<40 { cluster.inject("forward--\(subscriber)", from: second, to: host) }
    }
    // Our own goes to the member of the view; nobody is told of itself.
    #expect(cluster.take(for: first) == Array(repeating: "forward--127.0.0.1:7000", count: 10))
    #expect(host.engine.partialView == [first])
  }

  @Test("a message is passed on once, to the view, and not to where it came from")
  func passingOn() throws {
    let (cluster, host) = try founder()
    cluster.inject("initial", from: first, to: host)
    for _ in 0..<100 where host.engine.partialView.count < 2 {
      cluster.run(for: .seconds(31))
      cluster.inject("forward--127.0.0.1:2", from: first, to: host)
    }
    cluster.strays = []
    for source in [first, second, third, first] { cluster.inject("gossip--x--y", from: source, to: host) }
    #expect(host.texts == ["y"])
    #expect(cluster.take(for: first).isEmpty)
    #expect(cluster.take(for: second) == ["gossip--y"])
    #expect(host.engine.counters.duplicates == 3)
  }

  @Test("Remove ends an arc; Replace does for who has one, and plants nothing for who has none")
  func leaving() throws {
    let (cluster, host) = try founder()
    cluster.inject("initial", from: first, to: host)
    cluster.inject("replace--127.0.0.1:3", from: second, to: host)
    #expect(host.engine.partialView == [first])
    #expect(host.engine.counters.droppedUnexpected == 1)
    cluster.inject("replace--127.0.0.1:3", from: first, to: host)
    #expect(host.engine.partialView == [third])
    cluster.inject("remove", from: first, to: host)
    #expect(host.engine.partialView == [third])
    cluster.inject("remove", from: third, to: host)
    #expect(host.engine.partialView.isEmpty)
  }

  @Test("who leaves gives its holders surrogates, and tells the last c + 1 and its view to drop it")
  func unsubscribing() throws {
    var configuration = ClojureGossipConfiguration()
    configuration.copies = 2
    let (cluster, host) = try founder(configuration)
    cluster.inject("initial", from: first, to: host)
    for port in 11...18 { cluster.inject("heartbeat", from: local(port), to: host) }
    // The first holds us too: it subscribed here.
    #expect(host.engine.inView(now: cluster.now).count == 9)
    cluster.strays = []
    host.engine.leave(now: cluster.now)
    cluster.settle(host)
    // Nobody takes itself for a surrogate.
    #expect(cluster.take(for: first) == ["remove"])
    for port in 11...15 { #expect(cluster.take(for: local(port)) == ["replace--127.0.0.1:1"]) }
    for port in 16...18 { #expect(cluster.take(for: local(port)) == ["remove"]) }
    #expect(host.engine.lifecycle == .disconnected)
  }

  @Test("isolated peers subscribe again, once in five checks, at whom they know")
  func isolation() throws {
    let cluster = Cluster()
    let host = try cluster.add(7_000)
    try host.engine.join([first, second], now: cluster.now)
    cluster.settle(host)
    #expect(host.engine.lifecycle == .connected)
    cluster.run(for: .seconds(100))
    // At one contact after the other, three times in all.
    #expect(cluster.take(for: first) == ["initial", "initial"])
    #expect(cluster.take(for: second) == ["initial"])
    cluster.run(for: .seconds(5 * 300))
    var all = cluster.take(for: first) + cluster.take(for: second)
    #expect(all.count { $0 == "initial" } == 1)
    cluster.inject("heartbeat", from: first, to: host)
    cluster.run(for: .seconds(9 * 300))
    all = cluster.take(for: first) + cluster.take(for: second)
    #expect(all.count { $0 == "initial" } == 0)
    #expect(all.count { $0 == "heartbeat" } == 18)
    cluster.run(for: .seconds(300))
    #expect((cluster.take(for: first) + cluster.take(for: second)).contains("initial"))
  }

  @Test("what originals do not know goes to nobody who is not listed, and is heeded from nobody else")
  func extensions() throws {
    var configuration = ClojureGossipConfiguration()
    (configuration.lease, configuration.walkLength) = (.seconds(60), 4)
    configuration.ours = [first, second]
    let cluster = Cluster()
    let host = try cluster.add(7_000, configuration)
    try host.engine.join([first, third], now: cluster.now)
    cluster.settle(host)
    #expect(cluster.take(for: first) == ["initial--l60"])
    cluster.run(for: .seconds(11))
    #expect(cluster.take(for: third) == ["initial"])
    // A newcomer of ours walks, and only among ours.
    cluster.inject("initial--l60", from: second, to: host)
    #expect(cluster.take(for: first) == ["forward--w4--l60--127.0.0.1:2"])
    #expect(cluster.take(for: third).isEmpty)
    // The last step treats it; originals get it without the terms.
    cluster.inject("forward--w1--l60--127.0.0.1:2", from: first, to: host)
    let (toFirst, toThird) = (cluster.take(for: first), cluster.take(for: third))
    #expect(toFirst.allSatisfy { $0 == "forward--l60--127.0.0.1:2" })
    #expect(toThird.allSatisfy { $0 == "forward--127.0.0.1:2" })
    #expect(toFirst.count + toThird.count == 12 && !toThird.isEmpty && !toFirst.isEmpty)
    // The same from who is not listed is a plain copy.
    cluster.inject("heartbeat", from: local(5), to: host)
    cluster.inject("forward--w4--l60--127.0.0.1:9", from: local(5), to: host)
    let copies = cluster.take(for: first) + cluster.take(for: third) + cluster.take(for: local(9))
    #expect(copies == ["forward--127.0.0.1:9"] || copies == ["heartbeat"])
  }

  @Test("errors name what is wrong, and nothing changes")
  func errors() throws {
    let cluster = Cluster()
    let ipv6 = Endpoint(high: 1, low: 2, port: 3)
    #expect(error { _ = try Host(.init(), ipv6, seed: 1) } == .addressUnusable(ipv6))
    let host = try cluster.add(7_000)
    #expect(error { try cluster.broadcast("x", from: host) } == .notConnected)
    #expect(error { try host.engine.join([ipv6], now: cluster.now) } == .addressUnusable(ipv6))
    try host.engine.join([], now: cluster.now)
    #expect(error { try host.engine.join([], now: cluster.now) } == .alreadyJoined)
    #expect(error { try cluster.broadcast("x", from: host) } == .nobodyKnown)
    cluster.inject("initial", from: first, to: host)
    for text in ["", "a--b", "a--", "--"] {
      #expect(
        error { try cluster.broadcast(text, from: host) }
          == .payloadUnfit("it is empty, not UTF-8, or has two hyphens in a row"))
    }
    let long = String(repeating: "x", count: 505)
    #expect(error { try cluster.broadcast(long, from: host) } == .payloadTooLong(length: 505, limit: 504))
    try cluster.broadcast(String(long.dropLast()), from: host)
    #expect(cluster.take(for: first).last?.utf8.count == 512)
    try cluster.broadcast("x", from: host)
    #expect(
      error { try cluster.broadcast("x", from: host) }
        == .payloadUnfit("the same text was sent or heard of late"))
    #expect(host.engine.counters.broadcasts == 2)
    cluster.run(for: .seconds(601))
    try cluster.broadcast("x", from: host)
  }

  @Test("more new messages than the rate are dropped, and known ones cost nothing of it")
  func rates() throws {
    var configuration = ClojureGossipConfiguration()
    configuration.peerRate = 10
    let (cluster, host) = try founder(configuration)
    for _ in 0..<1_000 { cluster.inject("gossip--same", from: first, to: host) }
    for number in 0..<20 { cluster.inject("gossip--\(number)", from: first, to: host) }
    #expect(host.texts.count == 10)
    #expect(host.engine.counters.droppedExcess == 11)
    cluster.inject("gossip--other", from: second, to: host)
    #expect(host.texts.count == 11)
  }

  @Test("subscriptions of ever new peers make no flood")
  func subscriptionRate() throws {
    let (cluster, host) = try founder()
    cluster.inject("initial", from: first, to: host)
    _ = cluster.take(for: first)
    for port in 100..<200 { cluster.inject("initial", from: local(port), to: host) }
    #expect(cluster.take(for: first).count == 19 * 11)
    cluster.run(for: .milliseconds(500))
    for port in 200..<300 { cluster.inject("initial", from: local(port), to: host) }
    #expect(cluster.take(for: first).count == 10 * 11)
  }

  @Test("random bytes and damaged messages: every input has an outcome, and all state stays bounded")
  func fuzz() throws {
    var configuration = ClojureGossipConfiguration()
    (configuration.viewLimit, configuration.peerLimit, configuration.textLimit) = (8, 16, 16)
    configuration.outboundLimit = 64
    configuration.ours = [local(8_001), local(8_002)]
    (configuration.lease, configuration.walkLength) = (.seconds(30), 8)
    let (cluster, host) = try founder(configuration)
    var generator = Generator(seed: 41)
    let samples = [
      "initial", "initial--l30--r", "forward--w3--l9--127.0.0.1:80", "heartbeat", "remove",
      "replace--2.2.2.2:2",
      "gossip--x--y--", "forward--127.0.0.1:8001",
    ].map { Array($0.utf8) }
    for round in 0..<20_000 {
      var bytes = samples[generator.below(samples.count)]
      for _ in 0..<generator.below(4) where !bytes.isEmpty {
        let place = generator.below(bytes.count)
        switch generator.below(5) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(0x2d, at: place)
        case 2: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        case 3: bytes[place] = 0x30 + UInt8(generator.below(10))
        default: bytes = Array(bytes.prefix(place))
        }
      }
      let now = cluster.now
      let source = local(8_000 + generator.below(24))
      bytes.withUnsafeBytes { host.engine.receive($0, from: source, now: now, into: &host.effects) }
      host.collect()
      cluster.settle(host)
      if round % 16 == 0 { cluster.run(for: .milliseconds(generator.below(3_000))) }
      (cluster.strays, cluster.sent) = ([], [])
    }
    #expect(host.engine.partialView.count <= 8)
    #expect(host.engine.members.count <= 24)
    #expect(host.engine.lifecycle == .connected)
    #expect(host.engine.counters.droppedMalformed > 1_000 && host.texts.count > 100)
  }
}
