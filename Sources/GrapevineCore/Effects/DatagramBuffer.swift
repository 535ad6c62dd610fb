// Datagrams on their way out, as the driver finds them.

/// A caller-owned buffer of encoded datagrams: one block of bytes, and where each datagram lies and goes.
///
/// The core fills it, a driver sends what is in it and empties it; nothing is allocated between. Datagrams
/// lie one behind the other, so that a train of equal-sized ones to one destination can leave in one system
/// call.
public struct DatagramBuffer: ~Copyable {
  /// One datagram of the buffer.
  public struct Record: BitwiseCopyable, Sendable {
    /// Where its first byte lies in the buffer.
    public var offset: Int
    /// Its length in bytes.
    public var length: Int
    /// Where it goes.
    public var destination: Endpoint
  }

  private let storage: FixedTable<UInt8>
  private let records: FixedTable<Record>
  private var bytesUsed = 0

  /// The number of datagrams in the buffer.
  public private(set) var count = 0

  /// The length that no datagram of this buffer exceeds, in bytes.
  public let datagramLimit: Int

  /// Creates a buffer for up to `datagrams` datagrams of up to `datagramLimit` bytes each.
  public init(datagrams: Int = 64, datagramLimit: Int = 1_200) {
    self.datagramLimit = datagramLimit
    storage = FixedTable(count: datagrams * datagramLimit)
    records = FixedTable(count: datagrams)
  }

  /// Whether one more datagram of any allowed length fits.
  public var hasRoom: Bool { count < records.count && storage.count - bytesUsed >= datagramLimit }

  /// The datagram at `index`, which must be below `count`.
  public func record(_ index: Int) -> Record {
    precondition(index < count, "datagram index out of range")
    return records[index]
  }

  /// The bytes of the datagram at `index`; valid until the buffer changes.
  public func bytes(_ index: Int) -> UnsafeRawBufferPointer {
    let record = record(index)
    return UnsafeRawBufferPointer(start: storage.pointer(at: record.offset), count: record.length)
  }

  /// Forgets all datagrams.
  public mutating func removeAll() {
    count = 0
    bytesUsed = 0
  }

  /// The free bytes where the next datagram will lie: `datagramLimit` of them; call only when `hasRoom`.
  package func nextDatagram() -> UnsafeMutableRawBufferPointer {
    precondition(hasRoom, "no room in the datagram buffer")
    return UnsafeMutableRawBufferPointer(start: storage.pointer(at: bytesUsed), count: datagramLimit)
  }

  /// Makes the first `length` bytes of `nextDatagram()` a datagram.
  package mutating func commit(length: Int, to destination: Endpoint) {
    precondition(hasRoom && length <= datagramLimit, "no room in the datagram buffer")
    records[count] = Record(offset: bytesUsed, length: length, destination: destination)
    bytesUsed += length
    count += 1
  }
}

extension DatagramBuffer {
  /// Appends a datagram by copying it: for tests and for transports that carry foreign bytes.
  ///
  /// - Returns: False when there is no room or the datagram is longer than `datagramLimit`; nothing changed.
  @discardableResult
  public mutating func append(_ bytes: UnsafeRawBufferPointer, to destination: Endpoint) -> Bool {
    guard hasRoom, bytes.count <= datagramLimit else { return false }
    nextDatagram().copyMemory(from: bytes)
    commit(length: bytes.count, to: destination)
    return true
  }
}
