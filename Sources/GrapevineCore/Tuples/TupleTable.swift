// All tuples of a node, found by key and by version.

/// The tuples: places that do not move, two indexes over them, and the arena with their bytes.
struct TupleTable: ~Copyable {
  private let entries: FixedTable<TupleEntry>
  private var arena: TupleArena
  private var byKey: GrowingIndex
  private var byHash: GrowingIndex
  private let secret: SecretKey
  /// The free places form a list: the first of them, plus 1.
  private var firstFree: UInt32 = 0
  private let byteLimit: Int

  /// Places from here on were never used.
  private(set) var placesUsed = 0
  /// Places in use, by tombstones too.
  private(set) var count = 0
  private(set) var tombstoneCount = 0
  /// Tuples of members that are gone, which nobody sees.
  private(set) var hiddenCount = 0
  private(set) var ephemeralCount = 0
  /// The sum of all hashes, each mixed: maps with the same tuples have the same.
  private(set) var fingerprint: UInt64 = 0

  init(capacity: Int, bytes: Int, secret: SecretKey) {
    entries = FixedTable(count: capacity)
    arena = TupleArena(bytes: bytes)
    byteLimit = bytes
    byKey = GrowingIndex(capacity: capacity)
    byHash = GrowingIndex(capacity: capacity)
    self.secret = secret
  }

  /// Bytes of a full table.
  static func bytes(capacity: Int, bytes: Int) -> Int {
    capacity * MemoryLayout<TupleEntry>.stride + TupleArena.bytes(bytes) + 2
      * GrowingIndex.bytes(capacity: capacity)
  }

  /// Tuples that have a value which everybody may see.
  var visibleCount: Int { count - tombstoneCount - hiddenCount }

  subscript(place: Int) -> TupleEntry { entries[place] }

  func traits(_ place: Int) -> TupleTraits { arena.traits(of: entries[place].block) }

  /// Whether a place holds a tuple that everybody may see.
  func isVisible(_ place: Int) -> Bool { traits(place).isDisjoint(with: [.tombstone, .hidden]) }

  /// When a tuple expires, in milliseconds since 1970; 0 when it does not.
  func expiresAt(_ place: Int) -> UInt64 {
    traits(place).contains(.timed) ? arena.expiresAt(entries[place].block) : 0
  }

  /// The key; valid until the table changes.
  func key(_ place: Int) -> UnsafeRawBufferPointer {
    let entry = entries[place]
    return UnsafeRawBufferPointer(
      arena.bytes(
        entry.block, count: entry.keyLength, isTimed: arena.traits(of: entry.block).contains(.timed)))
  }

  /// The value; valid until the table changes.
  func value(_ place: Int) -> UnsafeRawBufferPointer {
    let entry = entries[place]
    let all = arena.bytes(
      entry.block, count: entry.keyLength + entry.valueLength, isTimed: traits(place).contains(.timed))
    return UnsafeRawBufferPointer(rebasing: all[entry.keyLength...])
  }

  /// A tuple as it came, for comparing and for sending; valid until the table changes.
  func record(_ place: Int) -> TupleRecord {
    let entry = entries[place]
    return TupleRecord(
      key: key(place), value: value(place), clock: TupleClock(bits: entry.clock), writer: entry.writer,
      traits: traits(place), expiresAt: expiresAt(place))
  }

  /// A tuple as applications see it.
  func tuple(_ place: Int) -> Tuple {
    let expiry = expiresAt(place)
    return Tuple(
      key: Array(key(place)), value: Array(value(place)), version: entries[place].version,
      expiresAt: expiry == 0 ? nil : expiry, isEphemeral: traits(place).contains(.ephemeral))
  }

  /// What is at a place, as stores keep it.
  func stored(_ place: Int) -> StoredTuple {
    StoredTuple(tuple(place), isTombstone: traits(place).contains(.tombstone))
  }

  /// The tuples that everybody may see and whose keys begin with `prefix`, in order of their keys.
  func tuples(prefix: [UInt8]) -> [Tuple] {
    var found: [Tuple] = []
    for place in 0..<placesUsed where !self[place].isFree {
      guard isVisible(place), key(place).starts(with: prefix) else { continue }
      found.append(tuple(place))
    }
    found.sort { $0.key.lexicographicallyPrecedes($1.key) }
    return found
  }

  /// The hash that a key is found by here.
  func keyHash(_ key: UnsafeRawBufferPointer) -> UInt64 {
    var hash = SipHash(key: secret)
    hash.add(key)
    return hash.finish()
  }

  /// The place of a key; nil when there is none.
  func find(_ key: UnsafeRawBufferPointer) -> Int? { find(key, keyHash(key)) }

  /// The place of a key with the given hash; nil when there is none.
  func find(_ key: UnsafeRawBufferPointer, _ keyHash: UInt64) -> Int? {
    byKey.find(keyHash) { place in
      entries[place].keyLength == key.count && self.key(place).hasBytes(of: key)
    }
  }

  /// The place of the version with the given hash; nil when there is none.
  func find(hash: UInt64) -> Int? {
    byHash.find(scattered(hash)) { entries[$0].hash == hash }
  }

}

// Changing.
extension TupleTable {
  /// Whether a record may take the place of another, or a new one when there is none.
  func hasRoom(for record: TupleRecord, at place: Int?) -> Bool {
    let units = units(of: record)
    let released = place.map { arena.units(of: entries[$0].block) } ?? 0
    guard place != nil || firstFree != 0 || placesUsed < entries.count else { return false }
    return (arena.liveUnits - released + units) * TupleArena.unit <= byteLimit
  }

  private func units(of record: TupleRecord) -> Int {
    TupleArena.units(
      key: record.key.count, value: record.value.count, isTimed: record.traits.contains(.timed))
  }

  /// Puts a record into the table, in the place of an older version of its key or into a new one; call only when
  /// `hasRoom` says so. The record's bytes may be the table's own.
  ///
  /// - Returns: Its place.
  mutating func put(_ record: TupleRecord, hash: UInt64, keyHash: UInt64, at old: Int?) -> Int {
    let units = units(of: record)
    guard let old else {
      let place = takePlace()
      fill(place, arena.allocate(units, for: place, traits: record.traits), with: record, hash: hash)
      byKey.enter(place, keyHash)
      count += 1
      return place
    }
    uncount(old)
    byHash.leave(old, scattered(entries[old].hash))
    let released = entries[old].block
    if arena.units(of: released) == units, record.key.baseAddress != key(old).baseAddress {
      fill(old, released, with: record, hash: hash)
      return old
    }
    fill(old, arena.allocate(units, for: old, traits: record.traits), with: record, hash: hash)
    arena.release(released)
    compactIfWorthIt()
    return old
  }

  private mutating func takePlace() -> Int {
    guard firstFree != 0 else {
      placesUsed += 1
      return placesUsed - 1
    }
    let place = Int(firstFree) - 1
    firstFree = entries[place].lengths
    entries[place].lengths = 0
    return place
  }

  private mutating func fill(_ place: Int, _ block: UInt32, with record: TupleRecord, hash: UInt64) {
    entries[place].clock = record.clock.bits
    entries[place].writer = record.writer
    entries[place].hash = hash
    entries[place].block = block
    entries[place].setLengths(key: record.key.count, value: record.value.count)
    arena.setTraits(record.traits, of: block)
    let isTimed = record.traits.contains(.timed)
    if isTimed { arena.setExpiresAt(record.expiresAt, of: block) }
    let bytes = arena.bytes(block, count: record.key.count + record.value.count, isTimed: isTimed)
    bytes.copyMemory(from: record.key)
    UnsafeMutableRawBufferPointer(rebasing: bytes[record.key.count...]).copyMemory(from: record.value)
    byHash.enter(place, scattered(hash))
    fingerprint &+= Self.mixed(hash)
    note(record.traits, by: 1)
  }

  /// The hash of a version as this node indexes it: everybody can make versions whose hashes end alike, and nobody those
  /// that end alike here.
  @inline(__always)
  private func scattered(_ hash: UInt64) -> UInt64 {
    let product = (hash ^ secret.first).multipliedFullWidth(by: secret.second | 1)
    return product.high ^ product.low
  }

  /// A sum of hashes as they are would stay the same when two change places bit by bit; of mixed ones it does not.
  private static func mixed(_ hash: UInt64) -> UInt64 {
    let product = hash.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
    return product.high ^ product.low
  }

  private mutating func note(_ traits: TupleTraits, by step: Int) {
    if traits.contains(.tombstone) { tombstoneCount += step }
    if traits.contains(.hidden) { hiddenCount += step }
    if traits.contains(.ephemeral) { ephemeralCount += step }
  }

  private mutating func uncount(_ place: Int) {
    note(traits(place), by: -1)
    fingerprint &-= Self.mixed(entries[place].hash)
  }

  /// Forgets a tuple for good.
  mutating func remove(_ place: Int) {
    uncount(place)
    byHash.leave(place, scattered(entries[place].hash))
    byKey.leave(place, keyHash(key(place)))
    arena.release(entries[place].block)
    entries[place] = TupleEntry()
    entries[place].lengths = firstFree
    firstFree = UInt32(truncatingIfNeeded: place + 1)
    count -= 1
    compactIfWorthIt()
  }

  /// Hides or shows an ephemeral tuple.
  mutating func setHidden(_ isHidden: Bool, _ place: Int) {
    var traits = traits(place)
    guard traits.contains(.hidden) != isHidden else { return }
    if isHidden { traits.insert(.hidden) } else { traits.remove(.hidden) }
    arena.setTraits(traits, of: entries[place].block)
    hiddenCount += isHidden ? 1 : -1
  }

  /// Where a timed tuple stands among those that expire.
  func position(_ place: Int) -> Int { arena.position(entries[place].block) }

  func setPosition(_ position: Int, _ place: Int) { arena.setPosition(position, of: entries[place].block) }

  private mutating func compactIfWorthIt() {
    guard arena.isWorthCompacting else { return }
    // A block is that of the place it names when the place says so too.
    arena.compact(isLiving: { entries[$1].block == $0 }, moved: { entries[$0].block = $1 })
  }
}
