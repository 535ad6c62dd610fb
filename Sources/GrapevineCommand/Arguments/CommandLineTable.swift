// A command's table of options, its help and its parser.

/// What a command is called, what it does and which options it has.
struct CommandLineTable: Sendable {
  var name: String
  /// What it does, in a line or a few.
  var summary: String
  var options: [Option]
  /// What may stand without an option's name, once.
  var operand: Operand?
  /// Paragraphs behind the options.
  var notes = ""
  /// One line for each exit code.
  var exitCodes: [(code: Int32, meaning: String)]
  var example: String

  /// The help of the command.
  var help: String {
    let rows =
      (operand.map { [($0.name, $0.help)] } ?? [])
      + options.map { option in
        let left = option.placeholder.isEmpty ? option.name : "\(option.name) \(option.placeholder)"
        return (left, option.help + (option.shownDefault.map { " (default: \($0))" } ?? ""))
      } + [("--help", "Print this help")]
    let width = (rows.map(\.0.count).max() ?? 0) + 2
    var text = "\(summary)\n\nUsage: grapevine \(name) [OPTION]..."
    if let operand { text += " [\(operand.name)]" }
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
  func parse(_ arguments: [String]) throws(UsageError) -> Arguments? {
    var parsed = Arguments(options: options)
    var rest = arguments[...]
    while let argument = rest.popFirst() {
      if argument == "--help" || argument == "-h" { return nil }
      let (written, attached) = split(argument)
      guard let option = options.first(where: { $0.name == written }) else {
        guard let operand, !argument.hasPrefix("-") else { throw unknown(argument) }
        if let first = parsed.operand {
          throw failure("found \(quoted(argument)) besides \(quoted(first)); allowed is one \(operand.name)")
        }
        parsed.operand = argument
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
    return parsed
  }

  /// An error of this command.
  func failure(_ message: String) -> UsageError { UsageError(command: name, message: message) }

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
