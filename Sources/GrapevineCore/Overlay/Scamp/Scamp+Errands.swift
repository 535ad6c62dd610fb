// Saying things so that they arrive, and hearing them once.

extension Scamp {
  /// Attempts to send a message; with the waits between them they last as long as a dead link is watched.
  private static var triesLimit: UInt8 { 6 }

  /// What a neighbour may send, and what members together may subscribe here: one each interval, and so many
  /// at once. Who sends more gets no confirmation and tries again later. Chosen here: far above what a cluster
  /// that grows by hundreds of members a second sends.
  private static var errandInterval: Nanoseconds { 5_000_000 }
  private static var subscriptionInterval: Nanoseconds { 10_000_000 }
  private static var burst: UInt64 { 128 }

  /// The time between two subscriptions of one neighbour. Chosen here: the shortest lease.
  static var resubscribeInterval: Nanoseconds { 1_000_000_000 }

  /// Sends a message, and again until it is confirmed.
  mutating func tell(
    _ message: ScampMessage, on slot: Int, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    view.links[slot].errandNumber &+= 1
    let number = view.links[slot].errandNumber
    view.errands.add(
      Errand(
        message: message, slot: UInt8(truncatingIfNeeded: slot), tries: 1, number: number,
        link: view.links[slot].nonce, dueAt: now + view.links[slot].retryTime))
    send(message, number: number, on: slot, &view, now: now, counters: &counters, into: &effects)
  }

  private func send(
    _ message: ScampMessage, number: UInt16, on slot: Int, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    view.send(on: slot, now: now, counters: &counters, into: &effects) { view, writer in
      if case .arc = message {
        // Whatever it was when it was first said: what counts is what is.
        ScampMessage.arc(isHeld: view.links[slot].isOut).write(number: number, to: &writer)
      } else {
        message.write(number: number, to: &writer)
      }
    }
  }

  /// Sends again what was not confirmed; what a link took down with it goes another way.
  mutating func repeatErrands(
    _ view: inout Neighbourhood, now: Instant, counters: inout Counters, into effects: inout Effects
  ) {
    guard now >= view.errands.firstDue else { return }
    var index = 0
    // Those that are rerouted here are new at the end, and not due.
    while index < view.errands.count {
      let errand = view.errands[index]
      let slot = Int(errand.slot)
      let isLinked = view.up & 1 << SlotMask(slot) != 0 && view.links[slot].nonce == errand.link
      if isLinked, errand.dueAt > now {
        index += 1
      } else if isLinked, errand.tries < Self.triesLimit {
        let wait = view.links[slot].retryTime << UInt64(min(errand.tries, 4))
        view.errands.repeated(index, dueAt: now + view.jittered(wait))
        // Perhaps the other end is gone, and its goodbye was lost.
        if errand.tries > 1 { view.links[slot].suspect(now: now) }
        send(
          errand.message, number: errand.number, on: slot, &view, now: now, counters: &counters,
          into: &effects)
        index += 1
      } else {
        view.errands.remove(index)
        if isLinked {
          counters.subscriptionsDropped &+= 1
        } else {
          reroute(errand.message, &view, now: now, counters: &counters, into: &effects)
        }
      }
    }
    view.errands.schedule()
  }

  private mutating func reroute(
    _ message: ScampMessage, _ view: inout Neighbourhood, now: Instant, counters: inout Counters,
    into effects: inout Effects
  ) {
    switch message {
    case .subscription(let subscription, let hops):
      forward(subscription, hops: hops, &view, now: now, counters: &counters, into: &effects)
    case .indirect(let walk):
      hold(walk, &view, now: now, counters: &counters, into: &effects)
    case .subscribe, .arc, .adopt:
      break  // They were about the link, or are begun anew when nobody holds us.
    }
  }

  mutating func onMessage(
    _ kind: UInt8, from slot: Int, _ cursor: inout Cursor, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) throws(DecodeError) {
    switch kind {
    case MessageKind.taken:
      let number = try cursor.read(UInt16.self)
      view.errands.confirm(number, slot: slot, link: view.links[slot].nonce)
    case MessageKind.replace:
      let replace = try Replace(from: &cursor)
      onReplace(replace, from: slot, &view, now: now, counters: &counters, into: &effects)
    default:
      let number = try cursor.read(UInt16.self)
      let message = try ScampMessage(kind, from: &cursor)
      guard Self.pay(&view.links[slot].errandsPaidUntil, Self.errandInterval, now: now) else {
        counters.droppedExcess &+= 1
        return
      }
      if case .subscribe = message, !canSubscribe(at: slot, view, number: number, now: now) {
        counters.droppedExcess &+= 1
        return
      }
      view.send(on: slot, now: now, counters: &counters, into: &effects) { _, writer in
        writer.write(MessageKind.taken)
        writer.write(number)
      }
      guard view.links[slot].isNewErrand(number) else { return }
      view.links[slot].didReceiveErrand(number)
      handle(message, number: number, from: slot, &view, now: now, counters: &counters, into: &effects)
    }
    review(view, now: now)
  }

  private mutating func handle(
    _ message: ScampMessage, number: UInt16, from slot: Int, _ view: inout Neighbourhood, now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) {
    switch message {
    case .subscribe(let purpose, let lease):
      onSubscribe(purpose, lease, from: slot, &view, now: now, counters: &counters, into: &effects)
    case .indirect(let walk):
      onIndirect(walk, from: slot, &view, now: now, counters: &counters, into: &effects)
    case .subscription(let subscription, let hops):
      take(subscription, hops: hops, &view, now: now, counters: &counters, into: &effects)
    case .arc(let isHeld):
      // What was said before it and arrives after it is out of date.
      guard Int16(bitPattern: number &- view.links[slot].arcNumber) > 0 else { return }
      view.links[slot].arcNumber = number
      view.setIn(slot, isHeld)
    case .adopt:
      guard now < adoptableUntil else {
        counters.droppedUnproven &+= 1
        return
      }
      settle(with: slot, &view, now: now, counters: &counters, into: &effects)
    }
  }

  /// Whether a neighbour may subscribe here now: each now and then, and not too many together. When it comes
  /// again because its confirmation was lost, that is not counted.
  private func canSubscribe(at slot: Int, _ view: borrowing Neighbourhood, number: UInt16, now: Instant)
    -> Bool
  {
    let link = view.links[slot]
    if !link.isNewErrand(number) { return true }
    return now >= link.subscribableAt
      && subscriptionsPaidUntil <= now + Self.subscriptionInterval &* Self.burst
  }

  /// Counts one more subscription treated here.
  mutating func paySubscription(now: Instant) -> Bool {
    Self.pay(&subscriptionsPaidUntil, Self.subscriptionInterval, now: now)
  }

  private static func pay(_ paidUntil: inout Instant, _ interval: Nanoseconds, now: Instant) -> Bool {
    guard paidUntil <= now + interval &* burst else { return false }
    paidUntil = max(paidUntil, now) + interval
    return true
  }
}
