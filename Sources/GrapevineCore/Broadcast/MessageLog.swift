// The recent messages of all streams, in the order in which they arrived.
//
// One log serves two purposes. It is the outbox: each link walks it at its own pace and pushes what it has
// not pushed yet. And it is the memory that repairs are served from. Nothing is copied between the two.

/// A bounded log of messages: a ring of entries and a ring of payload bytes.
struct MessageLog: ~Copyable {
  struct Entry: BitwiseCopyable {
    /// Where the payload begins, counted over all bytes ever written.
    var position: UInt64
    /// The index of an older entry in the same bucket.
    var older: UInt64
    var sequence: UInt64
    /// The place of its stream.
    var stream: UInt32
    /// The links that it is to be pushed on.
    var targets: SlotMask
    var length: UInt16
    /// The hop count to send it with.
    var hops: UInt8
    var isTagged: Bool
    /// The slot of the link it came from; `ownSource` for messages of our own.
    var source: UInt8
  }

  static var ownSource: UInt8 { .max }

  private let entries: FixedTable<Entry>
  private let buckets: FixedTable<UInt64>
  private let bytes: FixedTable<UInt8>
  private let mask: UInt64
  private let bytesMask: UInt64
  private var bytesHead: UInt64 = 0

  /// The index of the oldest entry; entries are numbered from 1.
  private(set) var tail: UInt64 = 1
  /// The index of the entry to come.
  private(set) var head: UInt64 = 1

  /// Both sizes are powers of two.
  init(messages: Int, bytes: Int) {
    entries = FixedTable(count: messages)
    buckets = FixedTable(count: messages)
    self.bytes = FixedTable(count: bytes)
    mask = UInt64(messages - 1)
    bytesMask = UInt64(bytes - 1)
  }

  var isEmpty: Bool { head == tail }

  subscript(index: UInt64) -> Entry {
    @inline(__always) _read { yield entries[Int(truncatingIfNeeded: index & mask)] }
    @inline(__always) nonmutating _modify { yield &entries[Int(truncatingIfNeeded: index & mask)] }
  }

  /// Neighbouring messages and streams share pages: a hash that scattered them would make every page of the
  /// table resident with the first few messages.
  @inline(__always)
  private func bucket(_ stream: UInt32, _ sequence: UInt64) -> Int {
    Int(truncatingIfNeeded: (sequence &+ UInt64(stream) &* 31) & mask)
  }

  /// Where a payload of `length` bytes would begin: payloads do not wrap around the end of the ring.
  @inline(__always)
  private func start(_ length: Int) -> UInt64 {
    let size = UInt64(bytes.count)
    let used = bytesHead & bytesMask
    return used &+ UInt64(length) > size ? bytesHead &+ (size &- used) : bytesHead
  }

  /// Whether a message fits without evicting another.
  @inline(__always)
  func hasRoom(for length: Int) -> Bool {
    guard head &- tail <= mask else { return false }
    guard !isEmpty else { return length <= bytes.count }
    return start(length) &+ UInt64(length) &- self[tail].position <= UInt64(bytes.count)
  }

  /// Forgets the oldest entry.
  mutating func evict() {
    tail &+= 1
  }

  /// Appends a message; call only when `hasRoom(for:)` its payload.
  ///
  /// - Parameter isFindable: Whether `find` is to find it. Best-effort messages are not looked for, and
  /// their numbers,
  ///   which may be any, could all fall into one bucket.
  @inline(__always)
  mutating func append(
    stream: Int, sequence: UInt64, targets: SlotMask, hops: UInt8, isTagged: Bool, source: UInt8,
    isFindable: Bool, payload: UnsafeRawBufferPointer
  ) {
    let place = UInt32(truncatingIfNeeded: stream)
    let bucket = bucket(place, sequence)
    let position = start(payload.count)
    self[head] = Entry(
      position: position, older: buckets[bucket], sequence: sequence, stream: place, targets: targets,
      length: UInt16(truncatingIfNeeded: payload.count), hops: hops, isTagged: isTagged, source: source)
    if isFindable { buckets[bucket] = head }
    if let from = payload.baseAddress {
      let to = bytes.pointer(at: Int(truncatingIfNeeded: position & bytesMask))
      UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: payload.count)
    }
    bytesHead = position &+ UInt64(payload.count)
    head &+= 1
  }

  /// The payload of an entry; valid until the log changes.
  @inline(__always)
  func payload(of entry: Entry) -> UnsafeRawBufferPointer {
    let start = bytes.pointer(at: Int(truncatingIfNeeded: entry.position & bytesMask))
    return UnsafeRawBufferPointer(start: start, count: Int(entry.length))
  }

  /// The index of a message, or nil when it is not in the log.
  func find(stream: Int, sequence: UInt64) -> UInt64? {
    let place = UInt32(truncatingIfNeeded: stream)
    var index = buckets[bucket(place, sequence)]
    // A bucket's chain runs from newer to older: whatever follows an evicted entry was evicted before it.
    while index >= tail && index != 0 {
      let entry = self[index]
      if entry.stream == place && entry.sequence == sequence { return index }
      index = entry.older
    }
    return nil
  }
}
