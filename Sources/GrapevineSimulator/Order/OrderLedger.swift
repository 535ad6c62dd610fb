// Who sent and delivered what, and what had to come before it, by full vector clocks.

import GrapevineCore

/// The account of a run, against which order is checked.
///
/// A vector clock has one number for each run of a node: how many of its causal messages are in the past (Fidge, ACSC
/// 1988; Mattern, 1989). A message is late when the clock of one that was delivered before it counts it already.
final class OrderLedger {
  typealias Clock = [UInt32]

  /// A message that was broadcast.
  struct Sent {
    var run: Int
    var sequence: UInt64
    var topic: Int
    var order: MessageOrder
    var time: Instant
    /// Whether it is longer than a datagram.
    var isLarge = false
    /// Its past and itself; empty unless it is causal.
    var clock: Clock = []
  }

  /// A delivery that came too late.
  struct Late {
    var message: Int
    var time: Instant
    var isCausal: Bool
  }

  /// A run of a node: what it has seen.
  struct Run {
    var process: Int
    var identity: MemberID
    var connectedAt: Instant?
    /// What it is told of, by topic: since when; nil when it is not.
    var heard: [Instant?]
    var clock: Clock = []
    /// By the run and the topic of the sender: the number of the last ordered message delivered.
    var last: [Int: UInt64] = [:]
    /// What was delivered, and as the how manieth.
    var delivered: [Int: Int] = [:]
    var late: [Late] = []
    /// What it reported: the message that went on, the one that it did not wait for, and when.
    var gaps: [(origin: MemberID, sequence: UInt64, missing: MemberID, missed: UInt64, time: Instant)] = []
    /// What repair gave up.
    var lost: [(origin: MemberID, range: ClosedRange<UInt64>, time: Instant)] = []
  }

  /// Time after joining in which what all have forgotten is history to a node, and no loss: it need not deliver it.
  static let newcomerPeriod: Nanoseconds = 5_000_000_000

  var log: ((String) -> Void)?
  private(set) var failures: [String] = []
  private(set) var sent: [Sent] = []
  private(set) var runs: [Run] = []
  private(set) var vectorBytes: UInt64 = 0
  private(set) var deliveries = 0
  private(set) var longestDelay: Nanoseconds = 0
  private var byName: [MemberID: [UInt64: Int]] = [:]
  /// The run in each process.
  private var present: [Int: Int] = [:]

  func fail(_ text: String) {
    log?("FAILED: \(text)")
    if failures.count < 10 { failures.append(text) }
  }

  /// A node starts in a process.
  func start(_ process: Int, _ identity: MemberID, topics: Int) {
    present[process] = runs.count
    // The last place is that of messages without a topic, which everybody hears.
    var heard = [Instant?](repeating: nil, count: topics + 1)
    heard[topics] = Instant()
    runs.append(Run(process: process, identity: identity, heard: heard))
  }

  /// The node of a process is gone.
  func end(_ process: Int) { present[process] = nil }

  func run(of process: Int) -> Int? { present[process] }

  func didConnect(_ process: Int, at time: Instant) {
    guard let run = present[process], runs[run].connectedAt == nil else { return }
    runs[run].connectedAt = time
  }

  func hear(_ topic: Int, at process: Int, since time: Instant?) {
    guard let run = present[process] else { return }
    runs[run].heard[topic] = time
  }

  func isHeard(_ topic: Int, at process: Int) -> Bool {
    present[process].map { runs[$0].heard[topic] != nil } ?? false
  }

  private static func value(_ clock: Clock, _ run: Int) -> UInt32 { run < clock.count ? clock[run] : 0 }

  private static func merge(_ clock: inout Clock, _ other: Clock) {
    if clock.count < other.count {
      clock.append(contentsOf: repeatElement(0, count: other.count - clock.count))
    }
    for (run, value) in other.enumerated() where clock[run] < value { clock[run] = value }
  }

  /// A message was broadcast.
  ///
  /// - Parameters:
  ///   - ahead: How many messages its node sent ahead of it, with its dependencies.
  ///   - members: How many members run, for whom a vector clock would have numbers.
  func didSend(
    _ sequence: UInt64, ahead: UInt64, topic: Int, order: MessageOrder, isLarge: Bool = false,
    from process: Int, members: Int, at time: Instant
  ) {
    guard let run = present[process] else { return }
    let identity = runs[run].identity
    func enter(_ sequence: UInt64) {
      var message = Sent(run: run, sequence: sequence, topic: topic, order: order, time: time)
      if order == .causal {
        if runs[run].clock.count <= run {
          runs[run].clock.append(contentsOf: repeatElement(0, count: run + 1 - runs[run].clock.count))
        }
        runs[run].clock[run] += 1
        message.clock = runs[run].clock
      }
      byName[identity, default: [:]][sequence] = sent.count
      sent.append(message)
    }
    for step in 0..<ahead {
      enter(sequence - ahead + step)
      // Nobody delivers it.
      sent[sent.count - 1].topic = -1
    }
    enter(sequence)
    sent[sent.count - 1].isLarge = isLarge
    log?("\(process) sends \(sequence) in \(topic), \(order): \(identity)")
    guard order == .causal else { return }
    let numbers = runs[run].clock.sorted(by: >).prefix(members)
    for index in 0..<members {
      let value = index < numbers.count ? numbers[index] : 0
      vectorBytes += 8 + (value < 1 << 7 ? 1 : value < 1 << 14 ? 2 : 3)
    }
  }

  /// A node delivered a message.
  ///
  /// - Returns: Which one, so that it can be answered.
  @discardableResult
  func didDeliver(_ origin: MemberID, _ sequence: UInt64, at process: Int, time: Instant) -> Int? {
    deliveries += 1
    guard let number = byName[origin]?[sequence], let run = present[process] else {
      fail("\(process) delivered \(sequence) of \(origin), which nobody sent")
      return nil
    }
    let message = sent[number]
    longestDelay = max(longestDelay, time.since(message.time))
    guard runs[run].delivered.updateValue(runs[run].delivered.count, forKey: number) == nil else {
      fail("\(process) delivered \(sequence) of \(origin) twice")
      return nil
    }
    guard message.topic >= 0, runs[run].heard[message.topic] != nil else {
      fail("\(process) delivered \(sequence) of \(origin) in topic \(message.topic), which it does not hear")
      return nil
    }
    guard message.order != .unordered else { return number }
    let stream = message.run * 64 + message.topic
    if sequence < runs[run].last[stream, default: 0] {
      runs[run].late.append(Late(message: number, time: time, isCausal: false))
    } else {
      runs[run].last[stream] = sequence
    }
    if message.order == .causal {
      if Self.value(runs[run].clock, message.run) >= Self.value(message.clock, message.run) {
        runs[run].late.append(Late(message: number, time: time, isCausal: true))
      }
      Self.merge(&runs[run].clock, message.clock)
    }
    return number
  }

  func didReport(_ event: Event, at process: Int, time: Instant) {
    guard let run = present[process] else { return }
    switch event {
    case .lifecycle(.connected): didConnect(process, at: time)
    case .orderGap(let origin, let sequence, let missing, let missed):
      log?("\(process) goes on with \(sequence) of \(origin) without \(missed) of \(missing)")
      runs[run].gaps.append((origin, sequence, missing, missed, time))
    case .gap(let origin, let first, let last, _):
      log?("\(process) gives up \(first) to \(last) of \(origin)")
      runs[run].lost.append((origin, first...max(first, last), time))
    default: break
    }
  }
}

// The verdict.
extension OrderLedger {
  /// Judges all late deliveries.
  ///
  /// - Returns: How many there were, all of them announced but for failures, and how many of these were of messages sent
  ///   before the node joined or soon after.
  func judge() -> (announced: Int, historic: Int) {
    var announced = 0
    var historic = 0
    for run in runs {
      for late in run.late {
        let message = sent[late.message]
        if isAnnounced(late, run) {
          announced += 1
          if isHistoric(message, run) { historic += 1 }
        } else {
          fail(
            "\(run.process) delivered \(message.sequence) of \(runs[message.run].identity) in "
              + "\(message.topic) at \(Double(late.time.nanoseconds) / 1e9) after what "
              + (late.isCausal ? "it came before" : "was sent after it") + culprit(late, run))
        }
      }
    }
    return (announced, historic)
  }

  /// Whether a message was sent before a node joined or while it was a newcomer.
  private func isHistoric(_ message: Sent, _ run: Run) -> Bool {
    run.connectedAt.map { message.time < $0 + Self.newcomerPeriod } ?? true
  }

  /// Deliveries of ordered messages.
  var judgedDeliveries: Int {
    runs.reduce(0) { sum, run in sum + run.delivered.keys.count { sent[$0].order != .unordered } }
  }

  /// The first message delivered that should have come after one that was late.
  private func culprit(_ late: Late, _ run: Run) -> String {
    let message = sent[late.message]
    let wrong = run.delivered.filter { number, _ in
      let other = sent[number]
      return number != late.message
        && (late.isCausal
          ? Self.value(other.clock, message.run) >= Self.value(message.clock, message.run)
          : other.run == message.run && other.topic == message.topic && other.order != .unordered
            && other.sequence > message.sequence)
    }
    guard let first = wrong.min(by: { $0.value < $1.value }) else { return "" }
    return ": \(sent[first.key].sequence) of \(runs[sent[first.key].run].identity)"
  }

  /// Whether a node had said that it did not wait for a message or for one that came after it.
  private func isAnnounced(_ late: Late, _ run: Run) -> Bool {
    let message = sent[late.message]
    let origin = runs[message.run].identity
    if !late.isCausal {
      // Of the messages of one origin only the first missing one is named.
      return run.gaps.contains {
        $0.time <= late.time && $0.origin == origin && $0.missing == origin
          && ($0.sequence > message.sequence || $0.missed == message.sequence)
      }
    }
    /// The newest causal message of an origin up to a number: what is missing stands for all before it.
    func newest(_ missing: MemberID, _ missed: UInt64) -> UInt64? {
      guard let numbers = byName[missing], missed > 0 else { return nil }
      return (1...missed).reversed().first { sequence in
        numbers[sequence].map { sent[$0].order == .causal } ?? false
      }
    }
    func follows(_ missing: MemberID, _ sequence: UInt64) -> Bool {
      guard let number = byName[missing]?[sequence] else { return false }
      return Self.value(sent[number].clock, message.run) >= Self.value(message.clock, message.run)
    }
    for gap in run.gaps where gap.time <= late.time {
      if let sequence = newest(gap.missing, gap.missed), follows(gap.missing, sequence) { return true }
      // Where all earlier ones of its own origin should have come first, only one of them is named.
      guard gap.missing == gap.origin, gap.missed < gap.sequence else { continue }
      for sequence in 1..<gap.sequence where byName[gap.origin]?[sequence] != nil {
        if follows(gap.origin, sequence) { return true }
      }
    }
    for gap in run.lost where gap.time <= late.time {
      for sequence in gap.range.prefix(4_096) where byName[gap.origin]?[sequence] != nil {
        if follows(gap.origin, sequence) { return true }
      }
    }
    return false
  }

  /// Whether every message was delivered to all that run, heard its topic and were members long enough when it was sent; of those
  /// messages whose origin still runs. Large ones do not count: their content is there for a limited time.
  ///
  /// - Returns: What is missing, or nil.
  func firstMissing() -> String? {
    let identities = Set(present.values.map { runs[$0].identity })
    for (number, message) in sent.enumerated() where message.topic >= 0 && !message.isLarge {
      let origin = runs[message.run].identity
      guard identities.contains(origin) else { continue }
      for run in present.values where run != message.run && runs[run].delivered[number] == nil {
        guard let since = runs[run].connectedAt, since + Self.newcomerPeriod <= message.time,
          let heard = runs[run].heard[message.topic], heard <= message.time,
          !runs[run].lost.contains(where: { $0.origin == origin && $0.range.contains(message.sequence) })
        else { continue }
        return "\(runs[run].process) lacks \(message.sequence) of \(origin)"
      }
    }
    return nil
  }
}
