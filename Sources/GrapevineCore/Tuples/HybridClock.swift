// Dating writes: the time of day, made to respect cause and effect.

/// A hybrid logical clock (Kulkarni, Demirbas, Madappa, Avva, Leone, OPODIS 2014, §3.3) over a time of day that the
/// driver tells.
struct HybridClock {
  /// What may be accepted of others is at most this far ahead of the time of day, in milliseconds.
  let skew: UInt64
  /// The greatest reading that was given or observed.
  private(set) var last = TupleClock(bits: 0)
  /// The time of day at the driver's origin, in milliseconds since 1970.
  private var origin: Int64 = 0
  /// Whether the time of day was set back by more than others put up with.
  private(set) var wasSetBack = false

  init(skew: Duration) {
    self.skew = skew.asNanoseconds / 1_000_000
  }

  /// Says what time of day it is.
  mutating func set(milliseconds: UInt64, now: Instant) {
    let time = Int64(truncatingIfNeeded: min(milliseconds, TupleClock.lastMillisecond))
    let before = self.milliseconds(now)
    origin = time - Int64(truncatingIfNeeded: now.nanoseconds / 1_000_000)
    if before > self.milliseconds(now) &+ skew { wasSetBack = true }
  }

  /// The time of day, in milliseconds since 1970.
  func milliseconds(_ now: Instant) -> UInt64 {
    let time = origin &+ Int64(truncatingIfNeeded: now.nanoseconds / 1_000_000)
    return min(UInt64(max(0, time)), TupleClock.lastMillisecond)
  }

  /// The first instant at which the time of day is `milliseconds`; the driver's origin when it was that before.
  func instant(of milliseconds: UInt64) -> Instant {
    let (rest, isEarlier) = Int64(truncatingIfNeeded: min(milliseconds, TupleClock.lastMillisecond))
      .subtractingReportingOverflow(origin)
    guard !isEarlier, rest > 0 else { return Instant() }
    let (nanoseconds, isNever) = UInt64(rest).multipliedReportingOverflow(by: 1_000_000)
    return isNever ? .never : Instant(nanoseconds: nanoseconds)
  }

  /// The reading for a write: greater than every one before.
  mutating func next(_ now: Instant) -> TupleClock {
    last = max(TupleClock(milliseconds: milliseconds(now)), TupleClock(bits: last.bits &+ 1))
    return last
  }

  /// The present reading, without a write.
  func reading(_ now: Instant) -> TupleClock { max(last, TupleClock(milliseconds: milliseconds(now))) }

  /// Whether a reading is close enough to the time of day to be taken.
  func accepts(_ clock: TupleClock, _ now: Instant) -> Bool {
    clock.milliseconds <= milliseconds(now) &+ skew
  }

  /// Notes a reading that was accepted.
  mutating func observe(_ clock: TupleClock) { last = max(last, clock) }

  /// Begins anew at the time of day after it was set back: others would refuse what is dated by `last`.
  mutating func restart(_ now: Instant) {
    wasSetBack = false
    last = TupleClock(milliseconds: milliseconds(now))
  }
}
