// Members as people read them.

import GrapevineCore
import GrapevineTransport

extension Member {
  /// Its name, or its address as text when it has none.
  public var label: String { name ?? endpoint.text }

  /// Whether it is taken to be there: it answers, or is only suspected not to.
  public var isLiving: Bool { status == .alive || status == .suspect }

  /// The members by label, and those of equal labels by id.
  static func sorted(_ members: [Member]) -> [Member] {
    // Each label is made once: the text of an address costs more than comparing it.
    let labelled: [(label: String, member: Member)] = members.map { ($0.label, $0) }
    let ordered = labelled.sorted { left, right in
      if left.label != right.label { return left.label < right.label }
      return left.member.id < right.member.id
    }
    return ordered.map { $0.member }
  }
}
