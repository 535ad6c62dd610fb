// Topics and order, as the driver of a node asks for them.

extension Node {
  /// Hears a topic from now on.
  ///
  /// Every member passes on the messages of all topics, and delivers those of the topics that it is subscribed to and
  /// those that have none.
  ///
  /// - Parameter topic: 1 to 255 bytes; copied.
  /// - Throws: `TopicError`; nothing changed.
  public mutating func subscribe(_ topic: UnsafeRawBufferPointer) throws(TopicError) {
    try dissemination.order.topics.insert(topic)
  }

  /// Hears a topic no longer; does nothing when it was not subscribed to.
  public mutating func unsubscribe(_ topic: UnsafeRawBufferPointer) {
    dissemination.order.topics.remove(topic)
  }

  /// The number of topics that this node is subscribed to.
  public var topicCount: Int { dissemination.order.topics.count }

  /// The number of messages that wait for others to be delivered before them.
  public var heldBackCount: Int { dissemination.order.held.count }

  /// Broadcasts a message to the members that are subscribed to a topic, or to all, in the order asked for.
  ///
  /// - Parameters:
  ///   - payload: Up to `configuration.orderedPayloadLimit(topicLength:)` bytes; copied.
  ///   - topic: Up to 255 bytes; none for a message to all members.
  ///   - order: How it stands to other ordered messages; other than `.unordered` for the reliable level only.
  ///   - level: What is promised for it.
  ///   - isTagged: Marks payloads that begin with a tag, for the receivers' sake; the core does not look.
  /// - Returns: Its sequence number among this node's messages of the level. Not all numbers are of messages that are
  ///   delivered.
  /// - Throws: `BroadcastError`; nothing of it was sent.
  @discardableResult
  public mutating func broadcast(
    _ payload: UnsafeRawBufferPointer, topic: UnsafeRawBufferPointer, order: MessageOrder,
    level: DeliveryLevel = .reliable, isTagged: Bool = false, now: Instant
  ) throws(BroadcastError) -> UInt64 {
    guard !topic.isEmpty || order != .unordered else {
      return try broadcast(payload, level: level, isTagged: isTagged, now: now)
    }
    guard lifecycle == .connected else { throw .notConnected }
    guard topic.count <= OrderedMessage.topicLimit else { throw .topicTooLong }
    return try dissemination.broadcast(
      payload, topic: topic, order: order, level: level,
      isTagged: isTagged && payload.first != 0, now: now, counters: &counters)
  }
}
