// Messages of other systems on their way to the application.

import GrapevineCore

/// A caller-owned buffer of delivered messages; holds its memory when emptied.
///
/// An engine that finds no room leaves the datagram as if it had been lost, which its sender repairs where the
/// wire has a way: empty the buffer after each batch of datagrams.
public struct DialectDeliveries: ~Copyable {
  /// One delivered message.
  public struct Record: BitwiseCopyable, Sendable {
    /// Its number as its originator says; 0 where the wire has none.
    public var sequence: UInt64
    var offset: Int
    var originLength: Int
    var length: Int
  }

  private var storage: [UInt8]
  private var records: [Record]
  private let recordLimit: Int
  private let byteLimit: Int

  /// Creates an empty buffer.
  ///
  /// - Parameters:
  ///   - messages: Messages it holds at most.
  ///   - bytes: Bytes of payloads and originators' names it holds at most.
  public init(messages: Int = 1_024, bytes: Int = 256 << 10) {
    recordLimit = messages
    byteLimit = bytes
    storage = []
    records = []
    storage.reserveCapacity(bytes)
    records.reserveCapacity(messages)
  }

  /// The number of messages in the buffer.
  public var count: Int { records.count }

  /// Whether a message of `length` bytes, its originator's name included, fits.
  public func hasRoom(for length: Int) -> Bool {
    records.count < recordLimit && byteLimit - storage.count >= length
  }

  /// The message at `index`, which must be below `count`.
  public func record(_ index: Int) -> Record { records[index] }

  /// Calls `body` with the bytes that the wire names the originator of the message at `index` by, empty where it
  /// has none, and with its payload; both valid during the call.
  public func withMessage<Result>(
    _ index: Int, _ body: (_ origin: UnsafeRawBufferPointer, _ payload: UnsafeRawBufferPointer) -> Result
  ) -> Result {
    let record = records[index]
    return storage.withUnsafeBytes { bytes in
      let middle = record.offset + record.originLength
      return body(
        UnsafeRawBufferPointer(rebasing: bytes[record.offset..<middle]),
        UnsafeRawBufferPointer(rebasing: bytes[middle..<middle + record.length]))
    }
  }

  /// Appends a message.
  ///
  /// - Returns: False when there is no room, and nothing was appended.
  @discardableResult
  public mutating func append(
    origin: UnsafeRawBufferPointer, sequence: UInt64, payload: UnsafeRawBufferPointer
  ) -> Bool {
    guard hasRoom(for: origin.count + payload.count) else { return false }
    records.append(
      Record(
        sequence: sequence, offset: storage.count, originLength: origin.count, length: payload.count))
    storage.append(contentsOf: origin)
    storage.append(contentsOf: payload)
    return true
  }

  /// Forgets all messages.
  public mutating func removeAll() {
    storage.removeAll(keepingCapacity: true)
    records.removeAll(keepingCapacity: true)
  }
}
