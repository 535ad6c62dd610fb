// A command's table of options, its help and its parser.

/// What a command is called, what it does and which options it has.
package struct CommandLineTable: Sendable {
  package var name: String
  /// What it does, in a line or a few.
  package var summary: String
  package var options: [Option]
  /// What may stand without an option's name, each once, in this order.
  package var operands: [Operand] = []
  /// Paragraphs behind the options.
  package var notes = ""
  /// One line for each exit code.
  package var exitCodes: [(code: Int32, meaning: String)]
  package var example: String

  package init(
    name: String, summary: String, options: [Option], operands: [Operand] = [], notes: String = "",
    exitCodes: [(code: Int32, meaning: String)], example: String
  ) {
    self.name = name
    self.summary = summary
    self.options = options
    self.operands = operands
    self.notes = notes
    self.exitCodes = exitCodes
    self.example = example
  }

  /// The help of the command.
  package var help: String {
    let rows =
      operands.map { ($0.name, $0.help) }
      + options.map { option in
        let left = option.placeholder.isEmpty ? option.name : "\(option.name) \(option.placeholder)"
        return (left, option.help + (option.shownDefault.map { " (default: \($0))" } ?? ""))
      } + [("--help", "Print this help")]
    let width = (rows.map(\.0.count).max() ?? 0) + 2
    var text = "\(summary)\n\nUsage: grapevine \(name) [OPTION]..."
    for operand in operands { text += operand.isRequired ? " \(operand.name)" : " [\(operand.name)]" }
    text += "\n\nOptions:\n"
    for (left, right) in rows {
      let lines = wrapped(right, width: 100 - width)
      for (index, line) in lines.enumerated() {
        text += "  " + padded(index == 0 ? left : "", width) + line + "\n"
      }
    }
    if !notes.isEmpty { text += "\n\(notes)\n" }
    text += "\nExit codes:\n"
    for (code, meaning) in exitCodes { text += "  " + padded("\(code)", 5) + meaning + "\n" }
    text += "\nExample:\n"
    for line in example.split(separator: "\n") { text += "  \(line)\n" }
    return text
  }

  /// Reads a command line; nil when it asks for help.
  ///
  /// - Throws: `UsageError` naming the first option that cannot be understood.
  package func parse(_ arguments: [String]) throws(UsageError) -> Arguments? {
    var parsed = Arguments(options: options)
    var rest = arguments[...]
    var hasOptions = true
    while let argument = rest.popFirst() {
      if !hasOptions || (argument == "-" && !operands.isEmpty) {
        try add(argument, to: &parsed)
        continue
      }
      if argument == "--", !operands.isEmpty {
        hasOptions = false
        continue
      }
      if argument == "--help" || argument == "-h" { return nil }
      let (written, attached) = split(argument)
      guard let option = options.first(where: { $0.name == written }) else {
        guard !operands.isEmpty, !argument.hasPrefix("-") else { throw unknown(argument) }
        try add(argument, to: &parsed)
        continue
      }
      if case .flag = option.value {
        guard attached == nil else {
          throw failure("\(option.name) takes no value; found \(quoted(argument))")
        }
        parsed.add("", to: option.name)
        continue
      }
      guard let value = attached ?? rest.popFirst() else {
        throw failure("\(option.name) needs a value; write \(option.name) \(option.placeholder)")
      }
      guard option.accepts(value) else {
        throw failure("\(option.name) is \(quoted(value)); it must be \(option.allowed ?? "text")")
      }
      parsed.add(value, to: option.name)
    }
    if parsed.operands.count < operands.count, operands[parsed.operands.count].isRequired {
      throw failure("\(operands[parsed.operands.count].name) is missing")
    }
    return parsed
  }

  private func add(_ operand: String, to parsed: inout Arguments) throws(UsageError) {
    guard parsed.operands.count < operands.count else {
      throw failure(
        "found \(quoted(operand)) besides \(parsed.operands.map { quoted($0) }.joined(separator: " and ")); "
          + "allowed is one \(operands.map(\.name).joined(separator: " and one "))")
    }
    parsed.operands.append(operand)
  }

  /// An error of this command.
  package func failure(_ message: String) -> UsageError { UsageError(command: name, message: message) }

  private func unknown(_ argument: String) -> UsageError {
    let names = (options.map(\.name) + ["--help"]).joined(separator: ", ")
    let kind = argument.hasPrefix("-") ? "unknown option" : "unexpected argument"
    return failure("\(kind) \(quoted(argument)); allowed are \(names)")
  }

  /// `--name=value` as its two parts.
  private func split(_ argument: String) -> (name: String, value: String?) {
    guard argument.hasPrefix("--"), let sign = argument.firstIndex(of: "=") else { return (argument, nil) }
    return (String(argument[..<sign]), String(argument[argument.index(after: sign)...]))
  }

  private func wrapped(_ text: String, width: Int) -> [String] {
    var lines = [""]
    for word in text.split(separator: " ") {
      let last = lines[lines.count - 1]
      if last.isEmpty {
        lines[lines.count - 1] = String(word)
      } else if last.count + 1 + word.count <= width {
        lines[lines.count - 1] += " \(word)"
      } else {
        lines.append(String(word))
      }
    }
    return lines
  }
}
