import Testing

@testable import GrapevineCore

@Suite("HybridClock, versions and hashes")
struct TupleClockTests {
  private static let day: UInt64 = 86_400_000

  private static func instant(_ milliseconds: UInt64) -> Instant {
    Instant(nanoseconds: milliseconds * 1_000_000)
  }

  @Test("readings only go on, whatever the time of day does", arguments: [1, 2, 3])
  func monotone(seed: UInt64) {
    var clock = HybridClock(skew: .seconds(60))
    var generator = Generator(seed: seed)
    var now: UInt64 = 5
    var last = TupleClock(bits: 0)
    clock.set(milliseconds: Self.day, now: Self.instant(now))
    for _ in 0..<5_000 {
      now += UInt64(generator.below(3))
      switch generator.below(10) {
      case 0:
        let time = Self.day + UInt64(generator.below(200_000))
        clock.set(milliseconds: time, now: Self.instant(now))
        #expect(clock.milliseconds(Self.instant(now)) == time)
      case 1...3:
        let milliseconds = clock.milliseconds(Self.instant(now)) + UInt64(generator.below(80_000))
        let other = TupleClock(bits: milliseconds << 16 | UInt64(generator.below(65_536)))
        let isClose = milliseconds <= clock.milliseconds(Self.instant(now)) + 60_000
        #expect(clock.accepts(other, Self.instant(now)) == isClose)
        guard isClose else { continue }
        clock.observe(other)
        last = max(last, other)
      default:
        let reading = clock.reading(Self.instant(now))
        let next = clock.next(Self.instant(now))
        #expect(next > last && next >= reading)
        #expect(next.milliseconds >= clock.milliseconds(Self.instant(now)))
        last = next
      }
    }
  }

  @Test("more writes than a millisecond holds go on in the next one")
  func counterOverflow() {
    var clock = HybridClock(skew: .seconds(60))
    clock.set(milliseconds: Self.day, now: Instant())
    clock.observe(TupleClock(bits: Self.day << 16 | 0xffe))
    #expect(clock.next(Instant()) == TupleClock(bits: Self.day << 16 | 0xfff))
    #expect(clock.next(Instant()) == TupleClock(milliseconds: Self.day + 1))
    #expect(clock.next(Instant()) == TupleClock(bits: (Self.day + 1) << 16 | 1))
    // What others count further is not gone below.
    clock.observe(TupleClock(bits: (Self.day + 1) << 16 | 0xffff))
    #expect(clock.next(Instant()) == TupleClock(milliseconds: Self.day + 2))
    // Time that went on has a new count.
    #expect(clock.next(Self.instant(5)) == TupleClock(milliseconds: Self.day + 5))
  }

  @Test("no reading is given twice, however often the clock is set back", arguments: [1, 2, 3])
  func unique(seed: UInt64) {
    var clock = HybridClock(skew: .seconds(2))
    var generator = Generator(seed: seed)
    var given: Set<UInt64> = []
    clock.set(milliseconds: Self.day, now: Instant())
    for _ in 0..<15 {
      clock.set(milliseconds: Self.day + 10_000, now: Instant())
      for _ in 0..<100 { #expect(given.insert(clock.next(Instant()).bits).inserted) }
      clock.set(milliseconds: Self.day, now: Instant())
      #expect(clock.wasSetBack)
      clock.restart(Instant())
      for _ in 0..<100 {
        clock.observe(TupleClock(bits: Self.day << 16 | UInt64(generator.below(1 << 16))))
        #expect(given.insert(clock.next(Instant()).bits).inserted)
      }
    }
  }

  @Test(
    "the instant of a time of day is the first at which it is that", arguments: [0, 1, 999_999, 7_777_777])
  func instantOf(nanoseconds: UInt64) {
    var clock = HybridClock(skew: .seconds(60))
    clock.set(milliseconds: Self.day, now: Self.instant(1_000) + nanoseconds)
    for ahead in [1, 2, 1_000, 86_400_000] as [UInt64] {
      let time = clock.milliseconds(Self.instant(1_000)) + ahead
      let instant = clock.instant(of: time)
      #expect(clock.milliseconds(instant) == time)
      #expect(clock.milliseconds(Instant(nanoseconds: instant.nanoseconds - 1)) == time - 1)
    }
    #expect(clock.instant(of: 0) == Instant())
    #expect(clock.instant(of: .max) > Self.instant(Self.day))
  }

  @Test("times of day at both ends of what can be told are no trouble")
  func ends() {
    var clock = HybridClock(skew: .seconds(1_000_000_000))
    for time in [0, 1, TupleClock.lastMillisecond, .max] as [UInt64] {
      for now in [Instant(), Instant(nanoseconds: .max - 1)] {
        clock.set(milliseconds: time, now: now)
        #expect(clock.milliseconds(now) == min(time, TupleClock.lastMillisecond))
        _ = clock.milliseconds(Instant())
        _ = clock.instant(of: .max)
        _ = clock.instant(of: 0)
        _ = clock.accepts(TupleClock(bits: .max), now)
      }
    }
  }

  @Test("a version is read from what it was written as, and from nothing else")
  func text() {
    var generator = Generator(seed: 1)
    for _ in 0..<1_000 {
      let version = TupleVersion(
        clock: TupleClock(bits: generator.next() >> UInt64(generator.below(64))),
        writer: MemberID(generator.next() >> UInt64(generator.below(64))))
      #expect(TupleVersion(version.description) == version)
    }
    let clock = TupleClock(bits: 1_764_547_200_000 << 16 | 3)
    let version = TupleVersion(clock: clock, writer: MemberID(0x00c0_ffee_00c0_ffee))
    #expect(version.description == "1764547200000.3@00c0ffee00c0ffee")
    for text in [
      "", "@", ".@", "1.3@c0ffee", "1@00c0ffee00c0ffee", "1.65536@00c0ffee00c0ffee",
      "-1.3@00c0ffee00c0ffee", "+1.3@00c0ffee00c0ffee", "1.+3@00c0ffee00c0ffee", "01.3@00c0ffee00c0ffee",
      "1.3@+0c0ffee00c0ffee", "1.3@00c0ffee00c0ffee ", "1.3@00c0ffee00c0ffee@", "1.3.3@00c0ffee00c0ffee",
      "281474976710656.0@00c0ffee00c0ffee", "1.3@0000000000000000", "1.3@00c0ffee00c0ffeg",
    ] {
      #expect(TupleVersion(text) == nil, "\(text)")
    }
  }

  /// Computed by another implementation, which agrees with the authors' vectors.
  @Test(
    "SipHash of bytes is what others compute",
    arguments: [
      (0, 0x39d3_851c_a076_81a7), (1, 0x3322_bdf1_c953_f80c), (7, 0xc62d_555f_df1b_8e6b),
      (8, 0xbaf8_3780_1c8a_f9c9), (9, 0x6f40_278b_cdc4_fea4), (15, 0x8552_012b_82e0_870d),
      (16, 0x9e37_af97_f786_61e8), (255, 0xee4f_ac35_a835_13ac), (256, 0xced1_d171_da35_5d11),
      (300, 0x573f_d788_30e9_cc79),
    ] as [(Int, UInt64)])
  func sipHash(count: Int, expected: UInt64) {
    let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 7) }
    var hash = SipHash(key: SecretKey(first: 0x0706_0504_0302_0100, second: 0x0f0e_0d0c_0b0a_0908))
    bytes.withUnsafeBytes { hash.add($0) }
    #expect(hash.finish() == expected)
  }

  /// Computed by another implementation, from what `Docs/wire.md` says.
  @Test("the hash of a version is what others compute")
  func versionHash() {
    let clock: UInt64 = 1_764_547_200_000 << 16 | 3
    var tuple = ModelTuple(Array("service/web".utf8), Array("10.0.0.4:80".utf8), clock: clock)
    tuple.writer = 0x1111_1111_1111_1111
    #expect(tuple.hash == 0xa8ea_0d53_e902_82dc)
    // What is said to nobody is no part of it.
    tuple.traits = [.renewed, .hidden]
    #expect(tuple.hash == 0xa8ea_0d53_e902_82dc)
    (tuple.traits, tuple.expiresAt) = (.timed, 1_764_547_230_000)
    #expect(tuple.hash == 0x8741_ba9a_3a80_c023)
    (tuple.traits, tuple.expiresAt) = (.ephemeral, 0)
    #expect(tuple.hash == 0xb1fa_133b_6342_9183)
    (tuple.traits, tuple.value, tuple.writer) = (.tombstone, [], 0x3333_3333_3333_3333)
    #expect(tuple.hash == 0x462c_9f2e_ae5a_9a49)
  }

  @Test("every field of a version is part of its hash")
  func hashFields() {
    let base = ModelTuple([1, 2], [3], clock: 5)
    var others = [
      ModelTuple([1, 2, 3], [], clock: 5), ModelTuple([1], [2, 3], clock: 5),
      ModelTuple([1, 2], [4], clock: 5),
      ModelTuple([1, 2], [3], clock: 6), ModelTuple([1, 2], [3, 0], clock: 5),
    ]
    for traits in [.tombstone, .timed, .ephemeral] as [TupleTraits] {
      var other = base
      other.traits = traits
      others.append(other)
    }
    var writer = base
    writer.writer = 10
    others.append(writer)
    #expect(Set(([base] + others).map(\.hash)).count == others.count + 1)
  }
}

@Suite("TupleWriters")
struct TupleWritersTests {
  @Test("writers that are gone are waited for once each, and more than are waited for get their turn")
  func overdue() {
    var writers = TupleWriters(capacity: 8, seed: 1)
    expect(writers.isListed && !writers.isLiving(5, own: 4) && writers.isLiving(4, own: 4))
    for run in 1...300 as ClosedRange<UInt64> {
      writers.noteGone(run, now: Instant(nanoseconds: run))
      writers.noteGone(run, now: Instant(nanoseconds: 1_000))
    }
    expect(writers.goneCount == 256 && writers.deadline(10) == Instant(nanoseconds: 11))
    let none = writers.takeOverdue(10, now: Instant(nanoseconds: 10))
    expect(none == nil && !writers.isDirty)
    let first = writers.takeOverdue(10, now: Instant(nanoseconds: 11))
    expect(first == 1 && writers.goneCount == 255)
    // There is a place for those that found none: they are looked for.
    expect(writers.isDirty)
    writers.isDirty = false
    var taken: Set<UInt64> = []
    while let run = writers.takeOverdue(10, now: Instant(nanoseconds: 1_000)) { taken.insert(run) }
    expect(taken == Set(2...256) && !writers.isDirty && writers.deadline(10) == .never)
  }

  @Test("who keeps no list of members takes every writer for living")
  func unlisted() {
    let writers = TupleWriters(capacity: 0, seed: 1)
    expect(!writers.isListed && writers.isLiving(1, own: 2))
  }

  @Test("a mark of one that takes another's place is that one's alone, and an older one does not count")
  func marks() {
    var marks = TupleMarks(capacity: 2)
    let old = TupleMark(through: TupleClock(bits: 5), sum: 1)
    let new = TupleMark(through: TupleClock(bits: 9), sum: 2)
    marks.note(new, of: 1)
    marks.note(old, of: 1)
    expect(marks.has(new, of: 1) && !marks.has(old, of: 1))
    marks.note(new, of: 2)
    // No place is left: the third has that of the first, and said something else.
    marks.note(old, of: 3)
    expect(marks.has(old, of: 3) && !marks.has(new, of: 3) && !marks.has(new, of: 1))
    expect(marks.last(of: 3)?.sum == 1 && marks.last(of: 1) == nil && marks.last(of: 0) == nil)
  }
}
