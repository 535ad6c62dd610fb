// `grapevine send`: says something through an agent that runs on this machine.

import GrapevineConsole
import GrapevineCore

/// Sends a message to one member or to all.
enum SendCommand {
  static let table = CommandLineTable(
    name: "send",
    summary: "Has an agent that runs on this machine send a message, to one member or to all.",
    options: [
      Option(
        name: "--to", placeholder: "MEMBER", value: .text(default: ""),
        help: "The member's name or address: only it gets the message, and has confirmed it when this ends",
        defaultText: "all members"),
      Option(
        name: "--count", placeholder: "S", value: .real(0.001...86_400, default: 5),
        help:
          "Print how many members have all of the message, until all have, for so many seconds at most; goes "
          + "with neither --topic nor --order",
        defaultText: "do not count"),
      Option(
        name: "--topic", placeholder: "NAME", value: .text(default: ""),
        help: "Send it in this topic: only who hears that gets it, as agents do with --topic NAME",
        defaultText: "to all members"),
      Option(
        name: "--order", placeholder: "ORDER", value: .choice(["none", "fifo", "causal"], default: "none"),
        help:
          "fifo: after what the agent sent before in the topic with an order; causal: also after whatever causal message it "
          + "had delivered or sent; or none"),
      Option(
        name: "--file", placeholder: "PATH", value: .text(default: ""),
        help: "Send the content of this file", defaultText: "TEXT"),
      .agent, .agentJSON,
    ],
    operands: [
      Operand(
        name: "TEXT", help: "The message; - or nothing: standard input, up to its end", isRequired: false)
    ],
    notes: """
      Agents print a message to all as any other, and one to themselves with "direct" before it. A message to all may be
      as long as the agent allows, 64 MiB, whatever its topic and order; one to a member fits into a datagram.
      """,
    exitCodes: [
      (
        ExitCode.success,
        "the message was taken; with --to it was confirmed, with --count all members have it"
      ),
      (ExitCode.failure, "no agent, no answer, no such member, or nothing was confirmed"),
      (ExitCode.broken, "with --count: the time was over before all members had it"),
      (ExitCode.usage, "the command line cannot be understood"),
    ],
    example: """
      grapevine send "the database is read-only"
      grapevine send --to web-1 "reload"
      grapevine send --count 10 <news.txt
      grapevine send --topic news --order fifo --file report.pdf
      """)

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    guard !arguments.has("--to") || !arguments.has("--count") else {
      throw table.failure("found --to and --count; one is allowed, as a single member confirms what it gets")
    }
    var words = TalkWords()
    if arguments.has("--to") {
      guard !arguments.text("--to").isEmpty else {
        throw table.failure("--to is empty; it must name a member")
      }
      words.members = [arguments.text("--to")]
    }
    if arguments.has("--topic") {
      words.topic = arguments.text("--topic")
      if let fault = TalkWords.fault(ofTopic: words.topic) { throw table.failure("--topic \(fault)") }
    }
    words.order = TalkWords.order(named: arguments.text("--order")) ?? .unordered
    let isPlain = words.topic.isEmpty && words.order == .unordered
    guard isPlain || !arguments.has("--to") else {
      throw table.failure("found --to beside --topic or --order, which are of messages to all")
    }
    guard isPlain || !arguments.has("--count") else {
      throw table.failure("found --count beside --topic or --order; only messages without both are counted")
    }
    if arguments.has("--file") {
      guard !arguments.text("--file").isEmpty else {
        throw table.failure("--file is empty; it must name a file")
      }
      guard arguments.operand == nil else {
        throw table.failure("found --file and \(quoted(arguments.operand ?? "")); one is allowed")
      }
    }
    if arguments.has("--count") { words.time = .milliseconds(Int(arguments.real("--count") * 1_000)) }
    return run(words, arguments)
  }

  /// Milliseconds for an agent to go on besides the time that is asked for. Chosen here: twice what a message to a
  /// member may take.
  static let patience: Int32 = 20_000

  private static func run(_ words: TalkWords, _ arguments: Arguments) -> Int32 {
    func request() throws(ControlFailure) -> (line: String, value: [UInt8]) {
      let file = arguments.has("--file") ? arguments.text("--file") : nil
      let value = try TalkCall.payload(arguments.operand, file: file)
      var words = words
      words.length = value.count
      return (words.line(words.members.isEmpty ? "broadcast" : "send"), value)
    }
    let milliseconds = Int32(clamping: (words.time?.asNanoseconds ?? 0) / 1_000_000)
    return TalkCall("send", arguments).run(try request(), patience: patience &+ min(milliseconds, 1 << 30)) {
      line, isEnd in
      guard let count = line["count"]?.count, let members = line["members"]?.count else {
        return (nil, ExitCode.success)
      }
      let text = isEnd ? nil : "\(count) of \(members) members have it\n"
      return (text, count == members ? ExitCode.success : ExitCode.broken)
    }
  }
}
