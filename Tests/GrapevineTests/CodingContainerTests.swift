// Encoders and decoders used by hand: nested containers in any order, superclasses, looking ahead, misuse.

import Grapevine
import Testing

/// A value that encodes itself by a closure.
private struct ByHand: Encodable {
  let body: (any Encoder) throws -> Void
  func encode(to encoder: any Encoder) throws { try body(encoder) }
}

/// A value that keeps its decoder, which it should not.
private struct Keeping: Decodable {
  let decoder: any Decoder
  init(from decoder: any Decoder) throws { self.decoder = decoder }
}

private enum Key: String, CodingKey { case a, b, c }

@Suite("Coding: containers by hand")
struct CodingContainerTests {
  private func encode(_ body: @escaping (any Encoder) throws -> Void) throws(CodingFailure) -> [UInt8] {
    try BinaryCoding.encode(ByHand(body: body))
  }

  @Test("nested containers of a map may be written in turns")
  func nestedInMap() throws {
    let document = try encode { encoder in
      var map = encoder.container(keyedBy: Key.self)
      var c = map.nestedUnkeyedContainer(forKey: .c)
      var a = map.nestedContainer(keyedBy: Key.self, forKey: .a)
      try c.encode(1)
      try a.encode("x", forKey: .b)
      try map.encode(true, forKey: .b)
      try c.encode(2)
      try a.encodeNil(forKey: .a)
    }
    #expect(document == unhex("a3 6161 a2 6161 f6 6162 6178 6162 f5 6163 820102"))
  }

  @Test("nested containers of an array keep their places")
  func nestedInArray() throws {
    let document = try encode { encoder in
      var array = encoder.unkeyedContainer()
      try array.encode(1)
      var first = array.nestedUnkeyedContainer()
      try array.encode(2)
      var second = array.nestedContainer(keyedBy: Key.self)
      #expect(array.count == 4)
      try second.encode(4, forKey: .a)
      try first.encode(contentsOf: [3, 3])
      try array.encode([UInt8](repeating: 9, count: 2))
    }
    #expect(document == unhex("85 01 820303 02 a1616104 420909"))
  }

  @Test("a superclass is coded under \"super\", or as the next element")
  func supers() throws {
    let document = try encode { encoder in
      var map = encoder.container(keyedBy: Key.self)
      try ["s"].encode(to: map.superEncoder())
      try 5.encode(to: map.superEncoder(forKey: .a))
      var array = map.nestedUnkeyedContainer(forKey: .b)
      try 6.encode(to: array.superEncoder())
    }
    #expect(document == unhex("a3 6161 05 6162 8106 65 7375706572 816173"))
    struct Reading: Decodable {
      init(from decoder: any Decoder) throws {
        let map = try decoder.container(keyedBy: Key.self)
        #expect(try [String](from: map.superDecoder()) == ["s"])
        #expect(try Int(from: map.superDecoder(forKey: .a)) == 5)
        var array = try map.nestedUnkeyedContainer(forKey: .b)
        #expect(array.codingPath.map(\.stringValue) == ["b"])
        let last = try array.superDecoder()
        #expect(try Int(from: last) == 6 && array.isAtEnd)
        #expect(last.codingPath.map(\.stringValue) == ["b", "0"])
        #expect(map.allKeys == [.a, .b])
      }
    }
    _ = try BinaryCoding.decode(Reading.self, from: document)
  }

  @Test("the same keyed container may be asked for twice, a different one may not")
  func secondContainer() throws {
    let document = try encode { encoder in
      var first = encoder.container(keyedBy: Key.self)
      try first.encode(1, forKey: .a)
      var second = encoder.container(keyedBy: Key.self)
      try second.encode(2, forKey: .b)
    }
    #expect(document == unhex("a2 616101 616202"))
    let failure = #expect(throws: CodingFailure.self) {
      try encode { encoder in
        var first = encoder.unkeyedContainer()
        try first.encode(1)
        var second = encoder.singleValueContainer()
        try second.encode(2)
      }
    }
    guard case .misuse = failure?.reason else {
      Issue.record("\(String(describing: failure))")
      return
    }
  }

  @Test("a key encoded twice, a value encoded twice or never, are errors")
  func misuse() {
    #expect(throws: CodingFailure(.duplicateKey("a"))) {
      try encode { encoder in
        var map = encoder.container(keyedBy: Key.self)
        for key in [Key.a, .b, .a] { try map.encode(1, forKey: key) }
      }
    }
    #expect(throws: CodingFailure.self) {
      try encode { encoder in
        var single = encoder.singleValueContainer()
        try single.encode(1)
        try single.encode(2)
      }
    }
    #expect(throws: CodingFailure.self) { try encode { _ = $0.singleValueContainer() } }
  }

  @Test("a field that fails and is caught leaves nothing behind")
  func caughtFailure() throws {
    let failing = ByHand { encoder in
      var map = encoder.container(keyedBy: Key.self)
      try map.encode([1, 2], forKey: .b)
      throw CodingFailure(.rejected("no"))
    }
    let document = try encode { encoder in
      var map = encoder.container(keyedBy: Key.self)
      try map.encode(1, forKey: .b)
      try? map.encode(failing, forKey: .a)
      try map.encode(2, forKey: .c)
      var array = map.nestedUnkeyedContainer(forKey: .a)
      try? array.encode(failing)
      try array.encode(3)
    }
    #expect(document == unhex("a3 6161 8103 6162 01 6163 02"))
  }

  @Test("an unkeyed container may be copied to look ahead, and stays where it is on failure")
  func lookAhead() throws {
    struct Reading: Decodable {
      init(from decoder: any Decoder) throws {
        var array = try decoder.unkeyedContainer()
        var ahead = array
        #expect(try ahead.decode(Int.self) == 1)
        #expect(throws: DecodingError.self) { try array.decode(String.self) }
        #expect(array.currentIndex == 0 && ahead.currentIndex == 1)
        #expect(try array.decode(Int.self) == 1)
        #expect(try !array.decodeNil() && ahead.decode([Int].self) == [2])
        #expect(try array.decode([Int].self) == [2])
        #expect(try array.decodeNil() && array.isAtEnd)
        #expect(throws: DecodingError.self) { try array.decode(Int.self) }
      }
    }
    _ = try BinaryCoding.decode(Reading.self, from: unhex("83018102f6"))
  }

  @Test("a decoder that outlives its document reads nothing")
  func escapedDecoder() throws {
    let kept = try BinaryCoding.decode([Keeping].self, from: unhex("82a16161018102"))
    #expect(throws: DecodingError.self) { try kept[0].decoder.container(keyedBy: Key.self) }
    #expect(throws: DecodingError.self) { try [Int](from: kept[1].decoder) }
  }

  @Test("an encoder that outlives its document writes nothing")
  func escapedEncoder() throws {
    var kept: (any Encoder)?
    let document = try encode { encoder in
      kept = encoder
      var map = encoder.container(keyedBy: Key.self)
      try map.encode(1, forKey: .a)
    }
    let encoder = try #require(kept)
    #expect(throws: CodingFailure.self) {
      var map = encoder.container(keyedBy: Key.self)
      try map.encode(2, forKey: .b)
    }
    #expect(document == unhex("a1616101"))
  }

  @Test("coding paths name fields and indices while encoding")
  func encodingPaths() throws {
    var path: [String] = []
    let spy = ByHand { encoder in
      path = encoder.codingPath.map(\.stringValue)
      try 1.encode(to: encoder)
    }
    _ = try encode { encoder in
      var map = encoder.container(keyedBy: Key.self)
      var array = map.nestedUnkeyedContainer(forKey: .a)
      try array.encode(0)
      try array.encode(["x": [spy]])
    }
    #expect(path == ["a", "1", "x", "0"])
  }
}
