// News about members on their way along links: each piece once over each link, as it comes.
//
// SWIM tells news on probes only, which takes log n periods. Links are there anyway: what a node hears it tells
// its neighbours at once, so that a cluster knows within a few round trips, and probes bring it to whom that did
// not reach.

/// The latest news in the order in which they came, and how far each link has told them.
struct LinkNews: ~Copyable {
  /// Of each piece the place of the member table, and the slot it came from, plus 1.
  private let places: FixedTable<UInt32>
  private let sources: FixedTable<UInt8>
  /// The number of the latest piece about each place: what came before is told no more.
  private let latest: FixedTable<UInt32>
  private let cursors: FixedTable<UInt64>
  private var head: UInt64 = 0
  /// When links tell next what came: a little later, together with what else comes.
  private(set) var due = Instant.never

  /// Pieces that a link may be behind; then its other end has to compare tables. A power of two. Chosen here: 20
  /// full datagrams.
  private static var length: Int { 1_024 }

  /// The time that news wait for others to share their datagram. Chosen here: well below a hop of the internet.
  private static var delay: Nanoseconds { 5_000_000 }

  init(capacity: Int, links: Int) {
    places = FixedTable(count: Self.length)
    sources = FixedTable(count: Self.length)
    latest = FixedTable(count: capacity)
    cursors = FixedTable(count: links)
  }

  /// Bytes of the news of `capacity` members on `links` links.
  static func bytes(capacity: Int, links: Int) -> Int { length * 5 + capacity * 4 + links * 8 }

  /// Has every link tell of a place, but for the slot that told of it.
  mutating func push(_ place: Int, from slot: Int?, now: Instant) {
    let position = Int(truncatingIfNeeded: head) & (Self.length - 1)
    places[position] = UInt32(truncatingIfNeeded: place)
    sources[position] = UInt8(truncatingIfNeeded: (slot ?? -1) + 1)
    head &+= 1
    latest[place] = UInt32(truncatingIfNeeded: head)
    due = min(due, now + Self.delay)
  }

  /// A link came up: what came before is for its ends to compare.
  func open(_ slot: Int) { cursors[slot] = head }

  /// Whether a link has something to tell now.
  func isDue(_ slot: Int, now: Instant) -> Bool { cursors[slot] != head && due <= now }

  /// Whether a link has told everything.
  func hasTold(_ slot: Int) -> Bool { cursors[slot] == head }

  /// Nothing is waited for any longer: every link has told everything.
  mutating func didTellAll() { due = .never }

  /// Tells on a link what waits for it, in order: up to `limit` bytes, and one piece at least if that fits.
  ///
  /// - Returns: Whether pieces were skipped, since the link was too far behind.
  func tell(
    _ slot: Int, limit: Int, of table: borrowing MemberTable, to writer: inout Writer,
    counters: inout Counters
  ) -> Bool {
    var cursor = cursors[slot]
    let isBehind = head &- cursor > UInt64(Self.length)
    if isBehind { cursor = head &- UInt64(Self.length) }
    let start = writer.count
    while cursor != head {
      let position = Int(truncatingIfNeeded: cursor) & (Self.length - 1)
      let place = Int(places[position])
      let isLatest = latest[place] == UInt32(truncatingIfNeeded: cursor &+ 1)
      if isLatest, Int(sources[position]) != slot + 1 {
        guard writer.count == start || writer.count - start < limit,
          table.writeNews(place, to: &writer, counters: &counters)
        else { break }
      }
      cursor &+= 1
    }
    cursors[slot] = cursor
    return isBehind
  }
}
