// A map, read by the keys of a Swift type.

/// The keyed container over a map.
struct CBORKeyedReader<Key: CodingKey>: KeyedDecodingContainerProtocol {
  let scope: CBORScope

  var codingPath: [any CodingKey] { scope.codingPath }

  var allKeys: [Key] { scope.pairs.indices.compactMap { Key(stringValue: scope.name(at: $0)) } }

  func contains(_ key: Key) -> Bool { scope.find(key) != nil }

  /// The place of the value under `key`.
  private func place(_ key: some CodingKey) throws -> CBORDecoder {
    if let place = scope.find(key) { return place }
    let path = scope.codingPath
    let failure = CodingFailure(.keyAbsent(key.stringValue), path: path.map(\.stringValue))
    throw DecodingError.keyNotFound(
      key,
      DecodingError.Context(codingPath: path, debugDescription: failure.description, underlyingError: failure)
    )
  }

  func decodeNil(forKey key: Key) throws -> Bool { try place(key).decodeNil() }
  func decode(_ type: Bool.Type, forKey key: Key) throws -> Bool { try place(key).bool() }
  func decode(_ type: String.Type, forKey key: Key) throws -> String { try place(key).text() }
  func decode(_ type: Double.Type, forKey key: Key) throws -> Double { try place(key).float(type) }
  func decode(_ type: Float.Type, forKey key: Key) throws -> Float { try place(key).float(type) }
  func decode(_ type: Int.Type, forKey key: Key) throws -> Int { try place(key).integer(type) }
  func decode(_ type: Int8.Type, forKey key: Key) throws -> Int8 { try place(key).integer(type) }
  func decode(_ type: Int16.Type, forKey key: Key) throws -> Int16 { try place(key).integer(type) }
  func decode(_ type: Int32.Type, forKey key: Key) throws -> Int32 { try place(key).integer(type) }
  func decode(_ type: Int64.Type, forKey key: Key) throws -> Int64 { try place(key).integer(type) }
  func decode(_ type: Int128.Type, forKey key: Key) throws -> Int128 { try place(key).integer(type) }
  func decode(_ type: UInt.Type, forKey key: Key) throws -> UInt { try place(key).integer(type) }
  func decode(_ type: UInt8.Type, forKey key: Key) throws -> UInt8 { try place(key).integer(type) }
  func decode(_ type: UInt16.Type, forKey key: Key) throws -> UInt16 { try place(key).integer(type) }
  func decode(_ type: UInt32.Type, forKey key: Key) throws -> UInt32 { try place(key).integer(type) }
  func decode(_ type: UInt64.Type, forKey key: Key) throws -> UInt64 { try place(key).integer(type) }
  func decode(_ type: UInt128.Type, forKey key: Key) throws -> UInt128 { try place(key).integer(type) }
  func decode<T: Decodable>(_ type: T.Type, forKey key: Key) throws -> T { try place(key).value(type) }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) throws -> KeyedDecodingContainer<NestedKey> { try place(key).container(keyedBy: type) }

  func nestedUnkeyedContainer(forKey key: Key) throws -> any UnkeyedDecodingContainer {
    try place(key).openArray()
  }

  func superDecoder() throws -> any Decoder { try place(PathKey.ofSuper) }
  func superDecoder(forKey key: Key) throws -> any Decoder { try place(key) }
}
