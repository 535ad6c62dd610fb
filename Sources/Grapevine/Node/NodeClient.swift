// What runs on the node's thread.

import GrapevineCore
import GrapevineTransport

/// Drives a core from the event loop: mailboxes on one side, the transport on the other.
///
/// Every member is used on the loop's thread only, except `inbox` and `outbox`, which are made for two.
final class NodeClient: EventLoopClient, @unchecked Sendable {
  let inbox = Inbox()
  let outbox: Outbox
  let driver: NodeDriver
  private var stage: Outbox.Stage
  private var stageOffset = 0
  private var isBlocked = false
  /// When the last step said that the next one is due.
  private var lastDeadline = Instant.never
  private var wasFull = false
  /// Since when readers keep the node from receiving.
  private var fullSince = Instant.never
  private var isLeaveWanted = false
  /// Whether the application has told the node to leave.
  private(set) var hasLeft = false
  /// When staged messages are not waited for any longer.
  private var leaveLatest = Instant.never
  /// Events that readers lost by falling behind.
  private(set) var eventsLost: UInt64 = 0
  private var eventReaders: [(id: Int, continuation: AsyncStream<Event>.Continuation)] = []
  /// The readers of what becomes of members.
  let members = MemberFeed()
  /// The readers of what becomes of tuples.
  let tuples = TupleFeed()
  /// Where what is said directly is handed out.
  let desk = DirectDesk()
  /// The readers of what becomes of large messages.
  let transfers = TransferFeed()
  /// Where writers of tuples, senders of large messages, and those who say something wait for room.
  let room = NodeRoom()
  /// Tuples written since the last step.
  var writesSinceStep = 0
  /// Whether the client steps right now, so that nothing else may touch the driver.
  private(set) var isStepping = false
  private var joinWaiters: [CheckedContinuation<JoinOutcome, Never>] = []
  private var leaveWaiters: [CheckedContinuation<Void, Never>] = []
  /// The member that was found to have this node's name, since the node was last told to join.
  private var nameHolder: Endpoint?
  private var nextReader = 0

  /// Batches of datagrams taken before the answers are sent. Chosen here: keeps a busy loop answering.
  private static var batchesPerStep: Int { 4 }
  /// How long datagrams are left in the system's buffer for slow readers; then they are taken, and messages
  /// deferred, so that neighbours do not take this node for dead. Chosen here: well below the link timeout.
  private static var holdLimit: Nanoseconds { 1_000_000_000 }

  init(
    configuration: Configuration, transport: any DatagramTransport, advertised: Endpoint?,
    keeper: SnapshotKeeper?, tupleKeeper: TupleKeeper?, signer: (any FactAuthority)?
  ) throws(ConfigurationError) {
    driver = try NodeDriver(
      configuration: configuration, transport: transport, advertised: advertised, keeper: keeper,
      tupleKeeper: tupleKeeper, authority: signer)
    // The node's own: a layer around the transport takes its share of each datagram.
    let core = driver.node.configuration
    outbox = Outbox(
      payloadLimit: core.payloadLimit, orderedLimit: core.orderedPayloadLimit(topicLength: 0))
    stage = Outbox.emptyStage(payloadLimit: core.payloadLimit)
  }

  deinit {
    driver.destroy()
    tellEvents()
    finishEvents()
  }

  func step(readable: Bool, writable: Bool) -> EventLoopWait {
    isStepping = true
    defer { isStepping = false }
    var wait = EventLoopWait()
    let mustHold = holdsBack()
    // Whether writers that found no room may find some now. A step that only follows their own attempts makes none.
    var hasProgress =
      writable || writesSinceStep >= Self.writesPerStep || lastDeadline <= MonotonicClock.now()
    driver.wantChanges(tuples.isRead)
    if !mustHold {
      for _ in 0..<Self.batchesPerStep {
        guard driver.receive() > 0 else { break }
        hasProgress = true
        if driver.effects.changes.fill > 0.5 { tellChanges() }
        // Waking a reader costs more than a batch does, so what arrives together is handed over together.
        guard driver.effects.deliveries.fill > 0.5 else { continue }
        deliver()
        if inbox.isFull { break }
      }
    }
    // After receiving: what just arrived may have made the room that staged messages wait for.
    takeStaged()
    wait.wantsWritable = !driver.advance()
    tellChanges()
    driver.keepTuples()
    desk.handOut(&driver.effects, now: MonotonicClock.now())
    if hasProgress { room.open() }
    writesSinceStep = 0
    isBlocked = wait.wantsWritable
    deliver()
    report()
    if isLeaveWanted { leaveWhenSent() }
    wait.deadline = min(driver.nextDeadline, desk.nextDeadline)
    if isLeaveWanted { wait.deadline = min(wait.deadline, leaveLatest) }
    wait.wantsReadable = !mustHold
    if mustHold { wait.deadline = min(wait.deadline, fullSince + Self.holdLimit) }
    lastDeadline = wait.deadline
    return wait
  }

  /// Whether datagrams are to wait in the system's buffer because readers are behind.
  private func holdsBack() -> Bool {
    let isFull = inbox.isFull
    if wasFull && !isFull { driver.resumeDelivery() }
    wasFull = isFull
    guard isFull else {
      fullSince = .never
      return false
    }
    let now = MonotonicClock.now()
    if fullSince == .never { fullSince = now }
    return now < fullSince + Self.holdLimit
  }

  /// Gives staged messages to the core, until it takes no more.
  ///
  /// - Returns: Whether it has taken all.
  @discardableResult
  func takeStaged() -> Bool {
    guard !isBlocked else { return false }
    while true {
      if stageOffset == stage.used {
        stage.used = 0
        stageOffset = 0
        guard outbox.exchange(&stage) else { return true }
      }
      let now = MonotonicClock.now()
      while stageOffset < stage.used {
        var next = stageOffset
        let message = stage.read(at: &next)
        do throws(BroadcastError) {
          _ = try driver.broadcast(message.payload, message.handling, now: now)
        } catch .wouldBlock {
          return false
        } catch {
          // The node has left meanwhile: nobody is there to take it.
        }
        stageOffset = next
      }
      guard driver.send(now: now) else { return false }
    }
  }

  /// Hands what was delivered to the readers.
  private func deliver() {
    guard driver.effects.deliveries.count > 0, !inbox.isFull else { return }
    // While nobody reads, messages gather where they are: a batch for each would only cost memory.
    guard inbox.isRead || driver.effects.deliveries.fill > 0.5 else { return }
    let batch = inbox.emptyBatch()
    driver.exchangeDeliveries(&batch.buffer)
    inbox.deliver(consume batch)
  }

  /// Tells what happened.
  private func report() {
    tellTransfers()
    tellEvents()
    if hasLeft, driver.node.lifecycle == .disconnected || driver.node.lifecycle == .initialized {
      // Its sequences have ended, so it will not join again.
      tellChanges()
      driver.destroy()
      tellEvents()
      finishEvents()
    }
  }

  private func tellEvents() {
    for event in driver.takeEvents() {
      switch event {
      case .lifecycle(let lifecycle): didEnter(lifecycle)
      case .nameConflict(let holder): nameHolder = holder
      case .member where members.isRead:
        if let event = driver.memberEvent(of: event) { members.tell(event) }
      default: break
      }
      for reader in eventReaders {
        if case .dropped = reader.continuation.yield(event) { eventsLost += 1 }
      }
    }
  }

  private func finishEvents() {
    for reader in eventReaders { reader.continuation.finish() }
    eventReaders = []
    members.finish()
    tuples.finish()
    room.finish()
    desk.finish()
    transfers.finish()
  }

  private func didEnter(_ lifecycle: Lifecycle) {
    outbox.setOpen(lifecycle == .connected)
    guard lifecycle == .connected || lifecycle == .disconnected || lifecycle == .destroyed else { return }
    let outcome = JoinOutcome(isConnected: lifecycle == .connected, nameHolder: nameHolder)
    for waiter in joinWaiters { waiter.resume(returning: outcome) }
    joinWaiters = []
    guard lifecycle != .connected else { return }
    for waiter in leaveWaiters { waiter.resume() }
    leaveWaiters = []
    if hasLeft && lifecycle == .disconnected { inbox.finish() }
  }
}

/// How an attempt to join ended.
struct JoinOutcome {
  var isConnected: Bool
  /// The member that has the node's name.
  var nameHolder: Endpoint?
}

// Called by the actor, on the loop's thread.
extension NodeClient {
  /// The node's name; nil when its address stands for it.
  var name: String? { driver.name }

  /// The members now, and all that becomes of them from then on.
  func watchMembers() -> MemberWatch {
    // What has happened already is part of the members, and must not be told again.
    report()
    return MemberWatch(present: Member.sorted(driver.node.members), events: members.subscribe())
  }

  /// Says something else of this node.
  func setTags(_ tags: [String: String]) throws(MemberDataError) {
    try driver.setTags(tags)
    report()
  }

  /// Starts joining; the continuation learns how it ended.
  func join(_ contacts: [Endpoint], _ continuation: CheckedContinuation<JoinOutcome, Never>) {
    nameHolder = nil
    joinWaiters.append(continuation)
    driver.join(contacts)
    report()
  }

  /// Ends an attempt to join; does nothing when it has succeeded.
  func giveUpJoining() {
    guard driver.node.lifecycle == .joining else { return }
    driver.leave()
    report()
  }

  /// Leaves after everything staged was sent; the continuation learns when.
  func leave(_ continuation: CheckedContinuation<Void, Never>) {
    hasLeft = true
    if driver.node.lifecycle == .leaving || isLeaveWanted {
      leaveWaiters.append(continuation)
      return
    }
    guard driver.node.lifecycle == .connected || driver.node.lifecycle == .joining else {
      inbox.finish()
      report()
      continuation.resume()
      return
    }
    leaveWaiters.append(continuation)
    outbox.setOpen(false)
    isLeaveWanted = true
    leaveLatest = MonotonicClock.now() + driver.node.configuration.leaveTimeout.asNanoseconds
  }

  /// Leaves once everything staged was taken, or has waited too long.
  private func leaveWhenSent() {
    guard stageOffset == stage.used && !isBlocked || MonotonicClock.now() >= leaveLatest else { return }
    leaveNow()
  }

  private func leaveNow() {
    isLeaveWanted = false
    driver.leave()
    _ = driver.advance()
    report()
  }

  func addEventReader(_ continuation: AsyncStream<Event>.Continuation) -> Int {
    nextReader += 1
    eventReaders.append((nextReader, continuation))
    return nextReader
  }

  func removeEventReader(_ id: Int) {
    eventReaders.removeAll { $0.id == id }
  }

  /// Ends the mailboxes, from any thread: the node is going away. Events end when the loop has let go of this.
  func finish() {
    inbox.finish()
    outbox.setOpen(false)
  }
}
