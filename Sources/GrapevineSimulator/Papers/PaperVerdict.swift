// Whether a figure is what a row of a paper's table asks for.

/// What is said of a row.
public enum PaperVerdict: String, Sendable {
  /// The figure is what it has to be.
  case yes
  /// It is not, or there is none.
  case no
  /// There are too few runs to say; it counts as not reached.
  case open
  /// The row is printed and not judged.
  case shown

  /// Whether the row is as it should be.
  public var isReached: Bool { self == .yes || self == .shown }
}

extension PaperReach {
  /// The verdict on a figure.
  ///
  /// - `atMost`, `atLeast` and `within` compare the mean alone, bounds included, whatever its confidence
  ///   interval: they set a limit that leaves room for chance.
  /// - `reference` asks whether the 95 % confidence interval, widened by `rounding` on both sides, holds the
  ///   reference. It needs two runs or more; of one it is `open`. So a figure that differs from the reference
  ///   by less than the runs can resolve is accepted, and a figure that is right is refused once in 20 times
  ///   where the rounding is small.
  /// - `shown` is never judged.
  public func verdict(_ summary: PaperSummary) -> PaperVerdict {
    switch self {
    case .atMost(let limit): return summary.mean <= limit ? .yes : .no
    case .atLeast(let limit): return summary.mean >= limit ? .yes : .no
    case .within(let range): return range.contains(summary.mean) ? .yes : .no
    case .reference(let reference, let rounding):
      guard let interval = summary.interval else { return .open }
      let isInside =
        reference >= interval.lowerBound - rounding && reference <= interval.upperBound + rounding
      return isInside ? .yes : .no
    case .shown: return .shown
    }
  }
}
