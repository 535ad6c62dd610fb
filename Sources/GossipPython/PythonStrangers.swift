// What peers draw that have not shown that they receive at their address: whoever writes another's address into its
// datagrams makes the answers go there.

import GrapevineCore

/// The bytes that went to strangers of late, by their address without the port.
struct PythonStrangers {
  /// Addresses share these, so that a flood from ever new ones has a bound too. Chosen here.
  private static let places = 256
  private static let window: Nanoseconds = 1_000_000_000

  private var spent: [(since: Instant, bytes: Int)]
  private let rate: Int
  private let salt: UInt64

  /// - Parameters:
  ///   - rate: Bytes per second for one address.
  ///   - salt: What keeps others from knowing which addresses share a place.
  init(rate: Int, salt: UInt64) {
    (self.rate, self.salt) = (rate, salt)
    spent = Array(repeating: (Instant(), 0), count: Self.places)
  }

  /// Whether so many bytes may go to a stranger now, which counts them.
  mutating func pay(_ bytes: Int, for stranger: Endpoint, now: Instant) -> Bool {
    let place = Int(truncatingIfNeeded: ((stranger.low ^ salt) &* 0x9e37_79b9_7f4a_7c15) >> 56) % Self.places
    if now.since(spent[place].since) >= Self.window { spent[place] = (now, 0) }
    guard spent[place].bytes + bytes <= rate else { return false }
    spent[place].bytes += bytes
    return true
  }
}
