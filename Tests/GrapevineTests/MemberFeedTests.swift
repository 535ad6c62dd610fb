import GrapevineCore
import GrapevineTransport
import Testing

@testable import Grapevine

@Suite("What becomes of members, on its way to readers", .timeLimit(.minutes(5)))
struct MemberFeedTests {
  func event(_ number: UInt16, _ change: MemberChange = .joined) -> MemberEvent {
    let endpoint = Endpoint(ipv4: 0x7f00_0001, port: number)
    return MemberEvent(
      change: change,
      member: Member(id: StableID(address: endpoint), run: MemberID(UInt64(number)), endpoint: endpoint))
  }

  @Test("every reader gets all events from its subscription on, in order")
  func order() async {
    let feed = MemberFeed()
    #expect(!feed.isRead)
    let first = feed.subscribe()
    feed.tell(event(1))
    let second = feed.subscribe()
    feed.tell(event(2, .suspected))
    feed.tell(event(2, .recovered))
    feed.finish()
    var seen: [[MemberEvent]] = []
    for stream in [first, second] {
      var events: [MemberEvent] = []
      for await event in stream { events.append(event) }
      seen.append(events)
    }
    #expect(seen[0] == [event(1), event(2, .suspected), event(2, .recovered)])
    #expect(seen[1] == [event(2, .suspected), event(2, .recovered)])
  }

  @Test("a reader that falls behind loses the oldest, which is counted")
  func slowReader() async {
    let feed = MemberFeed()
    let stream = feed.subscribe()
    for number in 1...1_030 { feed.tell(event(UInt16(number))) }
    #expect(feed.lostCount == 6)
    feed.finish()
    var ports: [UInt16] = []
    for await event in stream { ports.append(event.member.endpoint.port) }
    #expect(ports == Array(7...1_030))
  }

  @Test("a reader that goes is forgotten; after the end a subscription is empty")
  func end() async {
    let feed = MemberFeed()
    do {
      let stream = feed.subscribe()
      #expect(feed.isRead)
      _ = stream
    }
    #expect(!feed.isRead)
    feed.finish()
    var late = feed.subscribe().makeAsyncIterator()
    #expect(await late.next() == nil)
  }

  @Test("members are listed by label, those of one label by id")
  func labels() {
    var named = event(1).member
    named.name = "b"
    var other = event(2).member
    other.name = "a"
    let nameless = event(3).member
    #expect(named.label == "b")
    #expect(nameless.label == "127.0.0.1:3")
    #expect(Member.sorted([named, nameless, other]) == [nameless, other, named])
  }

  @Test("members are there as long as they are not known to be gone")
  func living() {
    var member = event(1).member
    let living = MemberStatus.allCases.filter { status in
      member.status = status
      return member.isLiving
    }
    #expect(living == [.alive, .suspect])
  }
}

@Suite("Where others reach a node", .timeLimit(.minutes(5)))
struct AdvertisingTests {
  let bound = Endpoint(ipv4: 0, port: 7_946)

  @Test("a bound address counts when it names one place")
  func concrete() {
    #expect(bound.ifConcrete == nil)
    #expect(Endpoint(high: 0, low: 0, port: 1).ifConcrete == nil)
    let one = Endpoint(ipv4: 0x7f00_0001, port: 1)
    #expect(one.ifConcrete == one)
  }

  @Test("port 0 stands for the bound port; other ports are taken as they are")
  func port() throws {
    #expect(try Endpoint.advertised("10.0.0.4:0", bound: bound).text == "10.0.0.4:7946")
    #expect(try Endpoint.advertised("10.0.0.4:80", bound: bound).text == "10.0.0.4:80")
  }

  @Test("an address that nobody can send to is refused", arguments: ["0.0.0.0:1", "[::]:1", "224.0.0.1:1"])
  func unreachable(text: String) async {
    #expect(throws: AddressError.unreachable(text: text)) {
      try Endpoint.advertised(text, bound: bound)
    }
    var configuration = GossipNode.Configuration(bind: "127.0.0.1:0")
    configuration.advertise = text
    await #expect(throws: AddressError.unreachable(text: text)) { _ = try await GossipNode(configuration) }
  }
}
