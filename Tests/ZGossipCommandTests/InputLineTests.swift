// The lines of standard input: what they mean, and what is said of those that mean nothing.

import Testing

@testable import ZGossipCommand

@Suite("zgossip's input: lines that publish and lines that ask")
struct InputLineTests {
  private func read(_ line: String) throws -> InputLine? { try InputLine.read(Array(line.utf8)) }

  private func tuple(_ key: String, _ value: String) -> InputLine {
    .publish(key: Array(key.utf8), value: Array(value.utf8))
  }

  @Test("what is no command publishes: the key ends at the first equals sign, and nothing is trimmed")
  func assignments() throws {
    #expect(try read("a=b") == tuple("a", "b"))
    #expect(try read("web 1=http://h/?x=1 ") == tuple("web 1", "http://h/?x=1 "))
    #expect(try read("a=") == tuple("a", ""))
    #expect(try read("get=1") == tuple("get", "1"))
    #expect(try InputLine.read([0xff, 0x3d, 0xfe]) == .publish(key: [0xff], value: [0xfe]))
  }

  @Test("commands and their words; the last word is the rest of the line")
  func commands() throws {
    #expect(try read("publish a b c=d") == tuple("a", "b c=d"))
    #expect(try read("publish a  b") == tuple("a", " b"))
    #expect(try read("publish a ") == tuple("a", ""))
    #expect(try read("unpublish a b") == .unpublish(Array("a b".utf8)))
    #expect(try read("get a=b") == .get(Array("a=b".utf8)))
    #expect(try read("list") == .list(prefix: []))
    #expect(try read("list we") == .list(prefix: Array("we".utf8)))
    #expect(try read("status") == .status)
    #expect(try read("port") == .port)
    #expect(try read("connect tcp://h:1") == .connect("tcp://h:1"))
    #expect(try read("bind ipc:///a b") == .bind("ipc:///a b"))
    #expect(try read("set server/timeout 5 s") == .set(path: "server/timeout", value: "5 s"))
    #expect(try read("save a file") == .save("a file"))
    #expect(try read("quit") == .quit)
    #expect(try read("") == nil)
    #expect(try read("  ") == nil)
  }

  @Test(
    "what is neither is refused, and what it should be is said",
    arguments: [
      ("hello", "a line is KEY=VALUE"), ("=x", "no key"), ("publish", "publish KEY VALUE"),
      ("publish a", "publish KEY VALUE"), ("publish  a", "publish KEY VALUE"), ("get", "get KEY"),
      ("get ", "get KEY"), ("unpublish", "unpublish KEY"), ("set a", "set PATH VALUE"), ("save", "save FILE"),
      ("connect", "connect ENDPOINT"), ("bind", "bind ENDPOINT"), ("quit now=1", "\"now=1\" behind quit"),
      ("status \u{1b}", "\"?\" behind status"), ("Publish a b", "a line is KEY=VALUE"),
    ])
  func refusals(line: String, text: String) {
    let failure = #expect(throws: InputFailure.self) { try read(line) }
    #expect(failure?.description.contains(text) == true, "\(String(describing: failure))")
  }
}
