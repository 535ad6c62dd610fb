import Testing

@testable import GrapevineCore

@Suite("Stream table: found by origin and level, against a dictionary")
struct StreamTableTests {
  private struct Key: Hashable {
    var origin: UInt64
    var level: DeliveryLevel
  }

  private func add(
    _ origin: UInt64, _ level: DeliveryLevel, now: Instant, to table: inout StreamTable
  ) throws -> Int {
    let place = table.add(origin, level, now: now)
    return try #require(place)
  }

  @Test("adding, finding and removing agree with the model", arguments: [2, 8, 31, 64], [0, 7] as [UInt64])
  func model(capacity: Int, seed: UInt64) {
    var generator = Generator(seed: seed + UInt64(capacity))
    var table = StreamTable(capacity: capacity, seed: seed)
    var model: [Key: Int] = [:]
    var full = 0
    for step in 0..<20_000 {
      // Few origins, so that hits, misses and collisions are all frequent.
      let key = Key(
        origin: 1 + UInt64(generator.below(capacity * 2)),
        level: generator.chance(0.5) ? .reliable : .bestEffort)
      let found = table.find(key.origin, key.level)
      guard found == model[key] else {
        Issue.record("step \(step): \(key) is at \(String(describing: found))")
        return
      }
      if let found {
        guard generator.chance(0.6) else { continue }
        table.remove(found)
        model[key] = nil
      } else if let place = table.add(key.origin, key.level, now: Instant()) {
        #expect(!model.values.contains(place))
        model[key] = place
      } else {
        full += 1
        #expect(model.count == capacity)
      }
      let count = table.count
      #expect(count == model.count)
    }
    #expect(full > 0)
    for (key, place) in model.sorted(by: { $0.value < $1.value }) {
      let found = table.find(key.origin, key.level)
      #expect(found == place)
    }
  }

  @Test("nobody is found under the mark of a free place")
  func freePlaces() throws {
    var table = StreamTable(capacity: 8, seed: 1)
    let place = try add(5, .reliable, now: Instant(), to: &table)
    table.remove(place)
    let found = table.find(5, .reliable)
    #expect(found == nil)
  }

  @Test("what may be forgotten is idle, out of the log, complete, and not our own")
  func forgettable() throws {
    let now = Instant(nanoseconds: 200_000_000_000)
    let long = Instant(nanoseconds: 1)
    var table = StreamTable(capacity: 8, seed: 1)
    let own = try add(1, .reliable, now: long, to: &table)
    let recent = try add(2, .reliable, now: now, to: &table)
    let logged = try add(3, .reliable, now: long, to: &table)
    let incomplete = try add(4, .reliable, now: long, to: &table)
    table[logged].logged = 1
    table[incomplete].isIncomplete = true
    let nothing = table.forgettable(now: now, own: 1)
    #expect(nothing == nil)
    let later = try add(5, .reliable, now: Instant(nanoseconds: 3), to: &table)
    let earlier = try add(6, .bestEffort, now: Instant(nanoseconds: 2), to: &table)
    let first = table.forgettable(now: now, own: 1)
    #expect(first == earlier)
    table.remove(earlier)
    let second = table.forgettable(now: now, own: 1)
    #expect(second == later)
    #expect(Set([own, recent, logged, incomplete, later, earlier]).count == 6)
  }
}

@Suite("Streams: what is forgotten is not delivered again")
struct ForgottenStreamTests {
  @Test("a stream that comes back after it was forgotten goes on from its floor")
  func floor() throws {
    var table = StreamTable(capacity: 8, seed: 1)
    let added = table.add(5, .reliable, now: Instant())
    let place = try #require(added)
    table[place].floor = 17
    table.remove(place)
    let found = table.find(5, .reliable)
    #expect(found == nil)
    let addedAgain = table.add(5, .reliable, now: Instant())
    let again = try #require(addedAgain)
    let againfloor = table[again].floor
    #expect(againfloor == 17)
    let againevictedHigh = table[again].evictedHigh
    #expect(againevictedHigh == 17)
    let addedOther = table.add(5, .bestEffort, now: Instant())
    let other = try #require(addedOther)
    let otherfloor = table[other].floor
    #expect(otherfloor == 0)
  }

  @Test("of a best-effort stream that comes back, nothing up to its highest number is new")
  func bestEffort() {
    let windows = SequenceWindows(streams: 1, width: 64)
    var stream = Stream()
    stream.level = .bestEffort
    stream.floor = 100
    windows.fill(0)
    for sequence in UInt64(1)...100 {
      let verdict = windows.judge(sequence, in: stream, at: 0)
      #expect(verdict == .duplicate)
    }
    let verdict = windows.judge(101, in: stream, at: 0)
    #expect(verdict == .new)
  }
}
