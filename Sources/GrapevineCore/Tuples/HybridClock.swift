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
  /// How often it began anew, up to `lastEpoch`, from where it goes on with 0.
  private var epoch: UInt64 = 0

  /// The part of a count that says in which epoch a reading was given. Chosen here: 4,096 writes a millisecond
  /// remain, and clocks are seldom set back by much 16 times in the life of a process.
  private static let (epochShift, lastEpoch): (UInt64, UInt64) = (12, 15)

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

  /// The reading for a write: greater than every one before, and none that was given before the clock began anew.
  mutating func next(_ now: Instant) -> TupleClock {
    let least = max(TupleClock(milliseconds: milliseconds(now)).bits, last.bits &+ 1)
    let present = least >> Self.epochShift & Self.lastEpoch
    if present == epoch {
      last = TupleClock(bits: least)
    } else {
      let whole = least >> 16 &+ (present > epoch ? 1 : 0)
      last = TupleClock(bits: whole << 16 | epoch << Self.epochShift)
    }
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
    epoch = epoch < Self.lastEpoch ? epoch + 1 : 0
    last = TupleClock(milliseconds: milliseconds(now))
  }
}
