// Members, asked of the core on the thread that steps it.

import GrapevineCore
import GrapevineTransport

extension NodeDriver {
  /// The node's name; nil when its address stands for it.
  var name: String? {
    guard let name = node.configuration.membership?.name, !name.isEmpty else { return nil }
    return name
  }

  /// This node among the members; nil while its address is not known, or without a list of members.
  var ownMember: Member? {
    let own = name.map { StableID(name: $0) } ?? advertised.map { StableID(address: $0) }
    if let own, let member = node.member(own), member.run == node.identity { return member }
    return node.members.first { $0.run == node.identity }
  }

  /// The member of the given name, or at the given address; of several the one that lives.
  func member(named text: String) -> Member? {
    if let member = node.member(StableID(name: text)), member.name == text { return member }
    guard let endpoint = try? Endpoint(text) else { return nil }
    let found = node.members.filter { $0.endpoint == endpoint }
    return found.first { $0.isLiving } ?? found.first
  }

  /// What an event says of a member, with all that is known of it; nil for events of other things.
  ///
  /// To be asked when the event is reported. Where the node already knows more than the event tells, the event's
  /// word counts, so that the events by themselves make up a consistent story.
  func memberEvent(of event: Event) -> MemberEvent? {
    guard case .member(let change, let id, let run, let endpoint) = event else { return nil }
    let known = node.member(id)
    var member: Member
    if let known, known.run == run {
      member = known
    } else {
      member = Member(
        id: id, run: run, endpoint: endpoint, name: known?.name, since: MonotonicClock.now())
    }
    if let status = change.status { member.status = status }
    return MemberEvent(change: change, member: member)
  }
}

extension MemberChange {
  /// What is thought of a member after the change; nil when that stays as it was.
  var status: MemberStatus? {
    switch self {
    case .joined, .recovered, .merged: .alive
    case .suspected: .suspect
    case .failed: .failed
    case .left: .left
    case .updated: nil
    }
  }
}
