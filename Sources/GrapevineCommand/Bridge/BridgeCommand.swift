// `grapevine bridge`: its options, and the thread that waits for signals.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Carries messages between clusters of different systems.
enum BridgeCommand {
  static let table = CommandLineTable(
    name: "bridge",
    summary: """
      Joins clusters of two systems or more, and carries every message of one into the others, once.
      """,
    options: dialectOptions + [
      Option(
        name: "--join", placeholder: "ADDR", value: .list,
        help: "A member of a cluster of Grapevine, HOST:PORT or a multiaddress; may be given several times"),
      Option(
        name: "--bind", placeholder: "HOST:PORT", value: .text(default: "0.0.0.0:0"),
        help: "The UDP address to bind to in the cluster of Grapevine; given without --join, founds one"),
      Option(
        name: "--cluster", placeholder: "NAME", value: .text(default: ""),
        help: "The name of the cluster of Grapevine", defaultText: "none"),
      Option(
        name: "--keys", placeholder: "FILE", value: .text(default: ""),
        help: "The file of the keys of the cluster of Grapevine, which is read at the start",
        defaultText: "none: nothing is sealed"),
      Option(
        name: "--settle", placeholder: "S", value: .real(0...3_600, default: 3),
        help: "Seconds at first in which nothing is carried: clusters hand a newcomer what was spread before"),
      Option(
        name: "--join-timeout", placeholder: "S", value: .real(0.1...3_600, default: 15),
        help: "Seconds after which joining a cluster fails when no peer answers"),
      Option(name: "--json", value: .flag, help: "Print one JSON object a line"),
    ],
    notes: """
      Text: what is carried goes to standard output as "FROM -> TO", its originator and its text; everything else to
      standard error. JSON: everything goes to standard output as {"event": ...}: connected (for each side), carries (the
      settling time is over), carried, refused (with the reason), duty (whether this bridge carries for a cluster or leaves that to
      another) and, at the end, traffic (for each side).

      A message that is too long for another system, or is no text where only text is carried, is refused and reported;
      the other clusters get it all the same. Of a cluster of Grapevine, plain messages of the reliable level are carried.

      Several bridges between the same clusters need a cluster of Grapevine on one of their sides: there they find each
      other by their tags, and one of them carries. Without one, each carries, and what comes back with the bytes of what
      went there within a minute is dropped.
      """,
    exitCodes: [
      (ExitCode.success, "left after a signal, or when nobody reads the output"),
      (ExitCode.failure, "an address cannot be bound, or no contact of a cluster answered"),
      (ExitCode.usage, "the command line cannot be understood"),
      (ExitCode.interrupted, "ended at once by a second signal"),
    ],
    example: """
      grapevine bridge --gossip-python 127.0.0.1:7070 --join 127.0.0.1:7946
      grapevine bridge --gossip-python 127.0.0.1:7070 --clojure-gossip 127.0.0.1:5000
      """)

  private static let dialectOptions = AgentDialect.all.flatMap { dialect in
    [
      Option(
        name: "--\(dialect.name)", placeholder: "ADDR", value: .list,
        help: "A peer of a cluster of \(dialect.name); may be given several times"),
      Option(
        name: "--\(dialect.name)-bind", placeholder: "HOST:PORT", value: .text(default: ""),
        help:
          "Where to bind in that cluster: one address, which its peers can reach; without a peer, founds one",
        defaultText: "127.0.0.1:0, when its peers are on this machine"),
    ]
  }

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    let options = try BridgeOptions(arguments)
    Signals.block()
    let console: DialectConsole
    do {
      console = DialectConsole(try EventLoop(name: "console"))
    } catch {
      Standard.error("grapevine bridge: \(error)\n")
      return ExitCode.failure
    }
    let runner = BridgeRunner(options, console: console)
    Task(executorPreference: console.loop) { await runner.run() }
    _ = Signals.wait()
    Task(executorPreference: console.loop) { await runner.end(ExitCode.success) }
    let limit = Configuration().leaveTimeout * 2 + .seconds(3)
    _exit(Signals.wait(limit: limit) == nil ? ExitCode.success : ExitCode.interrupted)
  }
}

/// What a bridge was asked to connect.
struct BridgeOptions: Sendable {
  /// The other systems, each with where to bind and whom to join.
  var dialects: [(dialect: AgentDialect, options: DialectOptions)] = []
  /// The cluster of ours; nil when none is bridged.
  var native: GossipNode.Configuration?
  /// The file of its keys; nil when nothing is sealed.
  var keyFile: String?
  var contacts: [String]
  var settling: Duration
  var isJSON: Bool

  init(_ arguments: Arguments) throws(UsageError) {
    isJSON = arguments.has("--json")
    contacts = arguments.list("--join")
    settling = .milliseconds(Int(arguments.real("--settle") * 1_000))
    let joinTimeout = Duration.milliseconds(Int(arguments.real("--join-timeout") * 1_000))
    for dialect in AgentDialect.all {
      let name = "--\(dialect.name)"
      guard arguments.has(name) || arguments.has("\(name)-bind") else { continue }
      var options = DialectOptions(
        dialect: dialect.name, bind: arguments.text("\(name)-bind"), contacts: arguments.list(name),
        exitsAtEnd: false,
        isJSON: isJSON)
      options.joinTimeout = joinTimeout
      for contact in options.contacts { try Self.check(name, contact) }
      if options.bind.isEmpty { options.bind = try Self.usualBind(name, options.contacts) }
      try Self.check("\(name)-bind", options.bind)
      dialects.append((dialect, options))
    }
    if !contacts.isEmpty || arguments.has("--bind") {
      var core = Configuration()
      core.joinTimeout = joinTimeout
      core.clusterName = arguments.text("--cluster")
      native = .init(bind: arguments.text("--bind"), core: core)
      if arguments.has("--keys") { keyFile = arguments.text("--keys") }
      try Self.check("--bind", arguments.text("--bind"))
      for contact in contacts { try Self.check("--join", contact) }
    }
    guard native != nil || !arguments.has("--keys") else {
      throw BridgeCommand.table.failure(
        "--keys means nothing without a cluster of Grapevine: give --join or --bind")
    }
    guard dialects.count + (native == nil ? 0 : 1) >= 2 else {
      let names = AgentDialect.all.map { "--\($0.name)" }.joined(separator: ", ")
      throw BridgeCommand.table.failure("a bridge has two sides; give two of \(names) and --join")
    }
  }

  /// Where to bind for peers on this machine. Others must be able to reach the bridge, at an address that nobody but the
  /// user knows.
  private static func usualBind(_ name: String, _ contacts: [String]) throws(UsageError) -> String {
    let isLocal = contacts.allSatisfy { contact in
      guard let address = (try? Endpoint(contact))?.ipv4 else { return false }
      return address >> 24 == 127
    }
    guard isLocal else {
      throw BridgeCommand.table.failure(
        "\(name)-bind is missing: its peers must reach the bridge at one address, such as 192.0.2.7:7070")
    }
    return "127.0.0.1:0"
  }

  private static func check(_ name: String, _ text: String) throws(UsageError) {
    do throws(UsageError) {
      try AgentOptions.check(name, text)
    } catch {
      throw BridgeCommand.table.failure(
        error.message.hasPrefix(name) ? error.message : "\(name): \(error.message)")
    }
  }
}
