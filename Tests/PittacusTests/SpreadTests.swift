// How messages spread among peers of this kind: coverage and cost, as counts.

import GrapevineCore
import GrapevineDialect
import Pittacus
import Testing

typealias PittacusNetwork = DialectNetwork<PittacusEngine>

extension PittacusNetwork {
  static let uid: UInt32 = 0x6b01_0000

  /// Adds an engine at the `number`th address.
  func addPeer(_ number: Int, uid: UInt32 = uid, _ configuration: PittacusConfiguration = .init()) throws {
    let engine = try PittacusEngine(
      configuration: configuration, address: Self.address(number), uid: uid, seed: UInt64(number) + 1)
    add(Self.address(number), engine)
  }

  /// A cluster whose members know each other from the start: what is measured is not how they met.
  static func cluster(_ count: Int, seed: UInt64) throws -> PittacusNetwork {
    let network = PittacusNetwork(seed: seed)
    for number in 0..<count { try network.addPeer(number) }
    let members = (0..<count).map { PittacusMember(endpoint: address($0), uid: uid) }
    for station in network.stations {
      try station.engine.join([], now: network.now)
      for start in stride(from: 0, to: count, by: 19) {
        let list = Decoded.memberList(1, Array(members[start..<min(start + 19, count)])).encoded
        list.withUnsafeBytes { bytes in
          station.engine.receive(
            bytes, from: address(65_535), now: network.now, into: &station.effects)
        }
      }
      // The acknowledgements of the lists go nowhere.
      station.engine.advance(now: network.now, into: &station.effects)
      station.effects.datagrams.removeAll()
    }
    return network
  }

  /// DATA datagrams that left for each delivery.
  var copiesPerDelivery: Double { Double(total(\.copiesSent)) / Double(total(\.deliveries)) }

  /// Whether everybody delivered everything but its own once.
  func isCovered(messages: Int, own: (Int) -> Int) -> Bool {
    stations.enumerated().allSatisfy { $1.deliveries.count == messages - own($0) }
  }
}

@Suite("Pittacus: spreading")
struct SpreadTests {
  @Test("100 messages of one of 64 reach everybody once, with at most 3.2 copies for each delivery")
  func oneSender() throws {
    let network = try PittacusNetwork.cluster(64, seed: 1)
    for number in 0..<100 {
      try network[7].broadcast([UInt8(number)] + Array("sixty-four peers".utf8), now: network.now)
      network.run(milliseconds: 10)
    }
    let time = network.run(until: { network.isCovered(messages: 100) { $0 == 7 ? 100 : 0 } }, limit: 5_000)
    #expect(time != nil)
    #expect(network.stations.allSatisfy { $0.repeatedDeliveries == 0 })
    #expect(network.copiesPerDelivery <= 3.2, "\(network.copiesPerDelivery)")
  }

  @Test("with a tenth of the datagrams lost everybody still gets everything")
  func lossy() throws {
    let network = try PittacusNetwork.cluster(64, seed: 2)
    network.loss = 0.1
    for number in 0..<100 {
      try network[3].broadcast([UInt8(number)], now: network.now)
      network.run(milliseconds: 10)
    }
    let time = network.run(until: { network.isCovered(messages: 100) { $0 == 3 ? 100 : 0 } }, limit: 10_000)
    #expect(time != nil)
    #expect(network.stations.allSatisfy { $0.repeatedDeliveries == 0 })
    #expect(network.total(\.membersLost) == 0)
  }

  @Test("200 that all send at once hear each other once, with at most 4 copies for each delivery")
  func manySenders() throws {
    let network = try PittacusNetwork.cluster(200, seed: 3)
    for (number, station) in network.stations.enumerated() {
      try station.broadcast([UInt8(number)], now: network.now)
    }
    let time = network.run(until: { network.isCovered(messages: 200) { _ in 1 } }, limit: 60_000)
    #expect(time != nil)
    #expect(network.stations.allSatisfy { $0.repeatedDeliveries == 0 })
    #expect(network.copiesPerDelivery <= 4, "\(network.copiesPerDelivery)")
    network.run(milliseconds: 500)
    #expect(network.stations.allSatisfy { $0.repeatedDeliveries == 0 })
  }
}
