// Order for a node that joins: what was before it comes in any order, and some of it never.

extension Dissemination {
  /// What stands for a message to wait for until all is here that neighbours had shown: one that no other can be.
  var historyName: MessageName { (identity, .max) }

  /// Whether a message was forgotten everywhere before this node joined.
  mutating func isHistory(_ name: MessageName) -> Bool {
    guard !order.history.isEmpty, let place = streams.find(name.origin, .reliable) else { return false }
    return order.history.contains(name.sequence, at: place)
  }

  /// The last forgotten message of an origin, for one that comes after all that it sent; nil when none was forgotten,
  /// or when another one that went on since came after it too.
  mutating func lastHistory(of origin: UInt64) -> MessageName? {
    guard !order.history.isEmpty, let place = streams.find(origin, .reliable),
      order.history.isOpen(at: place)
    else { return nil }
    return (origin, order.history.streams[place].last)
  }

  /// The last forgotten message of an origin, unless that was named before; then it counts as named.
  mutating func newHistory(of origin: UInt64) -> MessageName? {
    guard let place = streams.find(origin, .reliable), order.history.name(place) else { return nil }
    return (origin, order.history.streams[place].last)
  }

  /// A causal message went on, with all announced that it did not wait for.
  mutating func didGoOn(_ name: MessageName) {
    guard !order.history.isEmpty, let place = streams.find(name.origin, .reliable) else { return }
    order.history.note(name.sequence, at: place)
  }

  /// Messages of a stream were given up as history: what names them waits for all that neighbours show by now.
  mutating func didForget(_ range: ClosedRange<UInt64>, at place: Int) {
    order.history.add(range, at: place)
    for position in 0..<incompleteCount {
      let other = Int(incomplete[position])
      order.history.shown[other] = streams[other].knownHigh
    }
  }

  /// Whether something that neighbours had shown is still missing.
  private func isBehind() -> Bool {
    for position in 0..<incompleteCount {
      let place = Int(incomplete[position])
      if streams[place].floor < min(order.history.shown[place], streams[place].knownHigh) { return true }
    }
    return false
  }

  /// Lets what names history go on when all that neighbours had shown is here, or at the latest when this node is a
  /// newcomer no longer; then also what waits for messages that no neighbour has.
  mutating func advanceHistory(now: Instant, counters: inout Counters, into effects: inout Effects) {
    let isEnding = order.history.isNewcomer && now >= order.history.newcomerUntil
    if order.history.isCatchingUp, isEnding || !isBehind() {
      endCatchUp(counters: &counters, into: &effects)
    }
    guard isEnding, order.retryAt == .never else { return }
    if goOnWithoutUnknown(counters: &counters, into: &effects) { order.history.endNewcomer() }
  }

  /// Lets what names history go on.
  private mutating func endCatchUp(counters: inout Counters, into effects: inout Effects) {
    order.history.isCatchingUp = false
    guard order.held.count > 0 else { return }
    order.held.wake(historyName)
    releaseReady(counters: &counters, into: &effects)
  }

  /// Lets go on what waits for messages that no neighbour is known to have.
  ///
  /// Members wait for these longer, since they may be on the other side of a partition, and have done so before
  /// this node came.
  ///
  /// - Returns: Whether all of it went on; otherwise the rest does in the next step.
  private mutating func goOnWithoutUnknown(counters: inout Counters, into effects: inout Effects) -> Bool {
    var next = order.held.oldest
    while let place = next {
      let held = order.held[place]
      next = order.held.newer(than: place)
      guard held.awaitedOrigin != 0, !isShown((held.awaitedOrigin, held.awaitedSequence)) else { continue }
      order.held.force(place)
      releaseReady(counters: &counters, into: &effects)
      guard order.retryAt == .never, order.held.ready == nil,
        order.looks &- order.looksBefore < OrderKeeper.stepLimit
      else { return false }
      // Others may have gone on, or have come to wait for something else.
      next = order.held.oldest
    }
    return true
  }

  /// Whether a message that is not delivered is here, or is known to be at a neighbour.
  private mutating func isShown(_ name: MessageName) -> Bool {
    order.looks &+= 1
    // The content of a large message is on its way, and given up by a rule of its own, while its announcement is held.
    if order.held.contains(name.origin, Self.messageNumber(name.sequence)) { return true }
    guard let place = streams.find(name.origin, .reliable) else { return false }
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if progress[slot * capacity + place].floor >= name.sequence { return true }
    }
    return false
  }
}
