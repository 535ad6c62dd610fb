import GrapevineCore
import GrapevineTransport
import Testing

@testable import Grapevine

@Suite("A node that keeps its members", .timeLimit(.minutes(5)))
struct SnapshotNodeTests {
  let temporary: TemporaryDirectory
  let network = MemoryNetwork()

  init() throws { temporary = try TemporaryDirectory() }

  func remember(_ endpoints: [Endpoint]) throws {
    let members = endpoints.enumerated().map { index, endpoint in
      RememberedMember(run: MemberID(UInt64(index + 1)), name: nil, endpoint: endpoint, incarnation: 1)
    }
    try SnapshotDirectory(temporary.path).write(
      StoredSnapshot(name: "", snapshot: MemberSnapshot(members: members)))
  }

  @Test("joins without contacts through members of the run before, if only one of them is there")
  func returns() async throws {
    let founder = try await GossipNode(on: network, port: 9)
    try await founder.join()
    try remember((7...9).map { MemoryNetwork.endpoint(port: $0) })
    let node = try await GossipNode(on: network, port: 100, dataDirectory: temporary.path)
    #expect(node.snapshotRecovery == .loaded(members: 3))
    try await node.join()
    #expect(await node.neighbours.map(\.member) == [founder.identity])
    await node.leave()
    await founder.leave()
  }

  @Test("founds the cluster anew when none of them answers, which looks like one attempt")
  func founds() async throws {
    try remember([MemoryNetwork.endpoint(port: 9)])
    var core = Configuration()
    core.joinTimeout = .milliseconds(200)
    let node = try await GossipNode(on: network, core: core, dataDirectory: temporary.path)
    var events = await node.events().makeAsyncIterator()
    try await node.join()
    #expect(await node.lifecycle == .connected)
    var seen: [Event] = []
    while let event = await events.next() {
      if case .lifecycle = event { seen.append(event) }
      #expect(event != .joinFailed)
      if event == .lifecycle(.connected) { break }
    }
    #expect(seen == [.lifecycle(.joining), .lifecycle(.connected)])
  }

  @Test("contacts that were named are asked and nobody else: when they are silent, joining fails")
  func named() async throws {
    let founder = try await GossipNode(on: network, port: 9)
    try await founder.join()
    try remember([founder.localEndpoint])
    var core = Configuration()
    core.joinTimeout = .milliseconds(200)
    let node = try await GossipNode(on: network, core: core, dataDirectory: temporary.path)
    let silent = MemoryNetwork.endpoint(port: 77)
    await #expect(throws: JoinError.noContactAnswered([silent.text])) {
      try await node.join(endpoints: [silent])
    }
    try await node.join()
    #expect(await node.neighbours.map(\.member) == [founder.identity])
  }

  @Test("writes when it leaves, and its directory is free then")
  func leaves() async throws {
    let node = try await GossipNode(on: network, dataDirectory: temporary.path)
    #expect(node.snapshotRecovery == .none)
    await #expect(throws: SnapshotError.inUse(directory: temporary.path)) {
      _ = try await GossipNode(on: network, dataDirectory: temporary.path)
    }
    try await node.join()
    await node.leave()
    #expect(await node.statistics.snapshotsWritten >= 1)
    #expect(await node.statistics.snapshotFailure == nil)
    let next = try await GossipNode(on: network, dataDirectory: temporary.path)
    guard case .loaded = next.snapshotRecovery else {
      Issue.record("\(next.snapshotRecovery)")
      return
    }
  }

  @Test("a node that was stopped and started again is a member again without being told whom to join")
  func restart() async throws {
    let founder = try await GossipNode(on: network)
    try await founder.join()
    var events = founder.members.events.makeAsyncIterator()
    var runs: [MemberID] = []
    var core = Configuration()
    core.membership?.name = "returns"
    for round in 0..<3 {
      let node = try await GossipNode(on: network, core: core, dataDirectory: temporary.path)
      #expect(node.snapshotRecovery == (round == 0 ? .none : .loaded(members: 1)))
      try await node.join(endpoints: round == 0 ? [founder.localEndpoint] : [])
      runs.append(node.identity)
      while let event = await events.next(), event.change != .joined || event.member.run != node.identity {}
      #expect(await node.members.counts.alive == 2)
      await node.leave()
    }
    #expect(Set(runs).count == 3)
    let stored = try SnapshotDirectory(temporary.path).load().stored
    #expect(stored?.snapshot.members.map(\.endpoint) == [founder.localEndpoint])
    #expect(try #require(stored).snapshot.incarnation > 0)
  }

  @Test("a disk that fails later is counted, and the node lives and leaves")
  func failingDisk() async throws {
    let node = try await GossipNode(on: network, dataDirectory: temporary.path)
    let obstacle = try Obstacle(in: temporary)
    try await node.join()
    await node.leave()
    let statistics = await node.statistics
    #expect(statistics.snapshotsWritten == 0)
    #expect(statistics.snapshotFailures >= 1)
    #expect(statistics.snapshotFailure?.hasPrefix("open failed: ") == true)
    try obstacle.remove()
  }

  @Test("a damaged file is reported, and the node starts")
  func damaged() async throws {
    try temporary.write([1, 2, 3], to: "members")
    let node = try await GossipNode(on: network, dataDirectory: temporary.path)
    #expect(
      node.snapshotRecovery
        == .damaged(reason: "it does not begin as a snapshot does", setAside: "members.damaged"))
    try await node.join()
    #expect(await node.lifecycle == .connected)
  }

  @Test("a node that is dropped without a word frees its directory")
  func dropped() async throws {
    do {
      let node = try await GossipNode(on: network, dataDirectory: temporary.path)
      try await node.join()
    }
    for _ in 0..<500 {
      do {
        _ = try await GossipNode(on: network, dataDirectory: temporary.path)
        return
      } catch SnapshotError.inUse {
        try await Task.sleep(for: .milliseconds(10))
      }
    }
    Issue.record("the directory is still locked")
  }

  @Test("a driven node returns, and has written when it is disconnected")
  func driven() async throws {
    let founder = try await GossipNode(on: network, port: 9)
    try await founder.join()
    try remember([founder.localEndpoint, MemoryNetwork.endpoint(port: 8)])
    let node = try DrivenNode(transport: network.bind(), dataDirectory: temporary.path)
    #expect(node.snapshotRecovery == .loaded(members: 2))
    let before = try temporary.read("members")
    func drive(until condition: () -> Bool) -> Bool {
      let end = MonotonicClock.now() + 20_000_000_000
      while MonotonicClock.now() < end {
        while node.receive() > 0 {}
        node.tick()
        node.send()
        if condition() { return true }
      }
      return false
    }
    node.join([])
    #expect(drive { node.lifecycle == .connected && node.neighbourCount == 1 })
    try temporary.write([], to: "members")
    node.leave()
    #expect(drive { node.lifecycle == .disconnected })
    #expect(node.snapshotFailures == 0 && node.snapshotFailure == nil)
    #expect(!before.isEmpty)
    _ = try SnapshotFormat.decode(temporary.read("members"))
  }
}
