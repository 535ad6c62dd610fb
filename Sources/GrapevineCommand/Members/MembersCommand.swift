// `grapevine members`: its options, and whom it asks.

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

/// Asks a running agent who is in the cluster.
enum MembersCommand {
  static let table = CommandLineTable(
    name: "members",
    summary: "Asks an agent that runs on this machine who is in its cluster.",
    options: [
      .agent,
      Option(
        name: "--tag", placeholder: "KEY[=VALUE]", value: .list,
        help:
          "Only members that have the tag, with that value if there is one; given several times, all of them"),
      Option(
        name: "--status", placeholder: "LIST", value: .text(default: ""),
        help: "Only members of whom this is thought, with commas in between: alive, suspect, failed, left",
        defaultText: "all"),
      Option(name: "--watch", value: .flag, help: "Then print what becomes of members, until Ctrl-C"),
      .agentJSON,
    ],
    notes: """
      The table has a line for each member that the agent knows, and says how many there are of all, shown or not. An
      asterisk stands before the agent itself. INCARNATION is how often a member has announced itself, SINCE how long its
      status is what it is. Control characters in what others chose are shown as \\xNN. Local health is 0 for an agent that
      trusts its own view and grows to 8 while its own probes fail or it is accused wrongly.

      JSON: a line {"name": ..., "address": ..., "status": ..., ...} for each member, then {"end": true, "counts": ...,
      "localHealth": ...}, and with --watch a line {"event": "member", "change": ..., ...} for each change.
      """,
    exitCodes: [
      (ExitCode.success, "the list was printed; with --watch, SIGINT or SIGTERM came"),
      (ExitCode.failure, "no agent, several agents, no answer, or the agent went away during --watch"),
      (ExitCode.usage, "the command line cannot be understood"),
    ],
    example: """
      grapevine members
      grapevine members --agent 7946 --tag role=web --status alive --json
      grapevine members --watch
      """)

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    let filter = try filter(arguments)
    let (isJSON, isWatching) = (arguments.has("--json"), arguments.has("--watch"))
    let agent = arguments.text("--agent")
    guard isWatching else { return run(agent, MembersOutput(filter, isJSON: isJSON), isWatching: false) }
    // Another thread reads and prints; this one waits for whoever ends the watch.
    Signals.block()
    do {
      let loop = try EventLoop(name: "members")
      Task.detached(executorPreference: loop) {
        _exit(run(agent, MembersOutput(filter, isJSON: isJSON), isWatching: true))
      }
      _ = Signals.wait()
      _exit(ExitCode.success)
    } catch {
      Standard.error("grapevine members: \(error)\n")
      return ExitCode.failure
    }
  }

  /// The socket that `--agent` means.
  static func path(of agent: String, in place: ControlPlace = .standard) throws(ControlFailure) -> String {
    if agent.isEmpty { return try place.onlySocket() }
    if let place = ControlPlace.among(agent), let number = try? UnixAddress(agent).number, number != 0 {
      return place.path(number: number)
    }
    guard let port = UInt16(agent) else { return agent }
    return place.path(port: port)
  }

  static func filter(_ arguments: Arguments) throws(UsageError) -> MemberFilter {
    var filter = MemberFilter()
    for tag in arguments.list("--tag") {
      let parts = tag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
      guard !parts[0].isEmpty else {
        throw table.failure("--tag is \(quoted(tag)); it must be KEY or KEY=VALUE")
      }
      filter.tags.append((key: parts[0], value: parts.count > 1 ? parts[1] : nil))
    }
    guard arguments.has("--status") else { return filter }
    for status in arguments.text("--status").split(separator: ",", omittingEmptySubsequences: false) {
      guard MemberRecord.statuses.contains(String(status)) else {
        throw table.failure(
          "--status has \(quoted(String(status))); allowed are \(MemberRecord.statuses.joined(separator: ", "))"
        )
      }
      filter.statuses.insert(String(status))
    }
    return filter
  }

  /// Milliseconds for the agent to go on with its list. Chosen here: far beyond what an agent needs that runs.
  private static let patience: Int32 = 10_000

  private static func run(_ agent: String, _ output: MembersOutput, isWatching: Bool) -> Int32 {
    do throws(ControlFailure) {
      let path = try path(of: agent)
      let connection = try ControlConnection(path: path, request: isWatching ? "watch" : "members")
      while true {
        guard let line = try connection.next(within: output.hasList ? nil : patience) else {
          throw ControlFailure("the agent at \(path) has gone away")
        }
        guard try output.take(line) else { return ExitCode.success }
        if output.hasList, !isWatching { return ExitCode.success }
      }
    } catch {
      Standard.error("grapevine members: \(error)\n")
      return ExitCode.failure
    }
  }
}
