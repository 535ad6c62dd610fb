// A cluster of real agents, all of whose outputs are read, so that none is held up by a pipe that is full.

import GrapevineCore
import GrapevineTransport

#if canImport(Glibc)
  import Glibc
#elseif canImport(Darwin)
  import Darwin
#endif

/// Agents on loopback with the default settings, joined through the first; all are ended with the value.
final class AgentCluster {
  /// What one agent said of another.
  struct Change {
    var reporter: Int
    /// `joined`, `suspected`, `failed` and so on.
    var kind: String
    /// The index of the agent that it is about.
    var subject: Int
    /// When, by the clock that all processes of the machine share.
    var at: UInt64
  }

  /// Where the agents are in this order, the first at 0.
  private var addresses: [String?]
  private var indices: [String: Int] = [:]
  private var agents: [Child] = []
  private var isSilent: [Bool]
  /// Changes about addresses whose agent has not yet said that it has them.
  private var early: [(change: Change, address: String)] = []
  private(set) var changes: [Change] = []
  /// When the first agent listened, in nanoseconds.
  private(set) var startedAt: UInt64 = 0

  /// Starts the first agent and, as soon as it listens, the others.
  init(_ count: Int) throws {
    addresses = Array(repeating: nil, count: count)
    isSilent = Array(repeating: false, count: count)
    try start(joining: nil)
    guard try read(for: 10, until: { self.addresses[0] != nil }), let first = addresses[0] else {
      throw BenchmarkError("the first agent did not start")
    }
    for _ in 1..<count { try start(joining: first) }
  }

  private func start(joining contact: String?) throws {
    // The end of the standard input ends them too: none outlives a benchmark that is killed.
    let arguments = ["agent", "--json", "--control", "none", "--bind", "127.0.0.1:0", "--exit-at-end"]
    agents.append(
      try Child(System.executableFolder + "grapevine", arguments + (contact.map { ["--join", $0] } ?? [])))
  }

  /// Ends an agent without a word; returns when that was.
  func crash(_ index: Int) -> UInt64 {
    let at = MonotonicClock.now().nanoseconds
    agents[index].end(SIGKILL)
    isSilent[index] = true
    return at
  }

  /// Sends an agent a signal that does not end it; returns when that was.
  func send(_ signal: Int32, to index: Int) -> UInt64 {
    let at = MonotonicClock.now().nanoseconds
    kill(agents[index].process, signal)
    return at
  }

  /// Reads what the agents say until `isDone` or for so many seconds; says whether it is done.
  func read(for seconds: Double, until isDone: () -> Bool) throws -> Bool {
    let end = MonotonicClock.now().nanoseconds + UInt64(seconds * 1e9)
    while !isDone() {
      let now = MonotonicClock.now().nanoseconds
      guard now < end else { return false }
      try turn(milliseconds: Int32(min(1_000, (end - now) / 1_000_000 + 1)))
    }
    return true
  }

  private func turn(milliseconds: Int32) throws {
    // A negative descriptor is one that `poll` skips.
    var waits = agents.indices.map {
      pollfd(fd: isSilent[$0] ? -1 : agents[$0].output, events: Int16(POLLIN), revents: 0)
    }
    guard poll(&waits, nfds_t(waits.count), milliseconds) > 0 else { return }
    for index in waits.indices where waits[index].revents != 0 {
      let isOpen = agents[index].readLines { take($0, from: index) }
      guard isOpen else { throw BenchmarkError("agent \(index + 1) of \(addresses.count) ended by itself") }
    }
  }

  private func take(_ line: ArraySlice<UInt8>, from index: Int) {
    if Self.begins(line, #"{"event":"listening""#) {
      guard let address = Self.text("address", in: line) else { return }
      addresses[index] = address
      indices[address] = index
      if index == 0 { startedAt = Self.number("at", in: line) ?? 0 }
      let known = early
      early.removeAll()
      for (change, address) in known { note(change, about: address) }
    } else if Self.begins(line, #"{"event":"member""#) {
      guard let kind = Self.text("change", in: line), let address = Self.text("address", in: line),
        let at = Self.number("at", in: line)
      else { return }
      note(Change(reporter: index, kind: kind, subject: index, at: at), about: address)
    }
  }

  private func note(_ change: Change, about address: String) {
    guard let subject = indices[address] else { return early.append((change, address)) }
    var change = change
    change.subject = subject
    changes.append(change)
  }
}

// The flat JSON of the agents, read byte by byte: four thousand lines come within a second in which the
// agents need the processor themselves.
extension AgentCluster {
  private static func begins(_ line: ArraySlice<UInt8>, _ text: String) -> Bool {
    line.starts(with: text.utf8)
  }

  /// What follows a name and a colon.
  private static func value(_ name: String, in line: ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    let pattern = Array("\"\(name)\":".utf8)
    var position = line.startIndex
    while position + pattern.count <= line.endIndex {
      let end = position + pattern.count
      if line[position] == pattern[0], line[position..<end].elementsEqual(pattern) { return line[end...] }
      position += 1
    }
    return nil
  }

  private static func text(_ name: String, in line: ArraySlice<UInt8>) -> String? {
    guard let value = value(name, in: line), value.first == UInt8(ascii: "\"") else { return nil }
    return String(decoding: value.dropFirst().prefix { $0 != UInt8(ascii: "\"") }, as: UTF8.self)
  }

  private static func number(_ name: String, in line: ArraySlice<UInt8>) -> UInt64? {
    guard let value = value(name, in: line) else { return nil }
    return UInt64(String(decoding: value.prefix { (0x30...0x39).contains($0) }, as: UTF8.self))
  }
}
