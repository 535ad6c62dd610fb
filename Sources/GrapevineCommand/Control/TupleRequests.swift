// What an agent's control socket answers about tuples.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineTransport

extension ControlRequest {
  /// The requests about tuples. Docs/operations.md describes them.
  static func tuples(of node: GossipNode, rules: TupleRules?) -> [ControlRequest] {
    [
      tupleGet(node), tuplePut(node, valueLimit: rules?.valueLimit ?? 0), tupleRemove(node), tupleList(node),
      tupleWatch(node), tupleCount(node),
    ]
  }

  private static func tupleGet(_ node: GossipNode) -> ControlRequest {
    let usage = "tuple-get KEY"
    return .ofBytes("tuple-get", usage: usage) { call, answer in
      guard call.words.count == 1 else {
        throw ControlFailure("found \(call.words.count) words; it is \(usage)")
      }
      let tuple = await node.tuples.tuple(TupleKey(call.words[0]))
      // As a list, since a value may be longer than what else may wait for a client.
      try await answer.list(tuple.map { [$0] } ?? []) { tuple, writer in
        writer.object { TupleReport.fields(of: tuple, &$0) }
      }
      try await end(answer) { $0.field("found", tuple != nil) }
    }
  }

  private static func tuplePut(_ node: GossipNode, valueLimit: Int) -> ControlRequest {
    .ofBytes(
      "tuple-put", usage: TupleWrite.usage,
      valueLength: { words in
        let length = try TupleWrite(put: words).length
        guard length <= valueLimit else {
          throw TupleReport.failure(.valueTooLong(limit: valueLimit))
        }
        return length
      },
      answer: { call, answer in
        let write = try TupleWrite(put: call.words)
        try await reporting(answer) {
          let version = try await node.tuples.publish(
            write.key, call.value, lifetime: write.lifetime, if: write.condition,
            acknowledged: write.acknowledgement)
          try await end(answer) { $0.field("version", version.description) }
        }
      })
  }

  private static func tupleRemove(_ node: GossipNode) -> ControlRequest {
    .ofBytes("tuple-remove", usage: TupleWrite.removeUsage) { call, answer in
      let write = try TupleWrite(remove: call.words)
      try await reporting(answer) {
        let version = try await node.tuples.remove(
          write.key, if: write.condition, acknowledged: write.acknowledgement)
        try await end(answer) { object in
          object.field("found", version != nil)
          if let version { object.field("version", version.description) }
        }
      }
    }
  }

  private static func tupleList(_ node: GossipNode) -> ControlRequest {
    let usage = "tuple-list [PREFIX [keys]]"
    return .ofBytes("tuple-list", usage: usage) { call, answer in
      let onlyKeys = call.words.count == 2 && call.words[1].elementsEqual("keys".utf8)
      guard call.words.count < 2 || onlyKeys else {
        throw ControlFailure("found \(quoted(call.words[1])) behind the prefix; it is \(usage)")
      }
      let tuples = await node.tuples.all(prefix: TupleKey(call.words.first ?? []))
      // A page with values may be as long as one of them.
      try await answer.list(tuples, pageLines: onlyKeys ? ControlAnswer.pageLines : 1) { tuple, writer in
        writer.object { TupleReport.fields(of: tuple, hasValue: !onlyKeys, &$0) }
      }
      try await end(answer) { $0.field("count", tuples.count) }
    }
  }

  private static func tupleWatch(_ node: GossipNode) -> ControlRequest {
    .ofBytes("tuple-watch", usage: TupleScope.usage) { call, answer in
      let (scope, renewals) = try TupleScope.read(call.words)
      var count = 0
      for await news in await node.tuples.watch(scope, renewals: renewals) {
        switch news {
        case .present(let tuple):
          count += 1
          try await answer.send { $0.object { TupleReport.fields(of: tuple, &$0) } }
        case .upToDate: try await end(answer) { [count] in $0.field("count", count) }
        case .changed(let change):
          let at = MonotonicClock.now().nanoseconds
          try await answer.send { TupleReport.change(change, at: at, &$0) }
        }
        // The next one is taken when the client has room for it: until then what becomes of a key is kept once.
        try await answer.room()
      }
    }
  }

  private static func tupleCount(_ node: GossipNode) -> ControlRequest {
    ControlRequest(name: "tuple-count", usage: "tuple-count") { words, answer in
      try check(words, of: "tuple-count")
      let count = await node.tuples.count
      let store = await node.statistics.tupleStore
      try await end(answer) { object in
        object.field("count", count)
        if let store { object.field("store") { TupleReport.fields(of: store, &$0) } }
      }
    }
  }

  /// Sends the last line, or in a watch that of what was there.
  private static func end(_ answer: ControlAnswer, _ fields: (inout JSONWriter) -> Void) async throws {
    try await answer.post { writer in
      writer.object { object in
        object.field("end", true)
        fields(&object)
        object.field("at", MonotonicClock.now().nanoseconds)
      }
    }
  }

  /// Answers with an error that programs can tell from others, when the body throws one.
  private static func reporting(_ answer: ControlAnswer, _ body: () async throws -> Void) async throws {
    do {
      try await body()
    } catch let error as TupleError {
      try await answer.post { TupleReport.error(error, &$0) }
    } catch let error as TupleStoreError {
      try await answer.post { TupleReport.error(error, &$0) }
    }
  }
}
