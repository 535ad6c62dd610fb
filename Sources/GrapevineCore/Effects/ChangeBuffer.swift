// Changes of tuples on their way to watchers and stores.

/// A caller-owned buffer of changes: records, and the bytes of their keys and values.
public struct ChangeBuffer: ~Copyable {
  /// One change.
  public struct Record: BitwiseCopyable, Sendable {
    /// What became of the tuple.
    public var kind: TupleChangeKind
    /// Whether it is now a memory of a removal, without a value.
    public var isTombstone: Bool
    /// Whether it is bound to its writer's membership.
    public var isEphemeral: Bool
    /// Whether those who watch the key are told: the tuple they see is another than before.
    public var isTold: Bool
    /// Whether a store is told: it keeps the record in place of an older one of the key, or forgets the key when
    /// `kind` is `forgotten` and nothing else came of it since.
    public var isStored: Bool
    /// The version of the tuple, or of its removal.
    public var version: TupleVersion
    /// When the tuple expires, in milliseconds since 1970 (UTC); 0 when it does not.
    public var expiresAt: UInt64
    /// A hash of the value that watchers saw before; 0 when they saw none, or `valueKey` is nil.
    package var replaced: UInt64 = 0
    var offset: Int
    var keyLength: Int
    var valueLength: Int
  }

  private let storage: FixedTable<UInt8>
  private let records: FixedTable<Record>
  private var bytesUsed = 0

  /// The number of changes in the buffer.
  public private(set) var count = 0
  /// Whether anybody wants changes. While nobody does, none are written.
  public internal(set) var isWanted = true
  /// What hashes the values that changes replace, for whoever must know these again; nil when nobody must.
  package var valueKey: SecretKey?

  /// Creates a buffer; memory becomes resident as it is used.
  ///
  /// - Parameters:
  ///   - changes: Changes it holds at most.
  ///   - bytes: Bytes of keys and values it holds at most; no less than the longest key and value together.
  public init(changes: Int = 8_192, bytes: Int = 1 << 20) {
    records = FixedTable(count: changes)
    storage = FixedTable(count: bytes)
  }

  /// Whether changes with so many bytes of keys and values fit.
  @inline(__always)
  func hasRoom(for length: Int, changes: Int = 1) -> Bool {
    !isWanted || count &+ changes <= records.count && storage.count &- bytesUsed >= length
  }

  /// The hash of a value as changes tell it; 0 when nobody wants it.
  package func hash(of value: UnsafeRawBufferPointer) -> UInt64 {
    guard let valueKey else { return 0 }
    var hash = SipHash(key: valueKey)
    hash.add(value)
    return max(1, hash.finish())
  }

  /// How full the buffer is: the greater share of its two limits, from 0 to 1.
  public var fill: Double {
    max(Double(count) / Double(records.count), Double(bytesUsed) / Double(storage.count))
  }

  /// The change at `index`, which must be below `count`.
  public func record(_ index: Int) -> Record {
    precondition(index < count, "change index out of range")
    return records[index]
  }

  /// The key of the change at `index`; valid until the buffer changes.
  public func key(_ index: Int) -> UnsafeRawBufferPointer {
    let record = record(index)
    return UnsafeRawBufferPointer(start: storage.pointer(at: record.offset), count: record.keyLength)
  }

  /// The new value of the change at `index`, empty when there is none; valid until the buffer changes.
  public func value(_ index: Int) -> UnsafeRawBufferPointer {
    let record = record(index)
    return UnsafeRawBufferPointer(
      start: storage.pointer(at: record.offset + record.keyLength), count: record.valueLength)
  }

  /// Forgets all changes: they were carried out.
  public mutating func removeAll() {
    count = 0
    bytesUsed = 0
  }

  /// Appends a change; call only when `hasRoom(for:)` its key and value.
  mutating func append(_ record: Record, key: UnsafeRawBufferPointer, value: UnsafeRawBufferPointer) {
    guard isWanted else { return }
    precondition(hasRoom(for: key.count + value.count), "no room in the buffer of changes")
    var record = record
    record.offset = bytesUsed
    record.keyLength = key.count
    record.valueLength = value.count
    records[count] = record
    count += 1
    for part in [key, value] {
      guard let source = part.baseAddress else { continue }
      UnsafeMutableRawPointer(storage.pointer(at: bytesUsed)).copyMemory(from: source, byteCount: part.count)
      bytesUsed += part.count
    }
  }
}
