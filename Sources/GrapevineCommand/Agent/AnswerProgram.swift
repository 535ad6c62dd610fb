// A shell command that answers questions for an agent.
//
// One command after the other, on a thread of its own that may wait for the command. Questions that come meanwhile
// wait for it; those whose time ends are not answered. Nobody waits for an asker to confirm an answer.

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
  /// Time for the command. Chosen here: as long as most who ask wait, and more.
  var patience: Nanoseconds = 30_000_000_000
  /// Told what went wrong and what was cut off.
  var warn: @Sendable (String) -> Void = { Standard.error("grapevine agent: \($0)\n") }

  /// Milliseconds between two looks whether a command that prints no more has ended.
  private static let pause: Int32 = 5

  /// Bytes after which a command is ended. Chosen here: far more than an answer can have.
  private static let outputLimit = 1 << 20

  /// Answers questions until the node leaves.
  ///
  /// - Parameter executor: What the answers are sent on while the next command runs.
  func answer(_ questions: DirectSequence<MemberQuestion>, on executor: EventLoop) async {
    for await question in questions {
      do {
        let answer = try output(for: question.payload)
        // Whoever asked may have crashed, which shows after seconds only: others do not wait for that. If so, or if it
        // asks no longer, nothing is lost.
        Task(executorPreference: executor) { try? await question.answer(answer) }
        await Task.yield()
      } catch {
        warn("the command of --answer failed: \(error)")
      }
    }
  }

  /// What the command prints, given the question on its standard input; without the end of a last line.
  ///
  /// - Throws: When it cannot be started, ends with another code than 0, or not in time.
  func output(for question: [UInt8]) throws(AnswerFailure) -> [UInt8] {
    guard let child = try? ChildProcess(path: "/bin/sh", arguments: ["-c", command], leadsGroup: true) else {
      throw AnswerFailure(description: "it cannot be started")
    }
    let end = MonotonicClock.now() + patience
    // Shorter than what a pipe holds.
    child.write(question)
    child.closeInput()
    var output: [UInt8] = []
    while child.output >= 0 {
      var wait = pollfd(fd: child.output, events: Int16(POLLIN), revents: 0)
      let rest = milliseconds(until: end)
      guard output.count <= Self.outputLimit, rest > 0, poll(&wait, 1, rest) > 0 else {
        throw kill(
          child,
          output.count > Self.outputLimit ? "it printed more than \(Self.outputLimit) bytes" : lateness)
      }
      output += child.readBytes()
    }
    // It may have closed its output and go on.
    while !child.reap() {
      guard milliseconds(until: end) > 0 else { throw kill(child, lateness) }
      _ = poll(nil, 0, Self.pause)
    }
    guard child.status == 0 else { throw AnswerFailure(description: child.statusText) }
    while output.last == UInt8(ascii: "\n") { output.removeLast() }
    if output.count > limit {
      warn("the command of --answer printed \(output.count) bytes; what is beyond \(limit) is cut off")
    }
    return Array(output.prefix(limit))
  }

  private var lateness: String { "it did not end within \(patience / 1_000_000_000) s" }

  private func milliseconds(until end: Instant) -> Int32 {
    Int32(clamping: end.since(MonotonicClock.now()) / 1_000_000)
  }

  /// Ends a command and all that it started.
  private func kill(_ child: ChildProcess, _ reason: String) -> AnswerFailure {
    child.signal(SIGKILL)
    child.reap(waiting: true)
    return AnswerFailure(description: reason)
  }
}
