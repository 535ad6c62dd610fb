// A run that somebody wrote down in a text file: what happens when, and what must come of it.

import GrapevineCore

/// A scenario: a cluster, its network, what happens to them in virtual time and what is expected.
///
/// The grammar is that of `Directive.all`; `Docs/simulator.md` explains it.
public struct Scenario: Sendable {
  /// The file it was read from, as it was named.
  public let name: String
  /// Processes in the cluster, 2 to `nodesLimit`.
  public var nodes: Int
  /// What the nodes are created with.
  public var configuration: Configuration
  /// The network at the start.
  public var network = NetworkModel()
  /// When the faults end, after which everything must be repaired.
  public internal(set) var end: Duration

  /// How far the clocks of the processes are from virtual time and from each other.
  var skew: ClockSkew?
  var steps: [ScenarioStep] = []
  var expectations: [ScenarioExpectation] = []

  /// The greatest length of a scenario's file, and of those that it names, in bytes.
  public static let bytesLimit = TextLines.bytesLimit
  /// The greatest number of processes.
  public static let nodesLimit = 100_000
  /// The greatest number of messages of one scenario.
  public static let messagesLimit = 100_000
  /// The greatest number of messages times processes: each takes four bytes of the ledger.
  public static let deliveriesLimit = 200_000_000
  /// The greatest number of steps of one scenario.
  public static let stepsLimit = 1_000
  /// How long a run goes on after the faults end when not everything is repaired.
  public static let patience = Duration.seconds(240)

  /// Messages that are broadcast.
  public var messages: Int {
    steps.reduce(0) { total, step in
      if case .broadcast(let plan) = step.action { total + plan.count } else { total }
    }
  }
}

/// Clocks that run at rates of their own and are not at the same time.
struct ClockSkew: Sendable {
  /// Each process' clock gains or loses up to so much.
  var partsPerMillion: Int
  /// Each process' clock is ahead of virtual time by up to so much.
  var offset: Nanoseconds
}

/// Something that happens at a moment, or at random moments of an interval.
struct ScenarioStep: Sendable {
  /// The line that says so.
  var line: Int
  var from: Nanoseconds
  var until: Nanoseconds
  var action: ScenarioAction

  /// When nothing of it is still to happen; nil for a partition that nobody ends.
  var over: Nanoseconds? {
    switch action {
    case .broadcast(let plan): until + plan.duration
    case .pause(_, let duration), .block(_, let duration): until + duration
    case .crash(_, let duration), .deafen(_, _, let duration): until + (duration ?? 0)
    case .partition(_, _, let duration): duration.map { until + $0 }
    case .join, .heal, .restart, .leave, .network: until
    }
  }
}

/// What happens in a step.
enum ScenarioAction: Sendable {
  /// Processes start and join; nil for all that are not started by others.
  case join(Amount?)
  case broadcast(BroadcastPlan)
  /// The network splits into groups, until it heals.
  case partition(groups: Int, isOneWay: Bool, duration: Nanoseconds?)
  case heal
  /// Processes end without a word, and start again after a while when there is a duration.
  case crash(Amount, duration: Nanoseconds?)
  /// Processes that crashed start again.
  case restart(Amount)
  case leave(Amount)
  case pause(Amount, Nanoseconds)
  case block(Amount, Nanoseconds)
  /// Processes lose a share of what arrives, for a while when there is a duration.
  case deafen(Amount, loss: Double, duration: Nanoseconds?)
  case network(NetworkChange)
}

/// Messages at equal distances.
struct BroadcastPlan: Sendable {
  var count: Int
  var senders: Int
  var duration: Nanoseconds
  var sizes: ClosedRange<Int>
  var level: DeliveryLevel
}

/// A change of the network.
typealias NetworkChange = @Sendable (inout NetworkModel) -> Void

/// What must come of a run.
struct ScenarioExpectation: Sendable {
  enum Measure: Sendable {
    /// The share of the promised deliveries that took place.
    case delivered
    /// Messages delivered more than once by a node.
    case duplicates
    /// Messages delivered with bytes that nobody sent.
    case damaged
    /// Gaps that nodes reported.
    case gaps
    /// The share of the deliveries that took place within a time.
    case reach
    /// Time from the end of the faults until everything was delivered.
    case repaired
    /// Copies received for one delivery.
    case copies
    /// Time from the end of the faults until every member took exactly the members to be alive.
    case members
    /// Times that a member took another one, which ran, to have failed.
    case flaps
  }

  var measure: Measure
  /// At least this share, or at most this number.
  var limit: Double
  var time: Nanoseconds = 0

  /// What is expected when a scenario does not say: what the reliable level promises.
  static let standard = [
    Self(measure: .delivered, limit: 1), Self(measure: .duplicates, limit: 0),
    Self(measure: .damaged, limit: 0),
  ]
}
