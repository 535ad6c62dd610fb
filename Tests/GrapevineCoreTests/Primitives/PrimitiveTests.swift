import Testing

@testable import GrapevineCore

@Suite("Primitives: time, chance, addresses")
struct PrimitiveTests {
  @Test(
    "adding to an instant stops at never",
    arguments: [
      (0, 0, 0), (5, 7, 12), (UInt64.max - 1, 1, .max), (.max - 1, 2, .max), (.max, 1, .max), (1, .max, .max),
    ] as [(UInt64, UInt64, UInt64)])
  func addition(start: UInt64, duration: UInt64, sum: UInt64) {
    #expect(Instant(nanoseconds: start) + duration == Instant(nanoseconds: sum))
  }

  @Test("the time since a later instant is zero")
  func since() {
    let early = Instant(nanoseconds: 3)
    let late = Instant(nanoseconds: 10)
    #expect(late.since(early) == 7)
    #expect(early.since(late) == 0)
    #expect(early.since(early) == 0)
    #expect(Instant.never.since(early) == UInt64.max - 3)
  }

  @Test(
    "durations become nanoseconds, and stay in range",
    arguments: [
      (.zero, 0), (.nanoseconds(1), 1), (.seconds(-1), 0), (.nanoseconds(-1), 0),
      (.milliseconds(1_500), 1_500_000_000),
      (.seconds(18_446_744_073), 18_446_744_073_000_000_000), (.seconds(18_446_744_074), .max),
      (.seconds(Int64.max), .max),
    ] as [(Duration, UInt64)])
  func durations(duration: Duration, nanoseconds: UInt64) {
    #expect(duration.asNanoseconds == nanoseconds)
  }

  @Test("the generator is SplitMix64")
  func splitMix() {
    var generator = Generator(seed: 1_234_567)
    let drawn = (0..<5).map { _ in generator.next() }
    #expect(
      drawn == [
        6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423,
        4_593_380_528_125_082_431, 16_408_922_859_458_223_821,
      ])
  }

  @Test("a bounded draw reaches every value below the bound and no other", arguments: [1, 2, 3, 7, 64, 100])
  func below(bound: Int) {
    var generator = Generator(seed: 5)
    var seen: Set<Int> = []
    for _ in 0..<bound * 40 { seen.insert(generator.below(bound)) }
    #expect(seen == Set(0..<bound))
  }

  @Test("a bound without room gives zero", arguments: [0, -1, Int.min])
  func emptyBound(bound: Int) {
    var generator = Generator(seed: 5)
    #expect(generator.below(bound) == 0)
  }

  @Test("the largest bound is obeyed")
  func largestBound() {
    var generator = Generator(seed: 5)
    for _ in 0..<1_000 { #expect((0..<Int.max).contains(generator.below(.max))) }
  }

  @Test("chance is certain at its ends and fair between")
  func chance() {
    var generator = Generator(seed: 11)
    var hits = 0
    for _ in 0..<10_000 {
      let certain = generator.chance(1)
      let impossible = generator.chance(0)
      #expect(certain && !impossible)
      if generator.chance(0.3) { hits += 1 }
    }
    #expect((2_800...3_200).contains(hits))
  }

  @Test("identities are never zero, ordered, and print sixteen digits")
  func identities() {
    #expect(MemberID(0) == MemberID(1))
    #expect(MemberID(2) < MemberID(.max))
    #expect(MemberID(0xab).description == "00000000000000ab")
    #expect(MemberID(.max).description == "ffffffffffffffff")
  }

  @Test(
    "usable endpoints are those that a datagram can be addressed to",
    arguments: [
      (Endpoint(ipv4: 0x7f00_0001, port: 1), true), (Endpoint(ipv4: 0x7f00_0001, port: 0), false),
      (Endpoint(ipv4: 0, port: 1), false), (Endpoint(ipv4: 0xdfff_ffff, port: 1), true),
      (Endpoint(ipv4: 0xe000_0000, port: 1), false), (Endpoint(ipv4: 0xefff_ffff, port: 1), false),
      (Endpoint(ipv4: 0xf000_0000, port: 1), true), (Endpoint(ipv4: .max, port: 1), false),
      (Endpoint(high: 0, low: 0, port: 1), false), (Endpoint(high: 0, low: 1, port: 1), true),
      (Endpoint(high: 0xff02 << 48, low: 1, port: 1), false),
      (Endpoint(high: 0xfe80 << 48, low: 1, port: 1), true),
    ])
  func usable(endpoint: Endpoint, expected: Bool) {
    #expect(endpoint.isUsable == expected)
  }

  @Test("an IPv4 address is its mapped form")
  func mapped() {
    let endpoint = Endpoint(ipv4: 0x0102_0304, port: 5)
    #expect(endpoint == Endpoint(high: 0, low: 0xffff_0102_0304, port: 5))
    #expect(endpoint.ipv4 == 0x0102_0304)
    #expect(Endpoint(high: 1, low: 0xffff_0102_0304, port: 5).ipv4 == nil)
    #expect(Endpoint(high: 0, low: 0xfffe_0102_0304, port: 5).ipv4 == nil)
  }
}

@Suite("Primitives: fixed tables")
struct FixedTableTests {
  @Test("a table begins as zeros, keeps what is written, and clears a range and no more")
  func lifecycle() {
    let table = FixedTable<UInt64>(count: 100)
    let before = (0..<100).map { table[$0] }
    #expect(before == [UInt64](repeating: 0, count: 100))
    for index in 0..<100 { table[index] = UInt64(index) + 1 }
    table.clear(10..<20)
    table.clear(50..<50)
    let after = (0..<100).map { table[$0] }
    #expect(after == (0..<100).map { (10..<20).contains($0) ? 0 : $0 + 1 })
  }

  @Test("reading outside of a table stops the program")
  func outside() async {
    await #expect(processExitsWith: .failure) { _ = FixedTable<UInt64>(count: 4)[4] }
    await #expect(processExitsWith: .failure) { _ = FixedTable<UInt64>(count: 4)[-1] }
  }
}
