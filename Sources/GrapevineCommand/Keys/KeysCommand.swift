// `grapevine keys`: its options, and what it does to a file or asks of an agent.

import GrapevineConsole
import GrapevineSecurity

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Shows and changes the keys of a running agent or of a file.
enum KeysCommand {
  static let table = CommandLineTable(
    name: "keys",
    summary: """
      Shows and changes the keys with which a running agent, or the agents that will use a file, seal what they
      send. Keys are shown by name only.
      """,
    options: [
      .agent,
      Option(
        name: "--file", placeholder: "FILE", value: .text(default: ""),
        help: "Change this file of keys, of an agent that does not run, and ask no agent", defaultText: "none"
      ),
      Option(name: "--json", value: .flag, help: "Print JSON, one object a line"),
    ],
    operands: [
      Operand(
        name: "VERB", help: "list, install FILE, use KEY, retire KEY, or policy STEP", isRequired: true),
      Operand(name: "WHAT", help: "The file, the key's name or the step"),
    ],
    notes: """
      list      Show the names of the keys; an asterisk stands before the one that seals.
      install   Add the keys of a file, which 'grapevine keygen' wrote: they open from now on.
      use       Seal with that key from now on. Do so once every member has it.
      retire    Take that key away, for good. Do so once every member seals with another one, and what was sealed with
                it has arrived.
      policy    Ask for, or with a step change, what a running agent sends and accepts: require-plain, send-plain
                (accepts both), send-sealed (accepts both), require-sealed. Members at neighbouring steps understand each
                other. It is not kept in the file: give --plaintext when the agent starts again.

      A running agent reads the file itself, so name one that its user can read, and keeps every change in the file of its
      --keys before it counts. A cluster changes its key without losing a message in three steps, each on all members
      before the next: install, use, retire. A member that was away comes back by itself as long as it has a key that
      seals for others, and others still open what it seals; after that, install the new key into its file and use it
      there: 'grapevine keys install NEW --file FILE', then use and retire.
      """,
    exitCodes: [
      (ExitCode.success, "done"),
      (ExitCode.failure, "no agent answers, it has no keys, or the keys or their file do not allow it"),
      (ExitCode.usage, "the command line cannot be understood"),
    ],
    example: """
      grapevine keygen new-key
      grapevine keys install new-key --agent 7946
      grapevine keys use 1fa7bbf0 --agent 7946
      grapevine keys retire ff78c930 --agent 7946
      grapevine keys list --file /etc/grapevine/keys
      """)

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    guard !arguments.has("--agent") || !arguments.has("--file") else {
      throw table.failure("--agent and --file exclude each other: the keys of an agent, or those of a file")
    }
    let change = try KeysChange(arguments.operands)
    do {
      let state =
        arguments.has("--file")
        ? try change.apply(toFile: arguments.text("--file"))
        : try ask(arguments.text("--agent"), change)
      return Standard.output(arguments.has("--json") ? state.json : state.text)
    } catch {
      Standard.error("grapevine keys: \(error)\n")
      return ExitCode.failure
    }
  }

  /// Milliseconds for an agent to write its file. Chosen here: far beyond what a slow disk needs.
  private static let patience: Int32 = 30_000

  private static func ask(_ agent: String, _ change: KeysChange) throws(ControlFailure) -> KeysState {
    let path = try MembersCommand.path(of: agent)
    let words = ["keys"] + change.words { absolute($0) }
    let connection = try ControlConnection(
      path: path, request: words.map { ControlRequest.escaped($0) }.joined(separator: " "))
    guard let line = try connection.next(within: patience) else {
      throw ControlFailure("the agent at \(path) has gone away")
    }
    guard let value = try? JSONReader.read(line[...]) else {
      throw ControlFailure("what answers is no agent: it sent what is no JSON")
    }
    if let reason = value["error"]?.text {
      throw ControlFailure("the agent says: \(Terminal.printable(reason))")
    }
    guard let state = KeysState(value) else {
      throw ControlFailure("the agent's answer cannot be understood")
    }
    return state
  }

  /// The name of a file as an agent in another directory finds it.
  private static func absolute(_ path: String) -> String {
    guard !path.hasPrefix("/"), let here = getcwd(nil, 0) else { return path }
    defer { free(here) }
    return String(cString: here) + "/" + path
  }
}
