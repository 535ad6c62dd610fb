// All that delivered messages pass through on their way to the application.

import GrapevineCore
import Synchronization

/// A tagged message, copied for its reader.
struct TaggedMessage: Sendable {
  var sender: MemberID
  var sequence: UInt64
  var bytes: [UInt8]
}

/// The mailboxes of a node and the batches that circulate between its thread and its readers.
final class Inbox: Sendable {
  private struct State {
    var spare: [DeliveryBatch] = []
    var tags: [(tag: String, mailbox: Mailbox<TaggedMessage>)] = []
    var onRoom: (@Sendable () -> Void)?
    var isFinished = false
  }

  /// Batches that wait to be read at most. Chosen here: 8 x 4,096 messages or 512 KiB ride out a busy reader.
  private static var batchLimit: Int { 8 }
  /// Messages that wait for the reader of a tag at most. Chosen here.
  private static var taggedLimit: Int { 4_096 }

  let mailbox = Mailbox<Parcel>(limit: Inbox.batchLimit)
  private let state = Mutex(State())
  private let unread = Atomic<UInt64>(0)
  private let failures = Atomic<UInt64>(0)
  private let tagCount = Atomic<Int>(0)

  /// Messages that were dropped because nobody had ever asked for messages.
  var unreadCount: UInt64 { unread.load(ordering: .relaxed) }
  /// Typed messages whose value could not be decoded.
  var undecodableCount: UInt64 { failures.load(ordering: .relaxed) }

  func countUndecodable() { failures.wrappingAdd(1, ordering: .relaxed) }

  /// Sets who is told when a full mailbox has room again.
  func setOnRoom(_ onRoom: @escaping @Sendable () -> Void) {
    mailbox.setOnRoom(onRoom)
    state.withLock { $0.onRoom = onRoom }
  }

  /// Whether anybody reads messages.
  var isRead: Bool { tagCount.load(ordering: .relaxed) > 0 || mailbox.isRead }

  /// Whether the node must not deliver for now.
  var isFull: Bool {
    if mailbox.isFull { return true }
    guard tagCount.load(ordering: .relaxed) > 0 else { return false }
    return state.withLock { state in state.tags.contains { $0.mailbox.isFull } }
  }

  /// Hands a batch to the readers, and keeps no reference to it.
  func deliver(_ batch: consuming DeliveryBatch) {
    if tagCount.load(ordering: .relaxed) > 0 { claimTagged(batch) }
    guard let displaced = mailbox.push(Parcel(batch: consume batch)) else { return }
    unread.wrappingAdd(UInt64(displaced.count), ordering: .relaxed)
    recycle(displaced.batch)
  }

  private func claimTagged(_ batch: DeliveryBatch) {
    let tags = state.withLock { $0.tags }
    for index in 0..<batch.buffer.count {
      let record = batch.buffer.record(index)
      guard record.isTagged else { continue }
      let payload = batch.buffer.payload(index)
      // What nobody wants is not copied when it is long: a tag has up to 255 bytes.
      let head = Array(payload.prefix(512))
      guard tags.contains(where: { MessageEnvelope.body(of: head, tagged: $0.tag) != nil }) else { continue }
      let bytes = payload.count > head.count ? Array(payload) : head
      var isClaimed = false
      for entry in tags where MessageEnvelope.body(of: bytes, tagged: entry.tag) != nil {
        let message = TaggedMessage(sender: record.origin, sequence: record.sequence, bytes: bytes)
        if entry.mailbox.push(message) == nil { isClaimed = true }
      }
      if isClaimed { batch.claimed.append(index) }
    }
  }

  /// An empty batch: one that was used before, when there is one.
  func emptyBatch() -> DeliveryBatch {
    state.withLock { $0.spare.popLast() } ?? DeliveryBatch()
  }

  /// Takes back a batch of which no message is held any more.
  func recycle(_ batch: DeliveryBatch) {
    batch.removeAll()
    state.withLock { if $0.spare.count < Self.batchLimit { $0.spare.append(batch) } }
  }

  func subscribe(_ tag: String) -> Mailbox<TaggedMessage> {
    let mailbox = Mailbox<TaggedMessage>(limit: Self.taggedLimit)
    mailbox.addReader()
    let (isFinished, onRoom) = state.withLock { state in
      state.tags.append((tag, mailbox))
      return (state.isFinished, state.onRoom)
    }
    if let onRoom { mailbox.setOnRoom(onRoom) }
    tagCount.wrappingAdd(1, ordering: .relaxed)
    if isFinished { mailbox.finish() }
    onRoom?()
    return mailbox
  }

  func unsubscribe(_ mailbox: Mailbox<TaggedMessage>) {
    let onRoom = state.withLock { state in
      state.tags.removeAll { $0.mailbox === mailbox }
      return state.onRoom
    }
    tagCount.wrappingSubtract(1, ordering: .relaxed)
    onRoom?()
  }

  /// Ends every sequence of messages.
  func finish() {
    let tags = state.withLock { state in
      state.isFinished = true
      state.onRoom = nil
      return state.tags
    }
    mailbox.finish()
    for entry in tags { entry.mailbox.finish() }
  }
}

/// A reader's claim on the messages of a tag, for as long as it lives.
final class TagSubscription: Sendable {
  let mailbox: Mailbox<TaggedMessage>
  private let inbox: Inbox

  init(_ inbox: Inbox, tag: String) {
    self.inbox = inbox
    mailbox = inbox.subscribe(tag)
  }

  deinit {
    inbox.unsubscribe(mailbox)
  }
}
