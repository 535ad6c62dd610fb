// Whether others have what is here: for a node that is about to end.

import GrapevineCore

extension ZGossipEngine {
  /// Whether the other end of a connection has all that is here, as far as that can be known: one of ours said that its
  /// map is the same; a server of the original answered behind all tuples, or was sent those that came later.
  public func isSettled(_ slot: Int, now: Instant) -> Bool {
    guard slot >= 0, slot < links.count else { return true }
    let link = links[slot]
    switch link.peer {
    case .none, .ignored: return true
    case .unknown: return false
    case .replica: return replica.isShared(slot, now: now)
    case .original: return !link.isPassing && !(link.isReading && replica.hasMessage(slot, now: now))
    }
  }

  /// Asks the other end of a connection whether it has all that is here, when it is one of ours.
  public mutating func ask(_ slot: Int, now: Instant) {
    guard slot >= 0, slot < links.count, links[slot].peer == .replica else { return }
    replica.ask(slot, now: now)
  }
}
