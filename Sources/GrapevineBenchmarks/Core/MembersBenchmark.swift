// What the list of members is worth among real processes: how soon all know all, how soon a crash is known,
// and whether anybody is accused who lives.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

enum MembersBenchmark {
  private static let nodes = 64
  /// Which are harmed; not the first, through which all others join.
  private static let killed = 21
  private static let stopped = 42
  /// Seconds for which one is stopped, and for which it is listened to afterwards.
  private static let pause = 5.0
  private static let aftermath = 15.0

  static func report(into report: inout Report) throws {
    report.title("\(nodes) agents on this machine, one killed and one stopped (`grapevine agent`)")
    let cluster = try AgentCluster(nodes)
    try allSeeAll(cluster, into: &report)
    let killedAt = try failure(cluster, into: &report)
    let stoppedAt = try pause(cluster, into: &report)
    let accusations = cluster.changes.filter { change in
      guard change.kind == "failed" else { return false }
      switch change.subject {
      case killed: return change.at < killedAt
      case stopped: return change.at < stoppedAt
      default: return true
      }
    }
    report.add(
      Row(
        "core.members\(nodes).innocent", [Double(accusations.count)], "events", reach: .atMost(0),
        note: "`failed` by anybody about members that were neither killed nor stopped"))
  }

  private static func allSeeAll(_ cluster: AgentCluster, into report: inout Report) throws {
    var seen = Array(repeating: Set<Int>(), count: nodes)
    var missing = nodes * (nodes - 1)
    var last: UInt64 = 0
    var position = 0
    let isComplete = try cluster.read(for: 10) {
      for change in cluster.changes[position...]
      where change.kind == "joined" && change.subject != change.reporter {
        guard seen[change.reporter].insert(change.subject).inserted else { continue }
        missing -= 1
        last = max(last, change.at)
      }
      position = cluster.changes.count
      return missing == 0
    }
    report.add(
      Row(
        "core.members\(nodes).allSeeAll", isComplete ? [seconds(from: cluster.startedAt, to: last)] : [], "s",
        reach: .atMost(2),
        note: isComplete
          ? "from the first listening, through the start of \(nodes - 1) processes, to the last `joined`"
          : "after 10 s, \(missing) of \(nodes * (nodes - 1)) `joined` were missing"))
  }

  /// Kills one; returns when.
  private static func failure(_ cluster: AgentCluster, into report: inout Report) throws -> UInt64 {
    let rules = Configuration().membership ?? MembershipRules()
    let period = rules.probeInterval / .seconds(1)
    let suspicion = period * max(1, Double(rules.suspicionFactor) * log10(Double(nodes)))
    let bound = 2 * period + suspicion + 1.5
    let at = cluster.crash(killed)
    var reports: [Int: UInt64] = [:]
    var position = cluster.changes.count
    let isComplete = try cluster.read(for: bound + 3) {
      for change in cluster.changes[position...]
      where change.kind == "failed" && change.subject == killed && change.at >= at {
        if reports[change.reporter] == nil { reports[change.reporter] = change.at }
      }
      position = cluster.changes.count
      return reports.count == nodes - 1
    }
    let first = Row.text(seconds(from: at, to: reports.values.min() ?? at))
    let silent = "\(nodes - 1 - reports.count) did not in \(Row.text(bound + 3)) s"
    let outcome = isComplete ? "the first after \(first) s" : silent
    report.add(
      Row(
        "core.members\(nodes).killed",
        isComplete ? [seconds(from: at, to: reports.values.max() ?? at)] : [], "s", reach: .atMost(bound),
        note: "until the last says `failed`, \(outcome); reach: 2 periods until it is probed"
          + " + \(rules.suspicionFactor) log10(\(nodes)) periods of suspicion + 1.5 s to spread"))
    return at
  }

  /// Stops one and lets it go on; returns when it was stopped.
  private static func pause(_ cluster: AgentCluster, into report: inout Report) throws -> UInt64 {
    let stoppedAt = cluster.send(SIGSTOP, to: stopped)
    _ = try cluster.read(for: pause) { false }
    let continuedAt = cluster.send(SIGCONT, to: stopped)
    _ = try cluster.read(for: aftermath) { false }
    let end = continuedAt + UInt64(aftermath * 1e9)
    let accusations = cluster.changes.filter {
      $0.reporter == stopped && $0.subject != killed && $0.subject != stopped
        && ($0.kind == "suspected" || $0.kind == "failed") && $0.at >= continuedAt && $0.at <= end
    }
    // Shows that it was missed while it was stopped and is heard again: without that, zero would say nothing.
    func said(_ kind: String) -> Int {
      Set(
        cluster.changes.lazy.filter { $0.subject == stopped && $0.at >= stoppedAt && $0.kind == kind }
          .map(\.reporter)
      ).count
    }
    report.add(
      Row(
        "core.members\(nodes).stopped", [Double(accusations.count)], "events", reach: .atMost(0),
        note: "`suspected` and `failed` about the living by one that was stopped for \(Row.text(pause)) s,"
          + " in the \(Row.text(aftermath)) s after; \(said("suspected")) suspected it,"
          + " \(said("recovered")) took it back, \(said("failed")) said `failed`"))
    return stoppedAt
  }

  private static func seconds(from start: UInt64, to end: UInt64) -> Double {
    Double(Int64(end) - Int64(start)) / 1e9
  }
}
