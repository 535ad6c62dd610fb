// The command `grapevine`: which of its commands is meant.

import GrapevineConsole

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where the program starts.
///
/// `main` is synchronous: the main thread waits for signals or reads pipes, and an idle agent starts no pool
/// of threads.
@main
enum Main {
  static func main() {
    exit(run(Array(CommandLine.arguments.dropFirst())))
  }

  /// Runs the command that `arguments` name and returns its exit code.
  private static func run(_ arguments: [String]) -> Int32 {
    // A reader that goes away is an error of `write`, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    guard let name = arguments.first else {
      Standard.error(help)
      return ExitCode.usage
    }
    let rest = Array(arguments.dropFirst())
    do throws(UsageError) {
      switch name {
      case "agent": return try AgentCommand.main(rest)
      case "members": return try MembersCommand.main(rest)
      case "tuples": return TuplesCommand.main(rest)
      case "send": return try SendCommand.main(rest)
      case "ask": return try AskCommand.main(rest)
      case "keygen": return try KeygenCommand.main(rest)
      case "keys": return try KeysCommand.main(rest)
      case "bridge": return try BridgeCommand.main(rest)
      case "demo": return try DemoCommand.main(rest)
      case "simulate": return try SimulateCommand.main(rest)
      case "zgossip": return ZGossipCommand.main(rest)
      case "bench": return BenchCommand.main(rest)
      case "--help", "-h", "help": return Standard.output(help)
      case "--version": return Standard.output("grapevine \(Release.version)\n")
      default:
        throw UsageError(
          command: nil,
          message:
            "unknown command \(quoted(name)); allowed are agent, members, tuples, send, ask, keygen, keys, bridge, "
            + "zgossip, demo, simulate and bench"
        )
      }
    } catch {
      Standard.error(error.text)
      return ExitCode.usage
    }
  }

  private static let help = """
    grapevine: reliable gossip between processes

    Usage: grapevine COMMAND [OPTION]...

    Commands:
      agent      Run one member of a cluster: broadcast the lines of standard input, print deliveries
      members    Ask a running agent who is in its cluster
      tuples     Read and write the key/value map that the agents of a cluster share
      send       Have a running agent send a message to one member or to all
      ask        Have a running agent ask other members something, and print their answers
      keygen     Draw a key with which the agents of a cluster seal what they send
      keys       Show and change the keys of a running agent
      bridge     Carry messages between clusters of different systems
      zgossip    Run a node of zgossip: share tuples with CZMQ's nodes and with its own kind over ZeroMQ
      demo       Start a cluster of agents on this machine, broadcast, and report what arrived when
      simulate   Run a cluster in virtual time on a network that loses, splits and crashes
      bench      Measure Grapevine on this machine

    Options:
      --help     Print this help; `grapevine COMMAND --help` explains a command
      --version  Print the version

    Exit codes:
      0   success
      1   failure while running, such as a port in use
      2   the demo or simulation ran, but not everything arrived exactly once
      64  the command line cannot be understood
    Those of 'grapevine tuples' are its own; its --help has them.

    Example:
      grapevine demo --nodes 8 --messages 100

    """
}
