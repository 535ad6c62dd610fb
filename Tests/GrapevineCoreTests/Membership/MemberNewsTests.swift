import Testing

@testable import GrapevineCore

/// What a queue of news or a link tells, as the members named, in order.
private func told(_ body: (inout Writer, inout Counters) -> Void, room: Int = 1 << 14) -> [UInt64] {
  var counters = Counters()
  let bytes = withUnsafeTemporaryAllocation(byteCount: room, alignment: 8) { memory in
    var writer = Writer(memory)
    body(&writer, &counters)
    return Array(writer.written(from: 0))
  }
  let records = try? read(bytes) { cursor in
    var ids: [UInt64] = []
    while cursor.remaining > 0 {
      // The runs of these tables are their ids, and an ALIVE names the run alone.
      switch try WireMessage(from: &cursor, sender: 0) {
      case .alive(let record): ids.append(record.run)
      case .verdict(let verdict): ids.append(verdict.id)
      default: ids.append(.max)
      }
    }
    return ids
  }
  return records ?? []
}

/// Bytes of an ALIVE without name and tags, at an IPv4 address.
private let pieceLength = 1 + 1 + 8 + 7 + 1 + 1 + 1
/// What a table wants free before it writes one.
private let pieceRoom = AliveNews.lengthLimit - MemberData.lengthLimit

@Suite("Members: news")
struct NewsQueueTests {
  private func table(_ count: Int) -> MemberTable {
    var table = MemberTable(count + 1)
    for number in 1...count { _ = table.place(MemberTable.entry(number)) }
    return table
  }

  @Test("what was told least comes first, and each piece once a datagram")
  func leastFirst() {
    let table = table(6)
    var queue = NewsQueue(capacity: 7)
    queue.push(1, times: 2)
    queue.push(2, times: 0)
    queue.push(3, times: 1)
    queue.push(4, times: 0)
    let all = told { queue.tell(limit: 9, of: table, to: &$0, counters: &$1) }
    #expect(all == [2, 4, 3, 1])
    queue.push(5, times: 2)
    let again = told { queue.tell(limit: 9, of: table, to: &$0, counters: &$1) }
    #expect(again == [2, 4, 3, 5, 1] || again == [2, 4, 5, 3, 1])
  }

  @Test("a piece leaves after it was told as often as the limit says", arguments: [1, 2, 7])
  func limit(limit: Int) {
    let table = table(3)
    var queue = NewsQueue(capacity: 4)
    for place in 1...3 { queue.push(place, times: 0) }
    for _ in 0..<limit {
      #expect(queue.count == 3)
      #expect(told { queue.tell(limit: limit, of: table, to: &$0, counters: &$1) } == [1, 2, 3])
    }
    #expect(queue.count == 0)
    #expect(told { queue.tell(limit: limit, of: table, to: &$0, counters: &$1) }.isEmpty)
  }

  @Test("what is pushed anew is told anew, and what is removed is not told")
  func anew() {
    let table = table(5)
    var queue = NewsQueue(capacity: 6)
    for place in 1...5 { queue.push(place, times: 0) }
    _ = told { queue.tell(limit: 3, of: table, to: &$0, counters: &$1) }
    queue.push(4, times: 0)
    for place in [3, 1, 5] { queue.remove(place) }
    queue.remove(3)
    #expect(queue.count == 2)
    #expect(told { queue.tell(limit: 3, of: table, to: &$0, counters: &$1) } == [4, 2])
  }

  @Test("what has no room waits, and comes first next time")
  func room() {
    let table = table(5)
    var queue = NewsQueue(capacity: 6)
    for place in 1...5 { queue.push(place, times: 0) }
    let first = told(
      { queue.tell(limit: 3, of: table, to: &$0, counters: &$1) }, room: pieceLength + pieceRoom)
    #expect(first == [1, 2])
    let second = told(
      { queue.tell(limit: 3, of: table, to: &$0, counters: &$1) }, room: pieceLength + pieceRoom)
    #expect(second == [3, 4])
    #expect(told { queue.tell(limit: 3, of: table, to: &$0, counters: &$1) } == [5, 1, 2, 3, 4])
  }

  @Test("a queue behaves as a list that is sorted does", arguments: 1...6 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var generator = Generator(seed: seed)
    let table = table(30)
    var queue = NewsQueue(capacity: 31)
    var model: [Int: Int] = [:]
    for _ in 0..<1_500 {
      let place = 1 + generator.below(30)
      switch generator.below(4) {
      case 0:
        let times = generator.below(4)
        queue.push(place, times: times)
        model[place] = times
      case 1:
        queue.remove(place)
        model[place] = nil
      default:
        let limit = 1 + generator.below(8)
        let pieces = 1 + generator.below(12)
        let room = (pieces - 1) * pieceLength + pieceRoom
        let said = told({ queue.tell(limit: limit, of: table, to: &$0, counters: &$1) }, room: room)
        #expect(said.count == min(pieces, model.count))
        #expect(Set(said).count == said.count)
        let order = said.map { model[Int($0)] ?? -1 }
        #expect(order == order.sorted())
        let rest = model.filter { !said.contains(UInt64($0.key)) }.values.min() ?? .max
        #expect((order.last ?? 0) <= rest)
        for place in said.map({ Int($0) }) {
          let times = model[place, default: 0] + 1
          model[place] = times < limit ? times : nil
        }
      }
      #expect(queue.count == model.count)
    }
  }

  @Test("a link is told what is latest, in order, and not what came from it")
  func link() {
    let table = table(9)
    var news = LinkNews(capacity: 10, links: 3)
    let now = Instant(nanoseconds: 5)
    for place in [1, 2, 1, 3, 2] { news.push(place, from: nil, now: now) }
    news.push(4, from: 2, now: now)
    let later = now + 5_000_000
    let isDue = (news.isDue(0, now: now), news.isDue(0, now: later), news.isDue(2, now: later))
    #expect(isDue == (false, true, true))
    #expect(told { _ = news.tell(0, limit: .max, of: table, to: &$0, counters: &$1) } == [1, 3, 2, 4])
    #expect(told { _ = news.tell(2, limit: .max, of: table, to: &$0, counters: &$1) } == [1, 3, 2])
    #expect(told { _ = news.tell(2, limit: .max, of: table, to: &$0, counters: &$1) }.isEmpty)
    news.open(1)
    let hasTold = (news.hasTold(0), news.hasTold(1), news.hasTold(2))
    #expect(hasTold == (true, true, true))
    news.didTellAll()
    #expect(news.due == .never)
  }

  @Test("a limit is kept to, but for one piece")
  func limits() {
    let table = table(9)
    var news = LinkNews(capacity: 10, links: 1)
    for place in 1...9 { news.push(place, from: nil, now: Instant()) }
    #expect(told { _ = news.tell(0, limit: 1, of: table, to: &$0, counters: &$1) } == [1])
    #expect(told { _ = news.tell(0, limit: pieceLength + 1, of: table, to: &$0, counters: &$1) } == [2, 3])
    #expect(
      told({ _ = news.tell(0, limit: .max, of: table, to: &$0, counters: &$1) }, room: pieceRoom) == [4])
    #expect(told({ _ = news.tell(0, limit: .max, of: table, to: &$0, counters: &$1) }, room: 4).isEmpty)
    let hasTold = news.hasTold(0)
    #expect(!hasTold)
  }

  @Test("a link too far behind skips what was overwritten, and says so once")
  func overrun() {
    let table = table(9)
    var news = LinkNews(capacity: 10, links: 2)
    news.push(9, from: nil, now: Instant())
    for round in 0..<1_024 { news.push(1 + round % 8, from: nil, now: Instant()) }
    var isBehind = false
    let said = told { isBehind = news.tell(0, limit: .max, of: table, to: &$0, counters: &$1) }
    #expect(isBehind)
    #expect(said == [1, 2, 3, 4, 5, 6, 7, 8])
    _ = told { isBehind = news.tell(0, limit: .max, of: table, to: &$0, counters: &$1) }
    #expect(!isBehind)
  }
}
