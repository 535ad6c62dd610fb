import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("What members say to each other, over real sockets", .timeLimit(.minutes(5)))
struct DirectTests {
  struct Load: GossipMessage, Equatable {
    var share: Double
  }

  /// Members that all know each other.
  private func members(_ count: Int, tags: [[String: String]] = []) async throws -> [GossipNode] {
    var nodes: [GossipNode] = []
    for index in 0..<count {
      var configuration = GossipNode.Configuration(bind: "127.0.0.1:0")
      configuration.core.membership?.name = "m\(index)"
      if index < tags.count { configuration.core.membership?.tags = tags[index] }
      let node = try await GossipNode(configuration)
      try await node.join(nodes.first.map { [$0.localEndpoint.text] } ?? [])
      nodes.append(node)
    }
    for node in nodes {
      let watch = await node.members.watch()
      var alive = Set(watch.present.filter { $0.status == .alive }.map(\.id))
      var events = watch.events.makeAsyncIterator()
      while alive.count < count, let event = await events.next() { alive.insert(event.member.id) }
    }
    return nodes
  }

  private func leave(_ nodes: [GossipNode]) async {
    for node in nodes { await node.leave() }
  }

  @Test("a message to one member arrives there, and nowhere else")
  func direct() async throws {
    let nodes = try await members(3)
    try await nodes[0].send("for you", to: StableID(name: "m2"))
    try await nodes[0].send(Load(share: 0.5), to: StableID(name: "m2"))
    var messages = nodes[2].directMessages.makeAsyncIterator()
    let first = try #require(await messages.next())
    #expect(first.text == "for you" && first.sender == StableID(name: "m0") && first.run == nodes[0].identity)
    #expect(try first.decode(Load.self) == nil)
    #expect(try #require(await messages.next()).decode(Load.self) == Load(share: 0.5))
    await #expect(throws: DirectError.unknownMember) {
      try await nodes[0].send("nobody", to: StableID(name: "nobody"))
    }
    #expect(await nodes[1].statistics.core.directReceived == 0)
    await leave(nodes)
    #expect(await messages.next() == nil)
    await #expect(throws: DirectError.notConnected) { try await nodes[0].send("x", to: StableID(name: "m1")) }
  }

  @Test("a burst to one member waits for its reader, and all of it arrives once")
  func backPressure() async throws {
    let nodes = try await members(2)
    let count = 4_000
    let reading = Task {
      var seen = Set<String>()
      for await message in nodes[1].directMessages {
        #expect(seen.insert(message.text).inserted)
        if seen.count == count { break }
      }
      return seen.count
    }
    try await withThrowingTaskGroup { group in
      for part in 0..<20 {
        group.addTask {
          for number in 0..<count / 20 {
            try await nodes[0].send("\(part) \(number)", to: StableID(name: "m1"))
          }
        }
      }
      try await group.waitForAll()
    }
    #expect(await reading.value == count)
    await leave(nodes)
  }

  @Test("a question goes to whom it is for, and its answers end when all have answered")
  func questions() async throws {
    let nodes = try await members(4, tags: [[:], ["role": "web"], ["role": "web"], ["role": "db"]])
    let answering = nodes[1...].enumerated().map { index, node in
      Task {
        for await question in node.questions {
          if question.text == "load?" {
            try await question.answer(Load(share: Double(index)))
            await #expect(throws: DirectError.notOpen) { try await question.answer("again") }
          } else {
            try await question.answer(question.text + "!")
          }
        }
      }
    }
    let answers = try await nodes[0].ask(
      "load?", of: .tagged(key: "role", value: "web"), within: .seconds(60))
    #expect(answers.expected == 2)
    var loads: [Double] = []
    for await answer in answers { loads.append(try #require(try answer.decode(Load.self)).share) }
    #expect(loads.sorted() == [0, 1])
    var texts: [String] = []
    for await answer in try await nodes[0].ask("ping", within: .seconds(60)) { texts.append(answer.text) }
    #expect(texts == ["ping!", "ping!", "ping!"])
    // The time ends what nobody answers: nobody is asked who is not there.
    for await _ in try await nodes[0].ask("x", of: .tagged(key: "role", value: "none")) { Issue.record() }
    await leave(nodes)
    for task in answering { try await task.value }
  }

  @Test("the time for answers ends; whoever stops reading ends the question")
  func questionsEnd() async throws {
    let nodes = try await members(3)
    let answers = try await nodes[0].ask("anybody?", within: .milliseconds(200))
    #expect(answers.expected == 2)
    for await _ in answers { Issue.record() }
    let task = Task { for await _ in try await nodes[0].ask("again?", within: .seconds(3_600)) {} }
    task.cancel()
    try? await task.value
    await leave(nodes)
  }

  @Test("receipts count every other member, in the end")
  func receipts() async throws {
    let nodes = try await members(5)
    let counts = try await nodes[3].broadcastCounting("news", within: .seconds(3_600))
    var last = 0
    for await count in counts {
      last = count
      if count == 4 { break }
    }
    #expect(last == 4)
    await leave(nodes)
  }

  @Test("a node that is freed while others wait for it frees them too")
  func freed() async throws {
    let nodes = try await members(2)
    let sending = Task {
      // The other one never reads, so that at last nothing is confirmed any more.
      var failure: (any Error)?
      let reader = nodes[1].directMessages.makeAsyncIterator()
      for _ in 0..<100_000 where failure == nil {
        do { try await nodes[0].send([UInt8](repeating: 1, count: 1_000), to: StableID(name: "m1")) } catch {
          failure = error
        }
      }
      withExtendedLifetime(reader) {}
      return failure
    }
    try await Task.sleep(for: .milliseconds(300))
    await nodes[0].leave()
    #expect(await sending.value != nil)
    await nodes[1].leave()
  }
}
