// How much a neighbour may ask for.

/// A bucket that fills over time: so many at once, then one in each interval.
struct Allowance: BitwiseCopyable {
  /// Up to when what came uses what may come.
  private var paidUntil = Instant()

  init() {}

  /// Whether one more may come now; then it is paid for.
  mutating func pay(interval: Nanoseconds, burst: UInt64, now: Instant) -> Bool {
    guard paidUntil <= now + interval &* burst else { return false }
    paidUntil = max(paidUntil, now) + interval
    return true
  }
}
