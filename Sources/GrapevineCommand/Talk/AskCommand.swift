// `grapevine ask`: asks the members of a cluster something, and prints their answers as they come.

import GrapevineConsole
import GrapevineCore

/// Asks members something.
enum AskCommand {
  static let table = CommandLineTable(
    name: "ask",
    summary: "Has an agent that runs on this machine ask other members, and prints their answers.",
    options: [
      Option(
        name: "--to", placeholder: "MEMBER", value: .list,
        help: "Ask the member of this name or address; may be given several times", defaultText: "all members"
      ),
      Option(
        name: "--tag", placeholder: "KEY=VALUE", value: .text(default: ""),
        help: "Ask all members that have this tag with this value"),
      Option(
        name: "--within", placeholder: "S", value: .real(0.001...86_400, default: 5),
        help: "Seconds to wait for answers"),
      .agent, .agentJSON,
    ],
    operands: [
      Operand(
        name: "QUESTION", help: "The question; - or nothing: standard input, up to its end", isRequired: false
      )
    ],
    notes: """
      Agents answer that were started with --answer COMMAND: the command gets the question on its standard input, and
      what it prints is the answer, cut off where a datagram has no room for more; then that agent warns on its standard
      error. Each line of text has the name or address of a member, a tab and its answer, with
      control characters shown as \\xNN.
      """,
    exitCodes: [
      (ExitCode.success, "all members that were asked have answered"),
      (ExitCode.failure, "no agent, no answer from it, or no such member"),
      (ExitCode.broken, "the time was over before all had answered, or nobody was there to ask"),
      (ExitCode.usage, "the command line cannot be understood"),
    ],
    example: """
      grapevine agent --bind 127.0.0.1:0 --join 127.0.0.1:7946 --name web-1 --tag role=web --answer uptime
      grapevine ask --tag role=web "load?"
      """)

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    var words = TalkWords()
    words.members = arguments.list("--to")
    words.time = .milliseconds(Int(arguments.real("--within") * 1_000))
    if words.members.contains("") { throw table.failure("--to is empty; it must name a member") }
    if arguments.has("--tag") {
      guard words.members.isEmpty else { throw table.failure("found --to and --tag; one is allowed") }
      let parts = arguments.text("--tag").split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty else {
        throw table.failure("--tag is \(quoted(arguments.text("--tag"))); it must be KEY=VALUE")
      }
      words.tag = (String(parts[0]), String(parts[1]))
    }
    return run(words, arguments)
  }

  private static func run(_ words: TalkWords, _ arguments: Arguments) -> Int32 {
    func request() throws(ControlFailure) -> (line: String, value: [UInt8]) {
      let value = try TalkCall.payload(arguments.operand)
      var words = words
      words.length = value.count
      return (words.line("ask"), value)
    }
    let milliseconds = Int32(clamping: (words.time?.asNanoseconds ?? 0) / 1_000_000)
    let patience = SendCommand.patience &+ min(milliseconds, 1 << 30)
    return TalkCall("ask", arguments).run(try request(), patience: patience) { line, isEnd in
      guard isEnd else {
        let name = line["name"]?.text ?? line["address"]?.text ?? line["member"]?.text ?? "?"
        let answer = Terminal.printable(line["payload"]?.text ?? "")
        return ("\(Terminal.printable(name))\t\(answer)\n", ExitCode.success)
      }
      let (answers, expected) = (line["answers"]?.count ?? 0, line["expected"]?.count ?? 0)
      if expected == 0 {
        Standard.error("grapevine ask: nobody is there to ask\n")
        return (nil, ExitCode.broken)
      }
      if answers < expected {
        Standard.error("grapevine ask: \(answers) of \(expected) members have answered\n")
      }
      return (nil, answers >= expected ? ExitCode.success : ExitCode.broken)
    }
  }
}
