// Rumour mongering on its own: the setting of Demers' experiments, with the core's engine and its bytes.
//
// Every site contacts one other, drawn uniformly from all, at the same virtual instants. Datagrams take a
// fixed time that is short beside a cycle, so that what a cycle brings has come when the next one begins.

import GrapevineCore

/// One rumour among many sites.
struct RumourLab: Sendable {
  /// Sites on a complete graph.
  var sites: Int
  /// How the rumour is spread.
  var rules: RumourRules
  /// The probability that a datagram is lost, of whatever kind.
  var loss = 0.0

  /// What became of the rumour when nobody spreads it any more.
  struct Outcome {
    /// The share of the sites that never heard of it.
    var residue = 0.0
    /// Rumours sent, for each site.
    var traffic = 0.0
    /// The mean cycle in which those who heard of it did, and the last; the first site knows it in cycle 0.
    var averageArrival = 0.0
    var lastArrival = 0.0
    /// Questions for rumours sent, for each site, and those of them that brought none.
    var asked = 0.0
    var askedInVain = 0.0
    /// Bytes of everything, for each site, without headers of frames and datagrams.
    var bytes = 0.0
    /// The share of the sites that know it, by cycle.
    var coverage: [Double] = []
  }

  /// Spreads one rumour, until no site spreads it.
  func run(seed: UInt64) -> Outcome {
    let run = RumourSpread(self, seed: seed)
    return run.spread()
  }
}

/// One site: its engine, and whether it knows the rumour.
private final class RumourSite {
  var engine: RumourMongering
  /// The cycle in which the rumour came; -1 while it has not.
  var arrival: Int32 = -1

  init(rules: RumourRules, seed: UInt64) {
    engine = RumourMongering(rules: rules, capacity: 1, partners: 1, seed: seed)
  }
}

/// One run of the lab.
private final class RumourSpread {
  private let lab: RumourLab
  private let sites: [RumourSite]
  private var generator: Generator
  private var queue = EventQueue()
  private var now = Instant()
  private var cycle: Int32 = 0
  private var bytesSent = 0
  private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 512, alignment: 8)

  /// The time a datagram takes: a round trip and another way fit into the shortest cycle thrice.
  private static let delay: Nanoseconds = 100_000
  /// Cycles after which a run is given up. No rule lasts as long: rumours are dropped after 255.
  private static let cycleLimit: Int32 = 2_000
  /// The rumour: number 1 of site 0, whose identity is 1.
  private static let payload: StaticString = "rumour"

  init(_ lab: RumourLab, seed: UInt64) {
    self.lab = lab
    var generator = Generator(seed: seed)
    sites = (0..<lab.sites).map { _ in RumourSite(rules: lab.rules, seed: generator.next()) }
    self.generator = generator
  }

  deinit {
    while let event = queue.removeFirst() { event.bytes?.deallocate() }
    buffer.deallocate()
  }

  func spread() -> RumourLab.Outcome {
    sites[0].arrival = 0
    sites[0].engine.start(origin: 1, sequence: 1)
    var informed = 1
    var outcome = RumourLab.Outcome()
    outcome.coverage = [1 / Double(sites.count)]
    while cycle < Self.cycleLimit, beginCycle() {
      let end = now + lab.rules.cycle.asNanoseconds
      contact()
      while let event = queue.removeFirst() { arrive(event) }
      now = end
      informed = sites.reduce(0) { $0 + ($1.arrival >= 0 ? 1 : 0) }
      outcome.coverage.append(Double(informed) / Double(sites.count))
    }
    return complete(outcome, informed: informed)
  }

  /// Ends a cycle at every site and begins the next.
  ///
  /// - Returns: Whether any site still spreads the rumour.
  private func beginCycle() -> Bool {
    cycle += 1
    var infective = 0
    for site in sites {
      // The partner's number means whoever is contacted: nothing is remembered of the last one.
      site.engine.forget(partner: 0)
      site.engine.beginCycle(with: 0)
      if site.engine.hotCount > 0 { infective += 1 }
    }
    return infective > 0
  }

  private func contact() {
    for (number, site) in sites.enumerated() where lab.rules.exchange != .push || site.engine.hotCount > 0 {
      let partner = generator.below(sites.count - 1)
      send(from: number, to: partner < number ? partner : partner + 1)
    }
  }

  private func send(from source: Int, to target: Int) {
    let length = sites[source].engine.write(for: 0, into: buffer) { _, _ in
      UnsafeRawBufferPointer(start: Self.payload.utf8Start, count: Self.payload.utf8CodeUnitCount)
    }
    guard length > 0 else { return }
    bytesSent += length
    if lab.loss > 0, generator.chance(lab.loss) { return }
    let copy = UnsafeMutableRawPointer.allocate(byteCount: length, alignment: 8)
    copy.copyMemory(from: UnsafeRawPointer(buffer.baseAddress ?? copy), byteCount: length)
    queue.schedule(
      .arrival, target, at: now + Self.delay, source: source, bytes: copy, length: length)
  }

  private func arrive(_ event: SimulationEvent) {
    guard let bytes = event.bytes else { return }
    defer { bytes.deallocate() }
    now = event.time
    let (target, source) = (Int(event.target), Int(event.source))
    sites[target].engine.forget(partner: 0)
    let datagram = UnsafeRawBufferPointer(start: bytes, count: Int(event.length))
    guard (try? read(datagram, at: sites[target], from: source)) != nil else {
      preconditionFailure("a site wrote what another cannot read")
    }
    send(from: target, to: source)
  }

  private func read(
    _ datagram: UnsafeRawBufferPointer, at site: RumourSite, from source: Int
  ) throws(DecodeError) {
    let cycle = cycle
    try site.engine.read(datagram.bytes, from: 0, sender: UInt64(source) + 1) { origin, sequence, _ in
      guard origin == 1, sequence == 1, site.arrival < 0 else { return false }
      site.arrival = cycle
      return true
    }
  }

  private func complete(_ unfinished: RumourLab.Outcome, informed: Int) -> RumourLab.Outcome {
    var outcome = unfinished
    let count = Double(sites.count)
    outcome.residue = Double(sites.count - informed) / count
    outcome.bytes = Double(bytesSent) / count
    var total = 0
    var answered = 0.0
    for site in sites {
      let counts = site.engine.counts
      outcome.traffic += Double(counts.pushed + counts.answered) / count
      outcome.asked += Double(counts.asked) / count
      answered += Double(counts.answered) / count
      guard site.arrival >= 0 else { continue }
      total += Int(site.arrival)
      outcome.lastArrival = max(outcome.lastArrival, Double(site.arrival))
    }
    outcome.askedInVain = outcome.asked - answered
    outcome.averageArrival = Double(total) / Double(informed)
    return outcome
  }
}
