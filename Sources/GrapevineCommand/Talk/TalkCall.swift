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

  /// The text of the operand, or without one or with `-` all of standard input.
  static func payload(_ operand: String?) throws(ControlFailure) -> [UInt8] {
    if let operand, operand != "-" { return Array(operand.utf8) }
    do throws(FileFailure) {
      // Longer than what most agents take, which say how much that is.
      return try readAll(0, limit: 128 << 20)
    } catch {
      throw ControlFailure("standard input cannot be read, \(error.reason)")
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
