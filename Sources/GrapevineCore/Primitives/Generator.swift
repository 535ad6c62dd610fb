// Chance that a seed repeats.

/// A seeded random number generator: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014, figure 16).
///
/// Every random choice of the core comes from one of these, seeded by the driver, so that the same seed and
/// the same inputs give the same run. Not for secrets: a driver seeds it from the system's entropy, and what
/// must not be guessed goes through `SipHash` with a key of its own.
public struct Generator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  /// Creates a generator whose whole sequence is given by `seed`.
  public init(seed: UInt64) {
    state = seed
  }

  /// Returns the next 64 random bits.
  public mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
    return mixed ^ (mixed >> 31)
  }

  /// Returns a number from 0 up to `bound`, without it; 0 when `bound` is 0 or less.
  ///
  /// Our own bounded draw (Lemire's multiplication), because the standard library may change how it draws
  /// from one release to the next and recorded runs must stay what they are. The bias is below bound / 2^64.
  public mutating func below(_ bound: Int) -> Int {
    guard bound > 0 else { return 0 }
    return Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
  }

  /// Returns true with the given probability; always false at 0 or less, always true at 1 or more.
  public mutating func chance(_ probability: Double) -> Bool {
    Double(next() >> 11) * 0x1p-53 < probability
  }
}
