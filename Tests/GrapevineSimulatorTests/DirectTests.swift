import Testing

@testable import GrapevineCore
@testable import GrapevineSimulator

/// A cluster in virtual time whose members talk to each other.
private final class Talk {
  let simulation: Simulation
  var heard: [(node: Int, what: Simulation.DirectObservation)] = []
  /// Whether members answer what they are asked, with their number.
  var answers = true
  var events: [Event] = []

  init(_ nodes: Int, seed: UInt64, loss: Double = 0, configure: (inout Configuration) -> Void = { _ in })
    throws
  {
    var configuration = Configuration()
    configure(&configuration)
    var model = NetworkModel()
    if loss > 0 { model = .hostile(loss: loss) }
    simulation = try Simulation(seed: seed, configuration: configuration, model: model)
    for node in 0..<nodes { simulation.start(contacts: node == 0 ? [] : [0]) }
    simulation.directObserver = { [unowned self] node, what in
      heard.append((node, what))
      guard answers, case .said(.question, _, let call, _) = what else { return }
      simulation.at(simulation.now) { try? _ = $0.answer(call, with: [UInt8(node)], from: node) }
    }
    for _ in 0..<60 where !isComplete(nodes) { run(1) }
    try #require(isComplete(nodes))
  }

  private func isComplete(_ nodes: Int) -> Bool {
    (0..<nodes).allSatisfy { simulation.lifecycle(of: $0) == .connected } && simulation.isMembershipComplete()
  }

  func run(_ seconds: Double) {
    simulation.run(until: simulation.now + UInt64(seconds * 1e9))
  }

  func said(_ kind: DirectKind, to node: Int) -> [[UInt8]] {
    heard.compactMap { entry in
      guard entry.node == node, case .said(kind, _, _, let payload) = entry.what else { return nil }
      return payload
    }
  }

  func outcomes(at node: Int) -> [DirectOutcome] {
    heard.compactMap { entry in
      guard entry.node == node, case .outcome(let outcome) = entry.what else { return nil }
      return outcome
    }
  }

  /// Whether a node counts anything, or waits for anything to do with that.
  func hasReceipts(at node: Int) throws -> Bool {
    let receipts = try #require(simulation.processes[node].node).pointee.direct.receipts.nextDeadline
    return receipts != .never
  }

  func receipts(at node: Int) -> [Int] {
    outcomes(at: node).compactMap { outcome in
      guard case .receipts(_, let count) = outcome else { return nil }
      return count
    }
  }
}

@Suite("Direct messages: each once, wherever the two are")
struct DirectMessageTests {
  @Test("what is sent arrives once and is confirmed, whatever the network does", arguments: [0, 0.1, 0.4])
  func onceEach(loss: Double) throws {
    let talk = try Talk(12, seed: 5, loss: loss)
    var sent: [(from: Int, to: Int, token: UInt64, payload: [UInt8])] = []
    for number in 0..<200 {
      let (from, to) = (number % 12, (number * 7 + 1 + number / 12) % 12)
      guard from != to else { continue }
      let payload = [UInt8(number), UInt8(from)]
      sent.append((from, to, try talk.simulation.send(payload, from: from, to: to), payload))
      talk.run(0.02)
    }
    talk.run(10)
    for message in sent {
      #expect(talk.said(.message, to: message.to).count { $0 == message.payload } == 1)
      #expect(talk.outcomes(at: message.from).contains(.received(message.token)))
    }
    let resent = (0..<12).reduce(0) { $0 + talk.simulation.counters(of: $1).directResent }
    #expect(loss == 0 ? resent == 0 : resent > 0, "\(resent)")
  }

  @Test("a burst leaves in full datagrams, no faster than the other end can tell numbers apart")
  func burst() throws {
    let talk = try Talk(3, seed: 6)
    for number in 0..<Conversation.window { _ = try talk.simulation.send([UInt8(number)], from: 1, to: 2) }
    #expect(throws: DirectError.wouldBlock) { try talk.simulation.send([0], from: 1, to: 2) }
    talk.run(1)
    #expect(talk.said(.message, to: 2).count == Conversation.window)
    _ = try talk.simulation.send([99], from: 1, to: 2)
    talk.run(1)
    #expect(talk.said(.message, to: 2).last == [99])
  }

  @Test("whoever is gone is not waited for, and what it was told is reported as failed")
  func gone() throws {
    let talk = try Talk(6, seed: 7)
    talk.simulation.crash(3)
    let token = try talk.simulation.send([1], from: 2, to: 3)
    talk.run(40)
    let outcomes = talk.outcomes(at: 2)
    #expect(outcomes == [.failed(token, .timedOut)] || outcomes == [.failed(token, .gone)], "\(outcomes)")
    #expect(throws: DirectError.unknownMember) { try talk.simulation.send([1], from: 2, to: 3) }
    #expect(throws: DirectError.unknownMember) { try talk.simulation.send([1], from: 2, to: 77) }
    // A new run at the same address is not told what its former one was.
    talk.simulation.restart(3, contacts: [0])
    talk.run(20)
    #expect(talk.said(.message, to: 3).isEmpty)
    _ = try talk.simulation.send([2], from: 2, to: 3)
    talk.run(2)
    #expect(talk.said(.message, to: 3) == [[2]])
  }

  @Test("more members than conversations: each is told in its turn")
  func manyPeers() throws {
    let talk = try Talk(24, seed: 8) { configuration in
      configuration.direct?.peers = 16
      configuration.direct?.patience = .seconds(1)
    }
    var refused = 0
    for round in 0..<3 {
      for other in 1..<24 {
        while true {
          do {
            _ = try talk.simulation.send([UInt8(round)], from: 0, to: other)
            break
          } catch {
            refused += 1
            talk.run(0.5)
          }
        }
      }
    }
    talk.run(5)
    for other in 1..<24 { #expect(talk.said(.message, to: other) == [[0], [1], [2]]) }
    #expect(refused > 0)
  }

  @Test("nothing is said by a node that is no member, that keeps no list, or of too much")
  func refusals() throws {
    let talk = try Talk(2, seed: 9)
    let limit = talk.simulation.configuration.directLimit
    #expect(throws: DirectError.tooLarge(limit: limit)) {
      try talk.simulation.send([UInt8](repeating: 0, count: limit + 1), from: 0, to: 1)
    }
    _ = try talk.simulation.send([UInt8](repeating: 7, count: limit), from: 0, to: 1)
    talk.run(1)
    #expect(talk.said(.message, to: 1).first?.count == limit)
    talk.simulation.leave(0)
    talk.run(5)
    #expect(throws: DirectError.notConnected) { try talk.simulation.send([0], from: 0, to: 1) }
    let silent = try Talk(2, seed: 9) { $0.direct = nil }
    #expect(throws: DirectError.disabled) { try silent.simulation.send([0], from: 0, to: 1) }
  }
}

@Suite("Questions: whoever is meant is asked, and answers")
struct QuestionTests {
  @Test("everybody answers a question to all, once", arguments: [0, 0.3])
  func all(loss: Double) throws {
    let talk = try Talk(30, seed: 11, loss: loss)
    let asked = try talk.simulation.ask([42], from: 4, .all, lifetime: .seconds(20))
    #expect(asked.expected == 29)
    talk.run(20)
    #expect(talk.said(.answer, to: 4).map { $0[0] }.sorted() == (0..<30).filter { $0 != 4 }.map { UInt8($0) })
  }

  @Test("members that are named are asked, and nobody else")
  func named() throws {
    let talk = try Talk(10, seed: 12)
    let ids = [3, 7].map { Simulation.stableID(of: $0) }
    let asked = try talk.simulation.ask([1], from: 0, .members(ids), lifetime: .seconds(5))
    #expect(asked.expected == 2)
    talk.run(5)
    #expect(talk.said(.answer, to: 0).sorted { $0[0] < $1[0] } == [[3], [7]])
    #expect((0..<10).allSatisfy { [3, 7].contains($0) || talk.said(.question, to: $0).isEmpty })
    #expect(throws: DirectError.unknownMember) {
      try talk.simulation.ask([1], from: 0, .members([StableID(name: "x")]), lifetime: .seconds(5))
    }
  }

  @Test("a tag decides whom a question is for")
  func tagged() throws {
    let talk = try Talk(8, seed: 13) { $0.membership?.tags = ["role": "web"] }
    #expect(
      try talk.simulation.ask([1], from: 0, .tagged(key: "role", value: "web"), lifetime: .seconds(5))
        .expected == 7)
    #expect(
      try talk.simulation.ask([2], from: 0, .tagged(key: "role", value: "db"), lifetime: .seconds(5)).expected
        == 0)
    talk.run(5)
    #expect(talk.said(.answer, to: 0).count == 7)
    #expect((1..<8).allSatisfy { talk.said(.question, to: $0) == [[1]] })
  }

  @Test("a question is answered once, and in its time")
  func onceAndInTime() throws {
    let talk = try Talk(3, seed: 14)
    talk.answers = false
    _ = try talk.simulation.ask([1], from: 0, .all, lifetime: .seconds(2))
    talk.run(1)
    let calls = talk.heard.compactMap { entry -> (node: Int, call: UInt64)? in
      guard case .said(.question, _, let call, _) = entry.what else { return nil }
      return (entry.node, call)
    }
    try #require(calls.count == 2)
    try talk.simulation.answer(calls[0].call, with: [9], from: calls[0].node)
    #expect(throws: DirectError.notOpen) {
      try talk.simulation.answer(calls[0].call, with: [9], from: calls[0].node)
    }
    talk.run(2)
    #expect(throws: DirectError.notOpen) {
      try talk.simulation.answer(calls[1].call, with: [9], from: calls[1].node)
    }
    #expect(talk.said(.answer, to: 0) == [[9]])
  }
}

@Suite("Receipts: how many have a message")
struct ReceiptTests {
  @Test(
    "each member counts once, also with losses", arguments: [0, 0.3], [BroadcastStrategy.plumtree, .eager])
  func count(loss: Double, strategy: BroadcastStrategy) throws {
    let talk = try Talk(40, seed: 21, loss: loss) { $0.broadcast = strategy }
    let message = try #require(talk.simulation.broadcast([1], from: 5))
    _ = try talk.simulation.requestReceipts(for: message.sequence, of: 5, lifetime: .seconds(60))
    talk.run(30)
    let counts = talk.receipts(at: 5)
    #expect(counts.last == 39, "\(counts)")
    // Aggregated along the tree: the origin hears of far fewer changes than there are members.
    #expect(counts.count < 30, "\(counts)")
  }

  @Test("members that crash count no more, and those behind them still do", arguments: 1...3)
  func crashes(seed: UInt64) throws {
    let talk = try Talk(40, seed: 30 + seed)
    let message = try #require(talk.simulation.broadcast([1], from: 0))
    _ = try talk.simulation.requestReceipts(for: message.sequence, of: 0, lifetime: .seconds(600))
    talk.run(5)
    #expect(talk.receipts(at: 0).last == 39)
    for process in [7, 12, 23, 31, 38] { talk.simulation.crash(process) }
    talk.run(60)
    #expect(talk.receipts(at: 0).last == 34, "\(talk.receipts(at: 0))")
  }

  @Test("who lacks the message does not count until it has it")
  func partitioned() throws {
    let talk = try Talk(20, seed: 44)
    talk.simulation.partition { $0 < 5 ? 1 : 0 }
    let message = try #require(talk.simulation.broadcast([1], from: 10))
    _ = try talk.simulation.requestReceipts(for: message.sequence, of: 10, lifetime: .seconds(600))
    talk.run(3)
    #expect(talk.receipts(at: 10).last == 14, "\(talk.receipts(at: 10))")
    talk.simulation.heal()
    talk.run(60)
    #expect(talk.receipts(at: 10).last == 19, "\(talk.receipts(at: 10))")
  }

  @Test("whoever was cut off for longer than reports are repeated counts again", arguments: [12.0, 40.0])
  func cutOff(seconds: Double) throws {
    let talk = try Talk(20, seed: 44)
    let message = try #require(talk.simulation.broadcast([1], from: 5))
    _ = try talk.simulation.requestReceipts(for: message.sequence, of: 5, lifetime: .seconds(600))
    talk.run(5)
    #expect(talk.receipts(at: 5).last == 19)
    talk.simulation.partition { $0 < 10 ? 0 : 1 }
    talk.run(seconds)
    talk.simulation.heal()
    talk.run(90)
    #expect(talk.receipts(at: 5).last == 19, "\(talk.receipts(at: 5))")
  }

  @Test("more are counted at a time than a datagram has room for")
  func many() throws {
    let talk = try Talk(5, seed: 46) { $0.direct?.openCalls = 1_024 }
    let message = try #require(talk.simulation.broadcast([1], from: 0))
    // Others keep a quarter of their places for one member.
    for _ in 0..<256 {
      _ = try talk.simulation.requestReceipts(for: message.sequence, of: 0, lifetime: .seconds(20))
    }
    #expect(throws: DirectError.wouldBlock) {
      try talk.simulation.requestReceipts(for: message.sequence, of: 0, lifetime: .seconds(20))
    }
    talk.run(15)
    let last = Dictionary(
      talk.outcomes(at: 0).compactMap { outcome -> (UInt64, Int)? in
        guard case .receipts(let call, let count) = outcome else { return nil }
        return (call, count)
      }, uniquingKeysWith: { $1 })
    #expect(last.values.count { $0 == 4 } == 256, "\(last.values)")
  }

  @Test("when the time is over nothing is left of it, also of those who reported directly")
  func over() throws {
    let talk = try Talk(20, seed: 47)
    let message = try #require(talk.simulation.broadcast([1], from: 0))
    _ = try talk.simulation.requestReceipts(for: message.sequence, of: 0, lifetime: .seconds(60))
    talk.run(5)
    for process in [7, 12, 18] { talk.simulation.crash(process) }
    talk.run(30)
    #expect(talk.receipts(at: 0).last == 16)
    #expect(try talk.hasReceipts(at: 0))
    talk.run(40)
    for process in 0..<20 where ![7, 12, 18].contains(process) { #expect(try !talk.hasReceipts(at: process)) }
  }

  @Test("there is no receipt for what was not sent")
  func unsent() throws {
    let talk = try Talk(2, seed: 45)
    #expect(throws: DirectError.notOpen) {
      try talk.simulation.requestReceipts(for: 1, of: 0, lifetime: .seconds(1))
    }
  }
}
