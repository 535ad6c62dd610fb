// `grapevine keygen` and `grapevine keys`, on files and on running agents.

import Foundation
import GrapevineConsole
import GrapevineSecurity
import Testing

@testable import GrapevineCommand

@Suite("Keys from the command line, end to end", .timeLimit(.minutes(5)))
struct KeysEndToEndTests {
  /// A directory with keys and control sockets that goes with its holder.
  private final class Place {
    let path = "/tmp/gv-keys-\(UInt64.random(in: 0..<(.max)))"

    init() throws { try ControlPlace(directory: path).prepare() }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func file(_ name: String) -> String { path + "/" + name }

    func run(_ words: String...) throws -> (output: String, error: String, code: Int32) {
      try EndToEndTests.Running(words).finish()
    }

    /// Draws a key; returns its name.
    func draw(_ name: String) throws -> String {
      let result = try run("keygen", file(name))
      #expect(result.code == 0, "\(result.error)")
      return String(result.output.split(separator: " ")[2])
    }

    func copy(_ name: String, to other: String) throws {
      try FileManager.default.copyItem(atPath: file(name), toPath: file(other))
    }

    /// An agent with the keys of a file, and where it is.
    func agent(
      _ name: String, join: String? = nil, more: [String] = []
    ) throws -> (agent: WatchedAgent, address: String) {
      let agent = try WatchedAgent(
        ["--keys", file(name), "--join-timeout", "2"] + more, join: join, control: file(name) + ".sock")
      return (agent, try agent.address())
    }
  }

  private func isConnected(_ agent: WatchedAgent) -> Bool {
    agent.wait(seconds: 15) { $0.contains { $0["state"]?.text == "connected" } }
  }

  private func counters(_ agent: WatchedAgent) -> JSONValue? {
    agent.signal(SIGTERM)
    _ = agent.finish()
    _ = agent.wait { $0.contains { $0["event"]?.text == "counters" } }
    return agent.printed.last { $0["event"]?.text == "counters" }?["sealing"]
  }

  @Test("a key is drawn once into a file for its owner alone, and never shown")
  func keygen() throws {
    let place = try Place()
    let name = try place.draw("keys")
    let mode = try FileManager.default.attributesOfItem(atPath: place.file("keys"))[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let again = try place.run("keygen", place.file("keys"))
    #expect(again.code == 1 && again.error.contains("name another file"), "\(again.error)")
    let listed = try place.run("keys", "list", "--file", place.file("keys"))
    #expect(listed.output == "* \(name)\n" && listed.code == 0)
    let digits = try String(contentsOfFile: place.file("keys"), encoding: .utf8).split(separator: " ").last
    let secret = try #require(digits?.dropLast())
    #expect(secret.count == 64 && !listed.output.contains(secret) && !again.error.contains(secret))
    // A key that is typed where a name belongs is not repeated.
    let mistaken = try place.run("keys", "use", String(secret), "--file", place.file("keys"))
    #expect(mistaken.code == 64 && !mistaken.error.contains(secret), "\(mistaken.error)")
  }

  @Test("agents with identities list each other, and one without is not listed")
  func identities() throws {
    let place = try Place()
    for name in ["a", "b"] {
      let drawn = try place.run("keygen", "--identity", place.file("\(name)-identity"))
      #expect(drawn.code == 0 && drawn.output.hasPrefix("the identity "), "\(drawn.error)")
    }
    let again = try place.run("keygen", "--identity", place.file("a-identity"))
    #expect(again.code == 1 && again.error.contains("name another file"), "\(again.error)")
    _ = try place.draw("a")
    for other in ["b", "c"] { try place.copy("a", to: other) }
    let (first, address) = try place.agent("a", more: ["--identity", place.file("a-identity")])
    let (second, _) = try place.agent("b", join: address, more: ["--identity", place.file("b-identity")])
    let (third, _) = try place.agent("c", join: address)
    #expect(isConnected(first) && isConnected(second) && isConnected(third))
    var names: [String] = []
    for _ in 0..<100 where names.count < 2 {
      let listed = try place.run("members", "--json", "--agent", place.file("a") + ".sock")
      names = listed.output.split(separator: "\n").map { String($0) }
        .filter { $0.contains("\"status\":\"alive\"") }
      usleep(50_000)
    }
    #expect(names.count == 2, "\(names)")
    let missing = try place.run(
      "agent", "--bind", "127.0.0.1:0", "--identity", place.file("nowhere"), "--control", "none")
    #expect(missing.code == 1)
    let empty = try place.run("agent", "--bind", "127.0.0.1:0", "--identity", "", "--control", "none")
    #expect(empty.code == 64)
  }

  @Test("keys of a file are installed, used and retired; what makes no sense is refused with the way out")
  func file() throws {
    let place = try Place()
    let (old, new) = (try place.draw("keys"), try place.draw("new"))
    let file = place.file("keys")
    let early = try place.run("keys", "retire", old, "--file", file)
    #expect(early.code == 1 && early.error.contains("use another one first"))
    #expect(
      try place.run("keys", "install", place.file("new"), "--file", file).output == "* \(old)\n  \(new)\n")
    #expect(try place.run("keys", "use", new, "--file", file).output == "  \(old)\n* \(new)\n")
    let last = try place.run("keys", "retire", old, "--file", file, "--json")
    #expect(last.output == "{\"keys\":[\"\(new)\"],\"seals\":\"\(new)\",\"file\":\"\(file)\"}\n")
    #expect(try place.run("keys", "policy", "--file", file).error.contains("a file has no policy"))
    #expect(try place.run("keys", "use", "0", "--file", file).code == 64)
    #expect(try place.run("keys", "list", "--file", file, "--agent", "1").code == 64)
    try FileManager.default.setAttributes([.posixPermissions: 0o640], ofItemAtPath: file)
    let open = try place.run("keys", "list", "--file", file)
    #expect(open.code == 1 && open.error.contains("chmod 600"), "\(open.error)")
    let agent = try place.run("agent", "--bind", "127.0.0.1:0", "--keys", file, "--control", "none")
    #expect(agent.code == 1 && agent.error.contains("chmod 600"), "\(agent.error)")
  }

  @Test("agents change their key while they run; the file follows; one that was away needs the new key")
  func rotation() throws {
    let place = try Place()
    let (old, new) = (try place.draw("a"), try place.draw("new"))
    for other in ["b", "away"] { try place.copy("a", to: other) }
    let (first, address) = try place.agent("a")
    let (second, _) = try place.agent("b", join: address)
    #expect(isConnected(first) && isConnected(second))
    for step in [["install", place.file("new")], ["use", new], ["retire", old]] {
      for name in ["a", "b"] {
        let result = try EndToEndTests.Running(
          ["keys"] + step + ["--agent", place.file(name) + ".sock"]
        ).finish()
        #expect(result.code == 0, "\(result.error)")
      }
    }
    #expect(try place.run("keys", "list", "--file", place.file("b")).output == "* \(new)\n")
    let asked = try place.run("keys", "list", "--agent", place.file("a") + ".sock")
    #expect(asked.output == "* \(new)\nrequire-sealed\n", "\(asked.error)")
    // The one that was away knows the old key alone.
    let (lost, _) = try place.agent("away", join: address)
    #expect(lost.finish().code == 1)
    let late = place.file("away")
    #expect(try place.run("keys", "install", place.file("new"), "--file", late).code == 0)
    #expect(try place.run("keys", "use", new, "--file", late).code == 0)
    let (back, _) = try place.agent("away", join: address)
    #expect(isConnected(back))
    let sealing = counters(first)
    #expect((sealing?["opened"]?.count ?? 0) > 0 && (sealing?["refusedUnknownKey"]?.count ?? 0) > 0)
    #expect(sealing?["plain"]?.count == 0)
  }

  @Test("a running cluster goes from plain to sealed by its policy")
  func migration() throws {
    let place = try Place()
    _ = try place.draw("a")
    try place.copy("a", to: "b")
    let plain = ["--plaintext", "require-plain"]
    let (first, address) = try place.agent("a", more: plain)
    let (second, _) = try place.agent("b", join: address, more: plain)
    #expect(isConnected(first) && isConnected(second))
    for step in ["send-plain", "send-sealed", "require-sealed"] {
      for name in ["a", "b"] {
        let result = try place.run("keys", "policy", step, "--agent", place.file(name) + ".sock")
        #expect(result.code == 0 && result.output.hasSuffix("\(step)\n"), "\(result.error)")
      }
    }
    let stranger = try WatchedAgent(["--join-timeout", "1"], join: address)
    #expect(stranger.finish().code == 1)
    let sealing = counters(second)
    #expect((sealing?["plain"]?.count ?? 0) > 0 && (sealing?["opened"]?.count ?? 0) > 0)
    #expect((counters(first)?["refusedPlain"]?.count ?? 0) > 0)
  }

  @Test("an agent without keys says so; a demo can be sealed")
  func without() throws {
    let place = try Place()
    let agent = try WatchedAgent(control: place.file("plain.sock"))
    _ = try agent.address()
    let result = try place.run("keys", "list", "--agent", place.file("plain.sock"))
    #expect(result.code == 1 && result.error.contains("start it with --keys"), "\(result.error)")
    let demo = try place.run("demo", "--sealed", "--nodes", "3", "--messages", "10", "--json")
    #expect(demo.code == 0, "\(demo.error)")
    #expect(try place.run("agent", "--plaintext", "send-plain").code == 64)
  }
}
