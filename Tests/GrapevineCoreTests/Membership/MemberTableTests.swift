import Testing

@testable import GrapevineCore

extension MemberTable {
  static func entry(
    _ number: Int, _ status: MemberStatus = .alive, incarnation: UInt32 = 1, since: UInt64 = 0
  ) -> MemberEntry {
    var entry = MemberEntry()
    entry.id = UInt64(number)
    entry.run = UInt64(number)
    entry.endpoint = World.endpoint(number)
    entry.incarnation = incarnation
    entry.status = status.rawValue
    entry.since = Instant(nanoseconds: since)
    return entry
  }

  init(_ capacity: Int, seed: UInt64 = 1) {
    var generator = Generator(seed: seed)
    self.init(capacity: capacity, using: &generator)
  }

  /// Adds a member and says where.
  mutating func place(_ entry: MemberEntry) -> Int? { add(entry)?.place }
}

@Suite("Members: the table")
struct MemberTableTests {
  @Test("what is added is found, and nothing else")
  func find() {
    var table = MemberTable(16)
    for number in 1...15 {
      let place = table.place(MemberTable.entry(number))
      #expect(place == number)
    }
    for number in 1...15 {
      let place = table.find(UInt64(number))
      #expect(place == number)
    }
    let (unknown, zero) = (table.find(16), table.find(0))
    #expect(unknown == nil && zero == nil)
  }

  @Test("counts follow every change")
  func counts() {
    var table = MemberTable(16)
    for (number, status) in MemberStatus.allCases.enumerated() {
      _ = table.place(MemberTable.entry(number + 1, status))
    }
    var expected = MemberCounts()
    (expected.alive, expected.suspect, expected.failed, expected.left) = (1, 1, 1, 1)
    #expect(table.counts == expected)
    #expect(table.livingCount == 2)
    table.update(1) { $0.status = MemberStatus.failed.rawValue }
    table.remove(4)
    (expected.alive, expected.failed, expected.left) = (0, 2, 0)
    #expect(table.counts == expected)
  }

  @Test("a full table forgets whoever has been gone longest, and refuses when all live")
  func full() {
    var table = MemberTable(5)
    _ = table.place(MemberTable.entry(1))
    _ = table.place(MemberTable.entry(2, .failed, since: 20))
    _ = table.place(MemberTable.entry(3, .left, since: 10))
    _ = table.place(MemberTable.entry(4, .suspect, since: 1))
    let first = table.add(MemberTable.entry(5))
    #expect(first?.place == 3)
    #expect(first?.forgotten?.id == 3)
    let second = table.add(MemberTable.entry(6))
    #expect(second?.forgotten?.id == 2)
    let third = table.add(MemberTable.entry(7))
    #expect(third == nil)
    let (forgotten, refused) = (table.find(3), table.find(7))
    #expect(forgotten == nil && refused == nil)
    #expect(table.livingCount == 4)
  }

  @Test("places that became free are used again before others are forgotten")
  func reuse() {
    var table = MemberTable(5)
    for number in 1...4 { _ = table.place(MemberTable.entry(number, number == 1 ? .failed : .alive)) }
    table.remove(3)
    let gone = table.find(3)
    #expect(gone == nil)
    let added = table.add(MemberTable.entry(9))
    #expect(added?.place == 3)
    #expect(added?.forgotten == nil)
    let place = table.find(9)
    #expect(place == 3)
  }

  @Test("who takes the place of another is in the lists of its place no second time")
  func listings() {
    var table = MemberTable(5)
    _ = table.place(MemberTable.entry(1, .failed))
    table.note(1) { ($0.isOrdered, $0.isListed, $0.isHinted) = (true, true, true) }
    table.remove(1)
    let place = table.place(MemberTable.entry(2))
    #expect(place == 1)
    let entry = table[1]
    #expect(entry.isOrdered)
    #expect(entry.isListed)
    #expect(!entry.isHinted)
  }

  @Test(
    "equal tables have equal fingerprints, however they came to be", arguments: 1...8 as ClosedRange<UInt64>)
  func fingerprint(seed: UInt64) {
    var generator = Generator(seed: seed)
    var left = MemberTable(64, seed: seed)
    var right = MemberTable(64, seed: seed + 100)
    #expect(left.fingerprint == 0)
    for number in (1...40).shuffled(using: &generator) { _ = left.place(MemberTable.entry(number)) }
    for number in (1...60).shuffled(using: &generator) {
      _ = right.place(MemberTable.entry(number, number % 2 == 0 ? .suspect : .alive))
    }
    #expect(left.fingerprint != right.fingerprint)
    for number in 41...50 {
      guard let place = right.find(UInt64(number)) else { continue }
      right.remove(place)
    }
    for number in 51...60 {
      guard let place = right.find(UInt64(number)) else { continue }
      right.update(place) { $0.status = MemberStatus.failed.rawValue }
    }
    #expect(left.fingerprint == right.fingerprint)
    left.update(5) { $0.incarnation += 1 }
    #expect(left.fingerprint != right.fingerprint)
  }

  @Test("incarnations are compared around the end of their numbers")
  func wrap() {
    let entry = MemberTable.entry(1, incarnation: .max)
    #expect(entry.isOlder(than: 0))
    #expect(entry.isOlder(than: 1 << 30))
    #expect(!entry.isOlder(than: .max))
    #expect(!entry.isOlder(than: .max - 1))
    #expect(!MemberTable.entry(1, incarnation: 0).isOlder(than: .max))
  }

  @Test("a random member lives and is none of those excepted")
  func random() {
    var table = MemberTable(64)
    for number in 1...30 {
      _ = table.place(
        MemberTable.entry(number, number % 3 == 0 ? .failed : number % 3 == 1 ? .suspect : .alive))
    }
    var generator = Generator(seed: 4)
    var except = PlaceSet()
    for number in [2, 5, 8] { except.insert(number) }
    var met: Set<Int> = []
    for _ in 0..<1_000 {
      let place = table.random(using: &generator, alive: true, except: except)
      met.insert(place ?? 0)
    }
    #expect(met == Set([11, 14, 17, 20, 23, 26, 29]))
    let empty = MemberTable(4)
    let nobody = empty.random(using: &generator)
    #expect(nobody == nil)
  }

  @Test("names and tags keep to their places and their limits")
  func data() {
    var table = MemberTable(4)
    for number in 1...3 {
      _ = table.place(MemberTable.entry(number))
      [UInt8](repeating: UInt8(64 + number), count: GrapevineCore.Member.nameLimit + 9).withUnsafeBytes {
        name in
        [UInt8](repeating: UInt8(96 + number), count: GrapevineCore.Member.tagLimit + 9).withUnsafeBytes {
          tags in
          table.setData(number, name: name, tags: tags)
        }
      }
    }
    for number in 1...3 {
      let (name, tags) = (Array(table.name(number)), Array(table.tags(number)))
      #expect(name == [UInt8](repeating: UInt8(64 + number), count: GrapevineCore.Member.nameLimit))
      #expect(tags == [UInt8](repeating: UInt8(96 + number), count: GrapevineCore.Member.tagLimit))
    }
  }

  @Test("a table behaves as a dictionary of the same limits does", arguments: 1...4 as ClosedRange<UInt64>)
  func model(seed: UInt64) {
    var generator = Generator(seed: seed)
    var table = MemberTable(33, seed: seed)
    var model: [UInt64: MemberEntry] = [:]
    for step in 1...4_000 {
      let number = 1 + generator.below(80)
      let status = MemberStatus.allCases[generator.below(4)]
      if let place = table.find(UInt64(number)) {
        if generator.chance(0.2) {
          table.remove(place)
          model[UInt64(number)] = nil
        } else {
          table.update(place) {
            ($0.status, $0.since) = (status.rawValue, Instant(nanoseconds: UInt64(step)))
          }
          model[UInt64(number)] = table[place]
        }
      } else {
        let entry = MemberTable.entry(number, status, since: UInt64(step))
        let oldest = model.values.filter(\.isGone).min { $0.since < $1.since }
        let added = table.add(entry)
        if model.count < 32 {
          #expect(added != nil && added?.forgotten == nil)
        } else {
          #expect(added?.forgotten?.id == oldest?.id)
          if let oldest { model[oldest.id] = nil }
        }
        if added != nil { model[entry.id] = entry }
      }
      #expect(table.livingCount == model.values.filter(\.isLiving).count)
    }
    for number in 1...80 {
      let found = table.find(UInt64(number)).map { table[$0].status }
      #expect(found == model[UInt64(number)]?.status)
    }
  }
}

@Suite("Primitives: the index of places")
struct PlaceIndexTests {
  @Test(
    "an index finds what a dictionary does", arguments: [(1, 4), (2, 64), (3, 1 << 40)] as [(UInt64, UInt64)])
  func model(seed: UInt64, hashes: UInt64) {
    var generator = Generator(seed: seed)
    let capacity = 50
    let index = PlaceIndex(capacity: capacity)
    var keys = [UInt64](repeating: 0, count: capacity)
    var model: [UInt64: Int] = [:]
    // Few hashes, so that chains are long and wrap around.
    func hash(_ key: UInt64) -> UInt64 { (key &* 0x9e37_79b9_7f4a_7c15) % hashes &- 2 }
    for _ in 0..<3_000 {
      let key = 1 + UInt64(generator.below(90))
      if let place = model[key] {
        #expect(index.find(hash(key)) { keys[$0] == key } == place)
        guard generator.chance(0.6) else { continue }
        index.leave(place) { hash(keys[$0]) }
        (model[key], keys[place]) = (nil, 0)
      } else {
        #expect(index.find(hash(key)) { keys[$0] == key } == nil)
        guard let place = keys.firstIndex(of: 0) else { continue }
        keys[place] = key
        index.enter(place, hash(key))
        model[key] = place
      }
    }
    for (key, place) in model { #expect(index.find(hash(key)) { keys[$0] == key } == place) }
    index.removeAll()
    #expect(model.keys.allSatisfy { key in index.find(hash(key)) { keys[$0] == key } == nil })
  }
}
