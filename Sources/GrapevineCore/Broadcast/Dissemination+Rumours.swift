// Rumour mongering among neighbours: the engine decides, the log supplies, the links carry.

/// How messages travel, without the details.
enum Strategy: UInt8 {
  case plumtree
  case eager
  case rumour

  init(_ strategy: BroadcastStrategy) {
    switch strategy {
    case .plumtree: self = .plumtree
    case .eager: self = .eager
    case .rumour: self = .rumour
    }
  }
}

extension Configuration {
  /// The rules, when messages travel as rumours.
  var rumourRules: RumourRules? {
    if case .rumour(let rules) = broadcast { rules } else { nil }
  }

  /// Rumours spread at once. Chosen here: 200 KiB of them, a second of 4,000 messages a second.
  var rumourCapacity: Int { min(logMessages, 4_096) }

  /// The time that rumours have before repair takes over: 0 when there are none.
  var rumourSettling: Nanoseconds { rumourRules?.settling ?? 0 }

  /// Bytes that rumours take at most.
  var rumourBytes: Int {
    rumourRules == nil ? 0 : RumourMongering.bytes(capacity: rumourCapacity, partners: linkSlots)
  }
}

extension RumourRules {
  /// The time in which nearly all members have heard of a rumour: twice log2(n) cycles.
  ///
  /// Chosen here: the last arrivals of Demers' variants come within it at 1,000 members, but for those of blind
  /// removal; see `DemersTables`.
  var settling: Nanoseconds {
    let doublings = UInt64(Int.bitWidth - (clusterSize - 1).leadingZeroBitCount)
    return cycle.asNanoseconds &* 2 &* max(1, doublings)
  }
}

extension RumourMongering {
  /// The engine of a node: next to nothing when messages do not travel as rumours.
  init(_ configuration: Configuration, seed: UInt64) {
    let rules = configuration.rumourRules
    self.init(
      rules: rules ?? RumourRules(), capacity: rules == nil ? 1 : configuration.rumourCapacity,
      partners: rules == nil ? 0 : configuration.linkSlots, seed: seed)
  }
}

// Cycles.
extension Dissemination {
  /// Has cycles begin when there is something to do in them.
  mutating func scheduleCycle(now: Instant) {
    guard strategy == .rumour, cycleAt == .never, targets != 0, rumours.hasWork else { return }
    // Not all at once: members that hear of a rumour at the same time do not spread it at the same time.
    cycleAt = now + 1 + UInt64(generator.below(Int(truncatingIfNeeded: cycle)))
  }

  /// Begins a cycle when it is time.
  mutating func advanceRumours(now: Instant, counters: inout Counters) {
    guard now >= cycleAt else { return }
    let due = cycleAt + cycle
    cycleAt = .never
    guard let partner = generator.slot(of: targets) else { return }
    rumours.beginCycle(with: partner)
    counters.rumoursDisplaced = rumours.counts.displaced
    if rumours.hasWork { cycleAt = due > now ? due : now + cycle }
  }

  /// A message of our own is a rumour from now on.
  mutating func startRumour(_ sequence: UInt64, now: Instant) {
    rumours.start(origin: identity, sequence: sequence)
    scheduleCycle(now: now)
  }
}

// What arrives.
extension Dissemination {
  /// A message came on a link.
  mutating func didHear(
    _ header: GossipHeader, _ sequence: UInt64, isNew: Bool, from slot: Int, now: Instant
  ) {
    guard header.level == .reliable else { return }
    rumours.heard(
      origin: header.origin, sequence: sequence, hops: header.hops, isNew: isNew, from: slot)
    scheduleCycle(now: now)
  }

  /// A message of our own came back.
  mutating func didHearOwn(_ header: GossipHeader, _ sequence: UInt64, from slot: Int) {
    guard header.level == .reliable else { return }
    rumours.heard(origin: identity, sequence: sequence, hops: header.hops, isNew: false, from: slot)
  }

  /// Takes a neighbour's verdicts or question.
  mutating func onRumourWord(_ kind: UInt8, from slot: Int, _ cursor: inout Cursor) throws(DecodeError) {
    guard strategy == .rumour else { throw .unknownKind }
    if kind == MessageKind.rumourFeedback {
      try rumours.onFeedback(from: slot, &cursor)
    } else {
      try rumours.onPull(from: slot, &cursor)
    }
  }
}

// What leaves.
extension Dissemination {
  /// Whether rumours are to be sent on a link.
  @inline(__always)
  func hasRumours(_ slot: Int) -> Bool { strategy == .rumour && rumours.owesRumour(to: slot) }

  /// Whether verdicts or a question are to be sent on a link.
  @inline(__always)
  func hasRumourWord(_ slot: Int) -> Bool { strategy == .rumour && rumours.owesWord(to: slot) }

  /// Writes verdicts and the question for a neighbour.
  mutating func writeRumourWord(_ slot: Int, to writer: inout Writer, counters: inout Counters) {
    guard hasRumourWord(slot) else { return }
    rumours.writeFeedback(for: slot, to: &writer)
    rumours.writePull(for: slot, to: &writer)
    counters.rumourQuestions = rumours.counts.asked
  }

  /// Rumours looked at for one datagram at most, written or not. Chosen here.
  private static var rumoursPerDatagram: Int { 1_024 }

  /// Writes as many of the rumours that are owed to a neighbour as fit.
  ///
  /// - Returns: The number of messages written.
  mutating func writeRumours(
    _ slot: Int, limit: Int, to writer: inout Writer, counters: inout Counters
  ) -> Int {
    guard hasRumours(slot) else { return 0 }
    var written = 0
    var looked = 0
    while written < limit, looked < Self.rumoursPerDatagram, let rumour = rumours.nextOwed(to: slot) {
      looked += 1
      guard let place = streams.find(rumour.origin, .reliable) else {
        rumours.cannotSend(rumour, to: slot)
        continue
      }
      let floor = progress[slot &* capacity &+ place].floor
      if rumour.sequence <= floor {
        rumours.partnerHas(rumour, partner: slot)
        continue
      }
      // What it cannot take yet, or is forgotten here, is left to repair.
      guard floor == 0 || rumour.sequence &- floor <= windows.width,
        let index = log.find(stream: place, sequence: rumour.sequence)
      else {
        rumours.cannotSend(rumour, to: slot)
        continue
      }
      guard writeSingle(index, hops: rumour.hops, to: &writer) else { break }
      rumours.didSend(rumour, to: slot)
      written += 1
    }
    counters.copiesSent &+= UInt64(written)
    return written
  }

  /// Has every neighbour sent what it is not known to have of our own messages: there is no time to gossip.
  mutating func handOverRumours() {
    guard strategy == .rumour else { return }
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      let first = max(progress[slot &* capacity].floor, streams[0].evictedHigh) &+ 1
      guard first <= streams[0].floor else { continue }
      queueRepair(Repair(stream: 0, next: first, last: streams[0].floor), on: slot)
    }
  }
}
