// What the numbers of several runs say together: mean, spread, confidence interval, trend.

/// The runs' numbers, summed up.
///
/// The order of the numbers decides the last digit of the sums, so callers give them in the order of the seeds.
public struct PaperSummary: Sendable, Equatable {
  /// How many numbers there are, at least 1.
  public let count: Int
  /// Their mean.
  public let mean: Double
  /// Their standard deviation, with `count - 1` degrees of freedom; nil of a single number.
  public let standardDeviation: Double?
  /// The 95 % confidence interval of the mean by Student's t; nil of a single number, which says nothing about
  /// how far the next would be.
  public let interval: ClosedRange<Double>?
  /// The least number.
  public let minimum: Double
  /// The greatest number.
  public let maximum: Double

  /// Sums up numbers; nil when there is none, or one that is not finite, or when a sum is too large for a
  /// number.
  public init?(_ numbers: [Double]) {
    guard let least = numbers.min(), let most = numbers.max(), numbers.allSatisfy(\.isFinite) else {
      return nil
    }
    let count = Double(numbers.count)
    // Equal numbers have exactly their mean, and a spread of exactly 0.
    let mean = least == most ? least : numbers.reduce(0, +) / count
    guard mean.isFinite else { return nil }
    self.count = numbers.count
    self.mean = mean
    minimum = least
    maximum = most
    guard numbers.count > 1 else {
      standardDeviation = nil
      interval = nil
      return
    }
    let squares = numbers.reduce(0) { $0 + ($1 - mean) * ($1 - mean) }
    let deviation = (squares / (count - 1)).squareRoot()
    let half = StudentT.quantile975(degrees: numbers.count - 1) * deviation / count.squareRoot()
    guard deviation.isFinite, (mean - half).isFinite, (mean + half).isFinite else { return nil }
    standardDeviation = deviation
    interval = (mean - half)...(mean + half)
  }

  /// A mean whose interval was found in another way, as that of a slope.
  init(count: Int, mean: Double, interval: ClosedRange<Double>?) {
    self.count = count
    self.mean = mean
    self.interval = interval
    standardDeviation = nil
    minimum = mean
    maximum = mean
  }
}

/// Student's t distribution, as far as 95 % confidence intervals need it.
public enum StudentT {
  /// The quantiles for 1 to 10 degrees of freedom, to 13 digits.
  private static let few: [Double] = [
    12.706204736175, 4.3026527297495, 3.1824463052837, 2.7764451051978, 2.5705818356363, 2.4469118511450,
    2.3646242515928, 2.3060041352042, 2.2621571627982, 2.2281388519863,
  ]

  /// The number below which a t-distributed one stays with probability 0.975.
  ///
  /// Up to 10 degrees of freedom from a table; above by the expansion in Abramowitz and Stegun, Handbook of
  /// Mathematical Functions, 26.7.5, which is at most 5e-6 too small from 11 degrees of freedom on.
  ///
  /// - Parameter degrees: Degrees of freedom; below 1 there is no bound, and infinity is returned.
  public static func quantile975(degrees: Int) -> Double {
    guard degrees > 0 else { return .infinity }
    guard degrees > few.count else { return few[degrees - 1] }
    let v = Double(degrees)
    // The normal quantile and the four polynomials of it.
    return 1.95996398454005 + (2.3722712303 + (2.82249861574 + (2.55584967951 + 1.58953405339 / v) / v) / v)
      / v
  }
}

/// A straight line through points by least squares.
public struct PaperRegression: Sendable, Equatable {
  /// How much `y` grows with 1 of `x`.
  public let slope: Double
  /// The line's `y` where `x` is 0.
  public let intercept: Double
  /// The slope's 95 % confidence interval by Student's t with two degrees of freedom fewer than points; nil of
  /// two points, through which a line always goes.
  public let slopeInterval: ClosedRange<Double>?
  /// The points that were used.
  public let count: Int
}

/// The line through `points` with the least sum of squared distances in `y`; the errors are taken as
/// independent and equally large at every `x`.
///
/// An experiment uses it to report a slope as a figure of each run, and `PaperTrend` over all runs. A cost
/// that grows with the logarithm of the size has a slope over the logarithm: give that as `x`.
///
/// - Returns: Nil with fewer than two different `x`, or when a number is not finite.
public func regression(_ points: [PaperPoint]) -> PaperRegression? {
  let count = Double(points.count)
  guard points.count >= 2, points.allSatisfy({ $0.x.isFinite && $0.y.isFinite }) else { return nil }
  let x = points.reduce(0) { $0 + $1.x } / count
  let y = points.reduce(0) { $0 + $1.y } / count
  let spread = points.reduce(0) { $0 + ($1.x - x) * ($1.x - x) }
  guard spread > 0, spread.isFinite else { return nil }
  let slope = points.reduce(0) { $0 + ($1.x - x) * ($1.y - y) } / spread
  let intercept = y - slope * x
  guard slope.isFinite, intercept.isFinite else { return nil }
  var interval: ClosedRange<Double>?
  if points.count > 2 {
    let residue = points.reduce(0) { sum, point in
      let distance = point.y - intercept - slope * point.x
      return sum + distance * distance
    }
    let error = (residue / (count - 2) / spread).squareRoot()
    let half = StudentT.quantile975(degrees: points.count - 2) * error
    if half.isFinite { interval = (slope - half)...(slope + half) }
  }
  return PaperRegression(slope: slope, intercept: intercept, slopeInterval: interval, count: points.count)
}
