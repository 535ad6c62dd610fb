// Which values keys had a moment ago.
//
// Originals take whatever arrives last and send it on, back to where it came from too. So a value that was replaced
// here comes again: as an echo, or from somebody who has not heard of the present one. Taken for news, it would be
// sent on in turn, and two values of one key could chase each other for ever. Whether it is news follows from who
// sent the present value, or has echoed it: over one link, what comes later is later.

import GrapevineCore

/// What became of one key lately.
struct FormerValue: BitwiseCopyable {
  /// The hash of the key; 0 in an empty place.
  var key: UInt64 = 0
  /// Hashes of its values, the present one first; 0 for none.
  var values: (UInt32, UInt32, UInt32, UInt32) = (0, 0, 0, 0)
  var changedAt = Instant()
  /// The links whose other ends have echoed the present one.
  var heard: UInt64 = 0
  /// Where the present one came from.
  var source: UInt8 = 0
  /// Times that it returned to a former value.
  var flips: UInt8 = 0
  /// Times that somebody was told the present one for sending a former one.
  var told: UInt8 = 0
}

/// The recent values of keys, as many as have room: of two keys in one place the later one stays.
struct FormerValues: ~Copyable {
  private let places: FixedTable<FormerValue>
  private let time: Nanoseconds
  private let flipLimit: UInt8

  /// Keys remembered at most, a power of two. Chosen here: 320 KiB; only conflicts of the last seconds count.
  private static var count: Int { 8_192 }

  init(_ configuration: ZGossipConfiguration) {
    places = FixedTable(count: Self.count)
    time = configuration.conflictTime.asNanoseconds
    flipLimit = UInt8(clamping: configuration.flipLimit)
  }

  /// Notes that a value became the present one of its key; only its hash counts.
  mutating func note(_ key: UInt64, _ value: UInt64, from source: UInt8, now: Instant) {
    let (index, value) = (Int(truncatingIfNeeded: key) & (Self.count - 1), UInt32(truncatingIfNeeded: value))
    var entry = places[index]
    if entry.key != key || now.since(entry.changedAt) > time { entry = FormerValue() }
    entry.key = key
    if value != entry.values.0 {
      let former = entry.values
      if former.1 == value || former.2 == value || former.3 == value {
        entry.flips = entry.flips < .max ? entry.flips + 1 : .max
      }
      entry.values = (value, former.0, former.1, former.2)
      entry.heard = 0
    }
    (entry.source, entry.changedAt) = (source, now)
    places[index] = entry
  }

  /// Whether a value that came over a link was replaced lately, by somebody its sender may not have heard of.
  func isStale(_ key: UInt64, _ value: UInt64, from source: UInt8, now: Instant) -> Bool {
    let (index, value) = (Int(truncatingIfNeeded: key) & (Self.count - 1), UInt32(truncatingIfNeeded: value))
    let entry = places[index]
    guard entry.key == key, now.since(entry.changedAt) <= time else { return false }
    guard value == entry.values.1 || value == entry.values.2 || value == entry.values.3 else { return false }
    let hasHeard = entry.source == source || entry.heard & Self.bit(source) != 0
    return !hasHeard || entry.flips >= flipLimit
  }

  /// Notes that the other end of a link has the present value of a key.
  mutating func confirm(_ key: UInt64, from source: UInt8) {
    let index = Int(truncatingIfNeeded: key) & (Self.count - 1)
    if places[index].key == key { places[index].heard |= Self.bit(source) }
  }

  /// Whether whoever sent a former value is to be told the present one: not one who never takes it, time and again.
  mutating func mayTell(_ key: UInt64) -> Bool {
    let index = Int(truncatingIfNeeded: key) & (Self.count - 1)
    guard places[index].key == key, places[index].told < .max else { return false }
    places[index].told += 1
    return true
  }

  private static func bit(_ source: UInt8) -> UInt64 { 1 << UInt64(source) }
}
