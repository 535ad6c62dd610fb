// News of members and messages of users on the same links: a crowd that talks while some come and go.

import GrapevineCore

extension EnduranceTables {
  private static let crowdMembers = 2_000
  /// Messages a second, seconds, and members that send in turn.
  private static let crowdRate = 1_000
  private static let crowdSeconds = 60
  private static let crowdSenders = 10
  /// One crashes and one starts in so many seconds.
  private static let churnSeconds = 3

  static let crowd = PaperTable(
    id: "crowd",
    title: "2,000 members and 1,000 messages a second",
    source: "no paper: whether news of members and messages of users are in each other's way",
    setup: """
      2,000 whole nodes with every default but larger logs, all members known. Ten of them broadcast 1,000 messages of \
      64 bytes a second together, for 60 s; every three seconds one other member crashes and a new one joins. Delivered is \
      the share over all messages and all members that were there from before the first message to the end. What the list \
      of members sends is found by running the same without messages, with the list and without it: where messages \
      flow, news travel with them and cost no more.
      """,
    experiments: [crowdExperiment],
    rows: [
      PaperRow(
        "delivered, %", experiment: "crowd-all", value: "delivered", limit: "100", reach: .atLeast(100)),
      PaperRow(
        "messages that senders could not take", experiment: "crowd-all", value: "refused", limit: "0",
        reach: .atMost(0)),
      PaperRow(
        "seconds until everybody knows who is there, after the last change", experiment: "crowd-all",
        value: "seconds", reach: .shown),
      PaperRow(
        "events that say that a member failed which runs", experiment: "crowd-all", value: "flaps",
        limit: "0", reach: .atMost(0)),
      PaperRow(
        "bytes sent per node and second", experiment: "crowd-all", value: "bytes", reach: .shown),
      PaperRow(
        "of these for the list of members", experiment: "crowd-all", value: "memberBytes", reach: .shown),
      PaperRow(
        "of these for the list of members, %", experiment: "crowd-all", value: "share", reach: .shown),
    ])

  private static let crowdExperiment = PaperExperiment(
    id: "crowd-all", title: "2,000 nodes, 1,000 messages a second", seeds: 1, isHeavy: true
  ) { seed, progress in
    var sample = PaperSample()
    let with = try talk(seed: seed, hasMembers: true, progress: { progress(0.9 * $0) })
    let quiet = try talk(rate: 0, seed: seed, hasMembers: true, progress: { progress(0.9 + 0.05 * $0) })
    let without = try talk(rate: 0, seed: seed, hasMembers: false, progress: { progress(0.95 + 0.05 * $0) })
    sample.values["delivered"] = 100 * with.delivered
    sample.values["refused"] = Double(with.refused)
    sample.values["flaps"] = Double(with.flaps)
    sample.values["seconds"] = with.seconds
    sample.values["bytes"] = with.bytes
    sample.values["memberBytes"] = quiet.bytes - without.bytes
    sample.values["share"] = 100 * (quiet.bytes - without.bytes) / with.bytes
    return sample
  }

  /// What came of a crowd.
  struct Talk {
    /// The share of the deliveries to members that were there all the time.
    var delivered = 0.0
    /// Messages that no sender could take.
    var refused = 0
    var flaps = 0
    /// Bytes sent per node and second.
    var bytes = 0.0
    /// Seconds until all knew each other; nil when they did not in a minute.
    var seconds: Double?
  }

  static func talk(
    nodes: Int = crowdMembers, rate: Int = crowdRate, length: Int = crowdSeconds, seed: UInt64,
    hasMembers: Bool, progress: (Double) -> Void
  ) throws -> Talk {
    var lab = MembershipLab(nodes: nodes, seed: seed)
    lab.hasMembers = hasMembers
    lab.spare = length / churnSeconds + 1
    lab.logBytes = 1 << 20
    lab.logMessages = 8_192
    lab.streams = crowdSenders + 2
    // Ten seconds of a sender's messages.
    lab.sequenceWindow = 1_024
    let simulation = try lab.start()
    simulation.run(seconds: 5, progress: { _ in })
    var generator = Generator(seed: seed ^ 0x6372_6f77_64)
    let count = length / churnSeconds
    let drawn = Laboratory.draw(crowdSenders + count, of: simulation.running, using: &generator)
    let (senders, leaving) = (Array(drawn.prefix(crowdSenders)), Array(drawn.dropFirst(crowdSenders)))
    var talk = Talk()
    var received = [Int](repeating: 0, count: simulation.processCount)
    simulation.observer = { [unowned simulation] observation, _ in
      switch observation {
      case .delivery(let node, _, _, _, _): if node < received.count { received[node] += 1 }
      case .event(_, .member(.failed, _, let run, let endpoint)):
        let process = simulation.runningProcess(at: endpoint)
        if process.map({ simulation.identity(of: $0) == run }) ?? false { talk.flaps += 1 }
      case .event: break
      }
    }
    defer { simulation.observer = nil }
    let start = simulation.now
    let before = simulation.traffic.bytesSent
    for number in 0..<count {
      let time = start + UInt64(number * churnSeconds) * 1_000_000_000
      let contact = senders[number % senders.count]
      simulation.at(time) { simulation in
        simulation.crash(leaving[number])
        simulation.start(contacts: [contact])
      }
    }
    let payload = [UInt8](repeating: 7, count: 64)
    for number in 0..<rate * length {
      simulation.run(until: start + UInt64(number) * 1_000_000_000 / UInt64(rate))
      let sender = senders[number % senders.count]
      if simulation.broadcast(payload, from: sender) == nil { talk.refused += 1 }
      if number % rate == 0 { progress(0.9 * Double(number) / Double(rate * length)) }
    }
    simulation.run(until: start + UInt64(length) * 1_000_000_000)
    talk.bytes =
      Double(simulation.traffic.bytesSent &- before) / Double(nodes) / Double(length)
    settle(simulation, hasMembers: hasMembers, &talk, progress: { progress(0.9 + 0.1 * $0) })
    let gone = Set(leaving)
    let stable = (0..<nodes).filter { !gone.contains($0) }
    let sent = rate * length - talk.refused
    // Each sender has its own messages without being told of them.
    let deliveries = stable.reduce(0) { $0 + received[$1] }
    talk.delivered = Double(deliveries) / max(1, Double(sent) * Double(stable.count - 1))
    return talk
  }

  /// Waits for repair, and until all know each other.
  private static func settle(
    _ simulation: Simulation, hasMembers: Bool, _ talk: inout Talk, progress: (Double) -> Void
  ) {
    for second in 1...60 {
      simulation.run(seconds: 1, progress: { _ in })
      progress(Double(second) / 60)
      if hasMembers, talk.seconds == nil, simulation.isMembershipComplete() { talk.seconds = Double(second) }
      if second >= 15, !hasMembers || talk.seconds != nil { return }
    }
  }
}
