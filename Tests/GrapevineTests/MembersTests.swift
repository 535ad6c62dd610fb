import Grapevine
import GrapevineCore
import GrapevineTransport
import Testing

@Suite("Members, as applications see them", .timeLimit(.minutes(5)))
struct MembersTests {
  let network = MemoryNetwork()

  func configuration(_ name: String, tags: [String: String] = [:]) -> Configuration {
    var core = Configuration()
    core.membership?.name = name
    core.membership?.tags = tags
    return core
  }

  /// A member that has founded a cluster.
  func founder(_ name: String = "alpha") async throws -> GossipNode {
    let node = try await GossipNode(on: network, core: configuration(name, tags: ["role": "store"]))
    try await node.join()
    return node
  }

  /// The first event of the given kind about the given member.
  func first(
    _ change: MemberChange, of run: MemberID, in events: inout AsyncStream<MemberEvent>.Iterator
  ) async -> Member? {
    while let event = await events.next() {
      if event.change == change, event.member.run == run { return event.member }
    }
    return nil
  }

  @Test("who founds a cluster is its first member, and finds itself")
  func founds() async throws {
    let node = try await founder()
    let own = try #require(await node.members.own)
    #expect(own.run == node.identity && own.name == "alpha" && own.endpoint == node.localEndpoint)
    #expect(own.status == .alive && own.tags == ["role": "store"] && own.label == "alpha")
    #expect(await node.members.all == [own])
    #expect(await node.members.counts.alive == 1)
    #expect(await node.members.member(own.id) == own)
    #expect(await node.members.member(named: "alpha") == own)
    #expect(await node.members.member(named: node.localEndpoint.text) == own)
    #expect(await node.members.member(named: "beta") == nil)
    #expect(await node.members.localHealth == 0)
  }

  @Test("a newcomer is in the list and among the events, once, with what it says of itself, until it leaves")
  func story() async throws {
    let founder = try await founder()
    let watch = await founder.members.watch()
    #expect(watch.present.map(\.label) == ["alpha"])
    var events = watch.events.makeAsyncIterator()
    let member = try await GossipNode(on: network, core: configuration("beta", tags: ["role": "web"]))
    try await member.join(endpoints: [founder.localEndpoint])
    let joined = try #require(await first(.joined, of: member.identity, in: &events))
    #expect(joined.name == "beta" && joined.tags == ["role": "web"] && joined.status == .alive)
    #expect(joined.endpoint == member.localEndpoint && joined.id == StableID(name: "beta"))
    #expect(await founder.members.all.map(\.label) == ["alpha", "beta"])
    #expect(await founder.members.with(tag: "role").map(\.label) == ["alpha", "beta"])
    #expect(await founder.members.with(tag: "role", "web").map(\.label) == ["beta"])
    #expect(await founder.members.with(tag: "zone").isEmpty)

    try await member.members.setTags(["role": "web", "zone": "a"])
    let updated = try #require(await first(.updated, of: member.identity, in: &events))
    #expect(updated.tags == ["role": "web", "zone": "a"])
    #expect(await founder.members.with(tag: "zone", "a").map(\.label) == ["beta"])
    await #expect(throws: MemberDataError.self) {
      try await member.members.setTags(["x": String(repeating: "y", count: Member.tagLimit)])
    }

    await member.leave()
    #expect(try #require(await first(.left, of: member.identity, in: &events)).status == .left)
    #expect(await founder.members.with(tag: "zone").isEmpty)
    #expect(await founder.members.counts.left == 1)
    await founder.leave()
    #expect(await events.next() == nil)
  }

  @Test("a name that is taken is an error that says by whom, and the holder stays")
  func nameTaken() async throws {
    let founder = try await founder()
    let second = try await GossipNode(on: network, core: configuration("alpha"))
    let error = JoinError.nameTaken(name: "alpha", by: founder.localEndpoint.text)
    await #expect(throws: error) { try await second.join(endpoints: [founder.localEndpoint]) }
    #expect(await second.lifecycle == .disconnected)
    #expect(await founder.members.member(named: "alpha")?.run == founder.identity)
    #expect(error.description.contains("\"alpha\"") && error.description.contains("another name"))
  }

  @Test("a caller-driven node has the same members and tells the same events")
  func driven() throws {
    let first = try DrivenNode(transport: network.bind(), configuration: configuration("alpha"))
    let second = try DrivenNode(transport: network.bind(), configuration: configuration("beta"))
    var seen: [MemberEvent] = []
    first.onMember = { seen.append($0) }
    func drive(until condition: () -> Bool) -> Bool {
      let end = MonotonicClock.now() + 20_000_000_000
      while MonotonicClock.now() < end {
        for node in [first, second] {
          while node.receive() > 0 {}
          node.tick()
          node.send()
        }
        if condition() { return true }
      }
      return false
    }
    first.join([])
    second.join([first.localEndpoint])
    #expect(drive { first.memberCounts.alive == 2 && second.memberCounts.alive == 2 })
    #expect(first.members.map(\.label) == ["alpha", "beta"])
    #expect(first.ownMember?.label == "alpha" && first.member(named: "beta")?.run == second.identity)
    try second.setTags(["zone": "b"])
    #expect(drive { seen.contains { $0.change == .updated } })
    second.leave()
    #expect(drive { first.memberCounts.left == 1 })
    let story = seen.filter { $0.member.run == second.identity }.map(\.change)
    #expect(story == [.joined, .updated, .left])
  }
}
