// What is to be written to a store, newest state of each key only.

import GrapevineCore

/// Changes on their way to the disk, in memory bounded by the number of keys.
struct TupleBatch: Sendable {
  /// What is to become of a key's record.
  enum Fate: Sendable, Equatable {
    case keep(StoredTuple)
    case forget
  }

  private(set) var fates: [[UInt8]: Fate] = [:]

  var count: Int { fates.count }
  var isEmpty: Bool { fates.isEmpty }

  /// Notes what is to become of a key; takes the place of what was noted before.
  mutating func note(_ fate: Fate, of key: [UInt8]) { fates[key] = fate }

  /// Adds what is newer.
  mutating func append(_ newer: TupleBatch) {
    guard !fates.isEmpty else {
      self = newer
      return
    }
    fates.merge(newer.fates) { _, new in new }
  }

  /// Adds what is older, where nothing newer is known.
  mutating func putBack(_ older: TupleBatch) {
    fates.merge(older.fates) { new, _ in new }
  }

  /// The records to keep, and the keys of those to forget.
  var parts: (tuples: [StoredTuple], forgotten: [[UInt8]]) {
    var tuples: [StoredTuple] = []
    var forgotten: [[UInt8]] = []
    tuples.reserveCapacity(fates.count)
    for (key, fate) in fates {
      switch fate {
      case .keep(let tuple): tuples.append(tuple)
      case .forget: forgotten.append(key)
      }
    }
    return (tuples, forgotten)
  }
}
