// What an agent's control socket does for `grapevine send` and `grapevine ask`.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineTransport

extension ControlRequest {
  /// The requests about messages and questions. Docs/operations.md describes them.
  static func talk(of node: GossipNode) -> [ControlRequest] {
    [send(node), broadcast(node), ask(node)]
  }

  private static func send(_ node: GossipNode) -> ControlRequest {
    .ofBytes(
      "send", usage: TalkWords.sendUsage,
      valueLength: { words in try TalkWords(send: words).checkedLength(limit: node.directLimit) },
      answer: { call, answer in
        let words = try TalkWords(send: call.words)
        let member = try await member(words.members[0], of: node)
        try await reporting {
          try await node.send(call.value, to: member.id)
          try await answer.post { writer in
            writer.object { object in
              object.field("end", true)
              MemberReport.names(of: member, &object)
            }
          }
        }
      })
  }

  private static func broadcast(_ node: GossipNode) -> ControlRequest {
    .ofBytes(
      "broadcast", usage: TalkWords.broadcastUsage,
      valueLength: { words in
        try TalkWords(broadcast: words).checkedLength(limit: max(node.payloadLimit, node.largeLimit))
      },
      answer: { call, answer in
        let words = try TalkWords(broadcast: call.words)
        try await reporting {
          guard let time = words.time else {
            if words.topic.isEmpty, words.order == .unordered {
              try await node.broadcast(call.value)
            } else {
              try await node.broadcast(call.value, topic: words.topic, order: words.order)
            }
            return try await answer.post { $0.object { $0.field("end", true) } }
          }
          try await count(call.value, for: time, node, answer)
        }
      })
  }

  /// Broadcasts, and tells how many members have the message until all have it or the time is over.
  private static func count(
    _ payload: [UInt8], for time: Duration, _ node: GossipNode, _ answer: ControlAnswer
  ) async throws {
    let counts = try await node.broadcastCounting(payload, within: time)
    var last = 0
    let others = await node.members.counts.others
    await withTaskGroup { group in
      group.addTask {
        var last = 0
        for await count in counts {
          last = count
          try? await answer.post { writer in
            writer.object { object in
              object.field("event", "receipts")
              object.field("count", count)
              object.field("members", others)
            }
          }
          // On the way there it may be too great for a moment, while members change the neighbour they report to.
          if count == others { break }
        }
        return last
      }
      group.addTask {
        try? await Task.sleep(for: time)
        return -1
      }
      for await result in group {
        last = max(last, result)
        group.cancelAll()
      }
    }
    try await answer.post { writer in
      writer.object { object in
        object.field("end", true)
        object.field("count", last)
        object.field("members", others)
      }
    }
  }

  private static func ask(_ node: GossipNode) -> ControlRequest {
    .ofBytes(
      "ask", usage: TalkWords.askUsage,
      valueLength: { words in
        let words = try TalkWords(ask: words)
        return try words.checkedLength(limit: words.members.isEmpty ? node.questionLimit : node.directLimit)
      },
      answer: { call, answer in
        let words = try TalkWords(ask: call.words)
        var audience = Audience.all
        if let tag = words.tag { audience = .tagged(key: tag.key, value: tag.value) }
        if !words.members.isEmpty {
          var ids: [StableID] = []
          for name in words.members { ids.append(try await member(name, of: node).id) }
          audience = .members(ids)
        }
        try await reporting {
          let answers = try await node.ask(call.value, of: audience, within: words.time ?? .seconds(5))
          var count = 0
          for await reply in answers {
            count += 1
            let member = await node.members.member(reply.sender)
            try await answer.send { writer in
              writer.object { object in
                if let member { MemberReport.names(of: member, &object) }
                object.field("member", reply.run.description)
                reply.payload.withUnsafeBytes { object.field("payload", payload: $0) }
              }
            }
          }
          try await answer.post { writer in
            writer.object { object in
              object.field("end", true)
              object.field("answers", count)
              object.field("expected", answers.expected)
            }
          }
        }
      })
  }

  /// The living member of a name or at an address.
  private static func member(_ name: String, of node: GossipNode) async throws -> Member {
    guard let member = await node.members.member(named: name), member.isLiving else {
      throw ControlFailure(
        "no living member is called \(quoted(name)), or is at that address: `grapevine members` lists them")
    }
    return member
  }

  /// Says in words what went wrong.
  private static func reporting(_ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as DirectError {
      throw ControlFailure(text(of: error))
    } catch let error as DirectFailure {
      throw ControlFailure(
        error == .gone
          ? "the member has failed, left or been started again"
          : "the member did not confirm it in time; it may have got it")
    } catch let error as BroadcastError {
      throw ControlFailure(text(of: error))
    }
  }

  private static func text(of error: BroadcastError) -> String {
    switch error {
    case .notConnected: text(of: DirectError.notConnected)
    case .wouldBlock: "the agent has no memory for it now: try again later"
    case .tooLarge(let limit): "it has more than \(limit) bytes: send it in parts"
    case .empty: "there is nothing to send"
    case .unordered: "messages of the best-effort level have no order"
    case .topicTooLong: "a topic has at most 255 bytes"
    }
  }

  private static func text(of error: DirectError) -> String {
    switch error {
    case .notConnected: "the agent is not a member of a cluster, or is leaving it"
    case .disabled: "the agent keeps no list of members"
    case .unknownMember: "this node itself or nobody living is meant"
    case .wouldBlock: "too much waits for being confirmed: try again later"
    case .tooLarge(let limit): "it has more than \(limit) bytes"
    case .notOpen: "the question is not open any more"
    }
  }
}

extension MemberCounts {
  /// The members that are there, besides this one.
  var others: Int { max(0, alive + suspect - 1) }
}

extension MemberReport {
  /// What a member is called, and where it is.
  static func names(of member: Member, _ object: inout JSONWriter) {
    if let name = member.name { object.field("name", name) }
    object.field("address", member.endpoint.text)
  }
}
