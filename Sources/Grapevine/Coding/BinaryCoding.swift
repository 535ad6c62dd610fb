// A compact binary form for any `Codable` value: CBOR (RFC 8949), written deterministically.
//
// Why CBOR: it is a standard, so programs in other languages can read our messages; every item says its own
// type and extent, so a reader can skip what it does not know; and small things are small. The profile:
//
//   Swift                             CBOR
//   keyed container, struct           map with text keys, definite length, keys sorted (RFC 8949 §4.2.1)
//   unkeyed container, array          array, definite length
//   integers up to 64 bits            unsigned or negative integer, shortest form
//   Int128, UInt128                   the same while they fit 64 bits, else bignum (tags 2 and 3)
//   [UInt8], ContiguousArray<UInt8>   byte string
//   String                            text string
//   Bool; nil                         false, true; null
//   Float; Double                     single (4 bytes); double (8 bytes)
//   enum with associated values       {"case": {"label": value, …}}, as Swift synthesises it
//   a value that encodes nothing      empty map
//
// A field that is nil is left out. A reader skips unknown keys and takes an absent optional as nil, in any
// order of keys; so fields may be added, removed and reordered while old and new programs talk. Changing a
// field's type or meaning needs a new name.
//
// Deterministic means: equal values give equal bytes, except where Swift itself has no order: a `Set`, and a
// dictionary whose keys are neither strings nor integers, are arrays in hash order. One deviation from RFC
// 8949 §4.2.1: a floating-point number keeps the width of its Swift type. As with JSON, an optional in an
// optional is flattened: `.some(nil)` reads back as nil. Other types of bytes, such as Foundation's `Data`,
// encode themselves one by one and become arrays of small integers: correct, but up to twice as large.
//
// The reader is more liberal than the writer: it takes any order of keys, integers in any width, half, single
// and double floats where the value is exact, an integer where a float is asked for, and looks through tags.
// It refuses indefinite lengths, duplicate keys, text that is not UTF-8 and trailing bytes. The whole
// document is checked before a type sees any of it, so no claimed size is trusted.

/// Encodes and decodes `Codable` values as deterministic CBOR (RFC 8949).
public enum BinaryCoding {
  /// Levels of arrays and maps that may be nested, in writing and in reading.
  ///
  /// Default: chosen here. Each level costs a few frames of the stack of the thread that codes.
  public static let depthMax = 64
  /// Bytes of one document: offsets are kept in 32 bits.
  public static let documentBytesMax = Int(Int32.max)

  /// Encodes `value` as one CBOR document.
  ///
  /// - Throws: `CodingFailure` when the value nests too deep, encodes a key twice, or refuses.
  public static func encode<T: Encodable>(_ value: T) throws(CodingFailure) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(128)
    try encode(value, appendingTo: &bytes)
    return bytes
  }

  /// Encodes `value` as one CBOR document at the end of `bytes`.
  ///
  /// - Throws: `CodingFailure`, as `encode(_:)`; `bytes` is then unchanged.
  public static func encode<T: Encodable>(
    _ value: T, appendingTo bytes: inout [UInt8]
  ) throws(CodingFailure) {
    let output = CBOROutput(taking: &bytes)
    defer { output.give(back: &bytes) }
    try output.encodeDocument(value)
  }

  /// Decodes the one CBOR document that `bytes` is.
  ///
  /// Takes any bytes: malformed ones, and such as do not match the type, are failures.
  ///
  /// - Throws: `CodingFailure` that says what was found, where, and what was allowed.
  public static func decode<T: Decodable>(
    _ type: T.Type, from bytes: UnsafeRawBufferPointer
  ) throws(CodingFailure) -> T {
    let view = CBORView(bytes: bytes)
    if let failure = view.findFault() { throw failure }
    let input = CBORInput(view: view)
    defer { input.expire() }
    do {
      return try CBORDecoder(input: input, scope: nil, offset: 0, ordinal: 0).value(T.self)
    } catch {
      throw CodingFailure(thrown: error)
    }
  }

  /// Decodes the one CBOR document that `bytes` is.
  ///
  /// - Throws: `CodingFailure` that says what was found, where, and what was allowed.
  public static func decode<T: Decodable>(
    _ type: T.Type, from bytes: borrowing Span<UInt8>
  ) throws(CodingFailure) -> T {
    try bytes.withUnsafeBufferPointer { buffer throws(CodingFailure) in
      try decode(type, from: UnsafeRawBufferPointer(buffer))
    }
  }

  /// Decodes the one CBOR document that `bytes` is.
  ///
  /// - Throws: `CodingFailure` that says what was found, where, and what was allowed.
  public static func decode<T: Decodable>(_ type: T.Type, from bytes: [UInt8]) throws(CodingFailure) -> T {
    try decode(type, from: bytes.span)
  }

  /// Decodes the one CBOR document that `bytes` is.
  ///
  /// - Throws: `CodingFailure` whose offsets count from the start of the slice.
  public static func decode<T: Decodable>(
    _ type: T.Type, from bytes: ArraySlice<UInt8>
  ) throws(CodingFailure) -> T {
    try decode(type, from: bytes.span)
  }
}
