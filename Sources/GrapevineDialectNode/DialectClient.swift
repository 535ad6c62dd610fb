// What runs on the thread of a peer of another system: datagrams in, the engine, datagrams out.

import GrapevineCore
import GrapevineDialect
import GrapevineTransport

/// Drives an engine from the event loop. Everything in it is used on the loop's thread only.
final class DialectClient<Engine: DialectEngine & ~Copyable>: EventLoopClient, @unchecked Sendable {
  let transport: any DatagramTransport
  private(set) var engine: Engine
  private var effects = DialectEffects()
  /// Datagrams at the head of `effects` that have left already.
  private var sentCount = 0
  private let messages: AsyncStream<DialectMessage>.Continuation
  /// Messages that a reader lost by falling behind.
  private(set) var messagesLost: UInt64 = 0
  private var joinWaiters: [CheckedContinuation<Void, Never>] = []
  private var leaveWaiters: [CheckedContinuation<Void, Never>] = []
  private var roomWaiters: [CheckedContinuation<Void, Never>] = []
  private(set) var hasLeft = false
  private var lastDeadline = Instant.never

  /// Batches of datagrams taken before the answers are sent. Chosen here: keeps a busy loop answering.
  private static var batchesPerStep: Int { 4 }

  init(
    _ engine: consuming Engine, transport: any DatagramTransport,
    messages: AsyncStream<DialectMessage>.Continuation
  ) {
    self.engine = engine
    self.transport = transport
    self.messages = messages
  }

  func step(readable _: Bool, writable _: Bool) -> EventLoopWait {
    let now = MonotonicClock.now()
    var hasProgress = lastDeadline <= now
    for _ in 0..<Self.batchesPerStep {
      guard receive(now: now) else { break }
      hasProgress = true
    }
    let isSent = flush(now: MonotonicClock.now())
    tell(hasProgress: hasProgress)
    // While the socket takes nothing, only its being writable helps.
    var wait = EventLoopWait(deadline: isSent ? engine.nextDeadline : .never, wantsWritable: !isSent)
    if hasLeft, engine.lifecycle != .leaving { wait.deadline = .never }
    lastDeadline = wait.deadline
    return wait
  }

  /// Takes one batch of datagrams; false when none waited.
  private func receive(now: Instant) -> Bool {
    let count = transport.receive()
    for index in 0..<count where !transport.isTruncated(index) {
      engine.receive(transport.datagram(index), from: transport.source(index), now: now, into: &effects)
    }
    deliver()
    return count > 0
  }

  /// Does what is due and sends what there is to send; false when the socket takes no more for now.
  private func flush(now: Instant) -> Bool {
    while true {
      engine.advance(now: now, into: &effects)
      guard effects.datagrams.count > 0 else { return true }
      let wasFull = !effects.datagrams.hasRoom
      sentCount += transport.send(effects.datagrams, from: sentCount)
      guard sentCount >= effects.datagrams.count else { return false }
      effects.datagrams.removeAll()
      sentCount = 0
      if !wasFull { return true }
    }
  }

  private func deliver() {
    for index in 0..<effects.deliveries.count {
      let sequence = effects.deliveries.record(index).sequence
      let message = effects.deliveries.withMessage(index) { origin, payload in
        DialectMessage(origin: Array(origin), sequence: sequence, payload: Array(payload))
      }
      if case .dropped = messages.yield(message) { messagesLost &+= 1 }
    }
    effects.deliveries.removeAll()
  }

  private func tell(hasProgress: Bool) {
    if engine.lifecycle != .joining { resume(&joinWaiters) }
    if hasLeft, engine.lifecycle != .leaving {
      resume(&leaveWaiters)
      resume(&roomWaiters)
      messages.finish()
    }
    if hasProgress { resume(&roomWaiters) }
  }

  private func resume(_ waiters: inout [CheckedContinuation<Void, Never>]) {
    for waiter in waiters { waiter.resume() }
    waiters.removeAll()
  }
}

// Called by the actor, on the loop's thread.
extension DialectClient where Engine: ~Copyable {
  func join(_ contacts: [Endpoint]) throws(DialectError) {
    try engine.join(contacts, now: MonotonicClock.now())
  }

  /// The continuation learns when joining has ended, in whichever way.
  func waitForJoin(_ continuation: CheckedContinuation<Void, Never>) { joinWaiters.append(continuation) }

  /// Those who wait for joining look at the time.
  func endJoinWaiting() { resume(&joinWaiters) }

  /// The continuation learns when there may be room again.
  func waitForRoom(_ continuation: CheckedContinuation<Void, Never>) { roomWaiters.append(continuation) }

  func broadcast(_ payload: [UInt8]) throws(DialectError) -> UInt64 {
    let now = MonotonicClock.now()
    return try payload.withUnsafeBufferPointer { bytes throws(DialectError) in
      try engine.broadcast(UnsafeRawBufferPointer(bytes), now: now)
    }
  }

  /// Leaves; the continuation learns when the engine has said so to everybody that it could.
  func leave(_ continuation: CheckedContinuation<Void, Never>) {
    // The loop may have stopped since, and nobody would tell.
    guard !hasLeft || engine.lifecycle == .leaving else { return continuation.resume() }
    leaveWaiters.append(continuation)
    guard !hasLeft else { return }
    hasLeft = true
    engine.leave(now: MonotonicClock.now())
  }
}
