import Testing

@testable import GrapevineCore

@Suite("Members: the order of probes")
struct ProbeOrderTests {
  private final class Round {
    var table: MemberTable
    var order: ProbeOrder
    var generator: Generator

    init(_ count: Int, seed: UInt64) {
      table = MemberTable(64, seed: seed)
      order = ProbeOrder(capacity: 64)
      generator = Generator(seed: seed)
      for number in 1...count { add(number) }
    }

    func add(_ number: Int) {
      guard let place = table.place(MemberTable.entry(number)) else { return }
      guard !table[place].isOrdered else { return }
      table.note(place) { $0.isOrdered = true }
      order.add(place, using: &generator)
    }

    func take() -> Int? {
      let place = order.take(from: table, using: &generator)
      return place.map { Int(table[$0].id) }
    }
  }

  @Test("each is probed once a round, in an order of its own", arguments: 1...5 as ClosedRange<UInt64>)
  func rounds(seed: UInt64) {
    let round = Round(20, seed: seed)
    var orders: [[Int]] = []
    for _ in 0..<5 { orders.append((0..<20).compactMap { _ in round.take() }) }
    #expect(orders.allSatisfy { Set($0) == Set(1...20) })
    #expect(Set(orders).count == 5)
  }

  @Test("nobody waits longer than two rounds but one", arguments: 1...5 as ClosedRange<UInt64>)
  func bound(seed: UInt64) {
    let round = Round(12, seed: seed)
    var last: [Int: Int] = [:]
    for step in 0..<1_200 {
      guard let number = round.take() else { return }
      if let before = last[number] { #expect(step - before <= 2 * 12 - 1) }
      last[number] = step
    }
    #expect(last.count == 12)
  }

  @Test("newcomers are probed within two rounds, and who is gone no more")
  func churn() {
    let round = Round(10, seed: 7)
    for _ in 0..<5 { _ = round.take() }
    round.add(11)
    #expect((0..<21).contains { _ in round.take() == 11 })
    round.table.update(3) { $0.status = MemberStatus.failed.rawValue }
    round.table.update(4) { $0.status = MemberStatus.suspect.rawValue }
    let met = (0..<40).compactMap { _ in round.take() }
    #expect(!met.contains(3))
    #expect(met.contains(4))
    for place in 1...11 { round.table.update(place) { $0.status = MemberStatus.left.rawValue } }
    #expect(round.take() == nil)
    #expect((1...11).allSatisfy { !round.table[$0].isOrdered })
  }

  @Test("whoever is hastened is next, once")
  func hasten() {
    let round = Round(10, seed: 9)
    let first = round.take()
    let other = first == 1 ? 2 : 1
    round.order.hasten(round.table.find(UInt64(other)) ?? 0)
    #expect(round.take() == other)
    let rest = (0..<8).compactMap { _ in round.take() }
    #expect(Set(rest + [other, first ?? 0]) == Set(1...10))
  }
}

@Suite("Members: times")
struct SuspicionTests {
  private func seconds(_ members: Int, _ confirmations: Int, period: Nanoseconds = 1_000_000_000) -> Double {
    let time = Suspicion.timeout(
      period: period, factor: 4, maximum: 6, members: members, confirmations: confirmations)
    return Double(time) / 1e9
  }

  @Test("a suspicion lasts as long as Lifeguard says")
  func lifeguard() {
    // 4 log10(128) periods, and six times that.
    #expect(abs(seconds(128, 3) - 8.43) < 0.01)
    #expect(abs(seconds(128, 0) - 50.57) < 0.06)
    // Max - (Max - Min) log(C+1)/log(4): a half, and 0.79.
    #expect(abs(seconds(128, 1) - (50.57 - 42.14 * 0.5)) < 0.06)
    #expect(abs(seconds(128, 2) - (50.57 - 42.14 * 0.7925)) < 0.06)
    #expect(seconds(128, 4) == seconds(128, 3))
  }

  @Test("with few members nobody is waited for who is not there")
  func few() {
    #expect(seconds(1, 0) == 4)
    #expect(seconds(2, 0) == seconds(2, 3))
    // One other who can agree.
    #expect(seconds(3, 0) > seconds(3, 1))
    #expect(seconds(3, 1) == seconds(3, 3))
    #expect(seconds(4, 1) > seconds(4, 2))
    #expect(seconds(4, 2) == seconds(4, 3))
    #expect(seconds(5, 2) > seconds(5, 3))
    #expect(seconds(0, 0) == 4)
  }

  @Test("the logarithm is close, and news are told λ log10(n+1) times")
  func logarithm() {
    for (count, expected) in [(1, 0), (2, 301), (10, 1_000), (100, 2_000), (1_000, 3_000), (1 << 20, 6_020)] {
      #expect(abs(Int(Suspicion.logarithm(count)) - expected) <= 27, "of \(count)")
    }
    #expect(Suspicion.transmissions(4, members: 1) == 4)
    #expect(Suspicion.transmissions(4, members: 8) == 4)
    #expect(Suspicion.transmissions(4, members: 20) == 8)
    #expect(Suspicion.transmissions(4, members: 128) == 12)
    #expect(Suspicion.transmissions(16, members: 1 << 62) <= NewsQueue.countLimit)
  }

  @Test("the time that 99 of 100 answers take is known from 16 on, to a quarter")
  func roundTrips() throws {
    var trips = RoundTrips()
    for _ in 0..<15 { trips.add(1_000_000) }
    #expect(trips.late == nil)
    trips.add(1_000_000)
    let late = try #require(trips.late)
    #expect((1_000_000...1_250_000).contains(late))
    for _ in 0..<200 { trips.add(1_000_000) }
    trips.add(400_000_000)
    #expect(trips.late == late)
    for _ in 0..<20 { trips.add(400_000_000) }
    #expect((400_000_000...500_000_000).contains(try #require(trips.late)))
    // What was long ago counts for little.
    for _ in 0..<5_000 { trips.add(2_000_000) }
    #expect((2_000_000...2_500_000).contains(try #require(trips.late)))
  }

  @Test("no time is too short or too long")
  func extremes() {
    var trips = RoundTrips()
    for _ in 0..<100_000 { trips.add(.max) }
    #expect(trips.late != nil)
    for _ in 0..<100_000 { trips.add(0) }
    #expect((1...100_000).contains(trips.late ?? 0))
  }
}

@Suite("Members: doubting oneself")
struct SelfDoubtTests {
  private let second: Nanoseconds = 1_000_000_000
  private var doubt: SelfDoubt { SelfDoubt(timeout: 500_000_000, period: 1_000_000_000) }

  @Test("the multiplier stays from 0 to 8")
  func multiplier() {
    var doubt = doubt
    doubt.change(by: -1)
    #expect(doubt.multiplier == 0)
    for _ in 0..<20 { doubt.change(by: 1) }
    #expect(doubt.multiplier == 8)
    doubt.change(by: -3)
    #expect(doubt.multiplier == 5)
    doubt.reset(now: Instant())
    #expect(doubt.multiplier == 0)
  }

  @Test("a timer that is late says that the node was stopped")
  func stopped() {
    var doubt = doubt
    let due = Instant(nanoseconds: 10 * second)
    doubt.expect(due)
    let inTime = doubt.stoppedFor(now: due + 125_000_000)
    #expect(inTime == 0)
    doubt.expect(due)
    let late = doubt.stoppedFor(now: due + 2 * second)
    #expect(late == 2 * second)
    let after = doubt.stoppedFor(now: due + 9 * second)
    #expect(after == 0)
    doubt.expect(.never)
    let never = doubt.stoppedFor(now: due + 9 * second)
    #expect(never == 0)
  }

  @Test("who hears nobody is deaf, among enough others, and not for ever")
  func deaf() {
    var doubt = doubt
    let start = Instant(nanoseconds: 10 * second)
    doubt.didHear(now: start)
    func listen(_ others: Int, _ after: Nanoseconds) -> (hearsAgain: Bool, isDeaf: Bool) {
      let hearsAgain = doubt.listen(others: others, now: start + after)
      return (hearsAgain, doubt.isDeaf)
    }
    #expect(listen(3, 1_500_000_000) == (false, false))
    #expect(listen(2, 2 * second) == (false, false))
    #expect(listen(3, 2 * second) == (false, true))
    #expect(listen(3, 59 * second) == (false, true))
    #expect(listen(3, 61 * second) == (false, false))
    #expect(listen(3, 3 * second) == (false, true))
    doubt.didHear(now: start + 4 * second)
    #expect(listen(3, 4 * second) == (true, false))
    #expect(listen(3, 4 * second) == (false, false))
  }
}

@Suite("Members: questions under way")
struct CallTableTests {
  private func call(_ number: UInt32, run: UInt64 = 7, deadline: UInt64 = 100) -> Call {
    var call = Call()
    call.reason = .again
    call.number = number
    call.run = run
    call.deadline = Instant(nanoseconds: deadline)
    return call
  }

  @Test("only whoever was asked can answer, and once")
  func take() {
    var calls = CallTable(capacity: 4)
    _ = calls.add(call(5))
    let other = calls.take(5, run: 8)
    let wrong = calls.take(6, run: 7)
    let right = calls.take(5, run: 7)
    let again = calls.take(5, run: 7)
    let nobody = calls.take(0, run: 0)
    #expect(other == nil && wrong == nil && again == nil && nobody == nil)
    #expect(right?.number == 5)
  }

  @Test("a full table takes no more until one is over")
  func full() {
    var calls = CallTable(capacity: 3)
    for number in 1...3 {
      let isAdded = calls.add(call(UInt32(number), deadline: UInt64(number) * 10))
      #expect(isAdded)
    }
    let refused = calls.add(call(4))
    #expect(!refused)
    #expect(calls.due == Instant(nanoseconds: 10))
    var over: [UInt32] = []
    while let call = calls.takeOverdue(now: Instant(nanoseconds: 25)) { over.append(call.number) }
    #expect(over == [1, 2])
    #expect(calls.due == Instant(nanoseconds: 30))
    let isAdded = calls.add(call(4))
    #expect(isAdded)
    calls.removeAll()
    #expect(calls.due == .never)
    let none = calls.takeOverdue(now: .never)
    #expect(none == nil)
  }
}
