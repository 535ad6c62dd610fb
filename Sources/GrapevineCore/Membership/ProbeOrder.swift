// Whom to probe next.

/// The living members in a random order, gone through again and again.
///
/// Das, Gupta, Motivala, DSN 2002, §4.3: a member is probed by everybody once a round, and at the latest after
/// two rounds but one; newcomers take a random place, and each round has an order of its own.
struct ProbeOrder: ~Copyable {
  private let places: FixedTable<UInt32>
  private var count = 0
  private var next = 0

  init(capacity: Int) { places = FixedTable(count: capacity) }

  /// Adds a place at random.
  mutating func add(_ place: Int, using generator: inout Generator) {
    guard count < places.count else { return }
    let position = generator.below(count + 1)
    places[count] = places[position]
    places[position] = UInt32(truncatingIfNeeded: place)
    count += 1
  }

  /// The place of the next living member; those that are gone leave the order.
  mutating func take(from table: borrowing MemberTable, using generator: inout Generator) -> Int? {
    while count > 0 {
      if next >= count { shuffle(using: &generator) }
      let place = Int(places[next])
      if table[place].isLiving {
        next += 1
        return place
      }
      table.note(place) { $0.isOrdered = false }
      count -= 1
      places[next] = places[count]
    }
    return nil
  }

  /// Has a place, somewhere in the order, be next.
  mutating func hasten(_ place: Int) {
    for position in next..<max(next, count) where Int(places[position]) == place {
      places[position] = places[next]
      places[next] = UInt32(truncatingIfNeeded: place)
      return
    }
  }

  private mutating func shuffle(using generator: inout Generator) {
    next = 0
    for position in stride(from: count - 1, to: 0, by: -1) {
      let other = generator.below(position + 1)
      (places[position], places[other]) = (places[other], places[position])
    }
  }
}
