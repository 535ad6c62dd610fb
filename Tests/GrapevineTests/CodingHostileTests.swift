// Bytes that nobody should send: they are errors, never traps, and cost no more than their own size.

import Grapevine
import GrapevineCore
import Testing

@Suite("Coding: hostile input")
struct CodingHostileTests {
  struct Record: Codable, Equatable {
    enum State: Codable, Equatable { case idle, busy(load: Double, jobs: [String]) }
    var a: Int?
    var b: [UInt8]?
    var c: [String: [Int16]]?
    var d: State?
    indirect enum Link: Codable, Equatable { case end, next(Link) }
    var e: Link?
  }

  /// Takes any document that is well-formed.
  struct Anything: Decodable { init(from decoder: any Decoder) {} }

  /// Decodes as many types, if the bytes are well-formed at all; returns how many of them accepted the bytes.
  private func decodeAll(_ bytes: [UInt8]) -> Int {
    func accepts<T: Decodable>(_ type: T.Type) -> Int {
      do throws(CodingFailure) {
        _ = try BinaryCoding.decode(type, from: bytes)
        return 1
      } catch {
        _ = error.description
        return 0
      }
    }
    guard accepts(Anything.self) == 1 else { return 0 }
    return accepts(Record.self) + accepts([Record].self) + accepts([Int8: String].self)
      + accepts([UInt8].self)
      + accepts(UInt64.self) + accepts(Int128.self) + accepts(Float.self) + accepts(String?.self)
      + accepts([[Double]].self)
  }

  @Test("100,000 random byte strings are decoded or refused")
  func randomBytes() {
    var random = Generator(seed: 42)
    var accepted = 0
    for _ in 0..<100_000 {
      let count = Int(random.next() % 40)
      accepted += decodeAll((0..<count).map { _ in UInt8(truncatingIfNeeded: random.next() >> 32) })
    }
    #expect(accepted > 0)
  }

  @Test("valid documents with bytes changed, cut out and doubled are decoded or refused")
  func mutations() throws {
    var random = Generator(seed: 7)
    let record = Record(
      a: -70000, b: [1, 2, 3], c: ["x": [1, -2], "y": []], d: .busy(load: 0.5, jobs: ["j", "k"]),
      e: .next(.next(.end)))
    let valid = try BinaryCoding.encode(record)
    for _ in 0..<20_000 {
      var document = valid
      for _ in 0...(random.next() % 3) {
        let place = Int(random.next() % UInt64(document.count))
        switch random.next() % 3 {
        case 0: document[place] = UInt8(truncatingIfNeeded: random.next())
        case 1: document.insert(document[Int(random.next() % UInt64(document.count))], at: place)
        default: if document.count > 1 { document.remove(at: place) }
        }
      }
      _ = decodeAll(document)
      _ = MessageEnvelope.split(document)
    }
    for count in valid.indices {
      #expect(throws: CodingFailure.self) { try BinaryCoding.decode(Record.self, from: valid[..<count]) }
    }
  }

  @Test(
    "a claimed size is checked before anything is made of it",
    arguments: [
      ("9bffffffffffffffff", UInt64.max, 0), ("bbffffffffffffffff", UInt64.max, 0),
      ("bb7fffffffffffffff", UInt64.max - 1, 0), ("5bffffffffffffffff", UInt64.max, 0),
      ("7b7fffffffffffffff00", 0x7fff_ffff_ffff_ffff, 1), ("9affffffff01", 0xffff_ffff, 1), ("a1", 2, 0),
      ("8201", 2, 1), ("430102", 3, 2), ("19ff", 2, 1), ("c1", 1, 0),
    ])
  func claimedSizes(_ hex: String, _ needed: UInt64, _ available: Int) {
    #expect(throws: CodingFailure(.truncated(needed: needed, available: available), offset: 0)) {
      try BinaryCoding.decode([Int].self, from: unhex(hex))
    }
  }

  @Test("no bytes are no document")
  func nothing() {
    #expect(throws: CodingFailure(.truncated(needed: 1, available: 0), offset: 0)) {
      try BinaryCoding.decode(Int.self, from: [UInt8]())
    }
  }

  @Test("nesting ends at the limit, for the reader and the writer")
  func nesting() throws {
    indirect enum Nest: Codable, Equatable {
      case end
      case more(Nest)

      init(from decoder: any Decoder) throws {
        var array = try decoder.unkeyedContainer()
        self = array.isAtEnd ? .end : .more(try array.decode(Nest.self))
      }

      func encode(to encoder: any Encoder) throws {
        var array = encoder.unkeyedContainer()
        if case .more(let nest) = self { try array.encode(nest) }
      }
    }
    func nest(_ levels: Int) -> Nest { (1..<levels).reduce(.end) { nest, _ in .more(nest) } }
    let deepest = try BinaryCoding.encode(nest(64))
    #expect(deepest == [UInt8](repeating: 0x81, count: 63) + [0x80])
    #expect(try BinaryCoding.decode(Nest.self, from: deepest) == nest(64))

    #expect(throws: CodingFailure(.tooDeep(limit: 64), offset: 64)) {
      try BinaryCoding.decode(Nest.self, from: [0x81] + deepest)
    }
    let failure = #expect(throws: CodingFailure.self) { try BinaryCoding.encode(nest(65)) }
    #expect(failure?.reason == .tooDeep(limit: 64))
    #expect(failure?.path.count == 64)
    for byte in [0x81, 0xa1, 0xc1, 0x9f, 0xd8] as [UInt8] {
      #expect(throws: CodingFailure.self) {
        try BinaryCoding.decode(Nest.self, from: [UInt8](repeating: byte, count: 1_000_000))
      }
    }
  }

  @Test("a number that does not fit is an error that shows it")
  func overflow() {
    func fails<T: Decodable>(_ type: T.Type, _ hex: String, _ value: String) {
      #expect(throws: CodingFailure(.outOfRange(value: value, type: "\(type)"), offset: 0)) {
        try BinaryCoding.decode(type, from: unhex(hex))
      }
    }
    fails(UInt8.self, "190100", "256")
    fails(UInt8.self, "20", "-1")
    fails(Int8.self, "1880", "128")
    fails(Int8.self, "3880", "-129")
    fails(Int64.self, "1bffffffffffffffff", "18446744073709551615")
    fails(Int64.self, "3bffffffffffffffff", "-18446744073709551616")
    fails(Int64.self, "c249010000000000000000", "18446744073709551616")
    fails(UInt.self, "c340", "-1 - 0")
    fails(Int128.self, "c250" + String(repeating: "f", count: 32), "\(UInt128.max)")
    fails(UInt128.self, "c251" + String(repeating: "f", count: 34), "a bignum of 17 bytes")
    fails(Float.self, "fb3ff199999999999a", "1.1")
    fails(Double.self, "1b0020000000000001", "9007199254740993")
  }

  @Test("a bignum may have leading zeros, or be small")
  func bignums() throws {
    #expect(
      try BinaryCoding.decode(Int8.self, from: unhex("c25500000000000000000000000000000000000000007f")) == 127
    )
    #expect(try BinaryCoding.decode(Int8.self, from: unhex("c3417f")) == -128)
    #expect(try BinaryCoding.decode(Int8.self, from: unhex("c240")) == 0)
  }

  @Test("two equal keys in one map are an error, next to each other or not")
  func duplicates() {
    for hex in ["a2 6161 01 6161 02", "a3 6161 01 6162 02 6161 03", "a3 6162 01 6161 02 6162 03"] {
      let failure = #expect(throws: CodingFailure.self) {
        try BinaryCoding.decode([String: Int].self, from: unhex(hex))
      }
      guard case .duplicateKey = failure?.reason else {
        Issue.record("\(String(describing: failure))")
        continue
      }
    }
  }

  @Test(
    "text that is not UTF-8, also in fields that nobody reads",
    arguments: ["61ff", "62c328", "63eda080", "61c3"])
  func invalidText(_ hex: String) {
    #expect(throws: CodingFailure(.invalidText, offset: 0)) {
      try BinaryCoding.decode(String.self, from: unhex(hex))
    }
    #expect(throws: CodingFailure(.invalidText, offset: 3)) {
      try BinaryCoding.decode(Record.self, from: unhex("a1617a" + hex))
    }
  }

  @Test("bytes after the value, and keys that are not text")
  func others() {
    #expect(throws: CodingFailure(.trailingBytes(count: 2), offset: 1)) {
      try BinaryCoding.decode(Int.self, from: unhex("010203"))
    }
    #expect(throws: CodingFailure(.keyNotText(found: "integer"), offset: 1)) {
      try BinaryCoding.decode([String: Int].self, from: unhex("a10102"))
    }
  }

  @Test("maps of many keys in the worst order take time in proportion")
  func manyKeys() throws {
    let keys = (0..<50_000).map { "\($0)" }.sorted(by: >)
    var document: [UInt8] = [0xba, 0, 0, 0xc3, 0x50]
    for key in keys { document += try BinaryCoding.encode(key) + [0x01] }
    #expect(try BinaryCoding.decode([String: Int].self, from: document).count == 50_000)
  }
}
