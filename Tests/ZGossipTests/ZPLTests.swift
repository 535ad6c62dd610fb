// ZPL: what the original reads and refuses, as tried on CZMQ 4.2.1, and that all that is saved can be loaded.

import GrapevineCore
import Testing
import ZGossip

/// The tree as `depth name=<value>` lines, which is easier to compare.
func outline(_ document: ZPLDocument) -> [String] { document.children.flatMap { outline($0, depth: 0) } }

private func outline(_ item: ZPLItem, depth: Int) -> [String] {
  ["\(depth) \(item.name)=<\(item.value)>"] + item.children.flatMap { outline($0, depth: depth + 1) }
}

@Suite("ZPL")
struct ZPLTests {
  @Test(
    "a line is read as the original reads it",
    arguments: [
      ("a", ""), ("a = b", "b"), ("a=b", "b"), ("a  =  b", "b"), ("a\t=\tb\t", "b"),
      ("a = b c  d  ", "b c  d"),
      ("a = b # c", "b"), ("a = b#c", "b"), ("a = b \t #c", "b"), ("a # c", ""), ("a#c", ""), ("a # = b", ""),
      ("a =", ""), ("a =   ", ""), ("a = \"\"", ""), ("a = ''", ""), ("a = \"b # c\" # d", "b # c"),
      ("a = \"x\"# c", "x"), ("a = 'x\"y'", "x\"y"), ("a = \"x'y\"\t", "x'y"), ("a = \" b \"", " b "),
      ("a = b\"c\"", "b\"c\""), ("a = b\"c'd", "b\"c'd"), ("a = b = c", "b = c"), ("a ==b", "=b"),
      ("a = b\r", "b"), ("a = b\rc", "b\rc"), ("a = b\u{c}c", "b\u{c}c"), ("a\u{b}", ""), ("a = é", "é"),
      ("a = \"b\tc\"", "b\tc"), ("a = \u{1}", "\u{1}"),
      // A # that follows the = at once begins a comment, after a space it does not.
      ("a=#c", ""), ("a =#c d", ""), ("a = #", "#"), ("a= #c #d", "#c #d"), ("a = # \"x\" ", "# \"x\""),
    ])
  func values(line: String, value: String) throws {
    #expect(outline(try ZPLDocument(parsing: line)) == ["0 a=<\(value)>"])
    #expect(outline(try ZPLDocument(parsing: "\n  \n" + line + "\nb")) == ["0 a=<\(value)>", "0 b=<>"])
  }

  @Test("names may hold the signs that they may hold")
  func names() throws {
    for name in ["a-b_c@d.e&f+g$h", "a/b", "-", "&", "1", "Z", "a//b"] {
      #expect(outline(try ZPLDocument(parsing: name + "=1")) == ["0 \(name)=<1>"])
    }
  }

  @Test("depth is four spaces a level, siblings keep their order and repeat, and lines are told")
  func depth() throws {
    let document = try ZPLDocument(
      parsing: """
        # head
        a\r
            b = 1
                c
            # aside

            b = 2
        #second
                # deep
            d

        a
            e
        """)
    #expect(outline(document) == ["0 a=<>", "1 b=<1>", "2 c=<>", "1 b=<2>", "1 d=<>", "0 a=<>", "1 e=<>"])
    #expect(document.comments == [" head", "second"])
    #expect(document.children.map(\.line) == [2, 12])
    #expect(document.children.first?.children.map(\.line) == [3, 7, 10])
  }

  @Test(
    "comments and blank lines alone are an empty tree", arguments: ["", "\n\n", "   ", "    # c", "\t# c"])
  func empty(text: String) throws {
    #expect(try ZPLDocument(parsing: text) == ZPLDocument())
  }

  @Test(
    "what is wrong is told with its line, and what to do",
    arguments: [
      ("\ta", "it is indented with a tab; indent by 4 spaces for each level"),
      ("   b", "it is indented by 3 spaces; indent by 4 for each level"),
      ("   # b", "it is indented by 3 spaces; indent by 4 for each level"),
      ("        b", "it is indented by 8 spaces, but after the line before by at most 4"),
      ("    \tb", "it is indented with a tab; indent by 4 spaces for each level"),
      ("= b", "there is no name before the ="),
      ("%", "a name cannot begin with `%`; a name has letters, digits and $ - _ @ . & + /"),
      (
        "\u{e9} = 1", "a name cannot begin with the byte 0xc3; a name has letters, digits and $ - _ @ . & + /"
      ),
      ("b%", "a name cannot hold `%`; a name has letters, digits and $ - _ @ . & + /"),
      ("b:c = 1", "a name cannot hold `:`; a name has letters, digits and $ - _ @ . & + /"),
      ("b c", "`c` follows the name; a value needs an = before it"),
      ("/b", "a slash cannot be the first or the last of a name"),
      ("b/ = 1", "a slash cannot be the first or the last of a name"),
      ("b = \"c", "the value has no closing \"; put one at its end"),
      ("b = 'c\"", "the value has no closing '; put one at its end"),
      ("b = \"", "the value has no closing \"; put one at its end"),
      ("b = \"c\" d", "`d` follows the closing quote; only a comment may stand there"),
      ("b = \"c\"\"", "`\"` follows the closing quote; only a comment may stand there"),
      ("b = c\0", "the line holds a zero byte; this is no file of text"),
      ("b = " + String(repeating: "x", count: 16_381), "the line has more than 16384 bytes; shorten it"),
    ])
  func errors(line: String, text: String) throws {
    for before in ["a\n", "a = 1 # c\n\n", "a\n    b\n\n# c\na\n"] {
      let number = before.count { $0 == "\n" } + 1
      let error = #expect(throws: ZPLError.self) { try ZPLDocument(parsing: before + line + "\nc\n=\n") }
      #expect(error == ZPLError(line: number, text))
      #expect(error?.description == "line \(number): \(text)")
    }
  }

  @Test("the first line has nothing above it, and a value is UTF-8")
  func otherErrors() {
    let first = #expect(throws: ZPLError.self) { try ZPLDocument(parsing: "    a") }
    #expect(first == ZPLError(line: 1, "it is indented by 4 spaces, but after the line before by at most 0"))
    let bytes = Array("a\nb = ".utf8) + [0xff]
    let encoding = #expect(throws: ZPLError.self) { try ZPLDocument(parsing: bytes) }
    #expect(encoding == ZPLError(line: 2, "the value is not in UTF-8; save the file in that encoding"))
  }

  @Test("depth and length are bounded")
  func bounds() throws {
    func stairs(_ count: Int) -> String {
      (0..<count).map { String(repeating: " ", count: 4 * $0) + "a\n" }.joined()
    }
    #expect(outline(try ZPLDocument(parsing: stairs(64))).count == 64)
    let deep = #expect(throws: ZPLError.self) { try ZPLDocument(parsing: stairs(65)) }
    #expect(deep == ZPLError(line: 65, "there are more than 64 levels; use fewer"))
    let long = #expect(throws: ZPLError.self) {
      try ZPLDocument(parsing: String(repeating: "#\n", count: 131_073))
    }
    #expect(long == ZPLError(line: 0, "it is longer than 262144 bytes; this is no file of settings"))
    // Read it is short enough, saved it would not be.
    let grown = #expect(throws: ZPLError.self) {
      try ZPLDocument(parsing: String(repeating: "a\n", count: 60_000))
    }
    #expect(grown == ZPLError(line: 0, "it would be longer than 262144 bytes; remove some of it"))
    #expect(throws: ZPLError.self) {
      try ZPLDocument(parsing: "a=" + String(repeating: "x", count: 16_382))
    }
  }

  @Test("a path finds the first item of each name")
  func lookup() throws {
    let document = try ZPLDocument(
      parsing: "a/b = 1\na\n    b = 2\n    b = 3\na\n    c = 4\nab = 7\n    c")
    #expect(document["a/b"] == "2")
    #expect(document["/a/b"] == "2")
    #expect(document["a"] == "")
    #expect(document["ab"] == "7")
    #expect(document["ab/c"] == "")
    for path in ["", "/", "a/", "a//b", "a/c", "b", "a/b/c"] { #expect(document[path] == nil) }
    #expect(document.first("ab")?.children.map(\.name) == ["c"])
  }

  @Test("setting replaces the first, makes what is missing, and refuses what no file could say")
  func setting() throws {
    var document = try ZPLDocument(parsing: "a\n    b = 2\n    b = 3\n")
    try document.set("a/b", to: "new")
    try document.set("/x/y/z", to: "1 # 2")
    try document.set("x/y/z", to: "it's")
    try document.set("a", to: "")
    let before = document
    #expect(
      outline(document) == ["0 a=<>", "1 b=<new>", "1 b=<3>", "0 x=<>", "1 y=<>", "2 z=<it's>"])
    for path in ["", "/", "a/", "//a", "a b", "a/é", "a=b", String(repeating: "a/", count: 64) + "a"] {
      let error = #expect(throws: ZPLError.self) { try document.set(path, to: "1") }
      #expect(error?.line == 0 && error?.text.contains("path") == true)
    }
    for value in ["a\nb", "a\0", "\"'", "a'b\"c#d", "'\"#", " a'b\"", String(repeating: "v", count: 16_380)] {
      #expect(throws: ZPLError.self) { try document.set("a/b", to: value) }
    }
    #expect(document == before)
    #expect(throws: ZPLError.self) {
      for index in 0..<20 { try document.set("k\(index)", to: String(repeating: "v", count: 16_000)) }
    }
    #expect(try ZPLDocument(parsing: document.text)["k15"]?.count == 16_000)
  }

  @Test("it is saved as the original saves it, but so that it can be loaded")
  func saving() throws {
    let document = try ZPLDocument(parsing: "#x\na = b\n    c='d\"e'\n#  y\n    f = b\"c'd\nq")
    #expect(document.text == "#x\n#  y\n\na = \"b\"\n    c = 'd\"e'\n    f = b\"c'd\nq = \"\"\n")
    #expect(ZPLDocument().text == "")
  }

  @Test("whatever is read can be saved and read again, and whatever the bytes are, reading ends")
  func chance() throws {
    var generator = Generator(seed: 11)
    let pieces = [
      "a", "b/c", "/", " ", "    ", "        ", "\t", "=", " = ", "#", "\"", "'", "\n", "\n", "\na", "\r",
      "é", "x y",
      "%", "\na = ", "\n    b = ", "\n    ",
    ]
    var read = 0
    for round in 0..<8_000 {
      var text = Array(
        (0..<generator.below(12)).map { _ in pieces[generator.below(pieces.count)] }.joined().utf8)
      if round % 8 == 0, !text.isEmpty { text[generator.below(text.count)] = UInt8(generator.below(256)) }
      guard let document = try? ZPLDocument(parsing: text) else { continue }
      read += 1
      let again = try ZPLDocument(parsing: document.text)
      #expect(outline(again) == outline(document))
      #expect(again.comments.count == document.comments.count)
      #expect(again.text == document.text)
    }
    #expect(read > 1_000)
  }
}
