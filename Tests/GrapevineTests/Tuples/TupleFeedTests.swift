import GrapevineCore
import Testing

@testable import Grapevine

@Suite("What becomes of tuples, on its way to readers", .timeLimit(.minutes(5)))
struct TupleFeedTests {
  /// Everything that waits in a queue whose feed has ended.
  func rest(of subscription: TupleSubscription) async -> [TupleNews] {
    var news: [TupleNews] = []
    while let next = await subscription.queue.next() { news.append(next) }
    return news
  }

  @Test("the tuples that are there come first, then the mark, then changes, in order")
  func order() async {
    let feed = TupleFeed()
    let reader = feed.subscribe(to: .everything, renewals: false, present: [tuple("a"), tuple("b")])
    feed.tell(change(.published, "c"))
    feed.tell(change(.removed, "d"))
    feed.tell(change(.expired, "e"))
    feed.tell(change(.departed, "f"))
    feed.finish()
    let news = await rest(of: reader)
    #expect(
      news == [
        .present(tuple("a")), .present(tuple("b")), .upToDate, .changed(change(.published, "c")),
        .changed(change(.removed, "d")), .changed(change(.expired, "e")), .changed(change(.departed, "f")),
      ])
  }

  @Test("of a key that is not read the latest state waits, in the place of the first")
  func conflation() async {
    let feed = TupleFeed()
    let reader = feed.subscribe(to: .everything, renewals: false, present: nil)
    feed.tell(change(.published, "a", "1"))
    feed.tell(change(.published, "b", "1"))
    for clock in 2...1_000 { feed.tell(change(.published, "a", "\(clock)", clock: UInt64(clock))) }
    feed.tell(change(.removed, "b", clock: 2))
    feed.tell(change(.removed, "c"))
    feed.tell(change(.published, "c", "again", clock: 5))
    #expect(reader.queue.count == 3)
    feed.finish()
    let news = await rest(of: reader)
    #expect(
      news == [
        .changed(change(.published, "a", "1000", clock: 1_000)), .changed(change(.removed, "b", clock: 2)),
        .changed(change(.published, "c", "again", clock: 5)),
      ])
  }

  @Test("a key that was read waits anew, behind the others")
  func again() async {
    let feed = TupleFeed()
    let reader = feed.subscribe(to: .everything, renewals: false, present: nil)
    feed.tell(change(.published, "a", "1"))
    feed.tell(change(.published, "b", "1"))
    #expect(await reader.queue.next() == .changed(change(.published, "a", "1")))
    feed.tell(change(.published, "a", "2"))
    feed.finish()
    let news = await rest(of: reader)
    #expect(news == [.changed(change(.published, "b", "1")), .changed(change(.published, "a", "2"))])
  }

  @Test(
    "what changes before it is told as present is told as it is then, or not at all, and back as a change")
  func present() async {
    let feed = TupleFeed()
    let reader = feed.subscribe(
      to: .everything, renewals: false, present: [tuple("a"), tuple("b"), tuple("c"), tuple("d")])
    feed.tell(change(.published, "b", "new", clock: 2))
    feed.tell(change(.removed, "a", clock: 2))
    feed.tell(change(.removed, "c", clock: 2))
    feed.tell(change(.published, "c", "back", clock: 3))
    feed.tell(change(.renewed, "d", clock: 4))
    feed.finish()
    let news = await rest(of: reader)
    #expect(
      news == [
        .present(tuple("b", "new", clock: 2)), .present(tuple("d", clock: 4)), .upToDate,
        .changed(change(.published, "c", "back", clock: 3)),
      ])
  }

  @Test("renewals are told to those who ask, and never hide that a value is new")
  func renewals() async {
    let feed = TupleFeed()
    let quiet = feed.subscribe(to: .everything, renewals: false, present: nil)
    let all = feed.subscribe(to: .everything, renewals: true, present: nil)
    feed.tell(change(.renewed, "a", clock: 2))
    feed.tell(change(.renewed, "a", clock: 3))
    feed.tell(change(.published, "b", "new", clock: 2))
    feed.tell(change(.renewed, "b", "new", clock: 3))
    feed.finish()
    let new = TupleNews.changed(change(.published, "b", "new", clock: 3))
    let quietNews = await rest(of: quiet)
    let allNews = await rest(of: all)
    #expect(quietNews == [new])
    #expect(allNews == [.changed(change(.renewed, "a", clock: 3)), new])
  }

  @Test("a reader is told what is in its scope")
  func scopes() async {
    let feed = TupleFeed()
    let prefix = feed.subscribe(to: .prefix("service/"), renewals: false, present: nil)
    let key = feed.subscribe(to: .key("service/web"), renewals: false, present: nil)
    for name in ["service", "service/", "service/web", "service/web2", "other"] {
      feed.tell(change(.published, name))
    }
    feed.finish()
    let prefixNews = await rest(of: prefix)
    let keyNews = await rest(of: key)
    #expect(
      prefixNews == ["service/", "service/web", "service/web2"].map { .changed(change(.published, $0)) })
    #expect(keyNews == [.changed(change(.published, "service/web"))])
  }

  @Test("a reader that keeps a dictionary has at every mark and at the end what there is, however slow it is")
  func model() async {
    var generator = SplitMix(state: 5)
    for _ in 0..<50 {
      let feed = TupleFeed()
      var truth: [[UInt8]: Tuple] = [:]
      for number in 0..<10 { truth[Array("\(number)".utf8)] = tuple("\(number)") }
      let reader = feed.subscribe(to: .everything, renewals: false, present: Array(truth.values))
      var seen: [[UInt8]: Tuple] = [:]
      func take(_ news: TupleNews?) {
        switch news {
        case .present(let tuple): seen[tuple.key] = tuple
        case .changed(let change): seen[change.tuple.key] = change.isPresent ? change.tuple : nil
        case .upToDate, nil: break
        }
      }
      for clock in 2..<400 {
        let key = "\(generator.next() % 20)"
        let isThere = truth[Array(key.utf8)] != nil
        let kind: TupleChangeKind = isThere && generator.next() % 2 == 0 ? .removed : .published
        let change = change(kind, key, "\(clock)", clock: UInt64(clock))
        truth[change.tuple.key] = change.isPresent ? change.tuple : nil
        feed.tell(change)
        if generator.next() % 3 == 0, reader.queue.count > 0 { take(await reader.queue.next()) }
        #expect(reader.queue.count <= 21)
      }
      feed.finish()
      for news in await rest(of: reader) { take(news) }
      #expect(seen == truth)
    }
  }

  @Test("a reader that waits is told at once; it goes on after cancellation and at the end")
  func waiting() async {
    let feed = TupleFeed()
    let reader = feed.subscribe(to: .everything, renewals: false, present: nil)
    async let first = reader.queue.next()
    await Task.yield()
    feed.tell(change(.published, "a"))
    #expect(await first == .changed(change(.published, "a")))
    let cancelled = Task { await reader.queue.next() }
    await Task.yield()
    cancelled.cancel()
    #expect(await cancelled.value == nil)
    let last = Task { await reader.queue.next() }
    await Task.yield()
    feed.finish()
    #expect(await last.value == nil)
  }

  @Test("a reader that goes is forgotten; after the end a subscription is empty")
  func end() async {
    let feed = TupleFeed()
    #expect(!feed.isRead)
    do {
      var iterator = TupleChanges(
        subscription: feed.subscribe(to: .everything, renewals: false, present: nil)
      ).makeAsyncIterator()
      #expect(feed.isRead)
      feed.tell(change(.published, "a"))
      #expect(await iterator.next() == change(.published, "a"))
    }
    #expect(!feed.isRead)
    #expect(feed.queues.isEmpty)
    feed.finish()
    let late = feed.subscribe(to: .everything, renewals: false, present: nil)
    #expect(await late.queue.next() == nil)
    #expect(!feed.isRead)
  }

  @Test("writers wait for an epoch to end, and not for one that has ended")
  func room() async {
    let room = NodeRoom()
    let epoch = room.epoch
    let waiting = Task { await room.wait(epoch) }
    await Task.yield()
    room.open()
    await waiting.value
    await room.wait(epoch)
    let cancelled = Task { await room.wait(room.epoch) }
    await Task.yield()
    cancelled.cancel()
    await cancelled.value
    room.finish()
    await room.wait(room.epoch)
  }
}

/// Numbers that are the same in every run (Steele, Lea, Flood, OOPSLA 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var z = state
    z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
    z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
    return z ^ (z >> 31)
  }
}
