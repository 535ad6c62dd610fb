// One item of a checked document, as Swift's `Decoder` sees it.
//
// A decoder is only a place: the input, the offset of an item, and the container it was found in. It fits an
// existential's three words, so descending into a field allocates nothing. Its coding path is not kept but
// worked out from the chain of containers when somebody asks, which is mostly when something is wrong.
//
// The input belongs to the caller of `BinaryCoding.decode` and is gone when that returns. A type may keep its
// decoder nevertheless; it then reads from an input that has expired, which is empty, and gets an error.

/// The document being decoded, for as long as the call lasts.
final class CBORInput {
  @exclusivity(unchecked) private(set) var view: CBORView

  init(view: CBORView) { self.view = view }

  /// Forgets the bytes, because the caller takes them back.
  func expire() { view = CBORView(bytes: UnsafeRawBufferPointer(start: nil, count: 0)) }
}

/// The place of one item in the document.
struct CBORDecoder: Decoder, SingleValueDecodingContainer {
  let input: CBORInput
  /// The container that holds the item; nil at the top.
  let scope: CBORScope?
  /// The offset of the item; `BinaryCoding.documentBytesMax` keeps offsets in 32 bits.
  let offset: UInt32
  /// Which pair or element of `scope` the item is.
  let ordinal: UInt32

  var codingPath: [any CodingKey] {
    guard let scope else { return [] }
    return scope.codingPath + [scope.key(at: Int(ordinal))]
  }

  var userInfo: [CodingUserInfoKey: Any] { [:] }

  func container<Key: CodingKey>(keyedBy type: Key.Type) throws -> KeyedDecodingContainer<Key> {
    KeyedDecodingContainer(CBORKeyedReader<Key>(scope: try openMap()))
  }

  func unkeyedContainer() throws -> any UnkeyedDecodingContainer { try openArray() }

  func singleValueContainer() throws -> any SingleValueDecodingContainer { self }

  func openMap() throws -> CBORScope {
    guard let head = input.view.content(at: Int(offset)), head.major == .map else {
      throw mismatch([String: Any].self, expected: "map")
    }
    return try CBORScope(map: head, of: self)
  }

  func openArray() throws -> CBORUnkeyedReader {
    guard let head = input.view.content(at: Int(offset)), head.major == .array else {
      throw mismatch([Any].self, expected: "array")
    }
    return CBORUnkeyedReader(scope: CBORScope(array: head, of: self), offset: UInt32(head.next))
  }
}

// MARK: - Values

extension CBORDecoder {
  func decodeNil() -> Bool { input.view.content(at: Int(offset))?.isNil ?? false }

  func bool() throws -> Bool {
    let head = input.view.content(at: Int(offset))
    guard let head, head.major == .simple, head.info == CBORHead.infoTrue || head.info == CBORHead.infoFalse
    else { throw mismatch(Bool.self, expected: "boolean") }
    return head.info == CBORHead.infoTrue
  }

  func text() throws -> String {
    guard let head = input.view.content(at: Int(offset)), head.major == .text else {
      throw mismatch(String.self, expected: "text")
    }
    return input.view.text(at: head.next, count: head.count)
  }

  /// Any value: the types that CBOR has a form of its own for, else what the type makes of this decoder.
  func value<T: Decodable>(_ type: T.Type) throws -> T {
    // The casts are between a type and itself, which only the compiler does not know.
    if T.self == String.self { return unsafeBitCast(try text(), to: T.self) }
    if T.self == [UInt8].self, let content = byteString() {
      return unsafeBitCast([UInt8](content), to: T.self)
    }
    if T.self == ContiguousArray<UInt8>.self, let content = byteString() {
      return unsafeBitCast(ContiguousArray<UInt8>(content), to: T.self)
    }
    return try T(from: self)
  }

  private func byteString() -> UnsafeRawBufferPointer? {
    guard let head = input.view.content(at: Int(offset)), head.major == .bytes else { return nil }
    return input.view.slice(at: head.next, count: head.count)
  }

  func decode(_ type: Bool.Type) throws -> Bool { try bool() }
  func decode(_ type: String.Type) throws -> String { try text() }
  func decode(_ type: Double.Type) throws -> Double { try float(type) }
  func decode(_ type: Float.Type) throws -> Float { try float(type) }
  func decode(_ type: Int.Type) throws -> Int { try integer(type) }
  func decode(_ type: Int8.Type) throws -> Int8 { try integer(type) }
  func decode(_ type: Int16.Type) throws -> Int16 { try integer(type) }
  func decode(_ type: Int32.Type) throws -> Int32 { try integer(type) }
  func decode(_ type: Int64.Type) throws -> Int64 { try integer(type) }
  func decode(_ type: Int128.Type) throws -> Int128 { try integer(type) }
  func decode(_ type: UInt.Type) throws -> UInt { try integer(type) }
  func decode(_ type: UInt8.Type) throws -> UInt8 { try integer(type) }
  func decode(_ type: UInt16.Type) throws -> UInt16 { try integer(type) }
  func decode(_ type: UInt32.Type) throws -> UInt32 { try integer(type) }
  func decode(_ type: UInt64.Type) throws -> UInt64 { try integer(type) }
  func decode(_ type: UInt128.Type) throws -> UInt128 { try integer(type) }
  func decode<T: Decodable>(_ type: T.Type) throws -> T { try value(type) }
}

// MARK: - Failures

extension CBORDecoder {
  /// What to throw when the item here is not of the kind that `type` needs.
  func mismatch(_ type: any Any.Type, expected: String) -> DecodingError {
    let head = input.view.content(at: Int(offset))
    let context = context(.mismatch(expected: expected, found: head?.kind ?? "nothing"))
    return head?.isNil == true ? .valueNotFound(type, context) : .typeMismatch(type, context)
  }

  /// What to throw when the number here does not fit in `type`.
  func outOfRange(_ value: String, _ type: any Any.Type) -> DecodingError {
    .dataCorrupted(context(.outOfRange(value: value, type: String(describing: type))))
  }

  /// A context that carries the failure through code that knows only `DecodingError`.
  func context(_ reason: CodingFailure.Reason, offset: Int? = nil) -> DecodingError.Context {
    let path = codingPath
    let failure = CodingFailure(
      reason, path: path.map(\.stringValue), offset: offset ?? Int(self.offset))
    return DecodingError.Context(
      codingPath: path, debugDescription: failure.description, underlyingError: failure)
  }
}
