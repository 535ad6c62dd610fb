// The recent messages of all originators, for those who missed them.

import GrapevineCore

/// One message of the log.
struct LogEntry: BitwiseCopyable {
  var version: PittacusVersion
  var arrivedAt: Instant
  /// Where its payload begins, counted over all that was ever written.
  var position: UInt64
  var length: Int
}

/// A ring of messages and a ring of their bytes; the oldest make room.
///
/// Messages are referred to by a number that counts over all that were ever entered, so a reference to one that is
/// gone is never taken for another.
struct MessageLog: ~Copyable {
  private let entries: FixedTable<LogEntry>
  private let bytes: FixedTable<UInt8>
  private let index: PlaceIndex
  /// What the index is asked with for each place: to close the gap behind a message that leaves, it looks at others
  /// anywhere in the log, and these are small enough to stay in the cache.
  private let hashes: FixedTable<UInt32>
  private let key: SecretKey
  /// The oldest message that is there, and the next one to come.
  private var first: UInt64 = 0
  private var next: UInt64 = 0
  private var written: UInt64 = 0

  init(messages: Int, bytes: Int, key: SecretKey) {
    entries = FixedTable(count: messages)
    self.bytes = FixedTable(count: bytes)
    index = PlaceIndex(capacity: messages)
    hashes = FixedTable(count: messages)
    self.key = key
  }

  static func bytes(messages: Int, bytes: Int) -> Int {
    messages * (MemoryLayout<LogEntry>.stride + MemoryLayout<UInt32>.stride) + bytes
      + PlaceIndex.bytes(capacity: messages)
  }

  var count: Int { Int(truncatingIfNeeded: next &- first) }

  /// Enters a message that is not there, no longer than all bytes of the log; returns its reference.
  mutating func append(_ version: PittacusVersion, _ payload: UnsafeRawBufferPointer, now: Instant) -> UInt64
  {
    let capacity = UInt64(bytes.count)
    let length = UInt64(payload.count)
    var position = written
    // A payload does not wrap: what is left at the end is skipped.
    if position % capacity + length > capacity { position += capacity - position % capacity }
    while count == entries.count || (count > 0 && position + length - entry(first).position > capacity) {
      removeFirst()
    }
    if let source = payload.baseAddress, payload.count > 0 {
      UnsafeMutableRawPointer(bytes.pointer(at: Int(position % capacity)))
        .copyMemory(from: source, byteCount: payload.count)
    }
    let reference = next
    entries[place(reference)] = LogEntry(
      version: version, arrivedAt: now, position: position, length: payload.count)
    let hash = hash(version)
    hashes[place(reference)] = hash
    index.enter(place(reference), UInt64(hash))
    next &+= 1
    written = position + length
    return reference
  }

  /// The message of a reference; nil when it made room for another.
  func message(_ reference: UInt64) -> LogEntry? {
    guard reference >= first, reference < next else { return nil }
    return entry(reference)
  }

  /// The payload of a message that is there; valid until the next one is entered.
  func payload(of entry: LogEntry) -> UnsafeRawBufferPointer {
    let start = bytes.pointer(at: Int(entry.position % UInt64(bytes.count)))
    return UnsafeRawBufferPointer(start: start, count: entry.length)
  }

  /// The reference of a message; nil when it is not there.
  func find(_ version: PittacusVersion) -> UInt64? {
    let hash = UInt64(hash(version))
    guard let place = index.find(hash, { entries[$0].version == version }) else { return nil }
    let offset = UInt64(place) &- first % UInt64(entries.count)
    return first &+ (Int64(bitPattern: offset) < 0 ? offset &+ UInt64(entries.count) : offset)
  }

  private func place(_ reference: UInt64) -> Int { Int(reference % UInt64(entries.count)) }

  private func entry(_ reference: UInt64) -> LogEntry { entries[place(reference)] }

  private mutating func removeFirst() {
    index.leave(place(first)) { UInt64(hashes[$0]) }
    first &+= 1
  }

  /// The lower half suffices: an index has far fewer slots.
  private func hash(_ version: PittacusVersion) -> UInt32 {
    var hash = SipHash(key: key)
    hash.add(version.id.bytes)
    hash.add(UInt64(version.number))
    return UInt32(truncatingIfNeeded: hash.finish())
  }
}
