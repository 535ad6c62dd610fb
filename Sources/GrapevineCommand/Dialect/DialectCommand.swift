// `grapevine agent --dialect`: its options, and the thread that waits for signals.

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

/// Runs a peer of another system.
enum DialectCommand {
  private static let understood: Set<String> = [
    "--dialect", "--bind", "--advertise", "--join", "--join-timeout", "--exit-at-end", "--json",
  ]

  static func main(_ dialect: AgentDialect, _ arguments: Arguments) throws(UsageError) -> Int32 {
    let options = try options(dialect, arguments)
    Signals.block()
    let console: DialectConsole
    do {
      console = DialectConsole(try EventLoop(name: "console"))
    } catch {
      Standard.error("grapevine agent: \(error)\n")
      return ExitCode.failure
    }
    let agent = dialect.makeAgent(options, console)
    Task(executorPreference: console.loop) { await agent.run() }
    _ = Signals.wait()
    Task(executorPreference: console.loop) { await agent.end(ExitCode.success) }
    // Parting takes no time on these wires; what still holds it up is whoever should read the output.
    _exit(Signals.wait(limit: .seconds(3)) == nil ? ExitCode.success : ExitCode.interrupted)
  }

  private static func options(
    _ dialect: AgentDialect, _ arguments: Arguments
  ) throws(UsageError) -> DialectOptions {
    for option in AgentCommand.table.options
    where !understood.contains(option.name) && arguments.has(option.name) {
      throw AgentCommand.table.failure("\(option.name) means nothing with --dialect \(dialect.name)")
    }
    var options = DialectOptions(
      dialect: dialect.name, bind: arguments.text("--bind"), contacts: arguments.list("--join"),
      exitsAtEnd: arguments.has("--exit-at-end"), isJSON: arguments.has("--json"))
    options.joinTimeout = .milliseconds(Int(arguments.real("--join-timeout") * 1_000))
    try AgentOptions.check("--bind", options.bind)
    for contact in options.contacts { try AgentOptions.check("--join", contact) }
    if arguments.has("--advertise") {
      do throws(AddressError) {
        options.advertised = try Endpoint(arguments.text("--advertise"))
      } catch {
        throw AgentCommand.table.failure("--advertise: \(error)")
      }
    }
    return options
  }
}

/// The thread that prints.
final class DialectConsole: Sendable {
  let loop: EventLoop

  init(_ loop: EventLoop) {
    self.loop = loop
  }
}
