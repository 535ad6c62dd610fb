// Lengths of time as people write them: 30s, 1.5h.

/// Reading lengths of time.
package enum TimeText {
  /// What a length of time looks like, for a message.
  package static let allowed = "a time such as 500ms, 30s, 5min, 12h or 7d"

  private static let units: [(name: String, milliseconds: Double)] = [
    ("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000),
  ]
  /// The longest time that is read: some 31,000 years.
  private static let limit = 1e15

  /// The whole milliseconds, at least one; nil for what is no such time.
  package static func milliseconds(_ text: String) -> UInt64? {
    let digits = text.prefix { $0.isASCII && ($0.isNumber || $0 == ".") }
    guard let number = Double(digits),
      let unit = units.first(where: { $0.name == text.dropFirst(digits.count) })
    else { return nil }
    let milliseconds = (number * unit.milliseconds).rounded()
    guard milliseconds >= 1, milliseconds <= limit else { return nil }
    return UInt64(milliseconds)
  }
}
