// Agents of other systems, run as a user runs them.

import Foundation
import GrapevineConsole
import Testing

@testable import GrapevineCommand

@Suite("Agents of other systems, end to end", .timeLimit(.minutes(5)))
struct DialectEndToEndTests {
  private typealias Running = EndToEndTests.Running

  @Test("two agents hear each other's lines and leave on a signal", arguments: AgentDialect.all.map(\.name))
  func pair(dialect: String) throws {
    let founder = try Running(["agent", "--dialect", dialect, "--json", "--bind", "127.0.0.1:0"])
    let listening = try #require(founder.line(with: "\"listening\""))
    let address = try #require(try JSONReader.read(Array(listening.utf8)[...])["address"]?.text)
    #expect(listening.contains("\"dialect\":\"\(dialect)\""))
    let member = try Running([
      "agent", "--dialect", dialect, "--json", "--bind", "127.0.0.1:0", "--join", address,
    ])
    #expect(member.line(with: "\"connected\"") != nil)
    member.input.fileHandleForWriting.write(Data("hello there\n".utf8))
    #expect(founder.line(with: "\"delivery\"")?.contains("\"payload\":\"hello there\"") == true)
    founder.input.fileHandleForWriting.write(Data("and back\n".utf8))
    #expect(member.line(with: "\"delivery\"")?.contains("\"payload\":\"and back\"") == true)
    member.process.terminate()
    let left = member.finish()
    #expect(left.code == 0, "\(left.error)")
    #expect(left.output.contains("\"disconnected\"") && left.output.contains("\"deliveries\":1"))
    founder.process.interrupt()
    #expect(founder.finish().code == 0)
  }

  @Test("what the dialect does not know is refused, and so is an address that it cannot name")
  func refusals() throws {
    let named = try Running(["agent", "--dialect", "gossip-python", "--name", "x"]).finish()
    #expect(named.code == 64)
    #expect(named.error.contains("--name means nothing with --dialect gossip-python"))
    let unknown = try Running(["agent", "--dialect", "carrier-pigeon"]).finish()
    #expect(unknown.code == 64)
    let unbound = try Running(["agent", "--dialect", "clojure-gossip"]).finish()
    #expect(unbound.code == 1)
    #expect(unbound.error.contains("must be one address that others reach"))
  }

  @Test("an agent leaves at the end of its input when told to, and prints text otherwise")
  func text() throws {
    let founder = try Running(["agent", "--dialect", "gossip-python", "--bind", "127.0.0.1:0"])
    let listening = try #require(founder.line(with: "listening on "))
    let address = try #require(listening.split(separator: " ").dropFirst(2).first)
    let member = try Running([
      "agent", "--dialect", "gossip-python", "--bind", "127.0.0.1:0", "--join", String(address),
      "--exit-at-end",
    ])
    member.input.fileHandleForWriting.write(Data("one\nlast".utf8))
    member.input.fileHandleForWriting.closeFile()
    #expect(founder.line(with: "one")?.hasPrefix("/ip4/127.0.0.1/udp/") == true)
    #expect(founder.line(with: "last") != nil)
    #expect(member.finish().code == 0)
    founder.process.terminate()
    #expect(founder.finish().code == 0)
  }

  @Test("a bridge carries lines between agents of two systems, and says so")
  func bridge() throws {
    let python = try Running(["agent", "--dialect", "gossip-python", "--json", "--bind", "127.0.0.1:0"])
    let native = try Running(["agent", "--json", "--bind", "127.0.0.1:0"])
    let addresses = try [python, native].map { agent in
      let listening = try #require(agent.line(with: "\"listening\""))
      return try #require(try JSONReader.read(Array(listening.utf8)[...])["address"]?.text)
    }
    let bridge = try Running([
      "bridge", "--json", "--settle", "0", "--gossip-python", addresses[0], "--join", addresses[1], "--bind",
      "127.0.0.1:0",
    ])
    #expect(bridge.line(with: "\"side\":\"grapevine\"") != nil)
    // Its tags say that it carries.
    #expect(native.line(with: "bridge.gossip-python") != nil)
    native.input.fileHandleForWriting.write(Data("over there\n".utf8))
    #expect(python.line(with: "\"delivery\"")?.contains("\"payload\":\"over there\"") == true)
    python.input.fileHandleForWriting.write(Data("and back\n".utf8))
    #expect(native.line(with: "\"delivery\"")?.contains("\"payload\":\"and back\"") == true)
    bridge.process.interrupt()
    let left = bridge.finish()
    #expect(left.code == 0, "\(left.error)")
    #expect(left.output.contains("\"to\":\"gossip-python\"") && left.output.contains("\"given\":1"))
    for agent in [python, native] {
      agent.process.terminate()
      #expect(agent.finish().code == 0)
    }
  }

  @Test("a bridge with one side, or whose peers could not reach it, is refused with what to do")
  func bridgeRefusals() throws {
    let alone = try Running(["bridge", "--gossip-python", "127.0.0.1:7070"]).finish()
    #expect(alone.code == 64 && alone.error.contains("a bridge has two sides"))
    let unreachable = try Running(["bridge", "--gossip-python", "192.0.2.1:7070", "--join", "192.0.2.1:7946"])
      .finish()
    #expect(unreachable.code == 64 && unreachable.error.contains("--gossip-python-bind is missing"))
    let nowhere = try Running(["bridge", "--gossip-python", "nowhere", "--join", "127.0.0.1:1"]).finish()
    #expect(nowhere.code == 64 && nowhere.error.contains("--gossip-python"))
  }
}
