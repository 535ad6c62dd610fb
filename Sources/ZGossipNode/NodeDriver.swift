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
  var changes = ChangeBuffer()
  var counters = ZGossipNodeCounters()
  var listener: Listener?
  var upstreams: [Upstream] = []
  var nextUpstream: UInt32 = 1
  var owners = [Owner](repeating: .none, count: linkLimit)
  /// The one message of a link that its connection had no room for; empty for none.
  var pending = [[UInt8]](repeating: [], count: linkLimit)
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
    if let listener, !listener.isReadable {
      listener.isReadable = (try? listener.socket.events.contains(.readable)) ?? false
    }
    for upstream in upstreams where !upstream.isReadable {
      guard let socket = upstream.socket else { continue }
      upstream.isReadable = (try? socket.events.contains(.readable)) ?? false
    }
  }

  private func nextWait(isBusy: Bool, isPaused: Bool, now: Instant) -> EventLoopWait {
    if case .closed = phase { return EventLoopWait(wantsReadable: false) }
    var deadline = engine.nextDeadline
    for upstream in upstreams { deadline = min(deadline, upstream.retryAt) }
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
    if isBusy || (hasMore && !isPaused) { deadline = now }
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
    phase = .draining(until: MonotonicClock.now() + limit.asNanoseconds)
  }

  private func endDraining(by end: Instant, isBusy: Bool, now: Instant) {
    // A connection that never was up may still come up, and what was published is for it too.
    var isSettled = upstreams.allSatisfy { $0.link != nil || $0.wasHeard || $0.retryAt != .never }
    let asks = now >= askAt
    if asks { askAt = now + Self.askTime }
    for link in owners.indices where !owners[link].isNone && !engine.isSettled(link, now: now) {
      isSettled = false
      if asks { engine.ask(link, now: now) }
    }
    let isDone = !isBusy && !isBlocked && hasTakenAll && isSettled
    guard isDone || now >= end else { return }
    let rest = Int32(clamping: max(1, end.since(now) / 1_000_000))
    listener?.close(poller: poller, linger: rest)
    for upstream in upstreams { upstream.close(poller: poller, linger: rest) }
    phase = .lingering(until: end)
    _ = linger(until: end, now: now)
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
