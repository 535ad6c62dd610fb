// What a document asks of a node, and what it is told of its mistakes.

import Testing
import ZGossip

@Suite("zgossip: settings")
struct ZGossipSettingsTests {
  private func settings(_ text: String) throws -> ZGossipSettings {
    try ZGossipSettings(ZPLDocument(parsing: text))
  }

  @Test("a document that says nothing asks for nothing")
  func nothing() throws {
    #expect(try settings("# nothing\nserver\nzgossip\n") == ZGossipSettings())
  }

  @Test("everything is read, and the steps in order")
  func everything() throws {
    let key = "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
    let settings = try settings(
      """
      server
          timeout = 2500      # ms
          verbose = 1
          background = 0
          limit
              tuples = 1000
              bytes = "5000000"
              value = 4096
      zgossip
          echo = "Starting, # 1"
          security
              mechanism = curve
              domain = lan
              secret-key = /etc/node.key_secret
          bind
              endpoint = tcp://*:5670
          security
          connect
              endpoint = tcp://10.0.0.2:5670
              public-key = "\(key)"
          bind
              endpoint = ipc:///tmp/gossip
          connect
              endpoint = ipc://@other
      """)
    #expect(settings.timeout == .milliseconds(2_500))
    #expect(settings.isVerbose == true)
    #expect(settings.isBackground == false)
    #expect([settings.tupleLimit, settings.byteLimit, settings.valueLimit] == [1_000, 5_000_000, 4_096])
    #expect(settings.warnings.isEmpty)
    #expect(settings.steps.map(\.line) == [10, 11, 15, 17, 18, 21, 23])
    #expect(
      settings.steps.map(\.action) == [
        .echo("Starting, # 1"),
        .security(.curve(secretKeyFile: "/etc/node.key_secret"), domain: "lan"),
        .bind(endpoint: "tcp://*:5670"),
        .security(.null, domain: nil),
        .connect(endpoint: "tcp://10.0.0.2:5670", publicKey: key),
        .bind(endpoint: "ipc:///tmp/gossip"),
        .connect(endpoint: "ipc://@other", publicKey: nil),
      ])
  }

  @Test("the old name of verbose counts when the new one is not there")
  func animate() throws {
    #expect(try settings("server\n    animate = 1").isVerbose == true)
    #expect(try settings("server\n    animate = 1\n    verbose = 0").isVerbose == false)
  }

  @Test("what a program sets is read like what a file says")
  func fromProgram() throws {
    var document = ZPLDocument()
    try document.set("server/timeout", to: "0")
    try document.set("zgossip/bind/endpoint", to: "tcp://*:*")
    let settings = try ZGossipSettings(document)
    #expect(settings.timeout == .zero)
    #expect(settings.steps.map(\.action) == [.bind(endpoint: "tcp://*:*")])
    #expect(settings.steps.map(\.line) == [0])
  }

  @Test("what is unknown or twice there is ignored with a warning that says where")
  func warnings() throws {
    let settings = try settings(
      """
      sever
          timeout = 1
      server
          timeout = 5
              x
          time = 1
          limit
              value = 10
              keys = 1
          timeout = x
      server
          timeout = 9
      zgossip
          publish = a
          echo = b
              c
          bind
              endpoint = d
              port = 1
          connect
              endpoint = e
              endpoint = f
          security
              key = g
      """)
    #expect(settings.timeout == .milliseconds(5))
    #expect(settings.steps.count == 4)
    #expect(
      settings.warnings.map { "\($0.line): \($0.text)" } == [
        "1: sever is unknown and ignored; known are server, zgossip",
        "5: timeout/x is unknown and ignored; nothing is known below it",
        "6: server/time is unknown and ignored; known are timeout, verbose, animate, background, limit",
        "9: server/limit/keys is unknown and ignored; known are tuples, bytes, value",
        "10: server/timeout is there twice; only the first counts",
        "11: server is there twice; only the first counts",
        "14: zgossip/publish is unknown and ignored; known are echo, bind, connect, security",
        "16: zgossip/echo/c is unknown and ignored; nothing is known below it",
        "19: zgossip/bind/port is unknown and ignored; known are endpoint",
        "22: zgossip/connect/endpoint is there twice; only the first counts",
        "24: zgossip/security/key is unknown and ignored; known are mechanism, domain, secret-key",
      ])
  }

  @Test(
    "a value that cannot be is an error that says where and what could",
    arguments: [
      (
        "server\n    timeout = 1s", 2,
        "timeout is a number of milliseconds, 0 for never, from 0 to 2147483647, and not `1s`"
      ),
      (
        "server\n    timeout = -1", 2,
        "timeout is a number of milliseconds, 0 for never, from 0 to 2147483647, and not `-1`"
      ),
      (
        "server\n    timeout = 99999999999999999999", 2,
        "timeout is a number of milliseconds, 0 for never, from 0 to 2147483647, and not `99999999999999999999`"
      ),
      (
        "server\n    timeout", 2,
        "timeout is a number of milliseconds, 0 for never, from 0 to 2147483647, and not ``"
      ),
      ("server\n    verbose = yes", 2, "verbose is 1 or 0, and not `yes`"),
      ("server\n    background = 2", 2, "background is 1 or 0, and not `2`"),
      (
        "server\n    limit\n        tuples = 0", 3,
        "tuples is a number of tuples, from 1 to 2147483647, and not `0`"
      ),
      (
        "zgossip\n    bind = tcp://*:1", 2,
        "bind has no endpoint; put `endpoint = ...` below it, four spaces deeper"
      ),
      (
        "zgossip\n    connect\n        endpoint", 2,
        "connect has no endpoint; put `endpoint = ...` below it, four spaces deeper"
      ),
      (
        "zgossip\n    connect\n        endpoint = a\n        public-key = b", 4,
        "public-key is a key of 40 characters, and not `b`"
      ),
      (
        "zgossip\n    security\n        mechanism = curve", 2,
        "security has no secret-key; put `secret-key = ...` below it, four spaces deeper"
      ),
      (
        "zgossip\n    security\n        mechanism = GSSAPI", 3,
        "mechanism is null, plain or curve, and not `GSSAPI`"
      ),
    ])
  func errors(text: String, line: Int, problem: String) {
    let error = #expect(throws: ZPLError.self) { try settings(text) }
    #expect(error == ZPLError(line: line, problem))
  }
}
