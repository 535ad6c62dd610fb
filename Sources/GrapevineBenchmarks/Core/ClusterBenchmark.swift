// Clusters of real processes, through the same demo that users run.

enum ClusterBenchmark {
  static func report(into report: inout Report) throws {
    report.title("Clusters of processes on this machine, 100 messages 10 ms apart (`grapevine demo`)")
    try cluster(nodes: 8, loss: 0, into: &report)
    try cluster(nodes: 16, loss: 0, into: &report)
    try cluster(nodes: 64, loss: 0, into: &report)
    try cluster(nodes: 64, loss: 0.1, into: &report)
  }

  private static func cluster(nodes: Int, loss: Double, into report: inout Report) throws {
    let command = System.executableFolder + "grapevine"
    var lines: [String] = []
    for _ in 0..<3 {
      lines.append(
        try Child.lastLine(
          command, ["demo", "--nodes", "\(nodes)", "--messages", "100", "--loss", "\(loss)", "--json"],
          seconds: 180))
    }
    func values(_ name: String) -> [Double] { lines.map { Fields.number(name, in: $0) ?? .nan } }
    let name = "core.cluster\(nodes)" + (loss > 0 ? "loss\(Int(loss * 100))" : "")
    let coverage = zip(values("delivered"), values("expected")).map { $0 / $1 }
    report.add(Row("\(name).coverage", coverage, "of expected", reach: .atLeast(1), everyRun: true))
    report.add(
      Row("\(name).duplicates", values("duplicates"), "deliveries", reach: .atMost(0), everyRun: true))
    report.add(
      Row(
        "\(name).copies", values("copiesPerDelivery"), "copies/delivery",
        reach: nodes == 64 && loss == 0 ? .atMost(1.05) : .none,
        note: "the first message, which shapes the tree, included"))
    report.add(
      Row(
        "\(name).timeToAll", values("timeToAllMilliseconds"), "ms",
        reach: nodes == 64 ? .atMost(60) : .none, note: "median over the messages"))
    report.add(Row("\(name).bytes", values("bytesSent"), "bytes"))
  }
}
