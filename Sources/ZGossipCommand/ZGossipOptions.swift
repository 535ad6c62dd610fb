// `grapevine zgossip`: its options and their help.

import GrapevineConsole
import GrapevineCore
import ZGossip
import ZGossipNode

/// What a node was asked to be and do.
struct ZGossipOptions: Sendable {
  /// A key or path, and what it is to hold.
  struct Assignment: Equatable, Sendable {
    var name: String
    var value: String

    /// Reads `NAME=VALUE`; nil without an equals sign or a name.
    init?(_ text: String) {
      guard let sign = text.firstIndex(of: "="), sign > text.startIndex else { return nil }
      name = String(text[..<sign])
      value = String(text[text.index(after: sign)...])
    }
  }

  var binds: [String]
  var connects: [String]
  var config: String?
  var settings: [Assignment]
  var tuples: [Assignment]
  var lifetime: TupleLifetime
  var capacity: Int?
  var valueLimit: Int?
  var isJSON: Bool
  var isQuiet: Bool
  /// Time between reports; nil for none.
  var statusInterval: Duration?
  var exitsAtEnd: Bool
  /// Time that what was published has to go out at the end.
  var linger: Duration
  var curveKeys: String?
  /// The file to write new keys to, which is all that is done then.
  var newKeys: String?
  var curveServer: CurvePublicKey?
  var curveAllowed: [CurvePublicKey]
  /// The cluster of Grapevine to be a bridge to; nil for none.
  var cluster: ClusterOptions?

  init(_ arguments: Arguments) throws(UsageError) {
    binds = arguments.list("--bind")
    connects = arguments.list("--connect")
    config = arguments.has("--config") ? arguments.text("--config") : nil
    settings = try Self.assignments(arguments, "--set", "PATH=VALUE")
    tuples = try Self.assignments(arguments, "--publish", "KEY=VALUE")
    lifetime = .permanent
    if arguments.has("--lifetime") {
      let time = Duration.seconds(arguments.real("--lifetime"))
      lifetime = arguments.has("--renew") ? .renewed(every: time) : .expires(after: time)
    } else if arguments.has("--renew") {
      throw Self.table.failure("--renew needs the time of --lifetime")
    }
    capacity = arguments.has("--capacity") ? arguments.integer("--capacity") : nil
    valueLimit = arguments.has("--value-limit") ? arguments.integer("--value-limit") : nil
    isJSON = arguments.has("--json")
    isQuiet = arguments.has("--quiet")
    statusInterval = arguments.has("--status") ? .seconds(arguments.real("--status")) : nil
    exitsAtEnd = arguments.has("--exit-at-end")
    linger = .seconds(arguments.real("--linger"))
    curveKeys = arguments.has("--curve-keys") ? arguments.text("--curve-keys") : nil
    newKeys = arguments.has("--curve-new") ? arguments.text("--curve-new") : nil
    curveServer = try arguments.list("--curve-server").last.map { text throws(UsageError) in
      try Self.key("--curve-server", text)
    }
    curveAllowed = try arguments.list("--curve-allow").map { text throws(UsageError) in
      try Self.key("--curve-allow", text)
    }
    cluster = try ClusterOptions(arguments, Self.table)
  }

  private static func assignments(
    _ arguments: Arguments, _ name: String, _ shape: String
  ) throws(UsageError) -> [Assignment] {
    try arguments.list(name).map { text throws(UsageError) in
      guard let assignment = Assignment(text) else {
        throw table.failure("\(name) is \(quoted(text)); it must be \(shape)")
      }
      return assignment
    }
  }

  private static func key(_ name: String, _ text: String) throws(UsageError) -> CurvePublicKey {
    do {
      return try CurvePublicKey(text)
    } catch {
      throw table.failure("\(name) is \(quoted(text)); it must be a public key: 40 characters of Z85")
    }
  }

  // MARK: The table

  static let table = CommandLineTable(
    name: "zgossip",
    summary: """
      Runs a node of zgossip: all nodes that are connected, those of CZMQ among them, come to hold the same
      tuples. Lines of standard input publish tuples and ask for them; every change is printed.
      """,
    options: connectionOptions + ClusterOptions.options + tupleOptions + outputOptions,
    notes: notes,
    exitCodes: [
      (
        ExitCode.success,
        "ended by a signal, by quit, at the end of input (--exit-at-end), or when nobody reads the output"
      ),
      (ExitCode.failure, "an endpoint, a file of settings or a key cannot be used"),
      (ExitCode.usage, "the command line cannot be understood"),
      (ExitCode.interrupted, "ended at once by a second signal"),
    ],
    example: """
      grapevine zgossip --bind tcp://127.0.0.1:5670
      grapevine zgossip --connect tcp://127.0.0.1:5670 --publish web-1=http://10.0.0.1:80 --lifetime 10 --renew
      echo 'web-2=http://10.0.0.2:80' | grapevine zgossip --connect tcp://127.0.0.1:5670 --quiet --exit-at-end
      """)

  private static let connectionOptions = [
    Option(
      name: "--bind", placeholder: "ENDPOINT", value: .list,
      help:
        "Listen at tcp://HOST:PORT or ipc://PATH; tcp://*:* takes a free port of all addresses; may be given several times"
    ),
    Option(
      name: "--connect", placeholder: "ENDPOINT", value: .list,
      help: "Connect to a node, again whenever the connection is lost; may be given several times"),
    Option(
      name: "--config", placeholder: "FILE", value: .text(default: ""),
      help:
        "A file of settings as CZMQ's zgossip reads it; what it binds and connects comes before --bind and --connect",
      defaultText: "none"),
    Option(
      name: "--set", placeholder: "PATH=VALUE", value: .list,
      help: "A setting, as if the file said so, such as server/timeout=3000; may be given several times"),
    Option(
      name: "--curve-keys", placeholder: "FILE", value: .text(default: ""),
      help:
        "The certificate file with our own keys, the secret one among them: what --bind listens at is encrypted by CURVE, "
        + "and --connect proves them with --curve-server",
      defaultText: "the secret key in GRAPEVINE_CURVE_SECRET, or none"),
    Option(
      name: "--curve-new", placeholder: "FILE", value: .text(default: ""),
      help: "Write new keys to a file that is not there yet, print the public one, and end",
      defaultText: "none"
    ),
    Option(
      name: "--curve-server", placeholder: "KEY", value: .list,
      help: "The public key, 40 characters, that whoever --connect reaches must have",
      defaultText: "the one in GRAPEVINE_CURVE_SERVER, or none"),
    Option(
      name: "--curve-allow", placeholder: "KEY", value: .list,
      help: "The public key of a client to let in, with --curve-keys; may be given several times",
      defaultText: "all that know the node's public key"),
  ]

  private static let tupleOptions = [
    Option(
      name: "--publish", placeholder: "KEY=VALUE", value: .list,
      help: "A tuple to publish at the start; may be given several times"),
    Option(
      name: "--lifetime", placeholder: "S", value: .real(0.001...315_360_000, default: 60),
      help:
        "Seconds after which what this node publishes expires at nodes of Grapevine; others keep it for ever",
      defaultText: "none: it stays until it is removed"),
    Option(
      name: "--renew", value: .flag,
      help:
        "With --lifetime, write the tuples again in time while this node runs: they expire when it is gone"),
    Option(
      name: "--capacity", placeholder: "N", value: .integer(16...1 << 24, default: TupleRules().capacity),
      help:
        "Tuples held at most, removed ones that are remembered among them; counts before server/limit/tuples"),
    Option(
      name: "--value-limit", placeholder: "BYTES",
      value: .integer(1...1 << 24 - 1, default: TupleRules().valueLimit),
      help: "The longest value of a tuple; all nodes choose the same; counts before server/limit/value"),
  ]

  private static let outputOptions = [
    Option(name: "--json", value: .flag, help: "Print one JSON object a line"),
    Option(
      name: "--quiet", value: .flag,
      help: "Print no changes and nothing of what happens besides, only answers and errors"),
    Option(
      name: "--status", placeholder: "S", value: .real(0.1...86_400, default: 10),
      help: "Print the number of tuples every so many seconds", defaultText: "never"),
    Option(
      name: "--exit-at-end", value: .flag, help: "End when standard input ends; otherwise go on"),
    Option(
      name: "--linger", placeholder: "S", value: .real(0...3_600, default: 5),
      help: "Seconds that what was published has to go out at the end"),
  ]

  private static let notes = """
    Input, a line each:
      KEY=VALUE          Publish a tuple; the key ends at the first equals sign
      publish KEY VALUE  The same; the key ends at the first space, and the value is the rest of the line
      unpublish KEY      Remove a tuple, here and at all nodes of Grapevine; others keep theirs
      get KEY            Print a tuple
      list [PREFIX]      Print all tuples, or those whose keys begin so
      status             Print the number of tuples
      port               Print the TCP port of the endpoint bound last
      connect ENDPOINT   Connect, as --connect
      bind ENDPOINT      Listen, as --bind
      set PATH VALUE     Note a setting, for save
      save FILE          Write the settings to a file
      quit               End
    A line that cannot be understood or done is answered on standard error, and the node goes on. Keys have 1 to 255
    bytes, and neither they nor values may contain a NUL byte.

    Output, a line each: BOUND ENDPOINT for each endpoint bound and then PORT N, the TCP port of the last one (0 where
    there is none, -1 when it could not be bound); DELIVER KEY VALUE, REMOVED KEY and EXPIRED KEY for changes, this
    node's own among them; LOST N when so many changes were not printed because the output was not read in time (list
    has the present tuples). Answers are TUPLE KEY VALUE, NONE KEY where there is no such tuple, END N behind a list
    of so many, STATUS N, PORT N, BOUND ENDPOINT, CONNECTING ENDPOINT and SAVED FILE. JOINED ADDRESS says where this
    node is in the cluster of --join. Spaces of keys and control characters are shown as \\xNN.

    JSON: {"event": ...}, which is the first word in lower case, with endpoint, port, tuples, count, file or key, value
    and version; an error on standard error is an object here too, with message and, where it has one, the number of
    the line. A key that is not UTF-8 is keyHex, such a value valueBase64.

    SIGINT (Ctrl-C) and SIGTERM make the node hand over what others lack, for as long as --linger says, and exit; a
    second one ends it at once.
    """
}
