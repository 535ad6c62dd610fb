// What runs on the node's thread: messages in, the engine, messages out.

import GrapevineCore
import GrapevineTransport
import ZGossip
import ZeroMQ

/// Drives the engine from the event loop. Everything in it is used on the loop's thread only.
final class NodeDriver: EventLoopClient, @unchecked Sendable {
  /// Who a link of the engine belongs to.
  enum Owner {
    case none
    case client
    case upstream(Upstream)

    var isNone: Bool { if case .none = self { true } else { false } }
  }

  /// Where the node is in its end.
  enum Phase {
    case running
    /// No tuples come any more; what there is to say goes out, at most until then.
    case draining(until: Instant)
    /// The sockets are closed, and the library sends what they held, at most until then.
    case lingering(until: Instant)
    case closed
  }

  /// Links of the engine.
  static let linkLimit = 64
  /// Messages taken from or given to one connection before it is another's turn. Chosen here.
  static let turn = 256
  /// Time after which it is looked again whether a full connection or the engine has room. Chosen here: they say so,
  /// but what they say may get lost among other news.
  static let retryTime: Nanoseconds = 10_000_000
  /// Time between questions to other nodes whether they have everything, while the node ends. Chosen here.
  static let askTime: Nanoseconds = 50_000_000

  let configuration: ZGossipNodeConfiguration
  let settings: SocketSettings
  let poller: ZeroMQPoller
  let stage: TupleStage
  let feed: DeliveryFeed
  var engine: ZGossipEngine
  var changes: ChangeBuffer
  var counters = ZGossipNodeCounters()
  var news = RareNews()
  var listener: Listener?
  var upstreams: [Upstream] = []
  var nextUpstream: UInt32 = 1
  var owners = [Owner](repeating: .none, count: linkLimit)
  /// The one message of a link that its connection had no room for; empty for none.
  var pending = [[UInt8]](repeating: [], count: linkLimit)
  /// The last tuple that a client of another system was sent and has not sent back; empty for none.
  var unechoed = [[UInt8]](repeating: [], count: linkLimit)
  /// When the client of a link was heard last.
  var heardAt = [Instant](repeating: Instant(), count: linkLimit)
  /// Whether the server of a link was asked, since the end began, for an answer behind all tuples.
  var wasAsked = [Bool](repeating: false, count: linkLimit)
  private var endsSince = Instant()
  let buffer: UnsafeMutableRawBufferPointer
  var taken: TupleStage.Buffer
  var takenAt = 0
  var phase = Phase.running
  var pausedSince: Instant?
  private var askAt = Instant()
  /// Whether a connection had no room in this step.
  var isBlocked = false
  /// Whether the engine had no room in this step.
  var isFull = false
  private var roomWaiters: [CheckedContinuation<Void, Never>] = []
  /// When those who wait for room try again although nothing was sent.
  private var roomRetryAt = Instant.never
  /// What was sent when the first of them began to wait.
  private var roomSent: UInt64 = 0
  private var closeWaiters: [CheckedContinuation<Void, Never>] = []

  init(
    _ configuration: ZGossipNodeConfiguration, identity: MemberID, seed: UInt64, stage: TupleStage,
    feed: DeliveryFeed
  ) throws(ZeroMQError) {
    poller = try ZeroMQPoller()
    self.configuration = configuration
    self.stage = stage
    self.feed = feed
    // Less than half of it is filled when a change comes, and several may come of one message.
    let longest = configuration.engine.tuples.valueLimit + ZGossipMessage.keyLimit
    changes = ChangeBuffer(bytes: max(1 << 20, 4 * longest))
    engine = ZGossipEngine(configuration: configuration.engine, identity: identity, seed: seed)
    settings = SocketSettings(
      configuration: configuration, identity: identity, messageLimit: engine.messageLimit)
    buffer = .allocate(byteCount: engine.messageLimit, alignment: 8)
    taken = stage.emptyBuffer()
    engine.prepare(&changes)
  }

  deinit { buffer.deallocate() }

  func step(readable _: Bool, writable _: Bool) -> EventLoopWait {
    let now = MonotonicClock.now()
    switch phase {
    case .closed: return EventLoopWait(wantsReadable: false)
    case .lingering(let end): return linger(until: end, now: now)
    case .running, .draining: break
    }
    engine.setTimeOfDay(milliseconds: WallClock.milliseconds(), now: now)
    while poller.ready(mark) == ZeroMQPoller.eventLimit {}
    isBlocked = false
    isFull = false
    watch(now: now)
    let isPaused = isPaused(now: now)
    if !isPaused {
      receiveAll(now: now)
      takeStaged(now: now)
    }
    forgetLeavers(now: now)
    engine.advance(now: now, into: &changes)
    tell()
    let isBusy = writeAll(now: now)
    look()
    if counters.sent != roomSent || roomRetryAt <= now { resumeRoomWaiters() }
    if case .draining(let end) = phase { endDraining(by: end, isBusy: isBusy, now: now) }
    return nextWait(isBusy: isBusy, isPaused: isPaused, now: now)
  }

  /// Notes which sockets may have something new.
  private func mark(_ tag: UInt32) {
    switch tag {
    case Listener.tag: listener?.isReadable = true
    case Listener.tag + 1: listener?.isMonitorReadable = true
    default:
      guard let upstream = upstreams.first(where: { $0.number == tag / 2 }) else { return }
      if tag % 2 == 0 { upstream.isReadable = true } else { upstream.isMonitorReadable = true }
    }
  }

  /// Whether readers are waited for.
  func isPaused(now: Instant) -> Bool {
    guard feed.isFull else {
      pausedSince = nil
      return false
    }
    let since = pausedSince ?? now
    pausedSince = since
    return now < since + configuration.readerPatience.asNanoseconds
  }

  /// Looks at the sockets once more before the loop sleeps: what they had to tell may have been told to a `send`.
  private func look() {
    if let listener {
      listener.isReadable = listener.isReadable || hasNews(listener.socket)
      listener.isMonitorReadable = listener.isMonitorReadable || hasNews(listener.monitor?.socket)
    }
    for upstream in upstreams {
      upstream.isReadable = upstream.isReadable || hasNews(upstream.socket)
      upstream.isMonitorReadable = upstream.isMonitorReadable || hasNews(upstream.monitor?.socket)
    }
  }

  private func hasNews(_ socket: ZeroMQSocket?) -> Bool {
    (try? socket?.events.contains(.readable)) ?? false
  }

  private func nextWait(isBusy: Bool, isPaused: Bool, now: Instant) -> EventLoopWait {
    if case .closed = phase { return EventLoopWait(wantsReadable: false) }
    var deadline = engine.nextDeadline
    for upstream in upstreams { deadline = min(deadline, upstream.retryAt, upstream.givenUpAt) }
    if let listener, !listener.isReadable { deadline = min(deadline, listener.nextLeave) }
    if isPaused, let pausedSince {
      deadline = min(deadline, pausedSince + configuration.readerPatience.asNanoseconds)
    }
    if isBlocked || isFull { deadline = min(deadline, now + Self.retryTime) }
    if !roomWaiters.isEmpty { deadline = min(deadline, roomRetryAt) }
    switch phase {
    case .draining(let end), .lingering(let end): deadline = min(deadline, end, now + Self.retryTime)
    case .running, .closed: break
    }
    let hasMore =
      listener?.isReadable == true || upstreams.contains { $0.isReadable && $0.socket != nil }
    // Monitors are read even while readers are waited for. One that was just opened tells nothing to a poller before
    // it was read once.
    let hasEvents =
      listener?.isMonitorReadable == true || upstreams.contains { $0.isMonitorReadable && $0.monitor != nil }
    if isBusy || hasEvents || (hasMore && !isPaused) { deadline = now }
    return EventLoopWait(deadline: deadline)
  }

  // MARK: Changes

  /// Gives what has changed to those who read it.
  func tell() {
    guard changes.count > 0 else { return }
    if feed.isRead, let batch = ZGossipBatch(changes) {
      feed.tell(batch, mayDrop: pausedSince != nil)
    }
    changes.removeAll()
  }

  /// Gives changes away before there is no room for more.
  func tellIfNeeded() {
    if changes.fill >= 0.5 { tell() }
  }

  // MARK: Tuples of the application

  /// Takes what was staged, as far as the engine has room.
  func takeStaged(now: Instant) {
    while true {
      if takenAt >= taken.used {
        taken.used = 0
        takenAt = 0
        guard stage.exchange(&taken) else { return }
      }
      while takenAt < taken.used {
        let (key, value, lifetime, next) = taken.read(at: takenAt)
        do throws(ZGossipError) {
          try engine.publish(value, at: key, lifetime: lifetime, if: nil, now: now, into: &changes)
        } catch .tuple(.wouldBlock) {
          isFull = true
          return
        } catch {
          counters.postsRefused &+= 1
        }
        takenAt = next
        tellIfNeeded()
      }
      // Others want to be heard too; what was staged meanwhile comes with the next step.
      return
    }
  }

  /// Whether all that was staged is with the engine.
  var hasTakenAll: Bool { takenAt >= taken.used }

  /// The continuation learns when there may be room again.
  func waitForRoom(_ continuation: CheckedContinuation<Void, Never>) {
    if case .closed = phase { return continuation.resume() }
    if roomWaiters.isEmpty {
      roomRetryAt = MonotonicClock.now() + Self.retryTime
      roomSent = counters.sent
    }
    roomWaiters.append(continuation)
  }

  private func resumeRoomWaiters() {
    let waiters = roomWaiters
    roomWaiters.removeAll(keepingCapacity: true)
    for waiter in waiters { waiter.resume() }
  }

  // MARK: The end

  /// Ends the node; the continuation learns when that is done.
  func close(within limit: Duration, _ continuation: CheckedContinuation<Void, Never>) {
    if case .closed = phase { return continuation.resume() }
    closeWaiters.append(continuation)
    guard case .running = phase else { return }
    stage.close()
    endsSince = MonotonicClock.now()
    phase = .draining(until: endsSince + limit.asNanoseconds)
  }

  private func endDraining(by end: Instant, isBusy: Bool, now: Instant) {
    let isSettled = areSettled(now: now)
    let isDone = !isBusy && !isBlocked && hasTakenAll && isSettled
    guard isDone || now >= end else { return }
    let rest = Int32(clamping: max(1, end.since(now) / 1_000_000))
    listener?.close(poller: poller, linger: rest)
    for upstream in upstreams { upstream.close(poller: poller, linger: rest) }
    phase = .lingering(until: end)
    _ = linger(until: end, now: now)
  }

  /// Whether all that should have what is here have it, as far as that can be known; asks those that say so.
  private func areSettled(now: Instant) -> Bool {
    let asks = now >= askAt
    if asks { askAt = now + Self.askTime }
    // A connection that is down may come up again, and what was published is for it too.
    let isEmpty = engine.status == 0 && engine.tombstoneCount == 0
    var result = isEmpty || upstreams.allSatisfy { $0.link != nil || $0.isSelf }
    for link in owners.indices where !owners[link].isNone {
      switch (owners[link], engine.isOurs(link)) {
      case (.client, false): if !hasRead(link, now: now) { result = false }
      case (.upstream, false):
        // One answer that comes behind all that was published before the end.
        if !wasAsked[link], hasTakenAll { wasAsked[link] = engine.ask(link, now: now) }
        if !wasAsked[link] { result = false }
      default: if asks { engine.ask(link, now: now) }
      }
      if !engine.isSettled(link, now: now) { result = false }
    }
    return result
  }

  /// Whether a client of another system has read what it was sent: it sends back what is new to it. One that is silent
  /// for long enough has nothing to send back.
  private func hasRead(_ link: Int, now: Instant) -> Bool {
    guard !unechoed[link].isEmpty else { return true }
    return max(endsSince, heardAt[link]) + configuration.echoTime.asNanoseconds <= now
  }

  private func linger(until end: Instant, now: Instant) -> EventLoopWait {
    upstreams.removeAll { $0.hasLeft() }
    if listener?.hasLeft() == true { listener = nil }
    guard upstreams.isEmpty && listener == nil || now >= end else {
      // The monitors are looked at now and then: nothing else happens any more.
      return EventLoopWait(deadline: min(end, now + 1_000_000), wantsReadable: false)
    }
    upstreams = []
    listener = nil
    phase = .closed
    feed.finish()
    resumeRoomWaiters()
    let waiters = closeWaiters
    closeWaiters = []
    for waiter in waiters { waiter.resume() }
    return EventLoopWait(wantsReadable: false)
  }
}
