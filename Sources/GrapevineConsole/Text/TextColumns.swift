// Tables with columns of words, wrapped where a cell is too long.

/// A table with a header, for a terminal.
package struct TextColumns {
  package var header: [String]
  /// The greatest width of each column, in characters; columns are no wider than their longest cell.
  package var widths: [Int]

  package init(header: [String], widths: [Int]) {
    self.header = header
    self.widths = widths
  }

  /// The rows below the header; cells that a row lacks are empty.
  package func text(_ rows: [[String]]) -> String {
    let cells = ([header] + rows).map { row in
      widths.indices.map { column in
        Self.wrapped(column < row.count ? row[column] : "", widths[column])
      }
    }
    let actual = widths.indices.map { column in cells.flatMap { $0[column] }.map(\.count).max() ?? 0 }
    var text = ""
    for (index, row) in cells.enumerated() {
      for line in 0..<(row.map(\.count).max() ?? 1) {
        let parts = row.enumerated().map { padded(line < $1.count ? $1[line] : "", actual[$0] + 2) }
        var whole = "  " + parts.joined()
        while whole.last == " " { whole.removeLast() }
        text += whole + "\n"
      }
      if index == 0 {
        text += "  " + actual.map { String(repeating: "-", count: $0) }.joined(separator: "  ") + "\n"
      }
    }
    return text
  }

  /// The text in lines of at most `width` characters, broken at spaces where there are any; what a terminal
  /// may take for a command is replaced.
  package static func wrapped(_ text: String, _ width: Int) -> [String] {
    var clean = ""
    for scalar in text.unicodeScalars { clean.unicodeScalars.append(scalar.isControl ? " " : scalar) }
    var lines: [String] = []
    var line = ""
    for word in clean.split(separator: " ") {
      var word = word
      if !line.isEmpty, line.count + 1 + word.count > width {
        lines.append(line)
        line = ""
      }
      while word.count > width {
        lines.append(String(word.prefix(width)))
        word = word.dropFirst(width)
      }
      line += line.isEmpty ? String(word) : " \(word)"
    }
    return line.isEmpty && !lines.isEmpty ? lines : lines + [line]
  }
}
