// Several runs of the lab as one sample: their figures vary too much for one run to say anything.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A number of runs that make up one sample.
struct RumourBatch: Sendable {
  var lab: RumourLab
  /// Runs of which a sample is the mean.
  var runs: Int
  /// Cycles of the curve of coverage; runs that end sooner keep their last share.
  var curveCycles: Int

  /// The figures: `residue`, `traffic`, `average`, `last`, `asked`, `vain`, `bytes`, and `law`, the residue
  /// over what e^-traffic predicts for pushing. The curve: `coverage` over the cycles.
  func sample(seed: UInt64, progress: (Double) -> Void) -> PaperSample {
    var seeds = Generator(seed: seed)
    var sample = PaperSample()
    var coverage = [Double](repeating: 0, count: curveCycles + 1)
    for run in 0..<runs {
      let outcome = lab.run(seed: seeds.next())
      add(outcome, to: &sample)
      for cycle in coverage.indices {
        coverage[cycle] += outcome.coverage[min(cycle, outcome.coverage.count - 1)] / Double(runs)
      }
      progress(Double(run + 1) / Double(runs))
    }
    let predicted = exp(-(sample.values["traffic"] ?? 0))
    sample.values["law"] = (sample.values["residue"] ?? 0) / predicted
    sample.curves["coverage"] = coverage.enumerated().map { PaperPoint(x: Double($0), y: $1) }
    return sample
  }

  private func add(_ outcome: RumourLab.Outcome, to sample: inout PaperSample) {
    let figures = [
      ("residue", outcome.residue), ("traffic", outcome.traffic), ("average", outcome.averageArrival),
      ("last", outcome.lastArrival), ("asked", outcome.asked), ("vain", outcome.askedInVain),
      ("bytes", outcome.bytes),
    ]
    for (name, value) in figures { sample.values[name, default: 0] += value / Double(runs) }
  }

  /// A picture of how experiments of this kind cover the sites.
  static func coveragePlot(_ experiments: [PaperExperiment]) -> PaperPlot {
    PaperPlot(
      title: "Sites that know the rumour", xLabel: "cycles", yLabel: "share of the sites",
      series: experiments.map { PaperSeries($0.title, .curve(experiment: $0.id, name: "coverage")) })
  }

  /// The batch as an experiment.
  func experiment(id: String, title: String, seeds: Int) -> PaperExperiment {
    PaperExperiment(id: id, title: title, seeds: seeds) { seed, progress in
      sample(seed: seed, progress: progress)
    }
  }
}
