// Nodes of ours among real ones: whether and when all hold the same.

enum ZGossipMixedBenchmark {
  static func report(into report: inout Report) throws {
    report.title(
      "Three real nodes of zgossip and three of ours over tcp, 1,000 tuples published by each at once")
    for shape in ["line", "ring"] {
      var (equal, told, seconds): ([Double], [Double], [Double]) = ([], [], [])
      for _ in 0..<3 {
        let line = try Child.lastLine(System.executable, ["role-zgossip-shape", shape, "1000"])
        equal.append(try Fields.needed("equal", in: line))
        told.append(try Fields.needed("told", in: line))
        seconds.append(try Fields.needed("seconds", in: line))
      }
      let id = "zgossip.mixed.\(shape)"
      report.add(
        Row(
          id + ".equal", equal, "nodes", reach: .atLeast(6), everyRun: true,
          note: "that hold all 6,000 tuples"))
      report.add(
        Row(
          id + ".told", told, "per tuple", reach: .atMost(1), everyRun: true,
          note: "deliveries at each of ours"))
      report.add(Row(id + ".seconds", seconds, "s", note: "until the last node has all"))
    }
    report.title("A node with 1,000 tuples ends and starts anew, until all hold the same again")
    for (role, who) in [
      ("realClient", "a real one, which connects to ours"),
      ("realServer", "a real one, which ours connects to"),
      ("ownClient", "ours, which connects to a real one"),
      ("ownServer", "ours, which a real one connects to"),
    ] {
      var seconds: [Double] = []
      for _ in 0..<3 {
        let line = try Child.lastLine(System.executable, ["role-zgossip-restart", role])
        seconds.append(try Fields.needed("seconds", in: line))
      }
      report.add(
        Row("zgossip.mixed.restart.\(role)", seconds, "s", reach: .atMost(5), everyRun: true, note: who))
    }
  }

  static func trouble(into report: inout Report) throws {
    report.title(
      "What goes wrong between real nodes of zgossip: 5 s of quiet and then 1,000 tuples; one key, two values"
    )
    for (role, who) in [
      ("real", "a real client to a real server, at their defaults"),
      ("client", "ours to a real server"), ("server", "ours to a real client"),
    ] {
      let line = try Child.lastLine(System.executable, ["role-zgossip-idle", role])
      report.add(
        Row(
          "zgossip.trouble.idle.\(role)", [try Fields.needed("lost", in: line)], "lost",
          reach: role == "real" ? .none : .atMost(0), note: "of 1,000; " + who))
    }
    for (role, who) in [
      ("real", "two real ones"), ("own", "two of ours"), ("client", "ours and its real server"),
      ("server", "ours and its real client"),
    ] {
      let line = try Child.lastLine(System.executable, ["role-zgossip-conflict", role])
      // Which values two real ones have is a matter of the moment: they swap them without end.
      let isReal = role == "real"
      if !isReal {
        report.add(
          Row(
            "zgossip.trouble.conflict.\(role)", [try Fields.needed("agree", in: line)], "of 20",
            reach: .atLeast(20), note: "keys on which both agree after two values at once; " + who))
      }
      report.add(
        Row(
          "zgossip.trouble.flaps.\(role)", [try Fields.needed("flaps", in: line)], "deliveries",
          reach: isReal ? .none : .atMost(0), note: "in 2 s, 2 s after that; " + who))
    }
  }
}
