// Whether others have what is here: for a node that is about to end.

import GrapevineCore

extension ZGossipEngine {
  /// Whether the other end of a connection has all that is here, as far as that can be known: one of ours said that its
  /// map is the same; a server of the original answered behind all tuples, or was sent those that came since it was last
  /// asked.
  public func isSettled(_ slot: Int, now: Instant) -> Bool {
    guard slot >= 0, slot < links.count else { return true }
    let link = links[slot]
    switch link.peer {
    case .none, .ignored: return true
    case .unknown: return false
    case .replica: return replica.isShared(slot, now: now)
    case .original:
      return !link.isPassing && link.passAt == .never
        && !(link.isReading && replica.hasMessage(slot, now: now))
    }
  }

  /// Asks the other end of a connection whether it has all that is here: one of ours, or a server of the original, whose
  /// answer comes when it has read what it is sent before. Clients of the original answer nothing.
  ///
  /// - Returns: Whether it was asked; a server that still owes an answer, or is to be told everything again, is not.
  @discardableResult
  public mutating func ask(_ slot: Int, now: Instant) -> Bool {
    guard slot >= 0, slot < links.count else { return false }
    let link = links[slot]
    switch link.peer {
    case .replica:
      replica.ask(slot, now: now)
      return true
    case .original where link.isClient && link.isReading:
      // A fence that is yet to be sent comes behind all tuples as well.
      if link.owesFence { return true }
      guard !link.isPassing, link.passAt == .never else { return false }
      (links[slot].owesFence, links[slot].sawInvalid) = (true, false)
      // If it has forgotten this node, it is to be said HELLO.
      links[slot].saidHello = false
      return true
    case .none, .unknown, .original, .ignored: return false
    }
  }
}
