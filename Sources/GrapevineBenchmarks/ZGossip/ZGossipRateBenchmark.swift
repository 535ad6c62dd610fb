// How fast tuples of ZGossip get to another process, and all of them to a newcomer: pairs of real nodes, of ours, and
// mixed ones, in turn, so that what else the machine does meets all.

enum ZGossipRateBenchmark {
  private static let runs = 5

  static func report(into report: inout Report) throws {
    let count = 200_000
    report.title(
      "ZGossip over tcp between two processes: \(count) tuples published, at most 1,000 undelivered")
    let peer = try RealPeers.program()
    var (real, own, toReal, fromReal): ([Double], [Double], [Double], [Double]) = ([], [], [], [])
    var (publishing, taking, allocations): ([Double], [Double], [Double]) = ([], [], [])
    for _ in 0..<runs {
      real.append(try Fields.needed("rate", in: Child.lastLine(peer, ["bench-pair", "\(count)"])))
      let taker = try Server(["role-zgossip-take", "\(count)"])
      let publisher = try Child(System.executable, ["role-zgossip-publish", taker.endpoint, "\(count)"])
      let gave = try publisher.answer("published ")
      let got = try taker.child.answer("has ")
      own.append(Double(count) / (try Fields.needed("at", in: got) - Fields.needed("began", in: gave)) * 1e9)
      publishing.append(try Fields.needed("cpu", in: gave) / Double(count))
      taking.append(try Fields.needed("cpu", in: got) / Double(count))
      allocations.append(try Fields.needed("allocations", in: gave) / Double(count))
      fromReal.append(try rateFromReal(peer, count))
      toReal.append(try rateToReal(count))
    }
    report.add(Row("zgossip.rate.real", real, "tuples/s", note: "a real pair, libczmq's"))
    report.add(Row("zgossip.rate.own", own, "tuples/s", note: "a pair of ours"))
    report.add(.ratio("zgossip.rate.ownToReal", own, real, reach: .atLeast(5), note: "ours to the real pair"))
    report.add(
      Row("zgossip.rate.publisherTime", publishing, "ns/tuple", note: "CPU of ours, kernel included"))
    report.add(Row("zgossip.rate.takerTime", taking, "ns/tuple", note: "the same"))
    report.add(
      Row(
        "zgossip.rate.allocations", allocations, "per tuple",
        note: "of the publishing process, application included"))
    report.add(
      .ratio(
        "zgossip.rate.takes", fromReal, real, reach: .atLeast(1),
        note: "a real one publishes to ours, to the real pair"))
    report.add(
      .ratio(
        "zgossip.rate.gives", toReal, real, reach: .atLeast(1),
        note: "ours publishes to a real one, to the real pair"))
  }

  /// A real node publishes to one of ours.
  private static func rateFromReal(_ peer: String, _ count: Int) throws -> Double {
    let taker = try Server(["role-zgossip-take", "\(count)"])
    let publisher = try Child(peer, ["rate-to", taker.endpoint, "\(count)"])
    let gave = try publisher.answer("rate-to ")
    let got = try taker.child.answer("has ")
    return Double(count) / (try Fields.needed("at", in: got) - Fields.needed("start", in: gave)) * 1e9
  }

  /// One of ours publishes to a real node.
  private static func rateToReal(_ count: Int) throws -> Double {
    let peer = try RealPeers()
    try peer.ask("set server/timeout 0")
    try peer.ask("publish own-0 0")
    let publisher = try Child(
      System.executable, ["role-zgossip-publish", try peer.bind(), "\(count)"])
    let waited = try peer.ask("wait \(count + 1) 60000").split(separator: " ")
    let gave = try publisher.answer("published ")
    guard waited.count == 4, Int(waited[1]) == count + 1, let end = Double(String(waited[3])) else {
      throw BenchmarkError("a real node waited for \(count + 1) tuples and said \(waited)")
    }
    return Double(count) / (end - (try Fields.needed("began", in: gave))) * 1e9
  }

  static func newcomers(into report: inout Report) throws {
    let count = 100_000
    report.title("A newcomer over tcp to a node of ZGossip with \(count) tuples, two processes")
    let peer = try RealPeers.program()
    var (real, own): ([Double], [Double]) = ([], [])
    for _ in 0..<runs {
      real.append(try Fields.needed("seconds", in: Child.lastLine(peer, ["bench-late", "\(count)"])))
      let holder = try Server(["role-zgossip-hold", "\(count)"])
      let newcomer = try Child(System.executable, ["role-zgossip-join", holder.endpoint, "\(count)"])
      own.append(try Fields.needed("elapsed", in: try newcomer.answer("has ")) / 1e9)
    }
    report.add(Row("zgossip.newcomer.real", real, "s", note: "a real pair: from CONNECT to the last DELIVER"))
    report.add(Row("zgossip.newcomer.own", own, "s", note: "a pair of ours, the same"))
    report.add(
      .ratio("zgossip.newcomer.ownToReal", own, real, reach: .atMost(0.25), note: "ours to the real pair"))
  }

  /// A node of ours that listens.
  private struct Server {
    let child: Child
    let endpoint: String

    init(_ arguments: [String]) throws {
      child = try Child(System.executable, arguments)
      endpoint = try child.answer("listening ")
    }
  }
}

extension Child {
  /// The next line that begins with `prefix`, without it.
  func answer(_ prefix: String) throws -> String {
    guard let line = line(after: prefix) else { throw BenchmarkError("a node did not say `\(prefix)`") }
    return line
  }
}

extension Fields {
  /// A number that must be there.
  static func needed(_ name: String, in line: String) throws -> Double {
    guard let number = number(name, in: line) else { throw BenchmarkError("no \(name) in: \(line)") }
    return number
  }
}

extension Row {
  /// The ratio of the medians, and the range of the ratios of runs that followed each other.
  static func ratio(
    _ id: String, _ own: [Double], _ others: [Double], reach: Reach, note: String
  ) -> Row {
    var row = Row(
      id, zip(own, others).map { $0 / $1 }, "times", reach: reach,
      note: note + "; range: of neighbouring runs")
    row.value = Row(id, own, "").value / Row(id, others, "").value
    return row
  }
}
