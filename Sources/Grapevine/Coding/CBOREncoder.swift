// One value being encoded, as Swift's `Encoder` sees it: an output and the name of a frame in it.

/// The encoder of one value, which is also its container when the value is a single one.
struct CBOREncoder: Encoder, SingleValueEncodingContainer {
  let output: CBOROutput
  let frame: CBOROutput.Token

  /// The encoder of an output of its own.
  init(detached output: CBOROutput) {
    self.init(output: output, frame: output.token)
  }

  init(output: CBOROutput, frame: CBOROutput.Token) {
    self.output = output
    self.frame = frame
  }

  var codingPath: [any CodingKey] { output.path(to: Int(frame.level)) }
  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) -> KeyedEncodingContainer<Key> {
    output.open(frame, as: .map)
    return KeyedEncodingContainer(CBORKeyedWriter<Key>(output: output, frame: frame))
  }

  func unkeyedContainer() -> any UnkeyedEncodingContainer {
    output.open(frame, as: .array)
    return CBORUnkeyedWriter(output: output, frame: frame)
  }

  func singleValueContainer() -> any SingleValueEncodingContainer {
    output.open(frame, as: .single)
    return self
  }
}

extension CBOREncoder {
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
}
