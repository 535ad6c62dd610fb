// Logarithm, exponential and normal quantile from the four basic operations.
//
// The C library's differ in the last bits from one machine to the next, and a run must not. IEEE 754 says what
// the basic operations and the square root give, to the bit. Used for tables that are made once, so they need
// not be fast.

/// Functions that give the same bits on every machine.
enum Mathematics {
  private static let naturalLogarithmOfTwo = 0.693147180559945309

  /// The natural logarithm of a positive finite number.
  static func logarithm(_ number: Double) -> Double {
    var mantissa = number.significand
    var exponent = Double(number.exponent)
    if mantissa > 1.4142135623730951 {
      mantissa /= 2
      exponent += 1
    }
    // log m = 2 artanh((m - 1) / (m + 1)), and the argument is at most 0.172.
    let ratio = (mantissa - 1) / (mantissa + 1)
    let square = ratio * ratio
    var power = ratio
    var sum = 0.0
    for odd in stride(from: 1.0, through: 27, by: 2) {
      sum += power / odd
      power *= square
    }
    return 2 * sum + exponent * naturalLogarithmOfTwo
  }

  /// e to the power of a number, which is brought between -700 and 700.
  static func exponential(_ number: Double) -> Double {
    let number = min(max(number, -700), 700)
    let exponent = (number / naturalLogarithmOfTwo).rounded()
    let rest = number - exponent * naturalLogarithmOfTwo
    var term = 1.0
    var sum = 1.0
    for index in stride(from: 1.0, through: 20, by: 1) {
      term *= rest / index
      sum += term
    }
    return Double(sign: .plus, exponent: Int(exponent), significand: sum)
  }

  /// The number below which a standard normal variable stays with a probability between 0 and 1, both
  /// excluded.
  ///
  /// P. J. Acklam's rational approximation, with a relative error below 1.15 * 10^-9.
  static func normalQuantile(_ probability: Double) -> Double {
    let low = 0.02425
    if probability > 1 - low { return -normalQuantile(1 - probability) }
    if probability < low {
      let root = (-2 * logarithm(probability)).squareRoot()
      let above = horner(
        root, -7.784894002430293e-03, -3.223964580411365e-01, -2.400758277161838, -2.549732539343734,
        4.374664141464968, 2.938163982698783)
      let below = horner(
        root, 0, 7.784695709041462e-03, 3.224671290700398e-01, 2.445134137142996, 3.754408661907416, 1)
      return above / below
    }
    let centred = probability - 0.5
    let square = centred * centred
    let above = horner(
      square, -3.969683028665376e+01, 2.209460984245205e+02, -2.759285104469687e+02, 1.383577518672690e+02,
      -3.066479806614716e+01, 2.506628277459239)
    let below = horner(
      square, -5.447609879822406e+01, 1.615858368580409e+02, -1.556989798598866e+02, 6.680131188771972e+01,
      -1.328068155288572e+01, 1)
    // The denominator's polynomial is of degree five in the square, with a constant of one.
    return above * centred / below
  }

  private static func horner(
    _ x: Double, _ a: Double, _ b: Double, _ c: Double, _ d: Double, _ e: Double, _ f: Double
  ) -> Double {
    ((((a * x + b) * x + c) * x + d) * x + e) * x + f
  }
}
