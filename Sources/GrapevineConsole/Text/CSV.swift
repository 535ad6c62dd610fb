// Comma-separated values as RFC 4180 has them.

/// Lines of fields with commas between them.
package enum CSV {
  /// A line with its end; fields with a comma, a quote or a line break stand in quotes.
  package static func line(_ fields: [String]) -> String { fields.map(field).joined(separator: ",") + "\r\n" }

  private static func field(_ text: String) -> String {
    // By scalars: a carriage return and a line feed are a single character, which equals neither.
    guard text.unicodeScalars.contains(where: { ",\"\r\n".unicodeScalars.contains($0) }) else { return text }
    var quoted = "\""
    for scalar in text.unicodeScalars {
      quoted.unicodeScalars.append(scalar)
      if scalar == "\"" { quoted.unicodeScalars.append(scalar) }
    }
    return quoted + "\""
  }
}
