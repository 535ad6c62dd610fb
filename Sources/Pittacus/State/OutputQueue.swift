// What is to be sent, and what was sent and not acknowledged yet.
//
// One ring, addressed by sequence number: numbers are given out when something is queued, things are sent in that
// order, and an acknowledgement names the number. What is sent is made when it is sent, so a place holds no bytes.

import GrapevineCore

/// What a place of the queue is for.
enum Output: UInt8 {
  /// Nothing: it was acknowledged, or needs no acknowledgement.
  case none
  case hello, welcome, memberList, acknowledgement, data
  /// A STATUS made when it is sent; `subject` may be that of an answer, plus one.
  case status
}

/// One datagram to be sent, or to be sent again.
struct OutputEntry: BitwiseCopyable {
  var destination: Endpoint
  /// By kind: the number that is answered, the reference of a message, three places of members in 16 bits each.
  var subject: UInt64
  /// When the next attempt is due, after the first.
  var due: Instant
  var number: UInt32
  var kind: UInt8
  /// Attempts made.
  var attempts: UInt8
  /// Attempts to make.
  var limit: UInt8
}

/// The ring.
struct OutputQueue: ~Copyable {
  private let entries: FixedTable<OutputEntry>
  /// The number that the next datagram gets: the first is 1, as with the original.
  private(set) var next: UInt32 = 1
  /// The number of the first datagram that was not sent yet.
  private(set) var unsent: UInt32 = 1
  /// No repetition is due before.
  private(set) var nextRepeat = Instant.never
  /// How far the search for what is due has come, and the earliest time that it met.
  private var scanned = 0
  private var earliest = Instant.never

  /// - Parameter slots: A power of two.
  init(slots: Int) { entries = FixedTable(count: slots) }

  static func bytes(slots: Int) -> Int { slots * MemoryLayout<OutputEntry>.stride }

  /// Datagrams that can be queued.
  var room: Int { entries.count - Int(next &- unsent) }

  var hasUnsent: Bool { next != unsent }

  /// Queues a datagram; false when there is no room. What still waited for an acknowledgement in its place is not
  /// repeated any more.
  mutating func append(_ kind: Output, to destination: Endpoint, subject: UInt64, limit: UInt8) -> Bool {
    guard room > 0 else { return false }
    entries[place(next)] = OutputEntry(
      destination: destination, subject: subject, due: .never, number: next, kind: kind.rawValue,
      attempts: 0, limit: limit)
    next &+= 1
    return true
  }

  /// The first unsent datagram; only while `hasUnsent`.
  var firstUnsent: OutputEntry { entries[place(unsent)] }

  /// Notes that the first unsent datagram has left, and when it is to be repeated, if it is.
  mutating func sent(repeatAt due: Instant) {
    let place = place(unsent)
    entries[place].attempts = 1
    entries[place].due = due
    if due == .never { entries[place].kind = Output.none.rawValue }
    nextRepeat = min(nextRepeat, due)
    unsent &+= 1
  }

  /// Drops the first unsent datagram: what it was about is gone.
  mutating func dropUnsent() {
    entries[place(unsent)].kind = Output.none.rawValue
    unsent &+= 1
  }

  /// Ends the repetition of what is acknowledged; false when that did not go to `source` or was not awaited, as with
  /// acknowledgements that others forge.
  mutating func acknowledge(_ number: UInt32, from source: Endpoint) -> Bool {
    // Only what was sent: between the last lap of the ring and the first unsent.
    let age = unsent &- number
    guard age > 0, Int(age) <= entries.count else { return false }
    let place = place(number)
    guard entries[place].number == number, entries[place].kind != Output.none.rawValue,
      entries[place].attempts > 0, entries[place].destination == source
    else { return false }
    entries[place].kind = Output.none.rawValue
    return true
  }

  /// The next datagram that is due again; nil when there is none. Say `repeated` before asking for another.
  ///
  /// What had all its attempts is dropped on the way.
  mutating func nextDue(now: Instant) -> OutputEntry? {
    guard nextRepeat <= now else { return nil }
    while scanned < entries.count {
      let entry = entries[scanned]
      if entry.kind == Output.none.rawValue || entry.attempts == 0 {
        scanned += 1
      } else if entry.due > now {
        earliest = min(earliest, entry.due)
        scanned += 1
      } else if entry.attempts >= entry.limit {
        entries[scanned].kind = Output.none.rawValue
        scanned += 1
      } else {
        return entry
      }
    }
    nextRepeat = earliest
    (scanned, earliest) = (0, .never)
    return nil
  }

  /// Notes that what `nextDue` answered with has left again.
  mutating func repeated(nextAt due: Instant) {
    entries[scanned].attempts &+= 1
    entries[scanned].due = due
    earliest = min(earliest, due)
    scanned += 1
  }

  /// Drops what `nextDue` answered with: what it was about is gone.
  mutating func dropDue() {
    entries[scanned].kind = Output.none.rawValue
    scanned += 1
  }

  /// Drops everything that was sent and waits for an acknowledgement.
  mutating func stopRepeating() {
    for place in 0..<entries.count where entries[place].attempts > 0 {
      entries[place].kind = Output.none.rawValue
    }
    (nextRepeat, scanned, earliest) = (.never, 0, .never)
  }

  /// Drops everything that goes to an address.
  mutating func drop(to destination: Endpoint) {
    for place in 0..<entries.count where entries[place].destination == destination {
      entries[place].kind = Output.none.rawValue
    }
  }

  private func place(_ number: UInt32) -> Int { Int(number) & (entries.count - 1) }
}
