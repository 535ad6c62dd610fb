// Programs of different versions talk: fields come, go and change places.

import Grapevine
import Testing

@Suite("Coding: evolution")
struct CodingEvolutionTests {
  struct Old: Codable, Equatable {
    var key: String
    var count: Int
    var note: String?
  }

  struct New: Codable, Equatable {
    struct Origin: Codable, Equatable { var host: String, ports: [Int] }
    var origin: Origin?
    var count: UInt8
    var blob: [UInt8]?
    var key: String
    var levels: [Double]?
  }

  @Test("an old reader skips the fields it does not know")
  func newToOld() throws {
    let new = New(
      origin: .init(host: "h", ports: [1, 2]), count: 7, blob: [1, 2, 3], key: "k", levels: [0.5, 1])
    let old = try BinaryCoding.decode(Old.self, from: BinaryCoding.encode(new))
    #expect(old == Old(key: "k", count: 7, note: nil))
  }

  @Test("a new reader sees the fields that the old writer lacks as nil")
  func oldToNew() throws {
    let new = try BinaryCoding.decode(New.self, from: BinaryCoding.encode(Old(key: "k", count: 7, note: "n")))
    #expect(new == New(origin: nil, count: 7, blob: nil, key: "k", levels: nil))
  }

  @Test("a field may be null instead of absent")
  func null() throws {
    let old = try BinaryCoding.decode(
      Old.self, from: unhex("a3 63 6b6579 616b 65 636f756e74 07 64 6e6f7465 f6"))
    #expect(old == Old(key: "k", count: 7, note: nil))
  }

  @Test("pairs may come in any order")
  func order() throws {
    let old = try BinaryCoding.decode(
      Old.self, from: unhex("a3 65 636f756e74 07 64 6e6f7465 616e 63 6b6579 616b"))
    #expect(old == Old(key: "k", count: 7, note: "n"))
  }

  @Test("what an unknown field holds does not matter, as long as it is CBOR")
  func anythingUnknown() throws {
    // Maps with integer keys, tags, half floats, simple values and undefined are all skipped.
    let unknown = ["a10102", "c482200a", "f93c00", "f0", "f8ff", "f7", "a0", "80", "d9d9f7a1206161"]
    for value in unknown {
      let document = unhex("a3 63 6b6579 616b 65 636f756e74 07 63 6f6464" + value)
      #expect(try BinaryCoding.decode(Old.self, from: document) == Old(key: "k", count: 7, note: nil))
    }
  }

  @Test("a required field that is absent is named, with the path to its place")
  func requiredAbsent() {
    #expect(throws: CodingFailure(.keyAbsent("count"), path: ["1"])) {
      try BinaryCoding.decode(
        [Old].self, from: unhex("82 a2 63 6b6579 616b 65 636f756e74 07 a1 63 6b6579 616b"))
    }
  }

  @Test("a field of another type is an error that says which, where and what")
  func changedType() {
    // {"key": "k", "count": "x"}: the value of "count" is at byte 13.
    #expect(throws: CodingFailure(.mismatch(expected: "integer", found: "text"), path: ["count"], offset: 13))
    {
      try BinaryCoding.decode(Old.self, from: unhex("a2 63 6b6579 616b 65 636f756e74 6178"))
    }
  }

  @Test("an enum case that the reader does not know is an error, not a guess")
  func unknownCase() {
    enum Step: Codable { case begin }
    let failure = #expect(throws: CodingFailure.self) {
      try BinaryCoding.decode(Step.self, from: BinaryCoding.encode(["end": [String: Int]()]))
    }
    guard case .rejected = failure?.reason else {
      Issue.record("\(String(describing: failure))")
      return
    }
  }

  @Test("hand-written decoding may try one type after another")
  func alternatives() throws {
    enum Value: Codable, Equatable {
      case number(Int)
      case text(String)

      init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        do {
          self = .number(try container.decode(Int.self))
        } catch DecodingError.typeMismatch {
          self = .text(try container.decode(String.self))
        }
      }
    }
    #expect(try BinaryCoding.decode([Value].self, from: unhex("8201616b")) == [.number(1), .text("k")])
  }
}
