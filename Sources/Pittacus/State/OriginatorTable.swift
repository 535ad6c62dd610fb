// Who sent what: the numbers of each originator that arrived.
//
// The original keeps the highest number of each of 20, so what comes late is lost and what comes from the 21st is
// new for ever. Here a window behind the highest number says of each whether it was there.

import GrapevineCore

/// One originator of messages.
struct OriginatorRecord: BitwiseCopyable {
  var id: PittacusID
  /// The highest number that arrived.
  var highest: UInt32
  /// The number up to which nothing is missing that is still hoped for.
  var complete: UInt32
  /// No message with a number below it is in the log.
  var loggedFrom: UInt32
  /// Which comparison with a peer's STATUS named it last.
  var named: UInt32
  /// When a message of it last arrived that was new.
  var activeAt: Instant
  /// Since when something below `highest` is missing; never when nothing is.
  var missingSince: Instant
  /// When it was last asked for what it lacks; the origin of time when it may be asked for at once.
  var askedAt: Instant
  /// How often what is missing first was asked for.
  var asks: UInt16
  /// The neighbours in the order of activity, as places plus one.
  var newer: UInt16
  var older: UInt16
}

/// What a number turned out to be.
enum Arrival {
  case new
  /// It was there, or is too old to be told from what was.
  case known
}

/// The originators, found by id and kept in the order of their last activity.
struct OriginatorTable: ~Copyable {
  private let records: FixedTable<OriginatorRecord>
  private let bits: FixedTable<UInt64>
  private let index: PlaceIndex
  private let key: SecretKey
  private let window: Int
  private(set) var count = 0
  /// The places of the most and the least recently active, plus one; 0 when there are none.
  private var newest: UInt16 = 0
  private var oldest: UInt16 = 0

  init(capacity: Int, window: Int, key: SecretKey) {
    records = FixedTable(count: capacity)
    bits = FixedTable(count: capacity * (window / 64))
    index = PlaceIndex(capacity: capacity)
    self.window = window
    self.key = key
  }

  static func bytes(capacity: Int, window: Int) -> Int {
    capacity * (MemoryLayout<OriginatorRecord>.stride + window / 8) + PlaceIndex.bytes(capacity: capacity)
  }

  subscript(place: Int) -> OriginatorRecord {
    @inline(__always) _read { yield records[place] }
    @inline(__always) nonmutating _modify { yield &records[place] }
  }

  /// The place of the most recently active; nil when there is none.
  var mostRecent: Int? { newest == 0 ? nil : Int(newest) - 1 }

  /// The place of the one that was active last before the one at `place`.
  func next(after place: Int) -> Int? { records[place].older == 0 ? nil : Int(records[place].older) - 1 }

  func find(_ id: PittacusID) -> Int? {
    index.find(hash(id)) { records[$0].id == id }
  }

  /// Adds an originator that is not there, of which nothing up to `number` is missed.
  ///
  /// When there is no room it takes the place of the one that was silent for longest, if it was for `idle`; nil
  /// when it was not. `kept` is a place that is never taken.
  mutating func add(
    _ id: PittacusID, number: UInt32, now: Instant, idle: Nanoseconds, kept: Int?
  ) -> Int? {
    var place = count
    if count == records.count {
      var candidate = Int(oldest) - 1
      if candidate == kept, candidate >= 0 { candidate = Int(records[candidate].newer) - 1 }
      guard candidate >= 0, now.since(records[candidate].activeAt) >= idle else { return nil }
      unlink(candidate)
      index.leave(candidate) { hash(records[$0].id) }
      place = candidate
    } else {
      count += 1
    }
    records[place] = OriginatorRecord(
      id: id, highest: number, complete: number, loggedFrom: 0, named: 0, activeAt: now,
      missingSince: .never, askedAt: Instant(), asks: 0, newer: 0, older: 0)
    bits.clear(place * words..<(place + 1) * words)
    index.enter(place, hash(id))
    link(place)
    return place
  }

  /// Notes that a number arrived.
  mutating func note(_ number: UInt32, at place: Int, now: Instant) -> Arrival {
    var record = records[place]
    if number > record.highest {
      let step = Int(number &- record.highest)
      if step >= window {
        bits.clear(place * words..<(place + 1) * words)
        record.complete = number &- 1
      } else {
        for offset in 1..<max(1, step) {
          setBit(record.highest &+ UInt32(truncatingIfNeeded: offset), of: place, false)
        }
        let reach = number &- UInt32(truncatingIfNeeded: min(window, Int(number)))
        record.complete = max(record.complete, reach)
      }
      record.highest = number
    } else if Int(record.highest &- number) >= window || bit(number, of: place) {
      return .known
    }
    setBit(number, of: place, true)
    record.activeAt = now
    record.askedAt = Instant()
    record.loggedFrom = min(record.loggedFrom, number)
    advance(&record, at: place, now: now)
    records[place] = record
    unlink(place)
    link(place)
    return .new
  }

  /// Whether a number was there; false for what the window no longer knows.
  func has(_ number: UInt32, at place: Int) -> Bool {
    let highest = records[place].highest
    return number <= highest && Int(highest &- number) < window && bit(number, of: place)
  }

  /// Stops hoping for the first run of missing numbers.
  mutating func giveUpFirstMissing(at place: Int, now: Instant) {
    var record = records[place]
    while record.complete < record.highest, !bit(record.complete &+ 1, of: place) { record.complete &+= 1 }
    advance(&record, at: place, now: now)
    records[place] = record
  }

  /// Takes all up to `number` as known: an originator's own word of what it sent.
  mutating func settle(_ number: UInt32, at place: Int) {
    records[place].highest = number
    records[place].complete = number
    records[place].missingSince = .never
  }

  private func advance(_ record: inout OriginatorRecord, at place: Int, now: Instant) {
    let before = record.complete
    while record.complete < record.highest, bit(record.complete &+ 1, of: place) { record.complete &+= 1 }
    if record.complete == record.highest {
      record.missingSince = .never
      record.asks = 0
    } else {
      if record.missingSince == .never { record.missingSince = now }
      if record.complete != before { record.asks = 0 }
    }
  }

  private var words: Int { window / 64 }

  private func bit(_ number: UInt32, of place: Int) -> Bool {
    let position = Int(number) % window
    return bits[place * words + position / 64] & (1 << UInt64(position % 64)) != 0
  }

  private func setBit(_ number: UInt32, of place: Int, _ value: Bool) {
    let position = Int(number) % window
    let mask: UInt64 = 1 << UInt64(position % 64)
    if value {
      bits[place * words + position / 64] |= mask
    } else {
      bits[place * words + position / 64] &= ~mask
    }
  }

  private mutating func link(_ place: Int) {
    let mark = UInt16(truncatingIfNeeded: place + 1)
    records[place].newer = 0
    records[place].older = newest
    if newest != 0 { records[Int(newest) - 1].newer = mark }
    newest = mark
    if oldest == 0 { oldest = mark }
  }

  private mutating func unlink(_ place: Int) {
    let (newer, older) = (records[place].newer, records[place].older)
    if newer == 0 { newest = older } else { records[Int(newer) - 1].older = older }
    if older == 0 { oldest = newer } else { records[Int(older) - 1].newer = newer }
  }

  private func hash(_ id: PittacusID) -> UInt64 {
    var hash = SipHash(key: key)
    hash.add(id.bytes)
    return hash.finish()
  }
}
