// One call of an agent by `grapevine send` or `grapevine ask`, and what is printed of it.

import Grapevine
import GrapevineConsole
import GrapevineCore

/// Asks the agent, and hands each line of the answer to whoever prints it.
struct TalkCall {
  /// `send` or `ask`: who complains.
  let command: String
  let agent: String
  let isJSON: Bool

  init(_ command: String, _ arguments: Arguments) {
    self.command = command
    agent = arguments.text("--agent")
    isJSON = arguments.has("--json")
  }

  /// Bytes that are read at most. Chosen here: more than what most agents take, which say how much that is.
  private static let readLimit = 128 << 20

  /// The text of the operand, or without one or with `-` all of standard input; with a file, all of that.
  static func payload(_ operand: String?, file: String? = nil) throws(ControlFailure) -> [UInt8] {
    if let operand, operand != "-", file == nil { return Array(operand.utf8) }
    do throws(FileFailure) {
      let value: [UInt8]
      if let file {
        value = try readFile(file, limit: readLimit)
      } else {
        value = try readAll(0, limit: readLimit)
      }
      guard value.count <= readLimit else {
        throw FileFailure(reason: "which has more than \(readLimit) bytes: send it in parts")
      }
      return value
    } catch {
      throw ControlFailure("\(file.map(quoted) ?? "standard input") cannot be read, \(error.reason)")
    }
  }

  /// Sends a request and takes its answer.
  ///
  /// - Parameters:
  ///   - patience: Milliseconds to wait for the next line.
  ///   - take: Prints what a line says; the last one has `end`. Its result is the exit code.
  /// - Returns: The exit code; 1 when something fails.
  func run(
    _ request: @autoclosure () throws(ControlFailure) -> (line: String, value: [UInt8]), patience: Int32,
    take: (_ line: JSONValue, _ isEnd: Bool) -> (output: String?, code: Int32)
  ) -> Int32 {
    do throws(ControlFailure) {
      let request = try request()
      let path = try MembersCommand.path(of: agent)
      let connection = try ControlConnection(path: path, request: request.line, value: request.value)
      while true {
        guard let line = try connection.next(within: patience) else {
          throw ControlFailure("the agent at \(path) has gone away")
        }
        guard let value = try? JSONReader.read(line[...]) else {
          throw ControlFailure("what answers is no agent: it sent no JSON")
        }
        if let error = value["error"]?.text {
          throw ControlFailure("the agent says: \(Terminal.printable(error))")
        }
        let isEnd = value["end"] == .bool(true)
        let (text, code) = take(value, isEnd)
        let bytes = isJSON ? line + [UInt8(ascii: "\n")] : Array((text ?? "").utf8)
        // Nobody reads any more.
        guard Standard.write(bytes, to: 1) else { return ExitCode.success }
        if isEnd { return code }
      }
    } catch {
      Standard.error("grapevine \(command): \(error)\n")
      return ExitCode.failure
    }
  }
}
