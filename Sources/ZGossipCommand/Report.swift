// What a node says: in zgossip's words for people and shells, in JSON for programs.

import GrapevineConsole
import GrapevineCore
import ZGossipNode

/// The lines of the output.
struct Report {
  var isJSON: Bool

  /// A change of a tuple; nothing for those that are no news.
  func change(
    _ kind: TupleChangeKind, _ key: [UInt8], _ value: [UInt8], _ version: TupleVersion,
    _ output: inout JSONWriter
  ) {
    let word: String
    switch kind {
    case .published: word = "DELIVER"
    case .removed, .departed: word = "REMOVED"
    case .expired: word = "EXPIRED"
    case .renewed, .forgotten: return
    }
    tuple(word, key, kind == .published ? value : nil, version, expiresAt: nil, &output)
  }

  /// A tuple that was asked for.
  func found(_ tuple: Tuple, _ output: inout JSONWriter) {
    self.tuple("TUPLE", tuple.key, tuple.value, tuple.version, expiresAt: tuple.expiresAt, &output)
  }

  /// That there is no tuple of a key.
  func none(_ key: [UInt8], _ output: inout JSONWriter) {
    tuple("NONE", key, nil, nil, expiresAt: nil, &output)
  }

  private func tuple(
    _ word: String, _ key: [UInt8], _ value: [UInt8]?, _ version: TupleVersion?, expiresAt: UInt64?,
    _ output: inout JSONWriter
  ) {
    guard isJSON else {
      return output.line("\(word) \(Self.shown(key: key))" + (value.map { " \(Self.shown($0))" } ?? ""))
    }
    output.object { object in
      object.field("event", word.lowercased())
      if let key = String(validating: key, as: UTF8.self) {
        object.field("key", key)
      } else {
        object.field("keyHex", Hexadecimal.text(key))
      }
      if let value {
        if let text = String(validating: value, as: UTF8.self) {
          object.field("value", text)
        } else {
          object.field("valueBase64", String(decoding: Base64.encode(value), as: UTF8.self))
        }
      }
      if let version { object.field("version", version.description) }
      if let expiresAt { object.field("expiresAt", expiresAt) }
    }
  }

  /// A line of a word and a text, which in JSON has a name.
  func line(_ word: String, _ name: String, _ text: String, _ output: inout JSONWriter) {
    guard isJSON else { return output.line("\(word) \(Terminal.printable(text))") }
    output.object {
      $0.field("event", word.lowercased())
      $0.field(name, text)
    }
  }

  /// A line of a word and a number, which in JSON has a name.
  func line(_ word: String, _ name: String, _ number: some BinaryInteger, _ output: inout JSONWriter) {
    guard isJSON else { return output.line("\(word) \(number)") }
    output.object {
      $0.field("event", word.lowercased())
      $0.field(name, number)
    }
  }

  /// How many tuples there are; in JSON also who is connected, and what was received, sent and refused.
  func status(_ tuples: Int, _ counters: ZGossipNodeCounters, _ output: inout JSONWriter) {
    guard isJSON else { return line("STATUS", "tuples", tuples, &output) }
    output.object {
      $0.field("event", "status")
      $0.field("tuples", tuples)
      $0.field("clients", counters.clients)
      $0.field("servers", counters.servers)
      $0.field("received", counters.received)
      $0.field("sent", counters.sent)
      $0.field("malformed", counters.malformed)
      $0.field("ignored", counters.ignored + counters.engine.ignored)
      $0.field("handshakesFailed", counters.handshakesFailed)
      $0.field("clientsRefused", counters.refused)
      $0.field("tuplesRefused", counters.engine.refused)
      $0.field("resyncs", counters.engine.resyncs)
    }
  }

  /// Something that was asked for and cannot be done; only in JSON, as people are told on standard error.
  func error(_ message: String, line: Int?, _ output: inout JSONWriter) {
    guard isJSON else { return }
    output.object {
      $0.field("event", "error")
      if let line { $0.field("line", line) }
      $0.field("message", message)
    }
  }

  /// A key as one word.
  private static func shown(key: [UInt8]) -> String {
    let text = shown(key)
    guard text.utf8.contains(where: { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") }) else {
      return text
    }
    return text.map { $0 == " " ? "\\x20" : $0 == "\t" ? "\\x09" : String($0) }.joined()
  }

  private static func shown(_ bytes: [UInt8]) -> String {
    Terminal.printable(String(decoding: bytes, as: UTF8.self))
  }
}
