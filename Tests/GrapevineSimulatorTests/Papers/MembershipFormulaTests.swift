import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("What theory says of failure detectors")
struct MembershipFormulaTests {
  private typealias Formulas = MembershipFormulas

  private func isClose(_ one: Double, _ other: Double, within share: Double = 1e-3) -> Bool {
    abs(one - other) <= share * abs(other)
  }

  @Test("first detection by chance is the paper's 1.582 periods in the limit, and less among few members")
  func chance() {
    #expect(isClose(Formulas.limitOfFirstDetection, 1.581977, within: 1e-6))
    for (members, periods) in [(10, 1.530), (100, 1.577), (1_000, 1.582), (10_000, 1.582)] {
      let expected = Formulas.firstDetectionByChance(members: members, observers: members - 1)
      #expect(isClose(expected, periods), "\(members): \(expected)")
    }
    // With a share q of the observers: 1 / (1 - e^-q).
    let half = Formulas.firstDetectionByChance(members: 10_000, observers: 5_000)
    #expect(isClose(half, 1 / (1 - 0.6065306)))
    #expect(Formulas.firstDetectionByChance(members: 2, observers: 1) == 1)
  }

  @Test("first detection in rounds: by hand for three members, the same as by chance for very many")
  func rounds() {
    // Two others each; both observers begin their round, or both have probed one of two: 1 + (1/2)^2, and
    // 1 + (1/2)^2 + (1/4)^2 for who is halfway: missed now with 1/2, then again with 1/2.
    let alike = Formulas.firstDetectionInRounds(members: 3, observers: 2, phase: .alike)
    #expect(isClose(alike, (1.25 + 1.3125) / 2, within: 1e-12))
    let independent = Formulas.firstDetectionInRounds(members: 3, observers: 2, phase: .independent)
    #expect(isClose(independent, 1 + 0.25 + 0.125 * 0.125, within: 1e-12))
    let many = Formulas.firstDetectionInRounds(members: 10_000, observers: 9_999, phase: .alike)
    #expect(isClose(many, Formulas.limitOfFirstDetection))
    for members in [10, 100, 1_000] {
      let chance = Formulas.firstDetectionByChance(members: members, observers: members - 1)
      for phase in [Formulas.RoundPhase.alike, .independent] {
        let own = Formulas.firstDetectionInRounds(members: members, observers: members - 1, phase: phase)
        #expect(own < chance && own > 1)
      }
    }
    #expect(Formulas.firstDetectionInRounds(members: 5, observers: 0, phase: .alike) == .infinity)
    #expect(Formulas.firstDetectionInRounds(members: 2, observers: 1, phase: .alike) == 1)
  }

  @Test("whoever probes in rounds waits no longer than two of them less one period")
  func bound() {
    for place in 0..<9 {
      #expect(Formulas.survival(0, place: place, of: 9) == 1)
      #expect(Formulas.survival(17, place: place, of: 9) <= 1e-15)
    }
    #expect(isClose(Formulas.survival(16, place: 1, of: 9), 1.0 / 81, within: 1e-12))
  }

  /// The periods until one of the observers probes the victim, of whom each goes through rounds of its own.
  private func drawn(
    _ length: Int, observers: Int, phase: MembershipFormulas.RoundPhase, _ generator: inout Generator
  ) -> Int {
    let common = generator.below(length)
    var first = Int.max
    for _ in 0..<observers {
      let place = phase == .alike ? common : generator.below(length)
      // The victim's place in this round, and in the next one.
      let (now, next) = (generator.below(length), generator.below(length))
      first = min(first, now >= place ? now - place + 1 : length - place + next + 1)
    }
    return first
  }

  @Test(
    "first detection in rounds is what drawing rounds gives",
    arguments: [3, 10, 50], [MembershipFormulas.RoundPhase.alike, .independent])
  func monteCarlo(members: Int, phase: MembershipFormulas.RoundPhase) {
    var generator = Generator(seed: 7)
    let runs = 2_000_000 / (members * members)
    var (sum, squares) = (0.0, 0.0)
    for _ in 0..<min(runs, 40_000) {
      let periods = Double(drawn(members - 1, observers: members - 1, phase: phase, &generator))
      sum += periods
      squares += periods * periods
    }
    let count = Double(min(runs, 40_000))
    let mean = sum / count
    let error = ((squares / count - mean * mean) / count).squareRoot()
    let expected = Formulas.firstDetectionInRounds(members: members, observers: members - 1, phase: phase)
    #expect(abs(mean - expected) < 4 * error, "\(mean) ± \(error), not \(expected)")
    #expect(error < 0.04)
  }

  @Test("false positives: 0.001 at 5 % loss and three helpers, none without loss")
  func falsePositives() {
    let five = Formulas.falsePositive(alive: 1, delivery: 0.95, helpers: 3)
    #expect(isClose(five, 9.85e-4, within: 2e-3), "\(five)")
    #expect(Formulas.falsePositive(alive: 1, delivery: 1, helpers: 3) == 0)
    // Without helpers a round trip that fails is enough.
    let alone = Formulas.falsePositive(alive: 1, delivery: 0.9, helpers: 0)
    #expect(isClose(alone, 0.19 * Formulas.limitOfFirstDetection, within: 1e-9))
    #expect(five < Formulas.falsePositive(alive: 1, delivery: 0.95, helpers: 1))
  }

  @Test("a suspect's time falls from the greatest to the least by the logarithm of confirmations")
  func suspicion() {
    func time(_ confirmations: Int) -> Double {
      Formulas.suspicion(least: 8, greatest: 48, confirmations: confirmations, wanted: 3)
    }
    #expect(time(0) == 48 && isClose(time(1), 28, within: 1e-12) && isClose(time(3), 8, within: 1e-12))
    #expect(time(9) == 8 && time(-5) == 48)
    #expect(Formulas.suspicion(least: 8, greatest: 48, confirmations: 0, wanted: 0) == 8)
    // The figures for 128 and 10,000 members: 8.4 s and 16 s.
    #expect(isClose(Formulas.leastSuspicion(members: 128, factor: 4), 8.4288, within: 1e-4))
    #expect(isClose(Formulas.leastSuspicion(members: 10_000, factor: 4), 16, within: 1e-9))
    #expect(Formulas.leastSuspicion(members: 3, factor: 4) == 4)
  }

  @Test("the least load grows with members and certainty")
  func load() {
    // Finding crashes within a second with one mistake in 10^6, 10 % loss: six messages each.
    #expect(
      isClose(Formulas.leastLoad(members: 100, mistakes: 1e-6, loss: 0.1, seconds: 1), 600, within: 1e-9))
    #expect(Formulas.leastLoad(members: 100, mistakes: 0, loss: 0.1, seconds: 1).isNaN)
  }

  @Test("powers of whole numbers") func powers() {
    #expect(Formulas.power(3, 0) == 1 && Formulas.power(3, 5) == 243 && Formulas.power(0.5, 10) == 1 / 1024)
  }
}
