// Questions under way, besides the one of the period.

/// A PING that was sent for another reason than the period's probe; all zero when free.
struct Call: BitwiseCopyable {
  enum Reason: UInt8 {
    case free = 0
    /// Somebody asked us to.
    case relay
    /// A suspect of ours, or a member that failed.
    case again
    /// Another member that is said to have our name.
    case rival
  }

  var reason = Reason.free
  var number: UInt32 = 0
  /// The run that was asked.
  var run: UInt64 = 0
  var deadline = Instant()
  /// Relay: who wants to know, and under which number. Rival: where it was asked.
  var requester = Endpoint.zero
  var requesterRun: UInt64 = 0
  var requesterNumber: UInt32 = 0
  /// Relay: whether it was told that there is no answer yet.
  var hasNacked = false

  init() {}
}

/// A few questions, found by their number.
struct CallTable: ~Copyable {
  private let calls: FixedTable<Call>
  /// When the first of them is over.
  private(set) var due = Instant.never

  /// Questions under way at most. Chosen here: several members probe through us at once, and each suspect and
  /// lost member is asked again.
  static var usualCapacity: Int { 64 }

  init(capacity: Int) { calls = FixedTable(count: capacity) }

  /// Whether one more may be asked for others: half of the room is for this node's own questions.
  var hasRoomForOthers: Bool {
    var free = 0
    for place in 0..<calls.count where calls[place].reason == .free { free += 1 }
    return free > calls.count / 2
  }

  /// Adds a question.
  ///
  /// - Returns: False when there is no room.
  mutating func add(_ call: Call) -> Bool {
    for place in 0..<calls.count where calls[place].reason == .free {
      calls[place] = call
      due = min(due, call.deadline)
      return true
    }
    return false
  }

  /// Takes out the question of a number that went to `run`.
  mutating func take(_ number: UInt32, run: UInt64) -> Call? {
    for place in 0..<calls.count
    where calls[place].number == number && calls[place].run == run && calls[place].reason != .free {
      defer { calls[place] = Call() }
      return calls[place]
    }
    return nil
  }

  /// Takes out one question that had its time; nil when none has.
  mutating func takeOverdue(now: Instant) -> Call? {
    guard due <= now else { return nil }
    var next = Instant.never
    var overdue: Int?
    for place in 0..<calls.count where calls[place].reason != .free {
      if overdue == nil, calls[place].deadline <= now {
        overdue = place
      } else {
        next = min(next, calls[place].deadline)
      }
    }
    due = next
    guard let overdue else { return nil }
    defer { calls[overdue] = Call() }
    return calls[overdue]
  }

  mutating func removeAll() {
    calls.clear(0..<calls.count)
    due = .never
  }
}

/// Members to be handed to the overlay, a few at a time.
struct Introductions {
  private var records = InlineArray<8, PeerRecord>(repeating: PeerRecord(id: 0, endpoint: .zero))
  private var count = 0

  init() {}

  mutating func add(_ record: PeerRecord) {
    guard count < 8 else { return }
    records[count] = record
    count += 1
  }

  mutating func take() -> PeerRecord? {
    guard count > 0 else { return nil }
    count -= 1
    return records[count]
  }
}
