// All that delivered messages pass through on their way to the application.

import GrapevineCore
import Synchronization

/// A message, copied for a reader that asked for its tag or topic.
struct ClaimedMessage: Sendable {
  var sender: MemberID
  var sequence: UInt64
  var level: DeliveryLevel
  var isTagged: Bool
  var topic: [UInt8]
  var bytes: [UInt8]
}

/// Which messages a reader asks for.
struct Claim: Sendable {
  /// Those with this tag; nil for all.
  var tag: String?
  /// Those in this topic; nil for all.
  var topic: [UInt8]?

  /// Whether it asks for a message.
  func covers(_ message: ClaimedMessage) -> Bool {
    if let topic, topic != message.topic { return false }
    guard let tag else { return true }
    return message.isTagged && MessageEnvelope.body(of: message.bytes, tagged: tag) != nil
  }
}

/// The mailboxes of a node and the batches that circulate between its thread and its readers.
final class Inbox: Sendable {
  private struct State {
    var spare: [DeliveryBatch] = []
    var claims: [(claim: Claim, mailbox: Mailbox<ClaimedMessage>)] = []
    var onRoom: (@Sendable () -> Void)?
    var isFinished = false
  }

  /// Batches that wait to be read at most. Chosen here: 8 x 4,096 messages or 512 KiB ride out a busy reader.
  private static var batchLimit: Int { 8 }
  /// Messages that wait for the reader of a tag or topic at most. Chosen here.
  private static var claimedLimit: Int { 4_096 }
  /// Bytes of these, unless they are of one. Chosen here: as much as waits for readers of all messages.
  private static var claimedBytes: Int { 64 << 20 }

  let mailbox = Mailbox<Parcel>(limit: Inbox.batchLimit)
  private let state = Mutex(State())
  private let unread = Atomic<UInt64>(0)
  private let failures = Atomic<UInt64>(0)
  private let claimCount = Atomic<Int>(0)

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
  var isRead: Bool { claimCount.load(ordering: .relaxed) > 0 || mailbox.isRead }

  /// Whether the node must not deliver for now.
  var isFull: Bool {
    if mailbox.isFull { return true }
    guard claimCount.load(ordering: .relaxed) > 0 else { return false }
    return state.withLock { state in state.claims.contains { $0.mailbox.isFull } }
  }

  /// Hands a batch to the readers, and keeps no reference to it.
  func deliver(_ batch: consuming DeliveryBatch) {
    if claimCount.load(ordering: .relaxed) > 0 { giveToClaims(batch) }
    guard let displaced = mailbox.push(Parcel(batch: consume batch)) else { return }
    unread.wrappingAdd(UInt64(displaced.count), ordering: .relaxed)
    recycle(displaced.batch)
  }

  private func giveToClaims(_ batch: DeliveryBatch) {
    let claims = state.withLock { $0.claims }
    let wantsPlain = claims.contains { $0.claim.tag == nil }
    for index in 0..<batch.buffer.count {
      let record = batch.buffer.record(index)
      guard record.isTagged || wantsPlain && record.topicLength > 0 else { continue }
      let payload = batch.buffer.payload(index)
      // What nobody wants is not copied when it is long: a tag has up to 255 bytes.
      var message = ClaimedMessage(
        sender: record.origin, sequence: record.sequence, level: record.level, isTagged: record.isTagged,
        topic: record.topicLength > 0 ? Array(batch.buffer.topic(index)) : [],
        bytes: Array(payload.prefix(512)))
      guard claims.contains(where: { $0.claim.covers(message) }) else { continue }
      if payload.count > message.bytes.count { message.bytes = Array(payload) }
      var isClaimed = false
      for entry in claims where entry.claim.covers(message) {
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

  func subscribe(_ claim: Claim) -> Mailbox<ClaimedMessage> {
    let mailbox = Mailbox<ClaimedMessage>(limit: Self.claimedLimit, weightLimit: Self.claimedBytes) {
      $0.bytes.count
    }
    mailbox.addReader()
    let (isFinished, onRoom) = state.withLock { state in
      state.claims.append((claim, mailbox))
      return (state.isFinished, state.onRoom)
    }
    if let onRoom { mailbox.setOnRoom(onRoom) }
    claimCount.wrappingAdd(1, ordering: .relaxed)
    if isFinished { mailbox.finish() }
    onRoom?()
    return mailbox
  }

  func unsubscribe(_ mailbox: Mailbox<ClaimedMessage>) {
    let onRoom = state.withLock { state in
      state.claims.removeAll { $0.mailbox === mailbox }
      return state.onRoom
    }
    claimCount.wrappingSubtract(1, ordering: .relaxed)
    onRoom?()
  }

  /// Ends every sequence of messages.
  func finish() {
    let claims = state.withLock { state in
      state.isFinished = true
      state.onRoom = nil
      return state.claims
    }
    mailbox.finish()
    for entry in claims { entry.mailbox.finish() }
  }
}

/// A reader's claim on the messages of a tag or a topic, for as long as it lives.
final class ClaimedReading: Sendable {
  let mailbox: Mailbox<ClaimedMessage>
  private let inbox: Inbox

  init(_ inbox: Inbox, _ claim: Claim) {
    self.inbox = inbox
    mailbox = inbox.subscribe(claim)
  }

  deinit {
    inbox.unsubscribe(mailbox)
  }
}
