// How fragments of large messages are paced on a link: a window a round trip, in small bursts.
//
// What the window allows goes out evenly over the measured round trip, somewhat faster so that the window can grow,
// so that a queue on the way holds what one burst brings and not what one window brings (RFC 9002 §7.7). A part of the
// window is left to ordinary messages.

extension Link {
  /// The time for which the receiver's buffer must hold what arrives while nobody reads. Chosen here: above the pauses
  /// of most schedulers.
  private static var readingPause: Nanoseconds { 25_000_000 }
  /// What queues on the way may add to a round trip before the window stops growing; a delayed acknowledgement looks
  /// the same. Chosen here: one and a half times the usual delay of these.
  private static var queueAllowance: Nanoseconds { 60_000_000 }

  /// Frames that may be under way at most. The receiver's buffer holds what arrives in a pause of its reader, not what
  /// a long path holds; half the numbers of frames are the end.
  var windowLimit: Int32 {
    let share = min(64, max(Self.readingPause, leastRoundTrip) / Self.readingPause)
    return Int32(min(8_192, UInt64(max(16, peerWindow)) &* share))
  }

  /// Whether a queue on the way grows: the round trip is much longer than the least one. Growing on would end in losses
  /// (as delay-based congestion control, RFC 9406 for the doubling phase).
  var isQueueing: Bool {
    lastRoundTrip > leastRoundTrip &+ leastRoundTrip / 4 &+ Self.queueAllowance
  }

  /// Whether losses mean that the path is full: a queue grows, or more than 2 % are lost, which is more than most bad
  /// paths lose by chance (BBRv2's tolerance, draft-cardwell-iccrg-bbr-congestion-control-02 §2.7).
  var isCongested: Bool { isQueueing || lossShare > 65_536 / 50 }

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

  /// The time that a question and its answer take: the round trip and four deviations, or what most paths take while
  /// nothing was measured.
  var questionTime: Nanoseconds { roundTrip == 0 ? 300_000_000 : roundTrip &+ 4 &* deviation }

  /// When the next burst may leave; the distant past when one may now, never when the window is full.
  var pacedAt: Instant {
    guard inFlight < Int(window - window / 8) else { return .never }
    return Instant(
      nanoseconds: fragmentsPaidUntil.nanoseconds
        &- min(fragmentsPaidUntil.nanoseconds, Self.burst &* fragmentInterval / 2))
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
