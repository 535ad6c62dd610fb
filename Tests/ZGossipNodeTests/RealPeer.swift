// Real nodes of zgossip in a process of their own, which a test drives; Tests/ZGossipPeers/peer.c says with what lines.

import Foundation
import Testing

/// A process with real nodes, from libczmq. It ends with this object at the latest.
final class RealPeer: @unchecked Sendable {
  /// What went wrong while driving it.
  struct Fault: Error, CustomStringConvertible {
    let description: String
  }

  /// Where `make zgossip-peers` puts the program.
  static let program = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: ".build/zgossip/peer")

  /// Whether there is such a program; tests that need it are skipped where there is not.
  static var isBuilt: Bool { FileManager.default.isExecutableFile(atPath: program.path) }

  /// Writing to a process that has ended is to throw, and not to end the tests.
  private static let ignoresBrokenPipes: Void = { _ = signal(SIGPIPE, SIG_IGN) }()

  private let process = Process()
  private let input = Pipe()
  private let output = Pipe()
  /// Guards what is below, and tells of its changes.
  private let changed = NSCondition()
  private var unfinished: [UInt8] = []
  private var answers: [String] = []
  private var delivered: [String] = []
  private var hasEnded = false
  /// One question at a time, so that each gets its own answer.
  private let turn = NSLock()

  /// Starts the program: with no arguments to be driven, else what they say.
  init(_ arguments: [String] = []) throws {
    Self.ignoresBrokenPipes
    process.executableURL = Self.program
    process.arguments = arguments
    process.standardInput = input
    process.standardOutput = output
    // What libczmq logs belongs to nobody's test.
    process.standardError = FileHandle.nullDevice
    try process.run()
    // A thread and not a task: reading blocks. While it does, it keeps nothing alive but the pipe.
    let handle = output.fileHandleForReading
    Thread { [weak self] in
      while self?.take(handle.availableData) == true {}
    }.start()
  }

  deinit { end() }

  /// Ends the process as a crash would: nothing is said to anybody.
  func end() {
    guard process.isRunning else { return }
    kill(process.processIdentifier, SIGKILL)
  }

  /// Stops it where it is, with its links open; `resume` lets it go on.
  func suspend() { kill(process.processIdentifier, SIGSTOP) }

  /// Lets it go on.
  func resume() { kill(process.processIdentifier, SIGCONT) }

  private func take(_ data: Data) -> Bool {
    changed.withLock {
      unfinished += data
      while let stop = unfinished.firstIndex(of: 0x0a) {
        let line = String(decoding: unfinished[..<stop], as: UTF8.self)
        unfinished.removeSubrange(...stop)
        if line.hasPrefix("deliver ") {
          delivered.append(String(line.dropFirst("deliver ".count)))
        } else {
          answers.append(line)
        }
      }
      hasEnded = data.isEmpty
      changed.broadcast()
    }
    return !data.isEmpty
  }

  /// Waits for the next line that is no delivery.
  func answer(seconds: Double = 60) throws -> String {
    let limit = Date(timeIntervalSinceNow: seconds)
    return try changed.withLock {
      while answers.isEmpty {
        guard !hasEnded else { throw Fault(description: "the peer has ended") }
        guard changed.wait(until: limit) else { throw Fault(description: "no answer in \(seconds) s") }
      }
      return answers.removeFirst()
    }
  }

  /// Sends a line and waits for its answer; throws when that is an error.
  @discardableResult
  func ask(_ line: String, seconds: Double = 60) throws -> String {
    try turn.withLock {
      try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8))
      let answer = try answer(seconds: seconds)
      guard !answer.hasPrefix("error ") else { throw Fault(description: "\(line): \(answer)") }
      return answer
    }
  }

  /// The number in the answer `name NUMBER ...`, counted from 0.
  private func number(_ line: String, _ name: String, at index: Int = 0) throws -> Int {
    let words = try ask(line).split(separator: " ")
    guard words.count > index + 1, words[0] == name, let number = Int(words[index + 1]) else {
      throw Fault(description: "\(line): \(words)")
    }
    return number
  }
}

// MARK: What it is asked

extension RealPeer {
  /// Listens at a free port of this machine, any: the first one may just have been another test's, whose nodes still
  /// try to connect there. Returns where.
  func bind() throws -> String {
    "tcp://127.0.0.1:\(try number("bind tcp://127.0.0.1:!", "port"))"
  }

  /// Connects.
  func connect(_ endpoint: String) throws { try ask("connect \(endpoint)") }

  /// Publishes a tuple. The key holds no space, the value no line break.
  func publish(_ key: String, _ value: String) throws { try ask("publish \(key) \(value)") }

  /// Publishes `prefix-0` and so on, each with the value or its number.
  func burst(_ count: Int, _ prefix: String, value: String? = nil) throws {
    try ask("burst \(count) \(prefix)" + (value.map { " " + $0 } ?? ""), seconds: 60)
  }

  /// How many tuples the node says that it holds.
  func status() throws -> Int { try number("status", "status") }

  /// What was delivered last under a key.
  func value(_ key: String) throws -> String? {
    let answer = try ask("get \(key)")
    return answer.hasPrefix("value ") ? String(answer.dropFirst("value ".count)) : nil
  }

  /// How many deliveries there were.
  func deliveries() throws -> Int { try number("delivered", "delivered") }

  /// How many deliveries gave a known key another value.
  func flips() throws -> Int { try number("delivered", "delivered", at: 1) }

  /// How often one key got another value.
  func flips(of key: String) throws -> Int { try number("flips \(key)", "flips") }

  /// Waits until so many keys are known, and says how many are: fewer when the time is over.
  func wait(for count: Int, seconds: Double = 60) throws -> Int {
    let words = try ask("wait \(count) \(Int(seconds * 1_000))", seconds: seconds + 10).split(separator: " ")
    guard words.count == 4, let known = Int(words[1]) else { throw Fault(description: "\(words)") }
    return known
  }

  /// How many keys are known, and the hash of the table: equal tables have equal dumps.
  func dump() throws -> String { String(try ask("dump").dropFirst("dump ".count)) }

  /// What `dump` says of a table, for tables of ours.
  static func dump(of tuples: [(key: String, value: String)]) -> String {
    var sum: UInt64 = 0
    for (key, value) in tuples {
      var hash: UInt64 = 0xcbf2_9ce4_8422_2325
      for byte in Array(key.utf8) + [0] + Array(value.utf8) + [0] {
        hash = (hash ^ UInt64(byte)) &* 0x0000_0100_0000_01b3
      }
      sum &+= hash
    }
    let digits = String(sum, radix: 16)
    return "\(tuples.count) " + String(repeating: "0", count: 16 - digits.count) + digits
  }

  /// The table, in no order.
  func tuples() throws -> [(key: String, value: String)] {
    var tuples: [(key: String, value: String)] = []
    var line = try ask("list")
    while line != "end" {
      let words = line.split(separator: " ", maxSplits: 2, omittingEmptySubsequences: false)
      guard words.count == 3 else { throw Fault(description: line) }
      tuples.append((String(words[1]), String(words[2])))
      line = try answer()
    }
    return tuples
  }

  /// The `KEY VALUE` of every delivery since the node was told to be `loud`.
  var printed: [String] { changed.withLock { delivered } }

  /// Waits until what it has delivered is as wanted; false when it ends before, or the time is over. Only what
  /// it delivers while it is `loud` counts.
  func wait(seconds: Double = 60, until isThere: ([String]) -> Bool) -> Bool {
    let limit = Date(timeIntervalSinceNow: seconds)
    return changed.withLock {
      while !isThere(delivered) {
        guard !hasEnded, changed.wait(until: limit) else { return isThere(delivered) }
      }
      return true
    }
  }
}
