// The verbs of `grapevine tuples`: what each is called, does and understands.

import GrapevineConsole

/// What can be done with tuples.
enum TuplesVerb: String, CaseIterable, Sendable {
  case get, put, remove, list, watch, count

  static var names: String { allCases.map(\.rawValue).joined(separator: ", ") }

  var meaning: String {
    switch self {
    case .get: "Write the value of a key to standard output"
    case .put: "Write a value to a key"
    case .remove: "Remove the tuple of a key"
    case .list: "Show keys and values"
    case .watch: "Show keys and values, then what becomes of them"
    case .count: "Count tuples"
    }
  }

  var table: CommandLineTable {
    switch self {
    case .get: Self.getTable
    case .put: Self.putTable
    case .remove: Self.removeTable
    case .list: Self.listTable
    case .watch: Self.watchTable
    case .count: Self.countTable
    }
  }

  private static let hex = Option(
    name: "--hex", value: .flag,
    help: "Keys are read, and in text shown, as hexadecimal digits: they may be any bytes")
  private static let ifVersion = Option(
    name: "--if-version", placeholder: "VERSION", value: .text(default: ""),
    help: "Only if that is the tuple's present version, as far as the agent knows", defaultText: "none")
  private static let noWait = Option(
    name: "--no-wait", value: .flag,
    help: "Do not wait until it is on the agent's disk; an agent without --data has none to wait for")
  private static let key = Operand(name: "KEY", help: "The key, at most 255 bytes", isRequired: true)

  /// The codes that the verb can end with.
  private static func codes(_ more: Int32...) -> [(code: Int32, meaning: String)] {
    TuplesCommand.exitCodes.filter { $0.code <= TuplesCommand.Code.usage || more.contains($0.code) }
  }

  private static let conditionNote = """
    A condition is checked against what this agent knows at that moment. Another agent may write the same key at
    the same time: both succeed then, and the greater version counts. A condition saves useless writes; it is no lock.
    """
  private static let textNote = """
    Text has the key, a tab and the value in each line, with control characters shown as \\xNN. A value that is not
    UTF-8 or longer than 256 bytes is shown in part or by its length; get and --json have all of it.
    """

  private static let getTable = CommandLineTable(
    name: "tuples get",
    summary:
      "Writes the value of a key, as the agent knows it, to standard output: its bytes and nothing else.",
    options: [
      .agent, hex,
      Option(
        name: "--json", value: .flag,
        help:
          "Print one JSON object instead, with the version and the rest; \"valueBase64\" where it is not UTF-8"
      ),
    ],
    operands: [key], notes: "On a terminal, a line break is added where the value ends without one.",
    exitCodes: codes(TuplesCommand.Code.noSuchTuple),
    example: """
      grapevine tuples get service/web
      grapevine tuples get motd > motd.txt
      """)

  private static let putTable = CommandLineTable(
    name: "tuples put",
    summary: "Writes a value to a key and prints the version, when the agent has it on its disk.",
    options: [
      .agent, hex,
      Option(
        name: "--file", placeholder: "FILE", value: .text(default: ""),
        help: "A file whose bytes are the value",
        defaultText: "none"),
      Option(
        name: "--expires", placeholder: "TIME", value: .text(default: ""),
        help:
          "The tuple vanishes when that time is over, unless it is written again: 500ms, 30s, 5min, 12h or 7d",
        defaultText: "it stays"),
      Option(
        name: "--renewed", placeholder: "TIME", value: .text(default: ""),
        help: "As --expires, and the agent writes it again in time, for as long as it runs",
        defaultText: "it stays"),
      Option(
        name: "--ephemeral", value: .flag,
        help: "The tuple vanishes when this agent leaves, fails or is started again"),
      Option(name: "--if-absent", value: .flag, help: "Only if the agent knows no such tuple"),
      ifVersion, noWait, .agentJSON,
    ],
    operands: [
      key, Operand(name: "VALUE", help: "The value as text; - for the bytes of standard input"),
    ],
    notes: """
      A value has at most as many bytes as the cluster's agents allow, 64 KiB unless --value-limit says otherwise.
      -- stands before a key or value that begins with a dash.

      \(conditionNote)
      """,
    exitCodes: codes(TuplesCommand.Code.conditionNotMet),
    example: """
      grapevine tuples put service/web 10.0.0.4:80 --renewed 30s
      grapevine tuples put motd --file motd.txt
      date | grapevine tuples put now -
      grapevine tuples put host/$HOSTNAME up --ephemeral
      """)

  private static let removeTable = CommandLineTable(
    name: "tuples remove",
    summary: "Removes the tuple of a key in the whole cluster and prints the removal's version.",
    options: [.agent, hex, ifVersion, noWait, .agentJSON], operands: [key], notes: conditionNote,
    exitCodes: codes(TuplesCommand.Code.noSuchTuple, TuplesCommand.Code.conditionNotMet),
    example: "grapevine tuples remove service/web")

  private static let listTable = CommandLineTable(
    name: "tuples list", summary: "Shows the tuples that the agent knows, in order of their keys.",
    options: [
      .agent, hex, Option(name: "--keys", value: .flag, help: "Show keys without values"), .agentJSON,
    ],
    operands: [Operand(name: "PREFIX", help: "What the keys begin with; all of them without it")],
    notes: textNote + """


      JSON: a line {"key": ..., "value": ..., "version": ..., ...} for each tuple, then {"end": true, "count": ...}.
      """,
    exitCodes: codes(),
    example: """
      grapevine tuples list service/
      grapevine tuples list --keys | wc -l
      """)

  private static let watchTable = CommandLineTable(
    name: "tuples watch",
    summary: "Shows the tuples that the agent knows, then a mark, then what becomes of them until Ctrl-C.",
    options: [
      .agent, hex,
      Option(
        name: "--key", placeholder: "KEY", value: .text(default: ""), help: "Watch this key alone",
        defaultText: "all that begin with PREFIX"),
      Option(
        name: "--renewals", value: .flag, help: "Also when a tuple was written again with the same value"),
      .agentJSON,
    ],
    operands: [Operand(name: "PREFIX", help: "What the keys begin with; all of them without it")],
    notes: textNote + """


      Changes are published, renewed, removed, expired and departed (its writer is no longer a member). While the
      output is not read, only the latest change of each key is kept; when it is not read for ten seconds although
      there is something to read, the watch ends with 1.

      JSON: as of list, then a line {"event": "tuple", "change": ..., "key": ..., ...} for each change.
      """,
    exitCodes: codes().map {
      $0.code == TuplesCommand.Code.done
        ? ($0.code, "SIGINT or SIGTERM came, or nobody reads the output") : $0
    },
    example: """
      grapevine tuples watch service/
      grapevine tuples watch --key leader --json
      """)

  private static let countTable = CommandLineTable(
    name: "tuples count", summary: "Prints how many tuples the agent knows.",
    options: [
      .agent,
      Option(
        name: "--json", value: .flag, help: "Print one JSON object, with what the agent's disk has done"),
    ],
    exitCodes: codes(), example: "grapevine tuples count")
}
