// How long a suspect has, and how often news are told: what depends on the number of members.

/// Lifeguard's suspicion timeout (Dadgar, Phillips, Currey, arXiv 1707.00788, §IV-B).
enum Suspicion {
  /// Members whose agreement brings the timeout to its least, K.
  static let confirmationLimit = 3

  /// The logarithm of a number of members to base 10, in thousandths: straight lines between powers of two,
  /// at most 26 thousandths too small.
  static func logarithm(_ count: Int) -> UInt64 {
    guard count > 1 else { return 0 }
    let octave = UInt64(Int.bitWidth - 1 - count.leadingZeroBitCount)
    let rest = ((UInt64(count) &- 1 << octave) &* 1_000) >> octave
    return (octave &* 1_000 &+ rest) &* 30_103 / 100_000
  }

  /// Times that a piece of news is told: λ times log10(n+1), which is rounded up.
  static func transmissions(_ factor: Int, members count: Int) -> Int {
    min(NewsQueue.countLimit, factor &* Int(truncatingIfNeeded: (logarithm(count + 1) &+ 999) / 1_000))
  }

  /// The time a suspect has: max(Min, Max - (Max - Min) log(C+1) / log(K+1)), where Min is the factor times
  /// max(1, log10(n)) periods, and Max is Min times the maximum.
  static func timeout(
    period: Nanoseconds, factor: Int, maximum: Int, members count: Int, confirmations: Int
  ) -> Nanoseconds {
    let least = period / 1_000 &* UInt64(factor) &* max(1_000, logarithm(count))
    // With too few to agree, nobody is waited for.
    let agreeing = min(confirmationLimit, count - 2)
    guard agreeing > 0, confirmations < agreeing else { return least }
    let greatest = least &* UInt64(maximum)
    return greatest - (greatest - least) / 1_000 &* share(confirmations, of: agreeing)
  }

  /// log(C+1) / log(K+1) in thousandths.
  private static func share(_ confirmations: Int, of limit: Int) -> UInt64 {
    switch (confirmations, limit) {
    case (0, _): 0
    case (1, 2): 631
    case (1, 3): 500
    case (2, 3): 792
    default: 1_000
    }
  }
}
