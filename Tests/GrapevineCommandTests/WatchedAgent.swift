// An agent whose events are collected while it runs, so that a test can wait for what it prints.

import Foundation
import GrapevineConsole
import Testing

@testable import GrapevineCommand

/// A running agent of a cluster on this machine.
final class WatchedAgent: @unchecked Sendable {
  private let running: EndToEndTests.Running
  private let changed = NSCondition()
  private var events: [JSONValue] = []
  private var unfinished: [UInt8] = []
  private var hasEnded = false

  /// Starts an agent that probes five times a second.
  convenience init(
    _ more: [String] = [], bind: String = "127.0.0.1:0", join: String? = nil, control: String = "none"
  ) throws {
    var line = ["agent", "--json", "--bind", bind, "--probe-interval", "0.2", "--control", control]
    if let join { line += ["--join", join] }
    try self.init(running: line + more)
  }

  /// Starts the program with a command line of its own, which must print JSON.
  init(running line: [String]) throws {
    running = try EndToEndTests.Running(line)
    // A thread and not a task: reading blocks. While it does, it keeps nothing alive but the pipe.
    let output = running.output.fileHandleForReading
    Thread { [weak self] in
      while self?.take(output.availableData) == true {}
    }.start()
  }

  deinit {
    // Nothing that a test started outlives it, stopped or not.
    signal(SIGKILL)
  }

  /// Takes what it has printed; false when that was the end.
  private func take(_ data: Data) -> Bool {
    changed.withLock {
      unfinished += data
      while let stop = unfinished.firstIndex(of: 0x0a) {
        if let event = try? JSONReader.read(unfinished[..<stop]) { events.append(event) }
        unfinished.removeSubrange(...stop)
      }
      hasEnded = data.isEmpty
      changed.broadcast()
    }
    return !data.isEmpty
  }

  /// What it has printed so far.
  var printed: [JSONValue] { changed.withLock { events } }

  /// Whether nothing more will be printed.
  var isEnded: Bool { changed.withLock { hasEnded } }

  /// Waits until what it has printed is as wanted; false when it ends before, or the time is over.
  func wait(seconds: Double = 60, until isThere: ([JSONValue]) -> Bool) -> Bool {
    let limit = Date(timeIntervalSinceNow: seconds)
    return changed.withLock {
      while !isThere(events) {
        guard !hasEnded, changed.wait(until: limit) else { return isThere(events) }
      }
      return true
    }
  }

  /// Its address, once it has said so.
  func address() throws -> String {
    _ = wait { $0.contains { $0["event"]?.text == "listening" } }
    return try #require(printed.first { $0["event"]?.text == "listening" }?["address"]?.text)
  }

  /// Sends a signal, unless it has ended already.
  func signal(_ number: Int32) {
    guard running.process.isRunning else { return }
    kill(running.process.processIdentifier, number)
  }

  /// Waits until it ends; returns what it wrote on standard error and its exit code.
  func finish() -> (error: String, code: Int32) {
    let error = running.error.fileHandleForReading.readDataToEndOfFile()
    running.process.waitUntilExit()
    return (String(decoding: error, as: UTF8.self), running.process.terminationStatus)
  }
}

extension [JSONValue] {
  /// What became of the member at the address, in order.
  func changes(of address: String) -> [String] {
    compactMap { $0["event"]?.text == "member" && $0["address"]?.text == address ? $0["change"]?.text : nil }
  }

  /// Whether the last that became of each of them is one of these.
  func last(of addresses: [String], isOneOf changes: Set<String>) -> Bool {
    addresses.allSatisfy { self.changes(of: $0).last.map(changes.contains) ?? false }
  }

  /// What was told of the member at the address last, with the given change.
  func last(_ change: String, of address: String) -> JSONValue? {
    last { $0["event"]?.text == "member" && $0["address"]?.text == address && $0["change"]?.text == change }
  }
}
