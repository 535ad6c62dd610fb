// Plumtree: a spanning tree that grows out of what is redundant.
//
// Leitão, Pereira, Rodrigues, "Epidemic broadcast trees", SRDS 2007. Messages are pushed on eager links and
// only announced on lazy ones. All links begin eager; a duplicate makes the link it came on lazy, with a
// PRUNE; a message that is announced and does not come makes the link it was announced on eager, with a
// GRAFT. What remains eager is a tree that the first copies travelled on.
//
// An IHAVE is an entry of the digest, which says of a whole stream what its sender holds: batched over the
// digest delay and over streams, and when one is lost the next makes up for it. Differs: a message that an
// eager neighbour holds and that did not come was lost on the way, and is asked for without changing the
// tree, though with a GRAFT, in case an earlier one was lost; a lazy neighbour is grafted when no eager one can
// supply. Where the paper makes every new link eager, one that
// comes up beside a shaped tree begins lazy, so that a cluster that mends its overlay does not flood; and an end
// that loses an eager link grafts a lazy one at once, before a message is missing.

/// Which links of a node belong to the tree.
struct Plumtree {
  /// The links that messages are pushed on.
  private(set) var eager: SlotMask = 0
  /// Links whose other end is to be told.
  private(set) var owesPrune: SlotMask = 0
  private(set) var owesGraft: SlotMask = 0

  /// A new link: eager as long as no message has shaped a tree; afterwards lazy where an eager one is, and
  /// where none is, eager at both ends.
  mutating func linkUp(_ slot: Int, isShaped: Bool, mayGraft: Bool = true) {
    let hasOther = eager & ~(1 << SlotMask(slot)) != 0
    linkDown(slot)
    if !isShaped {
      eager |= 1 << SlotMask(slot)
    } else if !hasOther, mayGraft {
      graft(slot)
    }
  }

  mutating func linkDown(_ slot: Int) {
    let bit: SlotMask = 1 << SlotMask(slot)
    eager &= ~bit
    owesPrune &= ~bit
    owesGraft &= ~bit
  }

  func isEager(_ slot: Int) -> Bool { slot < SlotMask.bitWidth && eager & 1 << SlotMask(slot) != 0 }

  /// The other end says that our copies are duplicates.
  mutating func onPrune(_ slot: Int) {
    eager &= ~(1 << SlotMask(slot))
    owesGraft &= ~(1 << SlotMask(slot))
  }

  /// The other end wants our copies.
  mutating func onGraft(_ slot: Int) {
    eager |= 1 << SlotMask(slot)
    owesPrune &= ~(1 << SlotMask(slot))
  }

  /// The first copy of a message came on a link.
  mutating func onFirst(_ slot: Int) { eager |= 1 << SlotMask(slot) }

  mutating func prune(_ slot: Int) {
    eager &= ~(1 << SlotMask(slot))
    owesPrune |= 1 << SlotMask(slot)
    owesGraft &= ~(1 << SlotMask(slot))
  }

  mutating func graft(_ slot: Int) {
    eager |= 1 << SlotMask(slot)
    owesGraft |= 1 << SlotMask(slot)
    owesPrune &= ~(1 << SlotMask(slot))
  }

  /// Whether something is to be told on a link.
  func owes(_ slot: Int) -> Bool { (owesPrune | owesGraft) & 1 << SlotMask(slot) != 0 }

  /// Writes what is to be told on a link.
  mutating func write(_ slot: Int, to writer: inout Writer, counters: inout Counters) {
    let bit: SlotMask = 1 << SlotMask(slot)
    guard (owesPrune | owesGraft) & bit != 0, writer.remaining > 0 else { return }
    if owesPrune & bit != 0 {
      writer.write(MessageKind.prune)
      counters.prunesSent &+= 1
    } else {
      writer.write(MessageKind.graft)
      counters.graftsSent &+= 1
    }
    owesPrune &= ~bit
    owesGraft &= ~bit
  }
}

// What the dissemination makes of the tree.
extension Dissemination {
  /// After a PRUNE, copies that were under way may still arrive: for so long they say nothing. Chosen here:
  /// above most round trips; the link's own patience replaces it when longer.
  private func pruneSettles(_ slot: Int) -> Nanoseconds { max(100_000_000, states[slot].patience) }

  /// How long a message that only `holders` announce may take on its way through the tree: ways differ by some
  /// hops, so one and a half times the patience of the most patient of these where that is longer.
  func treePatience(_ holders: SlotMask) -> Nanoseconds {
    var longest = graftTimeout
    var rest = holders
    while rest != 0 {
      longest = max(longest, states[rest.trailingZeroBitCount].patience * 3 / 2)
      rest &= rest &- 1
    }
    return longest
  }

  /// After a request, copies from whoever was asked may be double. Chosen here: as long as requests wait at
  /// most.
  private static var requestSettles: Nanoseconds { 1_000_000_000 }

  /// The neighbours that a new message is to be pushed to.
  ///
  /// - Parameter hops: How far it has come.
  @inline(__always)
  mutating func pushTargets(except slot: SlotMask, hops: UInt8, level: DeliveryLevel) -> SlotMask {
    switch strategy {
    // A tree has no direction, whatever the overlay's links have.
    case .plumtree where level == .reliable: tree.eager & up & ~slot
    case .rumour where level == .reliable: 0
    // What nobody repairs needs the redundancy that a tree saves.
    case .plumtree, .eager, .rumour: hops < rounds ? chooseTargets(targets & ~slot) : 0
    }
  }

  /// New messages of a stream came on a link.
  @inline(__always)
  mutating func didBringFirst(_ slot: Int, _ place: Int, now: Instant) {
    streams[place].parent = UInt8(truncatingIfNeeded: slot)
    guard strategy == .plumtree, streams[place].level == .reliable, !tree.isEager(slot),
      now >= states[slot].prunedAt + pruneSettles(slot)
    else {
      return
    }
    tree.onFirst(slot)
  }

  /// A link goes down. One that messages travelled on is replaced by a lazy one.
  mutating func loseFromTree(_ slot: Int) {
    let wasEager = tree.isEager(slot)
    tree.linkDown(slot)
    let lazy = up & ~tree.eager
    guard strategy == .plumtree, wasEager, hasMessages, !ablations.contains(.grafts),
      let next = nearest(of: lazy)
    else { return }
    tree.graft(next)
  }

  /// Of some neighbours, one that announces messages with the fewest hops; nil when there is none.
  mutating func nearest(of slots: SlotMask) -> Int? {
    var best: SlotMask = 0
    var fewest = UInt8.max
    var rest = slots
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if states[slot].hops < fewest { (best, fewest) = (0, states[slot].hops) }
      if states[slot].hops == fewest { best |= 1 << SlotMask(slot) }
    }
    return generator.slot(of: best)
  }

  /// Whether any message has been here, which shaped a tree.
  var hasMessages: Bool { streams.count > 2 || streams[0].floor > 0 }

  /// Nothing but duplicates of a reliable stream came on a link.
  mutating func didBringDuplicate(_ slot: Int, _ level: DeliveryLevel, parent: UInt8, now: Instant) {
    guard strategy == .plumtree, level == .reliable, Int(parent) != slot, !ablations.contains(.prunes),
      now >= states[slot].askedAt + Self.requestSettles,
      now >= states[slot].prunedAt + pruneSettles(slot),
      parent == MessageLog.ownSource || tree.isEager(Int(parent))
    else { return }
    states[slot].prunedAt = now
    tree.prune(slot)
  }

  /// A neighbour announces a message that came to us by a longer way: takes the shorter one
  /// (SRDS 2007 §3.8).
  mutating func considerShorterWay(_ slot: Int, _ place: Int, floor: UInt64, hops: UInt8, now: Instant) {
    guard strategy == .plumtree, !tree.isEager(slot), let index = log.find(stream: place, sequence: floor),
      log[index].hops >= hops, log[index].hops - hops > optimisationThreshold,
      now >= states[slot].prunedAt + Self.requestSettles
    else { return }
    let parent = Int(streams[place].parent)
    guard parent != slot, tree.isEager(parent) else { return }
    tree.graft(slot)
    states[parent].prunedAt = now
    tree.prune(parent)
  }

  /// Whether the first missing message of a stream is waited for a while longer, because only lazy
  /// neighbours hold it.
  func waitsForTree(_ place: Int, holders: SlotMask, now: Instant) -> Bool {
    strategy == .plumtree && holders & tree.eager == 0
      && now < streams[place].missingSince + treePatience(holders)
  }
}
