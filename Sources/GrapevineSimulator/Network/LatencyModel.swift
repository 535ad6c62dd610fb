// How long a datagram is under way.
//
// A link has one delay for the whole run, as paths have. It is not stored: it is drawn again, from the seed and
// the two ends, for each datagram, so a cluster of any size needs no memory for it.

import GrapevineCore

/// Where the delay of a datagram comes from.
///
/// The delay of a link is the same for every datagram from one process to another and may differ in the other
/// direction; `NetworkModel.jitter` is added to it. Delays longer than an hour become an hour.
public enum LatencyModel: Sendable, Equatable {
  /// A new delay for each datagram, uniform between `NetworkModel.delayLow` and `delayHigh`.
  case perDatagram
  /// The same delay everywhere.
  case fixed(Duration)
  /// Each link has its own delay, uniform between the two.
  case uniform(low: Duration, high: Duration)
  /// Each link has its own delay, log-normally distributed.
  case logNormal(LogNormalDelay)
  /// The delay is that between the sites of the two processes.
  case sites(SiteDelays)

  /// The delay of a link in nanoseconds.
  ///
  /// - Parameter draw: 64 random bits that belong to the link.
  func delay(from source: Int, to target: Int, draw: UInt64) -> Nanoseconds {
    switch self {
    case .perDatagram: 0
    case .fixed(let delay): delay.asDelay
    case .uniform(let low, let high):
      low.asDelay + (max(low.asDelay, high.asDelay) - low.asDelay + 1).multipliedFullWidth(by: draw).high
    case .logNormal(let delay): delay.quantile(draw)
    case .sites(let sites): sites.delay(from: source, to: target)
    }
  }
}

extension Duration {
  /// The duration in nanoseconds, at most an hour.
  var asDelay: Nanoseconds { min(asNanoseconds, 3_600_000_000_000) }
}

/// Log-normally distributed delays: the logarithm of the delay is normal.
public struct LogNormalDelay: Sendable, Equatable {
  /// The delay that half of the links exceed.
  public let median: Duration
  /// The standard deviation of the delay's natural logarithm, 0 to 3.
  public let sigma: Double
  /// Longer delays become this one.
  public let cap: Duration

  /// The delay at equal steps of the probability.
  private let quantiles: [Nanoseconds]

  private static let steps = 4_096

  /// Creates the distribution.
  ///
  /// What fewer than one link in 8,192 would exceed, or fall below, is cut off: it is a table of quantiles.
  ///
  /// - Parameters:
  ///   - median: The delay that half of the links exceed.
  ///   - sigma: Brought between 0 and 3.
  ///   - cap: Longer delays become this one.
  public init(median: Duration, sigma: Double, cap: Duration = .seconds(10)) {
    self.median = median
    self.sigma = min(max(0, sigma.isNaN ? 0 : sigma), 3)
    self.cap = cap
    let (sigma, middle, limit) = (self.sigma, Double(median.asDelay), Double(cap.asDelay))
    quantiles = (0...Self.steps).map { step in
      let edge = 0.5 / Double(Self.steps)
      let probability = min(max(Double(step) / Double(Self.steps), edge), 1 - edge)
      let factor = Mathematics.exponential(sigma * Mathematics.normalQuantile(probability))
      return Nanoseconds(min(middle * factor, limit))
    }
  }

  /// The delay that 64 random bits stand for: between two steps on a straight line.
  func quantile(_ draw: UInt64) -> Nanoseconds {
    let step = Int(draw >> 52)
    let (low, high) = (quantiles[step], quantiles[step + 1])
    return low + (high - low).multipliedFullWidth(by: draw << 12).high
  }
}
