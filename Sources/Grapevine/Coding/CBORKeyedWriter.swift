// A Swift type's fields, written as a map.

/// The keyed container that writes a map.
struct CBORKeyedWriter<Key: CodingKey>: KeyedEncodingContainerProtocol {
  let output: CBOROutput
  let frame: CBOROutput.Token

  var codingPath: [any CodingKey] { output.path(to: Int(frame.level)) }

  private func pair(_ key: Key, _ write: () throws -> Void) throws {
    try output.pair(frame, key, write)
  }

  func encodeNil(forKey key: Key) throws { try pair(key) { output.appendNil() } }
  func encode(_ value: Bool, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: String, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: Double, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: Float, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: Int, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: Int8, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: Int16, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: Int32, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: Int64, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: Int128, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: UInt, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: UInt8, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: UInt16, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: UInt32, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: UInt64, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode(_ value: UInt128, forKey key: Key) throws { try pair(key) { output.append(value) } }
  func encode<T: Encodable>(_ value: T, forKey key: Key) throws {
    try pair(key) { try output.write(value, key: key) }
  }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type, forKey key: Key
  ) -> KeyedEncodingContainer<NestedKey> {
    CBOREncoder(detached: output.detach(frame, key)).container(keyedBy: type)
  }

  func nestedUnkeyedContainer(forKey key: Key) -> any UnkeyedEncodingContainer {
    CBOREncoder(detached: output.detach(frame, key)).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { CBOREncoder(detached: output.detach(frame, PathKey.ofSuper)) }
  func superEncoder(forKey key: Key) -> any Encoder { CBOREncoder(detached: output.detach(frame, key)) }
}
