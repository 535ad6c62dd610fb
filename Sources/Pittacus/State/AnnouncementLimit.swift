// How much announcing newcomers may cost, whoever they are: each is told to every member, so that a stranger who
// invents them would have one datagram make hundreds.

import GrapevineCore

/// A token bucket for the datagrams of all announcements.
struct AnnouncementLimit {
  private let capacity: UInt64
  private var tokens: UInt64
  private var refilledAt = Instant()

  /// Half of the queue at once, so that messages keep their room, and a quarter of it in a second.
  init(slots: Int) {
    capacity = UInt64(slots) / 2
    tokens = capacity
  }

  /// Takes an announcement to so many members; false when that has to wait. One to more members than the bucket
  /// holds takes all of it.
  mutating func take(_ members: Int, now: Instant) -> Bool {
    let passed = min(now.since(refilledAt) / 1_000_000, 10_000)
    let gained = passed * (capacity / 2) / 1_000
    if gained > 0 {
      tokens = min(tokens + gained, capacity)
      refilledAt = now
    }
    let price = min(UInt64(max(members, 0)), capacity)
    guard tokens >= price else { return false }
    tokens -= price
    return true
  }
}
