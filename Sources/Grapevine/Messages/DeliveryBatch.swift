// A batch of delivered messages, shared by reference and never copied.

import GrapevineCore

/// Messages that were delivered together; immutable once it left the node's thread.
///
/// Without runtime exclusivity checks, which cost as much as reading a message: the node's thread writes
/// while it is the only holder, readers only read.
@usableFromInline
final class DeliveryBatch: @unchecked Sendable {
  @exclusivity(unchecked) var buffer: DeliveryBuffer
  /// Indices of messages that went to a reader of their tag, ascending.
  @exclusivity(unchecked) var claimed: [Int] = []

  init() {
    buffer = DeliveryBuffer()
  }

  /// The bytes of a large message.
  @usableFromInline
  func largePayload(_ record: DeliveryBuffer.Record) -> UnsafeRawBufferPointer {
    buffer.larges[Int(record.offset)].bytes
  }

  func removeAll() {
    buffer.removeAll()
    claimed.removeAll(keepingCapacity: true)
  }
}

/// The bytes of a message: a view of the batch that it arrived in.
///
/// It keeps its whole batch, up to some hundred kilobytes and the large messages in it, in memory. Copy what is to be kept for long:
/// `Array(payload)`.
@frozen
public struct Payload: RandomAccessCollection, Sendable {
  @usableFromInline let batch: DeliveryBatch
  @usableFromInline nonisolated(unsafe) let bytes: UnsafeRawBufferPointer

  @inlinable
  init(batch: DeliveryBatch, bytes: UnsafeRawBufferPointer) {
    self.batch = batch
    self.bytes = bytes
  }

  /// The position of the first byte: 0.
  @inlinable
  public var startIndex: Int { 0 }

  /// The number of bytes.
  @inlinable
  public var endIndex: Int { bytes.count }

  /// The byte at a position, which must lie within the payload.
  @inlinable
  public subscript(position: Int) -> UInt8 {
    precondition(position >= 0 && position < bytes.count, "payload index out of range")
    return bytes[position]
  }

  /// Calls `body` with the bytes, which are valid during the call.
  @inlinable
  public func withUnsafeBytes<Result, Failure: Error>(
    _ body: (UnsafeRawBufferPointer) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    defer { withExtendedLifetime(batch) {} }
    return try body(bytes)
  }

  /// The payload as text; bytes that are not UTF-8 become U+FFFD.
  public var text: String {
    withUnsafeBytes { String(decoding: $0, as: UTF8.self) }
  }
}

/// A message that another member broadcast.
@frozen
public struct Message: Sendable {
  /// The member that broadcast it.
  public let sender: MemberID
  /// Its number among the sender's messages of its level, from 1. Messages may arrive in another order.
  public let sequence: UInt64
  /// What was promised for it.
  public let level: DeliveryLevel
  /// Whether it is a typed message: a tag and its encoded value, see `MessageEnvelope`.
  public let isTagged: Bool
  /// The length of its topic, whose bytes lie before the payload.
  @usableFromInline let topicLength: UInt8
  /// Its bytes.
  public let payload: Payload

  @inlinable
  init(_ record: DeliveryBuffer.Record, payloads: UnsafePointer<UInt8>, in batch: DeliveryBatch) {
    sender = record.origin
    sequence = record.sequence
    level = record.level
    isTagged = record.isTagged
    topicLength = record.topicLength
    payload = Payload(
      batch: batch,
      bytes: record.isLarge
        ? batch.largePayload(record)
        : UnsafeRawBufferPointer(start: payloads + Int(record.offset), count: Int(record.length)))
  }
}

extension Message {
  /// The topic it was sent in; nil when it was sent to all members.
  public var topic: String? {
    guard topicLength > 0 else { return nil }
    return payload.withUnsafeBytes { bytes in
      guard let end = bytes.baseAddress else { return nil }
      let length = Int(topicLength)
      return String(decoding: UnsafeRawBufferPointer(start: end - length, count: length), as: UTF8.self)
    }
  }
}
