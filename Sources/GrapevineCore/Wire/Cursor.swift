// Reading what a peer sent.
//
// Every read is checked against the bytes that are there; what does not fit is an error value, which the node
// counts, and never a trap. Nothing is copied and nothing allocated.

/// Why received bytes are not a message of ours.
public enum DecodeError: Error, Equatable, Sendable {
  /// The bytes end before the message does.
  case truncated
  /// A number is outside what the protocol allows for its field.
  case outOfRange
  /// The kind of the message is not known.
  case unknownKind
}

/// A position in received bytes.
struct Cursor: ~Escapable {
  private let span: RawSpan
  private(set) var offset = 0

  @_lifetime(copy span)
  init(_ span: RawSpan) {
    self.span = span
  }

  /// The number of bytes not yet read.
  var remaining: Int { span.byteCount &- offset }

  /// Reads one big-endian integer.
  @_lifetime(self: copy self)
  @inline(__always)
  mutating func read<T: FixedWidthInteger & BitwiseCopyable>(_: T.Type) throws(DecodeError) -> T {
    let size = MemoryLayout<T>.size
    guard remaining >= size else { throw .truncated }
    defer { offset &+= size }
    return T(bigEndian: span.unsafeLoadUnaligned(fromUncheckedByteOffset: offset, as: T.self))
  }

  /// Reads one variable-length integer: seven bits a byte, least significant first, the high bit set on all
  /// bytes but the last; at most ten bytes (LEB128), and no more than the number needs.
  @_lifetime(self: copy self)
  @inline(__always)
  mutating func readVariable() throws(DecodeError) -> UInt64 {
    let first = try read(UInt8.self)
    guard first >= 0x80 else { return UInt64(first) }
    return try readVariableTail(UInt64(first & 0x7f))
  }

  @_lifetime(self: copy self)
  private mutating func readVariableTail(_ first: UInt64) throws(DecodeError) -> UInt64 {
    var value = first
    var shift: UInt64 = 7
    while true {
      let byte = try read(UInt8.self)
      guard shift < 63 || byte <= 1 else { throw .outOfRange }
      value |= UInt64(byte & 0x7f) << shift
      if byte < 0x80 {
        // A last byte of zero says nothing: every number has one form only.
        guard byte != 0 else { throw .outOfRange }
        return value
      }
      shift &+= 7
      guard shift <= 63 else { throw .outOfRange }
    }
  }

  /// Reads a variable-length integer that must lie in `range`.
  @_lifetime(self: copy self)
  @inline(__always)
  mutating func readVariable(in range: ClosedRange<UInt64>) throws(DecodeError) -> UInt64 {
    let value = try readVariable()
    guard range.contains(value) else { throw .outOfRange }
    return value
  }

  /// Takes the next `count` bytes; `count` may be anything a peer claims.
  @_lifetime(self: copy self)
  @inline(__always)
  mutating func readBytes(_ count: UInt64) throws(DecodeError) -> UnsafeRawBufferPointer {
    guard count <= UInt64(remaining) else { throw .truncated }
    let start = offset
    offset &+= Int(truncatingIfNeeded: count)
    return span.withUnsafeBytes { bytes in
      UnsafeRawBufferPointer(rebasing: bytes[start..<start &+ Int(truncatingIfNeeded: count)])
    }
  }
}
