// Peers of Pittacus on a network in virtual time: a millisecond a hop, and what is lost is drawn from a seed.

import CAllocations
import GrapevineCore
import GrapevineDialect
import Pittacus

final class PittacusCluster {
  struct Result {
    var coverage: Double
    var copies: Double
    var milliseconds: Int
    var allocations: Double
  }

  private final class Station {
    var engine: PittacusEngine
    /// Two buffers, so that datagrams arrive a millisecond after they were sent.
    var effects = DialectEffects(datagrams: 4_096, datagramLimit: 512)
    var underWay = DialectEffects(datagrams: 4_096, datagramLimit: 512)
    init(_ engine: consuming PittacusEngine) { self.engine = engine }
  }

  private var stations: [Station] = []
  private var now = Instant(nanoseconds: 1_000_000_000)
  private var generator = Generator(seed: 17)
  private let loss: Double
  private var carried = 0

  private static func endpoint(_ number: Int) -> Endpoint {
    Endpoint(ipv4: 0x0a00_0000 + UInt32(number), port: 7_000)
  }

  /// A cluster whose members know each other.
  private init(_ count: Int, loss: Double) throws {
    self.loss = loss
    let uid: UInt32 = 0x6b01_0000
    let members = (0..<count).map { PittacusMember(endpoint: Self.endpoint($0), uid: uid) }
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 8)
    defer { buffer.deallocate() }
    for number in 0..<count {
      let station = Station(
        try PittacusEngine(address: Self.endpoint(number), uid: uid, seed: UInt64(number) + 1))
      try station.engine.join([], now: now)
      for start in stride(from: 0, to: count, by: 3) {
        var list = PittacusEncoder.List.members(1, into: buffer)
        for member in members[start..<min(start + 3, count)] { list.append(member) }
        station.engine.receive(
          UnsafeRawBufferPointer(rebasing: buffer[0..<list.length]),
          from: Endpoint(ipv4: 0x0aff_fffe, port: 1), now: now, into: &station.effects)
      }
      station.engine.advance(now: now, into: &station.effects)
      station.effects.datagrams.removeAll()
      stations.append(station)
    }
  }

  static func oneSender(loss: Double) throws -> Result {
    let cluster = try PittacusCluster(64, loss: loss)
    for _ in 0..<100 {
      try cluster.broadcast(from: 0)
      for _ in 0..<10 { cluster.step() }
    }
    return cluster.finish(expected: 63 * 100, limit: 20_000)
  }

  static func manySenders() throws -> Result {
    let cluster = try PittacusCluster(200, loss: 0)
    for number in 0..<200 { try cluster.broadcast(from: number) }
    var result = cluster.finish(expected: 200 * 199, limit: 60_000)
    let pair = try PittacusCluster(2, loss: 0)
    try pair.exchange(1_000)
    let before = (ca_allocations(), pair.carried)
    try pair.exchange(100_000)
    result.allocations = Double(ca_allocations() - before.0) / Double(pair.carried - before.1)
    return result
  }

  private func exchange(_ messages: Int) throws {
    for _ in 0..<messages / 100 {
      for number in 0..<100 { try broadcast(from: number % 2) }
      step()
    }
    for _ in 0..<10 { step() }
  }

  private func broadcast(from number: Int) throws {
    let payload = InlineArray<64, UInt8>(repeating: 7)
    let engine = stations[number]
    let taken = payload.span.withUnsafeBytes { (try? engine.engine.broadcast($0, now: now)) != nil }
    guard taken else { throw BenchmarkError("a peer refused a message") }
  }

  private var deliveries: UInt64 { stations.reduce(0) { $0 + $1.engine.counters.deliveries } }

  private func finish(expected: UInt64, limit: Int) -> Result {
    var milliseconds = 0
    while deliveries < expected, milliseconds < limit {
      step()
      milliseconds += 1
    }
    let copies = stations.reduce(0) { $0 + $1.engine.counters.copiesSent }
    return Result(
      coverage: Double(deliveries) / Double(expected), copies: Double(copies) / Double(max(1, deliveries)),
      milliseconds: milliseconds, allocations: .nan)
  }

  private func step() {
    now = now + 1_000_000
    for station in stations {
      station.engine.advance(now: now, into: &station.effects)
      swap(&station.effects, &station.underWay)
    }
    for (number, station) in stations.enumerated() {
      for index in 0..<station.underWay.datagrams.count {
        let place = Int(station.underWay.datagrams.record(index).destination.low & 0xffff)
        guard place < stations.count, !generator.chance(loss) else { continue }
        carried += 1
        let target = stations[place]
        target.engine.receive(
          station.underWay.datagrams.bytes(index), from: Self.endpoint(number), now: now,
          into: &target.effects)
        target.effects.deliveries.removeAll()
      }
      station.underWay.datagrams.removeAll()
    }
  }
}
