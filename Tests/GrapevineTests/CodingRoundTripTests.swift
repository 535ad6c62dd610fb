// Values of many types come back as they were.

import Grapevine
import GrapevineCore
import Testing

@Suite("Coding: round trips")
struct CodingRoundTripTests {
  struct Everything: Codable, Equatable {
    var flag = true
    var text = "grapevine 🍇"
    var bytes: [UInt8] = Array(0...255)
    var contiguous: ContiguousArray<UInt8> = [9, 8, 7]
    var double = -0.1
    var float: Float = 3.25
    var int8 = Int8.min
    var int16 = Int16.min
    var int32 = Int32.min
    var int64 = Int64.min
    var int128 = Int128.min
    var uint8 = UInt8.max
    var uint16 = UInt16.max
    var uint32 = UInt32.max
    var uint64 = UInt64.max
    var uint128 = UInt128.max
    var absent: Int?
    var present: Int? = 5
    var optionalBytes: [UInt8]? = [1]
    var numbers = [1: "one", -2: "minus two"]
    var names = ["": 0, "a": 1, "long enough not to be a small string": 2]
    var byKind: [Kind: [Int]] = [.good: [1], .bad: []]
    var nested = [[["deep"]], []]
    var chunks: [[UInt8]] = [[], [1], [2, 3]]
    var maybe: [Int?] = [1, nil, 3]
    var unique: Set<Int> = [3, 1, 2]
    var events: [Event] = [.started, .moved(from: 1, to: 2), .said("hi"), .failed(.bad, why: nil)]
  }

  enum Kind: String, Codable { case good, bad }

  indirect enum Event: Codable, Equatable {
    case started
    case moved(from: Int, to: Int)
    case said(String)
    case failed(Kind, why: Event?)
  }

  indirect enum Tree: Codable, Equatable {
    case leaf(Int)
    case fork(Tree, Tree)
  }

  private func same<T: Codable & Equatable>(_ value: T) throws {
    #expect(try BinaryCoding.decode(T.self, from: BinaryCoding.encode(value)) == value)
  }

  @Test("a struct with every kind of field")
  func everything() throws {
    try same(Everything())
    try same([Everything(), Everything(flag: false, text: "", bytes: [], absent: 1, present: nil)])
  }

  @Test("values that are no container")
  func single() throws {
    try same(7)
    try same("text")
    try same([UInt8](0...9))
    try same(Float.leastNonzeroMagnitude)
    try same(Kind.good)
    try same(Int?.some(3))
    try same(Int?.none)
  }

  @Test("enums with associated values, nested in themselves")
  func enums() throws {
    try same(Event.failed(.good, why: .failed(.bad, why: .said("no"))))
    try same(Tree.fork(.fork(.leaf(1), .leaf(-2)), .leaf(3)))
  }

  @Test("an optional in an optional keeps its value, and is flattened when the inner one is nil")
  func nestedOptionals() throws {
    try same([Int??.some(.some(1)), nil])
    let flattened = try BinaryCoding.decode([Int??].self, from: BinaryCoding.encode([Int??.some(.none)]))
    #expect(flattened == [Int??.none])
  }

  @Test("a type without fields is an empty map")
  func empty() throws {
    struct Empty: Codable, Equatable {}
    #expect(try BinaryCoding.encode(Empty()) == [0xa0])
    try same(Empty())
    try same([Empty(), Empty()])
  }

  @Test(
    "containers around the sizes where their heads widen",
    arguments: [0, 1, 23, 24, 255, 256, 65535, 65536])
  func sizes(_ count: Int) throws {
    try same(Array(0..<count))
    try same(Dictionary(uniqueKeysWithValues: (0..<count).map { ("\($0)", $0) }))
    try same([UInt8](repeating: 1, count: count))
    try same(String(repeating: "x", count: count))
  }

  @Test("equal dictionaries give equal bytes, whatever their history")
  func deterministic() throws {
    let keys = (0..<500).map { "key \($0)" }
    var grown: [String: Int] = [:]
    for key in keys.reversed() { grown[key] = key.utf8.count }
    let built = Dictionary(uniqueKeysWithValues: keys.map { ($0, $0.utf8.count) })
    #expect(try BinaryCoding.encode(grown) == BinaryCoding.encode(built))
  }

  @Test("encoding appends, and leaves the buffer alone when it fails")
  func appending() throws {
    struct Refusing: Codable {
      func encode(to encoder: any Encoder) throws {
        var container = encoder.unkeyedContainer()
        try container.encode(1)
        throw EncodingError.invalidValue(1, .init(codingPath: encoder.codingPath, debugDescription: "no"))
      }
    }
    var buffer: [UInt8] = [1, 2]
    try BinaryCoding.encode("a", appendingTo: &buffer)
    #expect(buffer == [1, 2, 0x61, 0x61])
    #expect(throws: CodingFailure(.rejected("no"), path: ["1", "x"])) {
      try BinaryCoding.encode([[:], ["x": Refusing()]], appendingTo: &buffer)
    }
    #expect(buffer == [1, 2, 0x61, 0x61])
  }

  @Test("random trees come back, from a fixed seed")
  func randomTrees() throws {
    var random = Generator(seed: 1)
    func tree(_ depth: Int) -> Tree {
      guard depth > 0, random.next() % 4 != 0 else { return .leaf(Int(truncatingIfNeeded: random.next())) }
      return .fork(tree(depth - 1), tree(depth - 1))
    }
    for _ in 0..<200 { try same(tree(8)) }
  }
}
