// Peers of gossip_python on a network in memory and in virtual time: one delay for all, and loss on demand.

import GossipPython
import GrapevineCore
import GrapevineDialect

/// A datagram under way.
struct Flight {
  var arrival: Instant
  var source: Endpoint
  var destination: Endpoint
  var bytes: [UInt8]
}

/// A message as an application got it.
struct Delivered: Hashable {
  var origin: String
  var sequence: UInt64
  var text: String
}

/// A peer and what it delivered.
final class Host {
  var engine: GossipPythonEngine
  var effects = DialectEffects()
  var delivered: [Delivered] = []
  let endpoint: Endpoint
  var isRunning = true

  init(_ configuration: GossipPythonConfiguration, _ endpoint: Endpoint, seed: UInt64) throws {
    engine = try GossipPythonEngine(configuration: configuration, address: endpoint, seed: seed)
    self.endpoint = endpoint
  }

  var texts: [String] { delivered.map(\.text) }

  func collect() {
    for index in 0..<effects.deliveries.count {
      let sequence = effects.deliveries.record(index).sequence
      delivered.append(
        effects.deliveries.withMessage(index) { origin, payload in
          Delivered(
            origin: String(decoding: origin, as: UTF8.self), sequence: sequence,
            text: String(decoding: payload, as: UTF8.self))
        })
    }
    effects.deliveries.removeAll()
  }
}

/// The hosts and what is under way between them; what goes elsewhere is kept for the test to look at.
final class Cluster {
  var hosts: [Host] = []
  var now = Instant(nanoseconds: 1_000_000_000)
  var loss = 0.0
  /// Datagrams to endpoints that no host has.
  var strays: [Flight] = []
  /// Of those, the ones that acknowledge each Status, as originals do.
  var acknowledging: Set<Endpoint> = []
  var sent = 0
  private var flights: [Flight] = []
  private var statusFlights: [Flight] = []
  private var generator: Generator
  private let delay: Nanoseconds = 1_000_000

  init(seed: UInt64 = 1) {
    generator = Generator(seed: seed)
  }

  @discardableResult
  func add(_ port: Int, _ configuration: GossipPythonConfiguration = .init()) throws -> Host {
    let host = try Host(configuration, local(port), seed: generator.next())
    hosts.append(host)
    return host
  }

  /// Gives a host a datagram of a peer that is none of the hosts.
  func inject(_ text: String, from source: Endpoint, to host: Host) {
    inject(Array(text.utf8), from: source, to: host)
  }

  func inject(_ bytes: [UInt8], from source: Endpoint, to host: Host) {
    let now = now
    bytes.withUnsafeBytes { host.engine.receive($0, from: source, now: now, into: &host.effects) }
    host.collect()
    settle(host)
  }

  /// What went to the endpoint and was not taken yet.
  func take(for endpoint: Endpoint) throws -> [PythonDatagram] {
    let mine = strays.filter { $0.destination == endpoint }
    strays.removeAll { $0.destination == endpoint }
    return try mine.map { try read($0.bytes) }
  }

  func broadcast(_ text: String, from host: Host) throws {
    let now = now
    try Array(text.utf8).withUnsafeBytes { _ = try host.engine.broadcast($0, now: now) }
    settle(host)
  }

  /// Lets a host do what is due, and takes its datagrams.
  func settle(_ host: Host) {
    repeat {
      host.effects.datagrams.removeAll()
      host.engine.advance(now: now, into: &host.effects)
      for index in 0..<host.effects.datagrams.count {
        sent += 1
        guard !generator.chance(loss) else { continue }
        let flight = Flight(
          arrival: now + delay, source: host.endpoint,
          destination: host.effects.datagrams.record(index).destination,
          bytes: Array(host.effects.datagrams.bytes(index)))
        if hosts.contains(where: { $0.endpoint == flight.destination }) {
          flights.append(flight)
        } else {
          strays.append(flight)
          let isStatus = flight.bytes.starts(with: "06".utf8)
          if isStatus, acknowledging.contains(flight.destination) { statusFlights.append(flight) }
        }
      }
    } while !host.effects.datagrams.hasRoom
    host.effects.datagrams.removeAll()
    acknowledge(to: host)
  }

  private func acknowledge(to host: Host) {
    let due = statusFlights
    statusFlights = []
    for flight in due {
      inject(Array("0400".utf8 + flight.bytes[4..<8] + "0000".utf8), from: flight.destination, to: host)
    }
  }

  /// Lets time pass, up to which all that is due happens in its order.
  func run(for duration: Duration) {
    let end = now + duration.asNanoseconds
    while true {
      let due = hosts.reduce(flights.first?.arrival ?? .never) {
        $1.isRunning ? min($0, $1.engine.nextDeadline) : $0
      }
      guard due <= end else { break }
      now = max(now, due)
      step()
    }
    now = end
  }

  private func step() {
    let arrived = flights.prefix { $0.arrival <= now }
    flights.removeFirst(arrived.count)
    for flight in arrived {
      guard let host = hosts.first(where: { $0.endpoint == flight.destination && $0.isRunning }) else {
        continue
      }
      flight.bytes.withUnsafeBytes {
        host.engine.receive($0, from: flight.source, now: now, into: &host.effects)
      }
      host.collect()
    }
    for host in hosts where host.isRunning && host.engine.nextDeadline <= now { settle(host) }
  }
}
