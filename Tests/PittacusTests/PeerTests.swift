// What the peer does where the original is weak: joining, members, restarts, limits.

import GrapevineCore
import GrapevineDialect
import Pittacus
import Testing

@Suite("Pittacus: the peer")
struct PeerTests {
  private func address(_ number: Int) -> Endpoint { PittacusNetwork.address(number) }

  private func sent(_ network: PittacusNetwork, _ kind: PittacusKind) throws -> Int {
    try network.takeStrays().filter { try Decoded($0.bytes).kind == kind }.count
  }

  @Test("peers find each other through one seed, and through each other")
  func joining() throws {
    let network = PittacusNetwork(seed: 1)
    for number in 0..<12 { try network.addPeer(number) }
    try network[0].engine.join([], now: network.now)
    for number in 1..<10 { try network[number].engine.join([address(0)], now: network.now) }
    // Each other's contacts; with the original both wait for ever.
    try network[10].engine.join([address(11)], now: network.now)
    try network[11].engine.join([address(10)], now: network.now)
    network.run(milliseconds: 100)
    #expect(network.stations.allSatisfy { $0.engine.lifecycle == .connected })
    for number in 0..<10 {
      let expected = Set((0..<10).map(address)).subtracting([address(number)])
      #expect(Set(network[number].engine.members) == expected)
    }
    #expect(network[11].engine.members == [address(10)])
  }

  @Test(
    "HELLO is repeated while joining, ever more rarely, and a contact that comes up late takes the peer in")
  func patience() throws {
    let network = PittacusNetwork(seed: 2)
    try network.addPeer(1)
    try network[0].engine.join([address(0)], now: network.now)
    network.run(milliseconds: 15_000)
    // At 0, 2, 6 and 14 seconds.
    #expect(try sent(network, .hello) == 4)
    network.run(milliseconds: 180_000)
    #expect(try (5...8).contains(sent(network, .hello)))
    try network.addPeer(0)
    try network[1].engine.join([], now: network.now)
    network.run(milliseconds: 31_000)
    #expect(network[0].engine.lifecycle == .connected)
    #expect(network[1].engine.members == [address(1)])
  }

  @Test("nobody is taken in by a WELCOME that answers nothing")
  func unaskedWelcome() throws {
    let network = PittacusNetwork(seed: 3)
    try network.addPeer(1)
    try network[0].engine.join([address(0)], now: network.now)
    network.run(milliseconds: 10)
    let stranger = PittacusMember(endpoint: address(9), uid: 1)
    network.send(
      Decoded.welcome(1, answers: 77, stranger).encoded, from: address(9), to: address(1))
    network.run(milliseconds: 10)
    #expect(network[0].engine.lifecycle == .joining)
    #expect(network[0].engine.counters.droppedUnexpected == 1)
  }

  @Test("its own record and older runs in lists are left out; a newer run takes its predecessor's place")
  func lists() throws {
    let network = PittacusNetwork(seed: 4)
    try network.addPeer(0)
    try network[0].engine.join([], now: network.now)
    func member(_ number: Int, _ uid: UInt32) -> PittacusMember {
      PittacusMember(endpoint: address(number), uid: uid)
    }
    let other = PittacusMember(endpoint: Endpoint(high: 1, low: 1, port: 1), uid: 1)
    for list in [
      [member(0, 9), member(1, 5), other], [member(1, 4), PittacusMember(endpoint: address(2), uid: 1)],
      [member(1, 6)],
    ] {
      network.send(Decoded.memberList(1, list).encoded, from: address(1), to: address(0))
    }
    network.run(milliseconds: 10)
    #expect(Set(network[0].engine.members) == [address(1), address(2)])
    #expect(network[0].engine.members.count == 2)
    // Whoever asks gets the record of the newer run, and nobody of whom only others spoke.
    network.delays = 1...1
    _ = network.takeStrays()
    network.send(Decoded.hello(1, member(3, 1)).encoded, from: address(3), to: address(0))
    network.run(milliseconds: 5)
    let lists = try network.takeStrays().filter { $0.destination == address(3) }.map { try Decoded($0.bytes) }
    let told = lists.flatMap { list -> [PittacusMember] in
      if case .memberList(_, let members) = list { members } else { [] }
    }
    #expect(told == [member(1, 6)])
  }

  @Test(
    "a member that stays silent is forgotten, one that still sends is kept, though it acknowledges nothing")
  func eviction() throws {
    let network = PittacusNetwork(seed: 5)
    try network.addPeer(0)
    try network[0].engine.join([], now: network.now)
    for number in 1...2 {
      network.send(
        Decoded.hello(1, PittacusMember(endpoint: address(number), uid: 1)).encoded, from: address(number),
        to: address(0))
    }
    for _ in 0..<20 {
      network.send(Decoded.status(2, []).encoded, from: address(2), to: address(0))
      network.run(milliseconds: 5_000)
    }
    #expect(network[0].engine.members == [address(2)])
  }

  @Test("a restarted peer is heard at once, and its predecessor's messages are not delivered to it")
  func restart() throws {
    let network = PittacusNetwork(seed: 6)
    for number in 0..<2 { try network.addPeer(number) }
    try network[0].engine.join([], now: network.now)
    try network[1].engine.join([address(0)], now: network.now)
    network.run(milliseconds: 50)
    for number in 0..<5 { try network[1].broadcast([UInt8(number)], now: network.now) }
    network.run(milliseconds: 50)
    network[1].engine = try PittacusEngine(address: address(1), uid: PittacusNetwork.uid + 3, seed: 9)
    try network[1].engine.join([address(0)], now: network.now)
    network.run(milliseconds: 50)
    for number in 5..<7 { try network[1].broadcast([UInt8(number)], now: network.now) }
    network.run(milliseconds: 3_000)
    #expect(network[0].deliveries.map(\.payload).sorted { $0[0] < $1[0] } == (0..<7).map { [UInt8($0)] })
    #expect(network[1].deliveries.isEmpty)
  }

  @Test("a peer that counts from 1 goes on above the number that others know it by")
  func adoption() throws {
    var configuration = PittacusConfiguration()
    configuration.numbersFromUID = false
    let network = PittacusNetwork(seed: 7)
    try network.addPeer(0, configuration)
    try network[0].engine.join([], now: network.now)
    let own = network[0].engine.identity.id
    for number in [41, UInt32.max] {
      network.send(
        Decoded.status(1, [PittacusVersion(number: number, id: own)]).encoded, from: address(1),
        to: address(0))
    }
    network.run(milliseconds: 10)
    // Nobody can take all its numbers from it.
    #expect(try network[0].broadcast([1], now: network.now) == 42)
  }

  @Test("what it sends keeps to what the original can take")
  func harmless() throws {
    let network = try PittacusNetwork.cluster(40, seed: 8)
    let violations = Violations()
    network.loss = 0.05
    network.filter = { datagram in
      violations.check(datagram.bytes, to: datagram.destination)
      return true
    }
    for (number, station) in network.stations.enumerated() {
      try station.broadcast([UInt8](repeating: UInt8(number), count: 486), now: network.now)
    }
    try network.addPeer(40)
    try network[40].engine.join([address(0)], now: network.now)
    network.run(milliseconds: 2_000)
    #expect(violations.found == [])
    #expect(violations.checked > 1_000)
  }

  @Test("a peer answers nobody with more than its limits, whatever they send")
  func limits() throws {
    let network = PittacusNetwork(seed: 9)
    var configuration = PittacusConfiguration()
    configuration.repairRate = 10
    configuration.statusRate = 5
    try network.addPeer(0, configuration)
    try network[0].engine.join([], now: network.now)
    for number in 0..<100 { try network[0].broadcast([UInt8(number)], now: network.now) }
    network.run(milliseconds: 500)
    for round in 0..<1_000 as Range<UInt32> {
      let unknown = PittacusVersion(number: 1, id: PittacusID(bytes: UInt64(round) << 32))
      network.send(Decoded.status(round, [unknown]).encoded, from: address(1), to: address(0))
      network.send(
        Decoded.hello(round, PittacusMember(endpoint: address(1), uid: round)).encoded, from: address(1),
        to: address(0))
    }
    network.run(milliseconds: 20)
    let answers = try network.takeStrays().map { try Decoded($0.bytes).kind }
    #expect(answers.count { $0 == .acknowledgement } == 1_000)
    #expect(answers.count { $0 == .data } <= 10)
    #expect(answers.count { $0 == .status } <= 6)
    // Of all peers of a host, which may well join at once.
    #expect(answers.count { $0 == .welcome } <= 32)
  }

  @Test("more originators than its table holds are dropped, not mixed up")
  func originators() throws {
    var configuration = PittacusConfiguration()
    configuration.originators = 20
    let network = PittacusNetwork(seed: 10)
    try network.addPeer(0, configuration)
    try network[0].engine.join([], now: network.now)
    for round in 0..<3 {
      for number in 0..<30 {
        let version = PittacusVersion(number: 7, id: PittacusID(bytes: UInt64(number + 1) << 32))
        network.send(
          Decoded.data(UInt32(round * 30 + number), version, [1]).encoded, from: address(1), to: address(0))
        network.run(milliseconds: 1)
      }
    }
    network.run(milliseconds: 10)
    // 20 places, one of which is its own.
    #expect(network[0].deliveries.count == 19)
    #expect(network[0].repeatedDeliveries == 0)
    #expect(network[0].engine.counters.droppedExcess == 33)
    network.run(milliseconds: 300_000)
    let late = PittacusVersion(number: 7, id: PittacusID(bytes: 99 << 32))
    network.send(Decoded.data(1, late, [1]).encoded, from: address(1), to: address(0))
    network.run(milliseconds: 10)
    #expect(network[0].deliveries.count == 20)
  }

  @Test("a full queue refuses messages instead of losing them")
  func backPressure() throws {
    let network = try PittacusNetwork.cluster(4, seed: 11)
    // Datagrams that overtake more than a window of others are taken for old ones.
    network.delays = 1...1
    var taken = 0
    while taken < 10_000, (try? network[0].broadcast([1], now: network.now)) != nil { taken += 1 }
    #expect(taken == 4_096 / 3)
    network.run(milliseconds: 3_000)
    #expect(network.isCovered(messages: taken) { $0 == 0 ? taken : 0 })
  }

  @Test("errors of its user are named")
  func errors() throws {
    let network = PittacusNetwork(seed: 12)
    try network.addPeer(0)
    #expect(throws: DialectError.notConnected) { try network[0].broadcast([1], now: network.now) }
    #expect(throws: DialectError.addressUnusable(Endpoint(ipv4: 0, port: 1))) {
      try network[0].engine.join([Endpoint(ipv4: 0, port: 1)], now: network.now)
    }
    try network[0].engine.join([], now: network.now)
    #expect(throws: DialectError.alreadyJoined) { try network[0].engine.join([], now: network.now) }
    #expect(throws: DialectError.payloadTooLong(length: 487, limit: 486)) {
      try network[0].broadcast([UInt8](repeating: 0, count: 487), now: network.now)
    }
    network[0].engine.leave(now: network.now)
    #expect(network[0].engine.lifecycle == .disconnected)
    #expect(throws: DialectError.notConnected) { try network[0].broadcast([1], now: network.now) }
  }

  @Test("no sequence of datagrams stops the engine")
  func fuzz() throws {
    var generator = Generator(seed: 13)
    var configuration = PittacusConfiguration()
    (configuration.originators, configuration.window, configuration.members) = (20, 64, 8)
    (configuration.logMessages, configuration.logBytes, configuration.outputSlots) = (8, 600, 16)
    let network = PittacusNetwork(seed: 13)
    try network.addPeer(0, configuration)
    try network[0].engine.join([], now: network.now)
    let edges = [0, 1, 2, 63, 64, 65, 1 << 31, UInt32.max - 64, .max - 1, .max]
    for _ in 0..<3_000 {
      let version = PittacusVersion(
        number: edges[generator.below(edges.count)] &+ UInt32(generator.below(3)),
        id: PittacusID(bytes: UInt64(generator.below(40)) << 32))
      let source = address(1 + generator.below(12))
      let message: Decoded =
        switch generator.below(6) {
        case 0: .hello(1, PittacusMember(endpoint: source, uid: UInt32(generator.below(4))))
        case 1: .status(1, (0..<generator.below(21)).map { _ in version })
        case 2: .acknowledgement(1, of: UInt32(generator.below(3_000)))
        default: .data(1, version, [UInt8](repeating: 1, count: generator.below(487)))
        }
      var bytes = message.encoded
      if generator.chance(0.1) { bytes[generator.below(bytes.count)] = UInt8(generator.below(256)) }
      network.send(bytes, from: source, to: address(0))
      if generator.chance(0.3) { network.run(milliseconds: generator.below(40)) }
      _ = try? network[0].broadcast([1], now: network.now)
    }
    #expect(network[0].engine.members.count <= 8)
    #expect(network[0].engine.lifecycle == .connected)
  }
}

/// What a node of the original could not take.
private final class Violations {
  private(set) var found: [String] = []
  private(set) var checked = 0

  func check(_ bytes: [UInt8], to destination: Endpoint) {
    checked += 1
    if bytes.count > 512 { found.append("\(bytes.count) bytes") }
    if destination.port == 0 { found.append("port 0") }
    guard let message = try? Decoded(bytes) else {
      found.append("\(bytes)")
      return
    }
    if message.encoded != bytes { found.append("written otherwise: \(bytes)") }
    if case .status(_, let records) = message,
      Set(records.map(\.id)).count != records.count || records.count > 20
    {
      found.append("\(message)")
    }
    if case .memberList(_, let members) = message,
      members.count > 3 || !members.allSatisfy(\.endpoint.isUsable)
        || members.contains(where: { $0.endpoint == destination })
    {
      found.append("\(message)")
    }
  }
}
