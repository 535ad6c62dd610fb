// A process' own clock, which is not quite that of the others.

import GrapevineCore

/// A monotonic clock that runs fast or slow against virtual time.
///
/// Integers throughout: a reading is a function of the virtual time and never smaller than an earlier one.
struct VirtualClock {
  private static let million: UInt128 = 1_000_000

  /// Virtual time at which the rate began to hold, and what the clock showed then.
  private var start = Instant()
  private var shown = Instant()
  /// Nanoseconds that the clock moves on in a million of virtual time.
  private var rate: UInt128 = million

  /// What the clock shows at a virtual time; before the last change of its rate, what it showed then.
  func reading(at time: Instant) -> Instant {
    let passed = UInt128(time.since(start)) * rate / Self.million
    return shown + UInt64(clamping: passed)
  }

  /// The first virtual time at which the clock shows `reading` or more; `never` when that is never.
  func time(of reading: Instant) -> Instant {
    guard reading != .never else { return .never }
    let distance = UInt128(reading.since(shown)) * Self.million
    return start + UInt64(clamping: (distance + rate - 1) / rate)
  }

  /// From `time` on, the clock gains so many parts per million, or loses them when negative; first it jumps
  /// ahead.
  ///
  /// - Parameter partsPerMillion: Brought between -500,000 and 1,000,000.
  mutating func change(at time: Instant, partsPerMillion: Int, ahead: Nanoseconds) {
    shown = reading(at: time) + ahead
    start = time
    rate = UInt128(1_000_000 + min(max(partsPerMillion, -500_000), 1_000_000))
  }
}
