// Delivering in order.
//
// A message that must come after others is held back until all of these are here or given up, and none of them is
// held back itself. Whether a message is here its stream says, so nothing is kept of topics or of who sent what in
// them. Nothing waits for ever: what repair gives up counts as here, what waits too long or is too much goes on with
// an event that names what it did not wait for.
//
// Ordered messages of topics that this node does not hear are held back too, without their bodies: what comes after one
// of them comes after what that one came after, and who subscribes later finds order. Then "is here and not held back"
// means that all of a message's past, as far as it is heard here, was delivered, by induction along the dependencies:
// they lead to messages sent before.

extension Dissemination {
  /// A message, by its origin and number.
  typealias MessageName = (origin: UInt64, sequence: UInt64)

  /// Time after which delivering is tried again when the application had no room and has not said that it has. Chosen
  /// here.
  private static var retryDelay: Nanoseconds { 100_000_000 }

  /// Takes a new message with a topic or an order: delivers it, holds it back, or drops what nobody here wants.
  ///
  /// - Returns: Whether there was room for it; otherwise it is to come again.
  mutating func takeOrdered(
    _ header: GossipHeader, _ sequence: UInt64, _ payload: UnsafeRawBufferPointer, _ hops: UInt8,
    now: Instant,
    counters: inout Counters, into effects: inout Effects
  ) -> Bool {
    guard let message = try? OrderedMessage(payload, sequence: sequence),
      header.level == .reliable || message.order == .unordered && !message.isLarge
    else {
      counters.droppedInvalid &+= 1
      return true
    }
    let isWanted = isWanted(message)
    let name = (header.origin, sequence)
    var announcement: Announcement?
    if message.isLarge {
      announcement = self.announcement(of: message, name, hops, isWanted)
      guard announcement != nil else {
        counters.droppedInvalid &+= 1
        return true
      }
      guard hasRoomForAnnouncement(of: header.origin) else { return false }
    }
    // The content of a large message comes later, and whoever wants it waits for that.
    let awaitsContent = message.isLarge && isWanted
    var scan = OrderScan(message)
    while message.order != .unordered, !ablations.contains(.order),
      let awaited = obstacle(of: name, payload, &scan) ?? (awaitsContent ? Self.content(of: name) : nil)
    {
      let bytes = isWanted ? payload : UnsafeRawBufferPointer(rebasing: payload[..<message.headLength])
      if order.held.hasRoom(for: bytes.count) {
        var held = HeldMessage()
        (held.origin, held.sequence) = name
        (held.scan, held.hops, held.isGhost) = (scan, hops, !isWanted)
        held.isLarge = awaitsContent
        order.held.hold(held, bytes, awaiting: awaited, now: now)
        // One that waits for nothing but its own content has overtaken nothing.
        if awaited.sequence != Self.content(of: name).sequence { counters.heldBack &+= 1 }
        if let announcement { announcements.append(announcement) }
        return true
      }
      guard makeRoom(for: header.origin, bytes.count, counters: &counters, into: &effects) else {
        return false
      }
    }
    if scan.namesHistory {
      guard hasRoom(for: message, isWanted, in: effects) else { return false }
      reportGaps(of: message, name, isForced: false, counters: &counters, into: &effects)
    }
    if let announcement {
      // It is delivered when its content is here; where nobody wants it, its place in the order is passed now.
      if announcement.isPassedOver { counters.messagesUnwanted &+= 1 }
      announcements.append(announcement)
      return true
    }
    return deliver(message, name, header.level, hops, isWanted, counters: &counters, into: &effects)
  }

  /// Whether the application is to have a message.
  private func isWanted(_ message: OrderedMessage) -> Bool {
    !message.isBarrier && (message.topic.isEmpty || order.topics.contains(message.topic))
  }

  /// Delivers a message, or drops it when it is not wanted.
  ///
  /// - Returns: Whether there was room for it.
  private mutating func deliver(
    _ message: OrderedMessage, _ name: MessageName, _ level: DeliveryLevel, _ hops: UInt8, _ isWanted: Bool,
    counters: inout Counters, into effects: inout Effects
  ) -> Bool {
    guard isWanted else {
      if !message.isBarrier { counters.messagesUnwanted &+= 1 }
      if message.order == .causal { didGoOn(name) }
      return true
    }
    guard hasRoom(for: message, isWanted, in: effects) else { return false }
    effects.deliveries.append(
      origin: name.origin, sequence: name.sequence, level: level, isTagged: message.isTagged, hops: hops,
      topic: message.topic, payload: message.body)
    counters.deliveries &+= 1
    if message.order == .causal {
      noteDelivered(message, name)
      didGoOn(name)
    }
    return true
  }

  /// Whether a message can be delivered now, or is not to be.
  private func hasRoom(for message: OrderedMessage, _ isWanted: Bool, in effects: borrowing Effects) -> Bool {
    !isWanted || effects.deliveries.hasRoom(for: message.body.count + message.topic.count)
  }

  /// Delivers a large message that is held, when its content is here; or says that it will not come, or not in order.
  ///
  /// - Returns: Whether there was room for it.
  private mutating func deliverLarge(
    _ message: OrderedMessage, _ held: HeldMessage, counters: inout Counters, into effects: inout Effects
  ) -> Bool {
    let name = (held.origin, held.sequence)
    let position = contentPosition(name)
    let content = position.flatMap { order.contents[$0].content }
    guard isWanted(message) else {
      dropContent(name)
      counters.messagesUnwanted &+= 1
      return true
    }
    guard let content, let position else {
      // Its content is lost, or it waits no longer: then it is delivered late.
      dropContent(name)
      counters.orderGaps &+= 1
      let origin = MemberID(held.origin)
      effects.events.append(
        .orderGap(
          origin: origin, sequence: held.sequence, missing: origin, missingSequence: held.sequence))
      return true
    }
    guard effects.deliveries.hasRoom(forLarge: content) else { return false }
    effects.deliveries.append(
      content, origin: held.origin, sequence: held.sequence, isTagged: order.contents[position].isTagged,
      hops: held.hops, topic: message.topic)
    counters.deliveries &+= 1
    if message.order == .causal {
      noteDelivered(message, name)
      didGoOn(name)
    }
    dropContent(name)
    return true
  }

  /// Notes a delivered message as what our next causal one comes after, in place of all that it came after itself.
  private mutating func noteDelivered(_ message: OrderedMessage, _ name: MessageName) {
    message.forEachDependency { origin, sequence in
      if let place = streams.find(origin, .reliable) { order.past.discard(sequence, at: place) }
      return true
    }
    if let place = streams.find(name.origin, .reliable) { order.past.note(name.sequence, at: place) }
  }

  /// What to wait for of a message that is to come first and those before it: itself, when it is not here yet or held
  /// back. When it may have been given up, nobody knows what it came after; then whatever of its origin is held back
  /// and was sent before it.
  private mutating func pending(_ name: MessageName) -> MessageName? {
    order.looks &+= 1
    // Our own are where they belong; what claims to be one and is not cannot be waited for.
    guard name.origin != identity else { return nil }
    if !hasTaken(name) || order.held.contains(name.origin, name.sequence) { return name }
    guard order.held.count > 0, let place = streams.find(name.origin, .reliable),
      name.sequence <= order.givenUp[place]
    else { return nil }
    return heldBefore(name)
  }

  /// A message of the same origin that is held back and was sent before; nil when there is none.
  private mutating func heldBefore(_ name: MessageName) -> MessageName? {
    // One of many steps through a list costs much less than a look into an index.
    order.looks &+= UInt64(order.held.count / 16)
    return order.held.earlier(of: name.origin, than: name.sequence).map { (name.origin, $0) }
  }

  /// Whether a reliable message was received or given up.
  private mutating func hasTaken(_ name: MessageName) -> Bool {
    guard let place = streams.find(name.origin, .reliable) else {
      return name.sequence <= streams.rememberedFloor(name.origin, .reliable)
    }
    return windows.judge(name.sequence, in: streams[place], at: place) == .duplicate
  }

  /// The first message found that one has to wait for, from where the scan of its bytes stopped; nil when there is none.
  private mutating func obstacle(
    of name: MessageName, _ payload: UnsafeRawBufferPointer, _ scan: inout OrderScan
  ) -> MessageName? {
    if !scan.isPastPredecessor {
      if let before = predecessor(scan.predecessor, of: name) { return before }
      if scan.isCausal, forgottenPredecessor(scan.predecessor, of: name) != nil {
        if order.history.isCatchingUp { return historyName }
        scan.namesHistory = true
      }
      scan.isPastPredecessor = true
    }
    let start = Int(scan.position)
    guard start < Int(scan.end), Int(scan.end) <= payload.count else { return nil }
    let rest = UnsafeRawBufferPointer(rebasing: payload[start..<Int(scan.end)])
    var cursor = Cursor(RawSpan(_unsafeBytes: rest))
    // They were read once when the message came.
    while cursor.remaining > 0, let dependency = try? OrderedMessage.readDependency(from: &cursor) {
      if let awaited = pending(dependency) { return awaited }
      if isHistory(dependency) {
        if order.history.isCatchingUp { return historyName }
        scan.namesHistory = true
      }
      scan.position = UInt32(truncatingIfNeeded: start + cursor.offset)
    }
    return nil
  }

  /// The message of the same origin that one with this predecessor has to wait for; nil when there is none.
  private mutating func predecessor(_ predecessor: UInt64, of name: MessageName) -> MessageName? {
    switch predecessor {
    case OrderedMessage.Predecessor.none: return nil
    case OrderedMessage.Predecessor.everything:
      order.looks &+= 1
      let floor = streams.find(name.origin, .reliable).map { streams[$0].floor } ?? 0
      if floor &+ 1 < name.sequence { return (name.origin, floor &+ 1) }
      return heldBefore(name)
    default:
      return pending((name.origin, name.sequence &- (predecessor &- 1)))
    }
  }

  /// The message of the same origin that one with this predecessor comes after and that was forgotten before this node
  /// joined; nil when there is none.
  private mutating func forgottenPredecessor(_ predecessor: UInt64, of name: MessageName) -> MessageName? {
    switch predecessor {
    case OrderedMessage.Predecessor.none: return nil
    case OrderedMessage.Predecessor.everything: return lastHistory(of: name.origin)
    default:
      let before = (name.origin, name.sequence &- (predecessor &- 1))
      return isHistory(before) ? before : nil
    }
  }
}

// What waits.
extension Dissemination {
  /// A message was received and is not held: what waited for it goes on.
  @inline(__always)
  mutating func didTake(
    _ origin: UInt64, _ sequence: UInt64, counters: inout Counters, into effects: inout Effects
  ) {
    guard order.held.count > 0 else { return }
    release(after: (origin, sequence), counters: &counters, into: &effects)
  }

  private mutating func release(
    after name: MessageName, counters: inout Counters, into effects: inout Effects
  ) {
    guard !order.held.contains(name.origin, name.sequence) else { return }
    order.held.wake(name)
    releaseReady(counters: &counters, into: &effects)
  }

  /// What was missing of a stream in `range` was given up: what waited for it goes on.
  ///
  /// - Parameter isHistory: It was not reported: this node is a newcomer.
  mutating func didGiveUp(
    _ place: Int, _ range: ClosedRange<UInt64>, isHistory: Bool, counters: inout Counters,
    into effects: inout Effects
  ) {
    order.givenUp[place] = max(order.givenUp[place], range.upperBound)
    if isHistory { didForget(range, at: place) }
    guard order.held.count > 0 else { return }
    order.held.wake(origin: streams[place].origin, through: streams[place].floor)
    releaseReady(counters: &counters, into: &effects)
  }

  /// Delivers all that is ready, until the application has no more room or the step was long enough.
  mutating func releaseReady(counters: inout Counters, into effects: inout Effects) {
    while let place = order.held.ready {
      guard order.looks &- order.looksBefore < OrderKeeper.stepLimit else { break }
      guard releaseOne(place, counters: &counters, into: &effects) else { return }
    }
    order.retryAt = .never
  }

  /// Delivers a message that may be ready, or lets it wait for what it finds missing now.
  ///
  /// - Returns: Whether there was room for it.
  private mutating func releaseOne(_ place: Int, counters: inout Counters, into effects: inout Effects)
    -> Bool
  {
    let held = order.held[place]
    let name = (held.origin, held.sequence)
    var scan = held.scan
    if !held.isForced,
      let awaited = obstacle(of: name, order.held.payload(place), &scan) ?? missingContent(held)
    {
      order.held.note(scan, place)
      order.held.unready()
      order.held.wait(for: awaited, place)
      return true
    }
    order.held.note(scan, place)
    // It was read once when it came.
    guard let message = try? OrderedMessage(order.held.payload(place), sequence: held.sequence) else {
      order.held.unready()
      order.held.remove(place)
      return true
    }
    order.looks &+= 1 &+ message.dependencyCount
    let isWanted = !held.isGhost && isWanted(message)
    let room =
      held.isLarge ? hasRoom(forLarge: name, in: effects) : hasRoom(for: message, isWanted, in: effects)
    guard !isWanted || room else {
      if order.retryAt == .never { order.retryAt = Instant() }
      return false
    }
    if held.isForced || scan.namesHistory {
      reportGaps(of: message, name, isForced: held.isForced, counters: &counters, into: &effects)
    }
    if held.isLarge {
      _ = deliverLarge(message, held, counters: &counters, into: &effects)
    } else {
      _ = deliver(message, name, .reliable, held.hops, isWanted, counters: &counters, into: &effects)
    }
    order.held.unready()
    order.held.remove(place)
    order.held.wake(name)
    return true
  }

  /// Makes room for a message of `origin`: lets the oldest message of the origin go on that takes the most of the
  /// buffer.
  ///
  /// - Returns: Whether it did something: while the application has no room, nothing can.
  private mutating func makeRoom(
    for origin: UInt64, _ length: Int, counters: inout Counters, into effects: inout Effects
  ) -> Bool {
    // Those that are ready go first.
    guard order.retryAt == .never, order.held.ready == nil else { return false }
    guard let victim = order.held.victim(for: origin, length: length) else { return false }
    return goOn(victim, counters: &counters, into: &effects)
  }

  /// Lets a message that waits go on.
  ///
  /// - Returns: Whether there was room for all that is ready now.
  private mutating func goOn(_ place: Int, counters: inout Counters, into effects: inout Effects) -> Bool {
    order.held.force(place)
    releaseReady(counters: &counters, into: &effects)
    return order.retryAt == .never
  }

  /// Origins of which something is missing that are named for one message. Chosen here: more than most messages come
  /// after, and few enough that nobody can bury what others report.
  private static var namesLimit: Int { 8 }

  /// Names what a message should have waited for and does not, and what it came after that was forgotten before this
  /// node joined. The newest of an origin stands for all that this sent before it.
  private mutating func reportGaps(
    of message: OrderedMessage, _ name: MessageName, isForced: Bool, counters: inout Counters,
    into effects: inout Effects
  ) {
    let isCausal = message.order == .causal
    var missing: [MessageName] = []
    var forgotten: [MessageName] = []
    var namesForgotten = false
    func add(_ one: MessageName) {
      if let index = missing.firstIndex(where: { $0.origin == one.origin }) {
        missing[index].sequence = max(missing[index].sequence, one.sequence)
      } else if missing.count < Self.namesLimit {
        missing.append(one)
      } else if missing.count == Self.namesLimit {
        // There are more than are named.
        missing.append(name)
      }
    }
    if isForced, let before = predecessor(message.predecessor, of: name) { add(before) }
    if isCausal, let before = forgottenPredecessor(message.predecessor, of: name) {
      namesForgotten = true
      if let last = newHistory(of: before.origin) { forgotten.append(last) }
    }
    message.forEachDependency { origin, sequence in
      if isForced, let one = pending((origin, sequence)) { add(one) }
      if isHistory((origin, sequence)) {
        namesForgotten = true
        if let last = newHistory(of: origin) { forgotten.append(last) }
      }
      return true
    }
    if !missing.isEmpty { counters.orderGaps &+= 1 }
    if namesForgotten { counters.orderForgotten &+= 1 }
    for one in missing + forgotten {
      effects.events.append(
        .orderGap(
          origin: MemberID(name.origin), sequence: name.sequence, missing: MemberID(one.origin),
          missingSequence: one.sequence))
    }
  }

  /// Does what is due with what waits.
  mutating func advanceOrder(now: Instant, counters: inout Counters, into effects: inout Effects) {
    order.looksBefore = order.looks
    advanceHistory(now: now, counters: &counters, into: &effects)
    guard order.held.count > 0 else { return }
    if order.held.ready != nil || order.retryAt != .never {
      guard order.retryAt == .never || now >= order.retryAt || effects.deliveries.count == 0 else { return }
      releaseReady(counters: &counters, into: &effects)
    }
    while order.retryAt == .never, order.held.ready == nil, let oldest = order.held.oldest,
      now >= order.held[oldest].heldAt + order.patience
    {
      guard goOn(oldest, counters: &counters, into: &effects) else { break }
    }
    if order.retryAt != .never { order.retryAt = now + Self.retryDelay }
  }

  /// The application has room again.
  mutating func resumeOrder(now: Instant) {
    if order.retryAt != .never { order.retryAt = now }
  }
}
