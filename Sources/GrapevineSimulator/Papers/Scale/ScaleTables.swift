// How large it may get: the traffic of a node as the cluster grows, and the clusters that fit into a machine.

import GrapevineCore

/// Tables about size.
enum ScaleTables {
  // Idle traffic.

  static let sizes = [100, 316, 1_000, 3_162, 10_000]

  static let cost = PaperTable(
    id: "cost",
    title: "Idle traffic per node against the size of the cluster",
    source: "no paper: each node has as many neighbours however many nodes there are",
    setup: """
      Whole nodes with the default times and views, and tables as small as the experiment allows, joined one by one; 40 s after the last join, the bytes that \
      nodes send are counted for 40 s in which nobody broadcasts. The slope is by least squares through all runs \
      over log10 n.
      """,
    experiments: sizes.map(idle),
    rows: sizes.map { size in
      PaperRow(
        "n = \(size): bytes sent per node and second", experiment: "cost-\(size)", value: "bytes",
        reach: .shown)
    } + [
      PaperRow(
        "slope per decade of n, bytes per node and second", experiment: "cost-slope",
        value: PaperTrend.slope, limit: "0", reach: .reference(0, rounding: 0))
    ],
    trends: [
      PaperTrend(
        id: "cost-slope", value: "bytes",
        places: sizes.map { PaperPlace(logarithm10($0), "cost-\($0)") })
    ],
    plots: [
      PaperPlot(
        title: "Idle traffic", xLabel: "nodes", yLabel: "bytes sent per node and second",
        series: [
          PaperSeries(
            "HyParView and Plumtree",
            .figures(value: "bytes", at: sizes.map { PaperPlace(Double($0), "cost-\($0)") }))
        ], isLogarithmicX: true)
    ])

  private static func logarithm10(_ size: Int) -> Double {
    [100: 2, 316: 2.5, 1_000: 3, 3_162: 3.5, 10_000: 4][size] ?? 0
  }

  private static func idle(_ size: Int) -> PaperExperiment {
    PaperExperiment(
      id: "cost-\(size)", title: "Idle traffic of \(size) nodes", seeds: size > 5_000 ? 5 : 30
    ) { seed, progress in
      var laboratory = Laboratory(nodes: size, seed: seed)
      laboratory.keepalive = Configuration().keepaliveInterval
      laboratory.cycle = Configuration().shuffleInterval
      laboratory.warmUp = 4
      let simulation = try laboratory.grow(progress: { progress(0.5 * $0) })
      let before = simulation.sums().bytesSent
      let seconds = 40
      for second in 1...seconds {
        simulation.run(until: simulation.now + 1_000_000_000)
        progress(0.5 + 0.5 * Double(second) / Double(seconds))
      }
      var sample = PaperSample()
      sample.values["bytes"] =
        Double(simulation.sums().bytesSent &- before) / Double(size) / Double(seconds)
      return sample
    }
  }

  // Large clusters.

  static let scale = PaperTable(
    id: "scale",
    title: "Large clusters on one machine",
    source: "no paper: what one process simulates",
    setup: """
      100,000 whole nodes of full protocol: joins one by one, 3 cycles of 2 s, then 10 messages half a second \
      apart. 1,000,000 whole nodes that are linked from the start, 5 neighbours each, and one message; nobody shuffles, explores or says that it lives in the half second that this takes. Bytes per \
      node are what became resident, event queue and all: right only where the table runs alone. The peak is that \
      of the whole process.
      """,
    experiments: [full, million],
    rows: [
      PaperRow(
        "100,000 nodes, full protocol: delivered, %", experiment: "scale-full", value: "delivered",
        limit: "100", reach: .atLeast(100)),
      PaperRow(
        "100,000 nodes: RMR after the first message", experiment: "scale-full", value: "rmr", reach: .shown),
      PaperRow("100,000 nodes: events per second", experiment: "scale-full", value: "rate", reach: .shown),
      PaperRow("100,000 nodes: bytes per node", experiment: "scale-full", value: "bytes", reach: .shown),
      PaperRow(
        "100,000 nodes: peak memory, GiB", experiment: "scale-full", value: "peak", reach: .atMost(16)),
      PaperRow(
        "1,000,000 nodes, one broadcast: delivered, %", experiment: "scale-million", value: "delivered",
        limit: "100", reach: .atLeast(100)),
      PaperRow(
        "1,000,000 nodes: last hop", experiment: "scale-million", value: "hop",
        limit: "10, by Moore's bound", reach: .shown),
      PaperRow(
        "1,000,000 nodes: events per second", experiment: "scale-million", value: "rate", reach: .shown),
      PaperRow(
        "1,000,000 nodes: bytes per node", experiment: "scale-million", value: "bytes", reach: .shown),
      PaperRow(
        "1,000,000 nodes: peak memory, GiB", experiment: "scale-million", value: "peak", reach: .atMost(16)),
    ])

  static let full = PaperExperiment(
    id: "scale-full", title: "100,000 nodes of full protocol", seeds: 1, isHeavy: true
  ) { seed, progress in
    let clock = ResourceUse.processorSeconds
    let memory = ResourceUse.residentBytes
    var laboratory = Laboratory(nodes: 100_000, seed: seed)
    laboratory.spacing = 200_000
    laboratory.warmUp = 3
    let simulation = try laboratory.grow(progress: { progress(0.7 * $0) })
    let arrivals = Arrivals()
    arrivals.attach(to: simulation)
    defer { simulation.observer = nil }
    var copies: UInt64 = 0
    for number in 0..<10 {
      if number == 1 { copies = simulation.sums().copiesSent }
      _ = simulation.broadcast([UInt8(number)], from: 7)
      simulation.run(until: simulation.now + 500_000_000)
      progress(0.7 + 0.03 * Double(number + 1))
    }
    simulation.run(until: simulation.now + 2_000_000_000)
    var sample = PaperSample()
    let others = Double(laboratory.nodes - 1)
    sample.values["delivered"] = 100 * Double(arrivals.total) / (10 * others)
    sample.values["rmr"] = Double(simulation.sums().copiesSent &- copies) / (9 * others) - 1
    measure(simulation, since: clock, memory, into: &sample)
    sample.values["peak"] = ResourceUse.peakResidentBytes / Double(1 << 30)
    return sample
  }

  static let million = PaperExperiment(
    id: "scale-million", title: "1,000,000 nodes, one broadcast", seeds: 1, isHeavy: true
  ) { seed, progress in
    let memory = ResourceUse.residentBytes
    let count = 1_000_000
    var generator = Generator(seed: seed)
    var laboratory = Laboratory(nodes: count, seed: seed)
    laboratory.keepalive = .seconds(3_600)
    laboratory.cycle = .seconds(3_600)
    var configuration = laboratory.configuration
    configuration.exploreInterval = .seconds(3_600)
    configuration.passiveCapacity = 8
    configuration.logMessages = 16
    var model = NetworkModel()
    model.delayLow = laboratory.delay
    model.delayHigh = laboratory.delay
    let simulation = try Simulation(seed: seed, configuration: configuration, model: model)
    try simulation.startAll(.regular(count: count, degree: 5, using: &generator))
    progress(0.3)
    let clock = ResourceUse.processorSeconds
    let arrivals = Arrivals()
    arrivals.attach(to: simulation)
    defer { simulation.observer = nil }
    let start = simulation.now
    let message = simulation.broadcast([1], from: 0)
    for step in 1...50 {
      simulation.run(until: start + UInt64(step) * 10_000_000)
      progress(0.3 + 0.7 * Double(step) / 50)
    }
    var sample = PaperSample()
    sample.values["delivered"] = 100 * Double(arrivals.total) / Double(count - 1)
    if let message {
      let name = Arrivals.Message(origin: message.origin, sequence: message.sequence)
      sample.values["hop"] = Double(arrivals.longest[name] ?? 0)
    }
    measure(simulation, since: clock, memory, into: &sample)
    sample.values["peak"] = ResourceUse.peakResidentBytes / Double(1 << 30)
    return sample
  }

  private static func measure(
    _ simulation: Simulation, since clock: Double, _ memory: Double?, into sample: inout PaperSample
  ) {
    sample.values["rate"] =
      (Double(simulation.eventCount) / max(1e-9, ResourceUse.processorSeconds - clock)).rounded()
    if let before = memory, let after = ResourceUse.residentBytes {
      sample.values["bytes"] = ((after - before) / Double(simulation.processCount)).rounded()
    }
  }
}
