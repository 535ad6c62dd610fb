// What a command understands, written down once: its help and its parser both read this table.

/// One option of a command.
package struct Option: Sendable {
  /// What stands behind the option's name.
  package enum Value: Sendable {
    case flag
    case integer(ClosedRange<Int>, default: Int)
    case real(ClosedRange<Double>, default: Double)
    case choice([String], default: String)
    case text(default: String)
    /// Text; the option may be given several times.
    case list
  }

  /// The name, with its two dashes.
  package var name: String
  /// What the help calls the value.
  package var placeholder = ""
  /// What is allowed, and what it is when the option is not given.
  package var value: Value
  /// What it does.
  package var help: String
  /// What the help says of the default, where its value alone would not tell.
  package var defaultText: String?

  package init(
    name: String, placeholder: String = "", value: Value, help: String, defaultText: String? = nil
  ) {
    self.name = name
    self.placeholder = placeholder
    self.value = value
    self.help = help
    self.defaultText = defaultText
  }

  /// The default as the help shows it; nil when there is nothing to say.
  package var shownDefault: String? {
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
  package var allowed: String? {
    switch value {
    case .flag, .text, .list: nil
    case .integer(let range, _): "a whole number from \(range.lowerBound) to \(range.upperBound)"
    case .real(let range, _):
      "a number from \(Fixed.short(range.lowerBound)) to \(Fixed.short(range.upperBound))"
    case .choice(let words, _): words.joined(separator: " or ")
    }
  }

  /// Whether `text` is a value of this option.
  package func accepts(_ text: String) -> Bool {
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
package struct Operand: Sendable {
  /// What the help calls it, in capitals.
  package var name: String
  /// What it does.
  package var help: String
  /// Whether it must be there; then so must those before it.
  package var isRequired = false

  package init(name: String, help: String, isRequired: Bool = false) {
    self.name = name
    self.help = help
    self.isRequired = isRequired
  }
}

/// A command line that cannot be understood; nothing has happened yet.
package struct UsageError: Error, Equatable {
  /// The command it was meant for; nil when that is what is unclear.
  package var command: String?
  /// What was found and what is allowed.
  package var message: String

  package init(command: String?, message: String) {
    self.command = command
    self.message = message
  }

  /// The message with its way out, for standard error.
  package var text: String {
    let program = command.map { "grapevine \($0)" } ?? "grapevine"
    return "\(program): \(message)\nSee '\(program) --help'.\n"
  }
}
