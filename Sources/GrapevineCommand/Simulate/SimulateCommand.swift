// `grapevine simulate`: a cluster in virtual time, seed after seed.

import GrapevineConsole
import GrapevineCore
import GrapevineSimulator
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Runs the reliability scenario for a range of seeds.
enum SimulateCommand {
  static let table = CommandLineTable(
    name: "simulate",
    summary: """
      Runs a cluster in virtual time on a network that loses, doubles, damages and reorders datagrams,
      splits and heals, while nodes crash and restart; then checks that everything arrived exactly once.
      A scenario file says other networks, faults and expectations.
      """,
    options: [
      Option(
        name: "--nodes", placeholder: "N", value: .integer(2...100_000, default: 200),
        help: "Nodes in the cluster"),
      Option(
        name: "--messages", placeholder: "N", value: .integer(1...100_000, default: 100),
        help:
          "Reliable messages that are broadcast during the faults; a tenth as many best-effort ones besides"),
      Option(
        name: "--senders", placeholder: "N", value: .integer(1...100_000, default: 5),
        help: "Nodes that broadcast, in bursts"),
      Option(
        name: "--fanout", placeholder: "N", value: .integer(1...56, default: 8),
        help: "Push to so many neighbours by rumour mongering; with few, repair has to reach the others",
        defaultText: "along Plumtree's tree"),
      Option(
        name: "--loss", placeholder: "P", value: .real(0...0.95, default: 0.3),
        help: "The probability that a datagram is lost, 0 to 0.95"),
      Option(
        name: "--crashes", placeholder: "SHARE", value: .real(0...0.9, default: 0.05),
        help: "Crashes as a share of the nodes, 0 to 0.9; half of them restart"),
      Option(
        name: "--partitions", placeholder: "N", value: .integer(0...10, default: 2),
        help: "Times that the network splits and heals, 0 to 10"),
      Option(
        name: "--seed", placeholder: "N", value: .integer(0...Int.max, default: 1), help: "The first seed"),
      Option(
        name: "--runs", placeholder: "N", value: .integer(1...1_000_000, default: 1),
        help: "Runs, each with the seed after that of the one before"),
      Option(
        name: "--jobs", placeholder: "N", value: .integer(1...256, default: cores),
        help: "Runs at the same time", defaultText: "the number of cores, \(cores) here"),
      Option(name: "--json", value: .flag, help: "Print one JSON object for each run and one as a summary"),
      Option(
        name: PapersCommand.flag, value: .flag,
        help: "Reproduce the papers' tables instead; 'grapevine simulate --papers --help' explains it"),
      Option(
        name: TupleCampaign.flag, value: .flag,
        help: "Put the map of tuples to the test instead; 'grapevine simulate --tuples --help' explains it"),
      Option(
        name: OrderCampaign.flag, value: .flag,
        help: "Put topics and order to the test instead; 'grapevine simulate --order --help' explains it"),
    ],
    operands: [
      Operand(name: "SCENARIO", help: "A file that says what happens and what is expected; see below")
    ],
    notes: """
      The same seed gives the same run on every machine, to the byte: its trace, a hash over everything that
      happened, is printed for a single run. A seed that fails is printed with the command that repeats it.

      With a scenario, only \(scenarioOptions.joined(separator: ", ")) are allowed besides. A scenario has one of
      these on each line, and # before comments; Docs/simulator.md explains them:

      """ + Scenario.grammar.map { "  \($0.usage)" }.joined(separator: "\n"),
    exitCodes: [
      (ExitCode.success, "every run kept every promise, or was as expected"),
      (ExitCode.failure, "the scenario cannot be read or understood, or the simulation not be set up"),
      (ExitCode.broken, "at least one run broke a promise, or was not as expected"),
      (ExitCode.usage, "the command line cannot be understood"),
    ],
    example: """
      grapevine simulate --nodes 200 --loss 0.3 --runs 100
      grapevine simulate Scenarios/wan.txt --seed 7
      """)

  /// The options that a scenario leaves to the command line.
  static let scenarioOptions = ["--seed", "--runs", "--jobs", "--json"]

  /// The processors of this machine that are in use.
  static let cores = max(1, min(256, sysconf(Int32(_SC_NPROCESSORS_ONLN))))

  static func main(_ list: [String]) throws(UsageError) -> Int32 {
    if list.contains(PapersCommand.flag) { return try PapersCommand.main(list) }
    if list.contains(TupleCampaign.flag) { return try TupleCommand.main(list) }
    if list.contains(OrderCampaign.flag) { return try OrderCommand.main(list) }
    guard let arguments = try table.parse(list) else { return Standard.output(table.help) }
    let seed = UInt64(arguments.integer("--seed"))
    let runs = arguments.integer("--runs")
    guard Int(seed) <= Int.max - runs else {
      throw table.failure("--seed is \(seed); with \(runs) runs it must be at most \(Int.max - runs)")
    }
    let jobs = min(runs, arguments.integer("--jobs"))
    let isJSON = arguments.has("--json")
    if let file = arguments.operand {
      if let option = table.options.first(where: {
        arguments.has($0.name) && !scenarioOptions.contains($0.name)
      }) {
        throw table.failure(
          "found \(option.name) with a scenario; allowed are \(scenarioOptions.joined(separator: ", "))")
      }
      guard let scenario = read(file) else { return ExitCode.failure }
      let batch = ScenarioBatch(scenario: scenario, seed: seed, runs: runs, jobs: jobs, isJSON: isJSON)
      Task { exit(await batch.run()) }
    } else {
      let batch = SimulationBatch(
        scenario: reliabilityScenario(arguments, seed: seed), runs: runs, jobs: jobs, isJSON: isJSON)
      Task { exit(await batch.run()) }
    }
    while true { pause() }
  }

  private static func reliabilityScenario(_ arguments: Arguments, seed: UInt64) -> ReliabilityScenario {
    var scenario = ReliabilityScenario()
    scenario.nodes = arguments.integer("--nodes")
    scenario.messages = arguments.integer("--messages")
    scenario.senders = arguments.integer("--senders")
    if arguments.has("--fanout") { scenario.fanout = arguments.integer("--fanout") }
    scenario.loss = arguments.real("--loss")
    scenario.crashes = arguments.real("--crashes")
    scenario.partitions = arguments.integer("--partitions")
    scenario.seed = seed
    return scenario
  }

  /// Reads a scenario and the files beside it that it names; says what is wrong with them and returns nil.
  private static func read(_ file: String) -> Scenario? {
    do throws(FileFailure) {
      let bytes = try readFile(file, limit: Scenario.bytesLimit)
      do throws(ScenarioError) {
        return try Scenario(parsing: bytes, file: file) { name in
          Result { () throws(FileFailure) in
            try readFile(path(of: name, besides: file), limit: Scenario.bytesLimit)
          }.mapError { FileProblem(reason: $0.reason) }
        }
      } catch {
        Standard.error("\(error)\n")
      }
    } catch {
      Standard.error(
        "grapevine simulate: found \(quoted(file)), \(error.reason); allowed is a file that can be read\n")
    }
    return nil
  }
}
