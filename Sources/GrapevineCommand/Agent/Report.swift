// What an agent says, in JSON for programs and in text for people.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineTransport

/// The lines of an agent's output.
enum Report {
  private static var now: UInt64 { MonotonicClock.now().nanoseconds }

  static func listening(
    _ node: GossipNode, control: String?, _ isJSON: Bool, _ output: inout JSONWriter
  ) {
    guard isJSON else { return output.line("listening on \(node.localEndpoint.text)") }
    output.object {
      $0.field("event", "listening")
      $0.field("address", node.localEndpoint.text)
      $0.field("member", node.identity.description)
      if let control { $0.field("control", control) }
      $0.field("at", now)
    }
  }

  static func snapshot(_ recovery: SnapshotRecovery, _ output: inout JSONWriter) {
    output.object { object in
      object.field("event", "snapshot")
      switch recovery {
      case .none: object.field("outcome", "none")
      case .loaded(let members):
        object.field("outcome", "loaded")
        object.field("members", members)
      case .damaged(let reason, let setAside):
        object.field("outcome", "damaged")
        object.field("reason", reason)
        object.field("setAside", setAside)
      }
      object.field("at", now)
    }
  }

  /// What was in the store of tuples: how many there are now, and of how many records, which are also those of
  /// removed tuples.
  static func tuples(_ recovery: TupleRecovery, count: Int, _ output: inout JSONWriter) {
    output.object { object in
      object.field("event", "tuples")
      switch recovery {
      case .none: object.field("outcome", "none")
      case .loaded(let records, let refused):
        object.field("outcome", "loaded")
        object.field("tuples", count)
        object.field("records", records)
        object.field("refused", refused)
      case .damaged(let reason, let setAside):
        object.field("outcome", "damaged")
        object.field("reason", reason)
        object.field("setAside", setAside)
      }
      object.field("at", now)
    }
  }

  /// What became of the tuples of the last run, for people; nil when there were none.
  static func text(_ recovery: TupleRecovery, count: Int) -> String? {
    switch recovery {
    case .none: nil
    case .loaded(_, let refused):
      "\(count) tuples of the last run are remembered"
        + (refused > 0
          ? "; \(refused) were set aside: their time is over, or they are beyond this agent's limits" : "")
    case .damaged(let reason, let setAside):
      "grapevine agent: the tuples of the last run are lost here, since their file is damaged (\(reason)); "
        + "it is called \(setAside) now, and the other members have the tuples"
    }
  }

  static func delivery(_ message: Message, _ isJSON: Bool, _ output: inout JSONWriter) {
    guard isJSON else {
      let topic = message.topic.map { "[\(Terminal.printable($0))]  " } ?? ""
      return output.line(
        "\(message.sender.description.prefix(8))  \(topic)\(Terminal.printable(message.payload.text))")
    }
    output.object { object in
      object.field("event", "delivery")
      object.field("sender", message.sender.description)
      object.field("sequence", message.sequence)
      if let topic = message.topic { object.field("topic", topic) }
      if message.level == .bestEffort { object.field("level", "best-effort") }
      message.payload.withUnsafeBytes { object.field("payload", payload: $0) }
      object.field("at", now)
    }
  }

  static func direct(_ message: DirectMessage, _ isJSON: Bool, _ output: inout JSONWriter) {
    guard isJSON else {
      return output.line("\(message.run.description.prefix(8))  direct  \(Terminal.printable(message.text))")
    }
    output.object { object in
      object.field("event", "direct")
      object.field("sender", message.run.description)
      message.payload.withUnsafeBytes { object.field("payload", payload: $0) }
      object.field("at", now)
    }
  }

  /// A line that was taken; of one that is longer than a datagram only the length.
  static func broadcast(
    _ line: [UInt8], isLarge: Bool = false, sequence: UInt64, at: UInt64, _ output: inout JSONWriter
  ) {
    output.object { object in
      object.field("event", "broadcast")
      object.field("sequence", sequence)
      if isLarge {
        object.field("length", line.count)
      } else {
        line.withUnsafeBytes { object.field("text", payload: $0) }
      }
      object.field("at", at)
    }
  }

  static func refused(bytes: Int, limit: Int, _ output: inout JSONWriter) {
    output.object {
      $0.field("event", "rejected")
      $0.field("length", bytes)
      $0.field("limit", limit)
      $0.field("at", now)
    }
  }

  static func event(_ event: Event, _ output: inout JSONWriter) {
    output.object { object in
      switch event {
      case .lifecycle(let state):
        object.field("event", "lifecycle")
        object.field("state", "\(state)")
      case .neighbourUp(let member, let endpoint):
        object.field("event", "neighbourUp")
        object.field("member", member.description)
        object.field("address", endpoint.text)
      case .neighbourDown(let member, let endpoint, let loss):
        object.field("event", "neighbourDown")
        object.field("member", member.description)
        object.field("address", endpoint.text)
        object.field("reason", "\(loss)")
      case .joinFailed:
        object.field("event", "joinFailed")
      case .versionMismatch(let endpoint):
        object.field("event", "versionMismatch")
        object.field("address", endpoint.text)
      case .gap(let origin, let first, let last, let missing):
        object.field("event", "gap")
        object.field("sender", origin.description)
        object.field("first", first)
        object.field("last", last)
        object.field("missing", missing)
      case .orderGap(let origin, let sequence, let missing, let missingSequence):
        object.field("event", "orderGap")
        object.field("sender", origin.description)
        object.field("sequence", sequence)
        object.field("missingSender", missing.description)
        object.field("missing", missingSequence)
      case .member(let change, let member, let run, let endpoint):
        object.field("event", "member")
        object.field("change", "\(change)")
        object.field("id", member.description)
        object.field("member", run.description)
        object.field("address", endpoint.text)
      case .nameConflict(let endpoint):
        object.field("event", "nameConflict")
        object.field("address", endpoint.text)
      }
      object.field("at", now)
    }
  }

  /// The event for people; nil when it says nothing that the exit does not.
  static func text(_ event: Event) -> String? {
    switch event {
    case .lifecycle(let state): "\(state)"
    case .neighbourUp(let member, let endpoint):
      "neighbour up: \(member.description.prefix(8)) at \(endpoint.text)"
    case .neighbourDown(let member, let endpoint, let loss):
      "neighbour down: \(member.description.prefix(8)) at \(endpoint.text) (\(words(loss)))"
    case .joinFailed: nil
    case .versionMismatch(let endpoint):
      "\(endpoint.text) speaks another version of the protocol"
    case .gap(let origin, let first, let last, let missing):
      "gap: \(missing) messages of \(origin.description.prefix(8)) from \(first) to \(last) are lost"
    case .orderGap(let origin, let sequence, let missing, let missingSequence)
    where origin == missing && sequence == missingSequence:
      "order: what comes after large message \(sequence) of \(origin.description.prefix(8)) goes on without it"
    case .orderGap(let origin, let sequence, let missing, let missingSequence):
      "order: message \(sequence) of \(origin.description.prefix(8)) goes on without message \(missingSequence) of "
        + "\(missing.description.prefix(8))"
    case .member(let change, _, let run, let endpoint):
      "member \(change): \(run.description.prefix(8)) at \(endpoint.text)"
    case .nameConflict(let endpoint):
      "name conflict: the member at \(endpoint.text) has this one's name"
    }
  }

  private static func words(_ loss: LinkLoss) -> String {
    switch loss {
    case .timedOut: "timed out"
    case .closedByPeer: "said goodbye"
    case .closedHere: "closed here"
    case .replaced: "started anew"
    }
  }

  /// The counters of the core as fields, those of the transport as an object of their own.
  static func counters(_ statistics: GossipNode.Statistics, _ output: inout JSONWriter) {
    output.object { object in
      object.field("event", "counters")
      fields(of: statistics.core, &object)
      object.field("unread", statistics.unread)
      object.field("undecodable", statistics.undecodable)
      object.field("eventsLost", statistics.eventsLost)
      object.field("snapshotsWritten", statistics.snapshotsWritten)
      object.field("snapshotFailures", statistics.snapshotFailures)
      if let store = statistics.tupleStore {
        object.field("tupleStore") { TupleReport.fields(of: store, &$0) }
      }
      object.field("transport") { fields(of: statistics.transport, &$0) }
      if let layer = statistics.transport.layer { object.field("sealing") { fields(of: layer, &$0) } }
      if let streams = statistics.transport.streams {
        object.field("streams") { fields(of: streams, &$0) }
      }
      object.field("at", now)
    }
  }

  /// Every stored number of a structure, under its own name.
  private static func fields(of counters: Any, _ object: inout JSONWriter) {
    for case (let name?, let value) in Mirror(reflecting: counters).children {
      if let number = value as? UInt64 { object.field(name, number) }
      if let number = value as? Int { object.field(name, number) }
    }
  }
}
