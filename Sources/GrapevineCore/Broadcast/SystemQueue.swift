// Broadcasts about a node's own affairs, from where they are taken in to the part of the node that they are for.

/// A bounded queue of such broadcasts.
struct SystemQueue: ~Copyable {
  struct Entry: BitwiseCopyable {
    var origin: UInt64
    /// The link it came on.
    var slot: UInt8
    var offset: UInt32
    var length: UInt32
  }

  private let entries: FixedTable<Entry>
  private let bytes: FixedTable<UInt8>
  private var bytesUsed = 0
  private(set) var count = 0

  /// As many as one datagram holds, and more: it is emptied after each.
  init(datagramLimit: Int) {
    entries = FixedTable(count: 256)
    bytes = FixedTable(count: 4 * datagramLimit)
  }

  /// Appends one.
  ///
  /// - Returns: False when there is no room.
  mutating func append(_ payload: UnsafeRawBufferPointer, origin: UInt64, slot: Int) -> Bool {
    guard count < entries.count, bytes.count - bytesUsed >= payload.count, let from = payload.baseAddress
    else { return false }
    entries[count] = Entry(
      origin: origin, slot: UInt8(truncatingIfNeeded: slot), offset: UInt32(truncatingIfNeeded: bytesUsed),
      length: UInt32(truncatingIfNeeded: payload.count))
    UnsafeMutableRawPointer(bytes.pointer(at: bytesUsed)).copyMemory(from: from, byteCount: payload.count)
    bytesUsed += payload.count
    count += 1
    return true
  }

  func entry(_ index: Int) -> (origin: UInt64, slot: UInt8, payload: UnsafeRawBufferPointer) {
    let entry = entries[index]
    return (
      entry.origin, entry.slot,
      UnsafeRawBufferPointer(start: bytes.pointer(at: Int(entry.offset)), count: Int(entry.length))
    )
  }

  mutating func removeAll() {
    count = 0
    bytesUsed = 0
  }
}
