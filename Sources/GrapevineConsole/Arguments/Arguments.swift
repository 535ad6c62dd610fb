// The values that a command line gave, checked against the command's table.

/// The options of one call; what was not given has its default.
///
/// Asking for an option that is not in the table, or as another kind than it is there, is a bug of the
/// command.
package struct Arguments {
  private let options: [Option]
  private var values: [String: [String]] = [:]
  /// What was given without an option's name, in order.
  package var operands: [String] = []

  /// The first of `operands`.
  package var operand: String? { operands.first }

  package init(options: [Option]) { self.options = options }

  /// Adds a value that the option accepts.
  package mutating func add(_ value: String, to name: String) { values[name, default: []].append(value) }

  /// Whether the option was given.
  package func has(_ name: String) -> Bool { values[name] != nil }

  /// The last value given for a whole number.
  package func integer(_ name: String) -> Int {
    guard case .integer(_, let standard) = option(name).value else {
      preconditionFailure("\(name) is no integer")
    }
    return values[name]?.last.flatMap { Int($0) } ?? standard
  }

  /// The last value given for a number.
  package func real(_ name: String) -> Double {
    guard case .real(_, let standard) = option(name).value else {
      preconditionFailure("\(name) is no number")
    }
    return values[name]?.last.flatMap { Double($0) } ?? standard
  }

  /// The last text or word given.
  package func text(_ name: String) -> String {
    switch option(name).value {
    case .text(let standard), .choice(_, let standard): values[name]?.last ?? standard
    case .flag, .integer, .real, .list: preconditionFailure("\(name) is no text")
    }
  }

  /// Every value given.
  package func list(_ name: String) -> [String] { values[name] ?? [] }

  private func option(_ name: String) -> Option {
    guard let option = options.first(where: { $0.name == name }) else {
      preconditionFailure("the table has no \(name)")
    }
    return option
  }
}
