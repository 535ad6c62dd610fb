// Changes as readers get them: in batches, shared by all readers and never copied.

import GrapevineCore

/// What became of one tuple: zgossip's DELIVER, and what zgossip has no word for.
public struct ZGossipDelivery: Sendable, Equatable {
  /// `published` for a DELIVER; `removed`, `expired` and others from nodes of Grapevine alone.
  public var kind: TupleChangeKind
  /// The key.
  public var key: [UInt8]
  /// The new value; empty when the tuple is gone.
  public var value: [UInt8]
  /// Which write it is.
  public var version: TupleVersion
  /// When it expires, in milliseconds since 1970 (UTC); nil when it does not.
  public var expiresAt: UInt64?

  /// The key as text; what is no UTF-8 is replaced.
  public var keyText: String { String(decoding: key, as: UTF8.self) }
  /// The value as text; what is no UTF-8 is replaced.
  public var text: String { String(decoding: value, as: UTF8.self) }
}

/// Changes that came together, in order; immutable.
public final class ZGossipBatch: RandomAccessCollection, Sendable {
  private struct Entry {
    var kind: TupleChangeKind
    var keyLength: UInt8
    var offset: Int
    var valueLength: Int
    var version: TupleVersion
    var expiresAt: UInt64
  }

  /// Changes that this reader lost right before this batch because it was too slow; take a `snapshot` then.
  public let lost: UInt64
  private let entries: [Entry]
  private let bytes: [UInt8]

  /// Copies the changes that readers are told; nil when there are none.
  init?(_ changes: borrowing ChangeBuffer) {
    var entries: [Entry] = []
    var bytes: [UInt8] = []
    entries.reserveCapacity(changes.count)
    for index in 0..<changes.count {
      let record = changes.record(index)
      guard record.isTold else { continue }
      let (key, value) = (changes.key(index), changes.value(index))
      entries.append(
        Entry(
          kind: record.kind, keyLength: UInt8(truncatingIfNeeded: key.count), offset: bytes.count,
          valueLength: value.count, version: record.version, expiresAt: record.expiresAt))
      bytes.append(contentsOf: key)
      bytes.append(contentsOf: value)
    }
    guard !entries.isEmpty else { return nil }
    self.entries = entries
    self.bytes = bytes
    lost = 0
  }

  private init(_ other: ZGossipBatch, lost: UInt64) {
    entries = other.entries
    bytes = other.bytes
    self.lost = lost
  }

  /// The same changes for a reader that lost some before.
  func after(losing lost: UInt64) -> ZGossipBatch { lost == 0 ? self : ZGossipBatch(self, lost: lost) }

  /// Memory that it takes, in bytes.
  var size: Int { bytes.count + entries.count * MemoryLayout<Entry>.stride }

  /// The position of the first change: 0.
  public var startIndex: Int { 0 }
  /// The number of changes.
  public var endIndex: Int { entries.count }

  /// The change at a position, as a copy; see `withBytes` for a view.
  public subscript(position: Int) -> ZGossipDelivery {
    let entry = entries[position]
    return withBytes(of: position) { kind, key, value in
      ZGossipDelivery(
        kind: kind, key: Array(key), value: Array(value), version: entry.version,
        expiresAt: entry.expiresAt == 0 ? nil : entry.expiresAt)
    }
  }

  /// Calls `body` with kind, key and value of the change at a position; the bytes are valid during the call.
  public func withBytes<Result>(
    of position: Int,
    _ body: (TupleChangeKind, UnsafeRawBufferPointer, UnsafeRawBufferPointer) throws -> Result
  ) rethrows -> Result {
    let entry = entries[position]
    let valueStart = entry.offset + Int(entry.keyLength)
    return try bytes.withUnsafeBytes { bytes in
      try body(
        entry.kind, UnsafeRawBufferPointer(rebasing: bytes[entry.offset..<valueStart]),
        UnsafeRawBufferPointer(rebasing: bytes[valueStart..<(valueStart + entry.valueLength)]))
    }
  }
}
