// What a neighbour says about members, and when there is something to say to it.

extension Membership {
  /// A datagram of a neighbour arrived.
  @inline(__always)
  mutating func didHear(now: Instant) {
    doubt.didHear(now: now)
    isReadingContents = false
  }

  /// Takes a message about members that came on a link.
  mutating func onLinkMessage(
    _ kind: UInt8, from slot: Int, _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    guard isEnabled else { throw .unknownKind }
    switch kind {
    case MessageKind.claim:
      try onClaim(&cursor, from: slot, &view, now: now, counters: &counters, into: &effects)
    case MessageKind.claimed:
      try onClaimed(&cursor, now: now, counters: &counters)
    case MessageKind.compare:
      try onCompare(&cursor, from: slot, &view, now: now, counters: &counters, into: &effects)
    case MessageKind.contents:
      isReadingContents = true
    case MessageKind.compared:
      try onCompared(&cursor, from: slot, now: now, counters: &counters)
    default:
      _ = try onNews(
        kind, from: slot, isContents: isReadingContents, &cursor, now: now, counters: &counters,
        into: &effects)
    }
  }

  /// Whether a neighbour is to be told something now.
  @inline(__always)
  func hasNews(for slot: Int, now: Instant) -> Bool {
    isEnabled && linkNews.due <= now && linkNews.isDue(slot, now: now)
  }

  /// Everything was sent that is to be sent now.
  @inline(__always)
  mutating func didFlush(_ up: SlotMask, now: Instant) {
    guard linkNews.due <= now, hasTold(up) else { return }
    linkNews.didTellAll()
  }
}
