// Which tuple is due next: to expire, or to be written again.

/// Places of timed tuples in a binary heap, by the time they are due; each tuple knows where it stands in it.
struct TupleTimers: ~Copyable {
  private let timers: FixedTable<TupleTimer>
  private(set) var count = 0

  init(capacity: Int) { timers = FixedTable(count: capacity) }

  static func bytes(capacity: Int) -> Int { capacity * MemoryLayout<TupleTimer>.stride }

  /// When the first is due, in milliseconds since 1970; nil when there is none.
  var due: UInt64? { count > 0 ? timers[0].due : nil }

  /// The place that is due first.
  var first: Int { Int(timers[0].place) }

  /// Adds a place that is not there.
  mutating func add(_ place: Int, due: UInt64, to table: borrowing TupleTable) {
    count += 1
    rise(TupleTimer(due: due, place: UInt32(truncatingIfNeeded: place)), from: count - 1, table)
  }

  /// Takes a place out.
  mutating func remove(_ place: Int, of table: borrowing TupleTable) {
    let position = table.position(place)
    guard position < count, Int(timers[position].place) == place else { return }
    count -= 1
    guard position < count else { return }
    settle(timers[count], at: position, table)
  }

  /// Has the place that is due first be due later.
  mutating func postpone(to due: UInt64, of table: borrowing TupleTable) {
    sink(TupleTimer(due: due, place: timers[0].place), from: 0, table)
  }

  private func settle(_ timer: TupleTimer, at position: Int, _ table: borrowing TupleTable) {
    if position > 0, timers[(position - 1) / 2].due > timer.due {
      rise(timer, from: position, table)
    } else {
      sink(timer, from: position, table)
    }
  }

  private func rise(_ timer: TupleTimer, from start: Int, _ table: borrowing TupleTable) {
    var position = start
    while position > 0, timers[(position - 1) / 2].due > timer.due {
      put(timers[(position - 1) / 2], at: position, table)
      position = (position - 1) / 2
    }
    put(timer, at: position, table)
  }

  private func sink(_ timer: TupleTimer, from start: Int, _ table: borrowing TupleTable) {
    var position = start
    while 2 * position + 1 < count {
      var child = 2 * position + 1
      if child + 1 < count, timers[child + 1].due < timers[child].due { child += 1 }
      guard timers[child].due < timer.due else { break }
      put(timers[child], at: position, table)
      position = child
    }
    put(timer, at: position, table)
  }

  private func put(_ timer: TupleTimer, at position: Int, _ table: borrowing TupleTable) {
    timers[position] = timer
    table.setPosition(position, Int(timer.place))
  }
}

/// When a place is due, in milliseconds since 1970.
struct TupleTimer: BitwiseCopyable {
  var due: UInt64
  var place: UInt32
}
