// Messages of an overlay that must arrive.
//
// Frames are not sent again when they are lost, and most of what is in them need not be. A subscription on
// its way is nowhere else: it is kept here until whoever it was given to says that it came.

/// A message that was sent and not yet confirmed.
struct Errand: BitwiseCopyable {
  var message: ScampMessage
  var slot: UInt8
  var tries: UInt8
  var number: UInt16
  /// The nonce of the link it was sent on: the slot may be another's by now.
  var link: UInt64
  /// When to send it again.
  var dueAt: Instant
}

/// A bounded set of errands. What finds no room is sent once.
struct ErrandTable: ~Copyable {
  private let errands: FixedTable<Errand>
  private(set) var count = 0
  /// No errand is due before this.
  private(set) var firstDue = Instant.never

  init(capacity: Int) {
    errands = FixedTable(count: capacity)
  }

  var capacity: Int { errands.count }

  subscript(index: Int) -> Errand {
    precondition(index < count, "errand index out of range")
    return errands[index]
  }

  /// Adds an errand if there is room.
  mutating func add(_ errand: Errand) {
    guard count < errands.count else { return }
    errands[count] = errand
    count += 1
    firstDue = min(firstDue, errand.dueAt)
  }

  /// Changes when an errand is due, after it was sent again.
  mutating func repeated(_ index: Int, dueAt: Instant) {
    precondition(index < count, "errand index out of range")
    errands[index].tries += 1
    errands[index].dueAt = dueAt
  }

  /// Removes an errand; the last one takes its place.
  mutating func remove(_ index: Int) {
    precondition(index < count, "errand index out of range")
    count -= 1
    errands[index] = errands[count]
    if count == 0 { firstDue = .never }
  }

  /// The other end of a link has confirmed a number.
  mutating func confirm(_ number: UInt16, slot: Int, link: UInt64) {
    for index in 0..<count {
      let errand = errands[index]
      guard errand.number == number, Int(errand.slot) == slot, errand.link == link else { continue }
      remove(index)
      return
    }
  }

  mutating func removeAll() {
    count = 0
    firstDue = .never
  }

  /// Finds anew when the first errand is due.
  mutating func schedule() {
    firstDue = .never
    for index in 0..<count { firstDue = min(firstDue, errands[index].dueAt) }
  }
}
