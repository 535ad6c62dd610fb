// Agents on Unix sockets, as a user runs them.

import Foundation
import GrapevineConsole
import Testing

@testable import GrapevineCommand

@Suite("Agents on Unix sockets, end to end", .timeLimit(.minutes(5)))
struct UnixEndToEndTests {
  /// A directory that goes with its holder.
  private final class Place {
    let path = "/tmp/gv-unix-\(UInt32.random(in: 0 ... .max))"

    init() throws {
      try FileManager.default.createDirectory(
        atPath: path, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var files: Set<String> { Set((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []) }

    /// An agent in the directory, without a transport named: the address says it.
    func agent(_ number: Int? = nil, join: String? = nil, _ more: [String] = []) throws -> WatchedAgent {
      var line = ["agent", "--json", "--probe-interval", "0.2"]
      line += ["--bind", "unix:\(path)" + (number.map { "/\($0)" } ?? "")]
      if let join { line += ["--join", join] }
      return try WatchedAgent(running: line + more)
    }
  }

  private func sees(_ agent: WatchedAgent, _ addresses: [String]) -> Bool {
    agent.wait { $0.last(of: addresses, isOneOf: MembershipEndToEndTests.living) }
  }

  @Test("they meet in a directory, know each other by number, and leave nothing behind")
  func directory() throws {
    let place = try Place()
    let first = try place.agent(7)
    #expect(try first.address() == "unix:7")
    let second = try place.agent(join: "unix:\(place.path)/7")
    let third = try place.agent(join: "unix:7", ["--transport", "unix"])
    // Two that start at once get one number each, in whatever order.
    let addresses = [try second.address(), try third.address()]
    #expect(Set(addresses) == ["unix:1", "unix:2"])
    let all = ["unix:7"] + addresses
    for (agent, own) in zip([first, second, third], all) {
      #expect(sees(agent, all.filter { $0 != own }))
    }
    #expect(place.files.count == 9 && place.files.isSuperset(of: ["7.sock", "7.lock", "7.ctl"]))
    for agent in ["unix:\(place.path)/7", "\(place.path)/1.ctl"] {
      let listed = try EndToEndTests.Running(["members", "--json", "--agent", agent]).finish()
      #expect(listed.code == 0, "\(listed.error)")
      for address in all { #expect(listed.output.contains("\"address\":\"\(address)\"")) }
    }
    let told = try EndToEndTests.Running([
      "send", "--agent", "unix:\(place.path)/7", "--to", addresses[0], "hello",
    ]).finish()
    #expect(told.code == 0, "\(told.error)")
    #expect(second.wait { $0.contains { $0["event"]?.text == "direct" } })
    for (agent, signal) in zip([first, second, third], [SIGTERM, SIGINT, SIGTERM]) { agent.signal(signal) }
    for agent in [first, second, third] { #expect(agent.finish().code == 0) }
    #expect(place.files.isEmpty)
  }

  @Test("what a killed agent left is taken over, and the data directory brings the next one back")
  func killed() throws {
    let place = try Place()
    let data = place.path + "/data"
    let founder = try place.agent(3)
    _ = try founder.address()
    let victim = try place.agent(5, join: "unix:3", ["--data", data, "--name", "five"])
    #expect(sees(victim, ["unix:3"]) && sees(founder, ["unix:5"]))
    // Members are written a moment after they came.
    let limit = Date(timeIntervalSinceNow: 30)
    while !FileManager.default.fileExists(atPath: data + "/members"), Date() < limit { usleep(20_000) }
    victim.signal(SIGKILL)
    #expect(victim.finish().code == SIGKILL)
    #expect(place.files.isSuperset(of: ["5.sock", "5.lock", "5.ctl"]))
    let heir = try place.agent(5, join: nil, ["--data", data, "--name", "five"])
    #expect(try heir.address() == "unix:5")
    #expect(sees(heir, ["unix:3"]))
    #expect(
      founder.wait {
        $0.last { $0["event"]?.text == "member" && $0["name"]?.text == "five" }?["change"]?.text != "failed"
      })
    let other = try place.agent(5)
    let refused = other.finish()
    #expect(refused.code == 1 && refused.error.contains("unix:5 is in use"), "\(refused)")
    for agent in [founder, heir] { agent.signal(SIGTERM) }
    for agent in [founder, heir] { #expect(agent.finish().code == 0) }
    #expect(place.files == ["data"])
  }

  @Test("sealed agents meet there, and one without the key does not get in")
  func sealed() throws {
    let place = try Place()
    let keys = place.path + "/keys"
    #expect(try EndToEndTests.Running(["keygen", keys]).finish().code == 0)
    let first = try place.agent(nil, join: nil, ["--keys", keys])
    _ = try first.address()
    let second = try place.agent(join: "unix:1", ["--keys", keys])
    #expect(sees(first, ["unix:2"]) && sees(second, ["unix:1"]))
    let plain = try place.agent(join: "unix:1", ["--join-timeout", "1"]).finish()
    #expect(plain.code == 1 && plain.error.contains("unix:1"), "\(plain)")
    for agent in [first, second] { agent.signal(SIGTERM) }
    for agent in [first, second] { #expect(agent.finish().code == 0) }
    let counters = first.printed.last { $0["event"]?.text == "counters" }
    #expect((counters?["sealing"]?["refusedPlain"]?.count ?? 0) > 0)
    #expect(place.files == ["keys"])
  }

  @Test("a demo over Unix sockets delivers everything and leaves nothing below /tmp")
  func demo() throws {
    let result = try EndToEndTests.Running(
      ["demo", "--nodes", "4", "--messages", "20", "--transport", "unix", "--kill", "--json"]
    ).finish()
    #expect(result.code == 0, "\(result.error)")
    let report = try JSONReader.read(Array(result.output.utf8)[...])
    #expect(report["delivered"]?.count == 60 && report["transport"]?.text == "unix")
  }

  @Test(
    "what does not go together is a usage error, and what the directory refuses says what to do",
    arguments: [
      (["--transport", "unix"], 64, "--bind unix:DIRECTORY"),
      (["--transport", "tcp", "--bind", "unix:/tmp/a"], 64, "--transport unix"),
      (["--bind", "unix:5"], 64, "unix:DIRECTORY"), (["--bind", "unix:"], 64, "unix:DIRECTORY"),
      (["--bind", "unix:/tmp/a/70000"], 64, "65535"),
      (["--bind", "unix:/tmp/a", "--advertise", "127.0.0.1:1"], 64, "--advertise"),
      (["--join", "unix:/tmp/a/x"], 1, "wrong kind"), (["--join", "unix:/tmp/a/70000"], 64, "65535"),
      (["--bind", "unix:/nowhere/at/all"], 1, "cannot be made"),
      (["--bind", "unix:/tmp/" + String(repeating: "long", count: 30)], 1, "symbolic link"),
    ] as [([String], Int32, String)])
  func refused(line: [String], code: Int32, text: String) throws {
    let result = try EndToEndTests.Running(["agent", "--control", "none"] + line).finish()
    #expect(result.code == code && result.error.contains(text), "\(result)")
  }
}
