// Foreign engines on a network in virtual time: what tests of any of them measure with.

import GrapevineCore
import GrapevineDialect

/// A message as an engine delivered it.
struct Delivery: Hashable {
  var origin: [UInt8]
  var sequence: UInt64
  var payload: [UInt8]
}

/// One engine with what it delivered.
final class Station<Engine: DialectEngine & ~Copyable> {
  let endpoint: Endpoint
  var engine: Engine
  var effects = DialectEffects(datagrams: 64, datagramLimit: 512)
  private(set) var deliveries: [Delivery] = []

  init(_ endpoint: Endpoint, _ engine: consuming Engine) {
    self.endpoint = endpoint
    self.engine = engine
  }

  /// How often it delivered something that it had delivered before.
  var repeatedDeliveries: Int { deliveries.count - Set(deliveries).count }

  @discardableResult
  func broadcast(_ payload: [UInt8], now: Instant) throws -> UInt64 {
    try payload.withUnsafeBytes { bytes in try engine.broadcast(bytes, now: now) }
  }

  func keepDeliveries() {
    for index in 0..<effects.deliveries.count {
      let sequence = effects.deliveries.record(index).sequence
      effects.deliveries.withMessage(index) { origin, payload in
        deliveries.append(Delivery(origin: Array(origin), sequence: sequence, payload: Array(payload)))
      }
    }
    effects.deliveries.removeAll()
  }
}

/// Engines that reach each other by datagrams, which take a few milliseconds and may be lost. What goes to an address
/// without an engine is kept in `strays`. A run is a function of its seed.
final class DialectNetwork<Engine: DialectEngine & ~Copyable> {
  struct Datagram {
    var source: Endpoint
    var destination: Endpoint
    var bytes: [UInt8]
  }

  private(set) var now = Instant(nanoseconds: 1_000_000_000)
  private(set) var stations: [Station<Engine>] = []
  private(set) var strays: [Datagram] = []
  /// The share of datagrams that is lost.
  var loss = 0.0
  /// How long a datagram takes, in milliseconds.
  var delays = 1...5
  /// Sees every datagram when it is sent, and whether it goes on.
  var filter: ((Datagram) -> Bool)?
  private var generator: Generator
  private var places: [Endpoint: Int] = [:]
  private var underWay: [UInt64: [Datagram]] = [:]

  init(seed: UInt64) { generator = Generator(seed: seed) }

  /// The `number`th address, from 0.
  static func address(_ number: Int) -> Endpoint {
    Endpoint(ipv4: 0x0a00_0001 + UInt32(number), port: 7_000)
  }

  func add(_ endpoint: Endpoint, _ engine: consuming Engine) {
    places[endpoint] = stations.count
    stations.append(Station(endpoint, engine))
  }

  subscript(number: Int) -> Station<Engine> { stations[number] }

  /// Sends from an address that has no engine.
  func send(_ bytes: [UInt8], from source: Endpoint, to destination: Endpoint) {
    carry(Datagram(source: source, destination: destination, bytes: bytes))
  }

  /// Takes what came to addresses without an engine.
  func takeStrays() -> [Datagram] {
    defer { strays = [] }
    return strays
  }

  func run(milliseconds: Int) {
    for _ in 0..<milliseconds { step() }
  }

  /// Runs until `condition` holds; returns the milliseconds that took, or nil when the limit was not enough.
  func run(until condition: () -> Bool, limit: Int) -> Int? {
    for passed in 0..<limit {
      if condition() { return passed }
      step()
    }
    return condition() ? limit : nil
  }

  /// Lets one millisecond pass.
  func step() {
    now = now + 1_000_000
    for datagram in underWay.removeValue(forKey: now.nanoseconds / 1_000_000) ?? [] { arrive(datagram) }
    for station in stations where station.engine.nextDeadline <= now { advance(station) }
  }

  private func arrive(_ datagram: Datagram) {
    guard let place = places[datagram.destination] else {
      strays.append(datagram)
      return
    }
    let station = stations[place]
    datagram.bytes.withUnsafeBytes { bytes in
      station.engine.receive(bytes, from: datagram.source, now: now, into: &station.effects)
    }
    station.keepDeliveries()
  }

  private func advance(_ station: Station<Engine>) {
    for _ in 0..<1_000 {
      station.engine.advance(now: now, into: &station.effects)
      let count = station.effects.datagrams.count
      for index in 0..<count {
        carry(
          Datagram(
            source: station.endpoint, destination: station.effects.datagrams.record(index).destination,
            bytes: Array(station.effects.datagrams.bytes(index))))
      }
      station.effects.datagrams.removeAll()
      station.keepDeliveries()
      if count == 0 || station.engine.nextDeadline > now { return }
    }
  }

  private func carry(_ datagram: Datagram) {
    guard filter?(datagram) ?? true, !generator.chance(loss) else { return }
    let delay = delays.lowerBound + generator.below(delays.count)
    underWay[now.nanoseconds / 1_000_000 + UInt64(max(1, delay)), default: []].append(datagram)
  }

  /// The sum of a counter over all engines.
  func total(_ counter: KeyPath<DialectCounters, UInt64>) -> UInt64 {
    stations.reduce(0) { $0 + $1.engine.counters[keyPath: counter] }
  }
}
