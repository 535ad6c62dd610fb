// The built program, run as a user runs it.

import Foundation
import GrapevineConsole
import Testing

@testable import GrapevineCommand

@Suite("The program, end to end", .timeLimit(.minutes(5)))
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

    /// Starts the program; `environment` goes on top of this process's.
    init(_ arguments: [String], environment: [String: String] = [:]) throws {
      // As the program itself does: one that ends before it has read everything is no end of the tests.
      signal(SIGPIPE, SIG_IGN)
      process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
      process.executableURL = EndToEndTests.program
      process.arguments = arguments
      process.standardInput = input
      process.standardOutput = output
      process.standardError = error
      try process.run()
    }

    /// Reads standard output, or another pipe, until a line holds `text`; nil when it ends before.
    func line(with text: String, of pipe: Pipe? = nil) -> String? {
      var line: [UInt8] = []
      while let byte = (pipe ?? output).fileHandleForReading.readData(ofLength: 1).first {
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

  @Test("a scenario's run is the same in two processes, and another with another seed")
  func scenario() throws {
    let file = try Self.file(
      """
      nodes 12
      latency matrix delays.csv jitter 10%
      skew 100ppm offset 1s
      loss 5%
      at 0s..2s join
      at 3s broadcast 10 from 3 over 2s
      at 4s pause 20% for 500ms
      expect delivered 100%
      """)
    let arguments = ["simulate", file, "--json", "--runs", "2", "--jobs", "1", "--seed"]
    let outputs = try [1, 1, 2].map { try Running(arguments + ["\($0)"]).finish() }
    #expect(outputs.allSatisfy { $0.code == 0 }, "\(outputs)")
    // The last line is the summary, which holds the time that it took.
    let lines = outputs.map { $0.output.split(separator: "\n").dropLast() }
    #expect(lines[0].count == 2 && lines[0] == lines[1])
    #expect(lines[0].last == lines[2].first)
    let first = try JSONReader.read(Array(lines[0][0].utf8)[...])
    #expect(first["delivered"]?.count == first["expected"]?.count)
    #expect(first["trace"]?.text?.count == 16)
  }

  @Test("a scenario that is not as expected is exit 2; one that cannot be read says where and is exit 1")
  func scenarioFailures() throws {
    let strict =
      "nodes 4\nat 0s join\nat 1s broadcast 1 from 1\nexpect copies 1\nexpect reach 100% within 1ms\n"
    let broken = try Running(["simulate", try Self.file(strict)]).finish()
    #expect(broken.code == 2, "\(broken)")
    #expect(
      broken.output.contains("expect reach 100% within 1ms") && broken.output.contains("NOT AS EXPECTED"))
    let file = try Self.file("nodes 4\nloss much\n")
    let bad = try Running(["simulate", file]).finish()
    #expect(bad.code == 1)
    #expect(bad.error == "\(file):2: found \"much\"; allowed are shares from 0% to 100%\n")
    let missing = try Running(["simulate", file + ".not"]).finish()
    #expect(missing.code == 1 && missing.error.contains("does not exist"))
    let folder = try Running(["simulate", "/"]).finish()
    #expect(folder.code == 1 && folder.error.contains("\"/\", which is a directory"))
    let lost = try Running(["simulate", try Self.file("latency matrix nowhere.csv")]).finish()
    #expect(lost.code == 1 && lost.error.contains(":1: found \"nowhere.csv\", which does not exist"))
    let mixed = try Running(["simulate", file, "--nodes", "5"]).finish()
    #expect(mixed.code == 64 && mixed.error.contains("--nodes with a scenario"))
  }

  /// Writes a scenario, with a matrix of delays beside it, and returns its path.
  private static func file(_ text: String) throws -> String {
    let folder = FileManager.default.temporaryDirectory.appending(path: "grapevine-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    try Data("a,b\n1,20\n30,1\n".utf8).write(to: folder.appending(path: "delays.csv"))
    let file = folder.appending(path: "scenario.txt")
    try Data(text.utf8).write(to: file)
    return file.path
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
