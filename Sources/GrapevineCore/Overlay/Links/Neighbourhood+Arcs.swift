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
    var rest = links.occupied & ~up
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
    return draw < count ? Self.slot(draw, of: out) : Self.slot(draw - count, of: into)
  }

  /// The link of a random member of the partial view.
  mutating func randomOut(except excluded: SlotMask = 0) -> Int? {
    let out = outArcs & ~excluded
    return Self.slot(generator.below(out.nonzeroBitCount), of: out)
  }

  private static func slot(_ position: Int, of mask: SlotMask) -> Int? {
    guard mask != 0 else { return nil }
    var rest = mask
    for _ in 0..<position { rest &= rest &- 1 }
    return rest.trailingZeroBitCount
  }

  /// Tells the other end that the link is over after a last word in the same datagram, so that no other
  /// datagram of ours arrives between the two.
  mutating func close(
    _ slot: Int, now: Instant, counters: inout Counters, into effects: inout Effects,
    after lastWord: (inout Writer) -> Void
  ) {
    let endpoint = links[slot].endpoint
    send(on: slot, now: now, counters: &counters, into: &effects) { view, writer in
      lastWord(&writer)
      writer.write(MessageKind.disconnect)
      view.writeSample(excluding: endpoint, to: &writer)
    }
    drop(slot, because: .closedHere, now: now, counters: &counters, into: &effects)
  }
}
