// Which frames of which senders were there already.

import GrapevineCore

/// What the windows say of a frame.
enum ReplayVerdict: Equatable {
  case fresh
  case replayed
  case tooOld
}

/// A sender in the table, or an empty place.
struct ReplaySender: BitwiseCopyable {
  /// 0 in an empty place.
  var sender: UInt64 = 0
  /// The greatest counter seen; in an empty place the next empty one, plus 1.
  var newest: UInt32 = 0
  /// A bit for each slot of the keyring under whose key a frame of the sender was seen.
  var keys: UInt8 = 0

  init() {}
}

/// A sliding window of counters for each sender (RFC 6479), without clocks.
///
/// Only frames that proved authentic are entered, so whoever has no key changes nothing here. A sender is forgotten
/// only when all keys are retired under which it was heard, for then none of its frames opens any more; forgotten
/// sooner, its frames could be replayed. When the table is full, further senders are refused: each is a run of somebody
/// who has a key, and retiring a key makes room.
struct ReplayWindows: ~Copyable {
  /// How far behind the newest counter of its sender a frame may come.
  static let width: UInt32 = 960
  /// Words of 64 counters per sender: one more than the width takes, because the newest word is partly ahead.
  private static let words = 16

  private let senders: FixedTable<ReplaySender>
  private let seen: FixedTable<UInt64>
  private let index: PlaceIndex
  private let seed: UInt64
  /// Places that were ever used, and the first empty one among them, plus 1.
  private var used = 0
  private var empty: UInt32 = 0
  /// How many senders are in the table.
  private(set) var count = 0

  /// Windows for up to `capacity` senders; memory becomes resident as they are heard.
  init(capacity: Int, seed: UInt64) {
    let capacity = min(max(1, capacity), 1 << 24)
    senders = FixedTable(count: capacity)
    seen = FixedTable(count: capacity * Self.words)
    index = PlaceIndex(capacity: capacity)
    self.seed = seed
  }

  /// Bytes of a full table for `capacity` senders.
  static func bytes(capacity: Int) -> Int {
    let capacity = min(max(1, capacity), 1 << 24)
    return capacity * (MemoryLayout<ReplaySender>.stride + words * 8) + PlaceIndex.bytes(capacity: capacity)
  }

  /// A position that nobody outside can foresee, so that lookups of foreign senders stay short.
  @inline(__always)
  private func hash(_ sender: UInt64) -> UInt64 {
    let product = (sender ^ seed).multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return product.high ^ product.low
  }

  /// The place of a sender; nil when it was never heard.
  @inline(__always)
  func place(of sender: MemberID) -> Int? {
    index.find(hash(sender.value)) { senders[$0].sender == sender.value }
  }

  /// What is known of a counter of the sender at a place. Changes nothing.
  @inline(__always)
  func judge(_ counter: UInt32, at place: Int) -> ReplayVerdict {
    let newest = senders[place].newest
    if counter > newest { return .fresh }
    if newest - counter >= Self.width { return .tooOld }
    return seen[word(counter, place)] & bit(counter) == 0 ? .fresh : .replayed
  }

  /// Enters the first frame of a sender.
  ///
  /// - Returns: Whether there was room.
  mutating func enter(_ sender: MemberID, counter: UInt32, keySlot: Int) -> Bool {
    let place: Int
    if empty != 0 {
      place = Int(empty) - 1
      empty = senders[place].newest
    } else {
      guard used < senders.count else { return false }
      place = used
      used += 1
    }
    seen.clear(place * Self.words..<(place + 1) * Self.words)
    senders[place].sender = sender.value
    senders[place].newest = counter
    senders[place].keys = keyBit(keySlot)
    seen[word(counter, place)] = bit(counter)
    index.enter(place, hash(sender.value))
    count += 1
    return true
  }

  /// Enters a fresh counter of the sender at a place.
  @inline(__always)
  mutating func record(_ counter: UInt32, keySlot: Int, at place: Int) {
    let newest = senders[place].newest
    if counter > newest {
      // Words between the old and the new counter belong to a time that has passed.
      let steps = min(Int(counter >> 6) - Int(newest >> 6), Self.words)
      for step in 0..<steps { seen[word(counter &- UInt32(step) &* 64, place)] = 0 }
      senders[place].newest = counter
    }
    seen[word(counter, place)] |= bit(counter)
    senders[place].keys |= keyBit(keySlot)
  }

  /// Forgets all senders that were heard under no other key than the retired one of a slot.
  mutating func forget(keySlot: Int) {
    for place in 0..<used where senders[place].sender != 0 {
      senders[place].keys &= ~keyBit(keySlot)
      guard senders[place].keys == 0 else { continue }
      index.leave(place) { hash(senders[$0].sender) }
      senders[place].sender = 0
      senders[place].newest = empty
      empty = UInt32(truncatingIfNeeded: place + 1)
      count -= 1
    }
  }

  @inline(__always)
  private func word(_ counter: UInt32, _ place: Int) -> Int {
    place * Self.words + Int(counter >> 6) % Self.words
  }

  @inline(__always)
  private func bit(_ counter: UInt32) -> UInt64 { 1 << UInt64(counter & 63) }

  @inline(__always)
  private func keyBit(_ slot: Int) -> UInt8 { 1 << UInt8(truncatingIfNeeded: slot) }
}
