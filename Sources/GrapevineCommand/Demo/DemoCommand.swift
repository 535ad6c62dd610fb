// `grapevine demo`: its options.

import GrapevineConsole
import GrapevineCore
import GrapevineSecurity

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs a cluster of agents on this machine and reports what arrived when.
enum DemoCommand {
  static let table = CommandLineTable(
    name: "demo",
    summary: """
      Starts a cluster of agents, each a process of its own on 127.0.0.1, broadcasts messages
      and reports what arrived when.
      """,
    options: [
      Option(
        name: "--nodes", placeholder: "N", value: .integer(2...512, default: 8), help: "Agents, 2 to 512"),
      Option(
        name: "--messages", placeholder: "N", value: .integer(1...1_000_000, default: 100),
        help: "Messages to broadcast"),
      Option(
        name: "--rate", placeholder: "N", value: .real(0.01...1_000_000, default: 100),
        help: "Messages per second"),
      Option(
        name: "--size", placeholder: "BYTES", value: .integer(8...Configuration().payloadLimit, default: 64),
        help: "Bytes of a message, 8 to \(Configuration().payloadLimit)"),
      Option(
        name: "--loss", placeholder: "P", value: .real(0...0.95, default: 0),
        help: "The share of arriving datagrams that every agent drops, 0 to 0.95"),
      Option(
        name: "--senders", placeholder: "WHO", value: .choice(["one", "all"], default: "one"),
        help: "Who broadcasts: one agent, or all in turn"),
      Option(
        name: "--kill", value: .flag,
        help: "Kill one agent that is no sender when half of the messages are sent; only the others count"),
      Option(name: "--sealed", value: .flag, help: "Seal all that is sent, with a key drawn for this demo"),
      Option(
        name: "--transport", placeholder: "KIND",
        value: .choice(["udp", "tcp", "auto", "unix"], default: "udp"),
        help:
          "What carries datagrams: udp, tcp, auto, or unix: Unix sockets in a directory made for this demo"),
      Option(
        name: "--timeout", placeholder: "S", value: .real(0.1...86_400, default: 60),
        help:
          "Seconds to wait for all agents to be connected, and again for the last delivery after the last message"
      ),
      Option(name: "--json", value: .flag, help: "Print one JSON object instead of the table"),
    ],
    notes: """
      A message counts as delivered at its origin too, once the origin has taken it: messages x agents deliveries
      are expected, or messages x survivors with --kill. Times run from the moment that the origin took the message
      to its delivery at the first half, 99 % and all of the agents. Datagrams and bytes are those of the agents'
      whole lives, with joining and leaving, without headers of UDP and IP. A duplicate is a message that one agent
      delivered twice; copies are what the network brought, wanted or not.

      All agents have ended when the demo ends, also after Ctrl-C.
      """,
    exitCodes: [
      (ExitCode.success, "everything arrived, nothing twice"),
      (ExitCode.failure, "an agent could not be started, did not connect, or ended early"),
      (ExitCode.broken, "something did not arrive in time, or arrived twice or damaged"),
      (ExitCode.usage, "the command line cannot be understood"),
      (ExitCode.interrupted, "SIGINT came (143: SIGTERM)"),
    ],
    example: """
      grapevine demo --nodes 8 --messages 100
      grapevine demo --nodes 64 --loss 0.1 --kill --json
      """)

  /// Deliveries that one demo may watch. Chosen here: 256 MiB of memory for their times.
  private static let deliveriesLimit = 32 << 20

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    let options = DemoOptions(arguments)
    guard options.nodes * options.messages <= deliveriesLimit else {
      throw table.failure(
        "--messages is \(options.messages); with \(options.nodes) agents it must be at most "
          + "\(deliveriesLimit / options.nodes)")
    }
    guard !options.kills || options.nodes >= 3 else {
      throw table.failure(
        "--nodes is 2; with --kill it must be at least 3, so that somebody is left to listen")
    }
    let sizeLimit = Configuration().payloadLimit - SealedFrame.overhead
    guard !options.isSealed || options.size <= sizeLimit else {
      throw table.failure("--size is \(options.size); with --sealed it must be at most \(sizeLimit)")
    }
    Signals.block()
    let demo = Demo(options)
    do throws(DemoFailure) {
      return try demo.run()
    } catch {
      if let text = error.text { Standard.error("grapevine demo: \(text)\n") }
      return error.exitCode
    }
  }
}

/// What a demo was asked to show.
struct DemoOptions: Sendable {
  var nodes: Int
  var messages: Int
  var rate: Double
  var size: Int
  var loss: Double
  var sendersAreAll: Bool
  var kills: Bool
  var isSealed: Bool
  var transport: String
  var timeout: Double
  var isJSON: Bool

  init(_ arguments: Arguments) {
    nodes = arguments.integer("--nodes")
    messages = arguments.integer("--messages")
    rate = arguments.real("--rate")
    size = arguments.integer("--size")
    loss = arguments.real("--loss")
    sendersAreAll = arguments.text("--senders") == "all"
    kills = arguments.has("--kill")
    isSealed = arguments.has("--sealed")
    transport = arguments.text("--transport")
    timeout = arguments.real("--timeout")
    isJSON = arguments.has("--json")
  }
}

/// Why a demo came to no result.
enum DemoFailure: Error {
  case interrupted(Int32)
  case notConnected(connected: Int, of: Int, seconds: Double)
  case agentEnded(Int, status: String)
  case agentOutput(Int, reason: String)
  case system(call: String, error: Int32)
  case descriptors(needed: Int, limit: Int)
  case keys(SecurityError)

  var exitCode: Int32 {
    guard case .interrupted(let signal) = self else { return ExitCode.failure }
    return 128 + signal
  }

  /// What happened and what to do; nil when the user knows.
  var text: String? {
    switch self {
    case .interrupted: nil
    case .notConnected(let connected, let nodes, let seconds):
      "only \(connected) of \(nodes) agents were connected after \(Fixed.short(seconds)) s; "
        + "allow more with --timeout, or start fewer with --nodes"
    case .keys(let error): "\(error)"
    case .agentEnded(let index, let status): "agent \(index) ended early: \(status)"
    case .agentOutput(let index, let reason): "agent \(index) printed what cannot be understood: \(reason)"
    case .system(let call, let error): "\(call) failed: \(String(cString: strerror(error))) (error \(error))"
    case .descriptors(let needed, let limit):
      "\(needed) open files are needed and \(limit) are allowed: raise the limit with ulimit -n, or use fewer --nodes"
    }
  }
}
