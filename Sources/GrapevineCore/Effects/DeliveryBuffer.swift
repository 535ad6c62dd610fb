// Messages on their way to the application.

/// A caller-owned buffer of delivered messages: one block of payload bytes, and what each message is.
public struct DeliveryBuffer: ~Copyable {
  /// One delivered message.
  public struct Record: BitwiseCopyable, Sendable {
    /// The member that broadcast it.
    public var origin: MemberID
    /// Its number among the origin's messages of this level, from 1.
    public var sequence: UInt64
    /// Where its payload lies in the buffer.
    public var offset: UInt32
    /// The length of its payload in bytes.
    public var length: UInt32
    /// The level it was broadcast at.
    public var level: DeliveryLevel
    /// Whether the payload begins with a tag; see `Node.broadcast`.
    public var isTagged: Bool
    /// The hops it came: 1 from the origin itself, at most 15.
    public var hops: UInt8
    /// The length of its topic in bytes, which lie before the payload; 0 when it has none.
    public var topicLength: UInt8
    /// Whether its payload lies outside of the buffer; then `offset` says which of `larges` it is.
    public var isLarge = false
  }

  private let storage: FixedTable<UInt8>
  private let records: FixedTable<Record>
  private var bytesUsed = 0
  /// The payloads of large messages, which are held and not copied.
  public private(set) var larges: [LargeContent] = []
  private var largeBytes = 0
  /// Bytes of large messages held at most, if more than one. Chosen here: one of the longest by default.
  private static var largeLimit: Int { 64 << 20 }

  /// The number of messages in the buffer.
  public private(set) var count = 0

  /// Creates a buffer; memory becomes resident as it is used.
  ///
  /// - Parameters:
  ///   - messages: Messages it holds at most.
  ///   - bytes: Payload bytes it holds at most; below 2^32.
  public init(messages: Int = 8_192, bytes: Int = 1 << 20) {
    records = FixedTable(count: messages)
    storage = FixedTable(count: min(bytes, Int(UInt32.max)))
  }

  /// Whether a payload of `length` bytes fits.
  @inline(__always)
  public func hasRoom(for length: Int) -> Bool {
    count < records.count && storage.count &- bytesUsed >= length
  }

  /// How full the buffer is: the greater share of its two limits, from 0 to 1.
  public var fill: Double {
    max(
      Double(count) / Double(records.count), Double(bytesUsed) / Double(storage.count),
      Double(largeBytes) / Double(Self.largeLimit))
  }

  /// The records, `count` of them, and the first byte of the payloads; valid until the buffer changes.
  public var contents: (records: UnsafePointer<Record>, payloads: UnsafePointer<UInt8>) {
    (UnsafePointer(records.pointer(at: 0)), UnsafePointer(storage.pointer(at: 0)))
  }

  /// The message at `index`, which must be below `count`.
  public func record(_ index: Int) -> Record {
    precondition(index < count, "delivery index out of range")
    return records[index]
  }

  /// The payload of the message at `index`; valid until the buffer changes.
  public func payload(_ index: Int) -> UnsafeRawBufferPointer {
    let record = record(index)
    if record.isLarge { return larges[Int(record.offset)].bytes }
    return UnsafeRawBufferPointer(start: storage.pointer(at: Int(record.offset)), count: Int(record.length))
  }

  /// The topic of the message at `index`, empty when it has none; valid until the buffer changes.
  public func topic(_ index: Int) -> UnsafeRawBufferPointer {
    let record = record(index)
    let length = Int(record.topicLength)
    if record.isLarge {
      return UnsafeRawBufferPointer(start: larges[Int(record.offset)].base - length, count: length)
    }
    return UnsafeRawBufferPointer(start: storage.pointer(at: Int(record.offset) - length), count: length)
  }

  /// Forgets all messages.
  public mutating func removeAll() {
    count = 0
    bytesUsed = 0
    guard largeBytes > 0 else { return }
    larges.removeAll()
    largeBytes = 0
  }

  /// Whether a large message fits.
  func hasRoom(forLarge content: LargeContent) -> Bool {
    count < records.count && (largeBytes == 0 || largeBytes &+ content.count <= Self.largeLimit)
  }

  /// Appends a large message; call only when `hasRoom(forLarge:)` it.
  ///
  /// - Parameter topic: Its topic, none for a message to all; up to 255 bytes, copied.
  mutating func append(
    _ content: LargeContent, origin: UInt64, sequence: UInt64, isTagged: Bool, hops: UInt8,
    topic: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    precondition(hasRoom(forLarge: content), "no room in the delivery buffer")
    content.setTopic(topic)
    records[count] = Record(
      origin: MemberID(origin), sequence: sequence, offset: UInt32(truncatingIfNeeded: larges.count),
      length: UInt32(truncatingIfNeeded: content.count), level: .reliable, isTagged: isTagged, hops: hops,
      topicLength: UInt8(truncatingIfNeeded: topic.count), isLarge: true)
    larges.append(content)
    largeBytes &+= content.count
    count &+= 1
  }

  /// Appends a message; call only when `hasRoom(for:)` its payload.
  mutating func append(
    origin: UInt64, sequence: UInt64, level: DeliveryLevel, isTagged: Bool, hops: UInt8,
    payload: UnsafeRawBufferPointer
  ) {
    precondition(hasRoom(for: payload.count), "no room in the delivery buffer")
    records[count] = Record(
      origin: MemberID(origin), sequence: sequence, offset: UInt32(truncatingIfNeeded: bytesUsed),
      length: UInt32(truncatingIfNeeded: payload.count), level: level, isTagged: isTagged, hops: hops,
      topicLength: 0)
    if let source = payload.baseAddress {
      UnsafeMutableRawPointer(storage.pointer(at: bytesUsed)).copyMemory(
        from: source, byteCount: payload.count)
    }
    bytesUsed &+= payload.count
    count &+= 1
  }

  /// Appends a message with a topic; call only when `hasRoom(for:)` both together.
  mutating func append(
    origin: UInt64, sequence: UInt64, level: DeliveryLevel, isTagged: Bool, hops: UInt8,
    topic: UnsafeRawBufferPointer, payload: UnsafeRawBufferPointer
  ) {
    precondition(hasRoom(for: topic.count + payload.count), "no room in the delivery buffer")
    if let source = topic.baseAddress {
      UnsafeMutableRawPointer(storage.pointer(at: bytesUsed)).copyMemory(from: source, byteCount: topic.count)
    }
    bytesUsed &+= topic.count
    append(
      origin: origin, sequence: sequence, level: level, isTagged: isTagged, hops: hops, payload: payload)
    records[count &- 1].topicLength = UInt8(truncatingIfNeeded: topic.count)
  }
}
