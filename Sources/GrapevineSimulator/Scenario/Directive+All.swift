// The table of directives: the parser, its messages and the help all read it.

import GrapevineCore

extension Directive {
  /// Every kind of line, in the order of the help.
  static let all: [Directive] = cluster + settings + membership + network + events + expectations

  /// The overlays that a scenario can name. One line adds one.
  static let overlays: [(word: String, kind: OverlayKind)] = [
    ("hyparview", .hyParView), ("full", .full), ("scamp", .scamp(ScampRules())),
  ]

  /// The ways of messages that a scenario can name. One line adds one.
  static let strategies: [(word: String, strategy: BroadcastStrategy)] = [
    ("plumtree", .plumtree), ("eager", .eager), ("rumour", .rumour(RumourRules())),
  ]

  /// Settings of the nodes: words that become values of their `Configuration`. One line adds one.
  static let settings: [Directive] = [
    setting(
      "overlay", [.place("kind", .word(overlays.map(\.word)))],
      "How nodes come by their neighbours; full and scamp want 'view' to be large enough"
    ) { values, configuration in
      let named = overlays.first { $0.word == values.text("kind") }
      configuration.overlay = named?.kind ?? configuration.overlay
    },
    setting(
      "broadcast", [.place("strategy", .word(strategies.map(\.word)))],
      "How messages travel: along a tree, pushed to the fanout for some rounds, or as rumours in cycles"
    ) { values, configuration in
      let named = strategies.first { $0.word == values.text("strategy") }
      configuration.broadcast = named?.strategy ?? configuration.broadcast
    },
    setting("fanout", [.place("count", .count(1...56))], "Neighbours to which 'broadcast eager' pushes") {
      $1.fanout = $0.integer("count")
    },
    setting("rounds", [.place("count", .count(1...15))], "Hops after which 'broadcast eager' pushes no more")
    {
      $1.rounds = $0.integer("count")
    },
    setting(
      "view", [.place("count", .count(1...56)), .keyword("accepts", .count(1...56))],
      "Neighbours a node wants, and how many it accepts (as many unless said)"
    ) {
      $1.viewTarget = $0.integer("count")
      $1.viewCapacity = $0.integer("accepts", or: $1.viewTarget)
    },
    setting("passive", [.place("count", .count(8...4_096))], "Other members that a node remembers") {
      $1.passiveCapacity = $0.integer("count")
    },
  ]

  static func setting(
    _ name: String, _ parts: [DirectivePart], _ help: String,
    _ apply: @escaping @Sendable (ScenarioValues, inout Configuration) -> Void
  ) -> Directive {
    Directive(name: name, parts: parts, help: help, meaning: .setup { apply($0, &$1.configuration) })
  }

  private static let cluster: [Directive] = [
    Directive(
      name: "nodes", parts: [.place("count", .count(2...Scenario.nodesLimit))],
      help: "Processes in the cluster; the one line that every scenario has",
      meaning: .setup { $1.nodes = $0.integer("count") }),
    Directive(
      name: "skew",
      parts: [.place("rate", .parts(0...500_000)), .keyword("offset", .anyTime)],
      help: "Each process' clock gains or loses up to so much, and is ahead by up to the offset",
      meaning: .setup {
        $1.skew = ClockSkew(partsPerMillion: $0.integer("rate"), offset: $0.time("offset") ?? 0)
      }),
  ]

  private static let network: [Directive] = [
    Directive(
      name: "latency uniform",
      parts: [
        .place("low", .anyTime), .place("high", .anyTime), .keyword("jitter", .share), .flag("per-datagram"),
      ],
      help: "Each link has its own delay between the two, or each datagram has",
      meaning: .network { (values, line) throws(ScenarioError) in
        let (low, high) = (values.duration("low"), values.duration("high"))
        guard low <= high else {
          throw line.refusal(found: "a longest delay below the shortest", allowed: "the shortest first")
        }
        let (isPerDatagram, jitter) = (values.has("per-datagram"), values.real("jitter"))
        guard !isPerDatagram || !values.has("jitter") else {
          throw line.refusal(found: "jitter and \"per-datagram\"", allowed: "one of the two")
        }
        return { model in
          model.latency = isPerDatagram ? .perDatagram : .uniform(low: low, high: high)
          (model.delayLow, model.delayHigh, model.jitter) = (low, high, jitter)
        }
      }),
    Directive(
      name: "latency fixed", parts: [.place("delay", .anyTime), .keyword("jitter", .share)],
      help: "Every link has this delay; jitter adds up to its share of it to each datagram",
      meaning: .network { (values, _) throws(ScenarioError) in
        let (delay, jitter) = (values.duration("delay"), values.real("jitter"))
        return { ($0.latency, $0.jitter) = (.fixed(delay), jitter) }
      }),
    Directive(
      name: "latency lognormal",
      parts: [
        .keyword("median", .anyTime, optional: false), .keyword("sigma", .decimal(0...3), optional: false),
        .keyword("cap", .anyTime), .keyword("jitter", .share),
      ],
      help: "Each link has its own delay, log-normally distributed, at most the cap (10 s unless said)",
      meaning: .network { (values, _) throws(ScenarioError) in
        let delay = LogNormalDelay(
          median: values.duration("median"), sigma: values.real("sigma"),
          cap: values.duration("cap", or: .seconds(10)))
        let jitter = values.real("jitter")
        return { ($0.latency, $0.jitter) = (.logNormal(delay), jitter) }
      }),
    Directive(
      name: "latency matrix",
      parts: [.place("file", .file), .keyword("sites", .list), .keyword("jitter", .share)],
      help: "Delays between sites from a CSV file; processes go round all sites, or round those named",
      meaning: .network { (values, line) throws(ScenarioError) in
        let sites = try line.sites(values.text("file") ?? "", list: values.text("sites"))
        let jitter = values.real("jitter")
        return { ($0.latency, $0.jitter) = (.sites(sites), jitter) }
      }),
    probability("loss", "The share of datagrams that are lost") { $0.loss = $1 },
    probability("duplicate", "The share of datagrams that arrive twice") { $0.duplication = $1 },
    probability("corrupt", "The share of datagrams of which bits are changed") { $0.corruption = $1 },
    probability("reorder", "The share of datagrams held back by up to ten times the delay") {
      $0.reordering = $1
    },
    Directive(
      name: "bandwidth",
      parts: [.place("rate", .rate), .keyword("queue", .size(2_048...1 << 30), optional: false)],
      help: "What leaves a process in a second, and how much waits before datagrams are dropped",
      meaning: .network { (values, _) throws(ScenarioError) in
        let link = Bandwidth(bytesPerSecond: values.integer("rate"), queueBytes: values.integer("queue"))
        return { $0.bandwidth = link }
      }),
    Directive(
      name: "buffer", parts: [.place("size", .size(2_048...1 << 30))],
      help: "How much waits for a paused process before datagrams are dropped (614400 unless said)",
      meaning: .network { (values, _) throws(ScenarioError) in
        let bytes = values.integer("size")
        return { $0.receiveBufferBytes = bytes }
      }),
  ]

  private static func probability(
    _ name: String, _ help: String, _ apply: @escaping @Sendable (inout NetworkModel, Double) -> Void
  ) -> Directive {
    Directive(
      name: name, parts: [.place("share", .share)], help: help,
      meaning: .network { (values, _) throws(ScenarioError) in
        let share = values.real("share")
        return { apply(&$0, share) }
      })
  }
}

extension ScenarioLine {
  /// Reads the file of a matrix and the list of sites in which processes live.
  fileprivate func sites(_ file: String, list: String?) throws(ScenarioError) -> SiteDelays {
    let bytes: [UInt8]
    switch readFile(file) {
    case .success(let read): bytes = read
    case .failure(let problem):
      throw refusal(found: "\(quoted(file)), \(problem.reason)", allowed: "a file that can be read")
    }
    var sites = try SiteDelays(csv: bytes, file: file)
    guard let list else { return sites }
    var assignment: [Int] = []
    for name in list.split(separator: ",", omittingEmptySubsequences: false) {
      guard let site = sites.names.firstIndex(where: { $0 == name }) else {
        throw refusal(found: "site \(quoted(name))", allowed: sites.names.joined(separator: ", "))
      }
      assignment.append(site)
    }
    sites.assignment = assignment
    return sites
  }
}
