// News about members, waiting to be told.
//
// Das, Gupta, Motivala, DSN 2002, §4.1: each piece rides on probes and their answers until it was sent
// λ log n times, those sent least first. A place of the member table has one piece of news at most: what is
// known of it when it is told.

/// Places of the member table, by how often they were told.
struct NewsQueue: ~Copyable {
  /// The greatest number of times anything is told.
  static let countLimit = 127
  /// A place in its chain; `told` is how often it was told, plus 1, and 0 when it is in none.
  private let links: FixedTable<NewsLink>
  private let chains: FixedTable<NewsChain>
  /// The number of places that wait.
  private(set) var count = 0
  /// No chain above this one has any.
  private var highest = 0

  init(capacity: Int) {
    links = FixedTable(count: capacity)
    chains = FixedTable(count: Self.countLimit + 1)
  }

  /// Bytes of a queue for `capacity` places.
  static func bytes(capacity: Int) -> Int {
    capacity * MemoryLayout<NewsLink>.stride + (countLimit + 1) * MemoryLayout<NewsChain>.stride
  }

  /// Has a place told anew, as if it had been told `times` already.
  mutating func push(_ place: Int, times: Int) {
    remove(place)
    append(place, told: min(max(0, times), Self.countLimit))
    count += 1
  }

  /// Takes a place out, if it is there.
  mutating func remove(_ place: Int) {
    let link = links[place]
    guard link.told > 0 else { return }
    let chain = Int(link.told) - 1
    if link.previous == 0 {
      chains[chain].first = link.next
    } else {
      links[Int(link.previous) - 1].next = link.next
    }
    if link.next == 0 {
      chains[chain].last = link.previous
    } else {
      links[Int(link.next) - 1].previous = link.previous
    }
    links[place] = NewsLink()
    count -= 1
  }

  private mutating func append(_ place: Int, told: Int) {
    let last = chains[told].last
    links[place] = NewsLink(next: 0, previous: last, told: UInt8(told + 1))
    if last == 0 {
      chains[told].first = UInt32(place + 1)
    } else {
      links[Int(last) - 1].next = UInt32(place + 1)
    }
    chains[told].last = UInt32(place + 1)
    highest = max(highest, told)
  }

  /// Tells what waits, the least told first and each once, while there is room; what was told `limit` times
  /// leaves.
  mutating func tell(
    limit: Int, of table: borrowing MemberTable, to writer: inout Writer, counters: inout Counters
  ) {
    guard count > 0 else { return }
    var hasRoom = true
    // What moves up a chain is kept aside until that chain was told, so that it is not met again.
    var moved: UInt32 = 0
    var chain = 0
    while chain <= highest, hasRoom {
      var carried: (first: UInt32, last: UInt32) = (0, 0)
      while hasRoom, chains[chain].first != 0 {
        let place = Int(chains[chain].first) - 1
        guard table.writeNews(place, to: &writer, counters: &counters) else {
          hasRoom = false
          break
        }
        remove(place)
        if chain + 1 < limit, chain < Self.countLimit {
          links[place] = NewsLink(next: 0, previous: carried.last, told: 0)
          if carried.last == 0 {
            carried.first = UInt32(place + 1)
          } else {
            links[Int(carried.last) - 1].next = UInt32(place + 1)
          }
          carried.last = UInt32(place + 1)
        }
      }
      release(moved, to: chain)
      moved = carried.first
      chain += 1
    }
    release(moved, to: chain)
    while highest > 0, chains[highest].first == 0 { highest -= 1 }
  }

  /// Appends to a chain what was kept aside.
  private mutating func release(_ first: UInt32, to chain: Int) {
    var next = first
    while next != 0 {
      let place = Int(next) - 1
      next = links[place].next
      append(place, told: min(chain, Self.countLimit))
      count += 1
    }
  }
}

/// Where a place is in its chain, as numbers from 1; 0 for none.
struct NewsLink: BitwiseCopyable {
  var next: UInt32 = 0
  var previous: UInt32 = 0
  var told: UInt8 = 0
}

/// The places that were told equally often, as numbers from 1; 0 for none.
struct NewsChain: BitwiseCopyable {
  var first: UInt32 = 0
  var last: UInt32 = 0
}
