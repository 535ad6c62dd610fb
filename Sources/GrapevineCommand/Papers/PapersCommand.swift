// `grapevine simulate --papers`: the papers' tables, beside what the simulator measures.

import GrapevineConsole
import GrapevineSimulator
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Reads the command line and starts what it asks for.
enum PapersCommand {
  /// What chooses this command among the simulations.
  static let flag = "--papers"

  static let table = CommandLineTable(
    name: "simulate --papers",
    summary: """
      Reproduces tables of the papers on gossip: runs each experiment with many seeds and prints our figure
      with its 95 % confidence interval beside the paper's and beside what no protocol can do better.
      """,
    options: [
      Option(
        name: "--only", placeholder: "TABLE", value: .list,
        help: "Run this table alone; may be given several times"),
      Option(
        name: "--seeds", placeholder: "N", value: .integer(1...1_000_000, default: 1),
        help: "Runs of each experiment", defaultText: "as many as each table asks for"),
      Option(
        name: "--seed", placeholder: "N", value: .integer(0...Int.max, default: 1), help: "The first seed"),
      Option(
        name: "--jobs", placeholder: "N", value: .integer(1...256, default: SimulateCommand.cores),
        help: "Runs at the same time, at most one for each core",
        defaultText: "the number of cores, \(SimulateCommand.cores) here"),
      Option(name: "--list", value: .flag, help: "Print the tables and their experiments, and run nothing"),
      Option(name: "--json", value: .flag, help: "Print one JSON object for each row and one as a summary"),
      Option(name: "--samples", value: .flag, help: "With --json: also the figure of each seed"),
      Option(
        name: "--csv", value: .flag, help: "Print one line for each row, with commas between its fields"),
      Option(
        name: "--report", placeholder: "FILE", value: .text(default: ""),
        help: "Also write a page with all tables and plots, HTML in one file"),
    ],
    notes: """
      The same seeds give the same figures on every machine and with any --jobs, but for those of the machine itself: events a second and bytes. A row is reached ('yes') when
      the mean keeps its limit, or when the confidence interval holds the reference; 'open' when there are too
      few runs to say; 'shown' when nothing is asked of it.
      """,
    exitCodes: [
      (ExitCode.success, "every row is reached"),
      (ExitCode.failure, "the report or the output cannot be written"),
      (ExitCode.broken, "at least one row is not reached"),
      (ExitCode.usage, "the command line cannot be understood"),
      (ExitCode.interrupted, "interrupted; what is complete was printed"),
    ],
    example: "grapevine simulate --papers --report papers.html")

  /// Runs the command; `list` holds the flag that chose it.
  static func main(_ list: [String], tables: [PaperTable] = PaperTables.all) throws(UsageError) -> Int32 {
    let rest = list.filter { $0 != flag }
    guard let arguments = try table.parse(rest) else { return Standard.output(table.help) }
    let plan = try PapersPlan(arguments, tables: tables)
    if arguments.has("--list") { return Standard.output(plan.listing) }
    let report: ReportFile?
    do throws(ReportFileError) {
      report = try plan.reportPath.map { path throws(ReportFileError) in try ReportFile(path) }
    } catch {
      Standard.error("grapevine simulate: \(error.text)\n")
      return ExitCode.failure
    }
    // Before the first thread starts, so that the signals come to this one.
    Signals.block()
    let session = PapersSession(plan, report: report)
    Task { session.end(await session.run()) }
    while true {
      if let number = Signals.wait(limit: .seconds(1)) { session.interrupt(by: number) }
      session.tick()
    }
  }
}
