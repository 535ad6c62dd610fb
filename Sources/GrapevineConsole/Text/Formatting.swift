// Numbers and tables for people.

/// Numbers with a fixed count of decimals.
package enum Fixed {
  /// The number with `decimals` digits behind the point; a dash for what is not finite.
  package static func text(_ number: Double, decimals: Int) -> String {
    guard number.isFinite, abs(number) < 1e15 else { return "-" }
    let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
    let scaled = Int((abs(number) * Double(scale)).rounded())
    let sign = number < 0 && scaled > 0 ? "-" : ""
    guard decimals > 0 else { return "\(sign)\(scaled)" }
    let digits = String(scaled % scale)
    return "\(sign)\(scaled / scale)." + String(repeating: "0", count: decimals - digits.count) + digits
  }

  /// The number as short as it can be: whole numbers without a point.
  package static func short(_ number: Double) -> String {
    number == number.rounded() && abs(number) < 1e15 ? "\(Int(number))" : "\(number)"
  }
}

/// The text with spaces behind it up to `width` characters.
package func padded(_ text: String, _ width: Int) -> String {
  text + String(repeating: " ", count: max(0, width - text.count))
}

/// The text in quotes, at most 80 characters of it, with what cannot be printed replaced.
package func quoted(_ text: String) -> String {
  var shown = "\""
  for scalar in text.unicodeScalars.prefix(80) {
    shown.unicodeScalars.append(scalar.isControl ? "?" : scalar)
  }
  return shown + (text.unicodeScalars.count > 80 ? "…\"" : "\"")
}

/// What is shown on terminals.
package enum Terminal {
  /// The text with everything shown as `\xNN` that a terminal may take for a command.
  package static func printable(_ text: String) -> String {
    guard text.unicodeScalars.contains(where: { $0.isControl && $0 != "\t" }) else { return text }
    var shown = ""
    for scalar in text.unicodeScalars {
      if scalar.isControl && scalar != "\t" {
        let digits = String(scalar.value, radix: 16)
        shown += "\\x" + (digits.count < 2 ? "0" : "") + digits
      } else {
        shown.unicodeScalars.append(scalar)
      }
    }
    return shown
  }
}

extension Unicode.Scalar {
  /// Whether a terminal may take it for a command.
  package var isControl: Bool { value < 0x20 || (0x7f...0x9f).contains(value) }
}

/// Rows of a name and a value, aligned.
package func table(_ rows: [(name: String, value: String)]) -> String {
  let width = (rows.map(\.name.count).max() ?? 0) + 2
  return rows.map { "  " + padded($0.name, width) + $0.value + "\n" }.joined()
}

/// The median: the middle number, or the mean of the two in the middle; nil of none.
package func median(_ numbers: [Double]) -> Double? {
  let sorted = numbers.sorted()
  guard !sorted.isEmpty else { return nil }
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
