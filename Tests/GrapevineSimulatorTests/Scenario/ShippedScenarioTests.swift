import Foundation
import GrapevineCore
import Testing

@testable import GrapevineSimulator

/// The scenarios that are shipped, and the documents about them.
enum Shipped {
  static let root = URL(filePath: #filePath)
    .deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  static let folder = root.appending(path: "Scenarios")

  static let names: [String] = {
    let all = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    return all.filter { $0.hasSuffix(".txt") }.sorted()
  }()

  static func bytes(_ name: String) throws -> [UInt8] {
    Array(try Data(contentsOf: folder.appending(path: name)))
  }

  static func read(_ bytes: [UInt8]) throws(ScenarioError) -> Scenario {
    try Scenario(parsing: bytes, file: "s.txt") { name in
      Result { try Self.bytes(name) }.mapError { _ in FileProblem(reason: "which is not there") }
    }
  }
}

@Suite("Shipped scenarios: each runs and is as expected")
struct ShippedScenarioTests {
  @Test("there are some") func some() { #expect(Shipped.names.count >= 6) }

  @Test("at an eighth of the size, everything is as expected", arguments: Shipped.names)
  func holds(name: String) async throws {
    var scenario = try Shipped.read(try Shipped.bytes(name))
    scenario.nodes /= 8
    let smaller = scenario
    let report = try await aside { try smaller.run(seed: 1) }
    #expect(report.holds, "\(name): \(report.verdicts.filter { !$0.holds })")
    #expect(report.skipped == 0 && report.reliability.secondsToRepair != nil)
    #expect(report.verdicts.count == scenario.expectations.count)
  }

  @Test("the document about the simulator explains every kind of line and names every scenario")
  func document() throws {
    let text = try String(contentsOf: Shipped.root.appending(path: "Docs/simulator.md"), encoding: .utf8)
    for directive in Directive.all {
      #expect(text.contains("| `\(directive.usage.replacing("|", with: "\\|"))` |"), "\(directive.usage)")
    }
    for name in Shipped.names { #expect(text.contains(name)) }
  }

  @Test(
    "random changes of the shipped scenarios never trap: they are read, or refused with a line",
    arguments: 1...8 as ClosedRange<UInt64>)
  func mutations(seed: UInt64) throws {
    var generator = Generator(seed: seed)
    let texts = try Shipped.names.map { try Shipped.bytes($0) }
    let words = (Directive.all.flatMap { $0.words + $0.parts.map(\.name) } + ["at", "expect", "99999999999"])
      .map { Array($0.utf8) }
    var read = 0
    for _ in 0..<150 {
      var bytes = texts[generator.below(texts.count)]
      for _ in 0...generator.below(3) { change(&bytes, words, &generator) }
      let lines = bytes.count { $0 == 0x0a } + 1
      do {
        let scenario = try Shipped.read(bytes)
        #expect(scenario.nodes >= 2 && scenario.messages > 0)
        read += 1
      } catch {
        #expect((1...lines).contains(error.line) && error.message.contains("found"))
      }
    }
    #expect(read > 0 && read < 150)
  }

  private func change(_ bytes: inout [UInt8], _ words: [[UInt8]], _ generator: inout Generator) {
    guard !bytes.isEmpty else { return }
    let place = generator.below(bytes.count)
    switch generator.below(7) {
    case 0: bytes[place] = UInt8(truncatingIfNeeded: generator.next())
    case 1: bytes.remove(at: place)
    case 2: bytes.insert(UInt8(ascii: "0") + UInt8(generator.below(10)), at: place)
    case 3: bytes.insert(contentsOf: words[generator.below(words.count)], at: place)
    case 4: bytes.removeSubrange(place..<min(bytes.count, place + generator.below(30)))
    case 5:
      bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 40)], at: generator.below(bytes.count))
    default:
      let other = generator.below(bytes.count)
      bytes.swapAt(place, other)
    }
  }
}
