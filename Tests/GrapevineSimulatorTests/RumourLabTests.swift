import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("The rumour lab: Demers' figures come out, and only by Demers' rules")
struct RumourLabTests {
  private static let runs = 12

  /// What table 1 has for k, and how far the mean of 12 runs may be from it: three deviations of that mean.
  struct Expected: Sendable {
    var k: Int
    var residue: ClosedRange<Double>
    var traffic: ClosedRange<Double>
    var last: ClosedRange<Double>
  }

  static let expected = [
    Expected(k: 1, residue: 0.159...0.191, traffic: 1.70...1.78, last: 15.7...17.9),
    Expected(k: 2, residue: 0.0313...0.0421, traffic: 3.26...3.34, last: 16.0...17.9),
    Expected(k: 3, residue: 0.0075...0.0139, traffic: 4.50...4.57, last: 16.3...18.3),
  ]

  private func batch(_ rules: RumourRules, sites: Int = 1_000, loss: Double = 0, runs: Int = runs)
    async throws
    -> PaperSample
  {
    let batch = RumourBatch(
      lab: RumourLab(sites: sites, rules: rules, loss: loss), runs: runs, curveCycles: 24)
    return try await aside { batch.sample(seed: 1) { _ in } }
  }

  @Test("table 1: push, feedback, counter", arguments: expected)
  func pushWithFeedback(expected: Expected) async throws {
    let sample = try await batch(RumourRules(.push, removal: .counter(expected.k)))
    #expect(expected.residue.contains(try #require(sample.values["residue"])))
    #expect(expected.traffic.contains(try #require(sample.values["traffic"])))
    #expect(expected.last.contains(try #require(sample.values["last"])))
  }

  @Test("a counter that is not reset leaves table 1", arguments: expected[1...])
  func withoutReset(expected: Expected) async throws {
    var rules = RumourRules(.push, removal: .counter(expected.k))
    rules.keepsCounting = true
    let sample = try await batch(rules)
    #expect(!expected.residue.contains(try #require(sample.values["residue"])))
    #expect(!expected.traffic.contains(try #require(sample.values["traffic"])))
  }

  @Test("a coin in the place of the counter leaves table 1", arguments: expected[1...])
  func coinInstead(expected: Expected) async throws {
    let sample = try await batch(RumourRules(.push, removal: .coin(expected.k)))
    #expect(!expected.residue.contains(try #require(sample.values["residue"])))
  }

  @Test("push misses e^-traffic, whatever ends it: feedback or blind, counter or coin")
  func law() async throws {
    for rules in [
      RumourRules(.push, removal: .coin(2)), RumourRules(.push, feedback: false, removal: .coin(2)),
      RumourRules(.push, feedback: false, removal: .counter(2)),
    ] {
      let law = try #require(try await batch(rules, runs: 5).values["law"])
      #expect(abs(law - 1) < 0.15, "\(rules)")
    }
  }

  @Test("pull with k = 1 misses about 3 in 100 for 2.7 copies")
  func pull() async throws {
    let sample = try await batch(RumourRules(.pull, removal: .counter(1)), runs: 10)
    #expect((0.022...0.041).contains(try #require(sample.values["residue"])))
    let traffic = try #require(sample.values["traffic"])
    #expect((2.65...2.75).contains(traffic))
    // Each question brings one rumour or none.
    let asked = try #require(sample.values["asked"])
    #expect(abs(asked - (try #require(sample.values["vain"])) - traffic) < 1e-9)
  }

  @Test("push, then pull: nearly one copy a site, and hardly one missed")
  func pushThenPull() async throws {
    let sample = try await batch(RumourRules(.pushThenPull, removal: .counter(3)), runs: 5)
    #expect((0.999...1.015).contains(try #require(sample.values["traffic"])))
    #expect(try #require(sample.values["residue"]) < 6e-4)
    #expect(try #require(sample.values["last"]) < 15)
    // What it costs instead is said too.
    #expect(try #require(sample.values["vain"]) > 10)
    let asked = try #require(sample.values["asked"])
    #expect(asked - (try #require(sample.values["vain"])) <= 1)
  }

  @Test("with 5 % loss a copy that is lost is given again")
  func loss() async throws {
    let sample = try await batch(RumourRules(.pushThenPull, removal: .counter(3)), loss: 0.05, runs: 5)
    #expect((1.03...1.15).contains(try #require(sample.values["traffic"])))
    #expect(try #require(sample.values["residue"]) < 2e-3)
  }

  @Test("a run is a function of its seed")
  func repeatable() async throws {
    let lab = RumourLab(sites: 200, rules: RumourRules(.pushPull, removal: .coin(2)), loss: 0.1)
    let runs = try await aside { [1, 1, 2].map { lab.run(seed: $0).coverage } }
    #expect(runs[0] == runs[1] && runs[0] != runs[2])
    #expect(zip(runs[0], runs[0].dropFirst()).allSatisfy { $0 <= $1 })
  }

  @Test("every row of the tables names an experiment of its table and a figure that it measures")
  func rows() async throws {
    for table in DemersTables.all + PushThenPullTable.all {
      let ids = table.experiments.map(\.id)
      #expect(Set(ids).count == ids.count)
      #expect(table.rows.allSatisfy { ids.contains($0.experiment) })
      #expect(table.experiments.allSatisfy { $0.seeds >= 30 })
    }
    let batch = RumourBatch(
      lab: RumourLab(sites: 20, rules: RumourRules(.pull, removal: .counter(1))), runs: 3, curveCycles: 9)
    let sample = batch.sample(seed: 3) { _ in }
    for row in (DemersTables.all + PushThenPullTable.all).flatMap(\.rows) {
      #expect(sample.values[row.value] != nil, "\(row.title)")
    }
    #expect(sample.curves["coverage"]?.count == 10)
  }
}
