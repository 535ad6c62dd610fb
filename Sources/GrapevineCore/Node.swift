// A member of the cluster, without anything that belongs to an operating system.
//
// The node puts the overlay and the dissemination together. Datagrams, commands and the time go in;
// datagrams, deliveries and events come out into the caller's `Effects`. A driver is a loop of four steps:
// `receive` what arrived, `advance` to the present, `flush` and send until it says that nothing is left,
// sleep until `nextDeadline`.

/// A node of the gossip cluster as a state machine.
///
/// It reads no clock, owns no socket and draws no entropy: the same seed and the same inputs give the same
/// outputs, to the byte. Times must not go backwards.
public struct Node: ~Copyable {
  /// Who this node is.
  public let identity: MemberID
  /// What it was created with.
  public let configuration: Configuration
  /// Where it is in its life.
  public private(set) var lifecycle = Lifecycle.initialized
  /// What happened so far.
  public internal(set) var counters = Counters()

  var view: Neighbourhood
  var overlay: Overlay
  var dissemination: Dissemination
  var membership: Membership
  var tuples: TupleMap
  var direct: DirectMessages
  var transfers: Transfers
  private var phaseDeadline = Instant.never
  private var newcomerUntil = Instant.never
  private var nextSlot = 0
  /// Slots whose last frame had news about members and no room for the message that waits: the next one has none.
  var newsYields: SlotMask = 0

  /// Time after joining in which messages that were forgotten everywhere are history, not losses. Chosen
  /// here.
  private static var newcomerPeriod: Nanoseconds { 5_000_000_000 }

  /// Creates a node that has not joined.
  ///
  /// - Parameters:
  ///   - configuration: Its limits and times.
  ///   - identity: Who it is: drawn by the driver, new for every run.
  ///   - seed: Decides every random choice; from the system's entropy outside of simulations.
  ///   - receiveWindow: Datagrams of full size that the driver's receive buffer holds.
  ///   - advertised: Where others reach it, if the driver knows; else its first neighbour says where it is seen.
  /// - Throws: `ConfigurationError` when a value is out of its limits.
  public init(
    configuration: Configuration, identity: MemberID, seed: UInt64, receiveWindow: Int,
    advertised: Endpoint? = nil
  ) throws(ConfigurationError) {
    try configuration.validate()
    self.configuration = configuration
    self.identity = identity
    var generator = Generator(seed: seed)
    view = Neighbourhood(
      identity: identity, configuration: configuration, seed: generator.next(), receiveWindow: receiveWindow)
    overlay = Overlay(configuration)
    dissemination = Dissemination(identity: identity, configuration: configuration, seed: generator.next())
    membership = Membership(
      identity: identity, configuration: configuration, advertised: advertised, seed: generator.next())
    tuples = TupleMap(identity: identity, configuration: configuration, seed: generator.next())
    direct = DirectMessages(identity: identity, configuration: configuration, seed: generator.next())
    transfers = Transfers(identity: identity, configuration: configuration)
  }
}

// Commands.
extension Node {
  /// Joins the cluster through whichever of `contacts` answers first; with none, founds one.
  ///
  /// The outcome is an event: `.lifecycle(.connected)`, or `.joinFailed` after the configured time. Does
  /// nothing unless the node is initialized or disconnected.
  public mutating func join(_ contacts: [Endpoint], now: Instant, into effects: inout Effects) {
    guard lifecycle == .initialized || lifecycle == .disconnected else { return }
    let usable = contacts.filter(\.isUsable)
    view.contacts = usable
    view.isOpen = true
    overlay.open(&view, now: now)
    membership.open(isFounder: contacts.isEmpty, now: now)
    enter(.joining, into: &effects)
    phaseDeadline = now + configuration.joinTimeout.asNanoseconds
    if contacts.isEmpty {
      becomeConnected(now: now, into: &effects)
    } else if usable.isEmpty {
      // Nobody can be asked there; founding a cluster instead is not what the caller meant.
      effects.events.append(.joinFailed)
      disconnect(now: now, into: &effects)
    }
  }

  /// Broadcasts a message to all members.
  ///
  /// - Parameters:
  ///   - payload: Up to `configuration.payloadLimit` bytes; copied.
  ///   - level: What is promised for it.
  ///   - isTagged: Marks payloads that begin with a tag, for the receivers' sake; the core does not look.
  /// - Returns: Its sequence number among this node's messages of the level.
  /// - Throws: `BroadcastError`; nothing changed.
  @discardableResult
  public mutating func broadcast(
    _ payload: UnsafeRawBufferPointer, level: DeliveryLevel = .reliable, isTagged: Bool = false, now: Instant
  ) throws(BroadcastError) -> UInt64 {
    guard lifecycle == .connected else { throw .notConnected }
    // An empty tag is that of the node itself.
    return try dissemination.broadcast(
      payload, level: level, isTagged: isTagged && payload.first != 0, now: now, counters: &counters)
  }

  /// Leaves: hands over what neighbours lack, says goodbye, and becomes disconnected within the configured
  /// time.
  public mutating func leave(now: Instant, into effects: inout Effects) {
    switch lifecycle {
    case .connected:
      enter(.leaving, into: &effects)
      dissemination.handOverRumours()
      membership.leave(now: now, counters: &counters, into: &effects)
      phaseDeadline = now + configuration.leaveTimeout.asNanoseconds
      finishLeaving(now: now, into: &effects)
    case .joining:
      disconnect(now: now, into: &effects)
    case .initialized, .leaving, .disconnected, .destroyed:
      return
    }
  }

  /// Ends the node: nothing is sent or delivered any more.
  public mutating func destroy(into effects: inout Effects) {
    guard lifecycle != .destroyed else { return }
    enter(.destroyed, into: &effects)
  }

  /// Says that the application takes deliveries again after `Effects.deliveries` was full.
  public mutating func resumeDelivery(now: Instant) {
    dissemination.resumeRequests(now: now)
    transfers.resumeDelivery(now: now)
  }
}

// Questions.
extension Node {
  /// The number of neighbours.
  public var neighbourCount: Int { view.neighbourCount }

  /// The neighbours, in no particular order.
  public var neighbours: [(member: MemberID, endpoint: Endpoint, roundTrip: Nanoseconds)] {
    (0..<view.links.count).compactMap { slot in
      let link = view.links[slot]
      return link.phase == .up ? (MemberID(link.peer), link.endpoint, link.roundTrip) : nil
    }
  }

  /// Members known by address that are not neighbours.
  public var knownCount: Int { view.passive.count }

  /// The time at which the node must be stepped again at the latest; `never` when only input can change
  /// anything.
  public var nextDeadline: Instant {
    guard lifecycle != .destroyed else { return .never }
    var deadline = min(min(view.nextDeadline, dissemination.repairAt), phaseDeadline)
    deadline = min(deadline, min(dissemination.cycleAt, membership.nextDeadline))
    deadline = min(deadline, dissemination.order.nextDeadline)
    deadline = min(deadline, tuples.nextDeadline(up: view.up))
    if lifecycle == .connected || lifecycle == .leaving { deadline = min(deadline, direct.nextDeadline) }
    deadline = min(deadline, transfers.nextDeadline)
    if view.isOpen { deadline = min(deadline, overlay.nextDeadline(view)) }
    var rest = view.up
    while rest != 0 {
      let slot = rest.trailingZeroBitCount
      rest &= rest &- 1
      let state = dissemination.states[slot]
      deadline = min(deadline, min(state.digestAt, state.resendAt))
      deadline = min(deadline, min(view.links[slot].acknowledgeAt, view.keepaliveAt(slot)))
      if transfers.hasFragments(slot) { deadline = min(deadline, view.links[slot].pacedAt) }
    }
    return deadline
  }
}

// Time and the lifecycle.
extension Node {
  /// Does what is due at `now`; call `flush` afterwards.
  public mutating func advance(now: Instant, into effects: inout Effects) {
    guard lifecycle != .destroyed else { return }
    view.advance(now: now, counters: &counters, into: &effects)
    if view.isOpen { overlay.advance(&view, now: now, counters: &counters, into: &effects) }
    applyViewChanges(now: now, into: &effects)
    advanceMembership(now: now, into: &effects)
    advanceTuples(now: now, into: &effects)
    advanceDirect(now: now, into: &effects)
    advanceTransfers(now: now, into: &effects)
    var rest = view.up
    while rest != 0 {
      dissemination.resend(rest.trailingZeroBitCount, now: now)
      rest &= rest &- 1
    }
    dissemination.advanceRumours(now: now, counters: &counters)
    dissemination.advance(
      isNewcomer: now < newcomerUntil, now: now, counters: &counters, into: &effects)
    dissemination.advanceOrder(now: now, counters: &counters, into: &effects)
    settleLarge(into: &effects, now: now)
    switch lifecycle {
    case .joining where view.contacts.isEmpty:
      // Every contact was this node itself.
      membership.open(isFounder: true, now: now)
      becomeConnected(now: now, into: &effects)
    case .joining where view.up != 0 && membership.isReady:
      becomeConnected(now: now, into: &effects)
    case .joining where now >= phaseDeadline:
      effects.events.append(.joinFailed)
      disconnect(now: now, into: &effects)
    case .leaving:
      finishLeaving(now: now, into: &effects)
    default:
      break
    }
  }

  private mutating func advanceMembership(now: Instant, into effects: inout Effects) {
    membership.advance(&view, now: now, counters: &counters, into: &effects)
    while let record = membership.introductions.take() {
      overlay.introduce(record, &view, now: now)
    }
    if let contact = membership.strangeContact {
      membership.strangeContact = nil
      overlay.meet(contact, &view, now: now)
    }
    if let holder = membership.conflict {
      membership.conflict = nil
      effects.events.append(.nameConflict(holder))
      disconnect(now: now, into: &effects)
    }
  }

  /// Tells everybody which links came and went.
  mutating func applyViewChanges(now: Instant, into effects: inout Effects) {
    while true {
      // What the overlay does about one change can be another.
      let changes = view.takeChanges()
      guard changes.down | changes.up != 0 else { break }
      var down = changes.down
      while down != 0 {
        dissemination.linkDown(down.trailingZeroBitCount, now: now)
        membership.linkDown(down.trailingZeroBitCount, now: now, up: view.up)
        tuples.linkDown(down.trailingZeroBitCount, now: now, up: view.up)
        direct.receipts.linkDown(down.trailingZeroBitCount, now: now)
        transfers.linkDown(down.trailingZeroBitCount, now: now)
        down &= down &- 1
      }
      if changes.down != 0 { overlay.linkLost(&view, now: now) }
      var up = changes.up
      while up != 0 {
        let slot = up.trailingZeroBitCount
        up &= up &- 1
        dissemination.linkUp(slot, peer: view.links[slot].peer, now: now)
        overlay.linkUp(slot, &view, now: now, counters: &counters, into: &effects)
        membership.linkUp(slot, now: now)
        tuples.linkUp(slot, peer: view.links[slot].peer, now: now)
        transfers.linkUp(slot)
      }
    }
    dissemination.targets = overlay.targets(view)
    dissemination.scheduleCycle(now: now)
    if lifecycle == .joining && view.up != 0 && membership.isReady {
      becomeConnected(now: now, into: &effects)
    }
  }

  private mutating func becomeConnected(now: Instant, into effects: inout Effects) {
    phaseDeadline = .never
    newcomerUntil = now + Self.newcomerPeriod
    dissemination.order.history.begin(until: newcomerUntil)
    enter(.connected, into: &effects)
  }

  private mutating func finishLeaving(now: Instant, into effects: inout Effects) {
    let isHandedOver =
      dissemination.isHandedOver() && membership.hasTold(view.up) && transfers.isHandedOver
    guard now >= phaseDeadline || isHandedOver else { return }
    disconnect(now: now, into: &effects)
  }

  private mutating func disconnect(now: Instant, into effects: inout Effects) {
    overlay.shut(&view, now: now, counters: &counters, into: &effects)
    view.shut(now: now, counters: &counters, into: &effects)
    membership.shut()
    direct.shut(into: &effects)
    applyViewChanges(now: now, into: &effects)
    phaseDeadline = .never
    enter(.disconnected, into: &effects)
  }

  private mutating func enter(_ next: Lifecycle, into effects: inout Effects) {
    guard lifecycle != next else { return }
    lifecycle = next
    effects.events.append(.lifecycle(next))
  }

  /// The slot to flush first: each takes its turn.
  mutating func takeTurn() -> Int {
    nextSlot = (nextSlot + 1) % view.links.count
    return nextSlot
  }
}
