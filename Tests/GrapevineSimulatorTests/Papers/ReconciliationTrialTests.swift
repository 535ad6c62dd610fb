import GrapevineCore
import Testing

@testable import GrapevineSimulator

@Suite("Reconciliation: symbols for each difference")
struct ReconciliationTrialTests {
  @Test(
    "the means are those of the independent simulation, as far as few runs can tell",
    arguments: [(1, 20, 1...1), (16, 60, 1.5...1.85), (128, 10, 1.36...1.54)]
      as [(Int, Int, ClosedRange<Double>)])
  func means(differences: Int, pairs: Int, expected: ClosedRange<Double>) throws {
    let trial = ReconciliationTrial(differences: differences, pairs: pairs)
    var last = 0.0
    let sample = try trial.run(1) { last = $0 }
    let again = try trial.run(1) { _ in }
    let other = try trial.run(2) { _ in }
    let mean = try #require(sample.values["symbols"])
    #expect(expected.contains(mean))
    #expect(sample == again)
    #expect(differences == 1 || sample != other)
    #expect(last == 1)
  }
}
