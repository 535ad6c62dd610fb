// Bytes that wait to leave over a stream.

import GrapevineCore

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#elseif canImport(Darwin)
  import Darwin
#endif

/// A bounded queue of bytes in one block of memory that becomes resident as it is used.
struct ByteRing: ~Copyable {
  private let storage: FixedTable<UInt8>
  private var head = 0
  /// Bytes that wait.
  private(set) var count = 0

  init(capacity: Int) {
    storage = FixedTable(count: capacity)
  }

  /// Bytes for which there is room.
  var room: Int { storage.count - count }

  /// Appends bytes, all or none; false when there is no room.
  @discardableResult
  mutating func append(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard bytes.count <= room else { return false }
    guard let source = bytes.baseAddress, bytes.count > 0 else { return true }
    var tail = head + count
    if tail >= storage.count { tail -= storage.count }
    let first = min(bytes.count, storage.count - tail)
    memcpy(storage.pointer(at: tail), source, first)
    if first < bytes.count { memcpy(storage.pointer(at: 0), source + first, bytes.count - first) }
    count += bytes.count
    return true
  }

  /// Where the bytes lie, in order: in one piece, or in two.
  func pieces() -> (first: UnsafeRawBufferPointer, second: UnsafeRawBufferPointer) {
    let first = min(count, storage.count - head)
    return (
      UnsafeRawBufferPointer(start: storage.pointer(at: head), count: first),
      UnsafeRawBufferPointer(start: storage.pointer(at: 0), count: count - first)
    )
  }

  /// Forgets the first bytes, `length` of them or all.
  mutating func consume(_ length: Int) {
    let length = min(max(0, length), count)
    count -= length
    head += length
    if head >= storage.count { head -= storage.count }
    // From the start again, so that a queue that is never long stays in a few pages.
    if count == 0 { head = 0 }
  }
}
