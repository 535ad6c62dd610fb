// Where a reader is in the messages.

import GrapevineCore

/// A batch, and the first message of it that was not read yet.
struct Parcel: Sendable {
  var batch: DeliveryBatch
  var start = 0

  /// Messages not read yet.
  var count: Int { batch.buffer.count - start }
}

/// The place of one iterator: counts as a reader of the mailbox as long as it lives, and gives back what it has not
/// read when it goes.
///
/// One task at a time uses an iterator, so runtime exclusivity checks are left out: they would cost as much as the
/// rest of reading a message.
@usableFromInline
final class ReadingPlace: @unchecked Sendable {
  private let inbox: Inbox
  @exclusivity(unchecked) @usableFromInline var batch: DeliveryBatch?
  @exclusivity(unchecked) @usableFromInline var records: UnsafePointer<DeliveryBuffer.Record>?
  @exclusivity(unchecked) @usableFromInline var payloads: UnsafePointer<UInt8>?
  @exclusivity(unchecked) @usableFromInline var index = 0
  @exclusivity(unchecked) @usableFromInline var end = 0
  @exclusivity(unchecked) private var claims = 0

  init(_ inbox: Inbox) {
    self.inbox = inbox
    inbox.mailbox.addReader()
  }

  deinit {
    if let batch, index < batch.buffer.count {
      inbox.mailbox.putBack(Parcel(batch: batch, start: index))
    }
    inbox.mailbox.removeReader()
  }

  @inlinable
  func nextOfBatch() -> Message? {
    guard index < end, let batch, let records, let payloads else { return nil }
    defer { index &+= 1 }
    return Message(records[index], payloads: payloads, in: batch)
  }

  /// Gives back the batch that is used up and takes the next.
  @usableFromInline
  nonisolated(nonsending) func nextOfNextBatch() async -> Message? {
    while true {
      if let batch {
        skipClaimed(in: batch)
        if let message = nextOfBatch() { return message }
      }
      if isKnownUniquelyReferenced(&batch), let used = batch.take() { inbox.recycle(used) }
      (batch, records, payloads) = (nil, nil, nil)
      (index, end, claims) = (0, 0, 0)
      guard let parcel = await inbox.mailbox.next() else { return nil }
      (batch, index) = (parcel.batch, parcel.start)
      (records, payloads) = parcel.batch.buffer.contents
    }
  }

  /// Moves to the next run of messages that no reader of a tag has claimed.
  private func skipClaimed(in batch: DeliveryBatch) {
    while claims < batch.claimed.count, batch.claimed[claims] <= index {
      if batch.claimed[claims] == index { index += 1 }
      claims += 1
    }
    end = claims < batch.claimed.count ? batch.claimed[claims] : batch.buffer.count
  }
}
