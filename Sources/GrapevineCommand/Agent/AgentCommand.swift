// `grapevine agent`: its options, and the thread that waits for signals.

import Grapevine
import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs one member of a cluster.
enum AgentCommand {
  static let table = CommandLineTable(
    name: "agent",
    summary: """
      Runs one member of a cluster: every line of standard input is broadcast, every message
      of another member is printed as its sender (the first 8 digits) and its text.
      """,
    options: [
      Option(
        name: "--bind", placeholder: "HOST:PORT", value: .text(default: "0.0.0.0:0"),
        help: "The UDP address to bind to; port 0 takes a free one"),
      Option(
        name: "--join", placeholder: "ADDR", value: .list,
        help: "A member to join through, HOST:PORT or a multiaddress; may be given several times",
        defaultText: "none: found a cluster"),
      Option(
        name: "--join-timeout", placeholder: "S", value: .real(0.1...3_600, default: 15),
        help: "Seconds after which joining fails when no contact answers"),
      Option(
        name: "--cluster", placeholder: "NAME", value: .text(default: ""),
        help: "The cluster's name; agents of different names do not hear each other", defaultText: "none"),
      Option(
        name: "--level", placeholder: "LEVEL",
        value: .choice(["reliable", "best-effort"], default: "reliable"),
        help: "What is promised for the lines: reliable or best-effort"),
      Option(
        name: "--overlay", placeholder: "KIND",
        value: .choice(["hyparview", "scamp", "full"], default: "hyparview"),
        help:
          "How the agent comes by its neighbours: hyparview, scamp or full; all agents of a cluster choose the same"
      ),
      Option(
        name: "--view", placeholder: "N", value: .integer(1...56, default: Configuration().viewTarget),
        help: "Neighbours, 1 to 56", defaultText: "5; with scamp and full 56"),
      Option(
        name: "--broadcast", placeholder: "WAY",
        value: .choice(["plumtree", "eager", "rumour"], default: "plumtree"),
        help: "How messages travel: plumtree (along a tree), eager (pushed on at once) or rumour (in cycles)"),
      Option(
        name: "--fanout", placeholder: "N", value: .integer(1...56, default: 56),
        help:
          "Neighbours to which --broadcast eager pushes a message at most; given alone, it chooses that way",
        defaultText: "all neighbours"),
      Option(
        name: "--loss", placeholder: "P", value: .real(0...0.95, default: 0),
        help: "The share of arriving datagrams to drop, 0 to 0.95, to see repair at work"),
      Option(name: "--exit-at-end", value: .flag, help: "Leave when standard input ends; otherwise stay"),
      Option(name: "--json", value: .flag, help: "Print one JSON object a line"),
    ],
    notes: """
      Text: deliveries go to standard output, events (neighbours, gaps, lifecycle) to standard error; control
      characters of a message are shown as \\xNN. JSON: everything goes to standard output as {"event": ...}:
      listening, lifecycle, broadcast (a line was taken), delivery, neighbourUp, neighbourDown, gap, rejected (a
      line too long to send), joinFailed, versionMismatch and, at the end, counters. "at" is in nanoseconds of
      CLOCK_MONOTONIC, which all processes of a machine share. A payload that is not UTF-8 has its bytes in
      hexadecimal as "bytes" besides.

      SIGINT (Ctrl-C) and SIGTERM make the agent hand over what its neighbours lack, say goodbye and exit; a
      second one ends it at once.
      """,
    exitCodes: [
      (
        ExitCode.success,
        "left after a signal, at the end of input (--exit-at-end), or when nobody reads the output"
      ),
      (ExitCode.failure, "the address cannot be bound, or no contact answered"),
      (ExitCode.usage, "the command line cannot be understood"),
      (ExitCode.interrupted, "ended at once by a second signal"),
    ],
    example: """
      grapevine agent --bind 127.0.0.1:7946
      grapevine agent --bind 127.0.0.1:0 --join 127.0.0.1:7946
      """)

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    let options = try AgentOptions(arguments)
    Signals.block()
    let loop: EventLoop
    do {
      loop = try EventLoop(name: "console")
    } catch {
      Standard.error("grapevine agent: \(error)\n")
      return ExitCode.failure
    }
    let agent = Agent(options, on: loop)
    Task(executorPreference: loop) { await agent.run() }
    _ = Signals.wait()
    agent.partNow()
    Task(executorPreference: loop) { await agent.end(ExitCode.success) }
    // Leaving takes two timeouts at most; what then still holds it up is whoever should read the output.
    let limit = options.node.core.leaveTimeout * 2 + .seconds(2)
    _exit(Signals.wait(limit: limit) == nil ? ExitCode.success : ExitCode.interrupted)
  }
}

/// What an agent was asked to be.
struct AgentOptions: Sendable {
  var node: GossipNode.Configuration
  var contacts: [String]
  var level: DeliveryLevel
  var exitsAtEnd: Bool
  var isJSON: Bool

  init(_ arguments: Arguments) throws(UsageError) {
    var core = Configuration()
    core.clusterName = arguments.text("--cluster")
    core.joinTimeout = .milliseconds(Int(arguments.real("--join-timeout") * 1_000))
    switch arguments.text("--overlay") {
    case "scamp": (core.overlay, core.viewCapacity) = (.scamp(ScampRules()), 56)
    case "full": (core.overlay, core.viewCapacity) = (.full, 56)
    default: break
    }
    if arguments.has("--view") {
      core.viewTarget = arguments.integer("--view")
      core.viewCapacity = core.viewTarget
    }
    let usual = arguments.has("--fanout") && !arguments.has("--broadcast") ? "eager" : "plumtree"
    switch arguments.has("--broadcast") ? arguments.text("--broadcast") : usual {
    case "eager": core.broadcast = .eager
    case "rumour": core.broadcast = .rumour(RumourRules())
    default: break
    }
    core.fanout = arguments.integer("--fanout")
    node = .init(bind: arguments.text("--bind"), core: core)
    node.injectedLoss = arguments.real("--loss")
    contacts = arguments.list("--join")
    level = arguments.text("--level") == "reliable" ? .reliable : .bestEffort
    exitsAtEnd = arguments.has("--exit-at-end")
    isJSON = arguments.has("--json")
    try Self.check("--bind", node.bind)
    for contact in contacts { try Self.check("--join", contact) }
  }

  /// Refuses what cannot be an address; a host that is a name is looked up later.
  private static func check(_ name: String, _ text: String) throws(UsageError) {
    do {
      _ = try Endpoint(text)
    } catch .hostInvalid {
      return
    } catch {
      guard !text.hasPrefix("/dns") else { return }
      throw AgentCommand.table.failure("\(name): \(error)")
    }
  }
}
