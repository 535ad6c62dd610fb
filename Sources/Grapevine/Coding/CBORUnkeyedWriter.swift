// A sequence of values, written as an array.

/// The unkeyed container that writes an array.
struct CBORUnkeyedWriter: UnkeyedEncodingContainer {
  let output: CBOROutput
  let frame: CBOROutput.Token

  var codingPath: [any CodingKey] { output.path(to: Int(frame.level)) }

  var count: Int { output.isTop(frame) ? output.frames[Int(frame.level)].count : 0 }

  func encodeNil() throws { try output.item(frame) { output.appendNil() } }
  func encode(_ value: Bool) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: String) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: Double) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: Float) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: Int) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: Int8) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: Int16) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: Int32) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: Int64) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: Int128) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: UInt) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: UInt8) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: UInt16) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: UInt32) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: UInt64) throws { try output.item(frame) { output.append(value) } }
  func encode(_ value: UInt128) throws { try output.item(frame) { output.append(value) } }
  func encode<T: Encodable>(_ value: T) throws { try output.item(frame) { try output.write(value) } }

  func nestedContainer<NestedKey: CodingKey>(
    keyedBy type: NestedKey.Type
  ) -> KeyedEncodingContainer<NestedKey> {
    CBOREncoder(detached: output.detach(frame, nil)).container(keyedBy: type)
  }

  func nestedUnkeyedContainer() -> any UnkeyedEncodingContainer {
    CBOREncoder(detached: output.detach(frame, nil)).unkeyedContainer()
  }

  func superEncoder() -> any Encoder { CBOREncoder(detached: output.detach(frame, nil)) }
}
