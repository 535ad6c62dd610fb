// What command lines of `grapevine tuples` ask for, and what agents make of it.

import Grapevine
import GrapevineConsole
import GrapevineCore
import Testing

@testable import GrapevineCommand

@Suite("Tuples: command lines and requests")
struct TuplesCallTests {
  static let version = "1764547200000.3@00c0ffee00c0ffee"

  func call(_ verb: TuplesVerb, _ line: String...) throws -> TuplesCall {
    try TuplesCall(verb, try #require(try verb.table.parse(line)))
  }

  func failure(_ verb: TuplesVerb, _ line: [String]) -> String {
    do {
      guard let arguments = try verb.table.parse(line) else { return "help" }
      _ = try TuplesCall(verb, arguments)
      return "no failure"
    } catch {
      return error.message
    }
  }

  @Test("each verb has its line")
  func lines() throws {
    #expect(try call(.get, "a b").request().line == "tuple-get a%20b")
    #expect(try call(.get, "").request().line == "tuple-get %")
    #expect(try call(.get, "ff00", "--hex").request().line == "tuple-get %ff%00")
    #expect(try call(.remove, "k").request().line == "tuple-remove k")
    #expect(
      try call(.remove, "k", "--no-wait", "--if-version", Self.version).request().line
        == "tuple-remove k if-version=\(Self.version) no-wait")
    #expect(try call(.list).request().line == "tuple-list")
    #expect(try call(.list, "a/").request().line == "tuple-list a/")
    #expect(try call(.list, "--keys").request().line == "tuple-list % keys")
    #expect(try call(.watch).request().line == "tuple-watch")
    #expect(try call(.watch, "a", "--renewals").request().line == "tuple-watch prefix a renewals")
    #expect(try call(.watch, "--key", "a").request().line == "tuple-watch key a")
    #expect(try call(.count).request().line == "tuple-count")
    let put = try call(.put, "k", "v\n").request()
    #expect(put.line == "tuple-put k 2" && put.value == [0x76, 0x0a])
    #expect(try call(.put, "k", "", "--expires", "1.5s").request().line == "tuple-put k 0 expires=1500")
    #expect(
      try call(.put, "k", "v", "--renewed=30s", "--if-absent").request().line
        == "tuple-put k 1 renewed=30000 if-absent")
    #expect(try call(.put, "k", "-").source == .standardInput)
    #expect(try call(.put, "--", "-k", "--v").request().line == "tuple-put -k 3")
    #expect(try call(.put, "k", "--file", "x").source == .file("x"))
  }

  @Test(
    "what cannot be is refused before anybody is asked",
    arguments: [
      (.put, ["k"], "VALUE is missing; it is text, --file FILE, or - for standard input"),
      (.put, ["k", "v", "--file", "f"], "found VALUE and --file; one is allowed"),
      (
        .put, ["k", "v", "--expires", "1s", "--ephemeral"], "found --expires and --ephemeral; one is allowed"
      ),
      (.put, ["k", "v", "--expires", "1"], "--expires is \"1\"; it must be a time such as 500ms"),
      (.put, ["k", "v", "--if-absent", "--if-version", version], "found --if-absent and --if-version"),
      (
        .put, ["k", "v", "--if-version", "7"],
        "--if-version is \"7\"; it must be a version such as 1764547200000.0@"
      ),
      (.get, [], "KEY is missing"),
      (.get, ["f", "--hex"], "KEY is \"f\"; with --hex it must be pairs of hexadecimal digits"),
      (.get, [String(repeating: "k", count: 256)], "KEY has 256 bytes; a key has at most 255"),
      (.remove, ["k", "--if-absent"], "unknown option \"--if-absent\""),
      (.watch, ["p", "--key", "k"], "found PREFIX and --key; one is allowed"),
      (.count, ["p"], "unexpected argument \"p\""),
    ] as [(TuplesVerb, [String], String)])
  func refusals(verb: TuplesVerb, line: [String], message: String) {
    #expect(failure(verb, line).hasPrefix(message), "\(failure(verb, line))")
  }

  @Test(
    "an agent reads what the command writes, for all lifetimes and conditions, within the limit of a line")
  func roundTrip() throws {
    let version = try #require(TupleVersion(Self.version))
    let lifetimes: [TupleLifetime] = [
      .permanent, .expires(after: .milliseconds(1)), .renewed(every: .seconds(315_360_000)), .ephemeral,
    ]
    for lifetime in lifetimes {
      for condition in [nil, .ifAbsent, .ifVersion(version)] as [TupleCondition?] {
        for acknowledgement in [.taken, .stored] as [TupleAcknowledgement] {
          var write = TupleWrite(key: TupleKey([UInt8](repeating: 0xfe, count: 255)))
          write.length = TuplesCall.valueLimit
          (write.lifetime, write.condition, write.acknowledgement) = (lifetime, condition, acknowledgement)
          let line = Array(write.putLine.utf8)
          #expect(line.count <= ControlRequest.lineLimit)
          let words = try #require(ControlRequest.words(of: line))
          #expect(try TupleWrite(put: Array(words.dropFirst())) == write)
        }
      }
    }
    var write = TupleWrite(key: "")
    (write.condition, write.acknowledgement) = (.ifVersion(version), .taken)
    let words = try #require(ControlRequest.words(of: Array(write.removeLine.utf8)))
    #expect(try TupleWrite(remove: Array(words.dropFirst())) == write)
    for scope in [.everything, .prefix("a b"), .prefix(""), .key("key")] as [TupleScope] {
      for renewals in [false, true] {
        let words = try #require(ControlRequest.words(of: Array(scope.line(renewals: renewals).utf8)))
        let read = try TupleScope.read(Array(words.dropFirst()))
        #expect(read.scope == scope && read.renewals == renewals)
      }
    }
  }

  @Test(
    "requests that make no sense are refused in words",
    arguments: [
      "", "k", "k x", "k -1", "k 99999999999999999999", "k 4294967297", "k 1 expires", "k 1 expires=",
      "k 1 expires=1.5", "k 1 expires=99999999999999999999", "k 1 expires=2251799813685248",
      "k 1 ephemeral=1",
      "k 1 ephemeral expires=5", "k 1 if-absent if-absent", "k 1 if-version=x", "k 1 nowait", "k 1 %ff",
    ])
  func badWrites(line: String) throws {
    let words = try #require(ControlRequest.words(of: Array(line.utf8)))
    #expect(throws: ControlFailure.self) { try TupleWrite(put: words) }
  }

  @Test("removals and watches that make no sense are refused in words")
  func badOthers() throws {
    for line in ["", "k if-absent", "k if-version=", "k x"] {
      let words = try #require(ControlRequest.words(of: Array(line.utf8)))
      #expect(throws: ControlFailure.self, "\(line)") { try TupleWrite(remove: words) }
    }
    for line in ["prefix", "key", "all a", "renewals renewals", "prefix a b", "key a renewals b"] {
      let words = try #require(ControlRequest.words(of: Array(line.utf8)))
      #expect(throws: ControlFailure.self, "\(line)") { try TupleScope.read(words) }
    }
  }

  @Test("an agent's options set the limits, and --data says where tuples are kept")
  func agent() throws {
    func options(_ line: String...) throws -> AgentOptions {
      try AgentOptions(try #require(try AgentCommand.table.parse(line)))
    }
    let usual = try options()
    #expect(usual.node.core.tuples == TupleRules() && usual.node.tupleStorage == nil)
    let rules = try #require(
      try options(
        "--tuple-limit", "100", "--tuple-bytes", "1000000", "--value-limit", "1000", "--clock-skew", "1.5",
        "--tuple-horizon", "60"
      ).node.core.tuples)
    #expect(rules.capacity == 100 && rules.bytes == 1_000_000 && rules.valueLimit == 1_000)
    #expect(rules.clockSkew == .milliseconds(1_500) && rules.horizon == .seconds(60))
    #expect(try options("--data", "/tmp/d").node.tupleStorage != nil)
    for line in [["--tuple-limit", "15"], ["--value-limit", "0"], ["--value-limit", "16777216"]] {
      #expect(throws: UsageError.self) { try AgentCommand.table.parse(line) }
    }
  }
}
