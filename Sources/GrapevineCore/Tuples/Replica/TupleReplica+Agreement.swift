// Whether others have what is here: for who is about to end.

extension TupleReplica {
  /// Whether the replica at the other end of a link has the map that is here now, as it last said.
  public func isShared(_ slot: Int, now: Instant) -> Bool {
    guard replicas & bit(slot) != 0 else { return false }
    return map.links[slot].agreed == map.table.fingerprint && !hasMessage(slot, now: now)
  }

  /// Has the replica at the other end of a link asked at once how its map compares, for `isShared`.
  public mutating func ask(_ slot: Int, now: Instant) {
    guard replicas & bit(slot) != 0 else { return }
    map.askSummary(slot, at: now)
  }
}
