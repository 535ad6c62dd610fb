// Large messages with a topic or an order: what the node is told of them, and what it says of them.

extension Transfers {
  /// Says that a message will not come; only those with a topic or an order are asked about.
  mutating func lose(_ announcement: Announcement) {
    guard !announcement.isPlain, !announcement.isWithdrawal else { return }
    settled.append((announcement, nil))
  }

  /// A message that is here was handed on: it was delivered, or waits for others to be delivered first.
  mutating func didHandOver(_ announcement: Announcement, isHeld: Bool, now: Instant) {
    guard let transfer = undelivered(announcement.origin, announcement.sequence) else { return }
    transfer.isHeldBack = isHeld
    if !isHeld { didDeliver(transfer, now: now) }
  }

  /// A message that waited for others was delivered, or nobody wants it any more.
  mutating func didRelease(_ origin: UInt64, _ sequence: UInt64, now: Instant) {
    if let transfer = undelivered(origin, sequence) { didDeliver(transfer, now: now) }
  }

  private mutating func didDeliver(_ transfer: Transfer, now: Instant) {
    (transfer.isUndelivered, transfer.isHeldBack) = (false, false)
    schedule(transfer, at: max(now, transfer.endsAt))
  }

  private mutating func undelivered(_ origin: UInt64, _ sequence: UInt64) -> Transfer? {
    guard let place = place(of: origin, UInt32(truncatingIfNeeded: sequence)), let transfer = places[place],
      transfer.isUndelivered
    else { return nil }
    return transfer
  }
}
