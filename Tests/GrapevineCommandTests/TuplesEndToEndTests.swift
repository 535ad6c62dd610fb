// Tuples through real agents: from one to the other, over restarts, and as scripts see them.

import Foundation
import GrapevineConsole
import GrapevineCore
import Synchronization
import Testing

@testable import GrapevineCommand

@Suite("Tuples, end to end", .serialized, .timeLimit(.minutes(5)))
struct TuplesEndToEndTests {
  typealias Running = EndToEndTests.Running

  /// Two agents that know each other, each with a control socket.
  struct Pair {
    let agents: [WatchedAgent]
    let paths = (0..<2).map { _ in "/tmp/gv-\(UInt64.random(in: 0..<(.max))).sock" }

    init() throws {
      let first = try WatchedAgent(control: paths[0])
      let addresses = [try first.address()]
      let second = try WatchedAgent(join: addresses[0], control: paths[1])
      agents = [first, second]
      let all = addresses + [try second.address()]
      for index in 0..<2 {
        try #require(
          agents[index].wait { $0.last(of: [all[1 - index]], isOneOf: MembershipEndToEndTests.living) })
      }
    }

    /// Runs `grapevine tuples` against one of them.
    func tuples(_ index: Int, _ line: String..., input: Data? = nil) throws -> (
      output: Data, error: String, code: Int32
    ) {
      let running = try Running(["tuples"] + line + ["--agent", paths[index]])
      if let input { running.input.fileHandleForWriting.write(input) }
      running.input.fileHandleForWriting.closeFile()
      let output = running.output.fileHandleForReading.readDataToEndOfFile()
      let rest = running.finish()
      return (output, rest.error, rest.code)
    }

    /// A watch at one of them that has told what was there.
    func watch(_ index: Int, _ line: String...) throws -> WatchedAgent {
      let watch = try WatchedAgent(running: ["tuples", "watch", "--json", "--agent", paths[index]] + line)
      try #require(watch.wait { $0.contains { $0["end"] == .bool(true) } })
      return watch
    }

    /// Ends both; a second signal to one that has got one would end it at once, and not gracefully.
    func end(told: Int? = nil) {
      for (index, agent) in agents.enumerated() where index != told { agent.signal(SIGTERM) }
      for agent in agents {
        let ended = agent.finish()
        #expect(ended.code == 0, "\(ended)")
      }
    }
  }

  /// Ends a watch as Ctrl-C does.
  static func stop(_ watch: WatchedAgent) {
    watch.signal(SIGINT)
    #expect(watch.finish().code == 0)
  }

  /// Waits until a watch has told of a change of the key; nil when it does not.
  static func told(_ watch: WatchedAgent, _ change: String, _ key: String) -> JSONValue? {
    var found: JSONValue?
    _ = watch.wait { lines in
      found = lines.last {
        $0["change"]?.text == change && ($0["key"]?.text == key || $0["keyHex"]?.text == key)
      }
      return found != nil
    }
    return found
  }

  @Test("what is written at one agent is read, listed, counted and removed at the other, and watched")
  func twoAgents() throws {
    let pair = try Pair()
    let watch = try pair.watch(1, "service/")
    let put = try pair.tuples(0, "put", "service/web", "10.0.0.4:80")
    try #require(put.code == 0, "\(put.error)")
    let version = String(decoding: put.output.dropLast(), as: UTF8.self)
    #expect(TupleVersion(version) != nil)
    #expect(try pair.tuples(0, "put", "other", "x").code == 0)
    let told = try #require(Self.told(watch, "published", "service/web"))
    #expect(told["value"]?.text == "10.0.0.4:80" && told["version"]?.text == version)
    #expect(try pair.tuples(1, "get", "service/web").output == Data("10.0.0.4:80".utf8))
    #expect(try pair.tuples(1, "list", "service/").output == Data("service/web\t10.0.0.4:80\n".utf8))
    #expect(try pair.tuples(0, "count").output == Data("2\n".utf8))
    #expect(try pair.tuples(1, "remove", "service/web").code == 0)
    let removal = try #require(Self.told(watch, "removed", "service/web"))
    #expect(removal["value"] == nil)
    #expect(!watch.printed.contains { $0["key"]?.text == "other" })
    #expect(try pair.tuples(1, "get", "service/web").code == 3)
    Self.stop(watch)
    pair.end()
  }

  @Test("conditions and what is not there have exit codes of their own")
  func codes() throws {
    let pair = try Pair()
    #expect(try pair.tuples(0, "get", "k").code == 3)
    #expect(try pair.tuples(0, "remove", "k").code == 3)
    let put = try pair.tuples(0, "put", "k", "1", "--if-absent")
    try #require(put.code == 0, "\(put.error)")
    let version = String(decoding: put.output.dropLast(), as: UTF8.self)
    let taken = try pair.tuples(0, "put", "k", "2", "--if-absent")
    #expect(taken.code == 4 && taken.error.contains("the present version is \(version)"), "\(taken.error)")
    #expect(try pair.tuples(0, "put", "k", "3", "--if-version", version).code == 0)
    #expect(try pair.tuples(0, "remove", "k", "--if-version", version).code == 4)
    #expect(try pair.tuples(0, "get", "k").output == Data("3".utf8))
    let long = try pair.tuples(0, "put", "k", "-", input: Data(count: 65_537))
    #expect(long.code == 1 && long.error.contains("at most 65536 bytes"), "\(long.error)")
    let never = try pair.tuples(0, "put", "k", "4", "--expires", "7300d")
    #expect(never.code == 1 && never.error.contains("from 1 ms to 10 years"), "\(never.error)")
    #expect(try pair.tuples(0, "put", "k").code == 2)
    pair.end()
  }

  @Test("a file of 60 KB and keys of bytes arrive at the other agent to the byte")
  func bytes() throws {
    let pair = try Pair()
    let file = FileManager.default.temporaryDirectory.appending(path: "gv-\(UUID().uuidString)")
    let bytes = Data((0..<60_000).map { UInt8(truncatingIfNeeded: $0 &* 167 &+ $0 >> 8) })
    try bytes.write(to: file)
    defer { try? FileManager.default.removeItem(at: file) }
    let watch = try pair.watch(1)
    for (key, more) in [("file", [String]()), ("ff00fe", ["--hex"])] {
      let put = try Running(["tuples", "put", key, "--file", file.path, "--agent", pair.paths[0]] + more)
        .finish()
      try #require(put.code == 0, "\(put.error)")
      #expect(Self.told(watch, "published", key)?["bytes"]?.count == 60_000)
    }
    #expect(try pair.tuples(1, "get", "file").output == bytes)
    #expect(try pair.tuples(1, "get", "FF00FE", "--hex").output == bytes)
    Self.stop(watch)
    pair.end()
  }

  @Test("tuples vanish when their time is over, and those of an agent with it")
  func lifetimes() throws {
    let pair = try Pair()
    let watch = try pair.watch(0)
    let short = try pair.tuples(1, "put", "short", "x", "--expires", "500ms")
    try #require(short.code == 0, "\(short.error)")
    #expect(Self.told(watch, "expired", "short") != nil)
    #expect(try pair.tuples(1, "put", "mine", "x", "--ephemeral").code == 0)
    #expect(Self.told(watch, "published", "mine")?["ephemeral"] == .bool(true))
    pair.agents[1].signal(SIGTERM)
    #expect(Self.told(watch, "departed", "mine") != nil)
    #expect(try pair.tuples(0, "get", "mine").code == 3)
    Self.stop(watch)
    pair.end(told: 1)
  }

  /// What was written and confirmed: keys and values.
  private static func write(
    to path: String, as writer: Int, _ confirmed: borrowing Mutex<[String: String]>, then: (Int) -> Void
  ) {
    for number in 0..<100_000 {
      let (key, value) = ("\(writer)/\(number)", String(repeating: "\(number);", count: 20))
      guard let client = try? TestClient(path) else { return }
      client.write(Array("tuple-put \(key) \(value.utf8.count)\n\(value)".utf8))
      guard client.readToEnd().contains("\"version\"") else { return }
      let count = confirmed.withLock { map in
        map[key] = value
        return map.count
      }
      then(count)
    }
  }

  @Test("an agent that is killed amid writes has every confirmed tuple when it is started again")
  func killed() throws {
    let directory = "/tmp/gv-\(UInt64.random(in: 0..<(.max)))"
    try ControlPlace(directory: directory).prepare()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let (path, more) = (directory + "/agent.sock", ["--data", directory + "/data", "--name", "one"])
    let agent = try WatchedAgent(more, control: path)
    try #require(agent.wait { $0.contains { $0["state"]?.text == "connected" } })
    let confirmed = Mutex<[String: String]>([:])
    DispatchQueue.concurrentPerform(iterations: 4) { writer in
      // The others are in the midst of their writes then.
      Self.write(to: path, as: writer, confirmed) { if $0 == 200 { agent.signal(SIGKILL) } }
    }
    let wanted = confirmed.withLock { $0 }
    try #require(wanted.count >= 200, "\(wanted.count)")
    #expect(agent.finish().code == SIGKILL)
    let again = try WatchedAgent(more, control: path)
    try #require(
      again.wait { $0.contains { $0["event"]?.text == "tuples" && $0["outcome"]?.text == "loaded" } })
    let list = try Running(["tuples", "list", "--json", "--agent", path]).finish()
    #expect(list.code == 0, "\(list.error)")
    var found: [String: String] = [:]
    for line in try ControlEndToEndTests.lines(list.output) {
      if let key = line["key"]?.text, let value = line["value"]?.text { found[key] = value }
    }
    #expect(wanted.allSatisfy { found[$0.key] == $0.value })
    again.signal(SIGTERM)
    let ended = again.finish()
    #expect(ended.code == 0, "\(ended.error)")
  }
}
