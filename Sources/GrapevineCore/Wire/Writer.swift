// Writing a datagram into the place where it will be sent from.

/// An append-only view of a datagram's bytes.
///
/// Whoever writes asks `remaining` first; writing past the end is a mistake of ours and stops the program.
struct Writer: ~Copyable {
  private let base: UnsafeMutableRawPointer
  private var capacity: Int
  private(set) var count = 0

  /// Writes from the start of `bytes`, which must stay valid and must not be empty.
  init(_ bytes: UnsafeMutableRawBufferPointer) {
    guard let base = bytes.baseAddress else { preconditionFailure("a writer needs memory") }
    self.base = base
    capacity = bytes.count
  }

  /// Keeps bytes at the end for what is written later.
  mutating func reserve(_ bytes: Int) {
    precondition(remaining >= bytes, "no room in the datagram")
    capacity &-= bytes
  }

  /// Gives back what was reserved.
  mutating func release(_ bytes: Int) { capacity &+= bytes }

  /// The number of bytes that still fit.
  var remaining: Int { capacity &- count }

  @inline(__always)
  mutating func write<T: FixedWidthInteger & BitwiseCopyable>(_ value: T) {
    precondition(remaining >= MemoryLayout<T>.size, "no room in the datagram")
    base.storeBytes(of: value.bigEndian, toByteOffset: count, as: T.self)
    count &+= MemoryLayout<T>.size
  }

  /// Writes a variable-length integer of at most ten bytes; see `Cursor.readVariable`.
  @inline(__always)
  mutating func writeVariable(_ value: UInt64) {
    var rest = value
    while rest >= 0x80 {
      write(UInt8(truncatingIfNeeded: rest) | 0x80)
      rest >>= 7
    }
    write(UInt8(truncatingIfNeeded: rest))
  }

  @inline(__always)
  mutating func write(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress, bytes.count > 0 else { return }
    precondition(remaining >= bytes.count, "no room in the datagram")
    (base + count).copyMemory(from: source, byteCount: bytes.count)
    count &+= bytes.count
  }

  /// The place of the next `length` bytes, which the caller fills in at once.
  mutating func skip(_ length: Int) -> UnsafeMutableRawPointer {
    precondition(length >= 0 && remaining >= length, "no room in the datagram")
    defer { count &+= length }
    return base + count
  }

  /// Overwrites the integer at `offset`, which must have been written before.
  mutating func overwrite<T: FixedWidthInteger & BitwiseCopyable>(at offset: Int, with value: T) {
    precondition(offset >= 0 && offset + MemoryLayout<T>.size <= count, "overwriting what was not written")
    base.storeBytes(of: value.bigEndian, toByteOffset: offset, as: T.self)
  }

  /// Forgets everything written after the first `length` bytes.
  mutating func truncate(to length: Int) {
    precondition(length >= 0 && length <= count, "truncating to more than was written")
    count = length
  }

  /// The bytes written from `offset` on.
  func written(from offset: Int) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: base + offset, count: count - offset)
  }
}

/// The number of bytes that `Writer.writeVariable` writes for `value`.
@inline(__always)
func variableLength(_ value: UInt64) -> Int {
  value < 0x80 ? 1 : (70 &- value.leadingZeroBitCount) / 7
}
