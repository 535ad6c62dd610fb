// The benchmarks: every row of `make bench`.

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

@main
struct Main {
  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    // A caller-driven node is for programs with one thread, so it is measured in one: no pool is started.
    if let status = playAlone(arguments) { exit(status) }
    // Off the main actor: what runs there would change threads for every message.
    let status = await Task.detached { await run(arguments) }.value
    exit(status)
  }

  private static let help = """
    usage: grapevine bench [--only GROUP] [--json]

    Measures Grapevine on this machine and prints a row per figure: value, range of the runs, what is to be reached,
    whether it holds. Ratios are measured side by side with plain C programs in the same run. Takes a few minutes.

      --only GROUP   only this group: core, sealed, large, streams, pittacus, zgossip; or a part of one, such as core.flood
      --json         one JSON object a line per row: id, value, unit, low, high, reach, holds, note

    Environment: PITTACUS_ORIGINAL, the file of another libpittacus.so that pittacus.processes measures in turn with ours;
    GRAPEVINE_HOSTILE, how many hostile datagrams sealed.hostile sends, 400,000 by default.

    Exit codes: 0 every figure holds, 2 some fall short, 1 a benchmark could not run, 64 usage.
    """

  nonisolated static func run(_ arguments: [String]) async -> Int32 {
    do {
      if let role = arguments.first, role.hasPrefix("role-") {
        return try await play(role, arguments.dropFirst())
      }
      var json = false
      var only = ""
      var rest = arguments[...]
      while let argument = rest.popFirst() {
        switch argument {
        case "--json": json = true
        case "--only":
          guard let group = rest.popFirst() else {
            throw BenchmarkError("--only needs a group, for instance core")
          }
          only = group
        case "--help", "-h":
          System.print(help)
          return 0
        default:
          System.complain("grapevine bench: unknown option \(argument); see grapevine bench --help")
          return 64
        }
      }
      return try measure(only: only, json: json)
    } catch {
      System.complain("grapevine bench: \(error)")
      return 1
    }
  }

  /// The parts of the suite, by the beginning of their rows' names.
  private static let parts: [(name: String, run: @Sendable (inout Report) throws -> Void)] = [
    ("core.codec", CodecBenchmark.report), ("core.flood", FloodBenchmark.report),
    ("core.roundTrip", RoundTripBenchmark.report), ("core.cluster", ClusterBenchmark.report),
    ("core.members", MembersBenchmark.report), ("core.memory", MemoryBenchmark.report),
    ("core.simulator", SimulatorBenchmark.report),
    ("core.tuples.sketch", ReconciliationBenchmark.report),
    ("core.tuples.core", TupleCoreBenchmark.report), ("core.tuples.compare", TupleCompareBenchmark.report),
    ("core.tuples.rate", TupleRateBenchmark.report), ("core.tuples.newcomer", TupleRateBenchmark.newcomers),
    ("core.tuples.mesh", TupleMeshBenchmark.report), ("core.tuples.memory", TupleMemoryBenchmark.report),
    ("core.tuples.store", TupleStoreBenchmark.report),
    ("sealed.cost", SealedCostBenchmark.report), ("sealed.rate", SealedRateBenchmark.report),
    ("sealed.rotation", SealedRotationBenchmark.report), ("sealed.hostile", HostileBenchmark.report),
    ("large", LargeBenchmark.report), ("streams.rate", StreamBenchmark.rate),
    ("streams.cluster", StreamBenchmark.cluster),
    ("pittacus.codec", PittacusBenchmark.codec), ("pittacus.spread", PittacusBenchmark.spread),
    ("pittacus.rate", PittacusBenchmark.rate), ("pittacus.processes", PittacusProcesses.report),
    ("zgossip.rate", ZGossipRateBenchmark.report), ("zgossip.newcomer", ZGossipRateBenchmark.newcomers),
    ("zgossip.mesh", ZGossipMeshBenchmark.report), ("zgossip.mixed", ZGossipMixedBenchmark.report),
    ("zgossip.trouble", ZGossipMixedBenchmark.trouble),
    ("zgossip.malformed", ZGossipMalformed.report),
  ]

  private static func measure(only: String, json: Bool) throws -> Int32 {
    var report = Report(json: json)
    let chosen = parts.filter { only.isEmpty || $0.name.hasPrefix(only) || only.hasPrefix($0.name) }
    guard !chosen.isEmpty else {
      System.complain(
        "grapevine bench: no group \(only); there is " + parts.map(\.name).joined(separator: ", "))
      return 64
    }
    for part in chosen {
      do {
        try part.run(&report)
      } catch {
        report.add(Row(failed: part.name, because: error))
      }
    }
    if !json {
      System.print(
        report.failed.isEmpty
          ? "\nEvery figure holds." : "\nFalls short: " + report.failed.joined(separator: ", "))
    }
    return report.failed.isEmpty ? 0 : 2
  }

  /// Plays a role that needs no other thread than this one; nil when the arguments name none.
  private static func playAlone(_ arguments: [String]) -> Int32? {
    do {
      switch arguments.first {
      case "role-echo": try RoundTripRoles.echo()
      case "role-ping":
        guard arguments.count == 3, let rounds = Int(arguments[2]) else { return 64 }
        try RoundTripRoles.ping(arguments[1], rounds: rounds)
      default: return nil
      }
      return 0
    } catch {
      System.complain("grapevine bench: \(error)")
      return 1
    }
  }

  private static func play(_ role: String, _ words: ArraySlice<String>) async throws -> Int32 {
    let usage = BenchmarkError("\(role) is a part of a benchmark and not for use by hand")
    switch role {
    case "role-flood-receive":
      guard let setup = FloodSetup(words) else { throw usage }
      try await FloodRoles.receive(setup)
    case "role-flood-send":
      guard let address = words.first, let setup = FloodSetup(words.dropFirst()) else { throw usage }
      try await FloodRoles.send(to: address, setup)
    case "role-echo-async": try await RoundTripRoles.echoAsync()
    case "role-ping-async":
      guard words.count == 2, let address = words.first, let rounds = words.last.flatMap({ Int($0) }) else {
        throw usage
      }
      try await RoundTripRoles.pingAsync(address, rounds: rounds)
    case "role-large": try await LargeRoles.play(joining: words.first)
    case "role-many": try await MemoryBenchmark.many()
    case _ where role.hasPrefix("role-sealed-"):
      guard try await SealedRoles.play(role, words) else { throw usage }
    case _ where role.hasPrefix("role-zgossip-"):
      guard try await ZGossipRoles.play(role, words) else { throw usage }
    default: guard try await TupleRoles.play(role, words) else { throw usage }
    }
    return 0
  }
}
