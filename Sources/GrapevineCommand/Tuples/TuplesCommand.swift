// `grapevine tuples`: its verbs, and how it ends.

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

/// Reads and writes the tuples of a running agent.
enum TuplesCommand {
  /// What becomes of a call, for scripts.
  enum Code {
    static let done = ExitCode.success
    static let failed = ExitCode.failure
    /// As of `grep` and `diff`, so that a script need not know which command it was that it misused.
    static let usage: Int32 = 2
    static let noSuchTuple: Int32 = 3
    static let conditionNotMet: Int32 = 4
  }

  /// Milliseconds for an agent to answer what it has in memory. Chosen here: far beyond what one needs that runs.
  private static let readPatience: Int32 = 10_000
  /// Milliseconds for an agent to write. Chosen here: neighbours and a slow disk may keep it waiting.
  private static let writePatience: Int32 = 60_000
  /// The longest line about a tuple: the longest value of all, each byte as `\u00XX`, and the rest.
  private static let lineLimit = 6 << 24 + 64 << 10

  static func main(_ list: [String]) -> Int32 {
    do throws(UsageError) {
      switch list.first {
      case "--help", "-h", "help": return Standard.output(help)
      case let name?:
        guard let verb = TuplesVerb(rawValue: name) else {
          throw UsageError(
            command: "tuples", message: "unknown verb \(quoted(name)); allowed are \(TuplesVerb.names)")
        }
        guard let arguments = try verb.table.parse(Array(list.dropFirst())) else {
          return Standard.output(verb.table.help)
        }
        return run(try TuplesCall(verb, arguments))
      case nil:
        throw UsageError(command: "tuples", message: "a verb is missing; allowed are \(TuplesVerb.names)")
      }
    } catch {
      Standard.error(error.text)
      return Code.usage
    }
  }

  private static let help = """
    Reads and writes tuples, the key/value map that all agents of a cluster share, through an agent that runs
    on this machine.

    Usage: grapevine tuples VERB [OPTION]...

    Verbs:
    \(TuplesVerb.allCases.map { "  " + padded($0.rawValue, 11) + $0.meaning }.joined(separator: "\n"))

    'grapevine tuples VERB --help' explains a verb.

    Every agent has the whole map and answers from its own copy, so what one has written another one may not know
    for a moment. Of two writes of one key, the one with the greater version counts everywhere in the end.

    Exit codes:
    \(exitCodes.map { "  " + padded("\($0.code)", 4) + $0.meaning }.joined(separator: "\n"))

    Example:
      grapevine tuples put service/web 10.0.0.4:80 --expires 30s
      grapevine tuples get service/web
      grapevine tuples watch service/

    """

  static let exitCodes: [(code: Int32, meaning: String)] = [
    (Code.done, "done"),
    (
      Code.failed,
      "failed: no agent answers, it refused, or it could not write to its disk; standard error says which"
    ),
    (Code.usage, "the command line cannot be understood"),
    (Code.noSuchTuple, "there is no such tuple (get, remove)"),
    (Code.conditionNotMet, "the condition does not hold (--if-absent, --if-version); nothing was written"),
  ]

  private static func run(_ call: TuplesCall) -> Int32 {
    guard call.verb == .watch else { return ask(call) }
    // Another thread reads and prints; this one waits for whoever ends the watch.
    Signals.block()
    do {
      let loop = try EventLoop(name: "tuples")
      Task.detached(executorPreference: loop) { _exit(ask(call)) }
      _ = Signals.wait()
      _exit(Code.done)
    } catch {
      Standard.error("grapevine tuples watch: \(error)\n")
      return Code.failed
    }
  }

  /// Asks the agent and prints what it says until that is enough.
  private static func ask(_ call: TuplesCall) -> Int32 {
    var output = TuplesOutput(call)
    do throws(ControlFailure) {
      let request = try call.request()
      let path = try MembersCommand.path(of: call.agent)
      let connection = try ControlConnection(
        path: path, request: request.line, value: request.value, lineLimit: lineLimit)
      let patience = call.verb == .put || call.verb == .remove ? writePatience : readPatience
      while true {
        guard let line = try connection.next(within: output.hasEnd ? nil : patience) else {
          // It also lets go of a watch that takes nothing for its patience.
          throw ControlFailure(
            "the agent at \(path) has gone away"
              + (output.hasEnd ? ", or waited too long for this output to be read" : ""))
        }
        if let code = try output.take(line) { return code }
      }
    } catch {
      Standard.error("grapevine tuples \(call.verb.rawValue): \(error)\n")
      return Code.failed
    }
  }
}
