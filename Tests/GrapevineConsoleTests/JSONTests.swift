// Reading and writing JSON.

import Testing

@testable import GrapevineConsole

@Suite("JSON: strict to read, safe to write")
struct JSONTests {
  func read(_ text: String) throws -> JSONValue { try JSONReader.read(Array(text.utf8)[...]) }

  @Test("values of every kind are read")
  func values() throws {
    let text =
      #" {"a":[1,-2,2.5e1,true,false,null,[]],"b":{"c":"\u00e9\ud83d\ude00\n\/"},"d":9223372036854775807} "#
    #expect(
      try read(text)
        == .object([
          "a": .array([.integer(1), .integer(-2), .real(25), .bool(true), .bool(false), .null, .array([])]),
          "b": .object(["c": .string("é😀\n/")]),
          "d": .integer(.max),
        ]))
  }

  @Test(
    "what RFC 8259 does not allow is refused",
    arguments: [
      "", "{", "}", "{}x", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "{\"a\":1,\"a\":2}", "01", "1.",
      ".5",
      "-", "+1", "1e", "1e999", "tru", "nul", "\"", "\"\\x\"", "\"\\u12g4\"", "\"\\ud800\"",
      "\"\\ud800\\u0041\"",
      "\"\\udc00\"", "\"\u{1}\"", "'a'", "NaN",
    ])
  func refusals(text: String) {
    #expect(throws: JSONError.self) { try read(text) }
  }

  @Test("nesting has a limit and does not end the process")
  func depth() {
    #expect(throws: JSONError.self) { try read(String(repeating: "[", count: 1_000_000)) }
  }

  @Test("bytes that are not UTF-8 are refused")
  func encoding() {
    #expect(throws: JSONError.self) { try JSONReader.read([0x22, 0xff, 0x22]) }
  }

  @Test("random bytes and damaged objects never trap")
  func fuzz() {
    var generator = SystemRandomNumberGenerator()
    let good = Array(#"{"event":"delivery","payload":"\u00e9\\","at":12,"x":[1.5e3,{"y":null}]}"#.utf8)
    for _ in 0..<20_000 {
      var bytes = good
      for _ in 0..<3 { bytes[Int.random(in: 0..<bytes.count, using: &generator)] = UInt8.random(in: 0...255) }
      bytes.removeLast(Int.random(in: 0..<bytes.count, using: &generator))
      _ = try? JSONReader.read(bytes[...])
    }
  }

  @Test(
    "any payload makes one line that can be read back",
    arguments: [
      Array("plain".utf8), [], Array("quote \" slash \\ \n\t\r \u{1} \u{7f} é😀".utf8), [0xff, 0x00, 0x61],
      Array(0...255),
    ])
  func payloads(payload: [UInt8]) throws {
    var writer = JSONWriter()
    writer.object { object in
      object.field("event", "delivery")
      payload.withUnsafeBytes { object.field("payload", payload: $0) }
      object.field("inner") { $0.field("n", 1) }
      object.field("ratio", 0.1)
      object.field("none", nil as Double?)
    }
    #expect(writer.bytes.firstIndex(of: 0x0a) == writer.bytes.count - 1)
    let value = try JSONReader.read(writer.bytes[...])
    #expect(value["payload"] == .string(String(decoding: payload, as: UTF8.self)))
    #expect((value["bytes"] != nil) == (String(validating: payload, as: UTF8.self) == nil))
    #expect(value["inner"]?["n"] == .integer(1))
    #expect(value["ratio"] == .real(0.1))
    #expect(value["none"] == .null)
  }
}
