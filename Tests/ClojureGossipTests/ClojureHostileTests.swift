// Members of a view that nobody but a liar knows of.

import ClojureGossip
import GrapevineCore
import GrapevineDialect
import Testing

@Suite("Clojure gossip: hostile peers")
struct ClojureHostileTests {
  private let first = local(1)
  private let liar = local(2)

  private func founder(_ configuration: ClojureGossipConfiguration = .init()) throws -> (Cluster, Host) {
    let cluster = Cluster()
    let host = try cluster.add(7_000, configuration)
    try host.engine.join([], now: cluster.now)
    cluster.inject("initial", from: first, to: host)
    return (cluster, host)
  }

  /// Tells the host of subscribers that do not exist.
  private func invent(_ count: Int, from source: Endpoint, _ cluster: Cluster, _ host: Host) {
    for number in 0..<count {
      cluster.inject("forward--10.0.\(number / 250).\(number % 250):9", from: source, to: host)
      if number % 100 == 99 { cluster.run(for: .seconds(1)) }
      cluster.strays = []
    }
  }

  @Test("copies of strangers are not taken, those of holders are")
  func strangers() throws {
    let (cluster, host) = try founder()
    invent(300, from: liar, cluster, host)
    #expect(host.engine.partialView == [first])
    #expect(host.engine.counters.droppedUnexpected == 300)
    cluster.inject("heartbeat", from: liar, to: host)
    invent(300, from: liar, cluster, host)
    #expect(host.engine.partialView.count > 1)
  }

  @Test("one address has us take no more than its share of who never shows itself")
  func introductions() throws {
    let (cluster, host) = try founder()
    invent(2_000, from: first, cluster, host)
    #expect(host.engine.partialView.count == 17)
    // Those who show themselves make room for others.
    for fake in host.engine.partialView.dropFirst() { cluster.inject("heartbeat", from: fake, to: host) }
    invent(2_000, from: first, cluster, host)
    #expect((18...33).contains(host.engine.partialView.count))
  }

  @Test("who subscribes takes the place of who never showed itself, and of nobody else")
  func displacement() throws {
    var configuration = ClojureGossipConfiguration()
    configuration.viewLimit = 4
    let (cluster, host) = try founder(configuration)
    invent(200, from: first, cluster, host)
    #expect(host.engine.partialView.count == 4)
    for port in 11...15 { cluster.inject("initial", from: local(port), to: host) }
    #expect(host.engine.partialView == [first] + (11...13).map { local($0) })
  }
}
