import GrapevineCore
import Synchronization
import Testing

@testable import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// A client that does what a test says, and counts.
private final class Client: EventLoopClient {
  let steps = Atomic<Int>(0)
  let strangers = Atomic<Int>(0)
  private let loop: EventLoop
  private let body: @Sendable (_ step: Int, _ readable: Bool, _ writable: Bool) -> EventLoopWait

  init(_ loop: EventLoop, _ body: @escaping @Sendable (Int, Bool, Bool) -> EventLoopWait) {
    self.loop = loop
    self.body = body
  }

  func step(readable: Bool, writable: Bool) -> EventLoopWait {
    if !loop.isCurrent { strangers.add(1, ordering: .relaxed) }
    return body(steps.add(1, ordering: .relaxed).oldValue, readable, writable)
  }
}

/// An actor that lives on a loop, as a node does.
private actor Resident {
  nonisolated let loop: EventLoop
  private var visits = 0

  init(_ loop: EventLoop) { self.loop = loop }

  nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

  func visit() -> (isAtHome: Bool, visits: Int) {
    visits += 1
    return (loop.isCurrent, visits)
  }

  nonisolated func visitsSeenFromTheLoop() -> Int { assumeIsolated { $0.visits } }
}

@Suite("Event loop: one thread for socket, timer and actor", .serialized)
struct EventLoopTests {
  @Test("an actor runs on the loop's thread and nowhere else")
  func actor() async throws {
    let loop = try EventLoop()
    let resident = Resident(loop)
    for visit in 1...1_000 {
      let (isAtHome, visits) = await resident.visit()
      #expect(isAtHome && visits == visit)
    }
    #expect(!loop.isCurrent)
    loop.stop()
  }

  @Test("a client's step counts as the actor's isolation, and follows its jobs")
  func isolation() async throws {
    let loop = try EventLoop()
    let resident = Resident(loop)
    let seen = Atomic<Int>(0)
    let box = Mutex(0)
    let client = Client(loop) { _, _, _ in
      let visits = resident.visitsSeenFromTheLoop()
      box.withLock { $0 = max($0, visits) }
      return EventLoopWait()
    }
    loop.attach(client)
    for _ in 0..<100 { _ = await resident.visit() }
    #expect(eventually { box.withLock { $0 } == 100 })
    #expect(client.strangers.load(ordering: .relaxed) == 0 && seen.load(ordering: .relaxed) == 0)
    loop.stop()
  }

  @Test("a task prefers the loop")
  func taskExecutor() async throws {
    let loop = try EventLoop()
    let isCurrent = await Task(executorPreference: loop) { loop.isCurrent }.value
    #expect(isCurrent)
    loop.stop()
  }

  @Test("deadlines fire, never early, with and without nanoseconds", arguments: [true, false])
  func deadlines(hasNanoseconds: Bool) throws {
    let loop = try EventLoop()
    loop.state.poller.hasNanoseconds = hasNanoseconds
    let due = Mutex(Instant.never)
    let early = Atomic<Int>(0)
    let client = Client(loop) { step, _, _ in
      let now = MonotonicClock.now()
      return due.withLock { due in
        if step > 0, now < due { early.add(1, ordering: .relaxed) }
        due = step < 20 ? now + 700_000 : .never
        return EventLoopWait(deadline: due)
      }
    }
    loop.attach(client)
    #expect(eventually { client.steps.load(ordering: .relaxed) == 21 })
    #expect(early.load(ordering: .relaxed) == 0)
    loop.stop()
  }

  @Test("a wake from another thread makes a step, and many make few")
  func wake() throws {
    let loop = try EventLoop()
    let client = Client(loop) { _, _, _ in EventLoopWait() }
    loop.attach(client)
    for _ in 0..<200 {
      let before = client.steps.load(ordering: .relaxed)
      loop.wake()
      #expect(eventually { client.steps.load(ordering: .relaxed) > before })
    }
    loop.stop()
  }

  @Test("the client is stepped when its transport has something, and when it can send again")
  func watched() throws {
    let loop = try EventLoop()
    let sender = try UDPTransport(bind: "127.0.0.1:0")
    let receiver = try UDPTransport(bind: "127.0.0.1:0")
    nonisolated(unsafe) let inbox = receiver
    let received = Atomic<Int>(0)
    let writable = Atomic<Int>(0)
    let client = Client(loop) { step, isReadable, isWritable in
      if isReadable { received.add(inbox.receive(), ordering: .relaxed) }
      if isWritable { writable.add(1, ordering: .relaxed) }
      return EventLoopWait(wantsWritable: step == 0)
    }
    try loop.watch(receiver.fileDescriptor)
    loop.attach(client)
    #expect(eventually { writable.load(ordering: .relaxed) == 1 })
    var buffer = DatagramBuffer()
    while buffer.append([1], to: receiver.localEndpoint) {}
    for _ in 0..<10 { #expect(sender.send(buffer, from: 0) == 64) }
    #expect(eventually { received.load(ordering: .relaxed) == 640 })
    #expect(writable.load(ordering: .relaxed) == 1)
    loop.stop()
    #expect(eventually { (try? loop.watch(receiver.fileDescriptor)) == nil })
  }

  @Test("a stopped loop still runs the jobs of its actor, one at a time and on a thread of its own")
  func afterStop() async throws {
    let loop = try EventLoop()
    let resident = Resident(loop)
    loop.stop()
    for visit in 1...50 {
      let (isAtHome, visits) = await resident.visit()
      #expect(isAtHome && visits == visit)
    }
    await withTaskGroup(of: Void.self) { group in
      for _ in 0..<100 { group.addTask { _ = await resident.visit() } }
    }
    #expect(await resident.visit().visits == 151)
  }

  @Test("the loop lets its client go")
  func weakClient() throws {
    let loop = try EventLoop()
    weak var kept: Client?
    do {
      let client = Client(loop) { _, _, _ in EventLoopWait() }
      kept = client
      loop.attach(client)
      #expect(eventually { client.steps.load(ordering: .relaxed) > 0 })
    }
    #expect(eventually { kept == nil })
    loop.stop()
  }
}
