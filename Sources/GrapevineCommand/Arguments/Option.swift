// What a command understands, written down once: its help and its parser both read this table.

/// One option of a command.
struct Option: Sendable {
  /// What stands behind the option's name.
  enum Value: Sendable {
    case flag
    case integer(ClosedRange<Int>, default: Int)
    case real(ClosedRange<Double>, default: Double)
    case choice([String], default: String)
    case text(default: String)
    /// Text; the option may be given several times.
    case list
  }

  /// The name, with its two dashes.
  var name: String
  /// What the help calls the value.
  var placeholder = ""
  /// What is allowed, and what it is when the option is not given.
  var value: Value
  /// What it does.
  var help: String
  /// What the help says of the default, where its value alone would not tell.
  var defaultText: String?

  /// The default as the help shows it; nil when there is nothing to say.
  var shownDefault: String? {
    if let defaultText { return defaultText }
    switch value {
    case .flag, .list: return nil
    case .integer(_, let number): return "\(number)"
    case .real(_, let number): return Fixed.short(number)
    case .choice(_, let word): return word
    case .text(let text): return text.isEmpty ? nil : text
    }
  }

  /// What is allowed, for a message about a bad value; nil when everything is.
  var allowed: String? {
    switch value {
    case .flag, .text, .list: nil
    case .integer(let range, _): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .real(let range, _):
      "a number from \(Fixed.short(range.lowerBound)) to \(Fixed.short(range.upperBound))"
    case .choice(let words, _): words.joined(separator: " or ")
    }
  }

  /// Whether `text` is a value of this option.
  func accepts(_ text: String) -> Bool {
    switch value {
    case .flag: false
    case .integer(let range, _): Int(text).map(range.contains) ?? false
    case .real(let range, _): Double(text).map(range.contains) ?? false
    case .choice(let words, _): words.contains(text)
    case .text, .list: true
    }
  }
}

/// An argument that needs no name, such as a file.
struct Operand: Sendable {
  /// What the help calls it, in capitals.
  var name: String
  /// What it does.
  var help: String
  /// Whether it must be there; then so must those before it.
  var isRequired = false
}

/// A command line that cannot be understood; nothing has happened yet.
struct UsageError: Error, Equatable {
  /// The command it was meant for; nil when that is what is unclear.
  var command: String?
  /// What was found and what is allowed.
  var message: String

  /// The message with its way out, for standard error.
  var text: String {
    let program = command.map { "grapevine \($0)" } ?? "grapevine"
    return "\(program): \(message)\nSee '\(program) --help'.\n"
  }
}
