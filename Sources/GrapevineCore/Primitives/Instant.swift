// A point on the driver's monotonic clock.
//
// The core never reads a clock: every call is told the time. A type of our own, and not a system clock's
// instant, because a simulator must be able to make one up, print it in a trace and say "never".

/// A point in time, in nanoseconds since an origin that the driver chose; never negative.
public struct Instant: Comparable, Hashable, Sendable, BitwiseCopyable {
  /// Nanoseconds since the driver's origin.
  public var nanoseconds: UInt64

  /// Creates the instant that lies `nanoseconds` after the driver's origin.
  public init(nanoseconds: UInt64 = 0) {
    self.nanoseconds = nanoseconds
  }

  /// Later than every instant that a driver can reach: the deadline of something that is not scheduled.
  public static let never = Instant(nanoseconds: .max)

  /// Whether `left` comes before `right`.
  public static func < (left: Instant, right: Instant) -> Bool { left.nanoseconds < right.nanoseconds }

  /// Returns the instant `duration` later; stops at `never` instead of overflowing.
  public static func + (start: Instant, duration: Nanoseconds) -> Instant {
    let (sum, overflow) = start.nanoseconds.addingReportingOverflow(duration)
    return overflow ? .never : Instant(nanoseconds: sum)
  }

  /// Returns the time from `earlier` to `self` in nanoseconds; 0 when `earlier` is the later one.
  public func since(_ earlier: Instant) -> Nanoseconds {
    self > earlier ? nanoseconds &- earlier.nanoseconds : 0
  }
}

/// A length of time in nanoseconds.
///
/// Configuration takes `Duration`; the engines compute with plain integers, which cost nothing.
public typealias Nanoseconds = UInt64

extension Duration {
  /// The duration in nanoseconds: 0 when negative, `UInt64.max` when it does not fit.
  public var asNanoseconds: Nanoseconds {
    let (seconds, attoseconds) = components
    guard seconds >= 0, attoseconds >= 0 else { return 0 }
    let (whole, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carried) = whole.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000)
    return overflow || carried ? .max : sum
  }
}
