// `grapevine zgossip` in processes of its own.

import Foundation
import GrapevineConsole
import Testing
import ZGossip
import ZGossipNode

@testable import ZGossipCommand

@Suite("grapevine zgossip, end to end", .timeLimit(.minutes(5)))
struct ZGossipEndToEndTests {
  private func json(_ line: String) throws -> JSONValue { try JSONReader.read(Array(line.utf8)[...]) }

  @Test("what one publishes another prints, removals too, and SIGTERM ends both with 0")
  func share() throws {
    let (server, endpoint) = try RunningProgram.listening()
    #expect(server.line(with: "PORT") == "PORT \(endpoint.split(separator: ":").last ?? "")")
    let client = try RunningProgram(["--connect", endpoint, "--publish", "first=1"])
    #expect(client.nextLine() == "PORT 0")
    #expect(server.line(with: "DELIVER") == "DELIVER first 1")
    client.say("web 1=http://h:1/?a=b\n")
    #expect(server.line(with: "DELIVER") == "DELIVER web\\x201 http://h:1/?a=b")
    server.say("publish answer 42 or so\u{1b}\n")
    #expect(client.line(with: "answer") == "DELIVER answer 42 or so\\x1b")
    client.say("unpublish first\n")
    #expect(server.line(with: "REMOVED") == "REMOVED first")
    server.say("list\n")
    #expect(server.line(with: "TUPLE") == "TUPLE answer 42 or so\\x1b")
    #expect(server.nextLine() == "TUPLE web\\x201 http://h:1/?a=b")
    #expect(server.nextLine() == "END 2")
    let ended = client.terminate()
    #expect(ended.code == 0 && ended.error.isEmpty, "\(ended)")
    #expect(server.terminate().code == 0)
  }

  @Test("a program that publishes and ends has said everything; lifetimes end, unless they are renewed")
  func endOfInput() throws {
    let (server, endpoint) = try RunningProgram.listening()
    let renewing = try RunningProgram(
      ["--connect", endpoint, "--publish", "kept=1", "--lifetime", "0.4", "--renew", "--quiet"])
    #expect(server.line(with: "DELIVER") == "DELIVER kept 1")
    let brief = try RunningProgram(
      ["--connect", endpoint, "--lifetime", "0.5", "--quiet", "--exit-at-end"])
    brief.say((0..<100).map { "k\($0)=\($0)\n" }.joined())
    brief.sayNoMore()
    let ended = brief.finish()
    #expect(ended.code == 0 && ended.error.isEmpty && ended.output == "PORT 0\n", "\(ended)")
    let told = Set((0..<100).compactMap { _ in server.line(with: "DELIVER") })
    #expect(told == Set((0..<100).map { "DELIVER k\($0) \($0)" }))
    for _ in 0..<100 { #expect(server.line(with: "EXPIRED")?.hasPrefix("EXPIRED k") == true) }
    server.say("get kept\n")
    #expect(server.line(with: "kept") == "TUPLE kept 1")
    _ = renewing.terminate()
    #expect(server.line(with: "kept") == "EXPIRED kept")
    server.say("quit\n")
    #expect(server.finish().code == 0)
  }

  @Test("JSON: every line is an object, whatever the bytes are, and errors have the number of their line")
  func objects() throws {
    let (server, endpoint) = try RunningProgram.listening(["--json"])
    let port = try #require(try server.line(with: "port").map(json))
    #expect(port["event"]?.text == "port" && port["port"]?.count ?? 0 > 0)
    let client = try RunningProgram(["--connect", endpoint, "--json", "--exit-at-end", "--status", "0.1"])
    client.say("\"quoted\\ key\"=é\u{7}\nhow?\nget nothing\n")
    let deliver = try #require(try server.line(with: "deliver").map(json))
    #expect(deliver["key"]?.text == "\"quoted\\ key\"" && deliver["value"]?.text == "é\u{7}")
    #expect(deliver["version"]?.text?.contains("@") == true)
    #expect(client.line(with: "\"tuples\":1")?.contains("\"status\"") == true)
    client.sayNoMore()
    let ended = client.finish()
    #expect(ended.code == 0)
    for line in ended.output.split(separator: "\n") { _ = try json(String(line)) }
    #expect(ended.error.hasPrefix("standard input:2: found \"how?\"; a line is KEY=VALUE"))
    #expect(server.terminate().code == 0)
  }

  @Test("lines that cannot be done are answered, and the node goes on")
  func malformed() throws {
    let node = try RunningProgram(["--json", "--value-limit", "10", "--capacity", "16"])
    node.say("nonsense\nk=12345678901\nk=\u{0}\n\(String(repeating: "x", count: 400))=1\n")
    node.say("connect nowhere\nsave /no/such/file\nset a//b c\nstill=there\nget still\nquit\n")
    let ended = node.finish()
    #expect(ended.code == 0)
    let errors = ended.error.split(separator: "\n").map(String.init)
    let expected = [
      "standard input:1: found \"nonsense\"", "standard input:2: a value has at most 10 bytes",
      "standard input:3: ", "standard input:4: the line has 402 bytes",
      "standard input:5: 'nowhere' is no endpoint",
      "standard input:6: /no/such/file: No such file", "standard input:7: ",
    ]
    #expect(errors.count == expected.count, "\(errors)")
    for (error, start) in zip(errors, expected) { #expect(error.hasPrefix(start)) }
    let events = try ended.output.split(separator: "\n").map { try json(String($0)) }
    #expect(events.filter { $0["event"]?.text == "error" }.map { $0["line"]?.count } == Array(1...7))
    #expect(events.contains { $0["event"]?.text == "tuple" && $0["value"]?.text == "there" })
  }

  @Test("a file of settings is done; what is wrong in it has its file and line, and ends the program with 1")
  func settings() throws {
    let good = try RunningProgram.file(
      "server\n    timeout = 3000\n    extra = 1\nzgossip\n    echo = hello\n    bind\n        endpoint = tcp://127.0.0.1:*\n"
    )
    let node = try RunningProgram(["--config", good, "--set", "server/limit/tuples=16"])
    let bound = try #require(node.line(with: "BOUND")).dropFirst("BOUND ".count)
    #expect(node.errorLine(with: "extra")?.hasPrefix("\(good):3: warning: ") == true)
    #expect(node.errorLine(with: "hello") == "grapevine zgossip: hello")
    let saved = good + ".saved"
    node.say("set server/timeout 5000\nsave \(saved)\n")
    #expect(node.line(with: "SAVED") == "SAVED \(saved)")
    #expect(
      try ZPLDocument(parsing: String(contentsOfFile: saved, encoding: .utf8))["server/timeout"] == "5000")

    let wrong = [
      ("server\n\ttimeout = 1\n", ":2: "), ("server\n    timeout = soon\n", ":2: "),
      ("zgossip\n    echo = hello\n    bind\n        endpoint = \(bound)\n", ":4: \(bound) is in use"),
      ("zgossip\n    connect\n        endpoint = nowhere\n", ":3: 'nowhere' is no endpoint"),
    ]
    for (text, place) in wrong {
      let file = try RunningProgram.file(text)
      let ended = try RunningProgram(["--config", file]).finish()
      #expect(ended.code == 1 && ended.error.contains("\(file)\(place)"), "\(ended)")
    }
    let missing = try RunningProgram(["--config", good + ".not"]).finish()
    #expect(missing.code == 1 && missing.error.contains("which does not exist"), "\(missing)")
    let set = try RunningProgram(["--set", "server/timeout=soon"]).finish()
    #expect(set.code == 1 && set.error.hasPrefix("grapevine zgossip: --set: timeout"), "\(set)")
    #expect(node.terminate().code == 0)
  }

  @Test("a port in use is exit 1, a bad option exit 64, a missing program exit 1 that says so")
  func failures() throws {
    let (holder, endpoint) = try RunningProgram.listening()
    let second = try RunningProgram(["--bind", endpoint]).finish()
    #expect(second.code == 1 && second.error.contains("\(endpoint) is in use"), "\(second)")
    #expect(second.output.isEmpty)
    #expect(holder.terminate().code == 0)
    for (line, text) in [
      (["--publish", "x"], "--publish is \"x\"; it must be KEY=VALUE"),
      (["--curve-server", "x"], "it must be a public key"), (["--renew"], "--renew needs"),
      (["stray"], "unexpected argument"),
    ] {
      let ended = try RunningProgram(line).finish()
      #expect(ended.code == 64 && ended.error.contains(text), "\(ended)")
    }
    // Another name of the program, in a directory where its sibling is not.
    let folder = RunningProgram.program.deletingLastPathComponent().appending(
      path: "alone-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    let alone = folder.appending(path: "grapevine")
    try FileManager.default.linkItem(at: RunningProgram.program, to: alone)
    let ended = try RunningProgram([], program: alone).finish()
    #expect(ended.code == 1 && ended.error.contains("/grapevine-zgossip is missing; "), "\(ended)")
  }

  @Test("CURVE: who has the server's key is let in, others are not")
  func curve() throws {
    let keys = try CurveKeys.generate()
    var certificate = ZPLDocument()
    try certificate.set("curve/public-key", to: keys.publicKey.text)
    try certificate.set("curve/secret-key", to: keys.secret.text)
    let file = try RunningProgram.file(certificate.text, name: "node.key_secret")
    let (server, endpoint) = try RunningProgram.listening(["--curve-keys", file, "--json"])
    let stranger = try RunningProgram(["--connect", endpoint, "--publish", "stranger=1"])
    let client = try RunningProgram(
      ["--connect", endpoint, "--curve-server", keys.publicKey.text, "--publish", "friend=1"])
    #expect(server.line(with: "deliver")?.contains("\"friend\"") == true)
    repeat {
      server.say("status\n")
    } while server.line(with: "status")?.contains("\"handshakesFailed\":0") == true
    server.say("get stranger\n")
    #expect(server.line(with: "stranger")?.contains("none") == true)
    let lacking = try RunningProgram(["--curve-allow", keys.publicKey.text]).finish()
    #expect(lacking.code == 1 && lacking.error.contains("--curve-allow needs the keys"), "\(lacking)")
    #expect(client.terminate().code == 0)
    stranger.process.interrupt()
    #expect(server.terminate().code == 0)
  }

  @Test("new keys are written to a new file for its owner, and let a node in")
  func newKeys() throws {
    let file = try RunningProgram.file("") + ".cert"
    let made = try RunningProgram(["--curve-new", file]).finish()
    #expect(made.code == 0)
    let key = made.output.split(separator: "\n").joined()
    #expect(key.utf8.count == 40)
    let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
    #expect(mode == 0o600)
    let again = try RunningProgram(["--curve-new", file]).finish()
    #expect(again.code == 1 && again.error.contains("File exists"))
    let (server, endpoint) = try RunningProgram.listening(["--curve-keys", file])
    let client = try RunningProgram(["--connect", endpoint, "--curve-server", key, "--publish", "k=v"])
    #expect(server.line(with: "DELIVER k v") != nil)
    _ = (client.terminate(), server.terminate())
  }
}
