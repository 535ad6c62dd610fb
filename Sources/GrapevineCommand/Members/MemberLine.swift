// A line of an agent's answer, as far as `grapevine members` needs it.

import GrapevineConsole

/// What a line of the control protocol says.
enum MemberLine {
  case member(MemberRecord)
  /// The end of the list: how many there are of each status, and the agent's local health.
  case end(counts: [(status: String, count: UInt64)], localHealth: UInt64)
  /// Something became of a member.
  case change(String, MemberRecord)
  case error(String)

  /// Reads a line; nil for one that says something else.
  init?(_ value: JSONValue) {
    if let error = value["error"]?.text {
      self = .error(error)
    } else if value["end"] == .bool(true) {
      let counts = MemberRecord.statuses.map { ($0, value["counts"]?[$0]?.count ?? 0) }
      self = .end(counts: counts, localHealth: value["localHealth"]?.count ?? 0)
    } else if let member = MemberRecord(value) {
      guard value["event"] != nil else {
        self = .member(member)
        return
      }
      guard value["event"]?.text == "member", let change = value["change"]?.text else { return nil }
      self = .change(change, member)
    } else {
      return nil
    }
  }
}

/// A member as an agent tells of it.
struct MemberRecord: Equatable {
  var name: String?
  var address: String
  var status: String
  var incarnation: UInt64
  var tags: [String: String]
  /// On the machine's monotonic clock, in nanoseconds.
  var since: UInt64
  var isSelf: Bool

  /// What may be thought of a member, in the order in which counts are shown.
  static let statuses = ["alive", "suspect", "failed", "left"]

  init?(_ value: JSONValue) {
    guard let address = value["address"]?.text, let status = value["status"]?.text else { return nil }
    name = value["name"]?.text
    self.address = address
    self.status = status
    incarnation = value["incarnation"]?.count ?? 0
    if case .object(let fields)? = value["tags"] {
      tags = fields.compactMapValues(\.text)
    } else {
      tags = [:]
    }
    since = value["since"]?.count ?? 0
    isSelf = value["self"] == .bool(true)
  }

  /// How long its status is what it is, in one unit.
  func age(at now: UInt64) -> String {
    let seconds = (now - min(now, since)) / 1_000_000_000
    switch seconds {
    case ..<120: return "\(seconds) s"
    case ..<7_200: return "\(seconds / 60) min"
    case ..<172_800: return "\(seconds / 3_600) h"
    default: return "\(seconds / 86_400) d"
    }
  }
}

/// Which members are to be shown.
struct MemberFilter: Equatable {
  /// Tags that a member must have; nil for any value.
  var tags: [(key: String, value: String?)] = []
  /// What must be thought of it; empty for anything.
  var statuses: Set<String> = []

  func accepts(_ member: MemberRecord) -> Bool {
    guard statuses.isEmpty || statuses.contains(member.status) else { return false }
    return tags.allSatisfy { key, value in
      guard let found = member.tags[key] else { return false }
      return value == nil || value == found
    }
  }

  static func == (left: MemberFilter, right: MemberFilter) -> Bool {
    left.statuses == right.statuses && left.tags.elementsEqual(right.tags) { $0 == $1 }
  }
}
