// How fragments of large messages are paced on a link: a window a round trip, in small bursts.
//
// What the window allows goes out evenly over the measured round trip, somewhat faster so that the window can grow,
// so that a queue on the way holds what one burst brings and not what one window brings (RFC 9002 §7.7). A part of the
// window is left to ordinary messages.

extension Link {
  /// Fragments that may leave at once. Chosen here: as many as one acknowledgement covers, twice.
  private static var burst: UInt64 { 32 }
  /// Round trips below which acknowledgements pace well enough, and timers do not. Chosen here.
  private static var leastPacedRoundTrip: Nanoseconds { 5_000_000 }

  /// The time that one fragment takes at the rate of the window: at twice the rate while the window doubles, and at
  /// five quarters of it afterwards (RFC 9002 §7.7).
  private var fragmentInterval: Nanoseconds {
    guard roundTrip >= Self.leastPacedRoundTrip else { return 0 }
    let frames = UInt64(max(1, window))
    return window < threshold ? roundTrip / (2 * frames) : roundTrip * 4 / (5 * frames)
  }

  /// When the next burst may leave; the distant past when one may now, never when the window is full.
  var pacedAt: Instant {
    guard inFlight < Int(window - window / 8) else { return .never }
    return Instant(
      nanoseconds: fragmentsPaidUntil.nanoseconds &- min(fragmentsPaidUntil.nanoseconds, Self.burst &* fragmentInterval / 2))
  }

  /// Whether a frame with a fragment may leave now.
  func mayPushFragment(now: Instant) -> Bool {
    guard inFlight < Int(window - window / 8) else { return false }
    return fragmentsPaidUntil <= now + Self.burst &* fragmentInterval
  }

  /// Notes that a frame with a fragment leaves.
  mutating func didPace(now: Instant) {
    fragmentsPaidUntil = max(fragmentsPaidUntil, now) + fragmentInterval
  }
}
