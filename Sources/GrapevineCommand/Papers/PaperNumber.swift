// Figures as readers want them: as many digits as mean something, and no more.

import GrapevineConsole
import GrapevineSimulator

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// Figures of the papers' tables as text.
enum PaperNumber {
  /// A number with `digits` significant ones; whole numbers in full, tiny and huge ones as 3.2e-6.
  static func text(_ number: Double, digits: Int = 4) -> String {
    guard number.isFinite else {
      return number.isNaN ? "not a number" : number > 0 ? "infinite" : "-infinite"
    }
    if number == number.rounded(), abs(number) < 1e9 { return Fixed.short(number == 0 ? 0 : number) }
    let exponent = decade(number)
    guard (-4..<9).contains(exponent) else { return scientific(number, exponent, digits) }
    return Fixed.text(number, decimals: max(0, digits - 1 - exponent))
  }

  /// A mean and its interval with the same number of decimals, so many that the interval's width shows.
  static func estimate(_ summary: PaperSummary) -> (mean: String, interval: String) {
    guard let interval = summary.interval else { return (text(summary.mean), "-") }
    let half = (interval.upperBound - interval.lowerBound) / 2
    let size = max(abs(interval.lowerBound), abs(interval.upperBound))
    guard half > 0, (1e-4..<1e9).contains(size) else {
      return (text(summary.mean), "\(text(interval.lowerBound)) to \(text(interval.upperBound))")
    }
    let decimals = min(9, max(0, 1 - decade(half)))
    func fixed(_ number: Double) -> String { Fixed.text(number, decimals: decimals) }
    return (fixed(summary.mean), "\(fixed(interval.lowerBound)) to \(fixed(interval.upperBound))")
  }

  /// What a figure has to be, in words.
  static func text(_ reach: PaperReach) -> String {
    switch reach {
    case .atMost(let limit): "at most \(exact(limit))"
    case .atLeast(let limit): "at least \(exact(limit))"
    case .within(let range): "\(exact(range.lowerBound)) to \(exact(range.upperBound))"
    case .reference(let reference, let rounding):
      rounding == 0 ? exact(reference) : "\(exact(reference)) ± \(exact(rounding))"
    case .shown: ""
    }
  }

  /// A number as it was written down, with all of its digits.
  static func exact(_ number: Double) -> String { Fixed.short(number) }

  /// The power of ten at or below the number's size; 0 for 0.
  static func decade(_ number: Double) -> Int {
    number == 0 || !number.isFinite ? 0 : Int(log10(abs(number)).rounded(.down))
  }

  private static func scientific(_ number: Double, _ exponent: Int, _ digits: Int) -> String {
    // In two steps, since ten to the power of -320 is no number to divide by.
    let mantissa = number / pow(10, Double(exponent / 2)) / pow(10, Double(exponent - exponent / 2))
    let text = Fixed.text(mantissa, decimals: digits - 1)
    guard abs(mantissa) + 0.5 / pow(10, Double(digits - 1)) < 10 else {
      return Fixed.text(mantissa / 10, decimals: digits - 1) + "e\(exponent + 1)"
    }
    return text + "e\(exponent)"
  }
}
