// What the user of a peer asks for, and what random bytes must not bring about.

import GossipPython
import GrapevineCore
import GrapevineDialect
import Testing

@Suite("gossip_python: the engine")
struct PythonEngineTests {
  private func error(_ body: () throws -> Void) -> DialectError? {
    do {
      try body()
      return nil
    } catch {
      return error as? DialectError
    }
  }

  @Test("errors name what is wrong, and nothing changes")
  func errors() throws {
    let cluster = Cluster()
    let host = try cluster.add(7_000)
    let now = cluster.now
    let ipv6 = Endpoint(high: 1, low: 2, port: 3)
    #expect(error { _ = try Host(.init(), ipv6, seed: 1) } == .addressUnusable(ipv6))
    #expect(error { try cluster.broadcast("x", from: host) } == .notConnected)
    #expect(error { try host.engine.join([ipv6], now: now) } == .addressUnusable(ipv6))
    #expect(error { try host.engine.join([local(7_000)], now: now) } == .addressUnusable(local(7_000)))
    #expect(host.engine.lifecycle == .initialized)
    try host.engine.join([], now: now)
    #expect(error { try host.engine.join([], now: now) } == .alreadyJoined)
    let limit = host.engine.payloadLimit
    let long = String(repeating: "x", count: limit + 1)
    #expect(
      error { try cluster.broadcast(long, from: host) } == .payloadTooLong(length: limit + 1, limit: limit))
    let notUTF8: [UInt8] = [0xff]
    #expect(
      error { try notUTF8.withUnsafeBytes { _ = try host.engine.broadcast($0, now: now) } }
        == .payloadUnfit("it is not UTF-8"))
    #expect(
      error {
        try notUTF8.prefix(0).withUnsafeBytes {
          _ = try host.engine.send($0, to: .direct(local(9)), now: now)
        }
      }
        == .nobodyKnown)
    #expect(host.engine.counters.broadcasts == 0)
    try cluster.broadcast(String(long.dropLast()), from: host)
    #expect(host.engine.counters.broadcasts == 1)
  }

  @Test("the longest payload makes a datagram of 512 bytes")
  func longest() throws {
    let cluster = Cluster()
    let host = try cluster.add(7_000)
    cluster.acknowledging = [local(8_080)]
    try host.engine.join([], now: cluster.now)
    cluster.inject("01000007000143210023/ip4/127.0.0.1/udp/8080", from: local(8_080), to: host)
    cluster.inject("0600000000000000", from: local(8_080), to: host)
    _ = try cluster.take(for: local(8_080))
    try cluster.broadcast(String(repeating: "x", count: host.engine.payloadLimit), from: host)
    #expect(try cluster.take(for: local(8_080)).map(\.bytes.count) == [512])
  }

  @Test("nobody answers: joining ends after all attempts, and may be tried again")
  func failedJoin() throws {
    let cluster = Cluster()
    let host = try cluster.add(7_000)
    try host.engine.join([local(1), local(2)], now: cluster.now)
    cluster.run(for: .seconds(19))
    #expect(host.engine.lifecycle == .joining)
    cluster.run(for: .seconds(3))
    #expect(host.engine.lifecycle == .disconnected)
    #expect(cluster.strays.count == 20)
    try host.engine.join([], now: cluster.now)
    #expect(host.engine.lifecycle == .connected)
  }

  @Test("spreads: to one, to some, to all, and in each case everybody has it in the end")
  func spreads() throws {
    var configuration = GossipPythonConfiguration()
    configuration.fanout = 2
    for (spread, copies) in [
      (PythonSpread.direct(local(7_003)), 1), (.random, 2), (.broadcast, 5),
    ] {
      let cluster = Cluster(seed: 21)
      for index in 0..<6 {
        let host = try cluster.add(7_000 + index, configuration)
        try host.engine.join(index == 0 ? [] : [local(7_000)], now: cluster.now)
        cluster.run(for: .seconds(3))
      }
      let host = cluster.hosts[0]
      let before = host.engine.counters.copiesSent
      let now = cluster.now
      try Array("x".utf8).withUnsafeBytes { _ = try host.engine.send($0, to: spread, now: now) }
      cluster.settle(host)
      #expect(host.engine.counters.copiesSent - before == UInt64(copies))
      cluster.run(for: .seconds(5))
      #expect(cluster.hosts.map(\.texts.count) == [0, 1, 1, 1, 1, 1])
    }
  }

  @Test("what waits is sent before a peer is gone, and it may come back without delivering twice")
  func leaving() throws {
    let cluster = Cluster()
    let (first, second) = (try cluster.add(7_000), try cluster.add(7_001))
    try first.engine.join([], now: cluster.now)
    try second.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(3))
    try cluster.broadcast("kept", from: first)
    cluster.run(for: .seconds(1))
    let now = cluster.now
    try Array("last".utf8).withUnsafeBytes { _ = try second.engine.broadcast($0, now: now) }
    second.engine.leave(now: now)
    #expect(second.engine.lifecycle == .leaving)
    cluster.run(for: .seconds(1))
    #expect(second.engine.lifecycle == .disconnected)
    #expect(first.texts == ["last"])
    #expect(second.engine.nextDeadline == .never)
    try second.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(5))
    #expect(second.engine.lifecycle == .connected)
    #expect(second.texts == ["kept"])
  }

  @Test("lengths around payloads are written and taken off between peers that agree on it")
  func lengths() throws {
    var configuration = GossipPythonConfiguration()
    configuration.payload.hasLength = true
    let cluster = Cluster()
    let (first, second) = (try cluster.add(7_000, configuration), try cluster.add(7_001, configuration))
    let plain = try cluster.add(7_002)
    try first.engine.join([], now: cluster.now)
    try second.engine.join([local(7_000)], now: cluster.now)
    try plain.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(3))
    try cluster.broadcast("héllo", from: first)
    cluster.run(for: .seconds(3))
    #expect(second.texts == ["héllo"])
    #expect(plain.texts == ["0006héllo"])
  }

  @Test("a full buffer of messages leaves a message as if it had been lost: it is asked for again")
  func fullBuffer() throws {
    let cluster = Cluster()
    let (first, second) = (try cluster.add(7_000), try cluster.add(7_001))
    second.effects = DialectEffects(deliveries: DialectDeliveries(messages: 1, bytes: 130))
    try first.engine.join([], now: cluster.now)
    try second.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .seconds(3))
    try cluster.broadcast(String(repeating: "x", count: 100), from: first)
    try cluster.broadcast("y", from: first)
    cluster.run(for: .seconds(3))
    #expect(second.texts == ["y"])
    #expect(second.engine.counters.droppedExcess > 0)
    second.effects = DialectEffects()
    cluster.run(for: .seconds(3))
    #expect(second.texts.count == 2)
  }

  @Test("a broadcast that finds no room is refused")
  func backPressure() throws {
    var configuration = GossipPythonConfiguration()
    configuration.outboundLimit = 16
    configuration.spread = .broadcast
    let cluster = Cluster()
    let (first, second) = (try cluster.add(7_000, configuration), try cluster.add(7_001))
    try first.engine.join([], now: cluster.now)
    try second.engine.join([local(7_000)], now: cluster.now)
    cluster.run(for: .milliseconds(500))
    second.isRunning = false
    for number in 0..<16 { try cluster.broadcast("\(number)", from: first) }
    #expect(error { try cluster.broadcast("x", from: first) } == .wouldBlock)
    second.isRunning = true
    cluster.run(for: .seconds(3))
    try cluster.broadcast("x", from: first)
    cluster.run(for: .seconds(3))
    #expect(second.texts.count == 17)
  }

  @Test("random bytes and damaged messages: every input has an outcome, and all state stays bounded")
  func fuzz() throws {
    var generator = Generator(seed: 77)
    let cluster = Cluster(seed: 4)
    var configuration = GossipPythonConfiguration()
    (configuration.memberLimit, configuration.originLimit, configuration.outboundLimit) = (8, 8, 64)
    (configuration.textLimit, configuration.logLimit) = (8, 4)
    let host = try cluster.add(7_000, configuration)
    try host.engine.join([], now: cluster.now)
    var samples = [
      "0100000000011795272028.5470023/ip4/127.0.0.1/udp/7070", "01000007000143210024/ip4/127.0.0.1/udp/19101",
      "02000000000700011795272354.0710024/ip4/127.0.0.1/udp/18080", "040000110000", "0600000000000000",
      "030000000001000143220024/ip4/127.0.0.1/udp/19102", "05000000000000000005hello",
      "0500001100010033/ip4/127.0.0.1/udp/19101/uid/43210003one",
      "0600000000000002000100022:ab00050033/ip4/127.0.0.1/udp/19101/uid/4321",
    ].map { Array($0.utf8) }
    samples.append(PythonDatagram(sequence: 1, .status(PythonClock(index: 1, records: []))).bytes)
    for round in 0..<20_000 {
      var bytes = samples[generator.below(samples.count)]
      for _ in 0..<generator.below(4) where !bytes.isEmpty {
        let place = generator.below(bytes.count)
        switch generator.below(5) {
        case 0: bytes.remove(at: place)
        case 1: bytes.insert(UInt8(truncatingIfNeeded: generator.next()), at: place)
        case 2: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
        case 3: bytes[place] = 0x30 + UInt8(generator.below(10))
        default: bytes = Array(bytes.prefix(place))
        }
      }
      if let datagram = try? read(bytes) { #expect(try read(datagram.bytes) == datagram) }
      cluster.inject(bytes, from: local(8_000 + generator.below(12)), to: host)
      if round % 16 == 0 { cluster.run(for: .milliseconds(generator.below(3_000))) }
      cluster.strays = []
    }
    #expect(host.engine.members.count <= 8)
    #expect(host.engine.lifecycle == .connected)
    let counters = host.engine.counters
    #expect(counters.droppedMalformed > 1_000 && counters.deliveries > 10 && counters.droppedExcess > 0)
    #expect(host.engine.configuration.memoryBound < 1 << 20)
  }
}
