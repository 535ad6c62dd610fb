// Statistics against values that can be looked up, and each rule of the verdicts at its edges.

import GrapevineSimulator
import Testing

@Suite("Statistics of the papers' tables")
struct PaperStatisticsTests {
  @Test(
    "Student's t quantiles are those of the tables",
    arguments: [
      (1, 12.706204736175), (2, 4.3026527297495), (3, 3.1824463052837), (4, 2.7764451051978),
      (5, 2.5705818356363), (6, 2.446911851145), (7, 2.3646242515928), (8, 2.3060041352042),
      (9, 2.2621571627982), (10, 2.2281388519863), (11, 2.2009851600916), (12, 2.1788128296672),
      (15, 2.1314495455598), (20, 2.0859634472659), (29, 2.0452296421327), (30, 2.0422724563012),
      (60, 2.0002978220143), (120, 1.9799304050824), (399, 1.9659272959209), (1000, 1.9623390808264),
    ])
  func quantiles(degrees: Int, known: Double) {
    #expect(abs(StudentT.quantile975(degrees: degrees) - known) < 5e-6)
  }

  @Test("quantiles fall with the degrees of freedom, and there is none below one")
  func quantileOrder() {
    #expect(StudentT.quantile975(degrees: 0) == .infinity)
    for degrees in 1..<500 {
      #expect(StudentT.quantile975(degrees: degrees) > StudentT.quantile975(degrees: degrees + 1))
    }
    #expect(StudentT.quantile975(degrees: .max) >= 1.95996)
  }

  @Test("mean, deviation and interval of numbers that were computed by hand")
  func summary() throws {
    // Mean 5, squares 9+1+1+1+0+0+4+16 = 32, so the deviation is sqrt(32/7).
    let summary = try #require(PaperSummary([2, 4, 4, 4, 5, 5, 7, 9]))
    #expect(summary.count == 8)
    #expect(summary.mean == 5)
    #expect(abs(try #require(summary.standardDeviation) - 2.1380899352994) < 1e-12)
    let interval = try #require(summary.interval)
    #expect(abs(interval.lowerBound - (5 - 2.3646242515928 * 2.1380899352994 / 8.0.squareRoot())) < 1e-9)
    #expect(abs(interval.upperBound + interval.lowerBound - 10) < 1e-12)
    #expect((summary.minimum, summary.maximum) == (2, 9))
  }

  @Test("one number has no interval, equal ones an interval without width, none no summary")
  func edges() throws {
    let one = try #require(PaperSummary([3]))
    #expect(one.interval == nil && one.standardDeviation == nil && one.mean == 3)
    let equal = try #require(PaperSummary([Double](repeating: 0.1, count: 7)))
    #expect(equal.interval == 0.1...0.1 && equal.standardDeviation == 0)
    #expect(PaperSummary([]) == nil)
    for odd in [Double.nan, .infinity, -.infinity] { #expect(PaperSummary([1, odd, 2]) == nil) }
    #expect(PaperSummary([1e308, -1e308]) == nil)
    #expect(PaperSummary([1.7e308, 1.6e308]) == nil)
  }

  @Test("each reach at its bounds")
  func verdicts() throws {
    let summary = try #require(PaperSummary([1, 2, 3]))
    #expect(PaperReach.atMost(2).verdict(summary) == .yes)
    #expect(PaperReach.atMost(1.99).verdict(summary) == .no)
    #expect(PaperReach.atLeast(2).verdict(summary) == .yes)
    #expect(PaperReach.atLeast(2.01).verdict(summary) == .no)
    #expect(PaperReach.within(2...3).verdict(summary) == .yes)
    #expect(PaperReach.within(1...1.9).verdict(summary) == .no)
    #expect(PaperReach.shown.verdict(summary) == .shown)
    // The interval is 2 ± 4.30265 / sqrt(3), so 2 ± 2.48414.
    #expect(PaperReach.reference(4.48, rounding: 0).verdict(summary) == .yes)
    #expect(PaperReach.reference(4.49, rounding: 0).verdict(summary) == .no)
    #expect(PaperReach.reference(4.49, rounding: 0.01).verdict(summary) == .yes)
    #expect(PaperReach.reference(-0.49, rounding: 0).verdict(summary) == .no)
    #expect(PaperReach.reference(-0.49, rounding: 0.01).verdict(summary) == .yes)
  }

  @Test("a reference is open with one run; limits are judged on it")
  func single() throws {
    let one = try #require(PaperSummary([2]))
    #expect(PaperReach.reference(2, rounding: 1).verdict(one) == .open)
    #expect(!PaperVerdict.open.isReached)
    #expect(PaperReach.atMost(2).verdict(one) == .yes)
  }

  @Test("a line by least squares: slope, intercept and interval of a known example")
  func line() throws {
    let points = [(1.0, 3.0), (2.0, 5.5), (3.0, 6.5), (4.0, 9.0)].map { PaperPoint(x: $0.0, y: $0.1) }
    let line = try #require(regression(points))
    // Means 2.5 and 6; Sxy = 4.5 + 0.25 + 0.25 + 4.5 = 9.5; Sxx = 5.
    #expect(abs(line.slope - 1.9) < 1e-12)
    #expect(abs(line.intercept - 1.25) < 1e-12)
    // Residuals -0.15, 0.45, -0.45, 0.15: squares 0.45, error sqrt(0.45 / 2 / 5).
    let half = 4.3026527297495 * (0.45 / 2 / 5).squareRoot()
    let interval = try #require(line.slopeInterval)
    #expect(abs(interval.lowerBound - (1.9 - half)) < 1e-9)
    #expect(abs(interval.upperBound - (1.9 + half)) < 1e-9)
  }

  @Test("no line without two places, no interval without three points")
  func noLine() throws {
    #expect(regression([]) == nil)
    #expect(regression([PaperPoint(x: 1, y: 1), PaperPoint(x: 1, y: 2)]) == nil)
    #expect(regression([PaperPoint(x: 1, y: .nan), PaperPoint(x: 2, y: 2)]) == nil)
    #expect(regression([PaperPoint(x: 1e308, y: 1), PaperPoint(x: -1e308, y: 2)]) == nil)
    let two = try #require(regression([PaperPoint(x: 0, y: 1), PaperPoint(x: 2, y: 2)]))
    #expect(two.slope == 0.5 && two.slopeInterval == nil)
  }
}
