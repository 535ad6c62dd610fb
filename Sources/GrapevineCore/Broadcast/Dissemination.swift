// How messages travel: pushed eagerly, repaired by asking.
//
// A message that is new here goes into the log, to the application, and eagerly on to some neighbours: those
// of the tree (`Plumtree`), or as many as rumour mongering takes. Neighbours tell each other in digests what
// they hold; whoever lacks something asks one of those who have it: anti-entropy (same paper, §1.3). A message
// stays in the log until every neighbour has it, so that a slow or lossy link slows its senders and loses
// nothing.

/// What the dissemination knows of one link.
struct LinkState: BitwiseCopyable {
  /// The member at its other end.
  var peer: UInt64 = 0
  /// The index of the log entry to look at next for pushing.
  var cursor: UInt64 = 0
  /// When the digest is due; `never` while nothing changed.
  var digestAt = Instant.never
  /// When to tell again what the other end has not confirmed.
  var resendAt = Instant.never
  var resendWait: Nanoseconds = 0
  /// Our own last number when the link came up: its other end is not waited for below it.
  var ownBase: UInt64 = 0
  /// Since when the link alone keeps the log from forgetting; zero when it does not.
  var blockingSince = Instant()
  /// The link is too far behind to be waited for.
  var isLagging = false
  /// Repairs asked for: a ring.
  var repairFirst: UInt8 = 0
  var repairCount: UInt8 = 0
  /// Whether the next digest asks for one in return.
  var asks = false
  /// The link's measured round trip and four deviations, with a floor: `Link.retryTime`.
  var patience: Nanoseconds = 0
  /// How much later than others a datagram may come: `Link.lateness`.
  var lateness: Nanoseconds = 0
  /// The hops that the other end last announced a message with: how far it is from where messages come from.
  var hops = GossipHeader.hopsLimit
  /// When the other end was last told not to push, and when it was last asked for something.
  var prunedAt = Instant()
  var askedAt = Instant()

  init() {}
}

/// Consecutive messages that a neighbour asked for.
struct Repair: BitwiseCopyable {
  var stream: UInt32
  var next: UInt64
  var last: UInt64
}

/// Why a message cannot be broadcast now.
public enum BroadcastError: Error, Equatable, Sendable {
  /// The outbox is full: neighbours have not taken what was sent. Try again after the next step.
  case wouldBlock
  /// The payload is longer than `limit` bytes.
  case tooLarge(limit: Int)
  /// A large message has a byte at least.
  case empty
  /// The node is not a member: join first.
  case notConnected
  /// Messages of the best-effort level have no order.
  case unordered
  /// The topic has more than 255 bytes.
  case topicTooLong
}

/// The streams, the log, and every link's place in both.
struct Dissemination: ~Copyable {
  let identity: UInt64
  let payloadLimit: Int
  let fanout: Int
  let rounds: UInt8
  let messagesPerDatagram: Int
  let digestDelay: Nanoseconds
  let reorderGrace: Nanoseconds
  let repairTimeout: Nanoseconds
  let gapPatience: Nanoseconds
  let stallLimit: Nanoseconds
  let strategy: Strategy
  let graftTimeout: Nanoseconds
  let optimisationThreshold: UInt8
  let ablations: Ablations
  let repairsPerLink: Int

  var streams: StreamTable
  let windows: SequenceWindows
  var log: MessageLog
  /// Broadcasts about questions and receipts that wait for the node to take them.
  var calls: SystemQueue
  let progress: FixedTable<LinkProgress>
  let states: FixedTable<LinkState>
  let repairs: FixedTable<Repair>
  /// One bit per link and stream: to be told, and told but not confirmed.
  let dirty: FixedTable<UInt64>
  let unsettled: FixedTable<UInt64>
  let capacity: Int
  let wordsPerLink: Int
  /// Places of streams with something missing.
  let incomplete: FixedTable<UInt32>
  var incompleteCount = 0
  /// The earliest time at which one of these wants attention.
  var repairAt = Instant.never
  var up: SlotMask = 0
  /// Of these, the links that messages are pushed to.
  var targets: SlotMask = 0
  /// Plumtree's share of these.
  var tree = Plumtree()
  /// Rumours, and when their next cycle begins; `never` while there is nothing to do.
  var rumours: RumourMongering
  var cycleAt = Instant.never
  let cycle: Nanoseconds
  /// Time to wait for a message that seems missing before asking for it.
  let requestGrace: Nanoseconds
  /// Our reliable messages up to this number may be sent without looking at the neighbours again.
  private var windowEnd: UInt64 = 0
  var generator: Generator
  /// Topics, and messages that wait for others.
  var order: OrderKeeper
  /// What broadcasts of the frame that is being read say of large messages.
  var announcements: [Announcement] = []
  /// The first of these, so many, wait for a place.
  var waitingAnnouncements = 0

  /// Repairs remembered for one link; more are asked for again. Chosen here: no more than there are streams.
  static func repairsPerLink(_ configuration: Configuration) -> Int { min(32, configuration.streamCapacity) }

  init(identity: MemberID, configuration: Configuration, seed: UInt64) {
    self.identity = identity.value
    payloadLimit = configuration.payloadLimit
    fanout = configuration.fanout
    rounds = UInt8(configuration.rounds)
    messagesPerDatagram = configuration.messagesPerDatagram
    let settling = configuration.rumourSettling
    digestDelay = max(configuration.digestDelay.asNanoseconds, settling / 4)
    requestGrace = max(configuration.reorderGrace.asNanoseconds, settling)
    reorderGrace = configuration.reorderGrace.asNanoseconds
    repairTimeout = configuration.repairTimeout.asNanoseconds
    gapPatience = configuration.gapPatience.asNanoseconds
    stallLimit = configuration.stallLimit.asNanoseconds
    strategy = Strategy(configuration.broadcast)
    cycle = configuration.rumourRules?.cycle.asNanoseconds ?? 0
    graftTimeout = configuration.graftTimeout.asNanoseconds
    optimisationThreshold = UInt8(configuration.optimisationThreshold)
    ablations = configuration.ablations
    generator = Generator(seed: seed)
    // A seed beside the generator, which draws the same with and without rumours.
    rumours = RumourMongering(configuration, seed: seed ^ 0x7275_6d6f_7572)
    order = OrderKeeper(configuration, seed: seed ^ 0x746f_7069_6373)
    capacity = configuration.streamCapacity
    wordsPerLink = (capacity + 63) / 64
    streams = StreamTable(capacity: capacity, seed: generator.next())
    windows = SequenceWindows(streams: capacity, width: configuration.sequenceWindow)
    calls = SystemQueue(datagramLimit: configuration.datagramLimit)
    log = MessageLog(messages: configuration.logMessages, bytes: configuration.logBytes)
    let slots = configuration.linkSlots
    progress = FixedTable(count: slots * capacity)
    states = FixedTable(count: slots)
    repairsPerLink = Self.repairsPerLink(configuration)
    repairs = FixedTable(count: slots * repairsPerLink)
    dirty = FixedTable(count: slots * wordsPerLink)
    unsettled = FixedTable(count: slots * wordsPerLink)
    incomplete = FixedTable(count: capacity)
    _ = streams.add(self.identity, .reliable, now: Instant())
    _ = streams.add(self.identity, .bestEffort, now: Instant())
  }

  /// The place of our own stream of a level: the first two places are ours for good.
  static func ownPlace(_ level: DeliveryLevel) -> Int { level == .reliable ? 0 : 1 }
}

// Links.
extension Dissemination {
  /// A link came up: its other end is told everything.
  mutating func linkUp(_ slot: Int, peer: UInt64, now: Instant) {
    up |= 1 << SlotMask(slot)
    tree.linkUp(slot, isShaped: hasMessages, mayGraft: !ablations.contains(.grafts))
    if strategy == .rumour { rumours.forget(partner: slot) }
    windowEnd = 0
    var state = LinkState()
    state.peer = peer
    state.cursor = log.head
    state.ownBase = streams[0].floor
    state.digestAt = now
    state.resendAt = .never
    state.resendWait = digestDelay
    state.asks = true
    states[slot] = state
    let used = streams.placesUsed
    progress.clear(slot * capacity..<slot * capacity + used)
    for word in 0..<wordsPerLink {
      dirty[slot * wordsPerLink + word] = 0
      unsettled[slot * wordsPerLink + word] = 0
    }
    for place in 0..<used where streams[place].floor > 0 || streams[place].ahead > 0 {
      markDirty(place, on: slot)
    }
  }

  /// A link went down: what was asked of it is asked of another.
  mutating func linkDown(_ slot: Int, now: Instant) {
    up &= ~(1 << SlotMask(slot))
    targets &= up
    loseFromTree(slot)
    if strategy == .rumour { rumours.forget(partner: slot) }
    states[slot] = LinkState()
    for position in 0..<incompleteCount {
      let place = Int(incomplete[position])
      if Int(streams[place].requestSlot) == slot { scheduleRequest(place, at: now) }
    }
  }

  @inline(__always)
  func markDirty(_ place: Int, on slot: Int) {
    guard streams[place].level == .reliable else { return }
    dirty[slot &* wordsPerLink &+ place >> 6] |= 1 << UInt64(place & 63)
  }

  /// Notes that our state of a stream changed: every neighbour is told after the delay.
  @inline(__always)
  func markDirty(_ place: Int, delay: Nanoseconds, now: Instant) {
    guard streams[place].level == .reliable else { return }
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      markDirty(place, on: slot)
      if states[slot].digestAt == .never { states[slot].digestAt = now + delay }
      states[slot].resendWait = digestDelay
    }
  }

  /// The neighbours that a new message is pushed to, of those in `eligible`.
  @inline(__always)
  mutating func chooseTargets(_ eligible: SlotMask) -> SlotMask {
    eligible.nonzeroBitCount <= fanout ? eligible : drawTargets(eligible)
  }

  private mutating func drawTargets(_ eligible: SlotMask) -> SlotMask {
    var chosen = eligible
    for _ in 0..<eligible.nonzeroBitCount - fanout {
      if let slot = generator.slot(of: chosen) { chosen &= ~(1 << SlotMask(slot)) }
    }
    return chosen
  }
}

// The log and the room in it.
extension Dissemination {
  /// Makes room for a payload by forgetting what every neighbour has.
  ///
  /// - Returns: False when a neighbour still needs the oldest message; try again later.
  @inline(__always)
  mutating func makeRoom(for length: Int, now: Instant) -> Bool {
    while !log.hasRoom(for: length) {
      guard evictOldest(now: now) else { return false }
    }
    return true
  }

  private mutating func evictOldest(now: Instant) -> Bool {
    let entry = log[log.tail]
    let place = Int(entry.stream)
    let isReliable = streams[place].level == .reliable
    var isFree = true
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard !states[slot].isLagging else { continue }
      let isPushed = states[slot].cursor > log.tail || entry.targets & 1 << SlotMask(slot) == 0
      let isHeld =
        !isReliable || progress[slot &* capacity &+ place].floor >= entry.sequence
        || Int(entry.source) == slot
      if !(isPushed && isHeld) && isWorthWaitingFor(slot, now: now) { isFree = false }
    }
    guard isFree else { return false }
    streams[place].logged &-= 1
    streams[place].evictedHigh = max(streams[place].evictedHigh, entry.sequence)
    log.evict()
    return true
  }

  /// Whether a neighbour that holds others back may still do so; it is not waited for after the limit.
  private func isWorthWaitingFor(_ slot: Int, now: Instant) -> Bool {
    if states[slot].blockingSince == Instant() { states[slot].blockingSince = now }
    guard now >= states[slot].blockingSince + stallLimit else { return true }
    states[slot].isLagging = true
    return false
  }

  /// Takes a message of our own.
  ///
  /// - Returns: Its number.
  /// - Throws: `wouldBlock` or `tooLarge`; nothing changed.
  mutating func broadcast(
    _ payload: UnsafeRawBufferPointer, level: DeliveryLevel, isTagged: Bool, now: Instant,
    counters: inout Counters
  ) throws(BroadcastError) -> UInt64 {
    guard payload.count <= payloadLimit else { throw .tooLarge(limit: payloadLimit) }
    let place = Self.ownPlace(level)
    guard level == .bestEffort || hasWindow(now: now), makeRoom(for: payload.count, now: now) else {
      throw .wouldBlock
    }
    let sequence = streams[place].floor &+ 1
    log.append(
      stream: place, sequence: sequence, targets: pushTargets(except: 0, hops: 0, level: level), hops: 0,
      isTagged: isTagged,
      source: MessageLog.ownSource, isFindable: level == .reliable, payload: payload)
    streams[place].floor = sequence
    streams[place].knownHigh = sequence
    streams[place].logged &+= 1
    counters.broadcasts &+= 1
    markDirty(place, delay: digestDelay, now: now)
    if strategy == .rumour, level == .reliable { startRumour(sequence, now: now) }
    return sequence
  }

  /// Whether the slowest neighbour can take another reliable message of ours.
  @inline(__always)
  private mutating func hasWindow(now: Instant) -> Bool {
    streams[0].floor < windowEnd || findWindow(now: now)
  }

  private mutating func findWindow(now: Instant) -> Bool {
    var end = UInt64.max
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      guard !states[slot].isLagging else { continue }
      let confirmed = max(progress[slot &* capacity].floor, states[slot].ownBase)
      if streams[0].floor >= confirmed &+ windows.width, !isWorthWaitingFor(slot, now: now) { continue }
      end = min(end, confirmed &+ windows.width)
    }
    windowEnd = end
    return streams[0].floor < end
  }

  /// Whether every neighbour was pushed and has confirmed all that we hold of our own reliable stream.
  func isHandedOver() -> Bool {
    var rest = up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      if states[slot].cursor < log.head || progress[slot * capacity].floor < streams[0].floor { return false }
    }
    return true
  }

  /// Finds or adds the stream of a peer's message.
  @inline(__always)
  mutating func place(
    _ origin: UInt64, _ level: DeliveryLevel, now: Instant, counters: inout Counters
  ) -> Int? {
    streams.find(origin, level) ?? addStream(origin, level, now: now, counters: &counters)
  }

  private mutating func addStream(
    _ origin: UInt64, _ level: DeliveryLevel, now: Instant, counters: inout Counters
  ) -> Int? {
    // Numbers of ours that we do not know are a forgery or of a former run with our id; both are refused.
    guard origin != identity else { return nil }
    if streams.count == capacity {
      guard let victim = streams.forgettable(now: now, own: identity) else {
        counters.droppedStreams &+= 1
        return nil
      }
      forget(victim)
      counters.streamsForgotten &+= 1
    }
    guard let place = streams.add(origin, level, now: now) else { return nil }
    // A best-effort stream that is remembered: all up to its highest number counts as delivered.
    if level == .bestEffort, streams[place].floor > 0 { windows.fill(place) }
    return place
  }

  private mutating func forget(_ place: Int) {
    windows.clear(place)
    order.forget(place)
    for slot in 0..<states.count {
      progress[slot * capacity + place] = LinkProgress()
      dirty[slot * wordsPerLink + place >> 6] &= ~(1 << UInt64(place & 63))
      unsettled[slot * wordsPerLink + place >> 6] &= ~(1 << UInt64(place & 63))
    }
    streams.remove(place)
  }
}
