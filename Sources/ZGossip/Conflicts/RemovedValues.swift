// Which values were removed or expired.
//
// Originals know no removal: they keep the tuple, and send it again whenever a link comes up. The memory of a removal in
// the table says that something was removed; this says what, so that the same is not taken for new. Another value of
// that key is new.

import GrapevineCore

/// The value of a key that was removed.
struct RemovedValue: BitwiseCopyable {
  /// The hash of the key; 0 in an empty place.
  var key: UInt64 = 0
  /// The hash of the value.
  var value: UInt64 = 0
}

/// The values that were removed, as many as have room: the later ones stay.
struct RemovedValues: ~Copyable {
  private let places: FixedTable<RemovedValue>

  /// Places of the table, and of one key. Chosen here: 1 MiB while all are used.
  private static var count: Int { 65_536 }
  private static var ways: Int { 4 }

  init() { places = FixedTable(count: Self.count) }

  private func first(_ key: UInt64) -> Int {
    Int(truncatingIfNeeded: key) & (Self.count - 1) & ~(Self.ways - 1)
  }

  /// Notes that the value of a key was removed.
  mutating func note(_ key: UInt64, _ value: UInt64) {
    let first = first(key)
    var entry = RemovedValue(key: key, value: value)
    for index in first..<first + Self.ways {
      swap(&entry, &places[index])
      if entry.key == key || entry.key == 0 { return }
    }
  }

  /// Notes that a key has a value again.
  mutating func forget(_ key: UInt64) {
    let first = first(key)
    for index in first..<first + Self.ways where places[index].key == key { places[index] = RemovedValue() }
  }

  /// Whether it is known which value of the key was removed.
  func knows(_ key: UInt64) -> Bool {
    let first = first(key)
    return (first..<first + Self.ways).contains { places[$0].key == key }
  }

  /// Whether it was that value of the key that was removed.
  func has(_ key: UInt64, _ value: UInt64) -> Bool {
    let first = first(key)
    for index in first..<first + Self.ways where places[index].key == key {
      return places[index].value == value
    }
    return false
  }
}
