// Who sent what, and who has what since when.

import GrapevineCore

/// The account of a run, against which the promise of the reliable level is checked.
///
/// Held by the observer of a simulation; asked for a report in the end, or on the way.
final class Ledger {
  private struct Broadcast {
    var process: Int
    var origin: MemberID
    var sequence: UInt64
    var level: DeliveryLevel
    var time: Instant
    var payload: [UInt8]
  }

  private struct Stream: Hashable {
    var origin: MemberID
    var level: DeliveryLevel
  }

  /// A node that is a member: when it became one and what it delivered.
  private struct Member {
    var since: Instant?
    /// By the number of the message: 0, or one more than the time from its broadcast in units of 10 µs.
    var delays: ContiguousArray<UInt32> = []
    var gaps: [(origin: MemberID, range: ClosedRange<UInt64>)] = []
  }

  private static let unit: Nanoseconds = 10_000

  private var broadcasts: [Broadcast] = []
  private var index: [Stream: [UInt64: Int]] = [:]
  private var members: [Member] = []
  private var duplicates = 0
  private var damaged = 0
  private var gaps = 0
  private let hidden: UInt64?

  /// Creates an empty account; deliveries with the sequence number `hidden` are not entered.
  init(hidden: UInt64? = nil) { self.hidden = hidden }

  /// Has a process broadcast a message of so many bytes, which follow from its number.
  ///
  /// - Returns: Whether it did.
  @discardableResult
  func broadcast(
    _ number: Int, bytes count: Int, _ level: DeliveryLevel, from process: Int, in simulation: Simulation
  ) -> Bool {
    guard process < simulation.processCount, simulation.lifecycle(of: process) == .connected,
      let origin = simulation.identity(of: process)
    else { return false }
    var bytes = Generator(seed: UInt64(number) &* 0x9e37 &+ 1)
    let payload = (0..<count).map { _ in UInt8(truncatingIfNeeded: bytes.next()) }
    let stream = Stream(origin: origin, level: level)
    let next = UInt64(index[stream]?.count ?? 0) + 1
    guard let sent = simulation.broadcast(payload, from: process, level: level) else { return false }
    precondition(sent.sequence == next, "sequence numbers have no gaps")
    index[stream, default: [:]][sent.sequence] = broadcasts.count
    broadcasts.append(
      Broadcast(
        process: process, origin: origin, sequence: sent.sequence, level: level, time: simulation.now,
        payload: payload))
    return true
  }

  /// Expects nothing more of a process: its node is gone.
  func forget(_ process: Int) {
    if members.indices.contains(process) { members[process] = Member() }
  }

  /// Expects nothing more of a process, whose node still delivers until it is gone.
  func excuse(_ process: Int) {
    if members.indices.contains(process) { members[process].since = nil }
  }

  /// Enters what a node did.
  func observe(
    _ observation: Simulation.Observation, _ payload: UnsafeRawBufferPointer, in simulation: Simulation
  ) {
    switch observation {
    case .delivery(let node, let origin, let sequence, let level, _):
      guard sequence != hidden else { return }
      let stream = Stream(origin: origin, level: level)
      guard let number = index[stream]?[sequence], payload.elementsEqual(broadcasts[number].payload) else {
        damaged += 1
        return
      }
      enter(number, by: node, now: simulation.now)
    case .event(let node, .lifecycle(.connected)):
      makeRoom(for: node)
      members[node].since = simulation.now
    case .event(let node, .gap(let origin, let first, let last, _)):
      gaps += 1
      makeRoom(for: node)
      members[node].gaps.append((origin, first...max(first, last)))
    case .event:
      break
    }
  }

  private func makeRoom(for node: Int) {
    while members.count <= node { members.append(Member()) }
  }

  private func enter(_ number: Int, by node: Int, now: Instant) {
    makeRoom(for: node)
    if members[node].delays.count <= number {
      let missing = broadcasts.count - members[node].delays.count
      members[node].delays.append(contentsOf: repeatElement(0, count: missing))
    }
    guard members[node].delays[number] == 0 else {
      duplicates += 1
      return
    }
    let units = now.since(broadcasts[number].time) / Self.unit
    members[node].delays[number] = UInt32(clamping: units + 1)
  }
}

// Questions.
extension Ledger {
  /// Every delivery that counts: one for each message and each node that was a member when it was sent, if the
  /// message has a chance: its origin is still there, or any member has it.
  ///
  /// - Parameter body: Told the message's level and time, the delay in nanoseconds or nil when there was no
  ///   delivery, and whether the node reported the message as lost.
  private func forEachDelivery(
    in simulation: Simulation, _ body: (DeliveryLevel, Instant, Nanoseconds?, Bool) -> Void
  ) {
    let present = members.indices.filter { members[$0].since != nil }
    let identities = present.map { simulation.identity(of: $0) }
    for (number, broadcast) in broadcasts.enumerated() {
      let isOriginThere =
        simulation.identity(of: broadcast.process) == broadcast.origin
        && simulation.lifecycle(of: broadcast.process) == .connected
      guard isOriginThere || present.contains(where: { delay(of: number, at: $0) != nil }) else { continue }
      for (member, identity) in zip(present, identities) where identity != broadcast.origin {
        guard let since = members[member].since, since <= broadcast.time else { continue }
        let delay = delay(of: number, at: member)
        body(broadcast.level, broadcast.time, delay, delay == nil && isReported(broadcast, by: member))
      }
    }
  }

  private func delay(of number: Int, at member: Int) -> Nanoseconds? {
    guard number < members[member].delays.count, members[member].delays[number] > 0 else { return nil }
    return Nanoseconds(members[member].delays[number] - 1) * Self.unit
  }

  private func isReported(_ broadcast: Broadcast, by member: Int) -> Bool {
    members[member].gaps.contains {
      $0.origin == broadcast.origin && $0.range.contains(broadcast.sequence)
    }
  }

  /// How the reliable level fares.
  func report(_ simulation: Simulation) -> ReliabilityReport {
    var report = ReliabilityReport()
    report.broadcasts = broadcasts.count
    report.duplicates = duplicates
    report.damaged = damaged
    report.gaps = gaps
    // Best effort promises nothing but that no message is delivered twice or damaged.
    forEachDelivery(in: simulation) { level, _, delay, isReported in
      guard level == .reliable else { return }
      report.expected += 1
      if delay != nil { report.delivered += 1 } else if isReported { report.reported += 1 }
    }
    report.events = simulation.eventCount
    report.trace = simulation.trace
    return report
  }

  /// When deliveries of any level took place after their broadcast, in order, and how many should have.
  func delays(_ simulation: Simulation) -> (sorted: [Nanoseconds], expected: Int) {
    var sorted: [Nanoseconds] = []
    var expected = 0
    forEachDelivery(in: simulation) { _, _, delay, _ in
      expected += 1
      if let delay { sorted.append(delay) }
    }
    sorted.sort()
    return (sorted, expected)
  }

  /// When the last delivery of the reliable level took place.
  private func lastDelivery(in simulation: Simulation) -> Instant {
    var last = Instant()
    forEachDelivery(in: simulation) { level, time, delay, _ in
      if level == .reliable, let delay { last = max(last, time + delay) }
    }
    return last
  }

  /// The number of processes that are members.
  var memberCount: Int { members.count { $0.since != nil } }

  /// Runs a simulation beyond the end of the faults, until all that is promised was delivered or patience ends,
  /// and ten seconds more, in which whatever is delivered twice would be.
  ///
  /// - Parameters:
  ///   - end: The second in which the faults end.
  ///   - patience: Seconds to wait for repair.
  ///   - progress: Told each simulated second.
  func runUntilRepaired(
    _ simulation: Simulation, end: Int, patience: Int, progress: (Int) -> Void
  ) -> ReliabilityReport {
    var second = 0
    var repaired: Double?
    func run(to second: Int) {
      simulation.run(until: Instant(nanoseconds: UInt64(second) * 1_000_000_000))
    }
    while second < end + patience, repaired == nil {
      second += 1
      run(to: second)
      progress(second)
      guard second > end + 1 else { continue }
      let report = report(simulation)
      guard report.isComplete else { continue }
      let last = lastDelivery(in: simulation)
      let wait = Double(last.since(Instant(nanoseconds: UInt64(end) * 1_000_000_000))) / 1e9
      // When a gap was reported is only known to the second.
      repaired = report.reported > 0 ? Double(second - end) : wait
    }
    run(to: second + 10)
    var report = report(simulation)
    report.secondsToRepair = repaired
    return report
  }
}
