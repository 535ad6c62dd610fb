// The control socket of a running agent, and `grapevine members` that asks it.

import Foundation
import GrapevineConsole
import Testing

@testable import GrapevineCommand

@Suite("Control socket, end to end", .timeLimit(.minutes(5)))
struct ControlEndToEndTests {
  typealias Running = EndToEndTests.Running

  /// An agent with a control socket of its own, in a directory that goes with it.
  struct Asked {
    let directory: String
    let agent: Running
    let listening: JSONValue
    var path: String { directory + "/agent.sock" }

    init(_ more: [String] = [], in directory: String = "/tmp/gv-\(UInt64.random(in: 0..<(.max)))") throws {
      self.directory = directory
      try ControlPlace(directory: directory).prepare()
      let line = ["agent", "--json", "--bind", "127.0.0.1:0", "--control", directory + "/agent.sock"]
      agent = try Running(line + more)
      let text = try #require(agent.line(with: "\"listening\""))
      listening = try JSONReader.read(Array(text.utf8)[...])
    }

    /// The lines that are answered to a request.
    func ask(_ request: String) throws -> [JSONValue] {
      let client = try TestClient(path)
      client.write(Array("\(request)\n".utf8))
      return try ControlEndToEndTests.lines(client.readToEnd())
    }

    func end() throws {
      agent.process.terminate()
      let ended = agent.finish()
      #expect(ended.code == 0, "\(ended.error)")
      #expect(!FileManager.default.fileExists(atPath: path), "the socket is still there")
      try? FileManager.default.removeItem(atPath: directory)
    }
  }

  static func lines(_ text: String) throws -> [JSONValue] {
    try text.split(separator: "\n").map { try JSONReader.read(Array($0.utf8)[...]) }
  }

  @Test("requests are answered with lines of JSON, mistakes with an error")
  func requests() throws {
    let asked = try Asked()
    #expect(asked.listening["control"]?.text == asked.path)
    _ = asked.agent.line(with: "\"connected\"")
    for request in ["members", "health"] {
      let end = try #require(try asked.ask(request).last)
      #expect(end["end"] == .bool(true) && end["localHealth"]?.count == 0, "\(end)")
    }
    #expect(try asked.ask("health").last?["lifecycle"]?.text == "connected")
    #expect(try asked.ask("tags role=web note=a%20b").last?["tags"]?["note"]?.text == "a b")
    #expect(try asked.ask("tags role").last?["error"]?.text == "found \"role\"; a tag is KEY=VALUE")
    #expect(
      try asked.ask("tuples").last?["error"]?.text?.hasPrefix(
        "unknown request \"tuples\"; allowed are members, watch, tags KEY=VALUE..., health, tuple-get KEY")
        == true)
    #expect(try asked.ask("members all").last?["error"]?.text?.hasPrefix("found \"all\"") == true)
    try asked.end()
  }

  @Test("whatever clients do, the agent goes on and answers the next one")
  func hostile() throws {
    let asked = try Asked()
    for junk in ["\n", "\u{0}\u{1}\u{2}\n", "members\n\n\n\n", "{\"members\": 1}\n", "tags =\n"] {
      let client = try TestClient(asked.path)
      client.write(Array(junk.utf8))
      #expect(try !Self.lines(client.readToEnd()).isEmpty)
    }
    let endless = try TestClient(asked.path)
    endless.write([UInt8](repeating: 0x61, count: 1 << 20))
    #expect(endless.readToEnd().contains("at most 1024 bytes"))
    for _ in 0..<100 {
      let gone = try TestClient(asked.path)
      gone.write(Array("watch\n".utf8))
      gone.close()
    }
    var error: String? = "none asked"
    for _ in 0..<1_000 where error != nil { error = try asked.ask("members").last?["error"]?.text }
    #expect(error == nil)
    try asked.end()
  }

  @Test(
    "a killed agent's socket is replaced, a living agent's is an error, and none is made where none can be")
  func sockets() throws {
    let first = try Asked()
    let second = try Running(["agent", "--bind", "127.0.0.1:0", "--control", first.path]).finish()
    #expect(second.code == 1)
    #expect(
      second.error
        == "grapevine agent: another process listens at \(first.path): choose another path with --control\n")
    kill(first.agent.process.processIdentifier, SIGKILL)
    _ = first.agent.finish()
    let dead = try Running(["members", "--agent", first.path]).finish()
    #expect(dead.code == 1 && dead.error.contains("it has ended"))
    try Asked(in: first.directory).end()
    let missing = try Running(["agent", "--bind", "127.0.0.1:0", "--control", "/no/such/agent.sock"]).finish()
    #expect(missing.code == 1 && missing.error.contains("No such file"))
  }

  @Test(
    "the usual socket is that of the port, for its user alone; where it cannot be, the agent says so and runs"
  )
  func standardPlace() throws {
    let directory = "/tmp/gv-\(UInt64.random(in: 0..<(.max)))"
    try ControlPlace(directory: directory).prepare()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let environment = ["XDG_RUNTIME_DIR": directory]
    let agent = try Running(["agent", "--json", "--bind", "127.0.0.1:0"], environment: environment)
    let listening = try #require(try Self.lines(agent.line(with: "\"listening\"") ?? "").first)
    let port = try #require(listening["address"]?.text?.split(separator: ":").last.flatMap { UInt16($0) })
    let path = "\(directory)/grapevine/\(port).sock"
    #expect(listening["control"]?.text == path)
    let modes = try [path, directory + "/grapevine"].map {
      try FileManager.default.attributesOfItem(atPath: $0)[.posixPermissions] as? Int
    }
    #expect(modes == [0o600, 0o700])
    for line in [["members"], ["members", "--agent", "\(port)", "--json"], ["members", "--agent", path]] {
      let result = try Running(line, environment: environment).finish()
      #expect(result.code == 0 && result.output.contains("alive"), "\(result)")
    }
    agent.process.interrupt()
    #expect(agent.finish().code == 0)
    #expect(!FileManager.default.fileExists(atPath: path))
    let none = try Running(["members"], environment: environment).finish()
    #expect(none.code == 1 && none.error.contains("start one with 'grapevine agent'"))
    let nowhere = try Running(
      ["agent", "--json", "--bind", "127.0.0.1:0"], environment: ["XDG_RUNTIME_DIR": directory + "/no/such"])
    #expect(nowhere.line(with: "\"listening\"")?.contains("\"control\"") == false)
    nowhere.process.terminate()
    let ended = nowhere.finish()
    #expect(ended.code == 0 && ended.error.contains("nobody can ask this agent for its members and tuples"))
  }

  @Test("a watch ends well on a signal, and with an error when the agent goes away")
  func watching() throws {
    let asked = try Asked()
    let watch = { try Running(["members", "--watch", "--json", "--agent", asked.path]) }
    let (interrupted, left) = (try watch(), try watch())
    for watcher in [interrupted, left] { #expect(watcher.line(with: "\"end\":true") != nil) }
    interrupted.process.interrupt()
    #expect(interrupted.finish().code == 0)
    try asked.end()
    let result = left.finish()
    #expect(result.code == 1)
    #expect(result.error == "grapevine members: the agent at \(asked.path) has gone away\n")
  }

  @Test("whatever answers in an agent's place is an error in words")
  func badAnswers() throws {
    signal(SIGPIPE, SIG_IGN)
    let directory = "/tmp/gv-\(UInt64.random(in: 0..<(.max)))"
    try ControlPlace(directory: directory).prepare()
    defer { try? FileManager.default.removeItem(atPath: directory) }
    let path = directory + "/x.sock"
    let socket = try ControlSocket(path: path)
    for (answer, reason) in [
      ("hello\n", "what answers is no agent"), ("{\"error\":\"no\\u001b\"}\n", "the agent says: no\\x1b"),
      ("", "has gone away"), (String(repeating: "x", count: 200_000), "a line without end"),
    ] {
      let command = try Running(["members", "--agent", path])
      var wait = pollfd(fd: socket.descriptor, events: Int16(POLLIN), revents: 0)
      #expect(poll(&wait, 1, 20_000) == 1)
      let client = UnixSocket.accept(socket.descriptor)
      _ = Standard.write(Array(answer.utf8), to: client)
      close(client)
      let result = command.finish()
      #expect(result.code == 1 && result.error.contains(reason), "\(answer.prefix(20)): \(result.error)")
    }
    close(socket.descriptor)
  }

  @Test("what was in the data directory is said at the start")
  func snapshot() throws {
    let directory = "/tmp/gv-\(UInt64.random(in: 0..<(.max)))"
    let more = ["--data", directory + "/data", "--name", "one"]
    let first = try Asked(more, in: directory)
    #expect(first.agent.line(with: "\"snapshot\"")?.contains("\"outcome\":\"none\"") == true)
    first.agent.process.terminate()
    #expect(first.agent.finish().code == 0)
    try Data("nonsense".utf8).write(to: URL(filePath: directory + "/data/members"))
    let second = try Asked(more, in: directory)
    #expect(second.agent.line(with: "\"snapshot\"")?.contains("\"outcome\":\"damaged\"") == true)
    second.agent.process.terminate()
    let ended = second.agent.finish()
    #expect(ended.code == 0 && ended.error.contains("their file is damaged"), "\(ended.error)")
    try? FileManager.default.removeItem(atPath: directory)
  }
}
