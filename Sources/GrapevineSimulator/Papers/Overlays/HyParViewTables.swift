// HyParView: the shape of the overlay when nothing happens, and what is left of it when most of it is gone.

import GrapevineCore

/// The tables of HyParView (Leitão, Pereira, Rodrigues, DSN 2007).
enum HyParViewTables {
  static let source = "Leitão, Pereira, Rodrigues: HyParView, DSN 2007, §5"

  // The stable overlay.

  static let stable = PaperTable(
    id: "hyparview",
    title: "HyParView: the stable overlay",
    source: source,
    setup: """
      10,000 whole nodes, active view 5, passive view 30, walks of 6 and 3 hops, shuffles of 3 + 4; joins one by \
      one through a random member, then 50 cycles of 2 s. Links are found by handshakes over simulated UDP with \
      a delay of 1 ms. Path lengths are from 40 random nodes to all.
      """,
    experiments: [stableExperiment],
    rows: [
      PaperRow(
        "mean shortest path, hops", experiment: "hyparview-stable", value: "path",
        paper: "6.385 [M], 6.381 [R]",
        limit: "Moore bound: diameter at least 7", reach: .within(6.2...6.5)),
      PaperRow(
        "nodes with a full active view, %", experiment: "hyparview-stable", value: "full",
        paper: "nearly all [M], 99.9 [R]", limit: "100", reach: .atLeast(99.5)),
      PaperRow(
        "components", experiment: "hyparview-stable", value: "components", paper: "1 [M]", limit: "1",
        reach: .within(1...1)),
      PaperRow(
        "mean clustering coefficient", experiment: "hyparview-stable", value: "clustering",
        paper: "0.00092 [M], 0.00135 [R]", reach: .shown),
      PaperRow(
        "longest path seen, hops", experiment: "hyparview-stable", value: "longest",
        paper: "9.0 [M], 8.30 [R]",
        limit: "7", reach: .shown),
    ],
    plots: [
      PaperPlot(
        title: "Sizes of active and passive views", xLabel: "members in the view", yLabel: "share of nodes",
        kind: .histogram,
        series: [
          PaperSeries("active", .histogram(experiment: "hyparview-stable", name: "active")),
          PaperSeries("passive", .histogram(experiment: "hyparview-stable", name: "passive")),
        ])
    ])

  static let stableExperiment = PaperExperiment(
    id: "hyparview-stable", title: "HyParView, 10,000 nodes, stable", seeds: 30
  ) { seed, progress in
    let laboratory = Laboratory(nodes: 10_000, seed: seed)
    let simulation = try laboratory.grow(progress: progress)
    return measure(simulation, view: laboratory.configuration.viewTarget, seed: seed)
  }

  /// The shape of an overlay.
  static func measure(_ simulation: Simulation, view: Int, seed: UInt64) -> PaperSample {
    var generator = Generator(seed: seed ^ 0x7061_7468)
    let graph = simulation.graph()
    var sample = PaperSample()
    let (mean, longest) = graph.pathLength(
      from: Laboratory.draw(40, of: graph.vertices, using: &generator))
    sample.values["path"] = mean
    sample.values["longest"] = Double(longest)
    sample.values["components"] = Double(graph.components().count)
    sample.values["clustering"] = graph.clustering()
    var full = 0
    var active: [Int: Int] = [:]
    var passive: [Int: Int] = [:]
    for vertex in graph.vertices {
      active[graph.edges[vertex].count, default: 0] += 1
      passive[simulation.knownCount(of: vertex), default: 0] += 1
      if graph.edges[vertex].count >= view { full += 1 }
    }
    sample.values["full"] = 100 * Double(full) / Double(max(1, graph.vertices.count))
    sample.histograms["active"] = active
    sample.histograms["passive"] = passive
    return sample
  }
}
