// Members in JSON and in the table of `grapevine members`.

import Grapevine
import GrapevineConsole
import GrapevineCore
import GrapevineTransport
import Testing

@testable import GrapevineCommand

@Suite("Members: options, lines and tables")
struct MemberOutputTests {
  /// A member with a name and tags that a terminal should not see as they are.
  static func member() throws -> Member {
    Member(
      id: StableID(name: "a\u{1b}[2J\"\n"), run: MemberID(7), endpoint: try Endpoint("127.0.0.1:7946"),
      name: "a\u{1b}[2J\"\n", tags: ["role\"\\": "web \u{9b}\n", "z": "", "a": "ü"], status: .suspect,
      since: Instant(nanoseconds: 5_000_000_000))
  }

  func record(_ text: String) throws -> MemberRecord {
    try #require(MemberRecord(try JSONReader.read(Array(text.utf8)[...])))
  }

  @Test("a member's line reads back as what it was, whatever its name and tags hold")
  func roundTrip() throws {
    let member = try Self.member()
    var writer = JSONWriter()
    writer.object { MemberReport.fields(of: member, &$0) }
    writer.object { $0.field("empty", [String: String]()) }
    let lines = writer.bytes.split(separator: UInt8(ascii: "\n"))
    #expect(lines.count == 2 && lines.joined().allSatisfy { $0 >= 0x20 && $0 != 0x7f })
    #expect(!String(decoding: writer.bytes, as: UTF8.self).unicodeScalars.contains("\u{9b}"))
    let value = try JSONReader.read(lines[0])
    let record = try #require(MemberRecord(value))
    #expect(record.name == member.name && record.tags == member.tags && record.address == "127.0.0.1:7946")
    #expect(record.status == "suspect" && record.since == 5_000_000_000 && !record.isSelf)
    #expect(value["id"]?.text == member.id.description && value["member"]?.text == "0000000000000007")
    #expect(try JSONReader.read(lines[1]) == .object(["empty": .object([:])]))
  }

  @Test("the table shows control characters and one unit of time, and counts all")
  func table() throws {
    var writer = JSONWriter()
    writer.object { MemberReport.fields(of: try! Self.member(), &$0) }
    let members = [
      try record(String(decoding: writer.bytes, as: UTF8.self)),
      try record(
        "{\"address\":\"[::1]:9\",\"status\":\"alive\",\"incarnation\":3,\"self\":true,\"since\":0}"),
    ]
    let text = MembersOutput.table(
      members, counts: [("alive", 1), ("suspect", 1), ("failed", 0), ("left", 2)], localHealth: 1,
      now: 125_000_000_000)
    let lines = text.split(separator: "\n")
    #expect(lines[0].contains("NAME") && lines[0].contains("SINCE"))
    #expect(lines[2].contains("a\\x1b[2J\"\\x0a") && lines[2].contains("role\"\\=web \\x9b\\x0a"))
    #expect(lines[2].hasSuffix("120 s") || lines[2].hasSuffix("2 min"))
    #expect(lines[3].hasPrefix("  *  -  ") && lines[3].contains("[::1]:9") && lines[3].hasSuffix("2 min"))
    #expect(lines[4] == "1 alive, 1 suspect, 2 left; local health 1")
    #expect(text.unicodeScalars.allSatisfy { !$0.isControl || $0 == "\n" })
  }

  @Test(
    "ages have the unit that fits",
    arguments: [
      (0, "0 s"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h"), (172_800, "2 d"),
    ])
  func ages(seconds: UInt64, text: String) throws {
    let record = try record("{\"address\":\"\",\"status\":\"alive\",\"since\":1}")
    #expect(record.age(at: seconds * 1_000_000_000 + 1) == text)
    #expect(record.age(at: 0) == "0 s")
  }

  @Test("events say who, where and, of those that announce something, what")
  func events() throws {
    var member = try Self.member()
    #expect(
      MemberReport.text(MemberEvent(change: .joined, member: member))
        == "member joined: a\\x1b[2J\"\\x0a at 127.0.0.1:7946 (incarnation 0; a=ü, role\"\\=web \\x9b\\x0a, z=)"
    )
    member.name = nil
    member.tags = [:]
    #expect(
      MemberReport.text(MemberEvent(change: .failed, member: member)) == "member failed: 127.0.0.1:7946")
    #expect(
      MemberReport.text(MemberEvent(change: .updated, member: member))
        == "member updated: 127.0.0.1:7946 (incarnation 0)")
    var writer = JSONWriter()
    MemberReport.event(MemberEvent(change: .merged, member: member), at: 9, &writer)
    let value = try JSONReader.read(writer.bytes[...])
    guard case .change("merged", let record)? = MemberLine(value) else {
      Issue.record("\(value)")
      return
    }
    #expect(record.address == "127.0.0.1:7946" && value["at"]?.count == 9)
  }

  @Test("lines: errors, ends, and what a later agent may say")
  func lines() throws {
    func line(_ text: String) throws -> MemberLine? { MemberLine(try JSONReader.read(Array(text.utf8)[...])) }
    guard case .error("no")? = try line("{\"error\":\"no\"}") else { return #expect(Bool(false)) }
    guard case .end(let counts, 2)? = try line("{\"end\":true,\"counts\":{\"failed\":4},\"localHealth\":2}")
    else {
      return #expect(Bool(false))
    }
    #expect(counts.map(\.count) == [0, 0, 4, 0])
    for text in ["{}", "[]", "{\"event\":\"news\"}", "{\"event\":\"x\",\"address\":\"\",\"status\":\"\"}"] {
      #expect(try line(text) == nil, "\(text)")
    }
  }

  @Test("filters: all tags, any of the statuses")
  func filters() throws {
    let member = try record("{\"address\":\"\",\"status\":\"failed\",\"tags\":{\"a\":\"1\",\"b\":\"\"}}")
    func accepts(_ line: [String]) throws -> Bool {
      try MembersCommand.filter(try #require(try MembersCommand.table.parse(line))).accepts(member)
    }
    #expect(
      try accepts([]) && accepts(["--tag", "a", "--tag", "b="]) && accepts(["--status", "left,failed"]))
    #expect(try !accepts(["--tag", "a", "--tag", "c"]) && !accepts(["--tag", "a=2"]))
    #expect(try !accepts(["--tag", "a=1", "--status", "alive"]))
    for (line, text) in [
      (["--tag", "=x"], "--tag is \"=x\"; it must be KEY or KEY=VALUE"),
      (["--status", "dead"], "--status has \"dead\"; allowed are alive, suspect, failed, left"),
      (["--status", "alive,"], "--status has \"\"; allowed are alive, suspect, failed, left"),
    ] {
      #expect(throws: UsageError(command: "members", message: text)) { try accepts(line) }
    }
  }

  @Test("an agent's name, tags, address and probe interval go into its configuration")
  func agentOptions() throws {
    func options(_ line: [String]) throws -> AgentOptions {
      try AgentOptions(try #require(try AgentCommand.table.parse(line)))
    }
    let plain = try options([])
    #expect(plain.node.core.membership == MembershipRules() && plain.node.advertise == nil)
    #expect(plain.control == .standard && plain.node.transport == .udp)
    #expect(try options(["--transport", "tcp"]).node.transport == .tcp)
    #expect(try options(["--transport", "auto"]).node.transport == .udpOrTCP)
    let line = ["--name", "web-1", "--tag", "role=web", "--tag=x=a=b", "--advertise", "10.0.0.4:0"]
    let set = try options(line + ["--probe-interval", "0.2", "--control", "none"])
    let rules = try #require(set.node.core.membership)
    #expect(rules.name == "web-1" && rules.tags == ["role": "web", "x": "a=b"])
    #expect(set.node.advertise == "10.0.0.4:0" && set.control == .none)
    #expect(rules.probeInterval == .milliseconds(200) && rules.probeTimeout == .milliseconds(100))
    let slow = try options(["--probe-interval", "60", "--control", "/tmp/x"])
    #expect(slow.node.core.membership?.probeTimeout == .milliseconds(500) && slow.control == .path("/tmp/x"))
    let long = String(repeating: "x", count: 300)
    for (line, text) in [
      (["--name", ""], "--name has 0 bytes; it must have 1 to 64"),
      (["--name", "\(long)"], "--name has 300 bytes; it must have 1 to 64"),
      (["--tag", "x"], "--tag: found \"x\"; a tag is KEY=VALUE"),
      (["--tag", "=x"], "--tag: found \"=x\"; a tag is KEY=VALUE"),
      (["--tag", "x=", "--tag", "x=1"], "--tag: found \"x\" twice; each key stands once"),
      (
        ["--tag", "x=\(long)"],
        "--tag: the tags take 303 bytes, two for each besides its own; a member has at most 256"
      ),
      (
        ["--control", "/\(long)"],
        "--control: the path \"/\(long.prefix(79))…\" has 301 bytes; a socket's path has at most "
          + "\(UnixSocket.pathLimit)"
      ),
    ] {
      #expect(throws: UsageError(command: "agent", message: text)) { _ = try options(line) }
    }
    #expect(throws: UsageError.self) { _ = try options(["--advertise", "10.0.0.4"]) }
    #expect(throws: UsageError.self) { _ = try options(["--probe-interval", "0.09"]) }
  }
}
