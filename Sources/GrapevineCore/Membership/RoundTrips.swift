// How long answers take, over all members.

/// A histogram of round trips that forgets: what a probe's timeout follows from.
///
/// A quantile of what was measured, where memberlist has one constant for every network. Classes are a quarter
/// of an octave wide, from 2^16 ns on; when there are enough, all counts are halved.
struct RoundTrips {
  private static let classes = 64
  /// Round trips after which counts are halved. Chosen here: a few rounds of 100 members.
  private static var horizon: UInt32 { 512 }
  /// Round trips below which nothing is said. Chosen here: the quantile is the greatest of them.
  private static var least: UInt32 { 16 }

  private var counts = InlineArray<64, UInt16>(repeating: 0)
  private var total: UInt32 = 0

  init() {}

  /// Notes a round trip.
  mutating func add(_ time: Nanoseconds) {
    let place = Self.place(of: time)
    counts[place] &+= 1
    total += 1
    guard total >= Self.horizon else { return }
    total = 0
    for index in 0..<Self.classes {
      counts[index] /= 2
      total += UInt32(counts[index])
    }
  }

  /// The time that 99 of 100 answers take at most; nil while too few are known.
  var late: Nanoseconds? {
    guard total >= Self.least else { return nil }
    var above = total / 100
    for place in stride(from: Self.classes - 1, through: 0, by: -1) {
      let count = UInt32(counts[place])
      if count > above { return Self.end(of: place) }
      above -= count
    }
    return nil
  }

  private static func place(of time: Nanoseconds) -> Int {
    guard time >= 1 << 16 else { return 0 }
    let octave = 63 - time.leadingZeroBitCount
    let quarter = Int(truncatingIfNeeded: (time >> UInt64(octave - 2)) & 3)
    return min(classes - 1, (octave - 16) * 4 + quarter)
  }

  /// Where a class ends.
  private static func end(of place: Int) -> Nanoseconds {
    let octave = UInt64(16 + place / 4)
    return (1 << octave) + (1 << (octave - 2)) * UInt64(place % 4 + 1)
  }
}
