// `grapevine agent`: its options, and the thread that waits for signals.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineSecurity
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
      of another member is printed as its sender (the first 8 digits), its topic in brackets if
      it has one, and its text.
      """,
    options: [
      Option(
        name: "--bind", placeholder: "HOST:PORT", value: .text(default: "0.0.0.0:0"),
        help:
          "The UDP address to bind to; port 0 takes a free one. Or unix:DIRECTORY[/NUMBER]: Unix sockets in a directory, "
          + "for agents of one machine that share it; without a number, the lowest that is free"),
      Option(
        name: "--join", placeholder: "ADDR", value: .list,
        help:
          "A member to join through, HOST:PORT, a multiaddress, or unix:DIRECTORY/NUMBER; may be given several times",
        defaultText: "none: found a cluster, or with --data return to it"),
      Option(
        name: "--join-timeout", placeholder: "S", value: .real(0.1...3_600, default: 15),
        help: "Seconds after which joining fails when no contact answers"),
      Option(
        name: "--dialect", placeholder: "SYSTEM",
        value: .choice(["grapevine"] + AgentDialect.all.map(\.name), default: "grapevine"),
        help:
          "The system to speak: \((["grapevine"] + AgentDialect.all.map(\.name)).joined(separator: ", ")); with another than "
          + "grapevine, --bind must be one address, and only --advertise, --join, --join-timeout, --exit-at-end and --json "
          + "are understood besides"
      ),
      Option(
        name: "--cluster", placeholder: "NAME", value: .text(default: ""),
        help: "The cluster's name; agents of different names do not hear each other", defaultText: "none"),
      Option(
        name: "--name", placeholder: "NAME", value: .text(default: ""),
        help:
          "The member's name, at most \(Member.nameLimit) bytes, which no other member may have; it stays the same "
          + "when the address changes",
        defaultText: "none: the address stands for it"),
      Option(
        name: "--tag", placeholder: "KEY=VALUE", value: .list,
        help:
          "What the member says of itself to all others, at most \(Member.tagLimit) bytes; may be given several times",
        defaultText: "none"),
      Option(
        name: "--advertise", placeholder: "HOST:PORT", value: .text(default: ""),
        help:
          "The address at which others reach the agent, where it is not the bound one; port 0 is the bound port",
        defaultText: "the bound one, or what contacts see"),
      Option(
        name: "--data", placeholder: "DIR", value: .text(default: ""),
        help:
          "A directory in which to remember the members, to find them again after a restart, and to keep the tuples",
        defaultText: "none: nothing is remembered"),
      Option(
        name: "--control", placeholder: "PATH", value: .text(default: ""),
        help: "The socket at which to answer `grapevine members`, `tuples`, `send` and `ask`, or none",
        defaultText: "PORT.sock in a directory of the user's; with --bind unix:DIRECTORY, NUMBER.ctl in that"),
      Option(
        name: "--answer", placeholder: "COMMAND", value: .text(default: ""),
        help:
          "Answer questions of other members with what this shell command prints; it gets the question on standard input. "
          + "An answer fits into a datagram: what is printed beyond is cut off, with a warning on standard error",
        defaultText: "answer nothing"),
      Option(
        name: "--probe-interval", placeholder: "S", value: .real(0.1...60, default: 1),
        help: "Seconds between two probes of members, one each; the longer, the later a failure is seen"),
      Option(
        name: "--identity", placeholder: "FILE", value: .text(default: ""),
        help:
          "The file of this member's identity, of 'grapevine keygen --identity': sign what it says of itself, and take "
          + "no other member's word for what one says of itself. All agents of a cluster have one, or none has",
        defaultText: "none: nothing is signed"),
      Option(
        name: "--keys", placeholder: "FILE", value: .text(default: ""),
        help:
          "The file of the cluster's keys, of 'grapevine keygen': seal what is sent, and accept what others sealed. "
          + "'grapevine keys' changes them while the agent runs, and the file with them",
        defaultText: "none: nothing is sealed"),
      Option(
        name: "--plaintext", placeholder: "STEP",
        value: .choice(PlaintextPolicy.allCases.map(\.name), default: PlaintextPolicy.sealedOnly.name),
        help:
          "What is sent and accepted with --keys: require-plain, send-plain (accepts both), send-sealed (accepts both) or "
          + "require-sealed. A running cluster gets from plain to sealed step by step, each on all members before the next"
      ),
    ] + tupleOptions + [
      Option(
        name: "--topic", placeholder: "NAME", value: .list,
        help:
          "Hear this topic, in which `grapevine send --topic` and programs send; may be given several times. The lines of "
          + "standard input have no topic",
        defaultText: "only what has no topic"),
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
        name: "--transport", placeholder: "KIND",
        value: .choice(["udp", "tcp", "auto", "unix"], default: "udp"),
        help:
          "What carries datagrams: udp, tcp, auto: udp, and tcp at the same port to those that udp does not reach; or unix, "
          + "which --bind unix:DIRECTORY means anyway",
        defaultText: "udp, or unix where --bind is"
      ),
      Option(
        name: "--loss", placeholder: "P", value: .real(0...0.95, default: 0),
        help: "The share of arriving datagrams to drop, 0 to 0.95, to see repair at work"),
      Option(name: "--exit-at-end", value: .flag, help: "Leave when standard input ends; otherwise stay"),
      Option(name: "--json", value: .flag, help: "Print one JSON object a line"),
      Option(
        name: "--no-member-events", value: .flag,
        help: "Print nothing of what becomes of members, which in large clusters is a lot"),
    ],
    notes: """
      Text: deliveries go to standard output, events (neighbours, gaps, large messages that failed, lifecycle) to standard error; control
      characters of a message are shown as \\xNN. JSON: everything goes to standard output as {"event": ...}:
      listening, snapshot and tuples (the members and tuples that were in the directory of --data), lifecycle,
      broadcast (a line was taken), delivery, direct (a message to this member alone), neighbourUp, neighbourDown, member (its "change" is joined, suspected, recovered, failed, left, updated or merged), nameConflict, gap, orderGap (a message goes on without one
      that it should have come after, or, where both are the same, without a large one), transfer (a large message whose "state" is failed or cancelled), rejected (a line too long to
      send), joinFailed, versionMismatch and, at the end, counters. "at" is in nanoseconds of
      CLOCK_MONOTONIC, which all processes of a machine share. A payload that is not UTF-8 has its bytes in
      hexadecimal as "bytes" besides. A delivery with a topic has it as "topic".

      A line that is longer than a datagram, up to 64 MiB, travels in fragments, always at the reliable level; its event
      broadcast has its "length" and not its "text".

      The control socket is $XDG_RUNTIME_DIR/grapevine/PORT.sock, or /tmp/grapevine-UID/PORT.sock without that variable,
      where PORT is the bound UDP port, or DIRECTORY/NUMBER.ctl with --bind unix:DIRECTORY; only its user may use it. Without --control, an agent that cannot have one says so
      and runs without.

      SIGINT (Ctrl-C) and SIGTERM make the agent hand over what its neighbours lack, say goodbye and exit; a
      second one ends it at once.
      """,
    exitCodes: [
      (
        ExitCode.success,
        "left after a signal, at the end of input (--exit-at-end), or when nobody reads the output"
      ),
      (
        ExitCode.failure,
        "the address cannot be bound, no contact answered, another member has the name, or --control or --keys cannot be had"
      ),
      (ExitCode.usage, "the command line cannot be understood"),
      (ExitCode.interrupted, "ended at once by a second signal"),
    ],
    example: """
      grapevine agent --bind 127.0.0.1:7946
      grapevine agent --bind 127.0.0.1:0 --join 127.0.0.1:7946
      grapevine agent --bind unix:/run/user/1000/cluster --join unix:/run/user/1000/cluster/1
      grapevine agent --dialect gossip-python --bind 127.0.0.1:7070 --join 127.0.0.1:8080
      grapevine agent --bind 0.0.0.0:7946 --name web-1 --tag role=web --data /var/lib/grapevine
      """)

  private static let tupleOptions = [
    Option(
      name: "--tuple-limit", placeholder: "N", value: .integer(16...1 << 24, default: TupleRules().capacity),
      help: "Tuples held at most, removed ones that are remembered among them; what is more is refused"),
    Option(
      name: "--tuple-bytes", placeholder: "BYTES",
      value: .integer(64 << 10...4 << 30, default: TupleRules().bytes),
      help: "Bytes of keys and values held at most"),
    Option(
      name: "--value-limit", placeholder: "BYTES",
      value: .integer(1...1 << 24 - 1, default: TupleRules().valueLimit),
      help: "The longest value of a tuple; all agents of a cluster choose the same"),
    Option(
      name: "--clock-skew", placeholder: "S", value: .real(0...86_400, default: 60),
      help: "Seconds by which other machines' clocks may be ahead; tuples that are dated later wait"),
    Option(
      name: "--tuple-horizon", placeholder: "S", value: .real(1...10_000_000, default: 86_400),
      help: "Seconds for which removed tuples are remembered for agents that are away"),
  ]

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    if let dialect = AgentDialect.named(arguments.text("--dialect")) {
      return try DialectCommand.main(dialect, arguments)
    }
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
    let code = Signals.wait(limit: limit) == nil ? ExitCode.success : ExitCode.interrupted
    agent.removeSockets()
    _exit(code)
  }
}
