// Plumtree: how many copies the tree costs, how deep it is, and what loss and crashes do to it.

import GrapevineCore

/// The tables of Plumtree (Leitão, Pereira, Rodrigues, SRDS 2007).
enum PlumtreeTables {
  static let all = PaperTable(
    id: "plumtree",
    title: "Plumtree: redundancy and depth",
    source: "Leitão, Pereira, Rodrigues: Epidemic Broadcast Trees, SRDS 2007, §4",
    setup: """
      10,000 whole nodes on HyParView as grown above with 10 cycles and 5 contacts that everyone knows and that do \
      not crash; the one sender is one of them, with a delay of 1 ms on every link, so that \
      hops are milliseconds. A first message shapes the tree and is not counted. Then 10 messages half a second \
      apart; then 10 more while 5 % of all datagrams are lost; then half of the nodes crash at once and 8 more follow, \
      one a second, the first at once. RMR is copies sent / (n - 1) - 1, with \
      copies sent again after a loss and copies that were lost counted. 1,000 senders broadcast one message each, 10 ms \
      apart.
      """,
    experiments: [tree, fewer, many, flood],
    rows: [
      PaperRow(
        "one sender: RMR", experiment: "plumtree-tree", value: "one.rmr", paper: "about 0 [M]", limit: "0",
        reach: .atMost(0.01)),
      PaperRow(
        "one sender: last hop", experiment: "plumtree-tree", value: "one.hop", paper: "flood 8.30 [R]",
        limit: "7",
        reach: .atMost(9)),
      PaperRow(
        "one sender: delivered, %", experiment: "plumtree-tree", value: "one.delivered", limit: "100",
        reach: .atLeast(100)),
      PaperRow(
        "1,000 senders among 1,000: RMR", experiment: "plumtree-many-1k", value: "many.rmr", limit: "0",
        reach: .atMost(0.1)),
      PaperRow(
        "1,000 senders among 1,000: delivered, %", experiment: "plumtree-many-1k", value: "many.delivered",
        limit: "100", reach: .atLeast(100)),
      PaperRow(
        "1,000 senders: RMR", experiment: "plumtree-many", value: "many.rmr", paper: "small [M]", limit: "0",
        reach: .atMost(0.1)),
      PaperRow(
        "1,000 senders: delivered, %", experiment: "plumtree-many", value: "many.delivered", limit: "100",
        reach: .atLeast(100)),
      PaperRow("1,000 senders: last hop", experiment: "plumtree-many", value: "many.hop", reach: .shown),
      PaperRow(
        "5 % loss: RMR", experiment: "plumtree-tree", value: "lossy.rmr", limit: "1 / 0.95 - 1 = 0.053",
        reach: .atMost(0.15)),
      PaperRow(
        "5 % loss: delivered, %", experiment: "plumtree-tree", value: "lossy.delivered", limit: "100",
        reach: .atLeast(100)),
      PaperRow(
        "50 % crash: RMR of message 1", experiment: "plumtree-tree", value: "crashed.rmr1",
        paper: "about the flood's 3 [M]", reach: .shown),
      PaperRow(
        "50 % crash: RMR of message 5", experiment: "plumtree-tree", value: "crashed.rmr5",
        paper: "back in less than 10 cycles [M]", limit: "0", reach: .atMost(0.1)),
      PaperRow(
        "50 % crash: delivered, %", experiment: "plumtree-tree", value: "crashed.delivered", limit: "100",
        reach: .atLeast(100)),
      PaperRow(
        "for comparison, flooding: RMR", experiment: "plumtree-flood", value: "flood.rmr",
        paper: "3 [M], 2.998 [R]",
        reach: .shown),
      PaperRow(
        "for comparison, flooding: last hop", experiment: "plumtree-flood", value: "flood.hop",
        paper: "8.30 [R]",
        limit: "7", reach: .shown),
    ],
    plots: [
      PaperPlot(
        title: "Redundancy per message", xLabel: "message, counted from the first after the tree was shaped",
        yLabel: "RMR, copies per delivery less 1",
        series: [
          PaperSeries("one sender", .curve(experiment: "plumtree-tree", name: "one.rmr")),
          PaperSeries("5 % loss", .curve(experiment: "plumtree-tree", name: "lossy.rmr")),
          PaperSeries("after a 50 % crash", .curve(experiment: "plumtree-tree", name: "crashed.rmr")),
          PaperSeries("flooding", .curve(experiment: "plumtree-flood", name: "flood.rmr")),
        ]),
      PaperPlot(
        title: "Coverage of one message", xLabel: "hops (ms)", yLabel: "members reached, %",
        series: [
          PaperSeries("Plumtree", .curve(experiment: "plumtree-tree", name: "one.coverage")),
          PaperSeries("Plumtree, 5 % loss", .curve(experiment: "plumtree-tree", name: "lossy.coverage")),
          PaperSeries("flooding", .curve(experiment: "plumtree-flood", name: "flood.coverage")),
        ]),
    ])

  /// One cluster after the other: quiet, then with loss, then cut in half.
  static let tree = PaperExperiment(
    id: "plumtree-tree", title: "Plumtree, 10,000 nodes, one sender", seeds: 30
  ) { seed, progress in
    var laboratory = Laboratory(nodes: 10_000, seed: seed)
    laboratory.warmUp = 10
    laboratory.seeds = 5
    laboratory.keepalive = Configuration().keepaliveInterval
    let simulation = try laboratory.grow(progress: { progress(0.6 * $0) })
    var generator = Generator(seed: seed ^ 0x6861_6c66)
    let sender = generator.below(laboratory.seeds)
    var sample = PaperSample()

    var quiet = TreeRun(simulation, senders: [sender])
    quiet.shape()
    quiet.broadcast(10, apart: 500_000_000, progress: { progress(0.6 + 0.1 * $0) })
    quiet.report(as: "one", into: &sample)

    simulation.model.loss = 0.05
    var lossy = TreeRun(simulation, senders: [sender])
    lossy.broadcast(10, apart: 500_000_000, progress: { progress(0.7 + 0.1 * $0) })
    lossy.report(as: "lossy", into: &sample)

    simulation.model.loss = 0
    let candidates = Array(laboratory.seeds..<laboratory.nodes)
    for victim in Laboratory.draw(laboratory.nodes / 2, of: candidates, using: &generator) {
      simulation.crash(victim)
    }
    var halved = TreeRun(simulation, senders: [sender])
    halved.broadcast(8, apart: 1_000_000_000, progress: { progress(0.8 + 0.2 * $0) })
    halved.report(as: "crashed", into: &sample)
    simulation.observer = nil
    return sample
  }

  static let flood = PaperExperiment(id: "plumtree-flood", title: "Flooding, 10,000 nodes", seeds: 5) {
    seed, progress in
    var laboratory = Laboratory(nodes: 10_000, seed: seed)
    laboratory.warmUp = 10
    laboratory.broadcast = .eager
    let simulation = try laboratory.grow(progress: { progress(0.8 * $0) })
    var run = TreeRun(simulation, senders: [0])
    run.broadcast(10, apart: 500_000_000, progress: { progress(0.8 + 0.2 * $0) })
    var sample = PaperSample()
    run.report(as: "flood", into: &sample)
    simulation.observer = nil
    return sample
  }

  static let many = many(nodes: 10_000, id: "plumtree-many", seeds: 1, isHeavy: true)
  static let fewer = many(nodes: 1_000, id: "plumtree-many-1k", seeds: 30, isHeavy: false)

  private static func many(nodes: Int, id: String, seeds: Int, isHeavy: Bool) -> PaperExperiment {
    PaperExperiment(id: id, title: "Plumtree, \(nodes) nodes, 1,000 senders", seeds: seeds, isHeavy: isHeavy)
    {
      seed, progress in
      var laboratory = Laboratory(nodes: nodes, seed: seed)
      laboratory.warmUp = 10
      laboratory.senders = 1_000
      let simulation = try laboratory.grow(progress: { progress(0.2 * $0) })
      var generator = Generator(seed: seed ^ 0x6d61_6e79)
      let senders = Laboratory.draw(1_000, of: simulation.running, using: &generator)
      var run = TreeRun(simulation, senders: senders)
      run.shape()
      run.broadcast(1_000, apart: 10_000_000, progress: { progress(0.2 + 0.8 * $0) })
      var sample = PaperSample()
      run.report(as: "many", into: &sample)
      simulation.observer = nil
      return sample
    }
  }
}

/// Messages over a grown cluster, each with its copies, its last hop and whom it reached.
private struct TreeRun {
  private let simulation: Simulation
  private let senders: [Int]
  private let arrivals = Arrivals()
  private var sent: [(message: Arrivals.Message, at: Instant)] = []
  private var redundancy: [PaperPoint] = []
  /// The RMR over all messages, and the members besides the sender.
  private var total = 0.0
  private var members = 1.0

  init(_ simulation: Simulation, senders: [Int]) {
    self.simulation = simulation
    self.senders = senders
    arrivals.attach(to: simulation)
  }

  /// Broadcasts the message that shapes the tree.
  func shape() {
    _ = simulation.broadcast([0], from: senders[0])
    simulation.run(until: simulation.now + 2_000_000_000)
  }

  mutating func broadcast(_ count: Int, apart: Nanoseconds, progress: (Double) -> Void) {
    let first = simulation.sums().copiesSent
    var before = first
    let others = Double(max(1, simulation.running.count - 1))
    for number in 0..<count {
      let start = simulation.now
      guard
        let message = simulation.broadcast(
          [UInt8(truncatingIfNeeded: number)], from: senders[number % senders.count])
      else { continue }
      let name = Arrivals.Message(origin: message.origin, sequence: message.sequence)
      if number == 0 { arrivals.timed = name }
      simulation.run(until: start + apart)
      // Where messages overlap, copies are counted over all of them only.
      if senders.count == 1 {
        let now = simulation.sums().copiesSent
        redundancy.append(PaperPoint(x: Double(number + 1), y: Double(now &- before) / others - 1))
        before = now
      }
      sent.append((name, start))
      progress(Double(number + 1) / Double(count))
    }
    simulation.run(until: simulation.now + 5_000_000_000)
    total = Double(simulation.sums().copiesSent &- first) / (others * Double(max(1, count))) - 1
    members = others
  }

  /// Adds what was measured, with names that begin with `name`.
  func report(as name: String, into sample: inout PaperSample) {
    sample.values["\(name).rmr"] = total
    for point in redundancy { sample.values["\(name).rmr\(Int(point.x))"] = point.y }
    sample.curves["\(name).rmr"] = redundancy
    var reached = 0
    var hops = 0.0
    for (message, _) in sent {
      reached += arrivals.count(message)
      hops += Double(arrivals.longest[message] ?? 0)
    }
    let count = Double(max(1, sent.count))
    sample.values["\(name).delivered"] = 100 * Double(reached) / (members * count)
    sample.values["\(name).hop"] = hops / count
    sample.curves["\(name).coverage"] = coverageCurve()
  }

  /// The share reached after each hop, of the first message.
  private func coverageCurve() -> [PaperPoint] {
    guard let start = sent.first?.at else { return [] }
    let milliseconds = arrivals.times.map { Int(($0.since(start) + 500_000) / 1_000_000) }
    return (0...30).map { hop in
      PaperPoint(
        x: Double(hop), y: 100 * Double(milliseconds.count { $0 <= hop }) / members)
    }
  }
}
