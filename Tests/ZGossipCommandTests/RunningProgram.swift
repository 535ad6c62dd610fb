// The program in a process of its own, with pipes at its ends.

import Foundation
import GrapevineConsole
import Testing

/// A started `grapevine`.
final class RunningProgram: @unchecked Sendable {
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

  let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  private let error = Pipe()

  /// Starts `grapevine zgossip` with the given options, or another program like it.
  init(_ arguments: [String], program: URL = RunningProgram.program) throws {
    // As the program itself does: one that ends before it has read everything is no end of the tests.
    signal(SIGPIPE, SIG_IGN)
    process.executableURL = program
    process.arguments = ["zgossip"] + arguments
    process.standardInput = input
    process.standardOutput = output
    process.standardError = error
    try process.run()
  }

  deinit {
    // Nothing that a test started outlives it, stopped or not.
    if process.isRunning { kill(process.processIdentifier, SIGKILL) }
  }

  /// Starts a node at a free port, and returns where that is. The port is drawn by lot, so that no client of another
  /// test that ended before takes this node for its own.
  static func listening(_ more: [String] = []) throws -> (node: RunningProgram, endpoint: String) {
    let node = try RunningProgram(["--bind", "tcp://127.0.0.1:!"] + more)
    let first = try #require(node.line(with: "tcp://"))
    if more.contains("--json") {
      return (node, try #require(try JSONReader.read(Array(first.utf8)[...])["endpoint"]?.text))
    }
    #expect(first.hasPrefix("BOUND tcp://127.0.0.1:"))
    return (node, String(first.dropFirst("BOUND ".count)))
  }

  /// Writes lines to its standard input.
  func say(_ text: String) { input.fileHandleForWriting.write(Data(text.utf8)) }

  /// Ends its standard input.
  func sayNoMore() { input.fileHandleForWriting.closeFile() }

  /// Reads standard output until a line holds `text`; nil when it ends before.
  func line(with text: String) -> String? { Self.line(with: text, of: output) }

  /// Reads the next line of standard output.
  func nextLine() -> String? { Self.line(with: nil, of: output) }

  /// Reads standard error until a line holds `text`; nil when it ends before.
  func errorLine(with text: String) -> String? { Self.line(with: text, of: error) }

  private static func line(with text: String?, of pipe: Pipe) -> String? {
    var line: [UInt8] = []
    while let byte = pipe.fileHandleForReading.readData(ofLength: 1).first {
      guard byte == 0x0a else {
        line.append(byte)
        continue
      }
      let whole = String(decoding: line, as: UTF8.self)
      if text.map(whole.contains) ?? true { return whole }
      line = []
    }
    return nil
  }

  /// Asks it to end as `kill` does, and waits for that.
  func terminate() -> (output: String, error: String, code: Int32) {
    process.terminate()
    return finish()
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

  /// A new file with the given text.
  static func file(_ text: String, name: String = "settings.zpl") throws -> String {
    let folder = FileManager.default.temporaryDirectory.appending(path: "zgossip-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let file = folder.appending(path: name)
    try Data(text.utf8).write(to: file)
    return file.path
  }
}
