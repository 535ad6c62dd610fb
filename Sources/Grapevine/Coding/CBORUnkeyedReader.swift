// An array, read element by element.
//
// The container is a value: a copy reads on by itself, which hand-written decoding uses to look ahead. An
// element that could not be read is still the next one.

/// The unkeyed container over an array.
struct CBORUnkeyedReader: UnkeyedDecodingContainer {
  let scope: CBORScope
  /// The offset of the next element.
  private var offset: UInt32
  private var index: UInt32 = 0

  init(scope: CBORScope, offset: UInt32) {
    self.scope = scope
    self.offset = offset
  }

  var codingPath: [any CodingKey] { scope.codingPath }
  var count: Int? { scope.count }
  var currentIndex: Int { Int(index) }
  var isAtEnd: Bool { currentIndex >= scope.count }

  /// Reads the next element with `read` and moves past it; stays where it is when that throws.
  private mutating func next<T>(_ read: (CBORDecoder) throws -> T) throws -> T {
    guard !isAtEnd else {
      let path = scope.codingPath
      let failure = CodingFailure(.elementAbsent(count: scope.count), path: path.map(\.stringValue))
      throw DecodingError.valueNotFound(
        T.self,
        DecodingError.Context(
          codingPath: path, debugDescription: failure.description, underlyingError: failure))
    }
    let place = CBORDecoder(input: scope.input, scope: scope, offset: offset, ordinal: index)
    let value = try read(place)
    offset = UInt32(scope.input.view.end(of: Int(offset)))
    index += 1
    return value
  }

  mutating func decodeNil() throws -> Bool {
    guard !isAtEnd else { return false }
    let place = CBORDecoder(input: scope.input, scope: scope, offset: offset, ordinal: index)
    guard place.decodeNil() else { return false }
    return try next { _ in true }
  }

  mutating func decode(_ type: Bool.Type) throws -> Bool { try next { try $0.bool() } }
  mutating func decode(_ type: String.Type) throws -> String { try next { try $0.text() } }
  mutating func decode(_ type: Double.Type) throws -> Double { try next { try $0.float(type) } }
  mutating func decode(_ type: Float.Type) throws -> Float { try next { try $0.float(type) } }
  mutating func decode(_ type: Int.Type) throws -> Int { try next { try $0.integer(type) } }
  mutating func decode(_ type: Int8.Type) throws -> Int8 { try next { try $0.integer(type) } }
  mutating func decode(_ type: Int16.Type) throws -> Int16 { try next { try $0.integer(type) } }
  mutating func decode(_ type: Int32.Type) throws -> Int32 { try next { try $0.integer(type) } }
  mutating func decode(_ type: Int64.Type) throws -> Int64 { try next { try $0.integer(type) } }
  mutating func decode(_ type: Int128.Type) throws -> Int128 { try next { try $0.integer(type) } }
  mutating func decode(_ type: UInt.Type) throws -> UInt { try next { try $0.integer(type) } }
  mutating func decode(_ type: UInt8.Type) throws -> UInt8 { try next { try $0.integer(type) } }
  mutating func decode(_ type: UInt16.Type) throws -> UInt16 { try next { try $0.integer(type) } }
  mutating func decode(_ type: UInt32.Type) throws -> UInt32 { try next { try $0.integer(type) } }
  mutating func decode(_ type: UInt64.Type) throws -> UInt64 { try next { try $0.integer(type) } }
  mutating func decode(_ type: UInt128.Type) throws -> UInt128 { try next { try $0.integer(type) } }
  mutating func decode<T: Decodable>(_ type: T.Type) throws -> T { try next { try $0.value(type) } }

  mutating func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type
  ) throws -> KeyedDecodingContainer<NestedKey> { try next { try $0.container(keyedBy: type) } }

  mutating func nestedUnkeyedContainer() throws -> any UnkeyedDecodingContainer {
    try next { try $0.openArray() }
  }

  mutating func superDecoder() throws -> any Decoder { try next { $0 } }
}
