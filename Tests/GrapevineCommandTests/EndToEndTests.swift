// The built program, run as a user runs it.

import Foundation
import Testing

@testable import GrapevineCommand

@Suite("The program, end to end", .timeLimit(.minutes(2)))
struct EndToEndTests {
  /// The program, which is built beside the tests.
  static let program: URL = {
    let own = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
    var directory = own.deletingLastPathComponent()
    while directory.path != "/" {
      let candidate = directory.appending(path: "grapevine")
      if FileManager.default.isExecutableFile(atPath: candidate.path) { return candidate }
      directory.deleteLastPathComponent()
    }
    return own
  }()

  /// A started program and its pipes.
  struct Running {
    let process = Process()
    let input = Pipe()
    let output = Pipe()
    let error = Pipe()

    init(_ arguments: [String]) throws {
      process.executableURL = EndToEndTests.program
      process.arguments = arguments
      process.standardInput = input
      process.standardOutput = output
      process.standardError = error
      try process.run()
    }

    /// Reads standard output until a line holds `text`; nil when it ends before.
    func line(with text: String) -> String? {
      var line: [UInt8] = []
      while let byte = output.fileHandleForReading.readData(ofLength: 1).first {
        guard byte == 0x0a else {
          line.append(byte)
          continue
        }
        let whole = String(decoding: line, as: UTF8.self)
        if whole.contains(text) { return whole }
        line = []
      }
      return nil
    }

    /// What is still to read, and the exit code.
    func finish() -> (output: String, error: String, code: Int32) {
      let rest = output.fileHandleForReading.readDataToEndOfFile()
      let errors = error.fileHandleForReading.readDataToEndOfFile()
      process.waitUntilExit()
      return (
        String(decoding: rest, as: UTF8.self), String(decoding: errors, as: UTF8.self),
        process.terminationStatus
      )
    }
  }

  @Test("a demo of 4 agents and 20 messages delivers 80 of 80, none twice")
  func demo() throws {
    let result = try Running(["demo", "--nodes", "4", "--messages", "20", "--json"]).finish()
    #expect(result.code == 0, "\(result.error)")
    let report = try JSONReader.read(Array(result.output.utf8)[...])
    #expect(report["expected"]?.count == 80)
    #expect(report["delivered"]?.count == 80)
    #expect(report["duplicates"]?.count == 0)
    #expect(report["agentsWithoutCounters"]?.count == 0)
  }

  @Test("an agent delivers lines, and on SIGTERM says goodbye and exits with 0")
  func goodbye() throws {
    let founder = try Running(["agent", "--json", "--bind", "127.0.0.1:0"])
    let listening = try #require(founder.line(with: "\"listening\""))
    let address = try #require(try JSONReader.read(Array(listening.utf8)[...])["address"]?.text)
    let member = try Running(["agent", "--json", "--bind", "127.0.0.1:0", "--join", address])
    #expect(member.line(with: "\"connected\"") != nil)
    member.input.fileHandleForWriting.write(Data("hello\n".utf8))
    #expect(founder.line(with: "\"delivery\"")?.contains("\"payload\":\"hello\"") == true)
    member.process.terminate()
    let left = member.finish()
    #expect(left.code == 0, "\(left.error)")
    #expect(left.output.contains("\"disconnected\""))
    #expect(left.output.contains("\"counters\""))
    #expect(founder.line(with: "\"neighbourDown\"")?.contains("closedByPeer") == true)
    founder.process.interrupt()
    #expect(founder.finish().code == 0)
  }

  @Test("an agent leaves at the end of its input when told to, with everything sent")
  func endOfInput() throws {
    let founder = try Running(["agent", "--json", "--bind", "127.0.0.1:0"])
    let listening = try #require(founder.line(with: "\"listening\""))
    let address = try #require(try JSONReader.read(Array(listening.utf8)[...])["address"]?.text)
    let member = try Running(["agent", "--bind", "127.0.0.1:0", "--join", address, "--exit-at-end"])
    member.input.fileHandleForWriting.write(Data("one\nlast".utf8))
    member.input.fileHandleForWriting.closeFile()
    #expect(founder.line(with: "\"payload\":\"last\"") != nil)
    #expect(member.finish().code == 0)
    founder.process.terminate()
    #expect(founder.finish().code == 0)
  }

  @Test("a port in use is exit 1, a bad option exit 64")
  func failures() throws {
    let holder = try Running(["agent", "--bind", "127.0.0.1:0"])
    let address = try #require(holder.line(with: "listening on")?.split(separator: " ").last.map(String.init))
    let second = try Running(["agent", "--bind", address]).finish()
    #expect(second.code == 1)
    #expect(second.error.contains("in use"))
    holder.process.terminate()
    #expect(holder.finish().code == 0)
    let lost = try Running(["agent", "--bind", "127.0.0.1:0", "--join", "nosuch.invalid:9"]).finish()
    #expect(lost.code == 1)
    #expect(lost.error.contains("nosuch.invalid"))
    let bad = try Running(["demo", "--nodes", "1"]).finish()
    #expect(bad.code == 64)
    #expect(bad.error.contains("--nodes is \"1\"; it must be a whole number from 2 to 512"))
  }

  @Test("the papers' tables: an unknown one is exit 64, a report that cannot be written exit 1, both at once")
  func papers() throws {
    let unknown = try Running(["simulate", "--papers", "--only", "no such"]).finish()
    #expect(unknown.code == 64)
    #expect(unknown.error.contains("--only is \"no such\", which is no table"))
    #expect(unknown.output.isEmpty)
    let report = try Running(["simulate", "--papers", "--report", "/no such/page.html"]).finish()
    #expect(report.code == 1)
    #expect(report.error.contains("the report \"/no such/page.html\" cannot be written: No such file"))
    #expect(report.output.isEmpty)
    let list = try Running(["simulate", "--papers", "--list"]).finish()
    #expect(list.code == 0 && list.output.hasSuffix(" runs\n"))
    let help = try Running(["simulate", "--help", "--papers"]).finish()
    #expect(help.code == 0 && help.output.contains("--report FILE"))
  }
}
