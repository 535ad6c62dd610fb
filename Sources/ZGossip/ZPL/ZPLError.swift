// What is wrong with a file of settings, so that its author can mend it.

/// Why a text is not ZPL, or says what cannot be done.
public struct ZPLError: Error, Equatable, Sendable, CustomStringConvertible {
  /// The line, from 1; 0 when it is about no line, as for what was set by a program.
  public let line: Int
  /// What is wrong and what to do, without the line and the file's name: who knows the name puts `name:line: ` before it.
  public let text: String

  /// Creates an error.
  public init(line: Int, _ text: String) {
    self.line = line
    self.text = text
  }

  /// The text, with the line before it when there is one.
  public var description: String { line > 0 ? "line \(line): \(text)" : text }
}
