import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("GossipNode over real sockets", .timeLimit(.minutes(5)))
struct NodeTests {
  struct Commit: GossipMessage, Equatable {
    var key: String
    var value: [UInt8]
  }

  /// A founder and a member that joined through it.
  func pair() async throws -> (GossipNode, GossipNode) {
    let founder = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await founder.join()
    let member = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await member.join([founder.localEndpoint.text])
    return (founder, member)
  }

  @Test("a message reaches the other member, with its sender and number")
  func broadcast() async throws {
    let (founder, member) = try await pair()
    try await member.broadcast("hello")
    try await member.broadcast("world")
    var texts: [String] = []
    for await message in founder.messages {
      #expect(message.sender == member.identity)
      texts.append(message.payload.text)
      if texts.count == 2 { break }
    }
    #expect(texts.sorted() == ["hello", "world"])
    await member.leave()
    await founder.leave()
    #expect(await founder.lifecycle == .destroyed)
  }

  @Test("typed messages go to the reader of their type, other messages do not")
  func typed() async throws {
    let (founder, member) = try await pair()
    var commits = founder.messages(of: Commit.self).makeAsyncIterator()
    try await member.broadcast(Commit(key: "a", value: [1, 2]))
    try await member.broadcast("plain")
    let commit = await commits.next()
    #expect(commit?.value == Commit(key: "a", value: [1, 2]))
    var messages = founder.messages.makeAsyncIterator()
    #expect(await messages.next()?.payload.text == "plain")
  }

  @Test("a burst far beyond every buffer arrives complete, in bounded memory, because the sender waits")
  func backPressure() async throws {
    let (founder, member) = try await pair()
    let count = 200_000
    let sending = Task {
      for number in 0..<count {
        try await member.broadcast(withUnsafeBytes(of: UInt64(number)) { Array($0) })
      }
    }
    var seen = [Bool](repeating: false, count: count)
    var received = 0
    for await message in founder.messages {
      let number = message.payload.withUnsafeBytes { Int($0.loadUnaligned(as: UInt64.self)) }
      #expect(!seen[number])
      seen[number] = true
      received += 1
      if received == count { break }
    }
    try await sending.value
    #expect(received == count)
  }

  @Test("joining where nobody answers fails with a clear error, and can be tried again")
  func joinFails() async throws {
    var core = Configuration()
    core.joinTimeout = .milliseconds(300)
    let node = try await GossipNode(.init(bind: "127.0.0.1:0", core: core))
    let silent = try UDPTransport(bind: "127.0.0.1:0")
    await #expect(throws: JoinError.noContactAnswered([silent.localEndpoint.text])) {
      try await node.join([silent.localEndpoint.text])
    }
    try await node.join()
    #expect(await node.lifecycle == .connected)
    await #expect(throws: JoinError.alreadyJoined) { try await node.join() }
  }

  @Test("a node given its own address as contact founds a cluster")
  func joinsItself() async throws {
    let node = try await GossipNode(.init(bind: "127.0.0.1:0"))
    try await node.join([node.localEndpoint.text])
    #expect(await node.lifecycle == .connected)
    #expect(await node.statistics.core.droppedOwn >= 1)
  }

  @Test("before joining and after leaving a broadcast throws")
  func notConnected() async throws {
    let node = try await GossipNode(.init(bind: "127.0.0.1:0"))
    await #expect(throws: BroadcastError.notConnected) { try await node.broadcast("early") }
    try await node.join()
    await #expect(throws: BroadcastError.tooLarge(limit: node.largeLimit)) {
      try await node.broadcast([UInt8](repeating: 0, count: node.largeLimit + 1))
    }
    await node.leave()
    await #expect(throws: BroadcastError.notConnected) { try await node.broadcast("late") }
    await #expect(throws: JoinError.hasLeft) { try await node.join() }
  }

  @Test("leaving hands over what was just broadcast")
  func leaveHandsOver() async throws {
    let (founder, member) = try await pair()
    // From here on there is a reader, so that nothing is dropped for want of one.
    var messages = founder.messages.makeAsyncIterator()
    for number in 0..<500 { try await member.broadcast("message \(number)") }
    await member.leave()
    var received = 0
    while received < 500, await messages.next() != nil { received += 1 }
    #expect(received == 500)
  }

  @Test("what a loop that ended has not read, the next one reads")
  func endedLoop() async throws {
    let (founder, member) = try await pair()
    for number in 0..<10 { try await member.broadcast([UInt8(number)]) }
    var seen: [UInt8] = []
    while seen.count < 10 {
      for await message in founder.messages {
        seen.append(message.payload[0])
        break
      }
    }
    #expect(seen.sorted() == Array(0..<10))
  }

  @Test("a cancelled reader ends, and the node goes on")
  func cancellation() async throws {
    let (founder, member) = try await pair()
    let reader = Task { await founder.messages.first { _ in true } == nil }
    reader.cancel()
    #expect(await reader.value)
    try await member.broadcast("after")
    var messages = founder.messages.makeAsyncIterator()
    #expect(await messages.next()?.payload.text == "after")
  }

  @Test("nodes on an in-memory network behave like nodes on UDP")
  func inMemory() async throws {
    let network = MemoryNetwork()
    let founder = try await GossipNode(on: network)
    try await founder.join()
    let member = try await GossipNode(on: network)
    try await member.join(endpoints: [founder.localEndpoint])
    try await founder.broadcast("over memory")
    var messages = member.messages.makeAsyncIterator()
    #expect(await messages.next()?.payload.text == "over memory")
  }
}

@Suite("A node that goes away", .timeLimit(.minutes(5)))
struct EndTests {
  /// Whether a port can be bound within a few seconds: then the descriptor that held it is closed.
  func becomesFree(_ endpoint: Endpoint) async throws -> Bool {
    for _ in 0..<500 {
      if (try? UDPTransport(bind: endpoint)) != nil { return true }
      try await Task.sleep(for: .milliseconds(10))
    }
    return false
  }

  @Test("the last reference gone, its descriptor and its loop are gone, and readers end")
  func deinitialised() async throws {
    var node: GossipNode? = try await GossipNode(.init(bind: "127.0.0.1:0"))
    let endpoint = try #require(node?.localEndpoint)
    let messages = try #require(node?.messages)
    try await node?.join()
    weak let loop = node?.executor
    #expect(loop != nil)
    let reader = Task.detached { await messages.first { _ in true } == nil }
    node = nil
    #expect(await reader.value)
    #expect(try await becomesFree(endpoint))
    #expect(loop == nil)
  }

  @Test("a join that is cancelled ends at once, and the node can join elsewhere")
  func cancelledJoin() async throws {
    let silent = try UDPTransport(bind: "127.0.0.1:0")
    var core = Configuration()
    core.joinTimeout = .seconds(1_000)
    let node = try await GossipNode(.init(bind: "127.0.0.1:0", core: core))
    let joining = Task { try await node.join([silent.localEndpoint.text]) }
    joining.cancel()
    await #expect(throws: CancellationError.self) { try await joining.value }
    try await node.join()
    #expect(await node.lifecycle == .connected)
  }
}

@Suite("A reader that does not keep up", .timeLimit(.minutes(5)))
struct SlowReaderTests {
  /// On threads of its own: when others keep these two waiting for seconds, a reader that stops for a moment has left.
  @Test("a stopped reader makes the sender wait, and nothing is lost")
  func stoppedReader() async throws {
    let (reader, sender) = (try EventLoop(name: "reader"), try EventLoop(name: "sender"))
    defer {
      reader.stop()
      sender.stop()
    }
    try await withTaskExecutorPreference(reader) { try await stopReading(sender: sender) }
  }

  private func stopReading(sender: EventLoop) async throws {
    var core = Configuration()
    core.logBytes = 1 << 20
    let founder = try await GossipNode(.init(bind: "127.0.0.1:0", core: core))
    try await founder.join()
    let member = try await GossipNode(.init(bind: "127.0.0.1:0", core: core))
    try await member.join([founder.localEndpoint.text])
    var messages = founder.messages.makeAsyncIterator()
    // Far more than all mailboxes, logs and socket buffers between the two hold.
    let count = 600_000
    let sending = Task(executorPreference: sender) {
      for _ in 0..<count { try await member.broadcast([UInt8](repeating: 1, count: 100)) }
      return true
    }
    var received = 0
    while received < count, await messages.next() != nil {
      received += 1
      // Now and then the reader stops until the sender has been made to wait.
      if received == 1_000 {
        var last: UInt64 = 0
        var same = 0
        while same < 20 {
          let now = await member.statistics.core.broadcasts
          same = now == last ? same + 1 : 0
          last = now
          try await Task.sleep(for: .milliseconds(5))
        }
        #expect(last < UInt64(count))
      }
    }
    #expect(received == count)
    #expect(try await sending.value)
  }
}
