// Links with a direction, for overlays whose views are not symmetric.
//
// An arc from one member to another is a link between them on which the first says that it holds the second
// in its partial view. Two arcs the other way round share one link.

/// What a handshake of ours was for that gave way to one from the other end.
struct YieldedHandshake: BitwiseCopyable {
  var need = LinkNeed.low
  var isOut = false
  var leaseUntil = Instant()
}

extension Neighbourhood {
  /// Holds the other end of a link in our partial view, or does no longer.
  ///
  /// - Parameter until: When the other end's subscription expires; zero when it does not.
  mutating func setOut(_ slot: Int, _ isOut: Bool, until: Instant = Instant()) {
    links[slot].isOut = isOut
    links[slot].leaseUntil = until
    markArcs(slot)
  }

  /// Notes whether the other end holds us in its partial view.
  mutating func setIn(_ slot: Int, _ isIn: Bool) {
    links[slot].isIn = isIn
    markArcs(slot)
  }

  /// Arcs of ours in both directions, on established links outside of `excluded`.
  func degree(except excluded: SlotMask = 0) -> Int {
    (outArcs & ~excluded).nonzeroBitCount + (inArcs & ~excluded).nonzeroBitCount
  }

  /// The members of the partial view: out-arcs, and handshakes for more of them.
  var viewSize: Int {
    var size = outArcs.nonzeroBitCount
    var rest = pending
    while rest != 0 {
      if links[rest.trailingZeroBitCount].isOut { size += 1 }
      rest &= rest &- 1
    }
    return size
  }

  /// The link of a random arc, whichever way it runs: one with both has twice the chance.
  mutating func randomArc(except excluded: SlotMask) -> Int? {
    let (out, into) = (outArcs & ~excluded, inArcs & ~excluded)
    let count = out.nonzeroBitCount
    let draw = generator.below(count + into.nonzeroBitCount)
    return draw < count ? out.slot(at: draw) : into.slot(at: draw - count)
  }

  /// The link of a random member of the partial view.
  mutating func randomOut(except excluded: SlotMask = 0) -> Int? {
    generator.slot(of: outArcs & ~excluded)
  }
}
