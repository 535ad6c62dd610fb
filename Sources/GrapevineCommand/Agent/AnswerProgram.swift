// A shell command that answers questions for an agent.
//
// One question after the other, on a thread of its own that may wait for the command. Questions that come meanwhile
// wait for it; those whose time ends are not answered.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// What went wrong with the command.
struct AnswerFailure: Error, CustomStringConvertible {
  let description: String
}

/// Answers questions with what a command prints.
struct AnswerProgram: Sendable {
  let command: String
  /// Bytes of an answer at most; what the command prints beyond is cut off.
  let limit: Int

  /// Seconds for the command. Chosen here: as long as most who ask wait, and more.
  static let patience: Nanoseconds = 30_000_000_000

  /// Bytes after which a command is ended. Chosen here: far more than an answer can have.
  private static let outputLimit = 1 << 20

  /// Answers questions until the node leaves.
  func answer(_ questions: DirectSequence<MemberQuestion>) async {
    for await question in questions {
      do {
        try await question.answer(try output(for: question.payload))
      } catch let failure as AnswerFailure {
        Standard.error("grapevine agent: the command of --answer failed: \(failure)\n")
      } catch {
        // Whoever asked has gone, or asks no longer.
      }
    }
  }

  /// What the command prints, given the question on its standard input; without the end of a last line.
  ///
  /// - Throws: When it cannot be started, ends with another code than 0, or not in time.
  func output(for question: [UInt8]) throws(AnswerFailure) -> [UInt8] {
    guard let child = try? ChildProcess(path: "/bin/sh", arguments: ["-c", command]) else {
      throw AnswerFailure(description: "it cannot be started")
    }
    let end = MonotonicClock.now() + Self.patience
    // Shorter than what a pipe holds.
    child.write(question)
    child.closeInput()
    var output: [UInt8] = []
    while child.output >= 0 {
      let rest = end.since(MonotonicClock.now()) / 1_000_000
      var wait = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
      guard rest > 0, output.count <= Self.outputLimit, poll(&wait, 1, Int32(clamping: rest)) > 0 else {
        child.signal(SIGKILL)
        child.reap(waiting: true)
        throw AnswerFailure(
          description: output.count > Self.outputLimit
            ? "it printed more than \(Self.outputLimit) bytes"
            : "it did not end within \(Self.patience / 1_000_000_000) s")
      }
      output += child.readBytes()
    }
    child.reap(waiting: true)
    guard child.status == 0 else { throw AnswerFailure(description: child.statusText) }
    while output.last == UInt8(ascii: "\n") { output.removeLast() }
    return Array(output.prefix(limit))
  }
}
