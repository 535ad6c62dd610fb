// What the loop's thread does: sleep, run jobs, step the client, sleep again.

import GrapevineCore
import Synchronization

/// Whether somebody who brings work must ring the doorbell.
enum WakeState {
  /// The loop sleeps or is about to: ring.
  static let asleep: UInt8 = 0
  /// The loop works and will look at the queue once more before it sleeps.
  static let awake: UInt8 = 1
  /// As `awake`, and there is something new to look at.
  static let called: UInt8 = 2
}

/// What the loop, its thread and its callers share.
final class LoopState: @unchecked Sendable {
  enum Phase { case running, stopping, finishing, ended }

  /// What callers put in under the lock.
  struct Queue {
    var jobs: [UnownedJob] = []
    weak var client: (any EventLoopClient)?
    var phase = Phase.running
  }

  let name: String
  let stackBytes: Int
  let poller: Poller
  let queue = Mutex(Queue())
  let owner = Atomic<UInt>(0)
  let wakeState = Atomic<UInt8>(WakeState.awake)

  init(name: String, stackBytes: Int) throws(TransportError) {
    self.name = name
    self.stackBytes = stackBytes
    poller = try Poller()
  }

  func wake() {
    if wakeState.exchange(WakeState.called, ordering: .acquiringAndReleasing) == WakeState.asleep {
      poller.ring()
    }
  }

  func requestStop() {
    queue.withLock { if $0.phase == .running { $0.phase = .stopping } }
    wake()
  }
}

/// The loop's thread: it owns what only it touches.
final class LoopThread: @unchecked Sendable {
  private let state: LoopState
  private weak var loop: EventLoop?
  private var wait = EventLoopWait()
  private var spare: [UnownedJob] = []

  /// Jobs that an emptied array keeps room for. Chosen here: a burst beyond it gives its memory back.
  private static let capacityLimit = 4_096

  init(state: LoopState, loop: EventLoop) {
    self.state = state
    self.loop = loop
  }

  func run() {
    state.owner.store(currentThread(), ordering: .relaxed)
    var ready = Poller.Ready()
    while turn(ready) { ready = sleep() }
  }

  /// Runs the jobs and steps the client; false when the loop has ended.
  ///
  /// Only in here the thread holds the loop and the client, never while it sleeps.
  private func turn(_ ready: Poller.Ready) -> Bool {
    let wasCalled =
      state.wakeState.exchange(WakeState.awake, ordering: .acquiringAndReleasing) == WakeState.called
    guard let loop else {
      // Nobody holds the loop any more, so there are no jobs either.
      state.poller.close()
      state.owner.store(0, ordering: .relaxed)
      return false
    }
    let (client, isRunning) = state.queue.withLock { queue in
      swap(&queue.jobs, &spare)
      return (queue.client, queue.phase == .running)
    }
    let ranJobs = !spare.isEmpty
    loop.runAll(&spare)
    if spare.capacity > Self.capacityLimit { spare = [] }
    guard isRunning else {
      loop.finish()
      return false
    }
    guard let client else {
      wait = EventLoopWait()
      return true
    }
    if ready.readable || ready.writable || ranJobs || wasCalled || wait.deadline <= MonotonicClock.now() {
      let before = wait
      wait = client.step(readable: ready.readable, writable: ready.writable)
      // Also when it stays the same, because another descriptor may be watched by now.
      if wait.isUnusual || before.isUnusual {
        state.poller.setInterest(readable: wait.wantsReadable, writable: wait.wantsWritable)
      }
    }
    return true
  }

  /// Waits for the descriptor, the doorbell or the deadline; only looks when there is work already.
  private func sleep() -> Poller.Ready {
    let maySleep = state.wakeState.compareExchange(
      expected: WakeState.awake, desired: WakeState.asleep, ordering: .acquiringAndReleasing
    ).exchanged
    guard maySleep else { return state.poller.wait(nanoseconds: 0) }
    guard wait.deadline != .never else { return state.poller.wait(nanoseconds: nil) }
    return state.poller.wait(nanoseconds: wait.deadline.since(MonotonicClock.now()))
  }
}

extension EventLoop {
  /// Runs the jobs in order and empties the array.
  func runAll(_ jobs: inout [UnownedJob]) {
    let serial = asUnownedSerialExecutor()
    let task = asUnownedTaskExecutor()
    for job in jobs {
      job.runSynchronously(isolatedTo: serial, taskExecutor: task)
    }
    jobs.removeAll(keepingCapacity: true)
  }

  /// Runs what is queued after the stop, until nothing is; then the thread ends.
  func finish() {
    state.owner.store(currentThread(), ordering: .relaxed)
    state.poller.close()
    var jobs: [UnownedJob] = []
    while true {
      let isEmpty = state.queue.withLock { queue in
        queue.client = nil
        swap(&queue.jobs, &jobs)
        guard jobs.isEmpty else { return false }
        // Before the lock is given up: the next thread to finish writes itself here.
        state.owner.store(0, ordering: .relaxed)
        queue.phase = .ended
        return true
      }
      if isEmpty { return }
      runAll(&jobs)
    }
  }
}
