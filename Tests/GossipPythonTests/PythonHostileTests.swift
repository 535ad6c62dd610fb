// What one datagram of a liar must not bring about.

import GossipPython
import GrapevineCore
import GrapevineDialect
import Testing

@Suite("gossip_python: hostile peers")
struct PythonHostileTests {
  private let liar = local(6_666)

  private func data(_ sequence: Int, _ id: String, _ text: String) -> [UInt8] {
    PythonDatagram(
      sequence: 0, .data(PythonRecord(sequence: sequence, id: Array(id.utf8)), Array(text.utf8))
    ).bytes
  }

  private func status(index: Int = 0, _ records: [PythonRecord]) -> [UInt8] {
    PythonDatagram(sequence: 1, .status(PythonClock(index: index, records: records))).bytes
  }

  private func cluster(
    _ count: Int, _ configuration: GossipPythonConfiguration = .init()
  ) throws -> Cluster {
    let cluster = Cluster(seed: 31)
    for index in 0..<count {
      let host = try cluster.add(7_000 + index, configuration)
      try host.engine.join(index == 0 ? [] : [local(7_000)], now: cluster.now)
    }
    cluster.run(for: .seconds(5))
    return cluster
  }

  @Test("a claim that nobody can supply silences nobody", arguments: [false, true])
  func claims(isKnown: Bool) throws {
    let cluster = try cluster(3)
    let victim = cluster.hosts[1]
    if isKnown { try cluster.broadcast("known", from: victim) }
    for _ in 0..<9 {
      let record = PythonRecord(sequence: 9_999, id: victim.engine.memberID)
      // It answers a Hello, so that it is believed.
      for datagram in try cluster.take(for: liar) where datagram.message.type == .hello {
        let welcome = PythonMessage.welcome(echo: datagram.sequence, try member(4_321, 6_666))
        cluster.inject(PythonDatagram(sequence: 0, welcome).bytes, from: liar, to: cluster.hosts[0])
      }
      cluster.inject(status(index: 1, [record]), from: liar, to: cluster.hosts[0])
      cluster.run(for: .seconds(10))
    }
    for number in 1...3 { try cluster.broadcast("\(number)", from: victim) }
    cluster.run(for: .seconds(3))
    let expected = (isKnown ? ["known"] : []) + ["1", "2", "3"]
    #expect(cluster.hosts.map { Set($0.texts) } == [Set(expected), [], Set(expected)])
  }

  @Test("names in a Status take no room from those who send")
  func names() throws {
    var configuration = GossipPythonConfiguration()
    configuration.originLimit = 8
    let cluster = try cluster(1, configuration)
    let host = cluster.hosts[0]
    for _ in 0..<3 {
      let records = (0..<64).map { PythonRecord(sequence: 1, id: Array("x\($0)".utf8)) }
      cluster.inject(status(index: 1, records), from: liar, to: host)
      cluster.run(for: .seconds(1))
    }
    for number in 1...9 {
      cluster.inject(data(1, "sender\(number)", "\(number)"), from: local(6_000), to: host)
    }
    #expect(host.texts == (1...8).map(String.init))
  }

  @Test("nobody takes our name before our first message")
  func ownName() throws {
    let cluster = try cluster(2)
    let host = cluster.hosts[0]
    let name = String(decoding: host.engine.memberID, as: UTF8.self)
    cluster.inject(data(1, name, "not ours"), from: liar, to: host)
    #expect(host.texts.isEmpty)
    #expect(host.engine.counters.droppedUnexpected == 1)
    try cluster.broadcast("ours", from: host)
    cluster.run(for: .seconds(2))
    #expect(cluster.hosts[1].delivered.map(\.sequence) == [1])
    #expect(cluster.hosts[1].texts == ["ours"])
  }

  @Test("our own originator keeps its place, however long we are silent")
  func ownPlace() throws {
    var configuration = GossipPythonConfiguration()
    configuration.originLimit = 1
    let cluster = try cluster(1, configuration)
    let host = cluster.hosts[0]
    try cluster.broadcast("first", from: host)
    for number in 1...3 {
      cluster.run(for: .seconds(700))
      cluster.inject(data(1, "sender\(number)", "\(number)"), from: liar, to: host)
    }
    #expect(host.texts == ["1", "2", "3"])
    try cluster.broadcast("second", from: host)
    let other = try cluster.add(7_001)
    try other.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(5))
    let mine = other.delivered.filter { $0.origin.utf8.elementsEqual(host.engine.memberID) }
    #expect(mine.map(\.text) == ["first", "second"])
  }

  private func volume(_ cluster: Cluster, to endpoint: Endpoint) -> Int {
    cluster.strays.filter { $0.destination == endpoint }.reduce(0) { $0 + $1.bytes.count }
  }

  @Test(
    "an address that shows nothing draws little, and all messages once it does", arguments: [false, true])
  func amplification(saysHello: Bool) throws {
    let cluster = try cluster(1)
    let host = cluster.hosts[0]
    let long = String(repeating: "x", count: 200)
    for number in 1...64 { try cluster.broadcast("\(number) \(long)", from: host) }
    if saysHello {
      let hello = PythonMessage.hello(try member(4_321, 6_666))
      cluster.inject(PythonDatagram(sequence: 1, hello).bytes, from: liar, to: host)
    }
    for _ in 0..<50 {
      cluster.inject(status([]), from: liar, to: host)
      // Numbers that it tries.
      cluster.inject("040000010000", from: liar, to: host)
      cluster.run(for: .milliseconds(200))
    }
    #expect(volume(cluster, to: liar) < 2 * 50 * 28)
    cluster.acknowledging = [liar]
    cluster.inject(status([]), from: liar, to: host)
    #expect(volume(cluster, to: liar) > 64 * 200)
  }

  @Test("strangers behind one address draw no more than their rate")
  func strangerRate() throws {
    let cluster = try cluster(1)
    let hello = PythonMessage.hello(try member(4_321, 6_666))
    for port in 1...1_000 {
      cluster.inject(PythonDatagram(sequence: 1, hello).bytes, from: local(port), to: cluster.hosts[0])
    }
    #expect((4_096...8_192).contains(cluster.strays.reduce(0) { $0 + $1.bytes.count }))
    #expect(cluster.hosts[0].engine.members.count <= 128)
  }

  @Test("members that never answer neither hold up messages nor keep out who comes")
  func fakes() throws {
    var configuration = GossipPythonConfiguration()
    (configuration.spread, configuration.outboundLimit) = (.broadcast, 256)
    let cluster = try cluster(2, configuration)
    let host = cluster.hosts[0]
    let hello = PythonMessage.hello(try member(4_321, 6_666))
    for number in 0..<200 as Range<UInt32> {
      let fake = Endpoint(ipv4: 0x0a00_0000 + number, port: 9)
      cluster.inject(PythonDatagram(sequence: 1, hello).bytes, from: fake, to: host)
      cluster.inject(status([]), from: fake, to: host)
    }
    let joiner = try cluster.add(7_100, configuration)
    try joiner.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(2))
    #expect(joiner.engine.lifecycle == .connected)
    cluster.strays = []
    for number in 1...60 { try cluster.broadcast("\(number)", from: host) }
    cluster.run(for: .seconds(5))
    #expect(joiner.texts == (1...60).map(String.init))
    #expect(cluster.hosts[1].texts == (1...60).map(String.init))
    #expect(!cluster.strays.contains { $0.bytes.starts(with: "05".utf8) })
  }
}
