// Who is suspected: the places of the member table to look at when a suspicion may have lasted long enough.

/// The places of suspects, and when the first of them has had its time.
struct SuspectList: ~Copyable {
  private let places: FixedTable<UInt32>
  private(set) var count = 0
  /// When the first of them may have had its time.
  var due = Instant.never
  /// Whether this node raised any of the suspicions.
  var isAnyOurs = false

  init(capacity: Int) { places = FixedTable(count: capacity) }

  subscript(position: Int) -> Int { Int(places[position]) }

  /// Whether there is room for another place; at most one for each member, unless some are no suspects any more.
  var isFull: Bool { count == places.count }

  mutating func append(_ place: Int) {
    guard !isFull else { return }
    places[count] = UInt32(truncatingIfNeeded: place)
    count += 1
  }

  /// Lets go of those that are suspects no more.
  mutating func clear(of table: borrowing MemberTable) {
    var kept = 0
    for position in 0..<count {
      let place = Int(places[position])
      if table[place].isSuspect, table[place].isListed {
        places[kept] = places[position]
        kept += 1
      } else {
        table.note(place) { $0.isListed = false }
      }
    }
    count = kept
  }
}
