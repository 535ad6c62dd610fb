import Testing

@testable import Grapevine

@Suite("Keys of tuples")
struct TupleKeyTests {
  @Test("a literal, a text, a part of one and bytes make the same key")
  func making() {
    let key: TupleKey = "service/web"
    #expect(key == TupleKey("service/web"))
    #expect(key == TupleKey("my service/web".dropFirst(3)))
    #expect(key == TupleKey(Array("service/web".utf8)))
    #expect(key != "service/Web")
    // The same letter in two spellings is two keys.
    #expect(TupleKey("\u{e9}") != TupleKey("e\u{301}"))
  }

  @Test(
    "a key reads as text when it is text without control characters, else as its bytes",
    arguments: [
      (Array("service/web".utf8), "service/web"), ([], ""), (Array("wörld 🍇".utf8), "wörld 🍇"),
      ([0xff, 0x00, 0x1a], "0xff001a"), (Array("a\nb".utf8), "0x610a62"), ([0x7f], "0x7f"),
      (Array("\u{9b}".utf8), "0xc29b"), ([0x41, 0x00], "0x4100"),
    ] as [([UInt8], String)])
  func description(bytes: [UInt8], text: String) {
    #expect(TupleKey(bytes).description == text)
  }

  @Test("keys are ordered by their bytes")
  func order() {
    let keys: [TupleKey] = ["b", "a", "", "a/1", "a/10", "a/2", TupleKey([0xff]), TupleKey([0x61, 0x00])]
    #expect(
      keys.sorted() == ["", "a", TupleKey([0x61, 0x00]), "a/1", "a/10", "a/2", "b", TupleKey([0xff])])
    #expect(TupleKey("service/web").hasPrefix("service/"))
    #expect(TupleKey("service/web").hasPrefix(""))
    #expect(!TupleKey("service").hasPrefix("service/"))
  }
}
