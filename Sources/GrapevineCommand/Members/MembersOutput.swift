// What `grapevine members` prints: the table, then changes; or lines as they come.

import GrapevineConsole
import GrapevineCore
import GrapevineTransport

/// Prints the lines of an answer.
final class MembersOutput {
  private let filter: MemberFilter
  private let isJSON: Bool
  private var members: [MemberRecord] = []
  /// Whether the list has come to its end.
  private(set) var hasList = false

  init(_ filter: MemberFilter, isJSON: Bool) {
    self.filter = filter
    self.isJSON = isJSON
  }

  /// Prints what a line says, if it is to be shown.
  ///
  /// - Returns: False when nobody reads the output any more.
  /// - Throws: `ControlFailure` when the line is an error or no line of an agent.
  func take(_ line: [UInt8]) throws(ControlFailure) -> Bool {
    let value: JSONValue
    do {
      value = try JSONReader.read(line[...])
    } catch {
      throw ControlFailure("what answers is no agent: it sent what is \(error)")
    }
    switch MemberLine(value) {
    case .error(let reason):
      throw ControlFailure("the agent says: \(Terminal.printable(reason))")
    case .member(let member):
      guard filter.accepts(member) else { return true }
      if !isJSON { members.append(member) }
      return isJSON ? write(line) : true
    case .end(let counts, let localHealth):
      hasList = true
      guard !isJSON else { return write(line) }
      let now = MonotonicClock.now().nanoseconds
      defer { members = [] }
      return write(Self.table(members, counts: counts, localHealth: localHealth, now: now))
    case .change(let change, let member):
      guard filter.accepts(member) else { return true }
      guard !isJSON else { return write(line) }
      return write(WallClock.text() + "  " + Self.text(change, member) + "\n")
    case nil:
      // A later agent may say more.
      return isJSON ? write(line) : true
    }
  }

  private func write(_ line: [UInt8]) -> Bool { Standard.write(line + [UInt8(ascii: "\n")], to: 1) }
  private func write(_ text: String) -> Bool { Standard.write(Array(text.utf8), to: 1) }

  /// The table with a line of counts below it.
  static func table(
    _ members: [MemberRecord], counts: [(status: String, count: UInt64)], localHealth: UInt64, now: UInt64
  ) -> String {
    let columns = TextColumns(
      header: ["", "NAME", "ADDRESS", "STATUS", "INCARNATION", "TAGS", "SINCE"],
      widths: [1, 64, 64, 8, 11, 48, 8])
    let rows = members.map { member in
      [
        member.isSelf ? "*" : "", Terminal.printable(member.name ?? "-"), Terminal.printable(member.address),
        Terminal.printable(member.status), "\(member.incarnation)",
        member.tags.isEmpty ? "-" : Tags.text(member.tags, separator: " "), member.age(at: now),
      ]
    }
    let numbers = counts.filter { $0.count > 0 || $0.status == "alive" }.map { "\($0.count) \($0.status)" }
    return columns.text(rows) + numbers.joined(separator: ", ") + "; local health \(localHealth)\n"
  }

  /// What became of a member.
  static func text(_ change: String, _ member: MemberRecord) -> String {
    MemberReport.text(
      change: change, name: member.name, address: member.address, incarnation: member.incarnation,
      tags: member.tags)
  }
}
