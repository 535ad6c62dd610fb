// The table of tuples, its arena and its timers against models that are easy to be sure of.

import Testing

@testable import GrapevineCore

/// A version with bytes of its own.
struct ModelTuple: Equatable {
  var key: [UInt8]
  var value: [UInt8]
  var clock: UInt64
  var writer: UInt64 = 9
  var traits: TupleTraits = []
  var expiresAt: UInt64 = 0

  func withRecord<R>(_ body: (TupleRecord) throws -> R) rethrows -> R {
    try key.withUnsafeBytes { key in
      try value.withUnsafeBytes { value in
        try body(
          TupleRecord(
            key: key, value: value, clock: TupleClock(bits: clock), writer: writer, traits: traits,
            expiresAt: expiresAt))
      }
    }
  }

  var hash: UInt64 { withRecord { $0.hash } }

  init(_ key: [UInt8], _ value: [UInt8], clock: UInt64) {
    (self.key, self.value, self.clock) = (key, value, clock)
  }

  init(_ record: TupleRecord) {
    (key, value) = (Array(record.key), Array(record.value))
    (clock, writer, traits) = (record.clock.bits, record.writer, record.traits)
    expiresAt = record.expiresAt
  }

  /// The bytes that it takes of the limit.
  var bytes: Int {
    TupleArena.units(key: key.count, value: value.count, isTimed: traits.contains(.timed)) * TupleArena.unit
  }
}

extension TupleTable {
  /// Puts a version in if there is room.
  mutating func put(_ tuple: ModelTuple) -> Int? {
    tuple.withRecord { record in
      let old = find(record.key)
      return hasRoom(for: record, at: old)
        ? put(record, hash: record.hash, keyHash: keyHash(record.key), at: old) : nil
    }
  }

  func place(_ key: [UInt8]) -> Int? { key.withUnsafeBytes { find($0) } }
}

/// A table and what must be in it.
private struct ModelTable: ~Copyable {
  var table: TupleTable
  var model: [[UInt8]: ModelTuple] = [:]
  let capacity: Int
  let bytes: Int
  var refused = 0

  init(capacity: Int, bytes: Int) {
    table = TupleTable(capacity: capacity, bytes: bytes, secret: SecretKey(first: 1, second: 2))
    (self.capacity, self.bytes) = (capacity, bytes)
  }

  mutating func put(_ tuple: ModelTuple) {
    let old = model[tuple.key]
    let used = model.values.reduce(0) { $0 + $1.bytes } - (old?.bytes ?? 0) + tuple.bytes
    let fits = used <= bytes && (old != nil || model.count < capacity)
    let place = table.put(tuple)
    expect((place != nil) == fits)
    if fits { model[tuple.key] = tuple } else { refused += 1 }
  }

  mutating func remove(_ key: [UInt8]) {
    let place = table.place(key)
    expect((place != nil) == (model[key] != nil))
    guard let place else { return }
    table.remove(place)
    model[key] = nil
  }

  mutating func setHidden(_ key: [UInt8], _ isHidden: Bool) {
    guard let place = table.place(key), model[key]?.traits.contains(.ephemeral) == true else { return }
    table.setHidden(isHidden, place)
    if isHidden { model[key]?.traits.insert(.hidden) } else { model[key]?.traits.remove(.hidden) }
  }

  /// Everything that can be asked of the table, against the model.
  func check() {
    expect(table.count == model.count)
    func count(_ trait: TupleTraits) -> Int { model.values.count { $0.traits.contains(trait) } }
    expect(table.tombstoneCount == count(.tombstone) && table.hiddenCount == count(.hidden))
    expect(table.ephemeralCount == count(.ephemeral))
    expect(
      table.visibleCount == model.values.count { $0.traits.isDisjoint(with: [.tombstone, .hidden]) })
    var fingerprint: UInt64 = 0
    for tuple in model.values {
      let hash = tuple.hash
      let product = hash.multipliedFullWidth(by: 0x9e37_79b9_7f4a_7c15)
      fingerprint &+= product.high ^ product.low
      let place = table.place(tuple.key)
      expect(place != nil)
      guard let place else { continue }
      let record = table.record(place)
      expect(ModelTuple(record) == tuple)
      let byHash = table.find(hash: hash)
      expect(byHash == place && table[place].hash == hash)
    }
    expect(table.fingerprint == fingerprint)
    expect((0..<table.placesUsed).count { !table[$0].isFree } == model.count)
  }
}

@Suite("TupleTable: against a dictionary")
struct TupleTableTests {
  private static func tuple(_ clock: UInt64, _ generator: inout Generator) -> ModelTuple {
    let number = generator.below(400)
    let key = Array("key/\(number)".utf8) + [UInt8](repeating: 0x61, count: number % 90)
    let length = generator.chance(0.5) ? generator.below(60) : generator.below(4_097)
    let seed = UInt8(truncatingIfNeeded: generator.next())
    var tuple = ModelTuple(
      number == 0 ? [] : key, (0..<length).map { UInt8(truncatingIfNeeded: $0) &+ seed }, clock: clock)
    switch generator.below(4) {
    case 0: (tuple.value, tuple.traits) = ([], .tombstone)
    case 1: (tuple.traits, tuple.expiresAt) = (.timed, clock + 5)
    case 2: tuple.traits = .ephemeral
    default: break
    }
    return tuple
  }

  @Test(
    "puts, overwrites, removals and hiding, within limits and beyond",
    arguments: [(400, 8 << 20), (100, 8 << 20), (400, 64 << 10), (3, 4 << 10)])
  func model(capacity: Int, bytes: Int) {
    var stage = ModelTable(capacity: capacity, bytes: bytes)
    var generator = Generator(seed: UInt64(capacity + bytes))
    for step in 1...8_000 {
      let tuple = Self.tuple(UInt64(step) << 16, &generator)
      switch generator.below(10) {
      case 0...6: stage.put(tuple)
      case 7: stage.setHidden(tuple.key, generator.chance(0.7))
      default: stage.remove(tuple.key)
      }
      if step % 1_000 == 0 { stage.check() }
    }
    expect((stage.refused > 100) == (capacity < 400 || bytes < 1 << 20))
    expect(stage.table.placesUsed <= capacity)
  }

  @Test("a table that is full by number and by bytes takes what replaces, and after a removal what is new")
  func limits() {
    var stage = ModelTable(capacity: 16, bytes: 64 << 10)
    for number in 0..<20 { stage.put(ModelTuple([UInt8(number)], [1, 2, 3], clock: 1)) }
    expect(stage.table.count == 16 && stage.refused == 4)
    stage.put(ModelTuple([3], [UInt8](repeating: 4, count: 60_000), clock: 2))
    stage.put(ModelTuple([4], [UInt8](repeating: 4, count: 10_000), clock: 2))
    expect(stage.refused == 5)
    // One that is as long as the one it replaces has its bytes.
    stage.put(ModelTuple([3], [UInt8](repeating: 5, count: 60_000), clock: 3))
    expect(stage.refused == 5)
    var removal = ModelTuple([3], [], clock: 4)
    removal.traits = .tombstone
    stage.put(removal)
    stage.put(ModelTuple([4], [UInt8](repeating: 4, count: 10_000), clock: 5))
    stage.remove([7])
    stage.put(ModelTuple([40], [9], clock: 6))
    expect(stage.refused == 5 && stage.table.placesUsed == 16)
    stage.check()
  }

  @Test("a tuple that is written from its own bytes stays what it is, also when the arena is compacted")
  func alias() {
    var stage = ModelTable(capacity: 64, bytes: 1 << 20)
    for number in 0..<20 {
      stage.put(ModelTuple([UInt8(number)], [UInt8](repeating: UInt8(number), count: 4_000), clock: 1))
    }
    // 2,000 times 4,000 bytes are more than the arena has room for without moving the living together.
    for step in 2...2_000 {
      let key = [UInt8(step % 20)]
      guard let place = stage.table.place(key) else { continue }
      var record = stage.table.record(place)
      record.clock = TupleClock(bits: UInt64(step))
      let again = stage.table.put(
        record, hash: record.hash, keyHash: stage.table.keyHash(record.key), at: place)
      expect(again == place)
      stage.model[key]?.clock = UInt64(step)
      if step % 250 == 0 { stage.check() }
    }
    stage.check()
  }

  @Test("two keys of one hash are both kept, by key, and either is found by the hash until it goes")
  func equalHashes() {
    var table = TupleTable(capacity: 16, bytes: 64 << 10, secret: SecretKey(first: 1, second: 2))
    let tuples = [ModelTuple([1], [1], clock: 1), ModelTuple([2], [2], clock: 1)]
    for tuple in tuples {
      tuple.withRecord { _ = table.put($0, hash: 77, keyHash: table.keyHash($0.key), at: nil) }
    }
    let places = tuples.map { table.place($0.key) }
    expect(places == [0, 1])
    for place in [0, 1] {
      let found = table.find(hash: 77)
      expect(found == 0 || found == 1)
      table.remove(place)
    }
    let found = table.find(hash: 77)
    expect(found == nil && table.count == 0 && table.fingerprint == 0)
  }
}

@Suite("TupleTimers: against a sorted list")
struct TupleTimersTests {
  @Test("what is due first comes first, whatever came, went and was put off", arguments: [1, 2, 3])
  func model(seed: UInt64) throws {
    var table = TupleTable(capacity: 300, bytes: 1 << 20, secret: SecretKey(first: 1, second: 2))
    for number in 0..<300 {
      var tuple = ModelTuple(Array("\(number)".utf8), [1], clock: 1)
      (tuple.traits, tuple.expiresAt) = (.timed, 1)
      let place = table.put(tuple)
      expect(place == number)
    }
    var timers = TupleTimers(capacity: 300)
    var model: [Int: UInt64] = [:]
    var generator = Generator(seed: seed)
    for _ in 0..<6_000 {
      let place = generator.below(300)
      switch (generator.below(4), model[place]) {
      case (0, .some):
        timers.remove(place, of: table)
        model[place] = nil
      case (1, _) where timers.count > 0:
        let first = timers.first
        let due = try #require(model[first]) + UInt64(generator.below(50))
        timers.postpone(to: due, of: table)
        model[first] = due
      case (_, nil):
        let due = UInt64(generator.below(500))
        timers.add(place, due: due, to: table)
        model[place] = due
      default: break
      }
      expect(timers.count == model.count && timers.due == model.values.min())
      if timers.count > 0 { expect(model[timers.first] == timers.due) }
    }
    // One that is not there, though it was once, cannot be taken out.
    while let due = timers.due {
      let first = timers.first
      expect(model[first] == due && due == model.values.min())
      timers.remove(first, of: table)
      timers.remove(first, of: table)
      model[first] = nil
    }
    expect(model.isEmpty)
  }
}
