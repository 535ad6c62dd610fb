// A member in JSON, for the agent's output and its control socket alike, and in a line for people.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineTransport

/// How members are written.
enum MemberReport {
  /// Everything that is known of a member, as fields.
  static func fields(of member: Member, _ object: inout JSONWriter) {
    object.field("id", member.id.description)
    object.field("member", member.run.description)
    if let name = member.name { object.field("name", name) }
    object.field("address", member.endpoint.text)
    object.field("status", "\(member.status)")
    object.field("incarnation", member.incarnation)
    object.field("protocol", member.protocolVersion)
    object.field("tags", member.tags)
    object.field("since", member.since.nanoseconds)
  }

  /// What became of a member, as a line.
  static func event(_ event: MemberEvent, at: UInt64, _ output: inout JSONWriter) {
    output.object { object in
      object.field("event", "member")
      object.field("change", "\(event.change)")
      fields(of: event.member, &object)
      object.field("at", at)
    }
  }

  /// What became of a member, for people.
  static func text(_ event: MemberEvent) -> String {
    let member = event.member
    return text(
      change: "\(event.change)", name: member.name, address: member.endpoint.text,
      incarnation: UInt64(member.incarnation), tags: member.tags)
  }

  /// What became of a member, from its parts, which may hold what another member chose.
  static func text(
    change: String, name: String?, address: String, incarnation: UInt64, tags: [String: String]
  ) -> String {
    let who = name.map { "\($0) at \(address)" } ?? address
    var text = Terminal.printable("member \(change): \(who)")
    guard change == "joined" || change == "updated" else { return text }
    text += " (incarnation \(incarnation)"
    if !tags.isEmpty { text += "; " + Tags.text(tags, separator: ", ") }
    return text + ")"
  }
}
