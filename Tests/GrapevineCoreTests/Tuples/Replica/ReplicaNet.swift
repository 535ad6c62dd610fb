// Replicas in virtual time, joined by links that lose nothing until they break.

@testable import GrapevineCore

/// One replica and what it reported.
final class ReplicaParty {
  var replica: TupleReplica
  var changes = ChangeBuffer(changes: 16_384, bytes: 4 << 20)
  var kinds: [TupleChangeKind] = []
  var keepsKinds = false
  /// Slots in use.
  var taken: UInt64 = 0

  init(_ replica: consuming TupleReplica) { self.replica = replica }

  func carryOut() {
    if keepsKinds { for index in 0..<changes.count { kinds.append(changes.record(index).kind) } }
    changes.removeAll()
  }

  func hasMessage(_ slot: Int, _ now: Instant) -> Bool { replica.hasMessage(slot, now: now) }

  var freeSlot: Int { (~taken).trailingZeroBitCount }
}

/// One direction of a link.
struct ReplicaPipe {
  var from: (party: Int, slot: Int)
  var to: (party: Int, slot: Int)
  var messages: [(at: Instant, bytes: [UInt8])] = []
  var isStalled = false
}

final class ReplicaNet {
  private(set) var parties: [ReplicaParty] = []
  /// Two for each link.
  var pipes: [Int: ReplicaPipe] = [:]
  private var order: [Int] = []
  private var links = 0
  var now = Instant(nanoseconds: 1_000_000_000)
  var delay: Nanoseconds = 1_000_000
  var generator: Generator
  private let buffer: UnsafeMutableRawBufferPointer
  /// Messages on their way in one direction at most.
  var window = 4
  static let origin: UInt64 = 1_764_547_200_000

  init(
    _ count: Int, seed: UInt64 = 1, messageLimit: Int = 65_536, newsSize: Int = 1 << 16,
    rules: TupleRules = ReplicaNet.rules
  ) {
    generator = Generator(seed: seed)
    buffer = .allocate(byteCount: messageLimit, alignment: 8)
    for _ in 0..<count { add(messageLimit: messageLimit, newsSize: newsSize, rules: rules) }
  }

  deinit { buffer.deallocate() }

  static var rules: TupleRules {
    var rules = TupleRules()
    (rules.capacity, rules.bytes, rules.symbolLimit) = (1 << 15, 8 << 20, 1 << 12)
    return rules
  }

  @discardableResult
  func add(
    messageLimit: Int = 65_536, newsSize: Int = 1 << 16, rules: TupleRules = ReplicaNet.rules
  ) -> Int {
    var replica = TupleReplica(
      identity: MemberID(generator.next()), rules: rules, links: 64, messageLimit: messageLimit,
      newsSize: newsSize, seed: generator.next())
    replica.setTimeOfDay(milliseconds: Self.origin + now.nanoseconds / 1_000_000, now: now)
    parties.append(ReplicaParty(replica))
    return parties.count - 1
  }

  /// Links two replicas.
  @discardableResult
  func link(_ first: Int, _ second: Int) -> Int {
    let (a, b) = (parties[first], parties[second])
    let (slotA, slotB) = (a.freeSlot, b.freeSlot)
    a.taken |= 1 << UInt64(slotA)
    b.taken |= 1 << UInt64(slotB)
    a.replica.linkUp(slotA, peer: b.replica.identity, now: now)
    b.replica.linkUp(slotB, peer: a.replica.identity, now: now)
    let link = links
    links += 1
    pipes[2 * link] = ReplicaPipe(from: (first, slotA), to: (second, slotB))
    pipes[2 * link + 1] = ReplicaPipe(from: (second, slotB), to: (first, slotA))
    order += [2 * link, 2 * link + 1]
    return link
  }

  /// Breaks a link; what is under way on it is lost.
  func cut(_ link: Int) {
    guard let pipe = pipes[2 * link] else { return }
    pipes[2 * link] = nil
    pipes[2 * link + 1] = nil
    order.removeAll { $0 / 2 == link }
    for end in [pipe.from, pipe.to] {
      parties[end.party].taken &= ~(1 << UInt64(end.slot))
      parties[end.party].replica.linkDown(end.slot, now: now)
    }
  }

  func mesh() {
    for first in 0..<parties.count { for second in 0..<first { link(second, first) } }
  }

  func crash(_ party: Int) {
    for link in Set(order.filter { pipes[$0]?.from.party == party }.map { $0 / 2 }).sorted() { cut(link) }
  }

  /// Lets time pass.
  ///
  /// - Returns: The steps that it took.
  @discardableResult
  func run(_ milliseconds: Int) -> Int {
    let end = now + UInt64(milliseconds) * 1_000_000
    var steps = 0
    while true {
      step()
      steps += 1
      var next = end
      for pipe in pipes.values where !pipe.isStalled { next = min(next, pipe.messages.first?.at ?? .never) }
      for party in parties { next = min(next, party.replica.nextDeadline) }
      // Whatever is due at once is due in a tenth of a millisecond.
      next = max(next, now + 100_000)
      guard now < end else { return steps }
      now = min(next, end)
    }
  }

  private func step() {
    deliver()
    for party in parties where party.replica.nextDeadline <= now {
      party.replica.advance(now: now, into: &party.changes)
      party.carryOut()
    }
    flush()
  }

  func deliver() {
    for key in order {
      guard let pipe = pipes[key], !pipe.isStalled else { continue }
      let due = pipe.messages.prefix { $0.at <= now }
      pipes[key]?.messages.removeFirst(due.count)
      let party = parties[pipe.to.party]
      for message in due {
        message.bytes.withUnsafeBytes {
          do throws(DecodeError) {
            try party.replica.receive($0, from: pipe.to.slot, now: now, into: &party.changes)
          } catch {
            preconditionFailure("a replica sent what another one does not read: \(error)")
          }
        }
        party.carryOut()
      }
    }
  }

  func flush() {
    for key in order {
      guard let pipe = pipes[key], !pipe.isStalled else { continue }
      let party = parties[pipe.from.party]
      var waiting = pipe.messages.count
      while waiting < window, party.replica.hasMessage(pipe.from.slot, now: now) {
        let length = party.replica.write(pipe.from.slot, into: buffer, now: now)
        guard length > 0 else { break }
        pipes[key]?.messages.append((now + delay, Array(buffer[0..<length])))
        waiting += 1
      }
    }
  }
}

extension ReplicaNet {
  @discardableResult
  func publish(
    _ key: String, _ value: String, by party: Int, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil, from slot: Int? = nil
  ) throws -> TupleVersion {
    try publish(key, Array(value.utf8), by: party, lifetime: lifetime, if: condition, from: slot)
  }

  @discardableResult
  func publish(
    _ key: String, _ value: [UInt8], by party: Int, lifetime: TupleLifetime = .permanent,
    if condition: TupleCondition? = nil, from slot: Int? = nil
  ) throws -> TupleVersion {
    let party = parties[party]
    defer { party.carryOut() }
    return try Array(key.utf8).withUnsafeBytes { key in
      try value.withUnsafeBytes { value in
        try party.replica.publish(
          value, at: key, lifetime: lifetime, if: condition, from: slot, now: now, into: &party.changes)
      }
    }
  }

  @discardableResult
  func remove(_ key: String, by party: Int) throws -> TupleVersion? {
    let party = parties[party]
    defer { party.carryOut() }
    return try Array(key.utf8).withUnsafeBytes {
      try party.replica.remove($0, now: now, into: &party.changes)
    }
  }

  func text(_ key: String, at party: Int) -> String? {
    Array(key.utf8).withUnsafeBytes { parties[party].replica.tuple(at: $0) }
      .map { String(decoding: $0.value, as: UTF8.self) }
  }

  func tell(_ slot: Int, _ key: String, at party: Int) {
    Array(key.utf8).withUnsafeBytes { parties[party].replica.tell(slot, $0) }
  }

  /// What a reader takes now.
  func read(_ slot: Int, at party: Int, limit: Int = .max) -> [String] {
    var found: [String] = []
    while found.count < limit, let (key, value) = parties[party].replica.nextTuple(slot) {
      found.append(String(decoding: key, as: UTF8.self) + "=" + String(decoding: value, as: UTF8.self))
    }
    return found
  }

  /// Whether all of some parties have the same map.
  func areEqual(_ chosen: [Int]? = nil) -> Bool {
    let chosen = chosen ?? Array(parties.indices)
    let first = parties[chosen[0]].replica.tuples()
    let fingerprint = parties[chosen[0]].replica.fingerprint
    return chosen.allSatisfy {
      parties[$0].replica.fingerprint == fingerprint && parties[$0].replica.tuples() == first
    }
  }

  /// Whether all say that they have the same map.
  var areAlike: Bool {
    parties.allSatisfy { $0.replica.fingerprint == parties[0].replica.fingerprint }
  }

  /// Copies of tuples sent so far, in whatever way.
  var copies: Int {
    parties.reduce(0) {
      $0 + Int($1.replica.counters.tupleNewsSent + $1.replica.counters.tuplesRepaired)
    }
  }
}
