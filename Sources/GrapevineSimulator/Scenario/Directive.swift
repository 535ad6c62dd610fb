// How a line of a scenario is built, read and refused.

import GrapevineCore

/// One kind of line: the words it begins with, what follows, and what it means.
struct Directive: Sendable {
  /// What it changes, which says where it may stand.
  enum Meaning: Sendable {
    /// The scenario as a whole; stands alone, once.
    case setup(@Sendable (ScenarioValues, inout Scenario) -> Void)
    /// The network; stands alone, once, or behind `at TIME`.
    case network(@Sendable (ScenarioValues, ScenarioLine) throws(ScenarioError) -> NetworkChange)
    /// Something that happens; stands behind `at TIME`.
    case moment(@Sendable (ScenarioValues) -> ScenarioAction)
    /// Something that happens to processes, to each at its own time; stands behind `at TIME` or `at TIME..TIME`.
    case span(@Sendable (ScenarioValues) -> ScenarioAction)
    /// The end of the faults; stands behind `at TIME`, once.
    case end
    /// Something expected; stands behind `expect`, once.
    case expectation(@Sendable (ScenarioValues) -> ScenarioExpectation)
  }

  /// The word or two that it begins with, without `at` and `expect`.
  var name: String
  var parts: [DirectivePart] = []
  /// What it does, in a sentence without a full stop.
  var help: String
  var meaning: Meaning

  /// The words of the name; those of directives with the same first word are equally many.
  var words: [String] { name.split(separator: " ").map(String.init) }

  /// The line as it is written, with its optional parts in brackets.
  var usage: String {
    let prefix =
      switch meaning {
      case .setup, .network: ""
      case .moment, .end: "at TIME "
      case .span: "at TIME[..TIME] "
      case .expectation: "expect "
      }
    return prefix + ([name] + parts.map(\.usage)).joined(separator: " ")
  }
}

/// A value or a word behind the name of a directive.
struct DirectivePart: Sendable {
  /// The keyword in front of the value; for a value without one, what the directive calls it.
  var name: String
  /// What the value has to be; nil for a keyword without a value.
  var kind: ScenarioValueKind?
  /// Whether the keyword is written; what has none stands in its place, before all others.
  var hasKeyword: Bool
  var isOptional: Bool

  /// A value in its place.
  static func place(_ name: String, _ kind: ScenarioValueKind, optional: Bool = false) -> Self {
    Self(name: name, kind: kind, hasKeyword: false, isOptional: optional)
  }

  /// A value behind its keyword.
  static func keyword(_ name: String, _ kind: ScenarioValueKind, optional: Bool = true) -> Self {
    Self(name: name, kind: kind, hasKeyword: true, isOptional: optional)
  }

  /// A keyword that says everything itself.
  static func flag(_ name: String) -> Self {
    Self(name: name, kind: nil, hasKeyword: true, isOptional: true)
  }

  var usage: String {
    let text = [hasKeyword ? name : nil, kind?.placeholder].compactMap { $0 }.joined(separator: " ")
    return isOptional ? "[\(text)]" : text
  }
}

/// The values of one line, by the names of their parts.
struct ScenarioValues {
  private var values: [String: ScenarioValue] = [:]

  mutating func set(_ name: String, _ value: ScenarioValue) { values[name] = value }

  func has(_ name: String) -> Bool { values[name] != nil }

  func integer(_ name: String, or standard: Int = 0) -> Int {
    if case .integer(let value)? = values[name] { value } else { standard }
  }

  func range(_ name: String, or standard: ClosedRange<Int>) -> ClosedRange<Int> {
    if case .range(let value)? = values[name] { value } else { standard }
  }

  func real(_ name: String, or standard: Double = 0) -> Double {
    if case .real(let value)? = values[name] { value } else { standard }
  }

  func time(_ name: String) -> Nanoseconds? {
    if case .time(let value)? = values[name] { value } else { nil }
  }

  func duration(_ name: String, or standard: Duration = .zero) -> Duration {
    time(name).map { .nanoseconds(Int64(clamping: $0)) } ?? standard
  }

  func amount(_ name: String) -> Amount? {
    if case .amount(let value)? = values[name] { value } else { nil }
  }

  func text(_ name: String) -> String? {
    if case .text(let value)? = values[name] { value } else { nil }
  }
}

/// A line that is being read, and how files that it names are.
struct ScenarioLine {
  var line: TextLines.Line
  /// Reads a file that a scenario names; what cannot be read is said in words.
  var readFile: (String) -> Result<[UInt8], FileProblem>

  /// An error of the form that all have.
  func refusal(found: String, allowed: String) -> ScenarioError {
    line.error("found \(found); allowed \(allowed.contains(",") ? "are" : "is") \(allowed)")
  }
}

/// Why a file that a scenario names cannot be read.
public struct FileProblem: Error, Equatable, Sendable {
  /// The reason, as in "found FILE, reason".
  public var reason: String

  /// Creates a problem.
  public init(reason: String) { self.reason = reason }
}

extension Directive {
  /// Reads what stands behind the name.
  func values(_ words: ArraySlice<String>, _ line: ScenarioLine) throws(ScenarioError) -> ScenarioValues {
    var values = ScenarioValues()
    var rest = words
    for part in parts where !part.hasKeyword {
      guard let kind = part.kind else { continue }
      let isKeyword = rest.first.map { word in parts.contains { $0.hasKeyword && $0.name == word } } ?? true
      if part.isOptional && isKeyword { continue }
      values.set(part.name, try value(of: kind, rest.popFirst(), behind: nil, line))
    }
    while let word = rest.popFirst() {
      let open = parts.filter { $0.hasKeyword && !values.has($0.name) }
      guard let part = open.first(where: { $0.name == word }) else {
        let names = open.map(\.name).joined(separator: ", ")
        throw line.refusal(
          found: quoted(word) + (values.has(word) ? " twice" : ""),
          allowed: names.isEmpty ? "the end of the line behind '\(usage)'" : names)
      }
      guard let kind = part.kind else {
        values.set(part.name, .integer(1))
        continue
      }
      values.set(part.name, try value(of: kind, rest.popFirst(), behind: part.name, line))
    }
    for part in parts where !part.isOptional && !values.has(part.name) {
      throw line.refusal(found: "no \"\(part.name)\"", allowed: "'\(usage)'")
    }
    return values
  }

  private func value(
    of kind: ScenarioValueKind, _ word: String?, behind keyword: String?, _ line: ScenarioLine
  ) throws(ScenarioError) -> ScenarioValue {
    guard let word else {
      let place = keyword.map { " behind \"\($0)\"" } ?? ""
      throw line.refusal(found: "the end of the line\(place)", allowed: "'\(usage)'")
    }
    guard let value = kind.read(word) else {
      let place = keyword.map { " behind \"\($0)\"" } ?? ""
      throw line.line.error("found \(quoted(word))\(place); allowed are \(kind.allowed)")
    }
    return value
  }
}
