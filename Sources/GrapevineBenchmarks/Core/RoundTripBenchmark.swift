// How long one message takes to another process and back, beside a C ping-pong that waits the same way.

enum RoundTripBenchmark {
  private static let rounds = 5_000

  static func report(into report: inout Report) throws {
    report.title("One message there and back, idle cluster of two processes; the C ping-pong runs in between")
    var driven: [Double] = []
    var actors: [Double] = []
    var floors: [Double] = []
    var allocations: [Double] = []
    for _ in 0..<7 {
      let line = try exchange("role-echo", "role-ping")
      guard let median = Fields.number("median", in: line),
        let count = Fields.number("allocations", in: line),
        let datagrams = Fields.number("datagrams", in: line)
      else { throw BenchmarkError("the ping printed \(line)") }
      driven.append(median)
      allocations.append(count / datagrams)
      floors.append(try floor())
      let other = try exchange("role-echo-async", "role-ping-async")
      actors.append(Fields.number("median", in: other) ?? .nan)
    }
    report.add(Row("core.roundTrip.driven", driven, "ns", note: "median of \(rounds), caller-driven API"))
    report.add(Row("core.roundTrip.actor", actors, "ns", note: "the same through GossipNode on its executor"))
    report.add(Row("core.roundTrip.floor", floors, "ns", note: "C ping-pong over epoll"))
    report.add(
      Row(
        "core.roundTrip.ofFloor", zip(driven, floors).map { $0 / $1 }, "of the C ping-pong",
        reach: .atMost(1.15), note: "caller-driven"))
    report.add(Row("core.roundTrip.actorOfFloor", zip(actors, floors).map { $0 / $1 }, "of the C ping-pong"))
    report.add(
      Row(
        "core.roundTrip.allocations", allocations, "per datagram", reach: .atMost(0), everyRun: true,
        note: "core and transport, counted over \(rounds) round trips"))
  }

  private static func exchange(_ echoRole: String, _ pingRole: String) throws -> String {
    let echo = try Child(System.executable, [echoRole])
    guard let address = echo.line(after: "listening ", seconds: 10) else {
      throw BenchmarkError("the echoing process did not start")
    }
    let line = try Child.lastLine(System.executable, [pingRole, address, "\(rounds)"])
    echo.wait()
    return line
  }

  private static func floor() throws -> Double {
    guard let folder = System.floorFolder else {
      throw BenchmarkError("the C programs are missing: build them with `make -C Benchmarks/floor`")
    }
    let line = try Child.lastLine(
      folder + "pingpong", ["--size", "\(RoundTripRoles.size)", "--rounds", "\(rounds)", "--wait", "epoll"])
    guard let median = Fields.number("medianNanoseconds", in: line) else {
      throw BenchmarkError("pingpong: \(line)")
    }
    return median
  }
}
