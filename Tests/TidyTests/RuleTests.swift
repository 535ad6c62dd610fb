// Each house rule must fail on a bad sample and pass a good one; a rule that cannot fail checks nothing.

import Testing

@Suite("Tidy: each rule can fail")
struct RuleTests {
  private func core(_ text: String) -> File { File(path: "Sources/GrapevineCore/Sample.swift", text: text) }

  private func repeated(_ line: String, _ count: Int) -> String {
    String(repeating: line + "\n", count: count)
  }

  @Test(
    "a file longer than its limit is found",
    arguments: [("Sources/Grapevine/A.swift", fileLinesMax), ("Tests/ATests/A.swift", testFileLinesMax)])
  func longFile(path: String, limit: Int) {
    #expect(fileLength(File(path: path, text: repeated("let a = 1", limit))).isEmpty)
    #expect(fileLength(File(path: path, text: repeated("let a = 1", limit + 1))).map(\.line) == [limit + 1])
  }

  @Test(
    "a function longer than 70 lines is found",
    arguments: ["func long(a: Int = { 1 }()) throws(E) -> Int {", "init?<T>(_ a: T) where T: P {"])
  func longFunction(head: String) {
    let body = { (lines: Int) in "\n" + head + "\n" + self.repeated("  a(\"}\") // }", lines) + "}\n" }
    #expect(functionLength(core(body(functionLinesMax - 2))).isEmpty)
    #expect(functionLength(core(body(functionLinesMax - 1))).map(\.line) == [2])
  }

  @Test("calls of initialisers and requirements of protocols are not functions with bodies")
  func notFunctions() {
    let code = """
      protocol P {
        func first()
        init()
        var value: Int { get }
      }
      let value = Value.init(1)
      if true { }
      func real() { }
      """
    #expect(functions(in: code) == [Function(name: "real", line: 8, lineCount: 1)])
  }

  @Test(
    "a source without a header comment is found",
    arguments: ["import Glibc\n", "/// Value.\nlet a = 1\n", ""])
  func noHeader(text: String) {
    #expect(headerComment(core(text)).count == 1)
    #expect(headerComment(core("// What this is.\n" + text)).isEmpty)
    #expect(headerComment(File(path: "Tests/ATests/A.swift", text: text)).isEmpty)
    #expect(headerComment(File(path: "Package.swift", text: text)).isEmpty)
  }

  @Test(
    "what the core must not do is found, in the core only",
    arguments: [
      "Task { }", "func f() async", "await f()", "clock_gettime(CLOCK_MONOTONIC, &t)", "ContinuousClock.now",
      "SuspendingClock()", "Date()", "Int.random(in: 0..<f(9))", "Bool.random()",
      "SystemRandomNumberGenerator()", "a.shuffled()", "a.shuffle()", "a.randomElement()",
      "fatalError(\"x\")", "try! f()", "\"\\(Date())\"",
    ])
  func impureCore(code: String) {
    #expect(pureCore(core("// Header.\n" + code)).map(\.line) == [2])
    #expect(pureCore(File(path: "Sources/Grapevine/A.swift", text: code)).isEmpty)
  }

  @Test(
    "what the core may do, or only speaks of, is not found",
    arguments: [
      "Int.random(in: f(0)..<9, using: &generator)", "a.shuffled(using: &generator)",
      "a.randomElement(using: &generator)", "// await Task", "/* try! /* Date() */ await */", "\"await\"",
      "#\"await \\(Date())\"#", "\"\"\"\nawait \" try!\n\"\"\"", "awaiting()", "asyncTask", "update(now)",
    ])
  func pureCode(code: String) {
    #expect(pureCore(core(code)).isEmpty)
  }

  @Test(
    "Foundation in a source is found",
    arguments: [
      "import Foundation", "import FoundationEssentials", "@preconcurrency import struct Foundation.Date",
      "#if canImport(Foundation)\n  import Foundation\n#endif",
    ])
  func foundation(code: String) {
    for module in ["GrapevineCore", "GrapevineCommand"] {
      #expect(noFoundation(File(path: "Sources/\(module)/A.swift", text: code)).count == 1)
    }
    #expect(noFoundation(File(path: "Tests/ATests/A.swift", text: code)).isEmpty)
    #expect(noFoundation(core("// import Foundation")).isEmpty)
  }

  @Test(
    "an import that points up is found",
    arguments: [
      ("GrapevineCore", "GrapevineTransport"), ("GrapevineCore", "Synchronization"),
      ("GrapevineCore", "CLinux"),
      ("GrapevineTransport", "Grapevine"), ("GrapevineSimulator", "GrapevineTransport"),
      ("Grapevine", "GrapevineSimulator"), ("GrapevineCommand", "CAllocations"),
    ])
  func upwardImport(module: String, imported: String) {
    let file = File(path: "Sources/\(module)/A.swift", text: "// Header.\n\n@testable import \(imported)\n")
    #expect(importDirection(file).map(\.line) == [3])
  }

  @Test(
    "an import that points down is not found",
    arguments: [
      ("GrapevineCore", "Glibc"), ("GrapevineTransport", "CLinux"), ("GrapevineTransport", "GrapevineCore"),
      ("GrapevineSimulator", "GrapevineCore"), ("Grapevine", "Synchronization"),
      ("GrapevineBenchmarks", "CAllocations"),
    ])
  func downwardImport(module: String, imported: String) {
    #expect(importDirection(File(path: "Sources/\(module)/A.swift", text: "import \(imported)\n")).isEmpty)
  }

  @Test("a module without a rule is found")
  func unknownModule() {
    #expect(importDirection(File(path: "Sources/Newcomer/A.swift", text: "")).count == 1)
  }

  private func configuration(_ documentation: String, _ variable: String) -> File {
    File(
      path: "Sources/GrapevineCore/OverlayConfiguration.swift", text: documentation + "\n  " + variable + "\n"
    )
  }

  @Test(
    "a default without a source is found",
    arguments: [
      "", "/// Neighbours kept.", "/// Default: 5.", "// Default: 5, chosen here.", "/// Default: 5.\n\n",
    ])
  func unsourcedDefault(documentation: String) {
    for variable in [
      "public var size = 5", "public var size: [Int: Int] = [:]", "public nonisolated var size = 5",
    ] {
      #expect(sourcedDefaults(configuration(documentation, variable)).count == 1)
    }
  }

  @Test(
    "a default with a source is not found",
    arguments: [
      "/// Default: 5; chosen here.", "/// Default: 5, measured by `grapevine bench`.",
      "/// Default: 5\n/// (HyParView, Leitão et al., DSN 2007).", "/// Default: 3 (SWIM §4.1).",
      "/// Default: 1,200 (RFC 9000, section 14).\n@available(*, deprecated)",
    ])
  func sourcedDefault(documentation: String) {
    #expect(sourcedDefaults(configuration(documentation, "public var size = 5")).isEmpty)
  }

  @Test("computed values and private ones need no source")
  func noDefault() {
    for variable in ["public var size: Int { a = 5 }", "var size = 5", "public let size: Int"] {
      #expect(sourcedDefaults(configuration("", variable)).isEmpty)
    }
  }

  @Test("a leftover marker is found in any file", arguments: ["TO" + "DO", "FIX" + "ME", "XX" + "X"])
  func marker(marker: String) {
    #expect(leftoverMarkers(File(path: "README.md", text: "a\n<!-- \(marker): b -->\n")).map(\.line) == [2])
    #expect(leftoverMarkers(core("let a = 1 // \(marker)\n")).count == 1)
    #expect(leftoverMarkers(core("mkdtemp(\"\(marker)\(marker)\")\n")).isEmpty)
  }

  @Test("blanking keeps lines and the code inside interpolations")
  func blanking() {
    #expect(codeOnly("a /* b\n */ c // d\n\"e\\(f(\")\"))g\" h") == "a     \n    c     \n   (f(   ))   h")
    #expect(codeOnly("#if x\n##\"a\"# \\#(b)\"## c") == "#if x\n" + String(repeating: " ", count: 16) + "c")
    #expect(codeOnly("#/\"/# a \"\\\"\" b") == "      a      b")
  }
}
