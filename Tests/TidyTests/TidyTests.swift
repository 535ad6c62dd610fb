// The house rules, checked on this repository.

import Foundation
import Testing

@Suite("Tidy: this repository keeps its rules")
struct TidyTests {
  /// Every text file of the repository but what builds leave behind.
  static let files = textFiles(below: root)

  private static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()

  private static func textFiles(below root: URL) -> [File] {
    let ours = [".ci", ".github"]
    guard let walk = FileManager.default.enumerator(atPath: root.path) else { return [] }
    var files: [File] = []
    for case let path as String in walk {
      let name = path.split(separator: "/").last ?? ""
      if (name.hasPrefix(".") && !ours.contains(path)) || path == "out" {
        walk.skipDescendants()
      } else if let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) {
        files.append(File(path: path, text: text))
      }
    }
    return files.sorted { $0.path < $1.path }
  }

  @Test("the walk finds the package's own files")
  func walk() {
    let expected = ["Package.swift", "Makefile", ".ci/run", "Tests/TidyTests/TidyTests.swift"]
    #expect(Set(expected).subtracting(Self.files.map(\.path)) == [])
    #expect(Set(Self.files.compactMap(\.module)).isSuperset(of: importsAllowed.keys))
  }

  @Test("every Swift file keeps the rule", arguments: swiftRules)
  func swiftFiles(rule: SwiftRule) {
    for file in Self.files where file.path.hasSuffix(".swift") { report(rule.check(file)) }
  }

  @Test("no file holds a leftover marker")
  func markers() {
    for file in Self.files { report(leftoverMarkers(file)) }
  }

  private func report(_ findings: [Finding]) {
    for finding in findings { Issue.record("\(finding)") }
  }
}
