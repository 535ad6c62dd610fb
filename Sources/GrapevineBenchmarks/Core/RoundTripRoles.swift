// The two ends of a ping-pong of broadcasts.

import CAllocations
import Grapevine
import GrapevineCore
import GrapevineTransport

#if os(Linux)
  import CLinux
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Waits for a descriptor the way an event loop does.
struct Waiter {
  #if os(Linux)
    private let epoll: Int32

    init(_ descriptor: Int32) {
      epoll = epoll_create1(0)
      var event = epoll_event()
      event.events = EPOLLIN.rawValue
      epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event)
    }

    func wait(milliseconds: Int32) {
      var event = epoll_event()
      _ = epoll_wait(epoll, &event, 1, milliseconds)
    }
  #else
    private let descriptor: Int32

    init(_ descriptor: Int32) { self.descriptor = descriptor }

    func wait(milliseconds: Int32) {
      var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
      _ = poll(&wait, 1, milliseconds)
    }
  #endif
}

enum RoundTripRoles {
  static let size = 64

  /// Steps a caller-driven node until `isDone`.
  private static func drive(_ node: DrivenNode, _ waiter: Waiter, until isDone: () -> Bool) {
    while !isDone() {
      while node.receive() == 64 {}
      let next = node.tick() ?? .seconds(1)
      guard !isDone() else { return }
      let milliseconds = next.asNanoseconds / 1_000_000 + 1
      waiter.wait(milliseconds: Int32(clamping: min(milliseconds, 1_000)))
    }
  }

  /// Answers every message with the same bytes, until its neighbour has left.
  static func echo() throws {
    let node = try DrivenNode(bind: "127.0.0.1:0")
    var hadNeighbour = false
    node.onMessage = { _, _, _, bytes in
      _ = try? node.broadcast(bytes)
      node.send()
    }
    node.onEvent = { if case .neighbourUp = $0 { hadNeighbour = true } }
    node.join([])
    System.print("listening \(node.localEndpoint.text)")
    drive(node, Waiter(node.fileDescriptor)) { hadNeighbour && node.neighbourCount == 0 }
  }

  /// Sends a message, waits for its answer, and so on; prints the round trips and what was allocated
  /// meanwhile.
  static func ping(_ address: String, rounds: Int) throws {
    let node = try DrivenNode(bind: "127.0.0.1:0")
    let waiter = Waiter(node.fileDescriptor)
    var answers = 0
    node.onMessage = { _, _, _, _ in answers += 1 }
    node.join([try Endpoint(address)])
    drive(node, waiter) { node.neighbourCount > 0 }
    let payload = [UInt8](repeating: 7, count: size)
    var times: [UInt64] = []
    times.reserveCapacity(rounds)
    var steady = (allocations: UInt64(0), datagrams: UInt64(0))
    for round in 0..<rounds + 1_000 {
      if round == 1_000 {
        steady = (ca_allocations(), node.counters.datagramsSent + node.counters.datagramsReceived)
      }
      let start = MonotonicClock.now()
      try payload.withUnsafeBytes { _ = try node.broadcast($0) }
      node.send()
      drive(node, waiter) { answers > round }
      if round >= 1_000 { times.append(MonotonicClock.now().since(start)) }
    }
    let allocations = ca_allocations() - steady.allocations
    let datagrams = node.counters.datagramsSent + node.counters.datagramsReceived - steady.datagrams
    times.sort()
    System.print(
      "median \(times[times.count / 2]) p10 \(times[times.count / 10]) p99 \(times[times.count * 99 / 100]) "
        + "allocations \(allocations) datagrams \(datagrams)")
    node.leave()
    drive(node, waiter) { node.lifecycle == .disconnected }
  }

  /// The same through `GossipNode`, on its executor.
  static func echoAsync() async throws {
    let node = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await node.join()
    System.print("listening \(node.localEndpoint.text)")
    try await withTaskExecutorPreference(node.executor) {
      for await message in node.messages {
        if message.payload.count == 1 { break }
        try await node.broadcast(Array(message.payload))
      }
    }
    await node.leave()
  }

  static func pingAsync(_ address: String, rounds: Int) async throws {
    let node = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await node.join([address])
    try await withTaskExecutorPreference(node.executor) {
      var messages = node.messages.makeAsyncIterator()
      var times: [UInt64] = []
      let payload = [UInt8](repeating: 7, count: size)
      for round in 0..<rounds + 1_000 {
        let start = MonotonicClock.now()
        try await node.broadcast(payload)
        _ = await messages.next()
        if round >= 1_000 { times.append(MonotonicClock.now().since(start)) }
      }
      times.sort()
      System.print(
        "median \(times[times.count / 2]) p10 \(times[times.count / 10]) p99 \(times[times.count * 99 / 100])"
      )
      try await node.broadcast([0])
    }
    await node.leave()
  }
}
