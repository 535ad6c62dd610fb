// Topics and order, as an application asks for them.

import GrapevineCore
import GrapevineTransport

// Sending.
extension GossipNode {
  /// Broadcasts bytes in a topic: to the members that are subscribed to it. Waits while neighbours do not keep up.
  ///
  /// Bytes for which a datagram has no room, more than `orderedPayloadLimit` less the topic's, travel as fragments, at the
  /// reliable level, and keep their place in the order: what comes after them is delivered after them.
  ///
  /// - Parameters:
  ///   - payload: At most `largeLimit` bytes.
  ///   - topic: 1 to 255 bytes of UTF-8.
  ///   - order: How it stands to the other ordered messages; other than `.unordered` for the reliable level only.
  ///   - level: What is promised for it.
  /// - Throws: `BroadcastError.tooLarge`, `.topicTooLong`, `.unordered`, `.notConnected`, or `CancellationError`; then
  ///   it was not sent.
  public nonisolated(nonsending) func broadcast(
    _ payload: [UInt8], topic: String, order: MessageOrder = .unordered, level: DeliveryLevel = .reliable
  ) async throws {
    try await stageWaiting(payload, topic, order, level, isTagged: false)
  }

  /// Broadcasts text, as UTF-8, in a topic; see `broadcast(_:topic:order:level:)` for bytes.
  public nonisolated(nonsending) func broadcast(
    _ text: String, topic: String, order: MessageOrder = .unordered, level: DeliveryLevel = .reliable
  ) async throws {
    try await stageWaiting(Array(text.utf8), topic, order, level, isTagged: false)
  }

  /// Broadcasts a typed message in a topic; see `broadcast(_:topic:order:level:)` for bytes.
  ///
  /// - Throws: also `CodingFailure` when the value cannot be encoded.
  public nonisolated(nonsending) func broadcast<Value: GossipMessage>(
    _ value: Value, topic: String, order: MessageOrder = .unordered, level: DeliveryLevel = .reliable
  ) async throws {
    try await stageWaiting(try MessageEnvelope.encode(value), topic, order, level, isTagged: true)
  }

  /// Broadcasts bytes to all other members in an order; see `broadcast(_:topic:order:level:)`.
  public nonisolated(nonsending) func broadcast(_ payload: [UInt8], order: MessageOrder) async throws {
    try await stageWaiting(payload, "", order, .reliable, isTagged: false)
  }

  /// Broadcasts text to all other members in an order; see `broadcast(_:topic:order:level:)`.
  public nonisolated(nonsending) func broadcast(_ text: String, order: MessageOrder) async throws {
    try await stageWaiting(Array(text.utf8), "", order, .reliable, isTagged: false)
  }

  /// Broadcasts a typed message to all other members in an order; see `broadcast(_:topic:order:level:)`.
  public nonisolated(nonsending) func broadcast<Value: GossipMessage>(
    _ value: Value, order: MessageOrder
  ) async throws {
    try await stageWaiting(try MessageEnvelope.encode(value), "", order, .reliable, isTagged: true)
  }

  private nonisolated(nonsending) func stageWaiting(
    _ payload: [UInt8], _ topic: String, _ order: MessageOrder, _ level: DeliveryLevel, isTagged: Bool
  ) async throws {
    if payload.count > orderedPayloadLimit - topic.utf8.count, topic.utf8.count <= 255 {
      guard level == .reliable || order == .unordered else { throw BroadcastError.unordered }
      let handling = LargeHandling(isTagged: isTagged, topic: Array(topic.utf8), order: order)
      _ = try await broadcastLarge(payload, handling)
      return
    }
    while try !stage(payload, topic, order, level, isTagged: isTagged) {
      await outbox.waitForRoom()
      try Task.checkCancellation()
    }
  }

  private nonisolated func stage(
    _ payload: [UInt8], _ topic: String, _ order: MessageOrder, _ level: DeliveryLevel, isTagged: Bool
  ) throws(BroadcastError) -> Bool {
    let topic = Array(topic.utf8)
    let outcome = try topic.withUnsafeBufferPointer { topic throws(BroadcastError) -> Outbox.Outcome in
      try payload.withUnsafeBufferPointer { bytes throws(BroadcastError) -> Outbox.Outcome in
        try outbox.push(
          UnsafeRawBufferPointer(bytes),
          Outbox.Handling(
            level: level, isTagged: isTagged, order: order, topic: UnsafeRawBufferPointer(topic)))
      }
    }
    if outcome == .first { loop.wake() }
    return outcome != .full
  }
}

// Hearing.
extension GossipNode {
  /// Hears a topic from now on: its messages come with `messages`, and with whatever asks for them alone.
  ///
  /// - Parameter topic: 1 to 255 bytes of UTF-8, the same on every member.
  /// - Throws: `TopicError`; nothing changed.
  public func subscribe(_ topic: String) throws(TopicError) {
    try Array(topic.utf8).withUnsafeBufferPointer { bytes throws(TopicError) in
      try client.driver.node.subscribe(UnsafeRawBufferPointer(bytes))
    }
  }

  /// Hears a topic no longer; what was delivered before may still be read.
  public func unsubscribe(_ topic: String) {
    Array(topic.utf8).withUnsafeBufferPointer { client.driver.node.unsubscribe(UnsafeRawBufferPointer($0)) }
  }

  /// The messages of one topic, typed ones as bytes with their tag. While an iterator exists, they go to it and not to
  /// `messages`.
  public nonisolated func messages(topic: String) -> TopicMessages {
    TopicMessages(inbox: client.inbox, topic: topic)
  }

  /// The typed messages of one kind in one topic.
  public nonisolated func messages<Value: GossipMessage>(
    of _: Value.Type, topic: String
  ) -> TypedMessages<Value> {
    TypedMessages(inbox: client.inbox, topic: topic)
  }

  /// A topic to send in and to hear, with the order in which this node sends in it.
  public nonisolated func topic(_ name: String, order: MessageOrder = .unordered) -> Topic {
    Topic(node: self, name: name, order: order)
  }
}

/// A topic as one node uses it. It keeps the node alive.
public struct Topic: Sendable {
  private let node: GossipNode
  /// Its name.
  public let name: String
  /// The order of the messages that are sent by it.
  public let order: MessageOrder

  init(node: GossipNode, name: String, order: MessageOrder) {
    self.node = node
    self.name = name
    self.order = order
  }

  /// Broadcasts bytes; see `GossipNode.broadcast(_:topic:order:level:)`.
  public nonisolated(nonsending) func broadcast(_ payload: [UInt8]) async throws {
    try await node.broadcast(payload, topic: name, order: order)
  }

  /// Broadcasts text, as UTF-8.
  public nonisolated(nonsending) func broadcast(_ text: String) async throws {
    try await node.broadcast(text, topic: name, order: order)
  }

  /// Broadcasts a typed message.
  public nonisolated(nonsending) func broadcast<Value: GossipMessage>(_ value: Value) async throws {
    try await node.broadcast(value, topic: name, order: order)
  }

  /// Hears it from now on.
  public func subscribe() async throws { try await node.subscribe(name) }

  /// Hears it no longer.
  public func unsubscribe() async { await node.unsubscribe(name) }

  /// Its messages; see `GossipNode.messages(topic:)`.
  public var messages: TopicMessages { node.messages(topic: name) }

  /// Its typed messages of one kind.
  public func messages<Value: GossipMessage>(of type: Value.Type) -> TypedMessages<Value> {
    node.messages(of: type, topic: name)
  }
}

/// The messages of one topic that a node delivers, in the order of delivery.
public struct TopicMessages: AsyncSequence, Sendable {
  /// A message of the topic.
  public struct Element: Sendable {
    /// The member that broadcast it.
    public let sender: MemberID
    /// Its number among the sender's messages of its level.
    public let sequence: UInt64
    /// What was promised for it.
    public let level: DeliveryLevel
    /// Whether it is a typed message: a tag and its encoded value, see `MessageEnvelope`.
    public let isTagged: Bool
    /// Its bytes.
    public let payload: [UInt8]
  }

  let inbox: Inbox
  let topic: String

  /// Creates an iterator, which from now on has a claim on the messages of the topic.
  public func makeAsyncIterator() -> Iterator { Iterator(inbox, topic) }

  /// Waits for messages.
  public struct Iterator: AsyncIteratorProtocol {
    private let reading: ClaimedReading

    init(_ inbox: Inbox, _ topic: String) {
      reading = ClaimedReading(inbox, Claim(tag: nil, topic: Array(topic.utf8)))
    }

    /// Returns the next message; nil at the end of the sequence or when the task is cancelled.
    public mutating func next() async -> Element? {
      await next(isolation: #isolation)
    }

    /// Returns the next message; nil at the end of the sequence or when the task is cancelled.
    public mutating func next(isolation: isolated (any Actor)?) async -> Element? {
      guard let message = await reading.mailbox.next() else { return nil }
      return Element(
        sender: message.sender, sequence: message.sequence, level: message.level, isTagged: message.isTagged,
        payload: message.bytes)
    }
  }
}

// For programs that own their loop.
extension DrivenNode {
  /// Hears a topic from now on.
  ///
  /// - Throws: `TopicError`; nothing changed.
  public func subscribe(_ topic: String) throws(TopicError) {
    try Array(topic.utf8).withUnsafeBufferPointer { bytes throws(TopicError) in
      try driver.node.subscribe(UnsafeRawBufferPointer(bytes))
    }
  }

  /// Hears a topic no longer.
  public func unsubscribe(_ topic: String) {
    Array(topic.utf8).withUnsafeBufferPointer { driver.node.unsubscribe(UnsafeRawBufferPointer($0)) }
  }

  /// Takes a message to broadcast in a topic and an order; it leaves with the next `send`.
  ///
  /// One for which a datagram has no room leaves as fragments, at the reliable level.
  ///
  /// - Parameter topic: Up to 255 bytes of UTF-8; none for a message to all members.
  /// - Returns: Its sequence number.
  /// - Throws: `BroadcastError`; with `wouldBlock`, receive and send before trying again.
  @discardableResult
  public func broadcast(
    _ payload: UnsafeRawBufferPointer, topic: String = "", order: MessageOrder,
    level: DeliveryLevel = .reliable
  ) throws(BroadcastError) -> UInt64 {
    if payload.count > orderedPayloadLimit - topic.utf8.count {
      guard level == .reliable || order == .unordered else { throw .unordered }
      guard payload.count <= largeLimit else { throw .tooLarge(limit: largeLimit) }
      guard let content = LargeContent(copying: payload) else { throw .wouldBlock }
      let handling = LargeHandling(topic: Array(topic.utf8), order: order)
      return try driver.broadcast(large: content, handling).sequence
    }
    return try Array(topic.utf8).withUnsafeBufferPointer { topic throws(BroadcastError) -> UInt64 in
      try driver.broadcast(
        payload, Outbox.Handling(level: level, order: order, topic: UnsafeRawBufferPointer(topic)),
        now: MonotonicClock.now())
    }
  }
}
