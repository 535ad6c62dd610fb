// How long an answer takes, over one path.

/// The smoothing of round trips: RFC 6298 §2. Who keeps the two numbers has them among others, where it needs them.
enum SmoothedRoundTrip {
  /// Takes a sample into the smoothed round trip, which is 0 before the first, and its mean deviation.
  static func add(_ sample: Nanoseconds, to mean: inout Nanoseconds, _ deviation: inout Nanoseconds) {
    guard mean != 0 else {
      (mean, deviation) = (max(1, sample), sample / 2)
      return
    }
    let distance = sample > mean ? sample - mean : mean - sample
    deviation = deviation - deviation / 4 + distance / 4
    mean = mean - mean / 8 + sample / 8
  }
}
