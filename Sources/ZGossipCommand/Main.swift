// The program `grapevine-zgossip`, and the thread that waits for signals.

import GrapevineConsole
import GrapevineTransport
import ZGossipNode

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Where the program starts. The main thread waits for signals; everything else has threads of its own.
@main
enum Main {
  static func main() {
    // A reader that goes away is an error of `write`, not the end of the process.
    signal(SIGPIPE, SIG_IGN)
    do throws(UsageError) {
      exit(try run(Array(CommandLine.arguments.dropFirst())))
    } catch {
      Standard.error(error.text)
      exit(ExitCode.usage)
    }
  }

  private static func run(_ list: [String]) throws(UsageError) -> Int32 {
    if list.first == "--version" { return Standard.output("grapevine-zgossip \(Release.version)\n") }
    guard let arguments = try ZGossipOptions.table.parse(list) else {
      return Standard.output(ZGossipOptions.table.help)
    }
    let options = try ZGossipOptions(arguments)
    if let file = options.newKeys { return makeKeys(file) }
    Signals.block()
    let session: Session
    do {
      session = try Session(options)
    } catch {
      Standard.error("grapevine zgossip: \(error)\n")
      return ExitCode.failure
    }
    session.start()
    _ = Signals.wait()
    session.closeNow()
    session.endSoon(ExitCode.success)
    // Beyond the time that others have, what still holds it up is whoever should read the output.
    return Signals.wait(limit: options.linger + .seconds(2)) == nil
      ? ExitCode.success : ExitCode.interrupted
  }

  private static func makeKeys(_ file: String) -> Int32 {
    do {
      return Standard.output("\(try CurveCertificate.make(file: file))\n")
    } catch {
      Standard.error("grapevine zgossip: --curve-new: \(error)\n")
      return ExitCode.failure
    }
  }
}
