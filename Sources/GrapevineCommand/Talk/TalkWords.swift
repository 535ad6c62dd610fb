// The words behind requests to send and to ask, for both ends: as an agent reads them and as a client writes them.

import GrapevineConsole
import GrapevineCore

/// What is to be sent or asked, and to whom.
struct TalkWords: Equatable {
  /// The bytes that follow the line.
  var length = 0
  /// The members that are named; none for all.
  var members: [String] = []
  /// The tag that members must have.
  var tag: (key: String, value: String)?
  /// How long to count receipts or to take answers; nil for no receipts, and for the usual time.
  var time: Duration?
  /// The topic of a message to all; none when it is empty.
  var topic = ""
  /// The order of a message to all.
  var order = MessageOrder.unordered

  static let sendUsage = "send MEMBER LENGTH"
  static let broadcastUsage = "broadcast LENGTH [count=MS | topic=NAME order=fifo|causal]"
  static let askUsage = "ask LENGTH [within=MS] [tag=KEY=VALUE | to=MEMBER...]"
  /// The longest time, in milliseconds: a day, as of questions.
  private static let longest: UInt64 = 86_400_000

  init() {}

  init(send words: [[UInt8]]) throws(ControlFailure) {
    guard words.count == 2 else {
      throw ControlFailure("found \(words.count) words; it is \(Self.sendUsage)")
    }
    members = [try Self.text(words[0], Self.sendUsage)]
    length = try Self.length(words[1], Self.sendUsage)
  }

  init(broadcast words: [[UInt8]]) throws(ControlFailure) {
    try self.init(words, Self.broadcastUsage)
    for word in try Self.options(words, Self.broadcastUsage) {
      switch word.name {
      case "count": time = try Self.time(word.value, Self.broadcastUsage)
      case "topic":
        if let fault = Self.fault(ofTopic: word.value) { throw ControlFailure("topic \(fault)") }
        topic = word.value
      case "order":
        guard let order = Self.order(named: word.value) else {
          throw Self.unknown(word.value, Self.broadcastUsage)
        }
        self.order = order
      default: throw Self.unknown(word.name, Self.broadcastUsage)
      }
    }
    guard time == nil || topic.isEmpty && order == .unordered else {
      throw ControlFailure("found count beside a topic or an order; only messages without both are counted")
    }
  }

  /// The order of a name: `fifo`, `causal`, or `none`.
  static func order(named name: String) -> MessageOrder? {
    switch name {
    case "none": .unordered
    case "fifo": .fifo
    case "causal": .causal
    default: nil
    }
  }

  /// What is wrong with a topic, in words; nil when nothing is.
  static func fault(ofTopic topic: String) -> String? {
    guard !topic.isEmpty else { return "is empty; it must be a name of 1 to 255 bytes" }
    return topic.utf8.count <= 255 ? nil : "has \(topic.utf8.count) bytes; it must have 1 to 255"
  }

  init(ask words: [[UInt8]]) throws(ControlFailure) {
    try self.init(words, Self.askUsage)
    for word in try Self.options(words, Self.askUsage) {
      switch word.name {
      case "within": time = try Self.time(word.value, Self.askUsage)
      case "to": members.append(word.value)
      case "tag":
        let parts = word.value.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, tag == nil else {
          throw Self.unknown("tag", Self.askUsage)
        }
        tag = (String(parts[0]), String(parts[1]))
      default: throw Self.unknown(word.name, Self.askUsage)
      }
    }
    guard members.isEmpty || tag == nil else { throw ControlFailure("found to and tag; one is allowed") }
  }

  private init(_ words: [[UInt8]], _ usage: String) throws(ControlFailure) {
    guard let first = words.first else { throw ControlFailure("found no length; it is \(usage)") }
    length = try Self.length(first, usage)
  }

  /// The length, if an agent takes so much.
  func checkedLength(limit: Int) throws(ControlFailure) -> Int {
    guard length <= limit else {
      throw ControlFailure("it has \(length) bytes; at most \(limit) are allowed")
    }
    return length
  }

  /// The line that asks for it.
  func line(_ name: String) -> String {
    func word(_ name: String, _ value: String) -> String {
      " \(name)=" + (value.isEmpty ? "" : ControlRequest.escaped(value))
    }
    if name == "send" { return "send \(ControlRequest.escaped(members[0])) \(length)" }
    var line = "\(name) \(length)"
    if let time {
      line += word(name == "ask" ? "within" : "count", "\(time.asNanoseconds / 1_000_000)")
    }
    if !topic.isEmpty { line += word("topic", topic) }
    if order != .unordered { line += word("order", order == .fifo ? "fifo" : "causal") }
    if let tag { line += word("tag", "\(tag.key)=\(tag.value)") }
    for member in members { line += word("to", member) }
    return line
  }

  static func == (left: TalkWords, right: TalkWords) -> Bool {
    left.line("ask") == right.line("ask")
  }
}

// Reading words.
extension TalkWords {
  private static func unknown(_ word: String, _ usage: String) -> ControlFailure {
    ControlFailure("found \(quoted(word)); it is \(usage)")
  }

  private static func text(_ word: [UInt8], _ usage: String) throws(ControlFailure) -> String {
    guard let text = String(validating: word, as: UTF8.self), !text.isEmpty else {
      throw ControlFailure("found a word that is not UTF-8 or empty; it is \(usage)")
    }
    return text
  }

  private static func length(_ word: [UInt8], _ usage: String) throws(ControlFailure) -> Int {
    guard let length = UInt32(String(decoding: word, as: UTF8.self)) else {
      throw ControlFailure(
        "found \(quoted(String(decoding: word, as: UTF8.self))) for the length; it is \(usage)")
    }
    return Int(length)
  }

  private static func options(
    _ words: [[UInt8]], _ usage: String
  ) throws(ControlFailure) -> [(name: String, value: String)] {
    var options: [(name: String, value: String)] = []
    for word in words.dropFirst() {
      let parts = try text(word, usage).split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2 else { throw unknown(String(parts[0]), usage) }
      options.append((String(parts[0]), String(parts[1])))
    }
    return options
  }

  private static func time(_ text: String, _ usage: String) throws(ControlFailure) -> Duration {
    guard let milliseconds = UInt64(text), (1...longest).contains(milliseconds) else {
      throw ControlFailure(
        "found \(quoted(text)) milliseconds; from 1 to \(longest) are allowed, in \(usage)")
    }
    return .milliseconds(Int64(milliseconds))
  }
}
