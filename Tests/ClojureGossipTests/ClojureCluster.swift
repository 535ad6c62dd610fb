// Peers of the Clojure gossip on a network in memory and in virtual time.

import ClojureGossip
import GrapevineCore
import GrapevineDialect

/// A peer and what it delivered.
final class Host {
  var engine: ClojureGossipEngine
  var effects = DialectEffects()
  var texts: [String] = []
  let endpoint: Endpoint
  var isRunning = true

  init(_ configuration: ClojureGossipConfiguration, _ endpoint: Endpoint, seed: UInt64) throws {
    engine = try ClojureGossipEngine(configuration: configuration, address: endpoint, seed: seed)
    self.endpoint = endpoint
  }

  func collect() {
    for index in 0..<effects.deliveries.count {
      texts.append(effects.deliveries.withMessage(index) { String(decoding: $1, as: UTF8.self) })
    }
    effects.deliveries.removeAll()
  }
}

/// An original, as far as its storms go: it sends every message to its whole view, seen before or not.
struct Storm {
  let endpoint: Endpoint
  var view: [Endpoint]
}

/// The hosts, originals and what is under way between them; what goes elsewhere is kept for the test.
final class Cluster {
  struct Flight {
    var arrival: Instant
    var source: Endpoint
    var destination: Endpoint
    var bytes: [UInt8]
    var text: String { String(decoding: bytes, as: UTF8.self) }
  }

  var hosts: [Host] = []
  var storms: [Storm] = []
  var now = Instant(nanoseconds: 1_000_000_000)
  var strays: [Flight] = []
  /// Every datagram that a host sent.
  var sent: [Flight] = []
  private var places: [Endpoint: Int] = [:]
  private var flights: [Flight] = []
  private var generator: Generator
  private let delay: Nanoseconds = 1_000_000

  init(seed: UInt64 = 1) {
    generator = Generator(seed: seed)
  }

  @discardableResult
  func add(_ port: Int, _ configuration: ClojureGossipConfiguration = .init()) throws -> Host {
    let host = try Host(configuration, local(port), seed: generator.next())
    places[host.endpoint] = hosts.count
    hosts.append(host)
    return host
  }

  func inject(_ text: String, from source: Endpoint, to host: Host) {
    let now = now
    Array(text.utf8).withUnsafeBytes { host.engine.receive($0, from: source, now: now, into: &host.effects) }
    host.collect()
    settle(host)
  }

  /// What went to an endpoint that no host has, since it was taken last.
  func take(for endpoint: Endpoint) -> [String] {
    let mine = strays.filter { $0.destination == endpoint }
    strays.removeAll { $0.destination == endpoint }
    return mine.map(\.text)
  }

  func broadcast(_ text: String, from host: Host) throws {
    let now = now
    try Array(text.utf8).withUnsafeBytes { _ = try host.engine.broadcast($0, now: now) }
    settle(host)
  }

  func settle(_ host: Host) {
    repeat {
      host.effects.datagrams.removeAll()
      host.engine.advance(now: now, into: &host.effects)
      for index in 0..<host.effects.datagrams.count {
        let flight = Flight(
          arrival: now + delay, source: host.endpoint,
          destination: host.effects.datagrams.record(index).destination,
          bytes: Array(host.effects.datagrams.bytes(index)))
        sent.append(flight)
        start(flight)
      }
    } while !host.effects.datagrams.hasRoom
    host.effects.datagrams.removeAll()
  }

  private func start(_ flight: Flight) {
    if places[flight.destination] != nil || storms.contains(where: { $0.endpoint == flight.destination }) {
      flights.append(flight)
    } else {
      strays.append(flight)
    }
  }

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
      if let storm = storms.first(where: { $0.endpoint == flight.destination }) {
        guard flight.text.hasPrefix("gossip") else { continue }
        for next in storm.view {
          start(
            Flight(arrival: now + delay, source: storm.endpoint, destination: next, bytes: flight.bytes))
        }
        continue
      }
      guard let place = places[flight.destination], hosts[place].isRunning else { continue }
      let host = hosts[place]
      flight.bytes.withUnsafeBytes {
        host.engine.receive($0, from: flight.source, now: now, into: &host.effects)
      }
      host.collect()
    }
    for host in hosts where host.isRunning && host.engine.nextDeadline <= now { settle(host) }
  }
}
