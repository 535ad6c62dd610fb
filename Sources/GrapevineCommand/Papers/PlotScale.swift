// One axis of a plot: which values it spans, where they lie, which of them are marked.

import GrapevineConsole

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// From values to places on an axis; every place lies on the axis, whatever the value.
struct PlotScale: Sendable {
  /// What decides how the axis is laid out.
  struct Options: Sendable {
    var isLogarithmic = false
    /// Whether a linear axis of values that are not negative starts at 0.
    var includesZero = false
    /// Whether the axis ends at marks, beyond the values.
    var isRounded = false
    /// Whether only whole numbers are marked.
    var isWhole = false
    /// The marks that are about right.
    var marks = 5
  }

  /// The least value on the axis.
  private(set) var low: Double
  /// The greatest value on the axis, more than `low`.
  private(set) var high: Double
  /// The values that are marked, in their order.
  private(set) var ticks: [(value: Double, label: String)] = []
  /// The coordinate of `low`.
  let start: Double
  /// The coordinate of `high`.
  let end: Double
  private let isLogarithmic: Bool

  /// Values beyond this are drawn at the edge: spans of larger ones are no numbers.
  private static let hugest = 1e300
  /// Values closer to 0 than this are drawn as 0, and do not count on a logarithmic axis.
  private static let tiniest = 1e-300

  /// Lays out an axis that spans `values`; those that cannot be drawn are passed over, and without any the axis
  /// goes from 0 to 1, or from 1 to 10 when it is logarithmic.
  init(_ values: [Double], from start: Double, to end: Double, _ options: Options = Options()) {
    self.start = start
    self.end = end
    isLogarithmic = options.isLogarithmic
    let drawn = values.filter(\.isFinite).map { min(Self.hugest, max(-Self.hugest, $0)) }
      .map { abs($0) < Self.tiniest ? 0 : $0 }
      .filter { !options.isLogarithmic || $0 > 0 }
    low = drawn.min() ?? (options.isLogarithmic ? 1 : 0)
    high = drawn.max() ?? (options.isLogarithmic ? 10 : 1)
    if options.isLogarithmic { layOutDecades(options) } else { layOut(options) }
  }

  /// Whether the axis has a place of its own for the value.
  func draws(_ value: Double) -> Bool { value.isFinite && (!isLogarithmic || value >= Self.tiniest) }

  /// The coordinate of a value; that of the nearest end when it lies outside.
  func position(_ value: Double) -> Double {
    guard !value.isNaN else { return start }
    let inside = min(high, max(low, value))
    let share =
      isLogarithmic
      ? (log10(inside) - log10(low)) / (log10(high) - log10(low)) : (inside - low) / (high - low)
    return start + min(1, max(0, share)) * (end - start)
  }

  // MARK: Linear

  private mutating func layOut(_ options: Options) {
    if options.includesZero, low >= 0 { low = 0 }
    // A span below what numbers of this size tell apart is widened around its middle.
    let size = max(abs(low), abs(high))
    if high - low <= size * 1e-9 {
      let middle = low / 2 + high / 2
      let half = size == 0 ? 0.5 : size / 2
      (low, high) = size == 0 ? (0, 1) : (middle - half, middle + half)
    }
    var step = Self.niceStep((high - low) / Double(max(1, options.marks)))
    if options.isWhole { step = max(1, step) }
    // What lies at a mark but for the last digits counts as lying there.
    let first = options.isRounded ? (low / step + 1e-9).rounded(.down) : (low / step - 1e-9).rounded(.up)
    let last = options.isRounded ? (high / step - 1e-9).rounded(.up) : (high / step + 1e-9).rounded(.down)
    if options.isRounded {
      low = min(low, first * step)
      high = max(high, last * step)
    }
    let decimals = max(0, -PaperNumber.decade(step * 1.000001))
    for index in 0...max(0, Int(min(50, last - first))) {
      let value = (first + Double(index)) * step
      guard value >= low - step * 1e-6, value <= high + step * 1e-6 else { continue }
      let isPlain = size < 1e7 && decimals <= 6
      ticks.append((value, isPlain ? Fixed.text(value, decimals: decimals) : PaperNumber.text(value)))
    }
  }

  /// The least of 1, 2 and 5 times a power of ten that is not below `step`.
  static func niceStep(_ step: Double) -> Double {
    let power = pow(10, Double(PaperNumber.decade(step)))
    return ([1, 2, 5].first { $0 * power >= step * (1 - 1e-9) } ?? 10) * power
  }

  // MARK: Logarithmic

  private mutating func layOutDecades(_ options: Options) {
    var first = PaperNumber.decade(low * 1.000001)
    var last = Int(log10(high * 0.999999).rounded(.up))
    if last <= first { last = first + 1 }
    let isTight = !options.isRounded && high > low * 1.5
    if !isTight { (low, high) = (pow(10, Double(first)), pow(10, Double(last))) }
    let stride = max(1, (last - first + 6) / 7)
    // Whole strides, so that 1 is marked whenever it is on the axis.
    first = Int((Double(first) / Double(stride)).rounded(.down)) * stride
    last = min(last, 308)
    for exponent in Swift.stride(from: first, through: max(first, last), by: stride) {
      for factor in last - first <= 2 ? [1.0, 2, 5] : [1.0] {
        let value = factor * pow(10, Double(exponent))
        guard value >= low * 0.999999, value <= high * 1.000001 else { continue }
        ticks.append((value, Self.label(factor, exponent)))
      }
    }
  }

  private static func label(_ factor: Double, _ exponent: Int) -> String {
    let number = factor * pow(10, Double(exponent))
    if (0...5).contains(exponent) { return Fixed.text(number, decimals: 0) }
    if (-4..<0).contains(exponent) { return Fixed.text(number, decimals: -exponent) }
    let raised: [Character: Character] = [
      "-": "⁻", "0": "⁰", "1": "¹", "2": "²", "3": "³", "4": "⁴", "5": "⁵", "6": "⁶", "7": "⁷", "8": "⁸",
      "9": "⁹",
    ]
    let power = "10" + String(String(exponent).map { raised[$0] ?? $0 })
    return factor == 1 ? power : "\(Fixed.short(factor))·\(power)"
  }
}
