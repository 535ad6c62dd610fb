// The house rules that neither the compiler nor the formatter knows.
//
// Each rule is a function from one file's path and text to what it found there; the walk over the repository
// is elsewhere, so that every rule can be shown to fail on a bad sample.

import Foundation

/// One place where a rule is broken.
struct Finding: Equatable, CustomStringConvertible {
  let path: String
  let line: Int
  let found: String
  let allowed: String

  var description: String { "\(path):\(line): \(found); \(allowed)" }
}

/// One file: its path from the root of the repository, its text, and of Swift files only the code.
struct File: Sendable {
  let path: String
  let text: String
  let code: String

  init(path: String, text: String) {
    self.path = path
    self.text = text
    code = path.hasSuffix(".swift") ? codeOnly(text) : ""
  }

  var isTest: Bool { path.hasPrefix("Tests/") }
  var name: String { String(path.split(separator: "/").last ?? "") }

  /// The module whose source this is, or nil outside `Sources`.
  var module: String? {
    let parts = path.split(separator: "/")
    return parts.count > 2 && parts[0] == "Sources" ? String(parts[1]) : nil
  }

  func finding(_ line: Int, _ found: String, _ allowed: String) -> Finding {
    Finding(path: path, line: line, found: found, allowed: allowed)
  }
}

/// A rule that is checked on every Swift file.
struct SwiftRule: Sendable, CustomStringConvertible {
  let description: String
  let check: @Sendable (File) -> [Finding]
}

let swiftRules = [
  SwiftRule(description: "files are short", check: fileLength),
  SwiftRule(description: "functions are short", check: functionLength),
  SwiftRule(description: "files say what they are", check: headerComment),
  SwiftRule(description: "the core is pure", check: pureCore),
  SwiftRule(description: "the sources do without Foundation", check: noFoundation),
  SwiftRule(description: "imports point down", check: importDirection),
  SwiftRule(description: "defaults name their source", check: sourcedDefaults),
]

// MARK: Length

let fileLinesMax = 500
let testFileLinesMax = 600
let functionLinesMax = 70

func fileLength(_ file: File) -> [Finding] {
  let limit = file.isTest ? testFileLinesMax : fileLinesMax
  let count = lines(of: file.text).count
  guard count > limit else { return [] }
  return [
    file.finding(count, "the file has \(count) lines", "at most \(limit) are allowed: split it by idea")
  ]
}

func functionLength(_ file: File) -> [Finding] {
  functions(in: file.code).compactMap { function in
    guard function.lineCount > functionLinesMax else { return nil }
    return file.finding(
      function.line, "\(function.name) has \(function.lineCount) lines",
      "at most \(functionLinesMax) are allowed: name its parts")
  }
}

/// A function or initialiser with a body, from the line of its keyword to that of its closing brace.
struct Function: Equatable {
  let name: String
  let line: Int
  let lineCount: Int
}

func functions(in code: String) -> [Function] {
  let tokens = tokens(of: code)
  return tokens.indices.compactMap { index in
    guard let name = declaredFunction(at: index, in: tokens), let body = body(after: index, in: tokens),
      let end = closing(body, in: tokens)
    else { return nil }
    let line = tokens[index].line
    return Function(name: name, line: line, lineCount: tokens[end].line - line + 1)
  }
}

/// The name of what is declared at `index`; nil for everything but `func` and the `init` of a declaration.
private func declaredFunction(at index: Int, in tokens: [Token]) -> String? {
  let before = index > 0 ? tokens[index - 1].text : ""
  guard before != ".", before != "`", index + 1 < tokens.count else { return nil }
  switch tokens[index].text {
  case "func": return String(tokens[index + 1].text)
  case "init" where ["(", "<", "?", "!"].contains(tokens[index + 1].text): return "init"
  default: return nil
  }
}

private let opening: [Substring: Int] = ["(": 1, "[": 1, ")": -1, "]": -1]

private let declarationKeywords: Set<Substring> = [
  "associatedtype", "case", "class", "deinit", "enum", "extension", "func", "init", "let", "protocol",
  "static",
  "struct", "subscript", "typealias", "var",
]

/// Where the body of the function declared at `index` opens; nil for a requirement of a protocol, which has
/// none.
private func body(after index: Int, in tokens: [Token]) -> Int? {
  var depth = 0
  for position in (index + 1)..<tokens.count {
    let text = tokens[position].text
    depth += opening[text] ?? 0
    guard depth == 0 else { continue }
    if text == "{" { return position }
    if text == "}" || text == ";" || declarationKeywords.contains(text) { return nil }
  }
  return nil
}

private func closing(_ brace: Int, in tokens: [Token]) -> Int? {
  var depth = 0
  for position in brace..<tokens.count {
    if tokens[position].text == "{" { depth += 1 }
    if tokens[position].text == "}" { depth -= 1 }
    if depth == 0 { return position }
  }
  return nil
}

// MARK: Header

func headerComment(_ file: File) -> [Finding] {
  guard !file.isTest, file.path != "Package.swift" else { return [] }
  let first = lines(of: file.text).first ?? ""
  guard !first.hasPrefix("//") || first.hasPrefix("///") else { return [] }
  return [
    file.finding(
      1, "the file starts with '\(first)'", "a source file starts with a // comment that says what it is")
  ]
}

// MARK: The pure core

/// Words that mean waiting, reading a clock or drawing unseeded chance.
private let forbiddenWords: Set<Substring> = [
  "Task", "async", "await", "clock_gettime", "gettimeofday", "mach_absolute_time", "ContinuousClock",
  "SuspendingClock", "SystemRandomNumberGenerator", "fatalError",
]

func pureCore(_ file: File) -> [Finding] {
  guard file.module == "GrapevineCore" else { return [] }
  let rule = "the core takes time and chance as arguments, waits for nothing and does not trap"
  let words = tokens(of: file.code).filter { forbiddenWords.contains($0.text) }.map {
    ($0.line, String($0.text))
  }
  let patterns = [
    (#/\bDate\s*\(/#, "Date("),
    (#/\btry\s*!/#, "try!"),
    (#/\.shuffled?\s*\(\s*\)/#, "a shuffle without 'using:'"),
    (#/\.randomElement\s*\(\s*\)/#, "randomElement without 'using:'"),
    (#/\.random\s*\(\s*\)/#, "random without 'using:'"),
  ].flatMap { pattern, found in
    file.code.matches(of: pattern).map { (line(of: $0.range.lowerBound, in: file.code), found) }
  }
  let draws = unseededRandom(in: file.code).map { ($0, "random(in:) without 'using:'") }
  return (words + patterns + draws).sorted { $0.0 < $1.0 }.map { file.finding($0, $1, rule) }
}

private func line(of index: String.Index, in text: String) -> Int {
  1 + text.utf8[..<index].count { $0 == UInt8(ascii: "\n") }
}

/// The lines of the calls of `.random(in:` whose arguments name no generator.
private func unseededRandom(in code: String) -> [Int] {
  code.matches(of: #/\.random\s*\(\s*in\s*:/#).compactMap { match in
    var depth = 1
    let arguments = code[match.range.upperBound...].prefix { character in
      depth += opening[Substring(String(character))] ?? 0
      return depth > 0
    }
    return arguments.contains(#/\busing\s*:/#) ? nil : line(of: match.range.lowerBound, in: code)
  }
}

// MARK: Imports

/// The modules that each file imports, and where.
func imports(in code: String) -> [(line: Int, module: String)] {
  let statement = #/\bimport\s+(?:(?:typealias|struct|class|enum|protocol|let|var|func)\s+)?(\w+)/#
  return code.matches(of: statement).map { (line(of: $0.range.lowerBound, in: code), String($0.output.1)) }
}

func noFoundation(_ file: File) -> [Finding] {
  guard file.module != nil else { return [] }
  return imports(in: file.code).filter { $0.module.hasPrefix("Foundation") }.map {
    file.finding(
      $0.line, "import \($0.module)", "Foundation is for tests only: it costs start-up time and memory")
  }
}

/// What each module of ours may import of ours.
let importsAllowed: [String: Set<String>] = [
  "GrapevineCore": [],
  "GrapevineTransport": ["GrapevineCore", "CLinux"],
  "Grapevine": ["GrapevineCore", "GrapevineTransport"],
  "GrapevineStore": ["Grapevine", "GrapevineCore", "CSQLite"],
  "GrapevineSecurity": ["GrapevineCore", "GrapevineTransport", "CSodium", "COpenSSL"],
  "GrapevineSimulator": ["GrapevineCore"],
  "GrapevineDialect": ["GrapevineCore"],
  "GrapevineBridge": [
    "Grapevine", "GrapevineCore", "GrapevineTransport", "GrapevineDialect", "GrapevineDialectNode",
  ],
  "GrapevineDialectNode": ["GrapevineDialect", "GrapevineTransport", "GrapevineCore"],
  "GossipPython": ["GrapevineDialect", "GrapevineCore"],
  "ClojureGossip": ["GrapevineDialect", "GrapevineCore"],
  "Pittacus": ["GrapevineCore", "GrapevineDialect"],
  "PittacusC": ["Pittacus", "GrapevineCore", "GrapevineDialect", "CPittacus"],
  "ZGossip": ["GrapevineCore"],
  "ZeroMQ": ["CZeroMQ"],
  "ZGossipBridge": ["ZGossipNode", "Grapevine", "GrapevineCore"],
  "ZGossipNode": ["ZGossip", "ZeroMQ", "GrapevineTransport", "GrapevineCore"],
  "GrapevineConsole": ["GrapevineCore", "GrapevineTransport"],
  "ZGossipCommand": [
    "Grapevine", "ZGossipBridge",
    "ZGossipNode", "ZGossip", "GrapevineConsole", "GrapevineTransport", "GrapevineCore", "GrapevineSecurity",
  ],
  "GrapevineCommand": [
    "GrapevineConsole", "Grapevine", "GrapevineCore", "GrapevineTransport", "GrapevineSimulator",
    "GrapevineStore", "GrapevineDialect", "GrapevineDialectNode", "GrapevineBridge", "Pittacus",
    "GossipPython",
    "ClojureGossip", "GrapevineSecurity",
  ],
  "GrapevineBenchmarks": [
    "CLinux",
    "Grapevine", "GrapevineCore", "GrapevineTransport", "GrapevineSimulator", "GrapevineStore",
    "GrapevineDialect", "Pittacus", "PittacusC", "CPittacus", "CAllocations", "ZGossipNode", "ZeroMQ",
    "GrapevineSecurity", "COpenSSL",
  ],
]

let coreImportsAllowed: Set<String> = ["Glibc", "Musl", "Darwin"]

func importDirection(_ file: File) -> [Finding] {
  guard let module = file.module else { return [] }
  guard let allowed = importsAllowed[module] else {
    return [file.finding(1, "module \(module) is unknown", "say in importsAllowed what it may import")]
  }
  let ours = importsAllowed.values.reduce(Set(importsAllowed.keys)) { $0.union($1) }
  return imports(in: file.code).compactMap { line, imported in
    let permitted = module == "GrapevineCore" ? coreImportsAllowed : allowed
    guard ours.contains(imported) || module == "GrapevineCore", !permitted.contains(imported) else {
      return nil
    }
    let list = permitted.sorted().joined(separator: ", ")
    return file.finding(line, "\(module) imports \(imported)", "it may import only \(list)")
  }
}

// MARK: Defaults

func sourcedDefaults(_ file: File) -> [Finding] {
  guard file.name.contains("Configuration"), !file.isTest else { return [] }
  let variable = #/^\s*public\b[^={]*\bvar\s+(\w+)[^={]*=/#
  // A measurement, a choice that is called one, or a place in a paper or a standard.
  let source =
    #/(?si)Default:.*(measured by|chosen here|§|\b(section|table|figure|algorithm)\b|\bRFC \d+|\b(19|20)\d\d\b)/#
  let texts = lines(of: file.text)
  return lines(of: file.code).enumerated().compactMap { index, line in
    guard let match = line.firstMatch(of: variable) else { return nil }
    guard !documentation(above: index, in: texts).contains(source) else { return nil }
    return file.finding(
      index + 1, "the default of \(match.output.1) has no source",
      "its documentation says 'Default:' and then paper and section, 'measured by' or 'chosen here'")
  }
}

/// The text of the `///` lines right above line `index`, past attributes.
private func documentation(above index: Int, in lines: [Substring]) -> String {
  let trimmed = lines[..<index].reversed().lazy.map { $0.drop { $0 == " " } }
  let comment = trimmed.drop { $0.hasPrefix("@") }.prefix { $0.hasPrefix("///") }
  return comment.reversed().map { String($0.dropFirst(3)) }.joined(separator: "\n")
}

// MARK: Markers

/// Spelt in halves, so that this file does not find itself.
private let markers = ["TO" + "DO", "FIX" + "ME", "XX" + "X"]

/// Leftover markers; unlike the others this rule reads comments, and files of every kind.
func leftoverMarkers(_ file: File) -> [Finding] {
  lines(of: file.text).enumerated().compactMap { index, line in
    guard
      let marker = line.split(whereSeparator: { !isWordCharacter($0) }).first(where: {
        markers.contains(String($0))
      })
    else { return nil }
    return file.finding(index + 1, "'\(marker)'", "do it, record it in an issue, or state the limit")
  }
}
