// What happens again and again is said once in a while.

import GrapevineCore

/// The texts that were said lately.
struct RareNews {
  private var said: [(text: String, at: Instant)] = []

  /// Time for which a text is not said again. Chosen here.
  static let interval: Nanoseconds = 60_000_000_000
  /// Texts that are remembered; more displace the oldest. Chosen here.
  static let limit = 64

  /// Whether a text is to be said now; it counts as said then.
  mutating func isDue(_ text: String, now: Instant) -> Bool {
    said.removeAll { $0.at + Self.interval <= now }
    guard !said.contains(where: { $0.text == text }) else { return false }
    if said.count >= Self.limit { said.removeFirst() }
    said.append((text, now))
    return true
  }
}
