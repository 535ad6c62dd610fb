// One thread that does everything a node needs: it waits for datagrams and for the one deadline, runs the
// jobs of the actor whose executor it is, and steps its client after each.
//
// Because socket, timer and actor share the thread, the state they share needs no locks, and between
// receiving a batch and sending the answers nobody has to be woken. Another thread that has work appends it
// to a queue and rings a doorbell, but only if the loop sleeps (`WakeState`); a busy loop is never
// interrupted.
//
// The thread holds the loop only while it works and the client only while it steps, both weakly otherwise. So
// a program that drops its last reference leaves no thread, no descriptor and no memory behind.

import GrapevineCore
import Synchronization

/// What an event loop drives: usually a node with its transport.
public protocol EventLoopClient: AnyObject, Sendable {
  /// Does what there is to do now, without waiting, and says when to be called next. Called on the loop's
  /// thread.
  ///
  /// It is called when the watched descriptor became ready, after jobs ran, after `wake()`, and when the
  /// deadline passed. It may be called without any of these, so it looks for itself what is due.
  ///
  /// - Parameters:
  ///   - readable: The watched descriptor has something to receive or an error to report.
  ///   - writable: The watched descriptor takes bytes again; only true after `wantsWritable` was asked for.
  func step(readable: Bool, writable: Bool) -> EventLoopWait
}

/// What a client waits for until its next step.
public struct EventLoopWait: Equatable, Sendable {
  /// When to step at the latest, on the clock of `MonotonicClock`; `Instant.never` when nothing is due.
  public var deadline: Instant
  /// Whether to step as soon as the watched descriptor is writable.
  public var wantsWritable: Bool
  /// Whether to step as soon as the watched descriptor is readable; without, what arrives waits in the
  /// system.
  public var wantsReadable: Bool

  /// Creates a wait; by itself it is for a readable descriptor, jobs and `wake()` alone.
  public init(deadline: Instant = .never, wantsWritable: Bool = false, wantsReadable: Bool = true) {
    self.deadline = deadline
    self.wantsWritable = wantsWritable
    self.wantsReadable = wantsReadable
  }

  /// Whether it asks for anything but the usual: reading alone.
  var isUnusual: Bool { wantsWritable || !wantsReadable }
}

/// A thread over epoll or kqueue that drives one client and can be the executor of an actor or a task.
///
/// After `stop`, the loop watches and steps nothing any more, but jobs still run: one at a time and in
/// order, on a thread that lives as long as there are any. So callers of an actor that has stopped its loop
/// never hang.
public final class EventLoop: SerialExecutor, TaskExecutor, @unchecked Sendable {
  let state: LoopState

  /// Starts the thread.
  ///
  /// - Parameters:
  ///   - name: The thread's name for debuggers; the first 15 bytes count.
  ///   - stackBytes: The thread's stack. Chosen here: 256 KiB, of which only pages in use take memory; the
  ///   jobs of
  ///     a node's actor are shallow. Give more when code of unknown depth runs on the loop.
  /// - Throws: `TransportError.system` when the process may have no more descriptors or threads.
  public init(name: String = "grapevine", stackBytes: Int = 256 << 10) throws(TransportError) {
    state = try LoopState(name: name, stackBytes: stackBytes)
    let thread = LoopThread(state: state, loop: self)
    let error = startThread(name: name, stackBytes: stackBytes) { thread.run() }
    guard error == 0 else {
      state.poller.close()
      throw .system(call: "pthread_create", error: error)
    }
  }

  deinit {
    state.requestStop()
  }

  /// The present on the clock that deadlines are measured by.
  public var now: Instant { MonotonicClock.now() }

  /// The present on the clock that deadlines are measured by.
  public static func now() -> Instant { MonotonicClock.now() }

  /// Steps the client whenever the descriptor is readable; replaces a descriptor watched before.
  ///
  /// The descriptor must stay open until the loop has stopped or watches another.
  ///
  /// - Throws: `TransportError.system` when the descriptor cannot be watched or the loop has stopped.
  public func watch(_ descriptor: Int32) throws(TransportError) {
    try state.poller.watch(descriptor)
  }

  /// Makes `client` the one that the loop steps, and steps it soon; replaces the one before.
  ///
  /// The loop does not keep the client alive: it is stepped as long as somebody else holds it.
  public func attach(_ client: any EventLoopClient) {
    state.queue.withLock { $0.client = client }
    state.wake()
  }

  /// Has the client stepped soon. From any thread, cheap, and many calls make one step.
  public func wake() { state.wake() }

  /// Ends the loop after its current turn and gives back its thread and descriptors. From any thread, also
  /// the loop's own; returns at once, and calling it again does nothing.
  public func stop() { state.requestStop() }

  /// Whether the caller runs on the loop's thread.
  public var isCurrent: Bool { state.owner.load(ordering: .relaxed) == currentThread() }

  // MARK: Executor

  /// Runs the job on the loop's thread, or after the end of the loop on one of its own; from any thread.
  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let mustStart = state.queue.withLock { queue in
      queue.jobs.append(job)
      guard queue.phase == .ended else { return false }
      queue.phase = .finishing
      return true
    }
    guard mustStart else { return state.wake() }
    // The loop has ended: what comes now runs on a thread of its own.
    let error = startThread(name: state.name, stackBytes: state.stackBytes) { self.finish() }
    if error != 0 { finish() }
  }

  /// The loop as the executor of an actor, for its `unownedExecutor`; the actor must keep the loop alive.
  public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

  /// Traps when the caller is not on the loop's thread.
  public func checkIsolated() {
    precondition(isCurrent, "expected to run on the event loop's thread")
  }

  /// Whether the caller is on the loop's thread.
  public func isIsolatingCurrentContext() -> Bool? { isCurrent }
}
