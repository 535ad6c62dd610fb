// What an agent's control socket answers about its node.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineSecurity
import GrapevineTransport

extension ControlRequest {
  /// All requests, in the order in which errors list them. Docs/operations.md describes them.
  static func all(
    of node: GossipNode, tuples rules: TupleRules?, keys: ClusterKeys? = nil
  ) -> [ControlRequest] {
    [members(node), watch(node), tags(node), health(node)] + tuples(of: node, rules: rules)
      + talk(of: node) + [Self.keys(keys)]
  }

  private static func members(_ node: GossipNode) -> ControlRequest {
    ControlRequest(name: "members", usage: "members") { words, answer in
      try Self.check(words, of: "members")
      try await list(await node.members.all, of: node, answer)
    }
  }

  private static func watch(_ node: GossipNode) -> ControlRequest {
    ControlRequest(name: "watch", usage: "watch") { words, answer in
      try Self.check(words, of: "watch")
      let watch = await node.members.watch()
      try await list(watch.present, of: node, answer)
      for await event in watch.events {
        let at = MonotonicClock.now().nanoseconds
        try await answer.post { MemberReport.event(event, at: at, &$0) }
      }
    }
  }

  private static func tags(_ node: GossipNode) -> ControlRequest {
    ControlRequest(name: "tags", usage: "tags KEY=VALUE...") { words, answer in
      let tags = try Tags.parse(words)
      try await node.members.setTags(tags)
      try await answer.post { writer in
        writer.object { object in
          object.field("end", true)
          object.field("tags", tags)
        }
      }
    }
  }

  private static func health(_ node: GossipNode) -> ControlRequest {
    ControlRequest(name: "health", usage: "health") { words, answer in
      try Self.check(words, of: "health")
      let (health, lifecycle) = (await node.members.localHealth, await node.lifecycle)
      try await answer.post { writer in
        writer.object { object in
          object.field("end", true)
          object.field("member", node.identity.description)
          object.field("lifecycle", "\(lifecycle)")
          object.field("localHealth", health)
        }
      }
    }
  }

  /// Refuses words that the request has no use for.
  static func check(_ words: [String], of name: String) throws(ControlFailure) {
    guard let first = words.first else { return }
    throw ControlFailure("found \(quoted(first)) behind \(name), which stands alone")
  }

  /// The members and, as the end of the list, how many there are.
  private static func list(_ members: [Member], of node: GossipNode, _ answer: ControlAnswer) async throws {
    let health = await node.members.localHealth
    let counters = await node.statistics.core
    let own = node.identity
    try await answer.list(members) { member, writer in
      writer.object { object in
        MemberReport.fields(of: member, &object)
        if member.run == own { object.field("self", true) }
      }
    }
    try await answer.post { writer in
      writer.object { object in
        object.field("end", true)
        object.field("counts") { counts in
          for status in MemberStatus.allCases {
            counts.field("\(status)", members.count { $0.status == status })
          }
        }
        object.field("localHealth", health)
        object.field("refused", counters.membersRefused)
        object.field("forgotten", counters.membersForgotten)
        object.field("at", MonotonicClock.now().nanoseconds)
      }
    }
  }
}
